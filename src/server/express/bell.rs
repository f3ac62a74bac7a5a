//! When a connection that waits for a request has waited long enough.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep};

use super::super::graceful::Notice;

/// Rings when the next head is late, or when a drain begins and no request is open.
///
/// Requests come a hundred thousand times a second and it rings once a connection: so what would ring is registered with
/// the connection's task once, and a timer that was set for an earlier request is set again only when it goes off. Both
/// are polled outside of tokio's budget, which would say `Pending` without registering anything.
#[derive(Debug)]
pub(super) struct Bell<'a> {
    patience: Duration,
    timer: Pin<&'a mut Sleep>,
    is_set: bool,
    /// Since when the next head is waited for; set when the first look for it finds nothing.
    since: Option<Instant>,
    notice: Notice<'a>,
}

impl<'a> Bell<'a> {
    /// For a connection that was just opened.
    pub fn new(patience: Duration, timer: Pin<&'a mut Sleep>, notice: Notice<'a>) -> Self {
        Self { patience, timer, is_set: false, since: Some(Instant::now()), notice }
    }

    /// A request was answered.
    pub fn rest(&mut self) {
        self.since = None;
    }

    /// Whether the connection is to end with the request that is open.
    pub fn is_told(&self) -> bool {
        self.notice.is_told()
    }

    /// Ready when the wait is over. `is_idle`: nothing of a request has come.
    pub fn poll(&mut self, context: &mut Context<'_>, is_idle: bool) -> Poll<()> {
        if self.notice.poll(context) && is_idle {
            return Poll::Ready(());
        }
        let deadline = *self.since.get_or_insert_with(Instant::now) + self.patience;
        while !self.is_set || self.timer.is_elapsed() {
            if self.is_set && Instant::now() >= deadline {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(deadline);
            self.is_set = true;
            if pin!(unconstrained(self.timer.as_mut())).poll(context).is_pending() {
                break;
            }
        }
        Poll::Pending
    }
}
