//! Where a sample goes, as the specification says it, one slot at a time: no blocks, no fast path.
//!
//! Times are `i128`, so that nothing here can overflow.

/// How many slots a run is extended.
const REACH: i128 = 512;
/// From how many slots on a run with a bad phase is left.
const LONG_RUN: i128 = 512;
/// From how many runs on values are moved rather than runs split.
const MANY_RUNS: usize = 1024;

/// Slot `i` has the nominal time `start + i * frequency`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: i128,
    pub(super) frequency: i128,
    pub(super) count: i128,
    pub(super) foreign: bool,
}

impl Run {
    fn of_one_slot(start: i128, frequency: i128, foreign: bool) -> Self {
        Self { start, frequency, count: 1, foreign }
    }

    pub(super) fn last(&self) -> i128 {
        self.nominal(self.count - 1)
    }

    /// The first time that the run's first slot takes.
    fn begin(&self) -> i128 {
        self.start - self.frequency / 2
    }

    /// Behind the last time that the run's last slot takes.
    pub(super) fn end(&self) -> i128 {
        self.begin() + self.count * self.frequency
    }

    fn takes(&self, time: i128) -> bool {
        self.begin() <= time && time < self.end()
    }

    pub(super) fn nominal(&self, index: i128) -> i128 {
        self.start + index * self.frequency
    }

    /// Outside the run too.
    pub(super) fn index_taking(&self, timestamp: i128) -> i128 {
        (timestamp - self.begin()).div_euclid(self.frequency)
    }

    fn same_phase(&self, nominal: i128) -> bool {
        (nominal - self.start).rem_euclid(self.frequency) == 0
    }

    fn extend_to(&mut self, nominal: i128) {
        let last = self.last().max(nominal);
        self.start = self.start.min(nominal);
        self.count = (last - self.start) / self.frequency + 1;
    }
}

/// Runs ordered by start.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    pub(super) runs: Vec<Run>,
    /// Freeing keeps it.
    last_phase: Option<Run>,
}

impl Series {
    pub(super) fn first_nominal(&self) -> Option<i128> {
        self.runs.first().map(|run| run.start)
    }

    /// The nominal time of the slot that takes `time`: of the earliest run that has it.
    pub(super) fn slot_taking(&self, time: i128) -> Option<i128> {
        self.runs.iter().find(|run| run.takes(time)).map(|run| run.nominal(run.index_taking(time)))
    }

    // ---- samples that arrive ----

    /// The index of the run that takes the sample (none: a new one) and the slot's nominal time.
    pub(super) fn slot_for_arrival(
        &self,
        timestamp: i128,
        frequency: i128,
    ) -> (Option<usize>, i128) {
        if let Some(i) = self.runs.iter().position(|run| run.takes(timestamp)) {
            return (Some(i), self.runs[i].nominal(self.runs[i].index_taking(timestamp)));
        }
        let before = self.runs.iter().rposition(|run| run.end() <= timestamp);
        let after = self.runs.iter().position(|run| timestamp < run.begin());
        self.forwards(timestamp, frequency, before, after)
            .or_else(|| self.backwards(timestamp, before, after))
            .unwrap_or_else(|| (None, self.start_of_new_run(timestamp, frequency)))
    }

    fn forwards(
        &self,
        timestamp: i128,
        frequency: i128,
        before: Option<usize>,
        after: Option<usize>,
    ) -> Option<(Option<usize>, i128)> {
        let run = &self.runs[before?];
        if after.is_none() && must_open_behind(run, timestamp, frequency) {
            return None;
        }
        let index = run.index_taking(timestamp);
        let free = after.is_none_or(|after| run.nominal(index) < self.runs[after].start);
        (free && index - (run.count - 1) <= REACH).then(|| (before, run.nominal(index)))
    }

    fn backwards(
        &self,
        timestamp: i128,
        before: Option<usize>,
        after: Option<usize>,
    ) -> Option<(Option<usize>, i128)> {
        let run = &self.runs[after?];
        let index = run.index_taking(timestamp);
        let free = before.is_none_or(|before| run.nominal(index) > self.runs[before].last());
        (free && -index <= REACH).then(|| (after, run.nominal(index)))
    }

    /// Its own timestamp; for a series freed altogether the phase it had.
    fn start_of_new_run(&self, timestamp: i128, frequency: i128) -> i128 {
        match &self.last_phase {
            Some(kept) if self.runs.is_empty() && kept.frequency == frequency => {
                let index = kept.index_taking(timestamp);
                let is_a_time = i64::try_from(kept.nominal(index)).is_ok();
                if index.abs() <= REACH && is_a_time { kept.nominal(index) } else { timestamp }
            }
            _ => timestamp,
        }
    }

    /// Carries out what `slot_for_arrival` has found; gives the run's frequency.
    pub(super) fn take(&mut self, run: Option<usize>, nominal: i128, frequency: i128) -> i128 {
        if let Some(run) = run {
            self.runs[run].extend_to(nominal);
            return self.runs[run].frequency;
        }
        self.add_run(Run::of_one_slot(nominal, frequency, false));
        frequency
    }

    // ---- values that are loaded or replayed ----

    /// Gives the nominal time of its slot: another one than its own where there are too many runs.
    pub(super) fn place_exactly(&mut self, nominal: i128, frequency: i128, foreign: bool) -> i128 {
        let around = self.runs.iter().position(|run| run.start <= nominal && nominal <= run.last());
        let many = self.runs.len() >= MANY_RUNS;
        if let Some(around) = around {
            let run = &self.runs[around];
            // Of another frequency too: no nominal time may be there twice.
            if run.same_phase(nominal) {
                return nominal;
            }
            if !many {
                self.split(around, nominal);
            }
        }
        let before = self.runs.iter().rposition(|run| run.last() < nominal);
        let after = self.runs.iter().position(|run| run.start > nominal);
        let is_inside = many && around.is_some();
        for neighbour in before.into_iter().chain(after).filter(|_| !is_inside) {
            let run = &mut self.runs[neighbour];
            let distance = (nominal - run.start).abs().min((nominal - run.last()).abs());
            let same_kind = run.frequency == frequency && run.foreign == foreign;
            if same_kind && run.same_phase(nominal) && distance <= REACH * frequency {
                run.extend_to(nominal);
                return nominal;
            }
        }
        if many && let Some((run, nominal)) = self.nearest(nominal) {
            self.runs[run].extend_to(nominal);
            return nominal;
        }
        self.add_run(Run::of_one_slot(nominal, frequency, foreign));
        nominal
    }

    /// As if it arrived, but to one of the two runs beside it.
    fn nearest(&self, nominal: i128) -> Option<(usize, i128)> {
        let before = self.runs.iter().rposition(|run| run.start <= nominal);
        let after = self.runs.iter().position(|run| run.start > nominal);
        let beside = before.into_iter().chain(after);
        let taking =
            |run: usize| (run, self.runs[run].nominal(self.runs[run].index_taking(nominal)));
        if let Some(run) = beside.clone().find(|&run| self.runs[run].takes(nominal)) {
            return Some(taking(run));
        }
        let (first, last) = (before.map(|run| self.runs[run].last()), self.runs[after?].start);
        beside.map(taking).find(|&(run, time)| {
            let run = &self.runs[run];
            let slots = (run.start - time).max(time - run.last()) / run.frequency;
            slots <= REACH && time < last && first.is_none_or(|first| first < time)
        })
    }

    fn split(&mut self, around: usize, nominal: i128) {
        let run = &mut self.runs[around];
        let left = (nominal - run.start) / run.frequency + 1;
        let mut right = run.clone();
        right.start = run.nominal(left);
        right.count = run.count - left;
        run.count = left;
        self.add_run(right);
    }

    fn add_run(&mut self, run: Run) {
        self.runs.push(run);
        self.runs.sort_by_key(|run| run.start);
    }

    // ---- freeing ----

    /// Nothing is in it, and no sample from `before` on could use its phase.
    pub(super) fn is_spent(&self, before: i64) -> bool {
        let phase = self.last_phase.as_ref();
        self.runs.is_empty() && phase.is_none_or(|phase| phase.index_taking(before.into()) > REACH)
    }

    /// The first slots of runs go, as many of each run as `gone` says; a run left empty too.
    pub(super) fn drop_fronts(&mut self, gone: &[i128]) {
        for (run, &gone) in self.runs.iter_mut().zip(gone) {
            if gone > 0 {
                self.last_phase = Some(Run::of_one_slot(run.last(), run.frequency, false));
                run.start = run.nominal(gone);
                run.count -= gone;
            }
        }
        self.runs.retain(|run| run.count > 0);
    }
}

fn must_open_behind(newest: &Run, timestamp: i128, frequency: i128) -> bool {
    let off = (timestamp - newest.nominal(newest.index_taking(timestamp))).abs();
    let bad_phase = newest.count >= LONG_RUN && 4 * off > newest.frequency;
    bad_phase || newest.foreign || newest.frequency != frequency
}
