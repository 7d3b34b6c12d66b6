//! As long as nothing fails, the simulated disk and the real one cannot be told apart.

use std::io;

use checkpointer::disk::sim::SimDisk;
use checkpointer::disk::{Disk, Entry, File as _, RealDisk};
use proptest::prelude::*;
use proptest::sample::{Index, select};

#[derive(Clone, Debug)]
enum Step {
    Create(&'static str),
    Open(&'static str),
    OpenToAppend(&'static str),
    MakeDirectory(&'static str),
    List(&'static str),
    Rename(&'static str, &'static str),
    Remove(&'static str),
    SyncDirectory(&'static str),
    Lock(&'static str),
    Unlock(Index),
    Append(Index, Vec<u8>),
    Read(Index, u64, usize),
    Sync(Index),
    Length(Index),
    Close(Index),
}

const PATHS: [&str; 10] = ["", "a", "b", "d", "d/a", "d/b", "d/e", "d/e/a", "a/b/c", "d/../a"];

fn step() -> impl Strategy<Value = Step> {
    let path = || select(&PATHS[..]);
    let handle = any::<Index>;
    let offset = prop_oneof![0..40_u64, any::<u64>()];
    prop_oneof![
        3 => path().prop_map(Step::Create),
        2 => path().prop_map(Step::Open),
        2 => path().prop_map(Step::OpenToAppend),
        2 => path().prop_map(Step::MakeDirectory),
        2 => path().prop_map(Step::List),
        3 => (path(), path()).prop_map(|(from, to)| Step::Rename(from, to)),
        2 => path().prop_map(Step::Remove),
        1 => path().prop_map(Step::SyncDirectory),
        1 => path().prop_map(Step::Lock),
        1 => handle().prop_map(Step::Unlock),
        3 => (handle(), prop::collection::vec(any::<u8>(), 0..30))
            .prop_map(|(handle, bytes)| Step::Append(handle, bytes)),
        3 => (handle(), offset, 0..40_usize)
            .prop_map(|(handle, offset, count)| Step::Read(handle, offset, count)),
        1 => handle().prop_map(Step::Sync),
        1 => handle().prop_map(Step::Length),
        1 => handle().prop_map(Step::Close),
    ]
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Done,
    Entries(Vec<Entry>),
    Bytes(Vec<u8>),
    Count(u64),
}

/// A process that does what it is told.
struct Process<'a, D: Disk> {
    disk: &'a D,
    files: Vec<D::File>,
    locks: Vec<D::Lock>,
}

impl<D: Disk> Process<'_, D> {
    fn step(&mut self, step: &Step) -> io::Result<Outcome> {
        match step {
            Step::Create(path) => self.files.push(self.disk.create(path)?),
            Step::Open(path) => self.files.push(self.disk.open(path)?),
            Step::OpenToAppend(path) => self.files.push(self.disk.open_to_append(path)?),
            Step::MakeDirectory(path) => self.disk.make_directory(path)?,
            Step::List(path) => return Ok(Outcome::Entries(self.disk.list(path)?)),
            Step::Rename(from, to) => self.disk.rename(from, to)?,
            Step::Remove(path) => self.disk.remove(path)?,
            Step::SyncDirectory(path) => self.disk.sync_directory(path)?,
            Step::Lock(path) => self.locks.push(self.disk.lock(path)?),
            Step::Unlock(lock) if !self.locks.is_empty() => {
                self.locks.remove(lock.index(self.locks.len()));
            }
            Step::Close(file) if !self.files.is_empty() => {
                self.files.remove(file.index(self.files.len()));
            }
            Step::Unlock(_) | Step::Close(_) => {}
            Step::Append(..) | Step::Read(..) | Step::Sync(_) | Step::Length(_) => {
                return self.step_of_file(step);
            }
        }
        Ok(Outcome::Done)
    }

    fn step_of_file(&self, step: &Step) -> io::Result<Outcome> {
        if self.files.is_empty() {
            return Ok(Outcome::Done);
        }
        match step {
            Step::Append(file, bytes) => {
                Ok(Outcome::Count(file.get(&self.files).append(bytes)? as u64))
            }
            Step::Read(file, offset, count) => {
                let mut out = vec![0; *count];
                let read = file.get(&self.files).read_at(*offset, &mut out)?;
                out.truncate(read);
                Ok(Outcome::Bytes(out))
            }
            Step::Sync(file) => file.get(&self.files).sync().map(|()| Outcome::Done),
            Step::Length(file) => file.get(&self.files).len().map(Outcome::Count),
            other => panic!("no step of a file: {other:?}"),
        }
    }
}

fn process<D: Disk>(disk: &D) -> Process<'_, D> {
    Process { disk, files: Vec::new(), locks: Vec::new() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn both_disks_answer_every_sequence_of_operations_alike(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let real = RealDisk::new(directory.path()).unwrap();
        let sim = SimDisk::new(0);
        let (mut on_real, mut on_sim) = (process(&real), process(&sim));
        for step in &steps {
            let [expected, found] = [on_real.step(step), on_sim.step(step)]
                .map(|result| result.map_err(|error| error.kind()));
            prop_assert_eq!(found, expected, "{:?}", step);
        }
    }
}
