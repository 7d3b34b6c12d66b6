//! The weeks themselves, minute by minute; and that they find what is broken on purpose.

use checkpointer::MergeLimits;
use checkpointer::disk::sim::{Crash, Sector, Survival};
use checkpointer::log::Inline;
use checkpointer::planted::{Planted, plant};

use super::chart::Chart;
use super::plan::{HOUR, Plan};
use super::process::Soak;
use crate::shape::rules::{self, Totals};

/// How many lines of the story are told of a failure.
const TOLD: usize = 30;

/// Lives through it all; an error tells what was violated, when, and how to repeat it.
fn live(plan: Plan) -> Result<Chart, String> {
    let mut soak = Soak::new(plan)?;
    let mut chart = Chart::default();
    let lived = soak.live(&mut chart).and_then(|()| soak.finish());
    lived.map_err(|why| {
        soak.tell(format!("VIOLATION: {why}"));
        let from = soak.story.len().saturating_sub(TOLD);
        let (story, hour) = (soak.story[from..].join("\n  "), soak.minute / HOUR);
        format!(
            "hour {hour}: {why}\n  {story}\nagain: {plan} cargo test -p checkpointer --test it soak"
        )
    })?;
    chart.tell(&soak.story);
    Ok(chart)
}

impl Soak {
    fn live(&mut self, chart: &mut Chart) -> Result<(), String> {
        let mut events = self.plan.events(&self.random).into_iter().peekable();
        let keep_every = self.plan.retention_seconds() / 2 / 60;
        for minute in 0..self.plan.minutes() {
            self.minute = minute;
            self.put_right();
            while let Some((_, event)) = events.next_if(|(at, _)| *at <= minute) {
                chart.mark(minute, event);
                self.happen(event)?;
            }
            self.collect()?;
            self.drive();
            if let Some(crash) = self.dying {
                self.end(crash)?;
            }
            if minute % keep_every == keep_every - 1 {
                self.keep()?;
            }
            if minute % HOUR == HOUR - 1 {
                self.merge()?;
                let measured = self.check()?;
                chart.measured(measured);
            }
        }
        Ok(())
    }

    /// Everything is well, and put in order: all of it is there, in few files and few bytes.
    fn finish(&mut self) -> Result<(), String> {
        self.keep()?;
        self.merge()?;
        let done = self.engine.close(self.now(), &Inline, None);
        if !done.failed.is_empty() {
            return Err(format!("close: {:?}", done.failed));
        }
        self.hosts.iter_mut().for_each(super::model::HostModel::promise_all);
        let running = self.totals()?;
        let has_leftovers = running.segments > 0 || running.temporaries > 0;
        if has_leftovers {
            return Err(format!("after the end: {running:?}"));
        }
        for (directory, files) in rules::list(&self.disk, "data")? {
            let uncovered = rules::uncovered(&self.disk, &format!("data/{directory}"), &files);
            if !uncovered.is_empty() {
                return Err(format!("{directory}: {uncovered:?} are left after the end"));
            }
        }
        self.end(Crash::PowerLoss(Survival::Nothing, Sector::Bytes512))?;
        let settled = self.engine.settle(self.now(), &Inline, None);
        let limits = MergeLimits { files_per_day_max: 2, ..MergeLimits::default() };
        let merged = self.engine.merge(&self.engine.all(), limits, self.now(), &Inline);
        if !settled.failed.is_empty() || !merged.failed.is_empty() {
            return Err(format!("settled {settled:?}, merged {merged:?}"));
        }
        let in_order = self.totals()?;
        if 4 * running.snapshot_bytes > 5 * in_order.snapshot_bytes {
            return Err(format!("running {running:?}, in order {in_order:?}"));
        }
        let is_left = |path: &String| {
            let is_settled = [".bin", ".damaged", ".tmp"].iter().any(|one| path.ends_with(one));
            path.starts_with("data/") && !is_settled
        };
        if let Some(left) = self.disk.files().into_iter().find(is_left) {
            return Err(format!("after settling: {left}"));
        }
        self.hosts.iter_mut().for_each(super::model::HostModel::promise_all);
        self.check()?;
        self.end(Crash::PowerLoss(Survival::Nothing, Sector::Bytes512))?;
        self.verify_archive()
    }

    fn totals(&self) -> Result<Totals, String> {
        let mut all = Totals::default();
        for files in rules::check(&self.disk, "data")?.values() {
            let found = rules::totals(files);
            all.segments += found.segments;
            all.segment_bytes += found.segment_bytes;
            all.snapshots += found.snapshots;
            all.snapshot_bytes += found.snapshot_bytes;
            all.temporaries += found.temporaries;
        }
        Ok(all)
    }
}

/// Three days, unless `SOAK_DAYS` says more, of four seeds: with odd ones what is too old is deleted,
/// with even ones archived. With `SOAK_SEED` that one alone; with `SOAK_SVG` what was held is drawn.
#[test]
fn whatever_happens_in_weeks_every_promise_holds_in_every_hour() {
    let first = Plan::from_environment();
    let seeds = if std::env::var_os("SOAK_SEED").is_some() { 1 } else { 4 };
    for seed in first.seed..first.seed + seeds {
        let plan = Plan { seed, ..first };
        let chart = live(plan).unwrap_or_else(|why| panic!("{plan}: {why}"));
        println!("{plan}: {}", chart.summary());
        if let Some(path) = std::env::var_os("SOAK_SVG").filter(|_| seed == first.seed) {
            std::fs::write(path, chart.svg(&plan.to_string())).unwrap();
        }
    }
}

/// Rules broken on purpose: some hour sees it.
#[test]
fn bugs_that_are_planted_are_seen_in_some_hour() {
    let mut missed = Vec::new();
    for bug in [
        Planted::FreedWhileDirty,
        Planted::SegmentsBeforeRenameIsDurable,
        Planted::NotGivenBack,
        Planted::NoBoundary,
        Planted::AcknowledgedBeforeWrite,
        Planted::EarlierValueWins,
    ] {
        plant(Some(bug));
        let lived = (1..=4).find_map(|seed| live(Plan { seed, days: 2, hosts: 4 }).err());
        plant(None);
        match lived {
            Some(why) => println!("{bug:?}: {}", why.lines().next().unwrap_or_default()),
            None => missed.push(bug),
        }
    }
    assert_eq!(missed, []);
}
