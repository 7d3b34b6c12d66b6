//! What the service manager is told: datagrams to the socket that it names, as `sd_notify(3)` says.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The service manager, if there is one that wants to hear.
#[derive(Debug)]
pub(super) struct Notify {
    to: Option<(UnixDatagram, SocketAddr)>,
}

impl Notify {
    pub(super) fn from_environment() -> Self {
        let name = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        let to = name.map(|name| connect(&name)).transpose();
        if let Err(error) = &to {
            tracing::warn!("service manager cannot be told: {error}");
        }
        Self { to: to.ok().flatten() }
    }

    /// The service works from here on.
    pub(super) fn ready(&self) {
        self.send("READY=1");
    }

    /// It is about to end.
    pub(super) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// What it is doing, in a line.
    pub(super) fn status(&self, status: &str) {
        self.send(&format!("STATUS={}", status.replace('\n', " ")));
    }

    fn send(&self, message: &str) {
        if let Some((socket, to)) = &self.to
            && let Err(error) = socket.send_to_addr(message.as_bytes(), to)
        {
            tracing::debug!("service manager was not told: {error}");
        }
    }
}

/// A name that begins with `@` is one that no file system has.
fn connect(name: &OsString) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes() {
        [b'@', abstract_name @ ..] => SocketAddr::from_abstract_name(abstract_name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    // Whoever does not take what it is told must not keep us.
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_told_whether_a_file_or_a_name_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let unnamed = format!("levelstore-test-{}", std::process::id());
        let of_name = SocketAddr::from_abstract_name(&unnamed).unwrap();
        for (name, address) in [
            (path.clone().into_os_string(), SocketAddr::from_pathname(&path).unwrap()),
            (format!("@{unnamed}").into(), of_name),
        ] {
            let manager = UnixDatagram::bind_addr(&address).unwrap();
            let notify = Notify { to: Some(connect(&name).unwrap()) };
            notify.status("two\nlines");
            notify.ready();
            let mut bytes = [0; 64];
            for expected in ["STATUS=two lines", "READY=1"] {
                let len = manager.recv(&mut bytes).unwrap();
                assert_eq!(&bytes[..len], expected.as_bytes());
            }
        }
    }
}
