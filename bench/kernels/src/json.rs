//! Numbers of an answer: three decimals, as the server writes them.

use std::hint::black_box;

use decimals::{Decimals, push};

use crate::data::{Kind, series};

// A private module of the server: its crate as a whole brings a runtime, TLS and NATS with it.
#[path = "../../../tools/server/src/decimals.rs"]
#[expect(dead_code, reason = "statistics have two decimals, times none")]
mod decimals;

pub(crate) const NUMBERS: usize = 1440;

pub(crate) fn numbers() -> Box<dyn FnMut()> {
    let (values, mut out) = (series(Kind::Decimal, 1, NUMBERS), Vec::with_capacity(1 << 16));
    Box::new(move || {
        out.clear();
        for &value in black_box(&values) {
            push(&mut out, value.into(), Decimals::Three);
            out.push(b',');
        }
        black_box(&out);
    })
}
