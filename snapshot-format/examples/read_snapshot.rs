//! Reads a binary snapshot: `cargo run -p snapshot-format --example read_snapshot -- FILE`.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "the program reads the file")]

use snapshot_format::Snapshot;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("which file?")?;
    let bytes = std::fs::read(path)?;
    let snapshot = Snapshot::parse(&bytes)?;
    println!("{} to {}, {:?}", snapshot.from(), snapshot.to(), snapshot.integrity());
    for entry in &snapshot.sorted() {
        let series = entry.series();
        let names: Vec<_> =
            entry.path().chain([series.name]).map(String::from_utf8_lossy).collect();
        println!("{}: {:?}", names.join("/"), series.values);
    }
    Ok(())
}
