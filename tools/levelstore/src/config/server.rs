//! The sections `main` and `nats`: where the server listens, who may ask, and what it connects to.

use super::section::Section;
use serde::{Serialize, Serializer};
use std::fmt;
use std::path::PathBuf;

/// The section `main`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Main {
    pub(crate) addr: Address,
    #[serde(flatten)]
    pub(crate) tls: Option<Tls>,
    pub(crate) jwt_public_key: Option<PublicKey>,
    /// Whom a token must name as its role to free and to debug; none: any token will do.
    pub(crate) jwt_admin_role: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) backend_url: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Tls {
    #[serde(rename = "https-cert-file")]
    pub(crate) certificate: PathBuf,
    #[serde(rename = "https-key-file")]
    pub(crate) key: PathBuf,
}

/// Where to listen. Without a host: on all interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// The raw bytes of an Ed25519 key. Whether they are a point of the curve, whoever uses it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey(pub(crate) [u8; 32]);

/// The section `nats`, if it has an address.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Nats {
    pub(crate) address: String,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) creds_file_path: Option<PathBuf>,
}

/// What nobody is to see.
pub(crate) struct Secret(String);

impl Main {
    /// None if something is wrong with the section; then the findings say what.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let addr = address(section);
        let tls = tls(section);
        let has_key = section.is_set("jwt-public-key");
        let jwt_public_key = public_key(section);
        let jwt_admin_role = section.text("jwt-admin-role");
        if jwt_admin_role.is_some() && !has_key {
            section.doubt("jwt-admin-role", "has no effect without jwt-public-key");
        }
        debug(section);
        Some(Self {
            jwt_admin_role,
            user: section.text("user"),
            group: section.text("group"),
            backend_url: backend_url(section),
            addr: addr?,
            tls,
            jwt_public_key,
        })
    }
}

fn address(section: &mut Section<'_>) -> Option<Address> {
    let is_set = section.is_set("addr");
    let mut text = section.text("addr");
    if !is_set {
        section.doubt("addr", "is not set: port 80 on all interfaces, as in the Go server");
        text = Some(":80".into());
    }
    let text = text?;
    let address = Address::parse(&text);
    if address.is_none() {
        section.fault("addr", format!("{text:?} is not `host:port` with a port up to 65535"));
    }
    address
}

fn tls(section: &mut Section<'_>) -> Option<Tls> {
    let (certificate, key) = ("https-cert-file", "https-key-file");
    // Plain HTTP, as in the Go server, is not what somebody wants who names one of them.
    for (given, other) in [(certificate, key), (key, certificate)] {
        if section.is_set(given) && !section.is_set(other) {
            section.fault(other, format!("is missing beside {given}"));
        }
    }
    let (certificate, key) = (section.text(certificate), section.text(key));
    Some(Tls { certificate: certificate?.into(), key: key?.into() })
}

fn public_key(section: &mut Section<'_>) -> Option<PublicKey> {
    let text = section.text("jwt-public-key")?;
    let key = base64(text.trim_ascii().as_bytes());
    let key = key.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    if key.is_none() {
        section.fault("jwt-public-key", "is not the standard base64 of the 32 bytes of a key");
    }
    key.map(PublicKey)
}

fn backend_url(section: &mut Section<'_>) -> Option<String> {
    let url = section.text("backend-url")?;
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let is_url = |host: &str| !host.is_empty() && !host.starts_with('/') && is_visible(&url);
    if !host.is_some_and(is_url) {
        section.fault("backend-url", format!("{url:?} is not an http:// or https:// address"));
    }
    Some(url)
}

/// The Go server's aids for its own debugging: known, and without effect here.
pub(super) fn debug(section: &mut Section<'_>) {
    section.section("debug", |debug| {
        if debug.text("dump-to-file").is_some() {
            debug.doubt("dump-to-file", "has no effect here");
        }
        if debug.flag("gops") == Some(true) {
            debug.doubt("gops", "has no effect here");
        }
    });
}

impl Nats {
    /// None without an address.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        if section.is_set("username") && !section.is_set("password") {
            section.doubt("username", "is not used without a password");
        }
        let (username, password) = (section.text("username"), section.text("password"));
        let creds_file_path = section.text("creds-file-path").map(PathBuf::from);
        let address = section.text("address");
        // The client takes several servers, and names without a scheme.
        if address.as_ref().is_some_and(|address| !is_visible(address)) {
            section.fault("address", "has blanks or control characters");
        }
        Some(Self {
            address: address?,
            username: username.filter(|_| password.is_some()),
            password: password.map(Secret),
            creds_file_path,
        })
    }
}

/// Whether a text has no blanks and no control characters.
pub(super) fn is_visible(text: &str) -> bool {
    !text.chars().any(|char| char.is_whitespace() || char.is_control())
}

impl Address {
    /// `host:port`, `:port`, `[::1]:port`; for the port, `http` and `https` too.
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_host = match inner {
            Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.contains([':', '/', '[', ']']) && is_visible(host),
        };
        let port = match port {
            "http" => Some(80),
            "https" => Some(443),
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
            _ => None,
        };
        let host = inner.unwrap_or(host).into();
        port.filter(|_| is_host).map(|port| Self { host, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hex = self.0.map(|byte| format!("{byte:02x}")).concat();
        serializer.serialize_str(&format!("hex {hex}"))
    }
}

impl Secret {
    const SHOWN: &str = "(not shown)";

    /// What it is, for whoever logs in with it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::SHOWN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.0.is_empty() { "" } else { Self::SHOWN })
    }
}

/// Bytes of standard base64, with its padding.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (groups, rest) = text.as_chunks::<4>();
    for (index, group) in groups.iter().enumerate() {
        let padding = group.iter().rev().take_while(|byte| **byte == b'=').count();
        if padding > 2 || (padding > 0 && index + 1 < groups.len()) {
            return None;
        }
        let (digits, _) = group.split_at(4 - padding);
        let bits = digits.iter().try_fold(0_u32, |bits, byte| Some(bits << 6 | sextet(*byte)?))?;
        // The first byte stands in the highest bits of the 24.
        let [third, second, first, _] = (bits << (6 * padding)).to_le_bytes();
        bytes.extend(&[first, second, third][..3 - padding]);
    }
    rest.is_empty().then_some(bytes)
}

fn sextet(byte: u8) -> Option<u32> {
    let sextet = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(sextet.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_that_go_listens_on() {
        let is = |host: &str, port| Some(Address { host: host.into(), port });
        for (text, expected) in [
            ("0.0.0.0:8082", is("0.0.0.0", 8082)),
            ("localhost:80", is("localhost", 80)),
            (":8082", is("", 8082)),
            ("[::1]:8082", is("::1", 8082)),
            ("[::]:0", is("::", 0)),
            (":http", is("", 80)),
            ("host:https", is("host", 443)),
            ("8082", None),
            ("host:", None),
            ("host:65536", None),
            ("host:+80", None),
            ("host:-1", None),
            ("::1:80", None),
            ("[localhost]:80", None),
            ("http://host:80", None),
            ("a b:80", None),
        ] {
            assert_eq!(Address::parse(text), expected, "{text}");
        }
        assert_eq!(Address::parse("[::1]:80").unwrap().to_string(), "[::1]:80");
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        // RFC 4648, section 10.
        for (text, bytes) in [
            ("", Some("")),
            ("Zg==", Some("f")),
            ("Zm8=", Some("fo")),
            ("Zm9v", Some("foo")),
            ("Zm9vYg==", Some("foob")),
            ("Zm9vYmE=", Some("fooba")),
            ("Zm9vYmFy", Some("foobar")),
            ("Zg", None),
            ("Zg=", None),
            ("Z===", None),
            ("Zg==Zg==", None),
            ("Zm9-", None),
            ("Zm=v", None),
        ] {
            assert_eq!(base64(text.as_bytes()), bytes.map(|bytes| bytes.as_bytes().to_vec()));
        }
        assert_eq!(base64(b"+/+/"), Some(vec![0xFB, 0xFF, 0xBF]));
    }
}
