//! A host beside one so simple that it is obviously right: random histories, everything compared.
//!
//! A failure prints the seed of its case and the shortest history that still fails, which can be
//! pasted into `histories.rs`. `MEMSTORE_MODEL_STEPS` says how many steps to run (samples and other
//! operations), `MEMSTORE_MODEL_SEED` with which case to begin:
//!
//! ```text
//! MEMSTORE_MODEL_STEPS=1000000 cargo test --release -p memstore --test it model -- --nocapture
//! ```

mod compare;
mod generate;
mod histories;
mod naive;
mod operation;
mod pair;
mod random;
mod series;
mod shrink;
mod universe;
mod whole;

use operation::Operation;
use pair::{Pair, run};
use std::panic;

/// What a plain `cargo test` runs: a few seconds.
const STEPS: u64 = 1_000_000;

#[test]
fn a_host_does_what_the_simplest_one_does() {
    let seed = number("MEMSTORE_MODEL_SEED").unwrap_or(1);
    let steps = number("MEMSTORE_MODEL_STEPS").unwrap_or(STEPS);
    let mut totals = Totals::default();
    for seed in seed.. {
        if totals.operations + totals.samples >= steps {
            println!("{totals:?}, cases up to {seed}");
            return;
        }
        if let Err((history, complaint)) = random_case(seed, &mut totals) {
            panic!("{}", report(seed, history, &complaint));
        }
    }
}

/// What has been done, to see that nothing is left out.
#[derive(Debug, Default)]
struct Totals {
    operations: u64,
    samples: u64,
    answers: u64,
    captured_runs: u64,
    freed_blocks: u64,
}

/// One host from its beginning, or the history up to where it went wrong.
fn random_case(seed: u64, totals: &mut Totals) -> Result<(), (Vec<Operation>, String)> {
    let mut scene = generate::Scene::new(seed);
    let length = [60_i32, 250, 800][(seed % 3) as usize];
    let mut pair = Pair::new();
    let mut history = Vec::new();
    for step in 0..length + 2 {
        let operation = match step - length {
            0 => Operation::CompareAll,
            1 => Operation::FreeAll,
            _ => scene.next(&pair.naive),
        };
        history.push(operation);
        pair.apply_caught(&operation).map_err(|complaint| (history.clone(), complaint))?;
    }
    totals.operations += history.len() as u64;
    pair.add_to(totals);
    Ok(())
}

fn report(seed: u64, history: Vec<Operation>, complaint: &str) -> String {
    let step = history.len();
    // Those of the attempts that panic would drown the report.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let shortest = shrink::shrink(history);
    panic::set_hook(hook);
    let why = run(&shortest).err().unwrap_or_else(|| "(passes now)".to_owned());
    let lines: Vec<_> = shortest.iter().map(|one| format!("        {one:?},\n")).collect();
    format!(
        "seed {seed}, step {step}: {complaint}\n\
         {} operations do it: {why}\n    check(&[\n{}    ]);",
        shortest.len(),
        lines.concat()
    )
}

#[expect(clippy::disallowed_methods, reason = "how long to run is said by who runs it")]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
