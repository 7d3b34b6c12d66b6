//! A server on a socket, and clients that send what they like.

use crate::world::World;
use server::{Drained, Tls};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A server that listens, until it is stopped.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Drained>,
}

impl World {
    pub(crate) async fn listen(&self, tls: Option<Tls>) -> Listening {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let server = self.server.clone();
        let task = tokio::spawn(async move {
            server.serve(listener, tls, async { drop(stopped.await) }).await
        });
        Listening { address, stop, task }
    }
}

impl Listening {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Stops the server, and says how that went.
    pub(crate) async fn stop(self) -> Drained {
        self.stop.send(()).unwrap();
        self.task.await.unwrap()
    }

    /// Sends bytes, and answers all that comes back until the server hangs up.
    pub(crate) async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // The server may hang up before it has read everything.
        let _ = stream.write_all(bytes).await;
        read_to_end(&mut stream).await
    }
}

/// All that comes until the other side hangs up.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = timeout(Duration::from_mins(10), stream.read_to_end(&mut answer)).await;
    // A connection that is reset has ended, too.
    let _ = read.expect("the server hangs up some day");
    String::from_utf8_lossy(&answer).into_owned()
}

/// What comes until `end` has come.
pub(crate) async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(end.as_bytes()) {
        match stream.read_u8().await {
            Ok(byte) => answer.push(byte),
            Err(error) => panic!("{error} behind {}", String::from_utf8_lossy(&answer)),
        }
    }
    String::from_utf8(answer).unwrap()
}
