//! The inner loops of the crates one by one, for `cargo xtask bench` to time and to count.
//!
//! | call | does |
//! |---|---|
//! | `kernels list` | the names of the kernels and how often `--check` runs each |
//! | `kernels run NAME ROUNDS` | sets one up, runs it once and then so often: the difference between two numbers of rounds is the kernel alone |
//! | `kernels time [NAME…]` | items per second of processor time |
//! | `kernels sizes` | bytes per point of sealed blocks |
//! | `kernels reads HOSTS` | what a read of a day takes in a store of so many hosts |
//! | `kernels machine DIR` | what the hardware does at best: copies, checksums, the disk below DIR |
//!
//! Figures are lines `figure NAME VALUE UNIT`.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "that is what it is for")]
#![expect(clippy::cast_precision_loss, reason = "figures")]

mod archive;
mod block;
mod clock;
mod data;
mod json;
mod kernel;
mod lines;
mod machine;
mod reads;
mod snapshot;
mod store;
mod wal;

use std::process::ExitCode;

use kernel::{KERNELS, Kernel};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match &arguments[..] {
        ["list"] => KERNELS.iter().for_each(|kernel| println!("{} {}", kernel.name, kernel.rounds)),
        ["run", name, rounds] => {
            let Some(kernel) = named(name) else { return ExitCode::FAILURE };
            kernel.run(rounds.parse().unwrap());
        }
        ["time", names @ ..] => {
            let is_asked = |kernel: &&Kernel| names.is_empty() || names.contains(&kernel.name);
            KERNELS.iter().filter(is_asked).for_each(Kernel::time);
        }
        ["sizes"] => block::sizes(),
        ["reads", hosts] => reads::run(hosts.parse().unwrap()),
        ["machine", directory] => machine::run(directory.as_ref()),
        _ => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}

fn named(name: &str) -> Option<&'static Kernel> {
    KERNELS.iter().find(|kernel| kernel.name == name)
}

/// A figure, as `cargo xtask bench` reads it.
fn figure(name: &str, value: f64, unit: &str) {
    println!("figure {name} {value:.4} {unit}");
}

/// The value below which this percentage of them lies.
fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[(values.len() - 1) * percent / 100]
}
