//! What is told of jobs to the topics of an upstream, where its clients listen: in order for each job, and beside the jobs
//! themselves, which no failure here stops.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::progress::{EVENT, Progress};
use crate::project::{Project, ProjectError};

/// Lines of messages. Those of one job wait in the same one; a slow answer holds up one line only.
const LINES: usize = 8;
/// Messages that wait in a line; more are dropped.
const WAITING: usize = 1024;
/// Most messages of one request.
const BATCH: usize = 32;
/// Attempts at one request, and the pause after the first, which doubles.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);
/// Longest wait of a job until what was told of it is told.
const PATIENCE: Duration = Duration::from_secs(2);

/// The lines to an upstream. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Broadcasts(Arc<[mpsc::Sender<Item>]>);

#[derive(Debug)]
enum Item {
    Message(Value),
    /// Answered once everything before it is told, or given up.
    Mark(oneshot::Sender<()>),
}

impl Broadcasts {
    /// Must run inside the tokio runtime. The lines end with the last clone.
    pub fn start(project: &Arc<Project>) -> Self {
        let line = |_| {
            let (sender, receiver) = mpsc::channel(WAITING);
            // Not tracked: a job waits itself until what is told of it has gone out.
            tokio::spawn(carry(Arc::clone(project), receiver));
            sender
        };
        Self((0..LINES).map(line).collect())
    }

    pub(super) fn tell(&self, progress: &Progress) {
        let payload = json!(progress);
        let message = json!({"topic": progress.topic(), "event": EVENT, "payload": payload, "private": true});
        if self.line(progress.job_id).try_send(Item::Message(message)).is_err() {
            tracing::warn!(job = %progress.job_id, "a job's progress is not told: too much waits to be told");
        }
    }

    /// Waits a while until everything that was told of the job has gone out.
    pub(super) async fn told(&self, job: Uuid) {
        let (mark, passed) = oneshot::channel();
        let passing = async {
            if self.line(job).send(Item::Mark(mark)).await.is_ok() {
                // A line that ended tells nothing more.
                let _ = passed.await;
            }
        };
        if tokio::time::timeout(PATIENCE, passing).await.is_err() {
            tracing::debug!(%job, "a job goes on before its progress is told");
        }
    }

    fn line(&self, job: Uuid) -> &mpsc::Sender<Item> {
        &self.0[(job.as_u128() % LINES as u128) as usize]
    }
}

async fn carry(project: Arc<Project>, mut line: mpsc::Receiver<Item>) {
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
            && let Err(error) = post(&project, &messages).await
        {
            tracing::warn!(%error, messages = messages.len(), "the upstream's topics are not told how far jobs are");
        }
        for mark in marks {
            // Whoever waited may have gone on.
            let _ = mark.send(());
        }
    }
}

async fn post(project: &Project, messages: &[Value]) -> Result<(), ProjectError> {
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        match project.broadcast(messages).await {
            Err(error) if error.retry().is_some() => {}
            done => return done,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    project.broadcast(messages).await
}
