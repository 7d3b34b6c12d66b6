//! The bytes of one file, and which of them are durable.

use std::ops::Range;

use super::crash::{Sector, Survival};
use super::random::{Luck, Random};

/// What has become of the bytes from the previous run's end to `end`.
#[derive(Clone, Debug)]
struct Run {
    end: usize,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// A sync has returned `Ok`.
    Durable,
    /// A sync has failed: no later one makes them durable.
    Forgotten,
}

/// The bytes of one file. What is behind the last run waits for its first sync.
#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    bytes: Vec<u8>,
    runs: Vec<Run>,
    /// It was closed while bytes were waiting, and nobody has synced it since.
    pub(super) closed_unsynced: bool,
}

impl Contents {
    pub(super) fn durable(bytes: Vec<u8>) -> Self {
        let mut contents = Self { bytes, ..Self::default() };
        contents.sync();
        contents
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether bytes wait for their first sync.
    pub(super) fn has_unsynced(&self) -> bool {
        self.settled() < self.bytes.len()
    }

    pub(super) fn sync(&mut self) {
        self.settle(Fate::Durable);
        self.closed_unsynced = false;
    }

    pub(super) fn fail_sync(&mut self) {
        self.settle(Fate::Forgotten);
        self.closed_unsynced = false;
    }

    fn settled(&self) -> usize {
        self.runs.last().map_or(0, |run| run.end)
    }

    fn settle(&mut self, fate: Fate) {
        let end = self.bytes.len();
        if end == self.settled() {
            return;
        }
        match self.runs.last_mut() {
            Some(last) if last.fate == fate => last.end = end,
            _ => self.runs.push(Run { end, fate }),
        }
    }

    fn forgotten(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(0).chain(self.runs.iter().map(|run| run.end));
        starts
            .zip(&self.runs)
            .filter(|(_, run)| run.fate == Fate::Forgotten)
            .map(|(start, run)| start..run.end)
    }

    fn durable_end(&self) -> usize {
        let durable = self.runs.iter().rfind(|run| run.fate == Fate::Durable);
        durable.map_or(0, |run| run.end)
    }

    /// What a power loss leaves; all of that is durable.
    pub(super) fn after_power_loss(
        &self,
        survival: Survival,
        sector: Sector,
        random: &mut Random,
    ) -> Self {
        let mut medium = Medium {
            bytes: self.bytes.clone(),
            kept: self.durable_end(),
            sector: sector.bytes(),
            random,
        };
        let waiting = self.settled()..self.bytes.len();
        match survival {
            Survival::Nothing => {
                self.forgotten().for_each(|range| medium.zero(range));
                medium.bytes.truncate(medium.kept);
            }
            Survival::Prefix => {
                self.forgotten().for_each(|range| medium.lose(range));
                medium.keep_prefix(waiting);
            }
            Survival::Subset => {
                let luck = Luck::draw(medium.random);
                self.forgotten().chain([waiting]).for_each(|range| medium.keep_any(range, luck));
                let tail_follows = medium.random.coin();
                let length = if tail_follows { medium.some_length() } else { medium.kept };
                medium.bytes.truncate(length);
            }
        }
        Self::durable(medium.bytes)
    }
}

/// A file's bytes while the power fails.
struct Medium<'a> {
    bytes: Vec<u8>,
    /// The least length the file can have: what is before it was durable, or has survived.
    kept: usize,
    sector: usize,
    random: &'a mut Random,
}

impl Medium<'_> {
    fn zero(&mut self, range: Range<usize>) {
        if let Some(bytes) = self.bytes.get_mut(range) {
            bytes.fill(0);
        }
    }

    /// The pieces of `range`, one for each sector that it touches.
    fn sectors(&self, range: Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let sector = self.sector;
        let mut start = range.start;
        std::iter::from_fn(move || {
            let piece = start..((start / sector + 1) * sector).min(range.end);
            start = piece.end;
            (!piece.is_empty()).then_some(piece)
        })
    }

    /// Zeros or garbage in each sector.
    fn lose(&mut self, range: Range<usize>) {
        for piece in self.sectors(range) {
            match self.bytes.get_mut(piece) {
                Some(bytes) if self.random.coin() => self.random.fill(bytes),
                Some(bytes) => bytes.fill(0),
                None => {}
            }
        }
    }

    fn keep_prefix(&mut self, waiting: Range<usize>) {
        let cut = self.random.between(waiting.start, waiting.end);
        let torn = cut.next_multiple_of(self.sector).min(waiting.end);
        let survives_to = match self.random.below(3) {
            0 => torn,
            1 => {
                self.lose(cut..torn);
                torn
            }
            _ => cut,
        };
        if survives_to > waiting.start {
            self.kept = survives_to;
        }
        self.zero(survives_to..waiting.end);
        let zeros_follow = self.random.one_in(4);
        let length = if zeros_follow { self.some_length() } else { self.kept };
        self.bytes.truncate(length);
    }

    fn keep_any(&mut self, range: Range<usize>, luck: Luck) {
        for piece in self.sectors(range) {
            let survives_to = match luck {
                _ if luck.smiles(self.random) => piece.end,
                Luck::Half if self.random.coin() => self.random.between(piece.start, piece.end),
                Luck::None | Luck::Half | Luck::All => piece.start,
            };
            if survives_to > piece.start {
                self.kept = self.kept.max(survives_to);
            }
            self.lose(survives_to..piece.end);
        }
    }

    /// The length is written apart from the bytes: of a lost tail, any part may be there.
    fn some_length(&mut self) -> usize {
        self.random.between(self.kept, self.bytes.len())
    }
}
