//! Asking a server over HTTP: the backend that knows the hosts in use, or a server of ours.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Proxy};

/// A server, and how it is asked.
pub(crate) struct Client {
    agent: Agent,
    base: String,
    token: Option<String>,
}

/// What it has answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `Retry-After`, in seconds.
    pub(crate) retry_after: Option<u64>,
    /// `X-Levelstore-Refused`.
    pub(crate) refused: u64,
    pub(crate) body: Vec<u8>,
}

impl Client {
    /// A server by its address, `http://…` or `https://…`. Every answer is to be there in time.
    pub(crate) fn new(url: &str, token: Option<String>, patience: Duration) -> Result<Self> {
        let is_url = url.starts_with("http://") || url.starts_with("https://");
        ensure!(is_url, "{url:?} is not an http:// or https:// address");
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(patience))
            .user_agent(concat!("levelstore/", env!("CARGO_PKG_VERSION")))
            .proxy(if is_own_machine(url) { None } else { Proxy::try_from_env() });
        if url.starts_with("https://") {
            config = config.tls_config(tls()?);
        }
        let base = url.trim_end_matches('/').to_owned();
        Ok(Self { agent: config.build().into(), base, token })
    }

    /// Asks for a path with its parameters. A longer answer is an error.
    pub(crate) fn get(&self, path: &str, bytes_max: u64) -> Result<Answer> {
        let url = format!("{}{path}", self.base);
        let mut request = self.agent.get(&url);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let done = request.call().map_err(anyhow::Error::new).and_then(|it| read(it, bytes_max));
        done.with_context(|| format!("GET {url}"))
    }

    /// Sends a body. A longer answer is an error.
    pub(crate) fn post(&self, path: &str, body: &[u8], bytes_max: u64) -> Result<Answer> {
        let url = format!("{}{path}", self.base);
        let mut request = self.agent.post(&url);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let done = request.send(body).map_err(anyhow::Error::new);
        done.and_then(|it| read(it, bytes_max)).with_context(|| format!("POST {url}"))
    }
}

fn read(mut response: ureq::http::Response<ureq::Body>, bytes_max: u64) -> Result<Answer> {
    let number = |name: &str| response.headers().get(name)?.to_str().ok()?.parse::<u64>().ok();
    let (retry_after, refused) = (number("retry-after"), number("x-levelstore-refused"));
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(bytes_max).read_to_vec()?;
    Ok(Answer { status, retry_after, refused: refused.unwrap_or(0), body })
}

/// Of one's own machine no proxy is asked.
fn is_own_machine(url: &str) -> bool {
    let behind = url.split_once("://").map_or(url, |(_, behind)| behind);
    ["localhost", "127.", "[::1]"].iter().any(|own| behind.starts_with(own))
}

/// The certificates that the system trusts.
fn tls() -> Result<TlsConfig> {
    let found = rustls_native_certs::load_native_certs();
    ensure!(!found.certs.is_empty(), "the system trusts no certificate: {:?}", found.errors);
    let roots: Vec<_> = found.certs.iter().map(|it| Certificate::from_der(it).to_owned()).collect();
    let builder = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(roots)));
    Ok(builder.unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider())).build())
}

/// The token in a file.
pub(crate) fn token(file: Option<&Path>) -> Result<Option<String>> {
    let Some(path) = file else { return Ok(None) };
    let token = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    Ok(Some(token.trim().to_owned()))
}

/// A value as a parameter of an address: everything but what needs no care is escaped.
pub(crate) fn escaped(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte.into());
            }
            _ => {
                let hex = |digit: u8| char::from(b"0123456789ABCDEF"[usize::from(digit & 15)]);
                out.extend(['%', hex(byte >> 4), hex(byte)]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_say_what_was_meant() {
        assert_eq!(escaped("a01.fritz_~-"), "a01.fritz_~-");
        assert_eq!(escaped("a b&c=d/%+"), "a%20b%26c%3Dd%2F%25%2B");
        assert_eq!(escaped("°"), "%C2%B0");
    }

    #[test]
    fn no_proxy_is_asked_for_the_own_machine() {
        assert!(is_own_machine("http://127.0.0.1:8082") && is_own_machine("https://localhost/x"));
        assert!(!is_own_machine("http://backend:8080"));
    }
}
