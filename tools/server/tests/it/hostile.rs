//! Requests that mean no good, by the thousand: every one is answered, and the server lives.

use crate::world::World;
use axum::body::Body;
use axum::http::Request;
use std::time::Duration;
use tokio::time::timeout;

const REQUESTS: usize = 10_000;

/// A generator whose numbers a seed repeats: `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

const PATHS: &[&str] = &[
    "/api/write",
    "/api/write/?cluster=c",
    "/api/write?cluster=..%2f",
    "/api/query",
    "/api/query/",
    "/api/free?to=1",
    "/api/free/?to=9223372036854775807",
    "/api/free?to=-9223372036854775808",
    "/api/free?to=x",
    "/api/debug",
    "/api/debug?selector=c:h",
    "/api/debug?selector=%ff%00:::",
    "/api/healthcheck",
    "/metrics",
    "/-/ready",
    "/-/healthy",
    "/",
    "/api/",
    "/%2e%2e/etc/passwd",
    "/api/v1/series?cluster=c&host=h&metric=cpu_load&from=-9223372036854775808&to=9223372036854775807",
    "/api/v1/series?cluster=c&host=h&metric=cpu_load&step=-9223372036854775808&format=csv",
];
const METHODS: &[&str] = &["GET", "POST", "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "X"];
/// Pieces that bodies are put together from.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "null",
    "true",
    "-1",
    "1e999",
    "9223372036854775807",
    "-9223372036854775808",
    "0.5",
    "\"cluster\":\"c\"",
    "\"from\":0",
    "\"to\":1700000100",
    "\"from\":-9223372036854775808",
    "\"to\":9223372036854775807",
    "\"queries\":[{\"metric\":\"cpu_load\",\"host\":\"h\"}]",
    "\"queries\":[{\"metric\":\"cpu_load\",\"host\":\"h\",\"resolution\":9223372036854775807,\"scale-by\":1e308}]",
    "\"queries\":[{\"metric\":\"flops_any\",\"host\":\"h\",\"type\":\"socket\",\"type-ids\":[\"0\",\"1\"],\"aggreg\":true}]",
    "\"for-all-nodes\":[\"cpu_load\",\"\"]",
    "\"nodes\":[\"h\",\"\"]",
    "\"metric-names\":[\"cpu_load\",\"x\"]",
    "[[\"c\",\"h\"]]",
    "[[]]",
    "[[\"c\"]]",
    "\\u0000",
    "\\ud800",
    "\0",
    "\n",
    " ",
    "cpu_load",
    "hostname=h",
    "cluster=c",
    " value=1",
    " value=nan",
    " value=1e400",
    " 1700000040",
    " 99999999999999999999",
    "hostname=..",
    "\\",
    "=",
    "µ",
];

fn body(random: &mut Random) -> Vec<u8> {
    match random.below(8) {
        0 => Vec::new(),
        1 => (0..random.below(300)).map(|_| random.next().to_le_bytes()[0]).collect(),
        2 => b"[".repeat(random.below(100_000)),
        3 => b"{\"a\":".repeat(random.below(20_000)),
        4 => {
            let fields: Vec<&str> =
                (0..random.below(6)).map(|_| PIECES[14 + random.below(11)]).collect();
            format!("{{{}}}", fields.join(",")).into_bytes()
        }
        _ => (0..random.below(40)).map(|_| *random.pick(PIECES)).collect::<String>().into_bytes(),
    }
}

fn world() -> World {
    let world = World::new();
    for line in [
        "cpu_load,cluster=c,hostname=h value=1 1700000040",
        "flops_any,cluster=c,hostname=h,type=socket,type-id=0 value=1 1700000040",
        "flops_any,cluster=c,hostname=h,type=socket,type-id=1 value=1 1700003040",
    ] {
        world.write(line);
    }
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn random_requests_are_all_answered() {
    let world = world();
    let mut random = Random(7);
    let mut statuses = std::collections::BTreeMap::new();
    for number in 0..REQUESTS {
        let (method, path) = (*random.pick(METHODS), *random.pick(PATHS));
        let mut request = Request::builder().method(method).uri(path);
        if random.below(8) == 0 {
            request =
                request.header("Content-Encoding", *random.pick(&["gzip", "identity", "br", ""]));
        }
        let request = request.body(Body::from(body(&mut random))).unwrap();
        let answer = timeout(Duration::from_secs(20), world.send(request)).await;
        let answer = answer.unwrap_or_else(|_| panic!("{number}: {method} {path} hangs"));
        assert!(answer.status < 500, "{number}: {method} {path}: {answer:?}");
        if answer.header("content-type") == Some("application/json") && !answer.body.is_empty() {
            answer.json();
        }
        *statuses.entry(answer.status).or_insert(0) += 1;
    }
    // Or it was no test: the generator makes good requests, too.
    assert!(statuses[&200] > 500 && statuses[&400] > 500, "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_on_a_connection_do_no_harm() {
    let world = world();
    let listening = world.listen(None).await;
    let mut random = Random(8);
    let heads: &[&str] = &[
        "GET ",
        "POST ",
        "/api/query",
        " HTTP/1.1\r\n",
        "Host: x\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Expect: 100-continue\r\n",
        "Connection: close\r\n",
        "\r\n",
        "\r\n\r\n",
        "5\r\nhello\r\n",
        "0\r\n\r\n",
        "ffffffffffffffff\r\n",
        "\0",
        "é",
        " ",
        ":",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    for _ in 0..500 {
        let mut bytes: Vec<u8> =
            (0..random.below(12)).flat_map(|_| random.pick(heads).bytes()).collect();
        if random.below(4) == 0 {
            bytes.extend((0..random.below(100)).map(|_| random.next().to_le_bytes()[0]));
        }
        let mut stream = listening.connect().await;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes).await;
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
        crate::wire::read_to_end(&mut stream).await;
    }
    let healthy = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!(listening.exchange(healthy).await.ends_with("healthy\n"));
}
