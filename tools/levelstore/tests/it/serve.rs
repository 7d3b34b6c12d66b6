//! `serve`: a real process on the loopback, asked by HTTP, stopped by its handle.

use crate::show;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the server is killed under load.
const ROUNDS: &str = "LEVELSTORE_KILL_ROUNDS";

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// A configuration as the Go server has it, on a free port.
fn configuration(directory: &Path) -> Value {
    json!({
        "main": {"addr": "127.0.0.1:0", "https-cert-file": "", "https-key-file": "",
                 "jwt-public-key": "", "user": "", "group": "", "backend-url": "",
                 "debug": {"dump-to-file": "", "gops": false}},
        "nats": {"address": "", "username": "", "password": "", "creds-file-path": ""},
        "metric-store": {
            "checkpoints": {"file-format": "wal", "max-wal-size": 0,
                            "directory": show(&directory.join("checkpoints"))},
            "checkpoint-interval": "12h", "memory-cap": 100, "retention-in-memory": "48h",
            "num-workers": 0, "cleanup": {"mode": "delete"}, "debug": {},
            "nats-subscriptions": []},
        "metrics": {"load": {"frequency": 60, "aggregation": null},
                    "flops": {"frequency": 60, "aggregation": "sum"}},
        "archive": {"kind": "of another program"}
    })
}

struct Running {
    child: Child,
    address: String,
    stderr: BufReader<ChildStderr>,
    started: Instant,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn written(directory: &Path, configuration: &Value) -> PathBuf {
    let path = directory.join("config.json");
    fs::write(&path, configuration.to_string()).unwrap();
    path
}

impl Running {
    /// Until it listens.
    fn start(directory: &Path, configuration: &Value) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_levelstore"));
        command.args(["serve", "-config", show(&written(directory, configuration))]);
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        let started = Instant::now();
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut told = String::new();
        let address = loop {
            let mut line = String::new();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it has ended: {told}");
            told.push_str(&line);
            if let Some((_, address)) = line.trim_end().split_once("listening on http://") {
                break address.to_owned();
            }
        };
        Self { child, address, stderr, started }
    }

    fn ready(directory: &Path, configuration: &Value) -> Self {
        let running = Self::start(directory, configuration);
        running.until_ready();
        running
    }

    fn until_ready(&self) {
        wait_for("ready", || self.get("/-/ready").0 == 200);
    }

    fn get(&self, path: &str) -> (u16, String) {
        ask(&self.address, "GET", path, b"")
    }

    fn write(&self, lines: &str) -> u16 {
        ask(&self.address, "POST", "/api/write?cluster=alex", lines.as_bytes()).0
    }

    /// The values of a series that are there, by their time.
    fn series(&self, host: &str, metric: &str) -> BTreeMap<i64, f64> {
        let path = format!(
            "/api/v1/series?cluster=alex&host={host}&metric={metric}&format=csv&from=0&to={}",
            now() + 7200
        );
        let (status, csv) = self.get(&path);
        assert!(status == 200 || status == 404, "{status} {csv}");
        let rows = csv.lines().skip(1).filter_map(|row| row.split_once(','));
        rows.filter_map(|(time, value)| Some((time.parse().ok()?, value.parse().ok()?))).collect()
    }

    fn metric(&self, name: &str) -> Option<f64> {
        let (_, page) = self.get("/metrics");
        let line = page.lines().find(|line| line.starts_with(name))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// Ends it as a service manager does; what it had to say, and how it ended.
    fn terminate(mut self) -> (ExitStatus, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut told = String::new();
        self.stderr.read_to_string(&mut told).unwrap();
        (self.child.wait().unwrap(), told)
    }
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// One request on a connection of its own.
fn ask(address: &str, method: &str, path: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n").unwrap();
    write!(stream, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn curl(arguments: &[&str]) -> Output {
    Command::new("curl").arg("-sS").args(arguments).output().unwrap()
}

fn files_ending(directory: &Path, ending: &str) -> usize {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let count = |path: PathBuf| {
        let is_one = path.extension().is_some_and(|it| it == ending);
        if path.is_dir() { files_ending(&path, ending) } else { usize::from(is_one) }
    };
    entries.map(|entry| count(entry.unwrap().path())).sum()
}

#[test]
fn a_file_of_the_go_server_starts_it_unchanged_and_curl_is_answered() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), &configuration(directory.path()));
    running.until_ready();

    let at = now() / 60 * 60 - 120;
    let body = format!(
        "load,hostname=a01 value=0.5 {at}\nflops,hostname=a01,type=socket,type-id=0 value=3 {at}\nflops,hostname=a01,type=socket,type-id=1 value=4 {at}"
    );
    let url = format!("http://{}/api/write?cluster=alex", running.address);
    let sent = curl(&["-o", "/dev/null", "-w", "%{http_code}", &url, "--data-binary", &body]);
    assert_eq!(sent.stdout, b"200", "{}", String::from_utf8_lossy(&sent.stderr));

    let query = json!({"cluster": "alex", "from": at, "to": at + 60, "queries": [
        {"metric": "load", "host": "a01"}, {"metric": "flops", "host": "a01"}]});
    let url = format!("http://{}/api/query", running.address);
    let answer = curl(&["-X", "GET", &url, "-d", &query.to_string()]);
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(answer["results"][0][0]["data"], json!([0.5]), "{answer}");
    assert_eq!(answer["results"][1][0]["data"], json!([7.0]), "{answer}");

    let (status, told) = running.terminate();
    assert!(status.success(), "{told}");
    let checkpoints = directory.path().join("checkpoints");
    assert_eq!(files_ending(&checkpoints, "wal"), 0, "a graceful end leaves no segment");
    assert!(files_ending(&checkpoints, "bin") > 0);

    let again = Running::ready(directory.path(), &configuration(directory.path()));
    assert_eq!(again.series("a01", "load"), BTreeMap::from([(at, 0.5)]));
    assert_eq!(again.metric("levelstore_start_unclean"), Some(0.0));
}

#[test]
fn a_server_is_healthy_within_100_ms_whatever_has_to_be_recovered() {
    let directory = tempfile::tempdir().unwrap();
    let configuration = configuration(directory.path());
    let mut running = Running::ready(directory.path(), &configuration);
    let from = now() / 60 * 60 - 40 * 3600;
    for host in 0..20 {
        let line =
            |minute: i64| format!("load,hostname=h{host} value={minute} {}\n", from + minute * 60);
        assert_eq!(running.write(&(0..2000_i64).map(line).collect::<String>()), 200);
    }
    running.child.kill().unwrap();
    // The machine may be busy with something else, but not always.
    let is_quick = |_| {
        let running = Running::start(directory.path(), &configuration);
        running.get("/-/healthy").0 == 200 && running.started.elapsed() < Duration::from_millis(100)
    };
    assert!((0..20).any(is_quick));
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let configuration = configuration(directory.path());
    let first = Running::ready(directory.path(), &configuration);
    let mut second = Running::start(directory.path(), &configuration);
    let mut told = String::new();
    second.stderr.read_to_string(&mut told).unwrap();
    assert_eq!(second.child.wait().unwrap().code(), Some(1), "{told}");
    assert!(told.contains("open data directory"), "{told}");
    assert_eq!(first.write("load,hostname=a01 value=1"), 200);
}

#[test]
fn a_configuration_that_cannot_be_served_is_refused_with_its_key() {
    for (pointer, value, key) in [
        ("/metric-store/memory-cap", json!(null), "metric-store.memory-cap"),
        ("/metric-store/retention-in-memory", json!("2d"), "metric-store.retention-in-memory"),
        ("/metric-store/cleanup", json!({"mode": "archive"}), "metric-store.cleanup.directory"),
        ("/main/user", json!("nobody-of-that-name"), "main.user"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut configuration = configuration(directory.path());
        *configuration.pointer_mut(pointer).unwrap() = value;
        let path = written(directory.path(), &configuration);
        let output = crate::run(&["serve", "--config", show(&path)]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(key), "{key} in {told}");
    }
}

/// Batches that were answered 200: host, time, value.
type Acknowledged = Vec<(String, i64, f64)>;

/// Sends minutes of hosts of its own until the server is gone.
fn load(address: &str, of: &str) -> Acknowledged {
    let mut acknowledged = Vec::new();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let from = now() / 60 * 60 - 40 * 3600;
    for batch in 0..2400 * 3 {
        let (host, time) = (format!("{of}h{}", batch % 3), from + batch / 3 * 60);
        let value = f64::from(u16::try_from(batch).unwrap());
        let body = format!("load,hostname={host} value={value} {time}\n");
        let request = format!(
            "POST /api/write?cluster=alex HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut answer = [0; 512];
        let sent = stream.write_all(request.as_bytes()).and_then(|()| stream.read(&mut answer));
        match sent {
            Ok(len) if answer[..len].starts_with(b"HTTP/1.1 200") => {
                acknowledged.push((host, time, value));
            }
            _ => break,
        }
    }
    acknowledged
}

fn assert_has(running: &Running, acknowledged: &Acknowledged) {
    let mut read: BTreeMap<&str, BTreeMap<i64, f64>> = BTreeMap::new();
    for (host, time, value) in acknowledged {
        let series = read.entry(host).or_insert_with(|| running.series(host, "load"));
        assert_eq!(series.get(time), Some(value), "{host} at {time}");
    }
}

#[test]
fn a_server_that_is_killed_under_load_has_every_line_that_was_answered_200() {
    let rounds = std::env::var(ROUNDS).map_or(100, |rounds| rounds.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let configuration = configuration(directory.path());
    let (mut all, mut last) = (Acknowledged::new(), Acknowledged::new());
    for round in 0..rounds {
        let mut running = Running::ready(directory.path(), &configuration);
        assert_has(&running, &last);
        all.append(&mut last);
        let clients: Vec<_> = (0..4)
            .map(|client| {
                let (address, of) = (running.address.clone(), format!("r{round}c{client}"));
                thread::spawn(move || load(&address, &of))
            })
            .collect();
        thread::sleep(Duration::from_millis(50 + 37 * (round % 10)));
        running.child.kill().unwrap();
        running.child.wait().unwrap();
        for client in clients {
            last.extend(client.join().unwrap());
        }
    }
    all.append(&mut last);
    assert!(all.len() > 10, "{} batches", all.len());
    assert_has(&Running::ready(directory.path(), &configuration), &all);
}

/// A backend that says which hosts are in use, while it answers at all.
struct Backend {
    url: String,
    asked: Arc<AtomicU64>,
    paths: Arc<Mutex<Vec<String>>>,
}

impl Backend {
    fn start(answer: &'static str, is_up: Arc<AtomicBool>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, paths) = (Arc::new(AtomicU64::new(0)), Arc::<Mutex<Vec<String>>>::default());
        let (count, seen) = (Arc::clone(&asked), Arc::clone(&paths));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 2048];
                let len = stream.read(&mut request).unwrap();
                let head = String::from_utf8_lossy(&request[..len]);
                seen.lock().unwrap().push(head.split(' ').nth(1).unwrap_or_default().to_owned());
                count.fetch_add(1, SeqCst);
                let status = if is_up.load(SeqCst) { "200 OK" } else { "503 Down" };
                let len = answer.len();
                let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
                let _ = write!(stream, "{head}Content-Length: {len}\r\n\r\n{answer}");
            }
        });
        Self { url, asked, paths }
    }
}

/// Lines as old as the retention lets them be: in a moment they are older.
fn old_lines(hosts: &[&str], retention: i64) -> String {
    let line = |host: &&str| format!("load,hostname={host} value=1 {}\n", now() - retention + 3);
    hosts.iter().map(line).collect()
}

#[test]
fn what_is_older_than_the_retention_goes_but_for_hosts_in_use() {
    for answer in [r#"{"usedNodes":{"alex":["used"]}}"#, r#"{"alex":["used"]}"#] {
        let directory = tempfile::tempdir().unwrap();
        let backend = Backend::start(answer, Arc::new(AtomicBool::new(true)));
        let mut configuration = configuration(directory.path());
        configuration["main"]["backend-url"] = json!(backend.url);
        configuration["metric-store"]["retention-in-memory"] = json!("8s");
        configuration["metric-store"]["checkpoint-interval"] = json!("1s");
        configuration["metrics"]["load"]["frequency"] = json!(1);
        let running = Running::ready(directory.path(), &configuration);
        assert_eq!(running.write(&old_lines(&["used", "idle"], 8)), 200);
        assert_eq!(running.series("idle", "load").len(), 1);
        // The newest sample keeps the clock going.
        let newer = || running.write(&format!("load,hostname=new value=1 {}", now()));
        wait_for("the idle host's sample is freed", || {
            assert_eq!(newer(), 200);
            running.series("idle", "load").is_empty()
        });
        assert_eq!(running.series("used", "load").len(), 1);
        wait_for("its snapshot is deleted", || {
            files_ending(&directory.path().join("checkpoints/alex/idle"), "bin") == 0
        });
        assert!(files_ending(&directory.path().join("checkpoints/alex/used"), "bin") > 0);
        let paths = backend.paths.lock().unwrap();
        assert!(paths.iter().all(|path| path.starts_with("/api/jobs/used_nodes?ts=")), "{paths:?}");
    }
}

#[test]
fn nothing_is_freed_while_the_backend_has_never_answered() {
    let directory = tempfile::tempdir().unwrap();
    let is_up = Arc::new(AtomicBool::new(false));
    let backend = Backend::start(r#"{"usedNodes":{}}"#, Arc::clone(&is_up));
    let mut configuration = configuration(directory.path());
    configuration["main"]["backend-url"] = json!(backend.url);
    configuration["metric-store"]["retention-in-memory"] = json!("4s");
    configuration["metrics"]["load"]["frequency"] = json!(1);
    configuration["main"]["addr"] = json!("127.0.0.1:0");
    let running = Running::ready(directory.path(), &configuration);
    assert_eq!(running.write(&old_lines(&["idle"], 4)), 200);
    let asked = backend.asked.load(SeqCst);
    thread::sleep(Duration::from_secs(8));
    assert_eq!(running.series("idle", "load").len(), 1, "asked {asked} times at the start");
    let (status, told) = running.terminate();
    assert!(status.success(), "{told}");
    assert!(told.contains("nothing is freed"), "{told}");
    is_up.store(true, SeqCst);
}

#[test]
fn the_keep_list_holds_over_a_restart_and_with_the_provider_down_every_host_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let is_up = Arc::new(AtomicBool::new(true));
    let backend = Backend::start(r#"{"usedNodes":{"alex":["used"]}}"#, Arc::clone(&is_up));
    let mut configuration = configuration(directory.path());
    configuration["main"]["backend-url"] = json!(backend.url);
    configuration["metric-store"]["retention-in-memory"] = json!("30s");
    configuration["metrics"]["load"]["frequency"] = json!(1);
    let running = Running::ready(directory.path(), &configuration);
    assert_eq!(running.write(&old_lines(&["used", "idle"], 30)), 200);
    assert_eq!(running.write(&format!("load,hostname=new value=1 {}", now())), 200);
    assert!(running.terminate().0.success());
    thread::sleep(Duration::from_secs(5));
    for (answers, idle) in [(false, 1), (true, 0)] {
        is_up.store(answers, SeqCst);
        let running = Running::ready(directory.path(), &configuration);
        assert_eq!(
            running.series("used", "load").len(),
            1,
            "in use; the backend answers: {answers}"
        );
        assert_eq!(running.series("idle", "load").len(), idle, "the backend answers: {answers}");
        assert!(running.terminate().0.success());
    }
}

#[test]
fn a_memory_cap_of_nothing_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let mut configuration = configuration(directory.path());
    configuration["metric-store"]["memory-cap"] = json!(0);
    let running = Running::ready(directory.path(), &configuration);
    let from = now() / 60 * 60 - 47 * 3600;
    let line = |minute: i64| format!("load,hostname=a01 value={minute} {}\n", from + minute * 60);
    assert_eq!(running.write(&(0..2000_i64).map(line).collect::<String>()), 200);
    assert!(running.terminate().0.success());
    // A cap is looked at as soon as there is something.
    let running = Running::ready(directory.path(), &configuration);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(running.series("a01", "load").len(), 2000);
    assert_eq!(running.metric("levelstore_blocks_freed_total"), Some(0.0));
    assert_eq!(running.write("load,hostname=a01 value=1"), 200);
}

#[test]
fn the_service_manager_hears_of_the_beginning_and_of_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let heard = |expected: &str| {
        let mut bytes = [0; 256];
        loop {
            let len = manager.recv(&mut bytes).unwrap();
            if String::from_utf8_lossy(&bytes[..len]).contains(expected) {
                break;
            }
        }
    };
    let config = written(directory.path(), &configuration(directory.path()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_levelstore"));
    command.args(["serve", "--config", show(&config)]).env("NOTIFY_SOCKET", &socket);
    let running = Running::of(command);
    heard("READY=1");
    let (status, _) = running.terminate();
    assert!(status.success());
    heard("STOPPING=1");
}

#[test]
fn flags_of_the_go_server_are_taken() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), &configuration(directory.path()));
    let version = crate::run(&["serve", "-version"]);
    assert!(version.status.success() && version.stdout.starts_with(b"levelstore "));
    let arguments = ["-loglevel", "warn", "-logdate", "-dev", "-cleanup-checkpoints"];
    let mut all = vec!["serve", "-config", show(&path)];
    all.extend(arguments);
    let output = crate::run(&all);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("Z warning: -dev has no effect here"), "{told}");
}

#[test]
fn lines_are_sent_to_a_running_server_and_it_is_asked_from_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::ready(directory.path(), &configuration(directory.path()));
    let at = now() / 60 * 60 - 600;
    let good = directory.path().join("good.lp");
    fs::write(&good, format!("# two\n\nload,hostname=a01 value=0.1 {at}\n").repeat(2)).unwrap();
    let bad = directory.path().join("bad.lp");
    let lines = format!(
        "load,hostname=a01 value=2 {}\nload,hostname=a01 value=x {at}\nlord,hostname=a01 value=1 {at}",
        at + 120
    );
    fs::write(&bad, lines).unwrap();
    let url = format!("http://{}", running.address);
    let import = ["import", "--url", &url, "--cluster", "alex", "--json"];
    let sent = |file: &Path| crate::json(&[&import[..], &[show(file)]].concat());
    let (report, code) = sent(&good);
    assert_eq!((code, &report["lines"], &report["stored"]), (0, &json!(2), &json!(2)), "{report}");
    let (report, code) = sent(&bad);
    assert_eq!((code, &report["lines"], &report["stored"]), (1, &json!(3), &json!(1)), "{report}");
    assert_eq!(report["refused"], json!({"field_value": 1, "unknown_metric": 1}), "{report}");

    let of = ["--cluster", "alex", "--host", "a01", "--metric", "load", "--json"];
    let (answer, code) = crate::json(&[&["query", "--url", &url][..], &of].concat());
    assert_eq!(code, 0);
    assert_eq!(answer["data"], json!([0.1, null, 2.0]), "{answer}");
    assert_eq!((&answer["from"], &answer["samples"]), (&json!(at), &json!(2)), "{answer}");
    let none = crate::run(&[
        "query",
        "--url",
        &url,
        "--cluster",
        "alex",
        "--host",
        "b",
        "--metric",
        "load",
    ]);
    assert_eq!(none.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&none.stderr).contains("there is no such host"));
}

#[test]
fn what_is_published_to_nats_is_stored() {
    let nats = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nats.local_addr().unwrap().port();
    drop(nats);
    let port_text = port.to_string();
    let mut broker = Command::new("nats-server")
        .args(["-a", "127.0.0.1", "-p", &port_text])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = format!("127.0.0.1:{port}");
    wait_for("nats", || TcpStream::connect(&address).is_ok());

    let directory = tempfile::tempdir().unwrap();
    let mut configuration = configuration(directory.path());
    configuration["nats"]["address"] = json!(format!("nats://{address}"));
    configuration["metric-store"]["nats-subscriptions"] =
        json!([{"subscribe-to": "hpc-nats", "cluster-tag": "alex"}]);
    let running = Running::ready(directory.path(), &configuration);
    wait_for("connected", || running.metric("levelstore_nats_connections_total") == Some(1.0));

    let at = now() / 60 * 60 - 60;
    let line = format!("load,hostname=n01 value=2.5 {at}\n");
    let mut publisher = TcpStream::connect(&address).unwrap();
    wait_for("stored", || {
        write!(publisher, "CONNECT {{\"verbose\":false}}\r\nPUB hpc-nats {}\r\n", line.len())
            .unwrap();
        write!(publisher, "{line}\r\n").unwrap();
        running.series("n01", "load") == BTreeMap::from([(at, 2.5)])
    });
    broker.kill().unwrap();
    broker.wait().unwrap();
    let (status, told) = running.terminate();
    assert!(status.success(), "{told}");
}
