//! A file of a set as bytes: the parts of a capture as a snapshot.

use std::io::Write;

use memstore::CapturedRun;
use snapshot_format::{Counts, EncodeError, Encoder, TrailerFields};

use super::set::{Content, Part};

/// How many values are read at a time.
const PIECE: usize = 4096;

/// Writes a snapshot of these parts; `times` is the header's.
pub(crate) fn encode<W: Write>(
    content: &Content,
    runs: &[CapturedRun<'_>],
    times: (i64, i64),
    trailer: TrailerFields,
    writer: W,
) -> Result<u64, EncodeError> {
    let parts: Vec<_> =
        content.parts.iter().filter_map(|part| Some((part, runs.get(part.run)?))).collect();
    let mut encoder = Encoder::new(writer, times.0, times.1, counts(&parts, 0))?;
    let mut open: Vec<&[u8]> = Vec::new();
    let mut values = vec![0.0; PIECE];
    for (at, (part, run)) in parts.iter().enumerate() {
        let common =
            open.iter().zip(run.path).take_while(|(one, other)| ***one == ***other).count();
        for _ in common..open.len() {
            open.pop();
            encoder.leave()?;
        }
        for (depth, name) in run.path.iter().enumerate().skip(common) {
            let rest = parts.get(at..).unwrap_or_default();
            encoder.enter(name, counts(rest, depth + 1))?;
            open.push(name);
        }
        encode_part(&mut encoder, part, run, &mut values)?;
    }
    for _ in open {
        encoder.leave()?;
    }
    encoder.finish(trailer).map(|(_, bytes)| bytes)
}

fn encode_part<W: Write>(
    encoder: &mut Encoder<W>,
    part: &Part,
    run: &CapturedRun<'_>,
    values: &mut [f32],
) -> Result<(), EncodeError> {
    let frequency = i64::from(run.frequency.get());
    encoder.begin_series(&run.name, frequency, part.first, part.slots.len())?;
    let mut from = part.slots.start;
    while from < part.slots.end {
        let count = values.len().min(part.slots.end - from);
        let Some(piece) = values.get_mut(..count) else { break };
        run.read(from, piece);
        encoder.values(piece)?;
        from += count;
    }
    Ok(())
}

/// What the level of the first part at this depth holds: parts are ordered, a level's own before
/// those of its children.
fn counts(parts: &[(&Part, &CapturedRun<'_>)], depth: usize) -> Counts {
    let mut counts = Counts::default();
    let Some((_, first)) = parts.first() else { return counts };
    let level = first.path.get(..depth).unwrap_or_default();
    let mut last_child = None;
    for (_, run) in parts {
        if run.path.get(..depth) != Some(level) {
            break;
        }
        match run.path.get(depth) {
            None => counts.metrics += 1,
            child if child != last_child => {
                counts.children += 1;
                last_child = child;
            }
            _ => {}
        }
    }
    counts
}
