//! What the server takes: bodies of a host's minute over four connections that stay open, with the
//! log; then a query of a day, and a start. `cargo bench -p levelstore --bench http`
//!
//! The clients run on the same machine: what counts beside the rate is the processor time of the
//! server's own process.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![expect(clippy::cast_precision_loss, reason = "figures")]

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const CONNECTIONS: usize = 4;
const HOSTS: usize = 8;
const MINUTES: usize = 1440;
const QUERIES: u32 = 2000;
/// `sysconf(_SC_CLK_TCK)` of every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// And how long it took until it said that it lives.
    fn start(directory: &Path) -> (Self, Duration) {
        let began = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_levelstore"));
        command.args(["serve", "-config"]).arg(directory.join("config.json"));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it has ended");
            if let Some((_, address)) = line.trim_end().split_once("listening on http://") {
                break address.to_owned();
            }
        };
        let server = Self { child, address };
        let mut answered = server.connect();
        ask(&mut answered, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
        let healthy = began.elapsed();
        thread::spawn(move || io::copy(&mut stderr, &mut io::sink()));
        while !ask(&mut answered, b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n")
            .starts_with(b"HTTP/1.1 200")
        {
            thread::sleep(Duration::from_millis(10));
        }
        (server, healthy)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Processor time of the process until now.
    fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let behind_name = stat.rsplit_once(')').unwrap().1;
        let fields: Vec<&str> = behind_name.split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) / TICKS_PER_SECOND
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request, and its whole answer: all of these have a length.
fn ask(stream: &mut TcpStream, request: &[u8]) -> Vec<u8> {
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    let mut chunk = [0; 16 << 10];
    loop {
        let len = stream.read(&mut chunk).unwrap();
        assert_ne!(len, 0, "the server has closed the connection");
        answer.extend_from_slice(&chunk[..len]);
        let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&answer[..head]).to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let is_whole = match length {
            Some(length) => answer.len() >= head + 4 + length.parse::<usize>().unwrap(),
            None => answer.ends_with(b"0\r\n\r\n"),
        };
        if is_whole {
            return answer;
        }
    }
}

/// Requests of a host's minute each, those of a host in one list; and how many lines they are.
fn requests(start: u64) -> (Vec<Vec<Vec<u8>>>, usize) {
    let arguments = ["gen", "--seed", "1", "--cluster", "sim", "--out", "-"];
    let generated = Command::new(env!("CARGO_BIN_EXE_levelstore"))
        .args(arguments)
        .args(["--hosts", &HOSTS.to_string(), "--minutes", &MINUTES.to_string()])
        .args(["--start", &start.to_string()])
        .output()
        .unwrap();
    let lines = generated.stdout.split_inclusive(|&byte| byte == b'\n');
    let (mut hosts, mut all) = (vec![Vec::new(); HOSTS], 0);
    let (mut body, mut of): (Vec<u8>, usize) = (Vec::new(), 0);
    for line in lines {
        let text = str::from_utf8(line).unwrap();
        let host = text.split_once("hostname=n").unwrap().1[..5].parse::<usize>().unwrap() - 1;
        if host != of {
            hosts[of].push(request(&body));
            body.clear();
            of = host;
        }
        body.extend_from_slice(line);
        all += 1;
    }
    hosts[of].push(request(&body));
    (hosts, all)
}

fn request(body: &[u8]) -> Vec<u8> {
    let head = "POST /api/write HTTP/1.1\r\nHost: x\r\nContent-Length: ";
    [format!("{head}{}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn configuration(directory: &Path) {
    let lines = directory.join("one.lp");
    let generated = Command::new(env!("CARGO_BIN_EXE_levelstore"))
        .args(["gen", "--hosts", "1", "--minutes", "1", "--seed", "1", "--out"])
        .arg(&lines)
        .status();
    assert!(generated.unwrap().success());
    let metrics = fs::read_to_string(directory.join("one.lp.metrics.json")).unwrap();
    let checkpoints = directory.join("checkpoints");
    let text = format!(
        r#"{{"main":{{"addr":"127.0.0.1:0"}},"metric-store":{{"checkpoints":{{"directory":"{}"}},
            "retention-in-memory":"48h","memory-cap":0}},"metrics":{metrics}}}"#,
        checkpoints.display()
    );
    fs::write(directory.join("config.json"), text).unwrap();
}

fn main() {
    let directory = tempfile::tempdir().unwrap();
    configuration(directory.path());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 60 * 60;
    let (hosts, lines) = requests(now - MINUTES as u64 * 60);
    let (server, _) = Server::start(directory.path());

    let (began, cpu) = (Instant::now(), server.cpu_seconds());
    thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let (mut stream, hosts) = (server.connect(), &hosts);
            scope.spawn(move || {
                for minute in 0..MINUTES {
                    for host in hosts.iter().skip(connection).step_by(CONNECTIONS) {
                        let answer = ask(&mut stream, &host[minute]);
                        assert!(answer.starts_with(b"HTTP/1.1 200"));
                    }
                }
            });
        }
    });
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), server.cpu_seconds() - cpu);
    let mut out = io::stdout().lock();
    let rate = lines as f64 / seconds / 1e6;
    let each = cpu / lines as f64 * 1e9;
    writeln!(
        out,
        "ingest: {lines} lines in {seconds:.2} s: {rate:.2} M/s; server: {each:.0} ns of CPU a line"
    )
    .unwrap();

    let mut stream = server.connect();
    let query = format!(
        r#"{{"cluster":"sim","from":{},"to":{now},"queries":[{{"metric":"cpu_load","host":"n00001"}}]}}"#,
        now - 86_400
    );
    let head = "GET /api/query HTTP/1.1\r\nHost: x\r\nContent-Length: ";
    let day = format!("{head}{}\r\n\r\n{query}", query.len());
    let (began, cpu) = (Instant::now(), server.cpu_seconds());
    for _ in 0..QUERIES {
        assert!(ask(&mut stream, day.as_bytes()).starts_with(b"HTTP/1.1 200"));
    }
    let of = |seconds: f64| seconds / f64::from(QUERIES) * 1e6;
    let (took, cpu) = (of(began.elapsed().as_secs_f64()), of(server.cpu_seconds() - cpu));
    writeln!(out, "query of a day of a series, {MINUTES} values: {took:.0} µs, {cpu:.0} µs of CPU of the server").unwrap();

    drop(server);
    let (_server, healthy) = Server::start(directory.path());
    writeln!(out, "start with a log of {lines} records: healthy after {healthy:.1?}").unwrap();
}
