//! Connections: kept, slow, many, encrypted, and brought to an end.

use crate::wire::{read_to_end, read_until};
use crate::world::World;
use server::{Drained, Limits, Tls};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

const HEALTHY: &[u8] = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n";
const CERTIFICATE: &[u8] = include_bytes!("../data/localhost.cert.pem");
const KEY: &[u8] = include_bytes!("../data/localhost.key.pem");

#[tokio::test(start_paused = true)]
async fn a_collector_that_sends_once_a_minute_keeps_its_connection() {
    let world = World::new();
    let listening = world.listen(None).await;
    let mut stream = listening.connect().await;
    for _ in 0..5 {
        stream.write_all(HEALTHY).await.unwrap();
        read_until(&mut stream, "healthy\n").await;
        sleep(Duration::from_mins(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_is_cut_off() {
    let world = World::new();
    let listening = world.listen(None).await;
    let mut stream = listening.connect().await;
    let began = Instant::now();
    stream.write_all(b"GET /-/healthy HTTP/1.1\r\n").await.unwrap();
    for number in 0..1000 {
        sleep(Duration::from_secs(5)).await;
        let more = stream.write_all(format!("X-{number}: x\r\n").as_bytes()).await;
        let ended = timeout(Duration::from_millis(1), stream.read_u8()).await.is_ok();
        if more.is_err() || ended {
            break;
        }
    }
    assert!(began.elapsed() < Duration::from_secs(100), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_head_has_so_many_bytes_at_most() {
    let world = World::new();
    let listening = world.listen(None).await;
    let long = "x".repeat(200_000);
    for head in [
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: x\r\n".repeat(1000)),
    ] {
        let answer = listening.exchange(head.as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert!(listening.exchange(b"GET /-/healthy HTTP/1.0\r\n\r\n").await.ends_with("healthy\n"));
}

/// An answer that fills every buffer on its way.
fn long_query() -> String {
    let query = r#"{"metric":"cpu_load","host":"h"}"#;
    let queries = vec![query; 40].join(",");
    let body =
        format!(r#"{{"cluster":"c","from":1690000000,"to":1700000100,"queries":[{queries}]}}"#);
    format!(
        "GET /api/query HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off_and_one_that_reads_slowly_is_not() {
    let limits = Limits { stall: Duration::from_secs(1), ..Limits::default() };
    let world = World::with(None, limits);
    world.write("cpu_load,cluster=c,hostname=h value=1 1700000040");
    let listening = world.listen(None).await;
    let mut stream = listening.connect().await;
    stream.write_all(long_query().as_bytes()).await.unwrap();
    sleep(Duration::from_millis(2500)).await;
    let broken = read_to_end(&mut stream).await;
    assert!(!broken.ends_with("\r\n0\r\n\r\n"));

    let mut stream = listening.connect().await;
    stream.write_all(long_query().as_bytes()).await.unwrap();
    let mut whole = Vec::new();
    let mut part = vec![0; 4 << 20];
    let began = Instant::now();
    loop {
        sleep(Duration::from_millis(100)).await;
        match stream.read(&mut part).await.unwrap() {
            0 => break,
            len => whole.extend_from_slice(&part[..len]),
        }
    }
    assert!(whole.ends_with(b"\r\n0\r\n\r\n"));
    assert!(whole.len() > 30_000_000, "{}", whole.len());
    assert!(began.elapsed() > Duration::from_secs(1), "or it was not slow");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let world = World::with(None, Limits { connections_max: 2, ..Limits::default() });
    let listening = world.listen(None).await;
    let held = [listening.connect().await, listening.connect().await];
    sleep(Duration::from_millis(100)).await;
    let mut third = listening.connect().await;
    third.write_all(HEALTHY).await.unwrap();
    assert!(timeout(Duration::from_millis(300), third.read_u8()).await.is_err());
    drop(held);
    read_until(&mut third, "healthy\n").await;
}

#[tokio::test]
async fn a_request_that_has_begun_is_answered_when_the_server_stops() {
    let world = World::new();
    let listening = world.listen(None).await;
    let mut idle = listening.connect().await;
    idle.write_all(HEALTHY).await.unwrap();
    read_until(&mut idle, "healthy\n").await;
    let mut stream = listening.connect().await;
    stream
        .write_all(b"POST /api/write HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
        .await
        .unwrap();
    sleep(Duration::from_millis(100)).await;
    let stopping = tokio::spawn(listening.stop());
    sleep(Duration::from_millis(100)).await;
    stream.write_all(b"\n\n").await.unwrap();
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(stopping.await.unwrap(), Drained::All);
    assert_eq!(read_to_end(&mut idle).await, "");
}

#[tokio::test]
async fn a_request_without_end_is_cut_off_when_the_server_stops() {
    let limits = Limits { drain: Duration::from_millis(200), ..Limits::default() };
    let world = World::with(None, limits);
    let listening = world.listen(None).await;
    let mut stream = listening.connect().await;
    stream
        .write_all(b"POST /api/write HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
        .await
        .unwrap();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(listening.stop().await, Drained::CutOff { connections: 1 });
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn https_is_spoken_with_a_certificate() {
    let world = World::new();
    let listening = world.listen(Some(Tls::from_pem(CERTIFICATE, KEY).unwrap())).await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(CERTIFICATE).unwrap()).unwrap();
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, listening.connect().await).await.unwrap();
    stream
        .write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("healthy\n"), "{answer}");
    // Who does not speak TLS is no danger to those who do.
    assert!(!listening.exchange(HEALTHY).await.contains("healthy"));
}

#[test]
fn certificates_that_cannot_be_used_are_refused() {
    assert!(Tls::from_pem(b"", KEY).is_err());
    assert!(Tls::from_pem(CERTIFICATE, b"").is_err());
    assert!(Tls::from_pem(KEY, CERTIFICATE).is_err());
    for end in 0..CERTIFICATE.len() - 1 {
        assert!(Tls::from_pem(&CERTIFICATE[..end], KEY).is_err(), "{end}");
    }
}

#[tokio::test]
async fn curl_writes_and_asks_with_a_body_in_a_get() {
    let world = World::new();
    let listening = world.listen(None).await;
    let url = |path: &str| format!("http://{}{path}", listening.address);
    let curl = async |arguments: &[&str]| {
        let output = Command::new("curl").args(["-s", "--max-time", "20"]).args(arguments).output();
        String::from_utf8(output.await.expect("curl is installed").stdout).unwrap()
    };
    let line = "cpu_load,hostname=h value=12.5 1700000040";
    let written =
        curl(&["-w", "%{http_code}", "--data-binary", line, &url("/api/write/?cluster=c")]).await;
    assert_eq!(written, "200");
    let body = r#"{"cluster":"c","from":1700000040,"to":1700000100,"queries":[{"metric":"cpu_load","host":"h"}]}"#;
    let asked = curl(&["-X", "GET", "-d", body, &url("/api/query/")]).await;
    assert_eq!(
        asked,
        "{\"results\":[[{\"data\":[12.500],\"from\":1700000040,\"to\":1700000100,\"resolution\":60,\
            \"avg\":12.50,\"min\":12.50,\"max\":12.50}]]}\n"
    );
}
