//! Every sample of a data directory: a host at a time is in memory, a series at a time is taken out
//! of it.

use super::unplaced::{self, Unplaced};
use super::{Sample, Written, complain};
use crate::store::{Store, is_loss};
use anyhow::Result;
use checkpointer::memstore::CapturedRun;
use checkpointer::{Problem, Trouble, View};
use std::collections::HashSet;
use std::io::Write;

/// Writes all of it; says how many times something that was stored could not be read.
pub(super) fn dump<W: Write>(store: &Store, written: &mut Written<W>) -> Result<u64> {
    let mut dump = Dump { store, written, told: HashSet::new(), lost: 0 };
    let found = store.view(i64::MIN, |_, _| true, |view| dump.host(&view))?;
    // What there is above the hosts, or could not be listed.
    for problem in found.problems.listed() {
        if !dump.told.contains(&problem.path) {
            dump.tell(problem);
        }
    }
    Ok(dump.lost)
}

struct Dump<'a, W: Write> {
    store: &'a Store,
    written: &'a mut Written<W>,
    /// Paths of which a problem was told.
    told: HashSet<String>,
    lost: u64,
}

impl<W: Write> Dump<'_, W> {
    fn host(&mut self, view: &View) -> Result<()> {
        let mut unplaced = Unplaced::default();
        for problem in view.problems.listed() {
            self.problem(problem, &mut unplaced)?;
        }
        let Ok(tree) = &view.tree else { return Ok(()) };
        let capture = tree.view_all();
        let runs = capture.runs(&self.store.catalogue);
        let mut unplaced = unplaced.into_iter().peekable();
        for runs in runs.chunk_by(|one, other| one.series == other.series) {
            let Some(run) = runs.first() else { continue };
            let path: Vec<&[u8]> = run.path.iter().map(|name| &**name).collect();
            let order = |one: &unplaced::Series| one.order(&path, &run.name);
            while let Some(before) = unplaced.next_if(|one| order(one).is_lt()) {
                self.unplaced(view, &before)?;
            }
            self.written.samples.clear();
            for run in runs {
                self.take(run);
            }
            if let Some(same) = unplaced.next_if(|one| order(one).is_eq()) {
                self.written.samples.extend(same.samples);
            }
            self.series(view, &path, &run.name)?;
        }
        unplaced.try_for_each(|one| self.unplaced(view, &one))
    }

    fn unplaced(&mut self, view: &View, one: &unplaced::Series) -> Result<()> {
        self.written.samples.clone_from(&one.samples);
        self.series(view, &one.path(), one.metric())
    }

    fn series(&mut self, view: &View, path: &[&[u8]], metric: &[u8]) -> Result<()> {
        self.written.series((&view.cluster, &view.host), path, metric, &self.store.catalogue)
    }

    /// Tells it; records that a start leaves in the log are shown all the same.
    fn problem(&mut self, problem: &Problem, unplaced: &mut Unplaced) -> Result<()> {
        if let Trouble::UnknownMetrics { .. } = problem.trouble {
            self.told.insert(problem.path.clone());
            return unplaced.read(self.store, &problem.path);
        }
        self.tell(problem);
        Ok(())
    }

    fn tell(&mut self, problem: &Problem) {
        self.told.insert(problem.path.clone());
        self.lost += u64::from(is_loss(&problem.trouble));
        complain(&problem.to_string());
    }

    fn take(&mut self, run: &CapturedRun<'_>) {
        let (mut time, frequency) = (run.start, Some(run.frequency));
        run.for_each(|values| {
            for &value in values {
                if !value.is_nan() {
                    self.written.samples.push(Sample { time, frequency, value });
                }
                // Behind the last one it may be beyond all clocks.
                time = time.wrapping_add(run.frequency.get().into());
            }
        });
    }
}
