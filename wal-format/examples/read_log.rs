//! Prints the records of a log: `cargo run -p wal-format --example read_log -- FILE`.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a program, not a library")]

use wal_format::{Found, Reader};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: read FILE")?;
    let mut reader = Reader::new(std::fs::File::open(path)?);
    while let Some(found) = reader.next()? {
        match found {
            Found::Record(at) => {
                println!("{} {} {}", at.record.timestamp, at.record.names, at.record.value);
            }
            Found::Damaged(gap) => {
                println!("{} bytes lost at {}: {}", gap.bytes, gap.offset, gap.cause);
            }
        }
    }
    println!("{:?}", reader.verdict());
    Ok(())
}
