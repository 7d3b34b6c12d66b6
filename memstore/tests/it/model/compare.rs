//! What a host says, compared with what the naive one says.

use super::naive::{CannotRead, Grid, ShownRun, Slot, State};
use super::operation::Query as Asked;
use super::pair::{Pair, selector};
use super::universe::{Fold, Key, METRICS, PATHS, SELECTORS};
use memstore::resample::{Method, resample};
use memstore::{
    Answer, Capture, CapturedRun, Catalogue, Handle, MAX_ENTRIES, Query, ReadError, Selected,
};
use std::collections::BTreeMap;

/// What was selected, and what it must read as, whatever has happened to the host since.
pub(super) struct Held {
    query: Asked,
    series: usize,
    got: Result<Selected, ReadError>,
    expected: Result<Grid, Vec<CannotRead>>,
    /// Of the metric at that time.
    frequency: u32,
}

impl Pair {
    pub(super) fn select(&mut self, query: Asked) -> Held {
        self.answers += 1;
        let selector = selector(query.selector);
        let Asked { from, to, resolution, metric, .. } = query;
        let name = METRICS[metric].name;
        let asked =
            Query { selector: &selector, metric: name, from, to, resolution, method: Method::Lttb };
        let got = self.host.select(&self.catalogue, &asked);
        let keys = self.naive.selected(SELECTORS[query.selector], metric);
        let fold = METRICS[metric].config.map_or(Fold::Never, |(_, fold)| fold);
        let frequency = self.frequencies[metric].unwrap_or(1);
        let reasons = self.cannot_read(query, &keys, fold);
        let expected = if reasons.is_empty() {
            Ok(self.naive.read(&keys, (frequency, fold), (from, to)))
        } else {
            Err(reasons)
        };
        Held { query, series: keys.len(), got, expected, frequency }
    }

    /// Whatever applies: which of them is told is up to the host.
    fn cannot_read(&self, query: Asked, keys: &[Key], fold: Fold) -> Vec<CannotRead> {
        let Some(frequency) = self.frequencies[query.metric] else {
            return vec![CannotRead::UnknownMetric];
        };
        let Asked { from, to, resolution, .. } = query;
        let f = i64::from(frequency);
        let too_large = from <= to
            && !keys.is_empty()
            && self.naive.entries(keys, frequency, (from, to)) > MAX_ENTRIES as i128;
        [
            (from > to, CannotRead::FromAfterTo),
            (keys.is_empty(), CannotRead::Nothing),
            (keys.len() > 1 && fold == Fold::Never, CannotRead::NoAggregation),
            (resolution > f && resolution % f != 0, CannotRead::Resolution),
            (too_large, CannotRead::TooLarge),
        ]
        .into_iter()
        .filter_map(|(applies, reason)| applies.then_some(reason))
        .collect()
    }
}

impl Held {
    pub(super) fn check(self) -> Result<(), String> {
        let answer = self.got.clone().and_then(|selected| selected.read());
        let compared = match (&answer, &self.expected) {
            (Ok(answer), Ok(grid)) => self.compare(answer, grid),
            (Err(error), Err(reasons)) if reasons.contains(&reason(*error)) => Ok(()),
            (Err(error), Err(reasons)) => Err(format!("{error:?} where {reasons:?} apply")),
            (Err(error), Ok(_)) => Err(format!("{error:?} where there is an answer")),
            (Ok(_), Err(reasons)) => Err(format!("an answer in spite of {reasons:?}")),
        };
        compared.map_err(|why| format!("{:?} (frequency {}): {why}", self.query, self.frequency))
    }

    fn compare(&self, answer: &Answer, grid: &Grid) -> Result<(), String> {
        let range = (i128::from(answer.from), i128::from(answer.to));
        if range != (grid.from, grid.to) {
            let expected = (grid.from, grid.to);
            return Err(format!("answers from and to {range:?}, expected {expected:?}"));
        }
        let values = grid.values();
        let (values, resolution, rounding) = self.cut_down(&values, grid)?;
        if (answer.resolution, answer.values.len()) != (resolution, values.len()) {
            let (len, got) = (answer.values.len(), answer.resolution);
            return Err(format!(
                "answers {len} values every {got} s, expected {} every {resolution} s",
                values.len()
            ));
        }
        for (i, (&got, &expected)) in answer.values.iter().zip(&values).enumerate() {
            let exact = got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan();
            let near = self.series > 1 && (got - expected).abs() <= rounding(i);
            if !exact && !near {
                return Err(format!("entry {i} is {got:?}, expected {expected:?}"));
            }
        }
        if !matches!(&self.got, Ok(selected) if selected.series() == self.series) {
            return Err(format!("{:?} series, expected {}", self.got, self.series));
        }
        self.compare_summary(answer)
    }

    /// As resampling is asked for: that itself is tested elsewhere.
    #[expect(clippy::type_complexity, reason = "values, what each stands for, how exact each is")]
    fn cut_down<'a>(
        &self,
        values: &[f64],
        grid: &'a Grid,
    ) -> Result<(Vec<f64>, i64, Box<dyn Fn(usize) -> f64 + 'a>), String> {
        let f = self.frequency.into();
        let cut = resample(values, f, self.query.resolution, Method::Lttb);
        Ok(match cut.map_err(|why| why.to_string())? {
            None => (values.to_vec(), f, Box::new(|i| grid.rounding(i))),
            Some(points) => {
                let all = (0..grid.len()).map(|i| grid.rounding(i)).fold(0.0, f64::max);
                (points, self.query.resolution, Box::new(move |_| all))
            }
        })
    }

    /// Of what was answered, in the answer and without reading it.
    #[expect(clippy::float_cmp, reason = "one of the values, not computed from them")]
    fn compare_summary(&self, answer: &Answer) -> Result<(), String> {
        let finite: Vec<f64> =
            answer.values.iter().copied().filter(|one| one.is_finite()).collect();
        let magnitude: f64 = finite.iter().map(|value| value.abs()).sum();
        let count = finite.len() as u64;
        let avg = finite.iter().sum::<f64>() / count as f64;
        let min = finite.iter().copied().reduce(f64::min).unwrap_or(f64::NAN);
        let max = finite.iter().copied().reduce(f64::max).unwrap_or(f64::NAN);
        let selected = self.got.clone().and_then(|selected| selected.summary());
        let selected = selected.map_err(|why| format!("no summary: {why}"))?;
        for got in [answer.summary(), selected] {
            let near = |one: f64, other: f64| {
                one.is_nan() && other.is_nan() || (one - other).abs() <= magnitude * 1e-12
            };
            let exact = |one: f64, other: f64| {
                near(one, other) && (self.series > 1 || other.is_nan() || one == other)
            };
            let same = near(got.avg, avg) && exact(got.min, min) && exact(got.max, max);
            if got.count != count || !same {
                return Err(format!("{got:?}, expected {count}, {avg}, {min}, {max}"));
            }
        }
        Ok(())
    }
}

fn reason(error: ReadError) -> CannotRead {
    match error {
        ReadError::UnknownMetric => CannotRead::UnknownMetric,
        ReadError::FromAfterTo { .. } => CannotRead::FromAfterTo,
        ReadError::Resolution(_) => CannotRead::Resolution,
        ReadError::NoAggregation { .. } => CannotRead::NoAggregation,
        ReadError::TooLarge => CannotRead::TooLarge,
        _ => CannotRead::Nothing,
    }
}

/// Ordered, complete, and nothing in it that is not to be shown.
pub(super) fn captured(
    catalogue: &Catalogue,
    handles: &BTreeMap<Key, Handle>,
    capture: &Capture,
    expected: &[ShownRun],
) -> Result<(), String> {
    let runs = capture.runs(catalogue);
    if (capture.len(), capture.is_empty()) != (expected.len(), expected.is_empty()) {
        return Err(format!("captured {} runs, expected {}", capture.len(), expected.len()));
    }
    if runs.len() != expected.len() {
        return Err(format!("captured runs: {}, expected {}", runs.len(), expected.len()));
    }
    for (run, expected) in runs.iter().zip(expected) {
        same_run(catalogue, handles, run, expected)
            .map_err(|why| format!("captured run of {:?}: {why}", expected.key))?;
    }
    Ok(())
}

fn same_run(
    catalogue: &Catalogue,
    handles: &BTreeMap<Key, Handle>,
    run: &CapturedRun<'_>,
    expected: &ShownRun,
) -> Result<(), String> {
    let &ShownRun { key, boundary, start, frequency, foreign, ref slots } = expected;
    let path: Vec<&[u8]> = run.path.iter().map(|name| &**name).collect();
    let names = (path.as_slice(), &*run.name, Some(run.metric), Some(&run.series));
    let metric = METRICS[key.1].name;
    if names != (PATHS[key.0], metric, catalogue.find(metric), handles.get(&key)) {
        return Err(format!("is {names:?}"));
    }
    let got = (i128::from(run.start), i128::from(run.frequency.get()), run.len());
    let (got, all) = ((got, run.foreign, run.boundary), (start, frequency, slots.len()));
    if got != (all, foreign, boundary) {
        return Err(format!("{got:?}, expected {:?}", (all, foreign, boundary)));
    }
    same_values(&run.to_vec(), slots)?;
    let from = slots.len() / 3;
    let mut part = [0.0; 40];
    run.read(from, &mut part);
    let rest = slots[from..].iter().copied().chain(std::iter::repeat(None));
    same_values(&part, &rest.take(part.len()).collect::<Vec<_>>())
        .map_err(|why| format!("part from {from}: {why}"))?;
    let is_wrong = |(at, slot): &(usize, &Option<Slot>)| {
        slot.is_some_and(|slot| run.is_unsaved(*at) != (slot.state != State::Clean))
    };
    match slots.iter().enumerate().find(is_wrong) {
        Some((at, slot)) => Err(format!("unsaved, or not, is wrong at {at}: {slot:?}")),
        None => Ok(()),
    }
}

fn same_values(got: &[f32], expected: &[Option<Slot>]) -> Result<(), String> {
    let same = |got: f32, expected: Option<Slot>| match expected {
        None => got.is_nan(),
        Some(slot) => got.to_bits() == slot.bits,
    };
    let wrong = got.iter().zip(expected).position(|(&got, &slot)| !same(got, slot));
    match wrong {
        None if got.len() == expected.len() => Ok(()),
        None => Err(format!("{} values, expected {}", got.len(), expected.len())),
        Some(i) => {
            let expected = expected[i].map(|slot| f32::from_bits(slot.bits));
            Err(format!("slot {i} is {:?}, expected {expected:?}", got[i]))
        }
    }
}
