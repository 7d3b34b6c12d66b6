//! Paths, methods, and what is there from the first moment.

use crate::world::World;

#[tokio::test]
async fn every_path_is_there_with_and_without_a_slash() {
    let world = World::new();
    for (method, path, body, status) in [
        ("POST", "/api/write", "", 200),
        ("GET", "/api/query", "{}", 200),
        ("POST", "/api/query", "{}", 200),
        ("POST", "/api/free?to=1", "[]", 200),
        ("GET", "/api/debug", "", 200),
        ("GET", "/api/healthcheck", "{}", 200),
        ("GET", "/api/v1/series?cluster=c&host=h&metric=m", "", 404),
        ("GET", "/metrics", "", 200),
        ("GET", "/-/healthy", "", 200),
        ("GET", "/-/ready", "", 200),
    ] {
        for path in [path.to_owned(), path.replacen('?', "/?", 1), format!("{path}/")] {
            // A slash behind the parameters is part of the last one.
            if path.ends_with('/') && path.contains('?') {
                continue;
            }
            let answer = world.ask(method, &path, body).await;
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_in_plain_text() {
    let world = World::new();
    for (method, path, status, text) in [
        ("GET", "/", 404, "404 page not found\n"),
        ("GET", "/api/", 404, "404 page not found\n"),
        ("GET", "/api/nothing", 404, "404 page not found\n"),
        ("GET", "/api/query/x", 404, "404 page not found\n"),
        ("GET", "/api//query", 404, "404 page not found\n"),
        ("GET", "/api/quer%79", 404, "404 page not found\n"),
        ("GET", "/api/write", 405, "Method Not Allowed\n"),
        ("GET", "/api/free/", 405, "Method Not Allowed\n"),
        ("DELETE", "/api/query", 405, "Method Not Allowed\n"),
        ("POST", "/api/debug", 405, "Method Not Allowed\n"),
        ("POST", "/metrics", 405, "Method Not Allowed\n"),
    ] {
        let answer = world.ask(method, path, "").await;
        assert_eq!((answer.status, answer.text()), (status, text), "{method} {path}");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    }
}

#[tokio::test]
async fn requests_and_lines_are_counted() {
    let world = World::new();
    world.ask("POST", "/api/write", "cpu_load,hostname=h value=1 1\nbad\n").await;
    world
        .ask(
            "POST",
            "/api/write?cluster=c",
            "cpu_load,hostname=h value=1 1\nunknown,hostname=h value=1 1",
        )
        .await;
    for _ in 0..3 {
        world.query("{}").await;
    }
    let answer = world.ask("GET", "/metrics", "").await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "levelstore_http_requests_total{path=\"/api/query\",status=\"200\"} 3",
        "levelstore_http_requests_total{path=\"/api/write\",status=\"400\"} 1",
        "levelstore_ingest_refused_total{source=\"http\",reason=\"no_cluster\"} 1",
        "levelstore_ingest_refused_total{source=\"http\",reason=\"no_fields\"} 1",
        "levelstore_ingest_samples_total{source=\"nats\"} 0",
    ] {
        assert!(answer.text().lines().any(|had| had == line), "{line}: {}", answer.text());
    }
}
