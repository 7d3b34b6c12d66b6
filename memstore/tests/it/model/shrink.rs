//! The shortest history found that still fails: operations are dropped, counts halved.

use super::operation::Operation;
use super::pair::run;

/// `history` fails; what comes back does too.
pub(super) fn shrink(mut history: Vec<Operation>) -> Vec<Operation> {
    let mut chunk = history.len().div_ceil(2);
    loop {
        let before = history.len();
        drop_chunks(&mut history, chunk);
        let shorter = simplify(&mut history) || history.len() < before;
        if chunk == 1 && !shorter {
            return history;
        }
        chunk = chunk.div_ceil(2);
    }
}

fn drop_chunks(history: &mut Vec<Operation>, chunk: usize) {
    let mut from = 0;
    while from < history.len() {
        let mut without = history.clone();
        without.drain(from..(from + chunk).min(history.len()));
        if run(&without).is_err() {
            *history = without;
        } else {
            from += chunk;
        }
    }
}

/// Whether an operation became simpler.
fn simplify(history: &mut [Operation]) -> bool {
    let mut any = false;
    for index in 0..history.len() {
        for simpler in simpler(history[index]) {
            let before = std::mem::replace(&mut history[index], simpler);
            if run(history).is_err() {
                any = true;
                break;
            }
            history[index] = before;
        }
    }
    any
}

fn simpler(operation: Operation) -> Vec<Operation> {
    let mut list = Vec::new();
    let mut add = |simpler: Operation| {
        if simpler != operation {
            list.push(simpler);
        }
    };
    match operation {
        Operation::Stretch { key, frequency, from, step, jitter, values } => {
            for values in values.simpler() {
                add(Operation::Stretch { key, frequency, from, step, jitter, values });
            }
            add(Operation::Stretch { key, frequency, from, step, jitter: 0, values });
            if values.count == 1 {
                let bits = 1f32.to_bits();
                add(Operation::Write { key, frequency, timestamp: from, bits });
            }
        }
        Operation::Load { key, frequency, start, values, foreign, clean } => {
            for values in values.simpler() {
                add(Operation::Load { key, frequency, start, values, foreign, clean });
            }
            add(Operation::Load { key, frequency, start, values, foreign: false, clean });
        }
        Operation::Write { key, frequency, timestamp, .. } => {
            add(Operation::Write { key, frequency, timestamp, bits: 1f32.to_bits() });
        }
        Operation::Hold(query) => add(Operation::Read(query)),
        _ => {}
    }
    list
}
