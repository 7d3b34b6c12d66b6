//! Subscriptions, against a real `nats-server` (Debian's package of that name).

use crate::world::World;
use async_nats::{Client, ConnectOptions};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::StreamExt;
use nkeys::{KeyPair, KeyPairType};
use serde_json::{Value, json};
use server::{Login, Nats, Subscription};
use std::net::TcpListener;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

const T: i64 = 1_700_000_040;
/// Longer than anything here takes, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A NATS server of our own, on loopback; it ends with the test.
struct Peer {
    port: u16,
    arguments: Vec<String>,
    child: Child,
}

impl Peer {
    async fn start(arguments: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let child = spawn(port, &arguments);
        let peer = Self { port, arguments, child };
        peer.wait().await;
        peer
    }

    async fn wait(&self) {
        let up = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, up).await.expect("nats-server starts");
    }

    async fn restart(&mut self) {
        self.child.kill().await.unwrap();
        sleep(Duration::from_millis(300)).await;
        self.child = spawn(self.port, &self.arguments);
        self.wait().await;
    }

    fn address(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    async fn publisher(&self) -> Client {
        async_nats::connect(self.address()).await.unwrap()
    }
}

fn spawn(port: u16, arguments: &[String]) -> Child {
    let mut command = Command::new("nats-server");
    command.args(["-a", "127.0.0.1", "-p", &port.to_string()]).args(arguments).kill_on_drop(true);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command.spawn().expect("nats-server is installed")
}

/// A server that subscribes, until it is stopped.
struct Subscribed {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl World {
    fn subscribe(
        &self,
        peer: &Peer,
        login: Login,
        subjects: &[(&str, Option<&str>)],
    ) -> Subscribed {
        let subscriptions = subjects.iter().map(|&(subject, cluster)| Subscription {
            subject: subject.to_owned(),
            cluster: cluster.map(str::to_owned),
        });
        let nats = Nats {
            address: peer.address(),
            login,
            subscriptions: subscriptions.collect(),
            queue_bytes_max: 64 << 20,
        };
        self.subscribe_to(nats)
    }

    fn subscribe_to(&self, nats: Nats) -> Subscribed {
        let (stop, stopped) = oneshot::channel();
        let server = self.server.clone();
        let task = tokio::spawn(async move {
            server.subscribe(nats, async { drop(stopped.await) }).await.unwrap();
        });
        Subscribed { stop, task }
    }

    /// A counter of `/metrics`.
    async fn counter(&self, name: &str) -> u64 {
        let page = self.ask("GET", "/metrics", "").await;
        let line = page.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is in {}", page.text())).parse().unwrap()
    }

    async fn wait_for(&self, name: &str, value: u64) {
        let reached = async {
            while self.counter(name).await < value {
                sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached)
            .await
            .unwrap_or_else(|_| panic!("{name} gets to {value}"));
        assert_eq!(self.counter(name).await, value, "{name}");
    }

    async fn values(&self, cluster: &str, host: &str, to: i64) -> Value {
        let request = json!({"cluster": cluster, "from": T, "to": to,
            "queries": [{"metric": "cpu_load", "host": host}]});
        self.query(&request.to_string()).await.json()["results"][0][0]["data"].clone()
    }
}

impl Subscribed {
    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }
}

const STORED: &str = "levelstore_ingest_samples_total{source=\"nats\"}";
const CONNECTIONS: &str = "levelstore_nats_connections_total";

async fn publish(client: &Client, subject: &str, body: String) {
    client.publish(subject.to_owned(), body.into()).await.unwrap();
    client.flush().await.unwrap();
}

/// Until the subscriptions are there: NATS keeps nothing for those who come later.
async fn until_subscribed(world: &World, client: &Client, subject: &str) {
    let messages = world.counter("levelstore_nats_messages_total").await;
    while world.counter("levelstore_nats_messages_total").await == messages {
        publish(client, subject, String::new()).await;
        sleep(Duration::from_millis(20)).await;
    }
    sleep(Duration::from_millis(200)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_several_subjects_go_to_the_cluster_of_tag_subscription_or_subject() {
    let peer = Peer::start(&[]).await;
    let world = World::new();
    let subjects = [("lines", Some("fritz")), ("site.*.lines", None), ("plain", None)];
    let subscribed = world.subscribe(&peer, Login::Anonymous, &subjects);
    let client = peer.publisher().await;
    until_subscribed(&world, &client, "plain").await;
    for (subject, host, tag) in [
        ("lines", "h1", ""),
        ("lines", "h2", ",cluster=alex"),
        ("site.meggie.lines", "h3", ""),
        ("plain", "h4", ",cluster=woody"),
        ("other", "h5", ",cluster=woody"),
    ] {
        publish(&client, subject, format!("cpu_load{tag},hostname={host} value=1.5 {T}\nbad\n"))
            .await;
    }
    world.wait_for(STORED, 4).await;
    for (cluster, host) in [("fritz", "h1"), ("alex", "h2"), ("meggie", "h3"), ("woody", "h4")] {
        assert_eq!(world.values(cluster, host, T + 60).await, json!([1.5]), "{cluster} {host}");
    }
    assert_eq!(world.store.engine.clusters().len(), 4);
    world
        .wait_for("levelstore_ingest_refused_total{source=\"nats\",reason=\"no_fields\"}", 4)
        .await;
    subscribed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_server_that_restarts_is_subscribed_to_again() {
    let mut peer = Peer::start(&[]).await;
    let world = World::new();
    let subscribed = world.subscribe(&peer, Login::Anonymous, &[("lines", Some("c"))]);
    for round in 1..=3 {
        let client = peer.publisher().await;
        world.wait_for(CONNECTIONS, round).await;
        until_subscribed(&world, &client, "lines").await;
        let time = T + 60 * i64::try_from(round).unwrap();
        publish(&client, "lines", format!("cpu_load,hostname=h value={round} {time}")).await;
        world.wait_for(STORED, round).await;
        peer.restart().await;
    }
    subscribed.stop().await;
    assert_eq!(world.values("c", "h", T + 300).await, json!([null, 1.0, 2.0, 3.0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_server_that_is_not_there_yet_is_waited_for() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let world = World::new();
    let subscribed = world.subscribe_to(Nats {
        address: format!("nats://127.0.0.1:{port}"),
        login: Login::Anonymous,
        subscriptions: vec![Subscription { subject: "lines".to_owned(), cluster: None }],
        queue_bytes_max: 1 << 20,
    });
    sleep(Duration::from_millis(500)).await;
    let peer = Peer { port, arguments: Vec::new(), child: spawn(port, &[]) };
    peer.wait().await;
    world.wait_for(CONNECTIONS, 1).await;
    let client = peer.publisher().await;
    until_subscribed(&world, &client, "lines").await;
    subscribed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_received_is_written_when_the_server_stops() {
    let peer = Peer::start(&[]).await;
    let world = World::new();
    let subscribed = world.subscribe(&peer, Login::Anonymous, &[("lines", Some("c"))]);
    let client = peer.publisher().await;
    until_subscribed(&world, &client, "lines").await;
    let count = 5_000;
    for number in 0..count {
        let body = format!("cpu_load,hostname=h{} value={number} {}", number % 7, T + number * 60);
        client.publish("lines", body.into()).await.unwrap();
    }
    // All of them are with the NATS server, or what was sent behind them would not be back; how many
    // have come from there to the subscription, nobody knows.
    let mut last = client.subscribe("last").await.unwrap();
    client.publish("last", "".into()).await.unwrap();
    last.next().await.unwrap();
    subscribed.stop().await;
    assert_eq!(world.counter(STORED).await, u64::try_from(count).unwrap());
    assert_eq!(world.store.engine.hosts("c").len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_the_queue_is_counted() {
    let peer = Peer::start(&[]).await;
    let world = World::new();
    let subscribed = world.subscribe_to(Nats {
        address: peer.address(),
        login: Login::Anonymous,
        subscriptions: vec![Subscription { subject: "lines".to_owned(), cluster: None }],
        queue_bytes_max: 200,
    });
    let client = peer.publisher().await;
    until_subscribed(&world, &client, "lines").await;
    let long = "#".repeat(200);
    publish(&client, "lines", format!("cpu_load,cluster=c,hostname=h value=1 {T}\n{long}")).await;
    world.wait_for("levelstore_nats_dropped_total", 1).await;
    publish(&client, "lines", format!("cpu_load,cluster=c,hostname=h value=1 {T}")).await;
    world.wait_for(STORED, 1).await;
    subscribed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_needs_the_password() {
    let peer = Peer::start(&["--user", "levelstore", "--pass", "secret"]).await;
    let login = |password: &str| Login::User {
        name: "levelstore".to_owned(),
        password: password.to_owned(),
    };
    assert!(!format!("{:?}", login("secret")).contains("secret"));
    let [right, wrong] = [World::new(), World::new()];
    let subscribed = right.subscribe(&peer, login("secret"), &[("lines", Some("c"))]);
    let refused = wrong.subscribe(&peer, login("wrong"), &[("lines", Some("c"))]);
    let options =
        ConnectOptions::with_user_and_password("levelstore".to_owned(), "secret".to_owned());
    let client = options.connect(peer.address()).await.unwrap();
    until_subscribed(&right, &client, "lines").await;
    publish(&client, "lines", format!("cpu_load,hostname=h value=1 {T}")).await;
    right.wait_for(STORED, 1).await;
    assert_eq!((wrong.counter(CONNECTIONS).await, wrong.counter(STORED).await), (0, 0));
    for subscribed in [subscribed, refused] {
        tokio::time::timeout(PATIENCE, subscribed.stop()).await.expect("it stops");
    }
}

/// A token as NATS has them.
fn token(issuer: &KeyPair, subject: &KeyPair, nats: &Value) -> String {
    let claims = json!({"jti": "1", "iat": 1_700_000_000, "name": "levelstore",
        "iss": issuer.public_key(), "sub": subject.public_key(), "nats": nats});
    let part = |json: String| BASE64_URL_SAFE_NO_PAD.encode(json);
    let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let signed = format!("{}.{}", part(header.to_string()), part(claims.to_string()));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(issuer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_as_good_as_a_password() {
    let kinds = [KeyPairType::Operator, KeyPairType::Account, KeyPairType::User];
    let [operator, account, user] = kinds.map(|kind| KeyPair::new_from_raw(kind, [7; 32]).unwrap());
    let limits = json!({"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
        "wildcards": true, "conn": -1, "leaf": -1});
    let of_operator = token(&operator, &operator, &json!({"type": "operator", "version": 2}));
    let of_account = json!({"limits": limits, "type": "account", "version": 2});
    let of_account = token(&operator, &account, &of_account);
    let of_user = json!({"pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1,
        "type": "user", "version": 2});
    let of_user = token(&account, &user, &of_user);
    let credentials = format!(
        "-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed().unwrap()
    );
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("nats.conf");
    let preload = format!("{{ {}: {of_account} }}", account.public_key());
    let text = format!("operator: {of_operator}\nresolver: MEMORY\nresolver_preload: {preload}\n");
    std::fs::write(&config, text).unwrap();
    let peer = Peer::start(&["-c", config.to_str().unwrap()]).await;

    let [right, wrong] = [World::new(), World::new()];
    let login = Login::Credentials(credentials.clone());
    assert!(!format!("{login:?}").contains(&user.seed().unwrap()));
    let subscribed = right.subscribe(&peer, login, &[("lines", Some("c"))]);
    let refused = wrong.subscribe(&peer, Login::Anonymous, &[("lines", Some("c"))]);
    let options = ConnectOptions::with_credentials(&credentials).unwrap();
    let client = options.connect(peer.address()).await.unwrap();
    until_subscribed(&right, &client, "lines").await;
    publish(&client, "lines", format!("cpu_load,hostname=h value=1 {T}")).await;
    right.wait_for(STORED, 1).await;
    assert_eq!((wrong.counter(CONNECTIONS).await, wrong.counter(STORED).await), (0, 0));
    for subscribed in [subscribed, refused] {
        tokio::time::timeout(PATIENCE, subscribed.stop()).await.expect("it stops");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_subscription_is_told_at_once() {
    let peer = Peer::start(&[]).await;
    let nats = |login: Login, address: &str, subject: &str| Nats {
        address: address.to_owned(),
        login,
        subscriptions: vec![Subscription { subject: subject.to_owned(), cluster: None }],
        queue_bytes_max: 1 << 20,
    };
    let (good, address) = (Login::Anonymous, peer.address());
    let bad = Login::Credentials("no credentials".to_owned());
    for (nats, error) in [
        (nats(bad, &address, "lines"), "nats credentials cannot be used"),
        (nats(good.clone(), "nats://[", "lines"), "nats address nats://["),
        (nats(good.clone(), &address, ""), "nats subject "),
        (nats(good, &address, "a b"), "nats subject a b"),
    ] {
        let world = World::new();
        let told =
            tokio::time::timeout(PATIENCE, world.server.subscribe(nats, std::future::pending()));
        let told = told.await.expect("at once").unwrap_err().to_string();
        assert!(told.starts_with(error), "{told}");
    }
}
