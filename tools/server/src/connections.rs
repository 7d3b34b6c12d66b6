//! Connections: accepted, served, and brought to an end.

use crate::stall::Unstalled;
use crate::state::Server;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};

/// How long a client may take to agree on a cipher.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long to wait where no connection can be accepted, for want of descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The longest head of a request: tokens are long, and there can be parameters.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// How serving came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every request that had begun was answered.
    All,
    /// Some took longer than [`Limits::drain`](crate::Limits::drain), and were cut off.
    CutOff {
        /// How many connections were.
        connections: usize,
    },
}

/// A certificate with its key, for HTTPS.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

/// Why there is no HTTPS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificates cannot be read.
    #[error("certificates cannot be read: {0}")]
    Certificates(pem::Error),
    /// The private key cannot be read.
    #[error("private key cannot be read: {0}")]
    Key(pem::Error),
    /// They do not go together.
    #[error("certificate and private key cannot be used: {0}")]
    Unusable(rustls::Error),
}

impl Tls {
    /// Takes a chain of certificates and the key of the first, both as PEM.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if they cannot be read, or do not go together.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(TlsError::Certificates)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::Key)?;
        // Named, as there may be several in one program, and none would be the default then.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
        let mut config = config.map_err(TlsError::Unusable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Server {
    /// Answers the connections of a listener until `stop` is there; then no more are accepted, and
    /// requests that have begun are answered.
    pub async fn serve(
        self: &Arc<Self>,
        listener: TcpListener,
        tls: Option<Tls>,
        stop: impl Future<Output = ()>,
    ) -> Drained {
        let graceful = GracefulShutdown::new();
        let slots =
            Arc::new(Semaphore::new(self.limits.connections_max.clamp(1, Semaphore::MAX_PERMITS)));
        let service = TowerToHyperService::new(self.router());
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            while connections.try_join_next().is_some() {}
            let accepted = async {
                let slot = Arc::clone(&slots).acquire_owned().await;
                (slot, listener.accept().await)
            };
            let (slot, stream) = tokio::select! {
                () = &mut stop => break,
                (slot, accepted) = accepted => match accepted {
                    Ok((stream, _)) => (slot, stream),
                    Err(error) => {
                        tracing::warn!("connection cannot be accepted: {error}");
                        sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
            };
            let Ok(slot) = slot else { break };
            let connection = Connection {
                service: service.clone(),
                watcher: graceful.watcher(),
                idle: self.limits.idle,
                stall: self.limits.stall,
                _slot: slot,
            };
            connections.spawn(connection.run(stream, tls.clone()));
        }
        drop(listener);
        if timeout(self.limits.drain, graceful.shutdown()).await.is_ok() {
            return Drained::All;
        }
        while connections.try_join_next().is_some() {}
        let cut_off = connections.len();
        connections.shutdown().await;
        Drained::CutOff { connections: cut_off }
    }
}

/// One connection, and what it is served with.
struct Connection<S> {
    service: S,
    watcher: hyper_util::server::graceful::Watcher,
    idle: Duration,
    stall: Duration,
    _slot: OwnedSemaphorePermit,
}

impl Connection<TowerToHyperService<axum::Router>> {
    async fn run(self, stream: TcpStream, tls: Option<Tls>) {
        // Answers are written whole: waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        match tls {
            None => self.serve(stream).await,
            Some(Tls(acceptor)) => match timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => self.serve(stream).await,
                Ok(Err(error)) => tracing::debug!("handshake failed: {error}"),
                Err(_) => tracing::debug!("handshake took too long"),
            },
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let stream = TokioIo::new(Unstalled::new(stream, self.stall));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.idle)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(stream, self.service);
        if let Err(error) = self.watcher.watch(connection).await {
            tracing::debug!("connection broke off: {error}");
        }
    }
}
