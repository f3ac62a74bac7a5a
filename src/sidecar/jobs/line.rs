//! A line of messages to somewhere else: sent in order and in batches, beside those who tell them, whom no failure here
//! stops.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

/// Messages that wait in a line; more are dropped.
const WAITING: usize = 1024;
/// Most messages that are sent at once.
const BATCH: usize = 32;
/// Attempts at one batch.
const ATTEMPTS: u32 = 4;
/// Longest wait until what was told is sent.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the messages of a line go.
pub(super) trait Carrier: Send + Sync + 'static {
    type Message: Send + Sync + 'static;
    type Error: Display + Send;

    /// Pause after the first attempt at a batch, which doubles.
    const PAUSE: Duration;
    /// What it means that a batch is given up, for the log.
    const GIVEN_UP: &'static str;

    fn send(&self, messages: &[Self::Message]) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Whether another attempt may be luckier.
    fn may_pass(error: &Self::Error) -> bool;
}

/// Too much waits: the message is dropped.
#[derive(Debug)]
pub(super) struct Full;

/// The near end of a line, which ends with its last clone.
#[derive(Debug)]
pub(super) struct Line<M>(mpsc::Sender<Item<M>>);

impl<M> Clone for Line<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

#[derive(Debug)]
enum Item<M> {
    Message(M),
    /// Answered once everything before it is sent, or given up.
    Mark(oneshot::Sender<()>),
}

impl<M: Send + Sync + 'static> Line<M> {
    /// Must run inside the tokio runtime.
    pub fn start(carrier: impl Carrier<Message = M>) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        // Not tracked: who tells something waits itself until it has gone out.
        tokio::spawn(carry(carrier, receiver));
        Self(sender)
    }

    pub fn tell(&self, message: M) -> Result<(), Full> {
        self.0.try_send(Item::Message(message)).map_err(|_| Full)
    }

    /// Waits a while until everything that was told has been sent; `false` if that took too long.
    pub async fn told(&self) -> bool {
        let (mark, passed) = oneshot::channel();
        let passing = async {
            if self.0.send(Item::Mark(mark)).await.is_ok() {
                // A line that ended sends nothing more.
                let _ = passed.await;
            }
        };
        tokio::time::timeout(PATIENCE, passing).await.is_ok()
    }
}

async fn carry<C: Carrier>(carrier: C, mut line: mpsc::Receiver<Item<C::Message>>) {
    let mut items = Vec::with_capacity(BATCH);
    while line.recv_many(&mut items, BATCH).await > 0 {
        let (mut messages, mut marks) = (Vec::new(), Vec::new());
        for item in items.drain(..) {
            match item {
                Item::Message(message) => messages.push(message),
                Item::Mark(mark) => marks.push(mark),
            }
        }
        if !messages.is_empty()
            && let Err(error) = send(&carrier, &messages).await
        {
            tracing::warn!(%error, messages = messages.len(), "{}", C::GIVEN_UP);
        }
        for mark in marks {
            // Whoever waited may have gone on.
            let _ = mark.send(());
        }
    }
}

async fn send<C: Carrier>(carrier: &C, messages: &[C::Message]) -> Result<(), C::Error> {
    let mut pause = C::PAUSE;
    for _ in 1..ATTEMPTS {
        match carrier.send(messages).await {
            Err(error) if C::may_pass(&error) => {}
            done => return done,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    carrier.send(messages).await
}
