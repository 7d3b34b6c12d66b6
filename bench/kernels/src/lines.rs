//! Line protocol of a host's minute.

use std::hint::black_box;

use line_protocol::{Field, Lines, Prediction};

use crate::data;

pub(crate) fn parse() -> Box<dyn FnMut()> {
    let (body, mut scratch) = (data::lines(1), Vec::new());
    Box::new(move || {
        for line in Lines::new(black_box(&body)) {
            let line = line.unwrap();
            black_box((line.names(&mut scratch).unwrap(), line.field));
        }
    })
}

pub(crate) fn predicted() -> Box<dyn FnMut()> {
    let body = data::lines(1);
    let keys: Vec<Vec<u8>> =
        Lines::new(&body).map(|line| line.unwrap().key.as_bytes().to_owned()).collect();
    Box::new(move || {
        let (mut lines, mut sum) = (Lines::new(black_box(&body)), 0.0);
        for key in &keys {
            let line = lines.next_expecting(key).unwrap().unwrap();
            assert_eq!(line.prediction, Prediction::Held);
            if let Field::Value(value) = line.field {
                sum += value;
            }
        }
        black_box(sum);
    })
}
