//! What is told of jobs to the topics of an upstream, where its clients listen: in order for each job, and beside the jobs
//! themselves, which no failure here stops.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::line::{Carrier, Line};
use super::progress::{EVENT, Progress};
use crate::project::{Project, ProjectError};

/// Lines of messages. Those of one job wait in the same one; a slow answer holds up one line only.
const LINES: usize = 8;

/// The lines to an upstream. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Broadcasts(Arc<[Line<Value>]>);

impl Carrier for Arc<Project> {
    type Message = Value;
    type Error = ProjectError;

    const PAUSE: Duration = Duration::from_millis(250);
    const GIVEN_UP: &'static str = "the upstream's topics are not told how far jobs are";

    async fn send(&self, messages: &[Value]) -> Result<(), ProjectError> {
        self.broadcast(messages).await
    }

    fn may_pass(error: &ProjectError) -> bool {
        error.retry().is_some()
    }
}

impl Broadcasts {
    /// Must run inside the tokio runtime. The lines end with the last clone.
    pub fn start(project: &Arc<Project>) -> Self {
        Self((0..LINES).map(|_| Line::start(Arc::clone(project))).collect())
    }

    pub(super) fn tell(&self, progress: &Progress) {
        let payload = json!(progress);
        let message = json!({"topic": progress.topic(), "event": EVENT, "payload": payload, "private": true});
        if self.line(progress.job_id).tell(message).is_err() {
            tracing::warn!(job = %progress.job_id, "a job's progress is not told: too much waits to be told");
        }
    }

    /// Waits a while until everything that was told of the job has gone out.
    pub(super) async fn told(&self, job: Uuid) {
        if !self.line(job).told().await {
            tracing::debug!(%job, "a job goes on before its progress is told");
        }
    }

    fn line(&self, job: Uuid) -> &Line<Value> {
        &self.0[(job.as_u128() % LINES as u128) as usize]
    }
}
