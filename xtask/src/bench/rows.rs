//! The table that figures are compared with.
//!
//! *Peer* is the Go store, v1.5.4, measured once on a quiet machine with two cores; *must* and *goal* are
//! what the store promises and what it aims at. A bar that is a ratio to something in the same run is one
//! here, too: such a row's figure is that ratio.

/// Which side of a bar is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Better {
    Less,
    More,
}

/// A figure, and what it should be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    pub(super) better: Better,
    pub(super) peer: Option<f64>,
    pub(super) must: Option<f64>,
    pub(super) goal: Option<f64>,
}

/// What a figure came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There is no bar.
    None,
    Missed,
    Held,
    Goal,
}

impl Verdict {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Missed => "MISSED",
            Self::Held => "must held",
            Self::Goal => "goal reached",
        }
    }
}

impl Row {
    pub(super) fn verdict(&self, value: f64) -> Verdict {
        let within = |bar: f64| match self.better {
            Better::Less => value <= bar,
            Better::More => value >= bar,
        };
        match (self.must, self.goal) {
            (_, Some(goal)) if within(goal) => Verdict::Goal,
            (Some(must), _) if within(must) => Verdict::Held,
            (None, _) => Verdict::None,
            (Some(_), _) => Verdict::Missed,
        }
    }

    /// How many times better than the peer; below 1 it is worse.
    pub(super) fn times_peer(&self, value: f64) -> Option<f64> {
        let peer = self.peer?;
        Some(match self.better {
            Better::Less => peer / value,
            Better::More => value / peer,
        })
    }
}

const fn less(name: &'static str, title: &'static str, unit: &'static str) -> Row {
    Row { name, title, unit, better: Better::Less, peer: None, must: None, goal: None }
}

const fn more(name: &'static str, title: &'static str, unit: &'static str) -> Row {
    Row { better: Better::More, ..less(name, title, unit) }
}

impl Row {
    const fn peer(self, peer: f64) -> Self {
        Self { peer: Some(peer), ..self }
    }

    const fn bars(self, must: f64, goal: f64) -> Self {
        Self { must: Some(must), goal: Some(goal), ..self }
    }

    /// The peer's figure, divided by these (for rates: multiplied).
    const fn factors(self, peer: f64, must: f64, goal: f64) -> Self {
        let bars = match self.better {
            Better::Less => self.bars(peer / must, peer / goal),
            Better::More => self.bars(peer * must, peer * goal),
        };
        bars.peer(peer)
    }

    const fn must(self, must: f64) -> Self {
        Self { must: Some(must), ..self }
    }

    const fn goal(self, goal: f64) -> Self {
        Self { goal: Some(goal), ..self }
    }
}

/// Points of the peer's day, whose checkpoint, recovery and archive took so many seconds.
const PEER_DAY: f64 = 50.0 * 632.0 * 1440.0;

/// By area.
pub(super) const ROWS: &[(&str, &[Row])] = &[
    (
        "ingest",
        &[
            less("ingest.day_logged", "a line of the day, with the log", "ns")
                .factors(1150.0, 10.0, 20.0),
            less("ingest.burst_logged", "a line of many hosts for ten minutes, with the log", "ns")
                .factors(1850.0, 10.0, 20.0),
            less("ingest.day_memory", "a line of the day, without a log", "ns")
                .factors(520.0, 8.0, 25.0),
            less("ingest.lost", "acknowledged records that a kill has lost", "").bars(0.0, 0.0),
            less("ingest.wal_bytes", "log of a line", "B").peer(46.0),
            less(
                "ingest.wide_logged",
                "a line of 5000 hosts for three minutes, with the log",
                "ns",
            ),
            less("ingest.narrow_logged", "a line of a quarter of them", "ns"),
            less("ingest.growth", "a line among 5000 hosts, over one of a quarter of them", "×"),
            less("ingest.http", "a line over HTTP, the server alone", "ns"),
            more("kernel.line_parse", "lines parsed with all tags", "M/s"),
            more("kernel.line_predicted", "lines whose key is the one expected", "M/s"),
            more("kernel.wal_encode", "log records encoded", "M/s"),
        ],
    ),
    (
        "memory",
        &[
            less("memory.day_rss", "process after the day, a point", "B").factors(10.4, 4.0, 6.0),
            less("memory.day_store", "of it series, a point", "B").peer(8.8),
            less("memory.near_empty", "a series with three points", "B")
                .bars(700.0, 250.0)
                .peer(4200.0),
            less("sealed.two_decimals", "sealed blocks, two decimals, a point", "B")
                .bars(1.7, 1.35),
            less("sealed.full_precision", "sealed blocks, all digits, a point", "B").bars(3.1, 2.4),
            less("sealed.host", "sealed blocks, a host's mix, a point", "B"),
            less("memory.full_precision_rss", "process after a day with all digits, a point", "B"),
            less("freed.half", "process ten seconds after freeing half, over what is held", "×"),
            Row {
                must: Some(1.3),
                ..less("freed.half_over_base", "the same, without what it had before", "×")
            },
            less("freed.fifth_over_base", "the same with a fifth left", "×"),
        ],
    ),
    (
        "block",
        &[
            more("kernel.block_encode", "points sealed", "M/s").bars(60.0, 150.0),
            more("kernel.block_decode", "points of sealed blocks decoded", "M/s")
                .bars(1000.0, 3000.0),
        ],
    ),
    (
        "log",
        &[
            less("log.always_p99", "`always`, 16 writers: p99 over that of a bare fdatasync", "×")
                .bars(3.0, 1.5),
            less("log.synced_p99", "`always`, 16 writers, p99", "ms"),
            less("log.bare_p99", "the same bytes appended and synced bare, p99", "ms"),
            less("log.append", "a record appended to the log, `flush`", "ns"),
            less("log.http_none", "a line over HTTP, `none`", "ns"),
            less("log.http_flush", "a line over HTTP, `flush`", "ns"),
            less("log.http_always", "a line over HTTP, `always`", "ns"),
            less("log.http_none_p99", "a request's wait, `none`, p99", "ms"),
            less("log.http_flush_p99", "a request's wait, `flush`, p99", "ms"),
            less("log.http_always_p99", "a request's wait, `always`, p99", "ms"),
        ],
    ),
    (
        "checkpoint",
        &[
            more("checkpoint.day", "points saved, synced", "M/s").factors(
                PEER_DAY / 1.3e6,
                5.0,
                20.0,
            ),
            less("checkpoint.pause", "p99 of a host's batch: what checkpoints add", "ms")
                .bars(1.0, 0.1),
            less("pause.quiet_p99", "p99 of a host's batch without them", "ms"),
            less("pause.busy_p99", "p99 of a host's batch with them", "ms"),
            less("checkpoint.bytes", "snapshots, a point", "B"),
            more("kernel.snapshot_encode", "points of a snapshot encoded", "M/s"),
            more("kernel.snapshot_decode", "points of a snapshot proven and decoded", "M/s"),
        ],
    ),
    (
        "recovery",
        &[
            more("recovery.answers", "points recovered, until every query is answered", "M/s")
                .factors(PEER_DAY / 1.2e6, 5.0, 20.0),
            more("recovery.settled", "points recovered, until nothing is left to do", "M/s")
                .peer(PEER_DAY / 1.2e6)
                .must(PEER_DAY / 1.2e6),
            less("recovery.rss", "process after recovery, a point", "B").peer(9.5),
            less("recovery.peak_rss", "process at most meanwhile, a point", "B"),
        ],
    ),
    (
        "replay",
        &[
            more("replay.records", "records of logs replayed", "M/s").factors(2.7, 8.0, 15.0),
            less("replay.peak_rss", "process at most meanwhile, a point", "B"),
            more("kernel.wal_scan", "log records scanned", "M/s"),
        ],
    ),
    (
        "query",
        &[
            less("read.one_p50", "a day of one series, p50", "µs").factors(4.8, 2.0, 6.0),
            less("read.one_p99", "a day of one series, p99", "µs").factors(66.0, 2.0, 6.0),
            less("read.sum72_p50", "a day of 72 series summed, p50", "µs").factors(295.0, 2.0, 4.0),
            less("read.sum72_p99", "a day of 72 series summed, p99", "µs").factors(417.0, 2.0, 4.0),
            less("read.statistics_p50", "statistics of a day of one series, p50", "µs"),
            less("read.statistics_p99", "statistics of a day of one series, p99", "µs"),
            less("query.http_one", "one series over HTTP, the server alone", "µs"),
            less("query.http_sum72", "72 series summed over HTTP, the server alone", "µs"),
            less("query.http_statistics", "their statistics over HTTP, the server alone", "µs"),
            more("kernel.json_numbers", "numbers of answers written", "M/s"),
        ],
    ),
    (
        "archive",
        &[
            less("archive.cpu", "a row", "ns").factors(7.8e9 / PEER_DAY, 2.5, 8.0),
            less("archive.bytes", "a row", "B").peer(2.38).bars(2.38, 0.8 * 2.38),
            less("archive.peak_rss", "process at most", "MB").peer(132.0).must(66.0),
            less("archive.over_base", "process at most, over one that archives nothing", "MiB")
                .goal(32.0),
            more("kernel.archive_rows", "rows encoded, one thread", "M/s"),
        ],
    ),
    (
        "machine",
        &[
            more("machine.memcpy", "memory copied", "GB/s"),
            more("machine.crc32", "CRC-32", "GB/s"),
            more("machine.newlines", "lines found", "M/s"),
            less("machine.fdatasync_p50", "4 KiB appended and synced, p50", "ms"),
            less("machine.fdatasync_p99", "4 KiB appended and synced, p99", "ms"),
        ],
    ),
    (
        "ratio",
        &[
            less("ratio.ingest_copy", "a line into memory, over the copy of its bytes", "×"),
            less("ratio.checkpoint_crc", "a point saved, over the CRC-32 of it", "×"),
            less("ratio.recovery_copy", "a point recovered, over the copy of it", "×"),
            less("ratio.decode_copy", "a point decoded, over the copy of it", "×"),
            less("ratio.replay_crc", "a record replayed, over the CRC-32 of it", "×"),
        ],
    ),
    (
        "safe",
        &[
            more("safe.crash_states", "crash states of log and engine checked", "").bars(2e4, 1e6),
            more("safe.kills", "kills of stores and servers under load", "").bars(100.0, 1e4),
            more("safe.damage", "tests of flipped bits and truncations passed", "").must(1.0),
            more("safe.failures", "tests of failing disks passed", "").must(1.0),
            more("safe.fuzzed", "executions of each fuzz target without a finding", "").goal(1e8),
        ],
    ),
];

/// Every row.
pub(super) fn all() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().flat_map(|(_, rows)| *rows)
}

/// The row of a figure.
pub(super) fn named(name: &str) -> Option<&'static Row> {
    all().find(|row| row.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_on_the_bar_holds_it() {
        let cost = less("a.cost", "", "").bars(10.0, 5.0);
        let verdicts = [11.0, 10.0, 5.0].map(|value| cost.verdict(value));
        assert_eq!(verdicts, [Verdict::Missed, Verdict::Held, Verdict::Goal]);
        let rate = more("a.rate", "", "").factors(2.0, 8.0, 15.0);
        let verdicts = [15.9, 16.0, 30.0].map(|value| rate.verdict(value));
        assert_eq!(verdicts, [Verdict::Missed, Verdict::Held, Verdict::Goal]);
        assert_eq!(rate.times_peer(8.0), Some(4.0));
        assert_eq!(less("a.b", "", "").verdict(1.0), Verdict::None);
    }

    #[test]
    fn names_are_there_once_and_musts_are_before_goals() {
        for (at, row) in all().enumerate() {
            assert_eq!(all().position(|other| other.name == row.name), Some(at));
            if let (Some(must), Some(goal)) = (row.must, row.goal) {
                match row.better {
                    Better::Less => assert!(goal <= must, "{}", row.name),
                    Better::More => assert!(goal >= must, "{}", row.name),
                }
            }
        }
    }
}
