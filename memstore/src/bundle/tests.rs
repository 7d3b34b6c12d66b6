//! What is bundled is what it was, and goes when its time has come.

use super::*;
use crate::series::Series;
use crate::{
    CaptureEnd, Catalogue, Directory, Freed, Handle, Limits, Loaded, MISSING, MetricId, Origin,
    Selector, State,
};
use proptest::prelude::*;
use std::num::NonZeroU32;

const MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();
/// A block of noise takes about half as much.
const SMALL: usize = 2000;

fn time(minute: usize) -> i64 {
    60 * i64::try_from(minute).unwrap()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

struct World {
    catalogue: Catalogue,
    host: Host,
    series: Vec<Handle>,
    /// What each series holds from time 0 on, a slot a minute.
    model: Vec<Vec<f32>>,
}

/// No two alike, and all digits.
fn noise(seed: usize) -> f32 {
    let mixed = (seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    f32::from_bits(0x3F80_0000 | (mixed >> 41) as u32)
}

impl World {
    fn new(series: usize) -> Self {
        let (catalogue, mut host) = (Catalogue::new(), Host::new());
        let name = |number: usize| format!("metric{number}");
        let metrics: Vec<MetricId> =
            (0..series).map(|number| catalogue.intern(name(number).as_bytes())).collect();
        let path = |number: usize| if number == 0 { b"first" as &[u8] } else { b"others" };
        let series: Vec<Handle> = metrics
            .into_iter()
            .enumerate()
            .map(|(number, metric)| host.series(&[path(number)], metric).unwrap())
            .collect();
        let model = vec![Vec::new(); series.len()];
        Self { catalogue, host, series, model }
    }

    /// Samples of all series, minute after minute.
    fn write(&mut self, minutes: usize) {
        for _ in 0..minutes {
            for (number, &series) in self.series.iter().enumerate() {
                let at = self.model[number].len();
                let value = noise(at * 1000 + number);
                let written = self.host.write(series, MINUTE, time(at), value, &Limits::NONE);
                written.unwrap();
                self.model[number].push(value);
            }
        }
    }

    /// The same of files, series after series.
    fn load(&mut self, minutes: usize) {
        for (number, &series) in self.series.iter().enumerate() {
            let values: Vec<f32> = (0..minutes).map(|at| noise(at * 1000 + number)).collect();
            let (origin, state) = (Origin::Ours, State::Clean);
            let loaded = Loaded { start: 0, frequency: MINUTE, values: &values, origin, state };
            self.host.load(series, loaded).unwrap();
            self.model[number] = values;
        }
    }

    /// A sample that comes late.
    fn replace(&mut self, number: usize, at: usize) {
        let value = noise(at * 1000 + number + 500);
        let series = self.series[number];
        self.host.write(series, MINUTE, time(at), value, &Limits::NONE).unwrap();
        self.model[number][at] = value;
    }

    fn bundle_by(&mut self, bytes: usize) {
        let alone = self.host.alone();
        self.host.fill(alone, usize::MAX, bytes);
    }

    fn free(&mut self, minutes: usize) -> Freed {
        self.host.capture().unwrap();
        self.host.capture_ended(CaptureEnd::Durable);
        self.host.free(time(minutes), &Selector::host())
    }

    /// Each value is there, or was freed with all before it.
    fn check(&self) {
        for (&series, model) in self.series.iter().zip(&self.model) {
            let run = self.host.tree.get(series).and_then(|series| series.runs().first());
            let Some(run) = run else { continue };
            let first = usize::try_from(run.start / 60).unwrap();
            let mut values = vec![MISSING; model.len() - first];
            run.slots.read(0, &mut values);
            assert_eq!(bits(&values), bits(&model[first..]));
        }
    }

    /// Blocks by the bundle that they lie in.
    fn bundled(&self) -> Vec<usize> {
        let runs = self.host.tree.all_series().flat_map(Series::runs);
        runs.flat_map(|run| run.slots.sealed()).filter_map(|(_, block)| block.bundle()).collect()
    }

    /// The time of the youngest block that is bundled.
    fn bundled_until(&self) -> i64 {
        let blocks = runs(&self.host.tree).flat_map(|(place, run)| {
            let bundled = run.slots.sealed().filter(|(_, block)| block.bundle().is_some());
            bundled.map(move |(number, block)| place.block(run, number, block).until)
        });
        blocks.max().unwrap()
    }

    fn used(&self) -> usize {
        let runs = self.host.tree.all_series().flat_map(Series::runs);
        runs.flat_map(|run| run.slots.sealed()).map(|(_, block)| block.bytes_len()).sum()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Replace(usize, prop::sample::Index),
    Free(prop::sample::Index),
    Bundle,
    BundleNewest,
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (1..400_usize).prop_map(Step::Write),
        4 => (0..5_usize, index()).prop_map(|(series, at)| Step::Replace(series, at)),
        1 => index().prop_map(Step::Free),
        2 => Just(Step::Bundle),
        2 => Just(Step::BundleNewest),
    ]
}

proptest! {
    #[test]
    fn nothing_is_lost_or_changed_by_bundling(steps in prop::collection::vec(step(), 1..30)) {
        let mut world = World::new(5);
        let mut freed = 0;
        for step in steps {
            match step {
                Step::Write(minutes) => world.write(minutes),
                Step::Replace(series, at) if freed < world.model[0].len() => {
                    let at = freed + at.index(world.model[0].len() - freed);
                    world.replace(series, at);
                }
                Step::Free(at) if !world.model[0].is_empty() => {
                    let minutes = at.index(world.model[0].len());
                    world.free(minutes);
                    // Blocks begin somewhere: from the next one on all are whole.
                    freed = freed.max(minutes + 1);
                }
                Step::Bundle => world.bundle_by(SMALL),
                Step::BundleNewest => {
                    let alone = world.host.newest_alone();
                    world.host.fill(alone, usize::MAX, SMALL);
                }
                Step::Replace(..) | Step::Free(_) => {}
            }
            world.check();
            let (said, used) = (world.host.bundles.heap_bytes(), world.bundled().len());
            prop_assert!(used > 0 || said <= 4 * 16 + 4 * SMALL, "{said} bytes for nothing");
        }
    }
}

#[test]
fn a_bundle_holds_blocks_of_one_age_and_goes_with_them() {
    let mut world = World::new(100);
    world.load(2000);
    world.host.bundle();
    let before = world.host.memory().blocks;
    world.free(1000);
    let (after, left) = (world.host.memory().blocks, world.used());
    assert!(before > left + left / 2, "half of {before} bytes is {left}");
    // A bundle may be of blocks that go and of such that stay.
    assert!(after < left + 3 * BUNDLE_BYTES, "{after} bytes for {left}");
    world.check();
}

#[test]
fn samples_that_come_are_bundled_by_themselves() {
    let mut world = World::new(100);
    world.write(DUE as usize / 100 - 1);
    assert_eq!(world.bundled().len(), 0);
    world.write(2);
    let bundled = world.bundled();
    assert!(bundled.len() > 40, "{}", bundled.len());
    world.check();
}

#[test]
fn hosts_whose_samples_come_together_bundle_at_different_times() {
    let mut first: Vec<u32> = (0..100).map(|host| DUE - Bundles::new(host).samples).collect();
    first.sort_unstable();
    assert!(first.windows(2).all(|pair| pair[1] - pair[0] > DUE / 400), "{first:?}");
    assert!(first[0] > 0 && first[99] == DUE);
}

#[test]
fn what_was_loaded_is_bundled_piece_by_piece_the_oldest_first() {
    let mut world = World::new(1000);
    world.load(10 * 256);
    let bytes: usize = world.host.alone().iter().map(|one| one.len).sum();
    assert!(bytes > 3 * AT_A_TIME * BUNDLE_BYTES, "{bytes}");
    for piece in 1..=2 {
        world.host.bundle_some();
        let alone = world.host.alone();
        let moved = bytes - alone.iter().map(|one| one.len).sum::<usize>();
        let expected = piece * AT_A_TIME * BUNDLE_BYTES;
        assert!(moved.abs_diff(expected) < expected / 20, "{moved}, expected {expected}");
        let youngest = world.bundled_until();
        assert!(alone.iter().all(|one| one.until >= youngest), "older than {youngest}");
    }
    let due = world.host.bundles.due as usize;
    assert!(due >= DUE_EACH * world.host.alone().len(), "{due}");
    world.check();
}

#[test]
fn what_does_not_fill_a_bundle_stays_where_it_is() {
    let mut world = World::new(10);
    world.write(1000);
    assert!(world.used() < BUNDLE_BYTES);
    world.host.bundle();
    assert_eq!((world.bundled().len(), world.host.bundles.heap_bytes()), (0, 0));
}

#[test]
fn holes_are_never_more_than_what_is_used_for_long() {
    const TEN_BLOCKS: usize = 8000;
    let mut world = World::new(10);
    world.write(1000);
    world.bundle_by(TEN_BLOCKS);
    // Each time one series stays in what the others leave.
    for first in 1..10 {
        for at in (0..1000).step_by(200) {
            (first..10).for_each(|number| world.replace(number, at));
        }
        world.bundle_by(TEN_BLOCKS);
        let (held, used) = (world.host.bundles.heap_bytes(), world.used());
        assert!(held < 2 * used + TEN_BLOCKS, "{held} bytes for {used} after {first}");
    }
    world.check();
}

#[test]
fn what_late_samples_have_made_alone_is_bundled_in_time() {
    let mut world = World::new(100);
    world.load(2000);
    world.host.bundle();
    for at in (0..2000).step_by(200) {
        (0..90).for_each(|number| world.replace(number, at));
    }
    let alone = world.host.alone().len();
    assert!(alone > 700, "{alone}");
    world.write((QUICKLY as usize + 2) * DUE as usize / 100);
    let (held, used) = (world.host.bundles.heap_bytes(), world.used());
    assert!(held < used + used / 10, "{held} bytes for {used}");
    let alone = world.host.alone().len();
    assert!(alone < 300, "{alone}");
}

#[test]
fn freeing_a_host_moves_nothing_and_freeing_a_directory_does() {
    let mut world = World::new(100);
    world.load(2000);
    let freed = world.free(500);
    assert!(freed.blocks > 0 && world.used() > BUNDLE_BYTES, "{freed:?}");
    assert_eq!(world.bundled().len(), 0);

    let directory = Directory::new();
    directory.update(b"alpha", b"a01", Host::new, |host| core::mem::swap(host, &mut world.host));
    let freed = directory.free(time(1000), &Selector::host(), |_, _| false);
    assert!(freed.blocks > 0);
    directory.update(b"alpha", b"a01", Host::new, |host| core::mem::swap(host, &mut world.host));
    assert!(world.bundled().len() > 50);
    world.check();
}

#[test]
fn what_is_left_of_bundles_keeps_none_of_them() {
    let mut world = World::new(100);
    world.load(2000);
    world.host.bundle();
    let freed = world.host.free(i64::MAX, &Selector::path(&[b"others"]));
    assert_eq!(freed.series, 99);
    world.host.bundle();
    let (held, used) = (world.host.memory().blocks, world.used());
    assert!(held < used + 2000 && used > 0, "{held} bytes for {used}");
}

#[test]
fn a_reader_keeps_what_it_has_taken_whatever_is_bundled_or_freed() {
    let mut world = World::new(5);
    world.write(1000);
    world.bundle_by(SMALL);
    let (view, model) = (world.host.view_all(), world.model.clone());
    (0..1000).step_by(100).for_each(|at| world.replace(2, at));
    world.bundle_by(SMALL);
    assert!(world.free(1000).blocks > 0);
    let runs = view.runs(&world.catalogue);
    assert_eq!(runs.len(), model.len());
    for (run, model) in runs.iter().zip(&model) {
        assert_eq!(bits(&run.to_vec()), bits(model));
    }
    drop(runs);
    drop(view);
    world.free(1000);
    assert_eq!((world.host.memory().blocks, world.host.bundles.held.len()), (0, 0));
}
