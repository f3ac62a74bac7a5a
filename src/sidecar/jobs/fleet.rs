//! What is told of jobs crosses to the other nodes over the same Postgres: whoever listens there hears of a job that is
//! painted here. In order for each node, and beside the jobs themselves, which no failure here stops.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::line::{Carrier, Line};
use super::progress::{EVENT, Progress};
use crate::catalog::{Catalog, CatalogError, NOTE_BYTES};
use crate::realtime::event::{End, Publication};
use crate::realtime::topic::{EventName, Space, Topic};
use crate::realtime::{Heard, Realtime};

/// Shortest and longest pause before the next attempt.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);
/// Silence after which it is asked whether the database is still there, and how long it may take to answer.
const QUIET: Duration = Duration::from_secs(30);
const ANSWER: Duration = Duration::from_secs(10);
/// Characters of a text in a note that would be too long.
const TEXT: usize = 200;

/// What one node says to the others.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// Who says it: our own notes come back to us.
    node: Uuid,
    topic: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<Told>,
    /// The end of a job that its owner has heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heard: Option<End>,
}

/// What is told to an owner.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    owner: Arc<str>,
    payload: Box<RawValue>,
}

impl Note {
    /// `None`: it is too long.
    fn written(&self) -> Option<String> {
        serde_json::to_string(self).ok().filter(|text| text.len() <= NOTE_BYTES)
    }
}

/// The line to the other nodes. Both its ends stop with it.
#[derive(Debug)]
pub struct Fleet {
    node: Uuid,
    line: Line<String>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl Fleet {
    /// Must run inside the tokio runtime. `None`: the catalogue is ours alone.
    pub fn start(catalog: &Arc<Catalog>, realtime: &Arc<Realtime>) -> Option<Self> {
        if !catalog.is_shared() {
            return None;
        }
        let node = Uuid::new_v4();
        let line = Line::start(Arc::clone(catalog));
        let listening = tokio::spawn(listen(Arc::clone(catalog), Arc::clone(realtime), node));
        let passing_on = tokio::spawn(pass_on(realtime.heard(), line.clone(), node));
        Some(Self { node, line, _tasks: [listening, passing_on].map(AbortOnDropHandle::new) })
    }

    pub(super) fn tell(&self, progress: &Progress) {
        let Some(note) = written(self.node, progress) else {
            tracing::warn!(job = %progress.job_id, "a job's progress is not told to other nodes: it is too long");
            return;
        };
        if self.line.tell(note).is_err() {
            tracing::warn!(job = %progress.job_id, "a job's progress is not told to other nodes: too much waits");
        }
    }

    /// Waits a while until everything that was told has been sent.
    pub(super) async fn told(&self) {
        if !self.line.told().await {
            tracing::debug!("a job goes on before other nodes are told of it");
        }
    }
}

impl Carrier for Arc<Catalog> {
    type Message = String;
    type Error = CatalogError;

    const PAUSE: Duration = SHORTEST;
    const GIVEN_UP: &'static str = "other nodes are not told how far jobs are";

    async fn send(&self, notes: &[String]) -> Result<(), CatalogError> {
        self.send_notes(notes).await
    }

    fn may_pass(error: &CatalogError) -> bool {
        matches!(error, CatalogError::Unavailable(_))
    }
}

/// The note of a job's progress; if that would be too long, of its state with short texts and without the picture's
/// place, for which clients can ask.
fn written(node: Uuid, progress: &Progress) -> Option<String> {
    let short = |text: &str| text.chars().take(TEXT).collect::<String>();
    fitting(node, progress).or_else(|| {
        let state = Progress {
            message: short(&progress.message),
            error: progress.error.as_deref().map(short),
            storage_url: None,
            storage_path: None,
            ..progress.clone()
        };
        fitting(node, &state)
    })
}

fn fitting(node: Uuid, progress: &Progress) -> Option<String> {
    let payload = to_raw_value(progress).ok()?;
    let told = Some(Told { owner: progress.user.as_str().into(), payload });
    Note { node, topic: progress.topic(), told, heard: None }.written()
}

/// Says which ends were heard here: whoever joins elsewhere waits for the next job, too.
async fn pass_on(mut heard: broadcast::Receiver<Heard>, line: Line<String>, node: Uuid) {
    loop {
        match heard.recv().await {
            Ok(Heard { topic, end }) => {
                let note = Note { node, topic: topic.name().to_owned(), told: None, heard: Some(end) };
                // Where too much waits it is left out: somebody is told an end twice.
                let _ = note.written().map(|note| line.tell(note));
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// Hears the other nodes, for as long as it is let.
async fn listen(catalog: Arc<Catalog>, realtime: Arc<Realtime>, node: Uuid) {
    let mut pause = SHORTEST;
    let mut is_failing = false;
    loop {
        let began = Instant::now();
        let Err(error) = hear(&catalog, &realtime, node).await else { return };
        // Not for every connection that could be had and broke at once.
        if began.elapsed() > LONGEST {
            (pause, is_failing) = (SHORTEST, false);
        }
        if !std::mem::replace(&mut is_failing, true) {
            tracing::warn!(%error, "other nodes are not heard; it is tried again");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

/// Hears the other nodes until the connection fails.
async fn hear(catalog: &Catalog, realtime: &Realtime, node: Uuid) -> Result<(), CatalogError> {
    let Some(mut notes) = catalog.notes().await? else { return Ok(()) };
    // What was told while nobody listened here.
    realtime.catch_up().await;
    loop {
        if let Ok(note) = timeout(QUIET, notes.next()).await {
            let lost = || CatalogError::Unavailable("the connection was lost".to_owned());
            repeat(realtime, node, &note?.ok_or_else(lost)?);
        } else {
            let silent = |_| CatalogError::Unavailable("the connection is silent".to_owned());
            timeout(ANSWER, notes.check()).await.map_err(silent)??;
        }
    }
}

/// Tells here what another node says.
fn repeat(realtime: &Realtime, own: Uuid, note: &str) {
    let Note { node, topic, told, heard } = match serde_json::from_str(note) {
        Ok(note) => note,
        Err(error) => return tracing::warn!(%error, "another node says what is not understood"),
    };
    if node == own {
        return;
    }
    let topic = match Topic::new(Space::Private, &topic) {
        Ok(topic) => topic,
        Err(error) => return tracing::warn!(%error, "another node tells no topic"),
    };
    if let Some(end) = heard {
        realtime.hub.note_heard(&topic, &end);
    }
    if let Some((Told { owner, payload }, event)) = told.zip(EventName::new(EVENT)) {
        realtime.hub.publish(Publication::of_owner(topic, owner, event, payload), None);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::catalog::JobState;

    fn progress(text: &str) -> Progress {
        Progress {
            job_id: Uuid::new_v4(),
            seq: 7,
            status: "error",
            message: text.to_owned(),
            timestamp: "2021-02-17T04:43:32.770Z".to_owned(),
            progress: 1.0,
            kinkster_id: Some(Uuid::new_v4()),
            storage_url: None,
            storage_path: None,
            error: Some(text.to_owned()),
            user: Uuid::new_v4().to_string(),
            state: JobState::Error,
        }
    }

    #[test]
    fn notes_carry_the_whole_progress_and_the_state_alone_where_that_is_too_long() {
        let read = |progress: &Progress| {
            let text = written(Uuid::nil(), progress).unwrap();
            assert!(text.len() <= NOTE_BYTES);
            let note: Note = serde_json::from_str(&text).unwrap();
            let told = note.told.unwrap();
            assert_eq!((note.topic, &*told.owner), (progress.topic(), progress.user.as_str()));
            serde_json::from_str::<Value>(told.payload.get()).unwrap()
        };
        let short = progress("It took too long");
        assert_eq!(read(&short), serde_json::to_value(&short).unwrap());
        // Six bytes each once they are written.
        for long in ["x", "\u{1}", "\u{10FFFF}"].map(|character| character.repeat(10_000)) {
            let (progress, cut) = (progress(&long), long.chars().take(TEXT).collect::<String>());
            let told = read(&progress);
            assert_eq!((&told["error"], &told["message"]), (&Value::from(cut.clone()), &Value::from(cut)));
            assert_eq!((&told["status"], &told["seq"]), (&Value::from("error"), &Value::from(7)));
            assert_eq!(told["job_id"], progress.job_id.to_string());
        }
        assert_eq!(written(Uuid::nil(), &Progress { user: "x".repeat(8000), ..short }), None);
    }
}
