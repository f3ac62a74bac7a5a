//! Lets a running server do the work: `POST /admin/warm`, its lines read as they come.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde::Deserialize;

use super::super::remote::{Server, chain};
use super::{Failure, Progress};
use crate::warm::{Step, Summary, WarmList};

/// Longest line of an answer in bytes.
const LINE_BYTES: usize = 1_000_000;

/// A line of the answer.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Step(Step),
    Summary {
        #[serde(rename = "summary")]
        _summary: Summary,
    },
}

/// Sends the lists one after the other.
pub(super) async fn run(server: &Server, lists: Vec<WarmList>, progress: &mut Progress) -> Result<(), Failure> {
    let mut waiting: u64 = lists.iter().map(entries).sum();
    let mut ended = 0;
    for list in lists.into_iter().filter(|list| entries(list) > 0 || list.bucket.is_some()) {
        waiting -= entries(&list);
        let response = server.post("/admin/warm", &list).await?;
        let read = read(response.bytes_stream(), ended + waiting, progress).await;
        ended += read.map_err(|error| server.failed(&error))?;
    }
    Ok(())
}

fn entries(list: &WarmList) -> u64 {
    (list.urls.len() + list.found.len()) as u64
}

/// Reads the lines of an answer up to its summary; returns the number of its steps.
async fn read<E: std::error::Error>(
    stream: impl Stream<Item = Result<Bytes, E>>,
    beyond: u64,
    progress: &mut Progress,
) -> Result<u64, String> {
    let mut stream = std::pin::pin!(stream);
    let mut held = Vec::new();
    let mut total = 0;
    while let Some(part) = stream.next().await {
        held.extend_from_slice(&part.map_err(|error| chain(&error))?);
        while let Some(end) = held.iter().position(|byte| *byte == b'\n') {
            let line = serde_json::from_slice(&held[..end]).map_err(|error| format!("answered nonsense: {error}"))?;
            held.drain(..=end);
            match line {
                Line::Summary { .. } => return Ok(total),
                Line::Step(step) => {
                    total = step.total;
                    progress.add(&step, beyond);
                }
            }
        }
        if held.len() > LINE_BYTES {
            return Err("answered nonsense: a line has no end".to_owned());
        }
    }
    Err("the server ended its answer early: it is shutting down".to_owned())
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    const STEP: &str = r#"{"url":"/a","outcome":"made","bytes_before":10,"bytes":5,"done":1,"total":2}"#;
    const FAILED: &str = r#"{"url":"/b","outcome":"failed","reason":"there is no such object","done":2,"total":2}"#;
    const SUMMARY: &str =
        r#"{"summary":{"made":1,"present":0,"skipped":0,"failed":1,"bytes_before":10,"bytes":5,"reasons":[]}}"#;

    async fn answer(text: String, piece: usize) -> (Result<u64, String>, Summary) {
        let pieces: Vec<_> = text.as_bytes().chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let mut progress = Progress::start();
        let read = read::<std::io::Error>(stream::iter(pieces), 0, &mut progress).await;
        (read, progress.finish())
    }

    #[tokio::test]
    async fn lines_are_read_however_they_are_cut() {
        for piece in [1, 7, 1000] {
            let (total, summary) = answer(format!("{STEP}\n{FAILED}\n{SUMMARY}\n"), piece).await;
            assert_eq!((total, summary.made, summary.failed, summary.bytes), (Ok(2), 1, 1, 5), "{piece}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_summary_is_an_error() {
        assert!(answer(format!("{STEP}\n"), 9).await.0.unwrap_err().contains("early"));
        assert!(answer("<html>\n".to_owned(), 9).await.0.unwrap_err().contains("nonsense"));
        assert!(answer("x".repeat(LINE_BYTES + 2), LINE_BYTES).await.0.unwrap_err().contains("nonsense"));
    }
}
