//! What a server does by itself.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::Retention;
use crate::catalog::Actor;

/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_secs(60);

impl Retention {
    /// Removes what is due, and keeps to the schedule of runs, on the runtime that this is called on. To be called once,
    /// by the process that serves. Not tracked: a batch that is cut is undone, or followed by the outbox.
    pub fn start(self: &Arc<Self>) {
        self.repeat(LOOK, |retention| async move { retention.keep_storage().await });
        if let Some(period) = self.settings.period {
            self.repeat(LOOK.min(period / 4), move |retention| async move { retention.run_if_due(period).await });
        }
    }

    fn repeat<W>(self: &Arc<Self>, pause: Duration, work: impl Fn(Arc<Self>) -> W + Send + Sync + 'static)
    where
        W: Future<Output = ()> + Send,
    {
        let (retention, stop) = (Arc::downgrade(self), self.stop.clone());
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => return,
                }
                let Some(retention) = retention.upgrade() else { return };
                work(retention).await;
            }
        });
    }

    async fn run_if_due(&self, period: Duration) {
        let due = OffsetDateTime::now_utc() + period.mul_f64(1.0 + chance() / 10.0);
        match self.run_as(Actor::Schedule, false, Some(due)).await {
            Ok(Some(report)) => tracing::debug!(?report, "a cleanup ended"),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a cleanup broke off"),
        }
    }
}

/// From 0 to 1: servers that were started together do not stay together.
fn chance() -> f64 {
    f64::from(Uuid::new_v4().as_bytes()[0]) / 255.0
}
