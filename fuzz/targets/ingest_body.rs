//! A body of lines, whatever its bytes are, on its way into an engine: every line is stored, refused
//! or a message; given in chunks, or twice, it comes to the same.
#![no_main]
#![expect(clippy::expect_used, reason = "a fuzz target reports by panicking")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use checkpointer::disk::sim::SimDisk;
use checkpointer::memstore::{Aggregation, Catalogue, Host};
use checkpointer::{Config, Engine, Now, Start};
use ingest::{How, Ingest, Outcome};
use libfuzzer_sys::fuzz_target;

const NOW: Now = Now { unix: 1_700_000_000, uptime: Duration::ZERO };

fuzz_target!(|body: &[u8]| {
    let (engine, ingest) = store();
    let whole = ingest.batch(body, Some("alex"), NOW, How::unlogged());
    assert!(whole.is_acknowledged());
    let refused = whole.malformed + whole.policy;
    assert_eq!(whole.lines, whole.stored + refused + whole.messages, "{whole:?}");
    let stored = values(&engine);

    let again = ingest.batch(body, Some("alex"), NOW, How::unlogged());
    assert_eq!(counts(&again), counts(&whole), "with all keys known");
    assert_eq!(values(&engine), stored);

    let (engine, ingest) = store();
    let mut session = ingest.session(Some("alex"), How::unlogged());
    // The first byte says where to cut.
    let length = body.first().map_or(1, |byte| usize::from(*byte) + 1);
    for chunk in body.chunks(length) {
        session.feed(chunk, NOW);
    }
    assert_eq!(counts(&session.finish(NOW)), counts(&whole), "in chunks");
    assert_eq!(values(&engine), stored);
});

fn store() -> (Arc<Engine<SimDisk>>, Arc<Ingest<SimDisk>>) {
    let catalogue = Catalogue::new();
    for (name, seconds) in [(&b"load"[..], 60), (b"power", 10)] {
        let seconds = NonZeroU32::new(seconds).expect("not 0");
        catalogue.add(name, seconds, Aggregation::Sum);
    }
    let limits = Config { retention: Some(172_800), max_future: Some(3600), ..Config::default() };
    let opened = Engine::open(SimDisk::new(1), catalogue, limits, &Start::at(NOW));
    let engine = opened.expect("an empty directory").0;
    let ingest = Ingest::new(Arc::clone(&engine), ingest::Config::default());
    (engine, Arc::new(ingest))
}

fn counts(outcome: &Outcome) -> [u64; 5] {
    [outcome.lines, outcome.stored, outcome.messages, outcome.malformed, outcome.policy]
}

/// Every slot: host, path, metric, start of its run, and the bits of the run's values.
type Values = Vec<(String, Vec<Vec<u8>>, Vec<u8>, i64, Vec<u32>)>;

fn values(engine: &Engine<SimDisk>) -> Values {
    let mut values = Vec::new();
    for host in engine.all() {
        for run in host.read(Host::view_all).runs(engine.catalogue()) {
            let path = run.path.iter().map(|name| name.to_vec()).collect();
            let bits = run.to_vec().into_iter().map(f32::to_bits).collect();
            values.push((host.directory().into(), path, run.name.to_vec(), run.start, bits));
        }
    }
    values
}
