//! Hosts of a store on a simulated disk that is driven by the minute, as a server drives it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use checkpointer::disk::sim::{Crash, Operation, SimDisk};
use checkpointer::log::{Budget, Inline, SyncMode};
use checkpointer::memstore::{Aggregation, Catalogue};
use checkpointer::{
    Config, Engine, Logging, MergeLimits, Now, Problem, Sample, Series, Start, Thresholds, Trouble,
};

/// Midnight, UTC.
pub(super) const MIDNIGHT: i64 = 19_675 * 86_400;

pub(super) const PATHS: [&[&str]; 4] = [&[], &["socket0"], &["socket1"], &["socket0", "dimm1"]];

/// Hosts are checkpointed every hour; more of a log than this brings that forward.
pub(super) const LOG_BYTES: u64 = 64 << 10;

pub(super) fn config(sync: SyncMode) -> Config {
    let mut config = Config {
        max_future: Some(3600),
        checkpoint_interval: Some(Duration::from_hours(1)),
        thresholds: Thresholds {
            passive: Some(LOG_BYTES),
            restart: Some(4 * LOG_BYTES),
            total: None,
        },
        ..Config::default()
    };
    config.log.sync = sync;
    config
}

pub(super) struct Store {
    pub(super) disk: SimDisk,
    pub(super) engine: Arc<Engine<SimDisk>>,
    config: Config,
    now: Now,
}

impl Store {
    pub(super) fn new() -> Self {
        Self::open(SimDisk::new(1), config(SyncMode::Flush), MIDNIGHT)
    }

    pub(super) fn open(disk: SimDisk, config: Config, unix: i64) -> Self {
        let now = Now { unix, uptime: Duration::ZERO };
        let catalogue = Catalogue::new();
        catalogue.add(b"load", NonZeroU32::new(60).unwrap(), Aggregation::Sum);
        let start = Start::at(now);
        let (engine, found) =
            Engine::open(disk.clone(), catalogue, config.clone(), &start).unwrap();
        // A log may be torn or damaged where a crash has cut it.
        let is_of_crash = |problem: &Problem| {
            matches!(
                problem.trouble,
                Trouble::Torn { .. } | Trouble::Damaged { .. } | Trouble::NotALog { .. }
            )
        };
        assert!(found.problems.listed().iter().all(is_of_crash), "{:?}", found.problems);
        Self { disk, engine, config, now }
    }

    pub(super) fn now(&self) -> Now {
        self.now
    }

    /// The process is killed, and the next one starts.
    pub(super) fn killed(self) -> Self {
        Self::open(self.disk.crash(Crash::Kill, 1), self.config, self.now.unix)
    }

    /// It ends as told, and the next one starts on the same disk.
    pub(super) fn restarted(self) -> Self {
        self.close();
        let Self { disk, engine, config, now } = self;
        drop(engine);
        Self::open(disk, config, now.unix)
    }

    pub(super) fn close(&self) {
        let done = self.engine.close(self.now, &Inline, None);
        assert!(done.failed.is_empty(), "{:?}", done.failed);
    }

    /// Whether the samples are acknowledged.
    pub(super) fn write(&self, host: &str, times: impl IntoIterator<Item = i64>) -> bool {
        let stored = self.engine.host("alpha", host, self.now).unwrap();
        let all: Vec<_> =
            PATHS.map(|path| Series::new(self.engine.catalogue(), b"load", path).unwrap()).into();
        let mut samples = Vec::new();
        for timestamp in times {
            let value = f32::from(u16::try_from(timestamp.rem_euclid(9973)).unwrap()) / 100.0;
            samples.extend(all.iter().map(|series| Sample { series, timestamp, value }));
        }
        let logged = Logging::Logged { patience: Duration::ZERO };
        match stored.write(&samples, self.now, logged, |_, why| panic!("{why}")) {
            Ok(written) => written
                .pending
                .is_none_or(|mut pending| pending.wait(self.now, Duration::ZERO).is_ok()),
            Err(_) => false,
        }
    }

    /// A minute passes, in which what is due is done.
    pub(super) fn pass_minute(&mut self) {
        for milliseconds in [500, 1500, 28_000, 30_000] {
            let uptime = self.now.uptime + Duration::from_millis(milliseconds);
            self.now = Now { unix: self.now.unix + i64::from(milliseconds > 2000) * 30, uptime };
            self.engine.run_due(self.now, Budget { jobs_max: 256 }, &Inline);
        }
    }

    /// So many minutes, in each of which this host sends the samples of that minute.
    pub(super) fn live(&mut self, host: &str, minutes: u32) {
        for _ in 0..minutes {
            assert!(self.write(host, [self.now.unix]));
            self.pass_minute();
        }
    }

    pub(super) fn checkpoint(&self) {
        let done = self.engine.checkpoint(&self.engine.all(), self.now, &Inline, None);
        assert!(done.failed.is_empty(), "{:?}", done.failed);
    }

    pub(super) fn merge(&self, files_per_day_max: usize) {
        let limits = MergeLimits { files_per_day_max, ..MergeLimits::default() };
        let merged = self.engine.merge(&self.engine.all(), limits, self.now, &Inline);
        assert!(merged.failed.is_empty() && merged.unfinished == 0, "{merged:?}");
    }
}

/// Every file with its bytes.
pub(super) fn contents(disk: &SimDisk) -> BTreeMap<String, Vec<u8>> {
    disk.files().into_iter().map(|path| (path.clone(), disk.peek(&path).unwrap())).collect()
}

/// What was done to the disk since the trace began, but for looking.
pub(super) fn changes(disk: &SimDisk) -> Vec<Operation> {
    disk.trace().into_iter().filter(|operation| operation.kind.changes()).collect()
}
