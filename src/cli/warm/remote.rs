//! Lets a running server do the work: `POST /admin/warm`, its lines read as they come.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::Client;
use serde::Deserialize;
use url::Url;

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
pub(super) async fn run(
    server: &Url,
    key: Option<&str>,
    lists: Vec<WarmList>,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let client = Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("tintype/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Failure::Other(error.to_string()))?;
    let mut waiting: u64 = lists.iter().map(entries).sum();
    let mut ended = 0;
    for list in lists.into_iter().filter(|list| entries(list) > 0 || list.bucket.is_some()) {
        waiting -= entries(&list);
        ended += send(&client, server, key, &list, ended + waiting, progress).await?;
    }
    Ok(())
}

fn entries(list: &WarmList) -> u64 {
    (list.urls.len() + list.found.len()) as u64
}

/// Sends one list; returns the number of its steps.
async fn send(
    client: &Client,
    server: &Url,
    key: Option<&str>,
    list: &WarmList,
    beyond: u64,
    progress: &mut Progress,
) -> Result<u64, Failure> {
    let failed = |what: String| Failure::Other(format!("{server}: {what}"));
    let url = server.join("/admin/warm").map_err(|error| failed(error.to_string()))?;
    let body = serde_json::to_vec(list).map_err(|error| failed(error.to_string()))?;
    let mut request = client.post(url).header(CONTENT_TYPE, "application/json").body(body);
    if let Some(key) = key {
        request = request.header(AUTHORIZATION, format!("Bearer {key}"));
    }
    let response = request.send().await.map_err(|error| failed(chain(&error)))?;
    if !response.status().is_success() {
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        return Err(failed(format!("answered {status}: {}", message(&text))));
    }
    read(response.bytes_stream(), beyond, progress).await.map_err(failed)
}

/// Reads the lines of an answer up to its summary.
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

/// The message of a JSON error, else the beginning of the text.
fn message(text: &str) -> String {
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let message = json.as_ref().and_then(|json| json["message"].as_str());
    message.unwrap_or(text).chars().take(500).collect()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        text = format!("{text}: {current}");
        cause = current.source();
    }
    text
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
