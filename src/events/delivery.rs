//! Telling a webhook: signed, at least once, in order per subject, again and again until it is given up.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::CONTENT_TYPE;
use reqwest::{Client, Response};
use time::OffsetDateTime;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::Shared;
use super::hooks::LiveHook;
use super::metrics::Delivered;
use crate::catalog::{CatalogError, Delivery};
use crate::source::VIA;

/// Messages that one receiver gets at once.
const AT_ONCE: usize = 8;
/// Longest time for one attempt, from the lookup to the last byte of the answer.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(2 * 3600);
/// Longest sleep of a sender that has nothing to do.
const IDLE: Duration = Duration::from_secs(60);
/// Pause after a failure of the catalogue.
const PAUSE: Duration = Duration::from_secs(1);
/// What a receiver's answer may have for its connection to be used again; more is cut.
const ANSWER_BYTES: usize = 64_000;

/// How long messages are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Pause after the first failure; doubled by each further one.
    pub first_pause: Duration,
    /// After this time a message that does not arrive is a dead letter.
    pub give_up: Duration,
    /// Dead letters that are kept.
    pub dead_letters: u32,
}

impl Patience {
    /// The pause after this many failures: between half and all of the doubled one, so that receivers that come back
    /// are not met by everything at once.
    fn pause(&self, failures: u32, random: u64) -> Duration {
        let doubled = self.first_pause.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
        let half = doubled.min(LONGEST_PAUSE) / 2;
        half + half.mul_f64(random as f64 / u64::MAX as f64)
    }
}

/// How an attempt ended.
enum Attempt {
    Arrived,
    Failed(String),
    /// 410: the receiver wants nothing more.
    Gone,
}

/// Sends one hook's messages.
pub(super) struct Sender {
    shared: Arc<Shared>,
    live: Arc<LiveHook>,
    client: Client,
    patience: Patience,
    sending: JoinSet<(Delivery, Attempt)>,
    /// Subjects of `sending`: the next message of each waits.
    in_flight: HashSet<String>,
    is_failing: bool,
}

/// Goes where the operator said and nowhere else: no redirects, no proxy.
pub(super) fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .user_agent(concat!("tintype/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .timeout(ATTEMPT)
        .pool_max_idle_per_host(AT_ONCE)
        .build()
}

/// Messages of hooks that the configuration does not name any more become dead letters.
pub(super) async fn bury_unknown(shared: Arc<Shared>, patience: Patience) {
    let buried = async {
        for hook in shared.catalog.waiting_hooks().await? {
            if shared.hooks.iter().all(|live| live.hook.name != hook) {
                let count = shared.catalog.bury_hook(&hook, "there is no such webhook", patience.dead_letters).await?;
                tracing::warn!(hook, count, "messages of a webhook that is not configured are dead letters now");
            }
        }
        Ok::<_, CatalogError>(())
    };
    if let Err(error) = buried.await {
        tracing::warn!(%error, "messages of removed webhooks were not looked for");
    }
}

impl Sender {
    pub(super) fn new(shared: Arc<Shared>, live: Arc<LiveHook>, client: Client, patience: Patience) -> Self {
        let (sending, in_flight) = (JoinSet::new(), HashSet::new());
        Self { shared, live, client, patience, sending, in_flight, is_failing: false }
    }

    /// Works for ever.
    pub(super) async fn work(mut self) {
        let live = Arc::clone(&self.live);
        loop {
            let pause = match self.take().await {
                Ok(pause) => {
                    self.is_failing = false;
                    pause
                }
                Err(error) => self.failing(&error),
            };
            tokio::select! {
                () = live.ring.notified() => {}
                Some(ended) = self.sending.join_next() => match ended {
                    Ok((delivery, attempt)) => self.note(delivery, attempt).await,
                    // Its subject stays in flight: nothing overtakes it before the next start.
                    Err(error) => tracing::error!(hook = live.hook.name, %error, "an attempt to deliver was lost"),
                },
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn failing(&mut self, error: &CatalogError) -> Duration {
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(hook = self.live.hook.name, %error, "messages cannot be read; it is tried again");
        }
        PAUSE
    }

    /// Begins what is due, and says when to look again.
    async fn take(&mut self) -> Result<Duration, CatalogError> {
        let (name, now) = (&self.live.hook.name, OffsetDateTime::now_utc());
        let free = AT_ONCE - self.sending.len();
        if free == 0 {
            return Ok(IDLE);
        }
        let busy: Vec<String> = self.in_flight.iter().cloned().collect();
        for delivery in self.shared.catalog.take_deliveries(name, now, &busy, free as u32).await? {
            self.in_flight.insert(delivery.subject.clone());
            let (live, client) = (Arc::clone(&self.live), self.client.clone());
            self.sending.spawn(async move {
                let attempt = attempt(&live, &client, &delivery).await;
                (delivery, attempt)
            });
        }
        let next = self.shared.catalog.next_due(name, now).await?.map(|next| next - OffsetDateTime::now_utc());
        Ok(next.map_or(IDLE, |wait| Duration::try_from(wait).unwrap_or_default().min(IDLE)))
    }

    /// Notes the end of an attempt for as long as it takes: a message that arrived is not to be sent again for a database
    /// that was busy.
    async fn note(&mut self, delivery: Delivery, attempt: Attempt) {
        while let Err(error) = self.settle(&delivery, &attempt).await {
            let pause = self.failing(&error);
            tokio::time::sleep(pause).await;
        }
        self.in_flight.remove(&delivery.subject);
    }

    async fn settle(&self, delivery: &Delivery, attempt: &Attempt) -> Result<(), CatalogError> {
        let (catalog, hook) = (&self.shared.catalog, &self.live.hook.name);
        let counted = |result| self.shared.metrics.count_delivery(hook, result);
        match attempt {
            Attempt::Arrived => {
                catalog.finish_delivery(delivery.id).await?;
                counted(Delivered::Ok);
            }
            Attempt::Failed(reason) => {
                if let Some(until) = self.next_attempt(delivery) {
                    catalog.postpone_delivery(delivery, until, reason).await?;
                    counted(Delivered::Failed);
                } else {
                    catalog.bury_delivery(delivery.id, reason, self.patience.dead_letters).await?;
                    counted(Delivered::Dead);
                    tracing::warn!(hook, message = %delivery.message, reason, "a message was given up; it is a dead letter");
                }
            }
            Attempt::Gone => {
                self.live.disable();
                let buried = catalog.bury_hook(hook, "status 410", self.patience.dead_letters).await?;
                counted(Delivered::Dead);
                tracing::warn!(
                    hook,
                    buried,
                    "the receiver is gone (410): the webhook is disabled until a dead letter is retried, or the next start"
                );
            }
        }
        Ok(())
    }

    /// `None`: its time is over.
    fn next_attempt(&self, delivery: &Delivery) -> Option<OffsetDateTime> {
        let (random, _) = Uuid::new_v4().as_u64_pair();
        let until = OffsetDateTime::now_utc() + self.patience.pause(delivery.attempts + 1, random);
        (until <= delivery.since + self.patience.give_up).then_some(until)
    }
}

async fn attempt(live: &LiveHook, client: &Client, delivery: &Delivery) -> Attempt {
    if live.is_gone() {
        return Attempt::Gone;
    }
    let (id, timestamp) = (delivery.message.to_string(), now());
    let signature = live.hook.secret.sign(&id, timestamp, delivery.body.as_bytes());
    let sent = client
        .post(live.hook.url.clone())
        .header(http::header::VIA, VIA)
        .header(CONTENT_TYPE, "application/cloudevents+json")
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp.to_string())
        .header("webhook-signature", signature)
        .body(delivery.body.clone())
        .send()
        .await;
    match sent {
        Ok(response) => judge(response).await,
        Err(error) => Attempt::Failed(reason(&error).to_owned()),
    }
}

async fn judge(response: Response) -> Attempt {
    let status = response.status();
    drain(response).await;
    match status.as_u16() {
        200..=299 => Attempt::Arrived,
        410 => Attempt::Gone,
        status => Attempt::Failed(format!("status {status}")),
    }
}

/// Reads what little a receiver says, so that its connection can be used again.
async fn drain(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > ANSWER_BYTES {
            return;
        }
    }
}

/// Categories: URLs and addresses stay out of the table.
fn reason(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "no answer within 10 s"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke off"
    }
}

/// Unix seconds.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_with_jitter_up_to_a_longest_one() {
        let patience = Patience { first_pause: Duration::from_secs(5), give_up: Duration::ZERO, dead_letters: 0 };
        for (failures, least, most) in [(1, 2500, 5000), (2, 5000, 10_000), (5, 40_000, 80_000)] {
            assert_eq!(patience.pause(failures, 0), Duration::from_millis(least));
            assert_eq!(patience.pause(failures, u64::MAX), Duration::from_millis(most));
        }
        assert_eq!(patience.pause(u32::MAX, u64::MAX), LONGEST_PAUSE);
    }
}
