//! Everything before the first thread: the configuration, the port, files that only root may read,
//! and whom to be afterwards.

use super::{Options, privileges};
use crate::config::{self, Address, Config, Finding, Main};
use anyhow::{Context, Result};
use rustix::process::{Resource, getrlimit, setrlimit};
use server::{Login, Nats, Subscription, Tls, Tokens};
use std::fs;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;

/// Where the simulated cluster's data is.
const DEMO_DIRECTORY: &str = "./var/demo/checkpoints";
const DIRECTORY: &str = "./var/checkpoints";
/// How many bytes of messages may wait to be written.
const NATS_QUEUE_BYTES_MAX: u64 = 256 << 20;

/// A server that is about to live.
pub(super) struct Opened {
    pub(super) config: Arc<Config>,
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
    pub(super) tls: Option<Tls>,
    pub(super) tokens: Option<Tokens>,
    pub(super) nats: Option<Nats>,
    pub(super) is_demo: bool,
    pub(super) strict: bool,
}

/// The configuration. What is doubtful in it is told; with a fault there is no start.
pub(super) fn config(options: &Options) -> Result<Config> {
    let Some(path) = &options.config else {
        let directory = if options.demo { DEMO_DIRECTORY } else { DIRECTORY };
        return config::built_in(directory).context("the built-in configuration has a fault");
    };
    let (config, findings) = config::read(path);
    let mut faults = Vec::new();
    for finding in findings {
        match finding {
            Finding::Fault(key, what) if key.is_empty() => faults.push(what),
            Finding::Fault(key, what) => faults.push(format!("{key}: {what}")),
            Finding::Unknown(key) => tracing::warn!("configuration: {key}: is unknown"),
            Finding::Doubt(key, what) => tracing::warn!("configuration: {key}: {what}"),
        }
    }
    let config = config.filter(|_| faults.is_empty());
    let config = config.with_context(|| format!("{}: {}", path.display(), faults.join("; ")))?;
    Ok(config)
}

/// Opens the port and what else may need privileges, then lets go of those.
pub(super) fn open(config: Config, options: &Options) -> Result<Opened> {
    raise_file_limit();
    let main = &config.main;
    let listener = bind(&main.addr).with_context(|| format!("listen on {}", main.addr))?;
    let address = listener.local_addr().context("address of the listener")?;
    let tls = tls(main)?;
    let key = main.jwt_public_key.map(|key| Tokens::of_key(key.0, main.jwt_admin_role.clone()));
    if key.is_none() && !address.ip().is_loopback() {
        tracing::warn!(
            "main.jwt-public-key is not set: everybody who reaches {address} may read, write and free"
        );
    }
    let nats = nats(&config)?;
    privileges::drop_to(main.user.as_deref(), main.group.as_deref())?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!("listening on {scheme}://{address}");
    let (is_demo, strict) = (options.demo, options.strict);
    let config = Arc::new(config);
    Ok(Opened { config, listener, address, tls, tokens: key, nats, is_demo, strict })
}

/// Connections and segments of the log need more descriptors than a shell gives.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!("limit of open files cannot be raised: {error}");
    }
}

/// Without a host on all interfaces, those of IPv6 among them where there are any.
fn bind(address: &Address) -> Result<TcpListener> {
    let listener = if address.host.is_empty() {
        TcpListener::bind(("::", address.port))
            .or_else(|_| TcpListener::bind(("0.0.0.0", address.port)))?
    } else {
        let addresses: Vec<_> = (&*address.host, address.port).to_socket_addrs()?.collect();
        TcpListener::bind(&*addresses)?
    };
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn tls(main: &Main) -> Result<Option<Tls>> {
    let Some(files) = &main.tls else { return Ok(None) };
    let read = |key: &str, path: &Path| {
        fs::read(path).with_context(|| format!("main.{key}: read {}", path.display()))
    };
    let certificate = read("https-cert-file", &files.certificate)?;
    let key = read("https-key-file", &files.key)?;
    Ok(Some(Tls::from_pem(&certificate, &key)?))
}

fn nats(config: &Config) -> Result<Option<Nats>> {
    let Some(nats) = &config.nats else { return Ok(None) };
    let login = match (&nats.creds_file_path, &nats.username, &nats.password) {
        (Some(path), ..) => {
            let context = || format!("nats.creds-file-path: read {}", path.display());
            Login::Credentials(fs::read_to_string(path).with_context(context)?)
        }
        (None, Some(name), Some(password)) => {
            Login::User { name: name.clone(), password: password.reveal().into() }
        }
        _ => Login::Anonymous,
    };
    let subscriptions = config.metric_store.nats_subscriptions.iter();
    let subscriptions: Vec<_> = subscriptions
        .map(|one| Subscription {
            subject: one.subscribe_to.clone(),
            cluster: one.cluster_tag.clone(),
        })
        .collect();
    if subscriptions.is_empty() {
        tracing::warn!("nats.address: nothing is subscribed to");
        return Ok(None);
    }
    let (address, queue_bytes_max) = (nats.address.clone(), NATS_QUEUE_BYTES_MAX);
    Ok(Some(Nats { address, login, subscriptions, queue_bytes_max }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_has_no_fault_and_is_for_this_machine_alone() {
        let config = config::built_in(DIRECTORY).unwrap();
        assert_eq!(config.main.addr.host, "127.0.0.1");
        assert_eq!(config.metric_store.memory_cap, None);
        assert!(config.metrics.metrics().count() > 30);
    }
}
