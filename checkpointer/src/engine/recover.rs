//! The start of one host: its files are read, a [`Plan`] is made, and applied.
//!
//! Nothing is deleted, and a crash at any point changes nothing. A file is set aside when its *bytes*
//! are wrong; when a file cannot be *read*, nothing is moved and the host is offline.

use std::io;
use std::num::NonZeroU32;

use memstore::{Catalogue, Loaded, Origin, State};
use snapshot_format::{
    Event, Integrity, Level, Series, Snapshot, SnapshotBuf, TrailerFields, Tree, read_json,
};

use super::error::Offline;
use super::files::{Kind, Named, Snapshots};
use super::leftovers::{Leftovers, SetAside};
use super::plan::{Header, Plan};
use super::read::{Verdict, read_whole, sound_json};
use super::replay::replay;
use super::report::{Problem, Recovered, Trouble};
use super::saved::Saved;
use crate::disk::{Disk, Entry};
use crate::log::{self, DiskFailure, Found, FoundSegment, Operation, StartError};
use crate::planted::{Planted, is_planted};

/// No log gets as far as this, whatever number it started at.
const COVERED_MAX: u64 = 2 * log::NUMBER_MAX;

/// What a start may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Bad files are set aside, the Go store's log is taken over.
    Repair,
    /// A bad file ends it.
    Strict,
    /// Nothing on the disk is changed.
    ReadOnly,
}

/// What is loaded of a host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    /// Snapshots that end here or before are not loaded, nor slots before this of others.
    pub(crate) keep_from: i64,
    /// Slots before this are archived: the archive has them.
    pub(crate) archive_mark: i64,
}

/// A host as its files have it.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) tree: memstore::Host,
    pub(crate) found: Found,
    pub(crate) saved: Saved,
    pub(crate) boundary_of_others: i64,
    pub(crate) set_aside: SetAside,
    pub(crate) report: Recovered,
}

/// Why a host did not start.
#[derive(Debug)]
pub(crate) enum Failed {
    Offline(StartError),
    Strict(Problem),
}

impl<E: Into<StartError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Offline(error.into())
    }
}

impl Failed {
    pub(crate) fn offline(directory: &str, cause: StartError) -> Offline {
        Offline { directory: directory.into(), cause: cause.into() }
    }
}

/// A sound snapshot, read.
enum Body {
    Binary(SnapshotBuf),
    Json(Tree),
    /// Too old to be loaded.
    Dropped,
}

pub(crate) struct Start<'a, D> {
    pub(crate) disk: &'a D,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) directory: &'a str,
    pub(crate) mode: Mode,
    pub(crate) scope: Scope,
}

impl<D: Disk> Start<'_, D> {
    /// Starts the host. A directory that is not there is that of a host without files.
    pub(crate) fn run(&self, tree: memstore::Host) -> Result<Started, Failed> {
        let entries = self.list()?;
        let mut report = Recovered { hosts: 1, ..Recovered::default() };
        let named = Snapshots::among(&entries);
        for name in &named.misnamed {
            report.problems.push(self.path(name), None, Trouble::Misnamed);
        }
        for name in &named.not_files {
            report.problems.push(self.path(name), None, Trouble::NotAFile);
        }
        let mut found = log::find_among(self.directory, &entries)?;
        let mut set_aside = SetAside::among(&entries);
        let (mut headers, mut bodies) = (Vec::new(), Vec::new());
        for file in &named.files {
            if let Some((header, body)) = self.read(file, &entries, &mut report)? {
                headers.push(header);
                bodies.push(body);
            } else {
                set_aside.corrupt += u64::from(self.mode == Mode::Repair);
            }
        }
        let plan = Plan::of(&headers, &named, &found, self.scope.keep_from);
        let is_covered = |segment: &FoundSegment| segment.number <= plan.covered;
        let has_covered = found.segments.iter().any(is_covered);
        if !is_planted(Planted::CoveredReplayed) {
            found.forget_covered(plan.covered);
        }
        found.next_number = plan.next_number;
        found.segments.retain(|segment| plan.replay.contains(&segment.number));
        let mut started = Started {
            tree,
            found,
            saved: saved(&plan, &headers),
            boundary_of_others: plan.boundary_of_others,
            set_aside,
            report,
        };
        for &index in &plan.load {
            let (Some(header), Some(body)) = (headers.get(index), bodies.get_mut(index)) else {
                continue;
            };
            let body = std::mem::replace(body, Body::Dropped);
            self.load(header, body, &mut started);
        }
        started.saved.leftovers = Leftovers::found(&entries, has_covered);
        started.report.unclean = !started.found.segments.is_empty();
        replay(self, &mut started)?;
        started.found.records = started.report.records;
        let moved = started.tree.moved();
        if moved > 0 {
            let trouble = Trouble::Moved { values: moved };
            started.report.problems.push(self.directory, None, trouble);
        }
        started.saved.found_log = started.found.segments.last().map_or(0, |last| last.number);
        Ok(started)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }

    fn list(&self) -> Result<Vec<Entry>, Failed> {
        match self.disk.list(self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => Ok(listed.map_err(DiskFailure::of(Operation::List, self.directory))?),
        }
    }

    // ---- reading ----

    fn read(
        &self,
        file: &Named,
        entries: &[Entry],
        report: &mut Recovered,
    ) -> Result<Option<(Header, Body)>, Failed> {
        let path = self.path(&file.file);
        report.bytes += file.bytes;
        let sound = match file.kind {
            Kind::Json => sound_json(self.disk, &path, |reader| read_json(reader))?.map(|tree| {
                (header(file, (tree.from, foreign_end_of_tree(&tree)), None), Body::Json(tree))
            }),
            Kind::Bin | Kind::Late => {
                let bytes = match read_whole(self.disk, &path) {
                    Err(_) if is_planted(Planted::QuarantineWhenUnreadable) => Vec::new(),
                    read => read?,
                };
                sound_binary(file, bytes).map(|(header, proven)| (header, Body::Binary(proven)))
            }
        };
        match sound {
            Ok((header, body)) => {
                if let Some(trouble) = no_trailer(&body) {
                    report.problems.push(path, None, trouble);
                }
                let is_wanted = header.to > self.scope.keep_from || header.to == 0;
                Ok(Some((header, if is_wanted { body } else { Body::Dropped })))
            }
            Err((offset, cause)) => {
                let renamed_to = self.set_aside(file, entries)?;
                let trouble = Trouble::Corrupt { cause, renamed_to };
                let problem = Problem { path, offset, trouble };
                if self.mode == Mode::Strict {
                    return Err(Failed::Strict(problem));
                }
                report.problems.add(problem);
                Ok(None)
            }
        }
    }

    /// Gives a bad file another name, of which nobody takes it for a snapshot.
    fn set_aside(&self, file: &Named, entries: &[Entry]) -> Result<Option<String>, Failed> {
        if self.mode != Mode::Repair {
            return Ok(None);
        }
        let is_taken = |name: &str| entries.iter().any(|entry| entry.name == *name);
        let names = (1_u64..).map(|k| format!("{}.corrupt.{k}", file.file));
        let Some(name) = names.into_iter().find(|name| !is_taken(name)) else { return Ok(None) };
        let from = self.path(&file.file);
        let renamed = self.disk.rename(&from, &self.path(&name));
        renamed.map_err(DiskFailure::of(Operation::Rename, &from))?;
        Ok(Some(name))
    }

    // ---- loading ----

    fn load(&self, header: &Header, body: Body, started: &mut Started) {
        let mut loading =
            Loading { start: self, header, started, values: Vec::new(), no_place: None };
        match body {
            Body::Binary(proven) => loading.binary(&proven.as_snapshot()),
            Body::Json(tree) => loading.level(&mut Vec::new(), &tree.root),
            Body::Dropped => {}
        }
        if let Some((values, cause)) = loading.no_place {
            let path = self.path(&header.file);
            started.report.problems.push(path, None, Trouble::NoPlace { values, cause });
        }
        started.report.snapshots += 1;
    }
}

fn header(file: &Named, times: (i64, i64), trailer: Option<TrailerFields>) -> Header {
    let Named { number, kind, ref file, bytes } = *file;
    Header { number, kind, file: file.clone(), bytes, from: times.0, to: times.1, trailer }
}

/// What stands where a trailer would: the Go store writes nothing there.
fn no_trailer(body: &Body) -> Option<Trouble> {
    let Body::Binary(proven) = body else { return None };
    match proven.as_snapshot().integrity() {
        Integrity::Foreign { bytes, .. } => Some(Trouble::NoTrailer { bytes }),
        Integrity::Verified(_) | Integrity::Unchecked => None,
    }
}

/// The verdict on the bytes of a `.bin` or `.late`.
fn sound_binary(file: &Named, bytes: Vec<u8>) -> Result<(Header, SnapshotBuf), Verdict> {
    let proven =
        SnapshotBuf::parse(bytes).map_err(|error| (Some(error.offset), error.to_string()))?;
    let snapshot = proven.as_snapshot();
    let trailer = match snapshot.integrity() {
        Integrity::Verified(trailer) => Some(trailer.fields()),
        Integrity::Unchecked | Integrity::Foreign { .. } => None,
    };
    if trailer.is_some_and(|trailer| trailer.covered > COVERED_MAX) {
        return Err((None, "its trailer covers more segments than there can be".into()));
    }
    if file.kind == Kind::Late && trailer.is_none() {
        return Err((None, "a .late without a trailer".into()));
    }
    let to = if trailer.is_some() { snapshot.to() } else { foreign_end(&snapshot) };
    Ok((header(file, (snapshot.from(), to), trailer), proven))
}

/// The Go store's header ends at the time of its checkpoint, and a series of it may have a slot there:
/// before it is behind a cut, such a file must not count as archived.
fn foreign_end(snapshot: &Snapshot<'_>) -> i64 {
    let ends = snapshot.events().filter_map(|event| match event {
        Event::Series(series) => Some((series.start, series.frequency, series.values.len())),
        Event::Enter(_) | Event::Leave => None,
    });
    latest_end(snapshot.to(), ends)
}

fn foreign_end_of_tree(tree: &Tree) -> i64 {
    let mut open = vec![&tree.root];
    let mut to = tree.to;
    while let Some(Level { metrics, children }) = open.pop() {
        open.extend(children.values());
        let ends = metrics.iter().map(|(_, one)| (one.start, one.frequency, one.values.len()));
        to = latest_end(to, ends);
    }
    to
}

/// Where the last of these series (start, frequency, slots) ends, if it is behind `to`; a `to` of 0
/// means "never too old".
fn latest_end(to: i64, series: impl Iterator<Item = (i64, i64, usize)>) -> i64 {
    if to == 0 {
        return 0;
    }
    let ends = series.filter_map(|(start, frequency, slots)| {
        let last = i64::try_from(slots).ok()?.checked_sub(1)?.checked_mul(frequency)?;
        start.checked_add(last)?.checked_add(1)
    });
    ends.fold(to, i64::max)
}

fn saved(plan: &Plan, headers: &[Header]) -> Saved {
    let files = |replaced: bool| {
        let is_replaced = |index| plan.replaced.contains(&index);
        let chosen =
            headers.iter().enumerate().filter(move |(index, _)| is_replaced(*index) == replaced);
        chosen.map(|(_, header)| header.into()).collect()
    };
    Saved {
        covered: plan.covered,
        found_log: 0,
        last_name: plan.last_name,
        previous_checkpoint: plan.previous_checkpoint,
        found_durable: false,
        snapshots: files(false),
        archiving: false,
        replaced: files(true),
        ..Saved::default()
    }
}

/// A snapshot on its way into the tree.
struct Loading<'a, 's, D> {
    start: &'a Start<'s, D>,
    header: &'a Header,
    started: &'a mut Started,
    values: Vec<f32>,
    /// How many values have no place, and why the first of them has none.
    no_place: Option<(u64, String)>,
}

impl<D: Disk> Loading<'_, '_, D> {
    fn binary(&mut self, snapshot: &Snapshot<'_>) {
        let mut path = Vec::new();
        for event in snapshot.events() {
            match event {
                Event::Enter(name) => path.push(name),
                Event::Leave => drop(path.pop()),
                Event::Series(series) => self.binary_series(&path, &series),
            }
        }
    }

    fn binary_series(&mut self, path: &[&[u8]], series: &Series<'_>) {
        let mut values = std::mem::take(&mut self.values);
        values.resize(series.values.len(), 0.0);
        series.values.copy_to(&mut values);
        self.series(path, series.name, series.frequency, series.start, &values);
        self.values = values;
    }

    /// Recursion as deep as the reader of JSON lets levels be.
    fn level<'t>(&mut self, path: &mut Vec<&'t [u8]>, level: &'t Level) {
        for (name, series) in &level.metrics {
            self.series(path, name, series.frequency, series.start, &series.values);
        }
        for (name, child) in &level.children {
            path.push(name);
            self.level(path, child);
            path.pop();
        }
    }

    fn series(&mut self, path: &[&[u8]], name: &[u8], frequency: i64, start: i64, values: &[f32]) {
        let frequency = u32::try_from(frequency).ok().and_then(NonZeroU32::new);
        let Some(frequency) = frequency else {
            return self.no_place(count(values), "its frequency is no number of seconds");
        };
        let (skipped, start) = self.skip_old(start, frequency, values.len());
        let values = values.get(skipped..).unwrap_or_default();
        let end = end(start, frequency, values.len());
        let points = count(values);
        if points == 0 {
            return self.raise_boundary_of_others(end);
        }
        let metric = self.start.catalogue.intern(name);
        let handle = match self.started.tree.series(path, metric) {
            Ok(handle) => handle,
            Err(error) => {
                self.raise_boundary_of_others(end);
                return self.no_place(points, &error.to_string());
            }
        };
        let origin = if self.header.trailer.is_some() { Origin::Ours } else { Origin::Foreign };
        let loaded = Loaded { start, frequency, values, origin, state: State::Clean };
        if let Err(error) = self.started.tree.load(handle, loaded) {
            return self.no_place(points, &error.to_string());
        }
        self.started.report.points += points as u64;
        if self.header.kind.bounds_later_files() && !is_planted(Planted::NoBoundary) {
            self.started.tree.raise_boundary(handle, end);
        }
    }

    /// How many slots lie before the archive mark or the retention, and the start of the rest.
    fn skip_old(&self, start: i64, frequency: NonZeroU32, count: usize) -> (usize, i64) {
        let Scope { keep_from, archive_mark } = self.start.scope;
        let mark = archive_mark.max(keep_from);
        let frequency = i128::from(frequency.get());
        let before = (i128::from(mark) - i128::from(start) + frequency - 1).div_euclid(frequency);
        let skipped = usize::try_from(before.max(0)).unwrap_or(usize::MAX).min(count);
        let from = i128::from(start) + i128::try_from(skipped).unwrap_or(0) * frequency;
        (skipped, i64::try_from(from).unwrap_or(i64::MAX))
    }

    fn raise_boundary_of_others(&mut self, end: i64) {
        if self.header.kind.bounds_later_files() && !is_planted(Planted::BoundaryOfOthersIgnored) {
            let boundary = &mut self.started.boundary_of_others;
            *boundary = (*boundary).max(end);
        }
    }

    fn no_place(&mut self, values: usize, cause: &str) {
        let (lost, _) = self.no_place.get_or_insert_with(|| (0, cause.into()));
        *lost += values as u64;
    }
}

/// How many values there are. In pieces, each counted in 32 bits, which the compiler makes vectors of.
fn count(values: &[f32]) -> usize {
    let in_piece =
        |piece: &[f32]| piece.iter().map(|value| u32::from(!value.is_nan())).sum::<u32>();
    values.chunks(1 << 12).map(|piece| in_piece(piece) as usize).sum()
}

/// The nominal time of the last slot, + 1.
fn end(start: i64, frequency: NonZeroU32, count: usize) -> i64 {
    let slots = i128::try_from(count).unwrap_or(i128::MAX).saturating_sub(1).max(0);
    let last = i128::from(start) + slots * i128::from(frequency.get());
    i64::try_from(last + 1).unwrap_or(i64::MAX)
}
