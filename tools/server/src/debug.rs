//! `/api/debug`: what the memory holds, as JSON.
//!
//! Every level has the same shape, `{"metrics":{…},"children":{…}}`, the root and the clusters
//! included. One host is locked at a time.

use crate::json::push_string;
use crate::parameters::Parameters;
use crate::reply::{self, Answered};
use crate::state::{Server, streamed};
use crate::store::Store;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode};
use checkpointer::memstore::{Host, MAX_NAME_LEN};
use std::sync::Arc;
use std::vec;

pub(crate) async fn answer(State(server): State<Arc<Server>>, request: Request<Body>) -> Answered {
    let selector = Parameters::of(request.uri()).get("selector").unwrap_or_default().into_owned();
    let store = server.ready_store()?;
    let content_type = HeaderValue::from_static("application/json");
    streamed(server, content_type, move || {
        Dump::new(store, &selector).ok_or_else(|| {
            let message = format!("there is no level {selector}");
            reply::error(StatusCode::NOT_FOUND, &message).into()
        })
    })
    .await
}

/// A dump in chunks of one host each.
struct Dump {
    store: Arc<Store>,
    steps: vec::IntoIter<Step>,
    /// How many levels around the hosts are open.
    open: usize,
    is_first: bool,
}

enum Step {
    Cluster(String),
    Host {
        cluster: String,
        host: String,
    },
    /// A level by itself, found before.
    Level(Vec<u8>),
    EndOfCluster,
    End,
}

impl Dump {
    /// None if there is no such level.
    fn new(store: Arc<Store>, selector: &str) -> Option<Self> {
        let parts: Vec<&str> =
            if selector.is_empty() { Vec::new() } else { selector.split(':').collect() };
        let steps = match &parts[..] {
            [] => {
                let clusters = store.engine.clusters().into_iter();
                let each = clusters.flat_map(|cluster| {
                    let hosts = hosts(&store, &cluster);
                    [Step::Cluster(cluster)].into_iter().chain(hosts).chain([Step::EndOfCluster])
                });
                each.chain([Step::End]).collect::<Vec<_>>()
            }
            [cluster] => {
                let hosts = hosts(&store, cluster);
                if hosts.is_empty() {
                    return None;
                }
                hosts.into_iter().chain([Step::End]).collect()
            }
            [cluster, host, path @ ..] => {
                let dump = |host: &Host| level(&store, host, path);
                vec![Step::Level(store.read(cluster, host, dump).ok()???)]
            }
        };
        Some(Self { store, steps: steps.into_iter(), open: 0, is_first: true })
    }

    fn write(&mut self, out: &mut Vec<u8>, step: Step) {
        match step {
            Step::Cluster(cluster) => {
                self.name(out, cluster.as_bytes());
                out.extend_from_slice(b"{\"metrics\":{},\"children\":{");
                self.is_first = true;
            }
            Step::Host { cluster, host } => {
                let dump = self.store.read(&cluster, &host, |host| level(&self.store, host, &[]));
                // One that is offline, or has gone since, has nothing to show.
                if let Ok(Some(Some(dump))) = dump {
                    self.name(out, host.as_bytes());
                    out.extend_from_slice(&dump);
                }
            }
            Step::Level(dump) => out.extend_from_slice(&dump),
            Step::EndOfCluster | Step::End => {
                out.extend_from_slice(b"}}");
                self.is_first = false;
            }
        }
    }

    fn name(&mut self, out: &mut Vec<u8>, name: &[u8]) {
        if !std::mem::take(&mut self.is_first) {
            out.push(b',');
        }
        push_string(out, name);
        out.push(b':');
    }
}

impl Iterator for Dump {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let step = self.steps.next()?;
        let mut out = Vec::new();
        if self.open == 0 && !matches!(step, Step::Level(_)) {
            self.open = 1;
            out.extend_from_slice(b"{\"metrics\":{},\"children\":{");
        }
        self.write(&mut out, step);
        if self.steps.len() == 0 {
            out.push(b'\n');
        }
        Some(out)
    }
}

fn hosts(store: &Store, cluster: &str) -> Vec<Step> {
    let hosts = store.engine.hosts(cluster).into_iter();
    hosts.map(|host| Step::Host { cluster: cluster.to_owned(), host }).collect()
}

/// A level of a host and all below it; None if there is no such level.
fn level(store: &Store, host: &Host, parts: &[&str]) -> Option<Vec<u8>> {
    let path = path(host, parts)?;
    let path: Vec<&[u8]> = path.iter().map(Vec::as_slice).collect();
    let mut out = Vec::new();
    host.dump_json(store.catalogue(), &path, &mut out).ok()?.then_some(out)
}

/// The names of levels that colons were put between. Names may have colons themselves, as those of
/// accelerators do: of the levels that are there, the one with the shortest name is taken.
fn path(host: &Host, parts: &[&str]) -> Option<Vec<Vec<u8>>> {
    let mut path: Vec<Vec<u8>> = Vec::new();
    let mut rest = parts;
    while !rest.is_empty() {
        let level: Vec<&[u8]> = path.iter().map(Vec::as_slice).collect();
        let children: Vec<&[u8]> = host.children(&level)?.collect();
        let names = (1..=rest.len()).map(|len| (len, rest[..len].join(":").into_bytes()));
        let (len, name) = names
            .take_while(|(_, name)| name.len() <= MAX_NAME_LEN)
            .find(|(_, name)| children.binary_search(&&name[..]).is_ok())?;
        path.push(name);
        rest = &rest[len..];
    }
    Some(path)
}
