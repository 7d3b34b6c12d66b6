//! Subscriptions to NATS: every message is a body of lines.
//!
//! What was received is written, at shutdown too: everything that the NATS server had for us by then is
//! taken first, then the subscriptions end, then what has come is written. NATS keeps nothing for us, so what is not taken in time is lost: it waits in
//! a queue that is bounded in bytes, and what does not fit is counted. A connection that breaks is
//! made again, for ever.

use crate::counters::{NatsCounters, Source};
use crate::state::Server;
use crate::store::Store;
use async_nats::{Client, ConnectOptions, Event, Message, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use ingest::How;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How many messages are written at a time.
const MESSAGES_AT_A_TIME: usize = 64;
/// How long what is under way is waited for at the end, when the NATS server does not answer or does
/// not let us ask.
const UNDER_WAY_MAX: Duration = Duration::from_secs(2);

/// Which NATS server, and what is received from it.
#[derive(Clone, Debug)]
pub struct Nats {
    /// Its address, or several with commas between them.
    pub address: String,
    /// Who we are.
    pub login: Login,
    /// What is received.
    pub subscriptions: Vec<Subscription>,
    /// How many bytes of messages may wait to be written.
    pub queue_bytes_max: u64,
}

/// Who we are.
#[derive(Clone)]
pub enum Login {
    /// Nobody in particular.
    Anonymous,
    /// A user with a password.
    User {
        /// The name.
        name: String,
        /// The password.
        password: String,
    },
    /// The content of a credentials file.
    Credentials(String),
}

impl fmt::Debug for Login {
    // Without what is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::User { name, .. } => {
                f.debug_struct("User").field("name", name).finish_non_exhaustive()
            }
            Self::Credentials(_) => f.debug_struct("Credentials").finish_non_exhaustive(),
        }
    }
}

/// A subject, and the cluster of those lines that do not name theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The subject. It may have wildcards.
    pub subject: String,
    /// The cluster. Without one it is what the subject's first wildcard stands for, if it has one.
    pub cluster: Option<String>,
}

/// Why there are no subscriptions. A server that is not there is not among the reasons: it is waited
/// for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NatsError {
    /// The credentials cannot be read.
    #[error("nats credentials cannot be used: {0}")]
    Credentials(std::io::Error),
    /// The address is none.
    #[error("nats address {address}: {source}")]
    Address {
        /// The address.
        address: String,
        /// What is wrong with it.
        source: async_nats::ConnectError,
    },
    /// The subject is none.
    #[error("nats subject {subject}: {source}")]
    Subject {
        /// The subject.
        subject: String,
        /// What is wrong with it.
        source: async_nats::SubscribeError,
    },
}

impl Server {
    /// Receives and writes lines, once recovery is done, until `stop` is there; then what has come is
    /// written, and the connection ends.
    ///
    /// # Errors
    ///
    /// [`NatsError`] at once if address, credentials or a subject are wrong.
    pub async fn subscribe(
        self: &Arc<Self>,
        nats: Nats,
        stop: impl Future<Output = ()>,
    ) -> Result<(), NatsError> {
        let mut stop = pin!(stop);
        let store = tokio::select! {
            store = self.until_ready() => store,
            () = &mut stop => return Ok(()),
        };
        let client = connect(&nats, Arc::clone(&self.counters.nats)).await?;
        let (stopping, stopped) = watch::channel(());
        let waiting = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        for subscription in &nats.subscriptions {
            let subject = subscription.subject.clone();
            let subscriber = client.subscribe(subject.clone()).await;
            let subscriber = subscriber.map_err(|source| NatsError::Subject { subject, source })?;
            let (queue, messages) = unbounded_channel();
            let receiver = Receiver {
                queue,
                waiting: Arc::clone(&waiting),
                waiting_max: nats.queue_bytes_max,
                counters: Arc::clone(&self.counters.nats),
            };
            tasks.spawn(receiver.run(subscriber, stopped.clone(), Arc::clone(self)));
            let (server, subscription) = (Arc::clone(self), subscription.clone());
            tasks.spawn(write(
                server,
                Arc::clone(&store),
                subscription,
                messages,
                Arc::clone(&waiting),
            ));
        }
        stop.await;
        if timeout(UNDER_WAY_MAX, delivered(&client)).await.is_err() {
            tracing::warn!("nats: what is under way cannot be waited for");
        }
        drop((stopping, stopped));
        while tasks.join_next().await.is_some() {}
        Ok(())
    }
}

async fn connect(nats: &Nats, counters: Arc<NatsCounters>) -> Result<Client, NatsError> {
    let options = ConnectOptions::new().name("levelstore").retry_on_initial_connect();
    let options = options.event_callback(move |event| {
        match &event {
            Event::Connected => {
                counters.connections.fetch_add(1, Ordering::Relaxed);
                tracing::info!("nats: connected");
            }
            Event::SlowConsumer(_) => {
                counters.slow.fetch_add(1, Ordering::Relaxed);
            }
            Event::Closed => tracing::info!("nats: closed"),
            other => tracing::warn!("nats: {other}"),
        }
        std::future::ready(())
    });
    let options = match nats.login.clone() {
        Login::Anonymous => options,
        Login::User { name, password } => options.user_and_password(name, password),
        Login::Credentials(content) => {
            options.credentials(&content).map_err(NatsError::Credentials)?
        }
    };
    let addresses: Vec<&str> = nats.address.split(',').map(str::trim).collect();
    options.connect(addresses).await.map_err(|source| {
        let address = nats.address.clone();
        NatsError::Address { address, source }
    })
}

/// Waits until everything is here that the NATS server had for us when it was asked: a message to
/// ourselves comes behind all of it. (A subscription that is drained ends without waiting for what
/// is under way.)
async fn delivered(client: &Client) {
    let inbox = client.new_inbox();
    let Ok(mut last) = client.subscribe(inbox.clone()).await else { return };
    if client.publish(inbox, Bytes::new()).await.is_ok() {
        last.next().await;
    }
}

/// Takes messages as they come, so that NATS never finds us slow.
struct Receiver {
    queue: UnboundedSender<Message>,
    /// The bytes that wait to be written, of all subscriptions.
    waiting: Arc<AtomicU64>,
    waiting_max: u64,
    counters: Arc<NatsCounters>,
}

impl Receiver {
    async fn run(
        self,
        mut subscriber: Subscriber,
        mut stopped: watch::Receiver<()>,
        server: Arc<Server>,
    ) {
        {
            let mut stopped = pin!(stopped.changed());
            loop {
                tokio::select! {
                    _ = &mut stopped => break,
                    message = subscriber.next() => match message {
                        Some(message) => self.take(message),
                        None => return,
                    },
                }
            }
        }
        // What is here is still taken; then the subscription ends by itself. Unless the connection
        // is broken.
        if subscriber.drain().await.is_err() {
            return;
        }
        let rest = async {
            while let Some(message) = subscriber.next().await {
                self.take(message);
            }
        };
        if timeout(server.limits.drain, rest).await.is_err() {
            tracing::warn!("nats: subscription did not end in time");
        }
    }

    fn take(&self, message: Message) {
        let len = len(&message);
        self.counters.messages.fetch_add(1, Ordering::Relaxed);
        let waiting = self.waiting.fetch_add(len, Ordering::Relaxed);
        if waiting.saturating_add(len) > self.waiting_max || self.queue.send(message).is_err() {
            self.waiting.fetch_sub(len, Ordering::Relaxed);
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn len(message: &Message) -> u64 {
    u64::try_from(message.length).unwrap_or(u64::MAX)
}

/// Writes what was received until there is no more to come.
async fn write(
    server: Arc<Server>,
    store: Arc<Store>,
    subscription: Subscription,
    mut messages: UnboundedReceiver<Message>,
    waiting: Arc<AtomicU64>,
) {
    loop {
        let mut some = Vec::new();
        if messages.recv_many(&mut some, MESSAGES_AT_A_TIME).await == 0 {
            return;
        }
        let bytes: u64 = some.iter().map(len).sum();
        let (this, store) = (Arc::clone(&server), Arc::clone(&store));
        let of = subscription.clone();
        let written = server.write(move || {
            for message in &some {
                this.write_message(&store, &of, message);
            }
        });
        if written.await.is_err() {
            tracing::error!("nats: messages could not be written");
        }
        waiting.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Server {
    /// Writes a message. There is nobody who could send it again: what the log does not take is in
    /// memory alone until the next checkpoint.
    fn write_message(&self, store: &Store, subscription: &Subscription, message: &Message) {
        if self.is_full() {
            self.counters.nats.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let (now, how) = (self.clock.now(), How::best_effort());
        let cluster = subscription.cluster_of(&message.subject);
        let outcome = store.ingest.batch(&message.payload, cluster, now, how);
        self.counters.lines(Source::Nats, &outcome);
        if let Some(why) = &outcome.not_acknowledged {
            tracing::error!("nats: {}: {why}", message.subject);
        }
    }
}

impl Subscription {
    /// The cluster of a message's lines that do not name theirs.
    fn cluster_of<'a>(&'a self, subject: &'a str) -> Option<&'a str> {
        if let Some(cluster) = &self.cluster {
            return Some(cluster);
        }
        let wildcard = self.subject.split('.').position(|token| matches!(token, "*" | ">"))?;
        subject.split('.').nth(wildcard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_is_the_tag_or_what_the_wildcard_stands_for() {
        for (subject, tag, received, cluster) in [
            ("hpc", Some("fritz"), "hpc", Some("fritz")),
            ("hpc.*", Some("fritz"), "hpc.alex", Some("fritz")),
            ("hpc.*", None, "hpc.alex", Some("alex")),
            ("hpc.*.*.lines", None, "hpc.alex.a01.lines", Some("alex")),
            ("hpc.>", None, "hpc.alex.a01", Some("alex")),
            (">", None, "alex.a01", Some("alex")),
            ("hpc", None, "hpc", None),
        ] {
            let tag = tag.map(str::to_owned);
            let subscription = Subscription { subject: subject.to_owned(), cluster: tag };
            assert_eq!(subscription.cluster_of(received), cluster, "{subject}");
        }
    }
}
