//! What an answer costs: from a request in memory to the bytes of its answer, the change of threads
//! included. `cargo bench -p server`.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use checkpointer::disk::RealDisk;
use checkpointer::log::Inline;
use checkpointer::memstore::{Aggregation, Catalogue};
use checkpointer::{Config, Engine, Now, Start};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use ingest::{How, Ingest};
use server::{Clock, Limits, Server, Store};
use std::fmt::Write;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const BEGIN: i64 = 1_700_000_040;
const MINUTES: i64 = 1440;
const THREADS: i64 = 72;

fn main() {
    divan::main();
}

struct World {
    runtime: Runtime,
    service: TowerToHyperService<Router>,
    _directory: TempDir,
}

impl World {
    /// A day of a host: one series, and one for each of its threads.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let now = Now { unix: BEGIN, uptime: Duration::ZERO };
        let catalogue = Catalogue::new();
        for name in [&b"cpu_load"[..], b"flops_any"] {
            catalogue.add(name, NonZeroU32::new(60).unwrap(), Aggregation::Sum);
        }
        let disk = RealDisk::new(directory.path()).unwrap();
        let opened = Engine::open(disk, catalogue, Config::default(), &Start::at(now));
        let (engine, recovered) = opened.unwrap();
        let ingest = Arc::new(Ingest::new(Arc::clone(&engine), ingest::Config::default()));
        let (pool, is_kept) = (Arc::new(Inline), Arc::new(|_: &str, _: &str| false));
        let server = Arc::new(Server::new(Clock::new(move || now), None, Limits::default()));
        server.ready(Store { engine, ingest: Arc::clone(&ingest), pool, is_kept, recovered });
        for minute in 0..MINUTES {
            let time = BEGIN + 60 * minute;
            let hundredths = minute * 7919 % 10_000;
            let value = format!("{}.{:02}", hundredths / 100, hundredths % 100);
            let mut lines = format!("cpu_load,cluster=c,hostname=h value={value} {time}\n");
            for thread in 0..THREADS {
                let tags = format!("cluster=c,hostname=h,type=hwthread,type-id={thread}");
                writeln!(lines, "flops_any,{tags} value={value} {time}").unwrap();
            }
            let outcome = ingest.batch(lines.as_bytes(), None, now, How::unlogged());
            assert_eq!(outcome.stored, 73);
        }
        let runtime = Runtime::new().unwrap();
        let service = TowerToHyperService::new(server.router());
        Self { runtime, service, _directory: directory }
    }

    /// How many bytes are answered.
    fn ask(&self, metric: &str) -> usize {
        let to = BEGIN + 60 * MINUTES;
        let body = format!(
            r#"{{"cluster":"c","from":{BEGIN},"to":{to},"queries":[{{"metric":"{metric}","host":"h"}}]}}"#
        );
        let request = Request::get("/api/query").body(Body::from(body)).unwrap();
        self.runtime.block_on(async {
            let response = self.service.call(request).await.unwrap();
            response.into_body().collect().await.unwrap().to_bytes().len()
        })
    }
}

#[divan::bench]
fn day_of_a_series(bencher: divan::Bencher<'_, '_>) {
    let world = World::new();
    assert!(world.ask("cpu_load") > 10_000);
    bencher.bench_local(|| world.ask("cpu_load"));
}

#[divan::bench]
fn day_of_72_threads_summed(bencher: divan::Bencher<'_, '_>) {
    let world = World::new();
    bencher.bench_local(|| world.ask("flops_any"));
}

#[divan::bench]
fn no_such_host(bencher: divan::Bencher<'_, '_>) {
    let world = World::new();
    bencher.bench_local(|| world.ask("nothing"));
}
