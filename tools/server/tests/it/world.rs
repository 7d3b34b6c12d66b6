//! A server above a store, and what it answers.

use axum::body::Body;
use axum::http::{Method, Request};
use checkpointer::disk::RealDisk;
use checkpointer::log::Inline;
use checkpointer::memstore::{Aggregation, Catalogue};
use checkpointer::{Config, Engine, Now, Start};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use ingest::{How, Ingest};
use serde_json::Value;
use server::{Clock, Limits, Server, Store, Tokens};
use std::io::Read;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// A server above a store on a disk, and the clock it goes by.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) server: Arc<Server>,
    pub(crate) now: Arc<AtomicI64>,
    /// Where its files are; it goes with the world.
    pub(crate) directory: TempDir,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl World {
    /// With the catalogue of the golden files.
    pub(crate) fn new() -> Self {
        Self::with(None, Limits::default())
    }

    pub(crate) fn with(tokens: Option<Tokens>, limits: Limits) -> Self {
        let world = Self::recovering(tokens, limits);
        world.server.ready(world.store.clone());
        world
    }

    /// With an engine of this configuration.
    pub(crate) fn of(config: Config) -> Self {
        let world = Self::recovering_with(None, Limits::default(), config);
        world.server.ready(world.store.clone());
        world
    }

    /// A server whose store is not ready yet.
    pub(crate) fn recovering(tokens: Option<Tokens>, limits: Limits) -> Self {
        Self::recovering_with(tokens, limits, Config::default())
    }

    fn recovering_with(tokens: Option<Tokens>, limits: Limits, config: Config) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let seconds = Arc::new(AtomicI64::new(1_900_000_000));
        let start = Start::at(Now { unix: 1_900_000_000, uptime: Duration::ZERO });
        let disk = RealDisk::new(directory.path()).unwrap();
        let (engine, recovered) = Engine::open(disk, catalogue(), config, &start).unwrap();
        let clock = Clock::new({
            let seconds = Arc::clone(&seconds);
            move || Now { unix: seconds.load(Ordering::Relaxed), uptime: Duration::ZERO }
        });
        let store = Store {
            ingest: Arc::new(Ingest::new(Arc::clone(&engine), ingest::Config::default())),
            engine,
            pool: Arc::new(Inline),
            is_kept: Arc::new(|_, _| false),
            recovered,
        };
        let server = Arc::new(Server::new(clock, tokens, limits));
        Self { store, server, now: seconds, directory }
    }

    /// With the samples of the golden files.
    pub(crate) fn golden() -> Self {
        let world = Self::new();
        let mut lines = String::new();
        let packed = &include_bytes!("../data/input.lp.gz")[..];
        flate2::read::GzDecoder::new(packed).read_to_string(&mut lines).unwrap();
        world.write(&lines);
        world
    }

    /// Stores lines, all of them good.
    pub(crate) fn write(&self, lines: &str) {
        let now = Now { unix: 1_900_000_000, uptime: Duration::ZERO };
        let outcome = self.store.ingest.batch(lines.as_bytes(), None, now, How::unlogged());
        assert!(outcome.not_acknowledged.is_none());
        assert_eq!((outcome.malformed, outcome.policy), (0, 0), "{outcome:?}");
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let service = TowerToHyperService::new(self.server.router());
        let response = service.call(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = Request::builder().method(method).uri(path).body(body.into());
        self.send(request.unwrap()).await
    }

    pub(crate) async fn query(&self, body: &str) -> Answer {
        self.ask("GET", "/api/query", body.to_owned()).await
    }
}

fn catalogue() -> Catalogue {
    let catalogue = Catalogue::new();
    let metrics: Value = serde_json::from_str(include_str!("../data/metrics.json")).unwrap();
    for (name, config) in metrics.as_object().unwrap() {
        let frequency = u32::try_from(config["frequency"].as_u64().unwrap()).unwrap();
        let aggregation = match config["aggregation"].as_str() {
            Some("sum") => Aggregation::Sum,
            Some("avg") => Aggregation::Avg,
            _ => Aggregation::None,
        };
        catalogue.add(name.as_bytes(), NonZeroU32::new(frequency).unwrap(), aggregation);
    }
    catalogue
}
