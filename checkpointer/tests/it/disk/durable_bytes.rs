//! A byte that is durable never changes; a byte whose sync has failed never becomes durable.

use checkpointer::disk::sim::{Cause, Crash, Failure, Fault, Kind, Sector, SimDisk, Survival};
use checkpointer::disk::{Disk as _, File as _};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Append(usize),
    Sync,
    FailedSync,
    InterruptedSync,
    Killed,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..1500_usize).prop_map(Step::Append),
        2 => Just(Step::Sync),
        1 => Just(Step::FailedSync),
        1 => Just(Step::InterruptedSync),
        1 => Just(Step::Killed),
    ];
    prop::collection::vec(step, 1..20)
}

/// What the contract says of one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Waiting,
    Durable,
    Forgotten,
}

fn settle(fates: &mut [Fate], fate: Fate) {
    fates.iter_mut().filter(|one| **one == Fate::Waiting).for_each(|one| *one = fate);
}

fn fail_next_sync(disk: &SimDisk, cause: Cause) {
    disk.inject(Fault::new(Failure::Error(cause)).on(Kind::Sync));
}

/// Does the steps on a disk, and beside it byte by byte.
fn run(steps: &[Step]) -> (SimDisk, Vec<u8>, Vec<Fate>) {
    let mut disk = SimDisk::new(0);
    disk.plant("file", "");
    disk.remove("file").unwrap();
    let mut appender = Some(disk.create("file").unwrap());
    disk.sync_directory("").unwrap();
    let (mut bytes, mut fates) = (Vec::new(), Vec::new());
    for step in steps {
        let reader = disk.open("file").unwrap();
        match *step {
            Step::Append(count) => {
                let Some(file) = &appender else { continue };
                let more: Vec<u8> = (1..=255).cycle().skip(bytes.len() % 255).take(count).collect();
                assert_eq!(file.append(&more).unwrap(), count);
                bytes.extend(more);
                fates.resize(bytes.len(), Fate::Waiting);
            }
            Step::Sync => {
                reader.sync().unwrap();
                settle(&mut fates, Fate::Durable);
            }
            Step::FailedSync => {
                fail_next_sync(&disk, Cause::Io);
                reader.sync().unwrap_err();
                settle(&mut fates, Fate::Forgotten);
            }
            Step::InterruptedSync => {
                fail_next_sync(&disk, Cause::Interrupted);
                reader.sync().unwrap_err();
            }
            Step::Killed => {
                disk = disk.crash(Crash::Kill, 0);
                appender = None;
            }
        }
    }
    assert_eq!(disk.peek("file").unwrap(), bytes);
    (disk, bytes, fates)
}

proptest! {
    #[test]
    fn a_durable_byte_never_changes_in_any_crash(steps in steps(), seed: u64) {
        let (disk, bytes, fates) = run(&steps);
        for crash in Crash::ALL {
            let found = disk.crash(crash, seed).peek("file").unwrap();
            prop_assert!(found.len() <= bytes.len());
            for (offset, fate) in fates.iter().enumerate() {
                if *fate == Fate::Durable {
                    prop_assert_eq!(found.get(offset), Some(&bytes[offset]), "{:?}", crash);
                }
            }
        }
    }

    #[test]
    fn of_what_is_not_durable_nothing_survives_where_nothing_does(steps in steps()) {
        let (disk, bytes, fates) = run(&steps);
        let crash = Crash::PowerLoss(Survival::Nothing, Sector::Bytes512);
        let durable = fates.iter().rposition(|fate| *fate == Fate::Durable).map_or(0, |at| at + 1);
        let mut expected = bytes[..durable].to_vec();
        for (byte, fate) in expected.iter_mut().zip(&fates) {
            if *fate == Fate::Forgotten {
                *byte = 0;
            }
        }
        prop_assert_eq!(disk.crash(crash, 0).peek("file").unwrap(), expected);
    }
}

#[test]
fn a_failed_sync_is_final_for_the_bytes_that_waited() {
    let disk = SimDisk::new(0);
    let file = disk.create("file").unwrap();
    disk.sync_directory("").unwrap();
    file.append(b"forgotten").unwrap();
    fail_next_sync(&disk, Cause::Io);
    assert_eq!(file.sync().unwrap_err().raw_os_error(), Some(5));
    file.sync().unwrap();
    let crash = Crash::PowerLoss(Survival::Nothing, Sector::Bytes512);
    assert_eq!(disk.crash(crash, 0).peek("file").unwrap(), b"");

    file.append(b" durable").unwrap();
    file.sync().unwrap();
    assert_eq!(disk.crash(crash, 0).peek("file").unwrap(), b"\0\0\0\0\0\0\0\0\0 durable");
    assert_eq!(disk.peek("file").unwrap(), b"forgotten durable", "the cache still has it");
    let killed = disk.crash(Crash::Kill, 0);
    killed.open("file").unwrap().sync().unwrap();
    assert_eq!(
        killed.crash(crash, 0).peek("file").unwrap(),
        b"\0\0\0\0\0\0\0\0\0 durable",
        "nor does the next process make it durable"
    );
}

#[test]
fn an_interrupted_sync_forgets_nothing() {
    let disk = SimDisk::new(0);
    let file = disk.create("file").unwrap();
    disk.sync_directory("").unwrap();
    file.append(b"bytes").unwrap();
    fail_next_sync(&disk, Cause::Interrupted);
    file.sync().unwrap_err();
    file.sync().unwrap();
    let crash = Crash::PowerLoss(Survival::Nothing, Sector::Bytes512);
    assert_eq!(disk.crash(crash, 0).peek("file").unwrap(), b"bytes");
}
