//! A plot of an answer in braille characters: two by four dots each.

use crate::time;
use checkpointer::memstore::Answer;
use rustix::termios::tcgetwinsize;
use std::io::{self, Write};

/// Rows of characters.
const ROWS: usize = 16;
const DOTS_HIGH: usize = 4 * ROWS;
const WIDTH_MIN: usize = 40;
const WIDTH_MAX: usize = 400;
const WIDTH_OF_NO_TERMINAL: usize = 80;

/// Of the terminal that it is printed on, in characters.
pub(super) fn terminal_width() -> usize {
    let size = tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    size.filter(|width| *width > 0).unwrap_or(WIDTH_OF_NO_TERMINAL)
}

/// Draws the finite values, joined where none is missing between them.
pub(super) fn draw(answer: &Answer, width: usize, out: &mut impl Write) -> io::Result<()> {
    let finite = || answer.values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = (finite().fold(f64::NAN, f64::min), finite().fold(f64::NAN, f64::max));
    if low.is_nan() {
        return writeln!(out, "no samples");
    }
    let labels = [high, low.midpoint(high), low].map(short);
    let label_width = labels.iter().map(String::len).max().unwrap_or(0);
    let columns = width.clamp(WIDTH_MIN, WIDTH_MAX).saturating_sub(label_width + 2).max(1);
    let mut canvas = Canvas::new(columns);
    canvas.line(&answer.values, low, high);

    for (row, cells) in canvas.rows().enumerate() {
        let label = match row {
            0 => labels.first(),
            _ if row == ROWS / 2 => labels.get(1),
            _ if row == ROWS - 1 => labels.last(),
            _ => None,
        };
        let axis = if label.is_some() { '┤' } else { '│' };
        writeln!(
            out,
            "{:>label_width$} {axis}{}",
            label.map_or("", |label| label),
            cells.trim_end()
        )?;
    }
    let (from, last) = (time::utc(answer.from), time::utc(last_time(answer)));
    let axis = "─".repeat(columns);
    writeln!(out, "{:label_width$} └{axis}", "")?;
    let gap = columns.saturating_sub(from.len());
    // Where both do not fit, the first one says enough.
    let last = if last.len() < gap { last } else { String::new() };
    writeln!(out, "{:label_width$}  {from}{last:>gap$}", "")
}

/// The time of the last entry.
fn last_time(answer: &Answer) -> i64 {
    let entries = i64::try_from(answer.values.len()).unwrap_or(i64::MAX);
    let behind = answer.resolution.saturating_mul(entries.saturating_sub(1).max(0));
    answer.from.saturating_add(behind)
}

/// Four digits, or an exponent where that would be long.
fn short(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-3..1e6).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = match magnitude {
        1000.0.. => 0,
        100.0.. => 1,
        10.0.. => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

struct Canvas {
    columns: usize,
    /// The dots of each character, row by row.
    cells: Vec<u8>,
}

impl Canvas {
    fn new(columns: usize) -> Self {
        Self { columns, cells: vec![0; columns * ROWS] }
    }

    fn rows(&self) -> impl Iterator<Item = String> {
        self.cells.chunks(self.columns).map(|cells| cells.iter().copied().map(braille).collect())
    }

    fn line(&mut self, values: &[f64], low: f64, high: f64) {
        let steps = (values.len().saturating_sub(1)).max(1);
        let mut before: Option<(usize, usize)> = None;
        for (at, &value) in values.iter().enumerate() {
            if !value.is_finite() {
                before = None;
                continue;
            }
            let here = (at * (2 * self.columns - 1) / steps, height(value, low, high));
            self.join(before.unwrap_or(here), here);
            before = Some(here);
        }
    }

    /// Joins two dots, the first of them not to the right of the other.
    fn join(&mut self, (x0, y0): (usize, usize), (x1, y1): (usize, usize)) {
        let mut below = y0;
        for x in x0..=x1 {
            let y = match x1 - x0 {
                0 => y1,
                // Where the line is at this column.
                run => (y0 * (x1 - x) + y1 * (x - x0)) / run,
            };
            (y.min(below)..=y.max(below)).for_each(|y| self.dot(x, y));
            below = y;
        }
    }

    /// Sets a dot; `y` counts from the bottom.
    fn dot(&mut self, x: usize, y: usize) {
        /// The bits of a character's dots, from the top, left and right.
        const DOTS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let from_top = DOTS_HIGH - 1 - y.min(DOTS_HIGH - 1);
        if let Some(cell) = self.cells.get_mut(from_top / 4 * self.columns + x / 2) {
            *cell |= DOTS[from_top % 4][x % 2];
        }
    }
}

fn braille(dots: u8) -> char {
    match dots {
        0 => ' ',
        _ => char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' '),
    }
}

/// In dots from the bottom.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "between none and all of the dots"
)]
fn height(value: f64, low: f64, high: f64) -> usize {
    // Halves, as the difference of two doubles may be none.
    let span = high / 2.0 - low / 2.0;
    if span > 0.0 {
        let part = ((value / 2.0 - low / 2.0) / span).clamp(0.0, 1.0);
        (part * (DOTS_HIGH - 1) as f64).round() as usize
    } else {
        DOTS_HIGH / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[f64], width: usize) -> Vec<String> {
        let answer = Answer {
            from: 1_700_000_000,
            to: 0,
            resolution: 60,
            frequency: 60,
            values: values.to_vec(),
        };
        let mut out = Vec::new();
        draw(&answer, width, &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_rising_line_goes_from_corner_to_corner_and_fits_the_width() {
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        for width in [WIDTH_MIN, 80, 133] {
            let lines = drawn(&values, width);
            assert_eq!(lines.len(), ROWS + 2);
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{lines:#?}");
            // The last dot is in the last column of the top row, the first at the axis of the bottom.
            assert!(lines[0].starts_with("999.0 ┤ "), "{lines:#?}");
            assert_eq!(lines[0].chars().count(), width, "{lines:#?}");
            let first = lines[ROWS - 1].strip_prefix("0.000 ┤").unwrap();
            assert!(!first.starts_with(' '), "{lines:#?}");
            assert!(lines[ROWS].contains('└'));
        }
    }

    #[test]
    fn a_missing_value_parts_the_line_and_a_constant_lies_in_the_middle() {
        let lines = drawn(&[5.0, 5.0, f64::NAN, 5.0, f64::INFINITY], 40);
        let dots: Vec<_> = lines
            .iter()
            .filter(|line| line.contains(|c| ('\u{2801}'..='\u{28ff}').contains(&c)))
            .collect();
        assert_eq!(dots.len(), 1);
        assert!(dots[0].trim().contains(' '), "{dots:?}");
        assert_eq!(drawn(&[f64::NAN], 80), ["no samples"]);
        assert_eq!(drawn(&[], 80), ["no samples"]);
    }

    #[test]
    fn the_largest_numbers_there_are_can_be_drawn() {
        assert_eq!(drawn(&[f64::MAX, f64::MIN], 80).len(), ROWS + 2);
    }
}
