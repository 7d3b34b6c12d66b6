//! The table that is printed: each figure beside its bars.

use anyhow::Result;

use super::figures::{Figures, Spread};
use super::record::Record;
use super::rows::{self, ROWS, Row, Verdict};
use crate::run::line;

pub(super) fn print(figures: &Figures, record: &Record) -> Result<()> {
    line(format_args!("\n{}\n", record.title()))?;
    line(format_args!(
        "{:<58} {:>9} {:>9} {:>9} {:>9}  {:>15}  {:>6}  verdict",
        "", "peer", "must", "goal", "ours", "spread", "× peer"
    ))?;
    for (area, rows) in ROWS {
        let measured = rows.iter().filter_map(|row| Some((row, figures.spread(row.name)?)));
        let lines: Vec<String> = measured.map(|(row, spread)| shown(row, spread)).collect();
        if !lines.is_empty() {
            line(format_args!("{area}\n{}", lines.join("\n")))?;
        }
    }
    let count = |verdict| {
        let medians = rows::all().filter_map(|row| Some((row, figures.median(row.name)?)));
        medians.filter(|(row, median)| row.verdict(*median) == verdict).count()
    };
    let [missed, held, reached] = [Verdict::Missed, Verdict::Held, Verdict::Goal].map(count);
    line(format_args!("\ngoal reached: {reached}, must held: {held}, missed: {missed}"))
}

fn shown(row: &Row, spread: Spread) -> String {
    let bar = |value: Option<f64>| value.map(number).unwrap_or_default();
    format!(
        "  {:<56} {:>9} {:>9} {:>9} {:>9}  {:>15}  {:>6}  {}",
        titled(row.title, row.unit),
        bar(row.peer),
        bar(row.must),
        bar(row.goal),
        number(spread.median),
        format!("{}–{}", number(spread.min), number(spread.max)),
        bar(row.times_peer(spread.median)),
        row.verdict(spread.median).text()
    )
}

pub(super) fn titled(title: &str, unit: &str) -> String {
    if unit.is_empty() { title.to_owned() } else { format!("{title}, {unit}") }
}

/// Three digits, or all of the integer.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    let decimals = if size >= 100.0 || value == 0.0 {
        0
    } else if size >= 10.0 {
        1
    } else if size >= 1.0 {
        2
    } else {
        3
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_or_all_of_the_integer() {
        let numbers = [0.0, 0.1234, 1.234, 12.34, 123.4, 12_345.0].map(number);
        assert_eq!(numbers, ["0", "0.123", "1.23", "12.3", "123", "12345"]);
    }
}
