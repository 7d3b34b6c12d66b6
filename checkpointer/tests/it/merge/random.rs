//! Histories by seed: samples in and out of order, checkpoints, merges, settling, kills and power
//! losses in the middle of each; after every start the values are those that were written.

use checkpointer::disk::sim::Crash;

use super::world::{DAY, Model, Order, Outcome, World, check_files};
use checkpointer::disk::sim::SimDisk;

/// The seconds of each era of a collector, so far apart that none continues the other's run.
const ERA: i64 = 900 * 60 + 17;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn up_to(&mut self, limit: i64) -> i64 {
        i64::try_from(self.below(limit.unsigned_abs())).unwrap()
    }
}

/// Some samples: mostly behind the ones before, sometimes anywhere in the eras so far.
fn write(world: &mut World, random: &mut Random, value: &mut f32, newest: &mut i64) {
    for _ in 0..=random.below(6) {
        let device = ["", "socket0", "socket1"][usize::try_from(random.below(3)).unwrap()];
        let eras = *newest / 300;
        let slot = match random.below(4) {
            0 => (eras - random.up_to(eras + 1)) * 300 + random.up_to(300),
            _ => *newest,
        };
        *newest += 1;
        if random.below(40) == 0 {
            *newest += 300;
        }
        *value += 1.0;
        world.write(&[(device, DAY + slot / 300 * ERA + slot % 300 * 60, *value)]);
    }
}

fn crashed(world: World, random: &mut Random) -> Result<World, String> {
    let kind = Crash::ALL[usize::try_from(random.below(Crash::ALL.len() as u64)).unwrap()];
    let World { disk, engine, model, now } = world;
    drop(engine);
    let found = disk.crash(kind, random.below(u64::MAX));
    check_files(&found, Order::Starts)?;
    let world = World::open(&found, model, now)?;
    world.check()?;
    Ok(world)
}

fn run(seed: u64) -> Outcome {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut world = World::open(&SimDisk::new(seed), Model::new(), DAY)?;
    let (mut value, mut newest) = (0.0, 0);
    for _ in 0..60 {
        match random.below(12) {
            0..5 => write(&mut world, &mut random, &mut value, &mut newest),
            5..8 => world.checkpoint(),
            8 => drop(world.merge(2 + usize::try_from(random.below(4)).unwrap())),
            9 => drop(world.settle()),
            cut => {
                world.disk.stop_after(world.disk.operations() + random.below(40));
                if cut == 10 {
                    drop(world.merge(2));
                } else {
                    drop(world.settle());
                }
                world = crashed(world, &mut random)?;
            }
        }
        world.check()?;
        check_files(&world.disk, Order::Starts)?;
    }
    world = crashed(world, &mut random)?;
    let settled = world.settle();
    if !settled.failed.is_empty() {
        return Err(format!("{:?}", settled.failed));
    }
    check_files(&world.disk, Order::Ends)?;
    crashed(world, &mut random).map(drop)
}

#[test]
fn random_histories_of_merges_settling_and_crashes_lose_and_move_nothing() {
    let seeds = std::env::var("MERGE_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    for seed in 1..=seeds.unwrap_or(150) {
        run(seed).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
    }
}
