//! Bodies that are too large, too slow, packed, or broken.

use crate::wire::read_to_end;
use crate::world::World;
use axum::body::Body;
use axum::http::Request;
use flate2::Compression;
use flate2::write::GzEncoder;
use server::Limits;
use std::io::Write;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

const LIMIT: usize = 1 << 20;

fn small() -> World {
    World::with(
        None,
        Limits { body_bytes_max: LIMIT, bodies_bytes_max: 4 * LIMIT, ..Limits::default() },
    )
}

fn lines(bytes: usize) -> Vec<u8> {
    let line = b"cpu_load,cluster=c,hostname=h value=1 1700000040\n";
    line.repeat(bytes / line.len() + 1)[..bytes].to_vec()
}

fn packed(body: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(body).unwrap();
    gzip.finish().unwrap()
}

async fn send(world: &World, encoding: &str, body: Vec<u8>) -> (u16, String) {
    let request = Request::post("/api/write").header("Content-Encoding", encoding);
    let answer = world.send(request.body(Body::from(body)).unwrap()).await;
    (answer.status, answer.text().to_owned())
}

#[tokio::test]
async fn a_packed_body_is_what_it_was() {
    let world = small();
    let body = lines(49 * 1000);
    for (encoding, body) in [
        ("identity", body.clone()),
        ("gzip", packed(&body)),
        ("GZIP", packed(&body)),
        ("gzip", [packed(&body[..49 * 500]), packed(&body[49 * 500..])].concat()),
    ] {
        assert_eq!(send(&world, encoding, body).await.0, 200);
    }
    let metrics = world.ask("GET", "/metrics", "").await;
    assert!(
        metrics.text().contains("levelstore_ingest_samples_total{source=\"http\"} 4000\n"),
        "{}",
        metrics.text()
    );
    assert_eq!(send(&world, "br", body).await.0, 415);
    let request = Request::get("/api/query").header("Content-Encoding", "gzip");
    let answer = world.send(request.body(Body::from(packed(b"{}"))).unwrap()).await;
    assert_eq!(answer.text(), "{\"results\":[]}\n");
}

#[tokio::test]
async fn every_cut_of_a_packed_body_is_refused_and_nothing_of_it_stored() {
    let world = small();
    let whole = packed(&lines(490));
    for end in 0..whole.len() {
        let (status, text) = send(&world, "gzip", whole[..end].to_vec()).await;
        assert!(status == 400 || end == 0, "{end}: {status} {text}");
    }
    assert!(world.store.engine.clusters().is_empty());
}

#[tokio::test]
async fn a_body_has_so_many_bytes_at_most_packed_and_unpacked() {
    let world = small();
    for (encoding, body, expected) in [
        ("identity", lines(LIMIT), 400), // its last line is cut
        ("identity", lines(LIMIT + 1), 413),
        ("gzip", packed(&lines(LIMIT + 1)), 413),
        ("gzip", packed(&vec![b'\n'; 200 * LIMIT]), 413),
        ("gzip", packed(&vec![b'\n'; LIMIT]), 200),
    ] {
        assert_eq!(send(&world, encoding, body).await.0, expected);
    }
    let listening = world.listen(None).await;
    let head = "POST /api/write HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n";
    assert!(listening.exchange(head.as_bytes()).await.starts_with("HTTP/1.1 413 "));
    let mut endless =
        b"POST /api/write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..40 {
        endless.extend_from_slice(b"10000\r\n");
        endless.extend(vec![b'\n'; 0x10000]);
        endless.extend_from_slice(b"\r\n");
    }
    let answer = listening.exchange(&endless).await;
    // The client may hear of the end of the connection before it hears of the reason.
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn all_bodies_together_have_a_budget_that_comes_back() {
    let world = small();
    let listening = world.listen(None).await;
    let head = format!(
        "POST /api/write HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {LIMIT}\r\n\r\n"
    );
    let mut kept = Vec::new();
    for _ in 0..4 {
        let mut stream = listening.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b'\n'; LIMIT - 1]).await.unwrap();
        kept.push(stream);
    }
    sleep(Duration::from_millis(500)).await;
    let one =
        "POST /api/write HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\n\n";
    let answer = listening.exchange(one.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("retry-after: 5\r\n"), "{answer}");
    drop(kept);
    sleep(Duration::from_millis(200)).await;
    assert!(listening.exchange(one.as_bytes()).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_is_cut_off_and_one_that_flows_is_not() {
    let world = World::new();
    let listening = world.listen(None).await;
    let head = b"POST /api/write HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n";
    for (pause, bytes, expected) in [(9, 1, "408"), (9, 10_000, "200")] {
        let mut stream = listening.connect().await;
        stream.write_all(head).await.unwrap();
        let began = Instant::now();
        let mut left = 1_000_000;
        while left > 0 {
            sleep(Duration::from_secs(pause)).await;
            let len = bytes.min(left);
            if stream.write_all(&vec![b'\n'; len]).await.is_err()
                || began.elapsed().as_secs() > 3600
            {
                break;
            }
            left -= len;
            if expected == "408" && began.elapsed().as_secs() > 40 {
                break;
            }
        }
        let answer = read_to_end(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{pause} {bytes}: {answer}");
    }
}
