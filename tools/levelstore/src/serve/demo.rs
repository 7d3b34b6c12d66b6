//! `serve --demo`: a simulated cluster that sends to the server as collectors do, over HTTP.

use crate::client::Client;
use crate::generate::Cluster;
use anyhow::{Result, ensure};
use std::io::Write;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) const CLUSTER: &str = "sim";
const HOSTS: u32 = 20;
const MINUTE: u64 = 60;
/// Sent at once at the start, so that there is something to be seen.
const HISTORY_MINUTES: u64 = 60;
const PATIENCE: Duration = Duration::from_secs(30);

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Sends the last hour, and from then on every minute what the hosts measure.
pub(super) fn start(address: SocketAddr) -> Result<()> {
    let client = Client::new(&format!("http://{address}"), None, PATIENCE)?;
    let start = (now() / MINUTE).saturating_sub(HISTORY_MINUTES) * MINUTE;
    let mut cluster = Cluster::new(CLUSTER, HOSTS, start)?;
    let send = move || {
        loop {
            let wait = cluster.next_minute().saturating_sub(now());
            thread::sleep(Duration::from_secs(wait));
            if let Err(error) = send_minute(&client, &mut cluster) {
                tracing::warn!("demo: {error:#}");
            }
        }
    };
    thread::Builder::new().name("demo".into()).spawn(send)?;
    Ok(())
}

fn send_minute(client: &Client, cluster: &mut Cluster) -> Result<()> {
    for body in cluster.minute()? {
        let answer = client.post("/api/write", &body, 1 << 20)?;
        ensure!(answer.status == 200, "a host's minute was answered {}", answer.status);
    }
    Ok(())
}

/// What to open, and what to type.
pub(super) fn print(address: SocketAddr, data: &str, out: &mut impl Write) -> Result<()> {
    let url = format!("http://{address}");
    writeln!(
        out,
        "A simulated cluster, `{CLUSTER}`, of {HOSTS} hosts with 632 series each sends every minute; its last
hour is there in a moment. Data is in {data}. Ctrl-C saves everything and ends it.

Open in a browser:
  {url}/metrics
  {url}/-/ready
  {url}/api/v1/series?cluster={CLUSTER}&host=n00001&metric=cpu_load

Type in another terminal:
  curl '{url}/api/v1/series?cluster={CLUSTER}&host=n00001&metric=cpu_load&format=csv'
  curl '{url}/api/v1/series?cluster={CLUSTER}&host=n00002&metric=mem_bw&device=socket0'
  curl -X GET {url}/api/query -d '{{\"cluster\":\"{CLUSTER}\",\"from\":'$(date -d-10min +%s)',\"to\":'$(date +%s)',\"queries\":[{{\"metric\":\"cpu_load\",\"host\":\"n00001\"}}]}}'
  curl {url}/api/write?cluster=mine -d \"cpu_load,hostname=h1 value=0.5 $(date -d-1min +%s)\"
  curl '{url}/api/v1/series?cluster=mine&host=h1&metric=cpu_load'
"
    )?;
    Ok(out.flush()?)
}
