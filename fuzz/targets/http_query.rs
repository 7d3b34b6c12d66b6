//! A question over HTTP, whatever its bytes are: method, path and header come from the first line,
//! the body is the rest. It is answered, within bounds; an answer to a query is JSON; and asking
//! changes nothing, so that the same question has the same answer.
#![no_main]
#![expect(clippy::expect_used, reason = "a fuzz target reports by panicking")]

use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, Uri};
use checkpointer::disk::RealDisk;
use checkpointer::log::Inline;
use checkpointer::memstore::{Aggregation, Catalogue};
use checkpointer::{Config, Engine, Now, Start};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use ingest::{How, Ingest};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use server::{Clock, Limits, Server, Store};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const T: i64 = 1_700_000_040;
const NOW: Now = Now { unix: T + 7200, uptime: Duration::ZERO };
/// What is read of an answer: the rest is never made, for nobody takes it.
const READ_MAX: usize = 1 << 20;

static WORLD: LazyLock<World> = LazyLock::new(World::new);

struct World {
    runtime: Runtime,
    router: Router,
    _server: Arc<Server>,
    _directory: TempDir,
}

fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (line, body) = bytes.split_at(end);
    let body = body.get(1..).unwrap_or_default();
    let Some(request) = Question::of(line) else { return };
    let (status, answer) = WORLD.ask(&request, body);
    assert!(status != StatusCode::INTERNAL_SERVER_ERROR, "{status}");
    let is_whole = answer.len() < READ_MAX;
    if status == StatusCode::OK && is_whole && request.path.path().starts_with("/api/query") {
        let parsed: Value = serde_json::from_slice(&answer).expect("an answer is JSON");
        assert!(parsed.get("results").is_some_and(Value::is_array));
    }
    // Of what goes on for long only the begin was read.
    if is_whole && !request.path.path().starts_with("/metrics") {
        assert_eq!(WORLD.ask(&request, body), (status, answer));
    }
});

struct Question {
    method: Method,
    path: Uri,
    is_packed: bool,
}

impl Question {
    /// `METHOD PATH`; in small letters, the body is said to be gzip.
    fn of(line: &[u8]) -> Option<Self> {
        let (method, path) = str::from_utf8(line).ok()?.split_once(' ')?;
        let path: Uri = path.parse().ok()?;
        // These change the store: bodies of lines have a target of their own.
        if path.path().starts_with("/api/write") || path.path().starts_with("/api/free") {
            return None;
        }
        let is_packed = method.starts_with(|letter: char| letter.is_ascii_lowercase());
        let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).ok()?;
        Some(Self { method, path, is_packed })
    }
}

impl World {
    fn new() -> Self {
        let catalogue = Catalogue::new();
        for (name, frequency, aggregation) in [
            (&b"load"[..], 60, Aggregation::None),
            (b"flops", 60, Aggregation::Sum),
            (b"clock", 10, Aggregation::Avg),
        ] {
            catalogue.add(name, NonZeroU32::new(frequency).expect("not 0"), aggregation);
        }
        let directory = tempfile::tempdir().expect("a directory");
        let disk = RealDisk::new(directory.path()).expect("it is there");
        let opened = Engine::open(disk, catalogue, Config::default(), &Start::at(NOW));
        let (engine, recovered) = opened.expect("an empty directory");
        let ingest = Ingest::new(Arc::clone(&engine), ingest::Config::default());
        let outcome = ingest.batch(lines().as_bytes(), Some("c"), NOW, How::unlogged());
        assert_eq!(outcome.stored, outcome.lines);
        let server = Arc::new(Server::new(Clock::new(|| NOW), None, Limits::default()));
        server.ready(Store {
            engine,
            ingest: Arc::new(ingest),
            pool: Arc::new(Inline),
            is_kept: Arc::new(|_, _| false),
            recovered,
        });
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { runtime, router: server.router(), _server: server, _directory: directory }
    }

    fn ask(&self, question: &Question, body: &[u8]) -> (StatusCode, Vec<u8>) {
        let request = Request::builder().method(&question.method).uri(&question.path);
        let request =
            if question.is_packed { request.header("content-encoding", "gzip") } else { request };
        let request = request.body(Body::from(body.to_vec())).expect("its parts are valid");
        self.runtime.block_on(async {
            let service = TowerToHyperService::new(self.router.clone());
            let (head, mut body) = service.call(request).await.expect("an answer").into_parts();
            let mut answer = Vec::new();
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { break };
                answer.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                if answer.len() >= READ_MAX {
                    break;
                }
            }
            (head.status, answer)
        })
    }
}

/// Two hosts, an hour and a half, with a gap.
fn lines() -> String {
    let mut lines = Vec::new();
    for minute in (0..50).chain(60..90) {
        let at = T + minute * 60;
        for host in ["a", "b"] {
            lines.push(format!("load,hostname={host} value={}.5 {at}", minute % 7));
            for socket in 0..2 {
                let device = format!("hostname={host},type=socket,type-id={socket}");
                lines.push(format!("flops,{device} value={minute} {at}"));
                lines.push(format!("clock,{device} value=2 {at}"));
            }
        }
    }
    lines.join("\n")
}
