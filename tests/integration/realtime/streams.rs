//! Server-Sent Events.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json, value::to_raw_value};
use tintype::realtime::topic::EventName;
use tokio::time::timeout;

use super::client::{anon, token_for, user};
use crate::support::{Running, Setup, service_key};

const EVENTS: &str = "/api/avatars/events";
const PATIENCE: Duration = Duration::from_secs(20);

/// One event of a stream.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    id: String,
    event: String,
    data: Value,
}

struct Stream {
    response: Response,
    text: String,
}

impl Stream {
    async fn open(server: &Running, query: &str, headers: &[(&str, &str)]) -> Self {
        let response = Self::ask(server, query, headers).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        let mut stream = Self { response, text: String::new() };
        assert!(stream.block().await.unwrap().contains("listening"));
        stream
    }

    async fn ask(server: &Running, query: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = reqwest::Client::new().get(server.url(&format!("{EVENTS}{query}")));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// What stands before the next empty line; `None` at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("nothing came").ok().flatten()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn next(&mut self) -> Option<Told> {
        let block = self.block().await?;
        let field = |name: &str| {
            let lines = block.lines().filter_map(|line| line.strip_prefix(name));
            lines.map(|line| line.trim_start().to_owned()).collect::<Vec<_>>().join("\n")
        };
        let data = serde_json::from_str(&field("data:")).unwrap();
        Some(Told { id: field("id:"), event: field("event:"), data })
    }
}

fn announce(server: &Running, topic: &str, owner: &str, payload: &Value) {
    let event = EventName::new("avatar_generation_progress").unwrap();
    server.realtime.announce(topic, owner.into(), event, to_raw_value(payload).unwrap()).unwrap();
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_hears_of_own_avatars_and_of_a_kinkster() {
    let server = Setup::new().start().await;
    let ann = bearer(&user("ann"));
    let mut stream = Stream::open(&server, "?kinkster_id=k", &[("authorization", &ann)]).await;
    announce(&server, "user:ann:avatar", "ann", &json!({"status": "generating"}));
    announce(&server, "user:bob:avatar", "bob", &json!({"status": "secret"}));
    announce(&server, "kinkster:k:avatar", "ann", &json!({"status": "completed", "text": "a\nb\r"}));
    let (first, second) = (stream.next().await.unwrap(), stream.next().await.unwrap());
    assert_eq!(first.event, "avatar_generation_progress");
    assert_eq!(first.data, json!({"status": "generating"}));
    assert_eq!(second.data, json!({"status": "completed", "text": "a\nb\r"}));
    assert!(second.id.parse::<u64>().unwrap() > first.id.parse::<u64>().unwrap());
    // Another's kinkster ends its part of the stream and says nothing.
    let mut bobs = Stream::open(&server, "?kinkster_id=k", &[("authorization", &bearer(&user("bob")))]).await;
    assert_eq!(bobs.next().await.unwrap().data, json!({"status": "secret"}), "the last state of bob's own topic");
    announce(&server, "kinkster:k:avatar", "ann", &json!({"n": 2}));
    announce(&server, "user:bob:avatar", "bob", &json!({"n": 3}));
    assert_eq!(bobs.next().await.unwrap().data, json!({"n": 3}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_broke_goes_on_after_the_last_event_that_came() {
    let server = Setup::new().start().await;
    let ann = bearer(&user("ann"));
    let mut stream = Stream::open(&server, "", &[("authorization", &ann)]).await;
    announce(&server, "user:ann:avatar", "ann", &json!({"job_id": "a", "seq": 1}));
    let seen = stream.next().await.unwrap();
    drop(stream);
    let state = |job: &str| json!({"job_id": job, "seq": 2});
    announce(&server, "user:ann:avatar", "ann", &state("a"));
    announce(&server, "user:ann:avatar", "ann", &state("b"));
    let query = format!("?last_event_id={}", seen.id);
    for (query, header) in [("", Some(seen.id.as_str())), (query.as_str(), None)] {
        let mut headers = vec![("authorization", ann.as_str())];
        headers.extend(header.map(|id| ("last-event-id", id)));
        let mut again = Stream::open(&server, query, &headers).await;
        let (first, second) = (again.next().await.unwrap(), again.next().await.unwrap());
        assert_eq!([first.data, second.data], [state("a"), state("b")]);
    }
    let mut late = Stream::open(&server, "", &[("authorization", &ann)]).await;
    let last = late.next().await.unwrap();
    assert_eq!(last.data, state("b"), "without a place to go on from, the last state alone");
    let mut complete = Stream::open(&server, "", &[("authorization", &ann), ("last-event-id", &last.id)]).await;
    announce(&server, "user:ann:avatar", "ann", &json!({"n": 3}));
    assert_eq!(complete.next().await.unwrap().data, json!({"n": 3}), "what was seen is not told again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_opens_a_stream_with_a_token_of_its_own() {
    let server = Setup::new().start().await;
    let ann = bearer(&user("ann"));
    let answer =
        server.send(Method::POST, "/api/avatars/events/token", &[("authorization", &ann)], None).await.expect(200);
    assert_eq!((&answer.json()["expires_in"], answer.header("cache-control")), (&json!(120), "no-store"));
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let mut stream = Stream::open(&server, &format!("?token={token}"), &[]).await;
    announce(&server, "user:ann:avatar", "ann", &json!({"n": 1}));
    assert_eq!(stream.next().await.unwrap().data, json!({"n": 1}));
    for (query, headers) in [
        ("", &[][..]),
        ("?token=nonsense", &[]),
        (&format!("?token={}", user("ann")), &[]),
        ("", &[("authorization", "Bearer nonsense")]),
        ("", &[("authorization", &bearer(&token))]),
        ("", &[("authorization", &bearer(&anon()))]),
    ] {
        let refused = Stream::ask(&server, query, headers).await;
        assert_eq!(refused.status(), 401, "{query} {headers:?}");
    }
    let nobody = bearer(&anon());
    server.send(Method::POST, "/api/avatars/events/token", &[("authorization", &nobody)], None).await.expect(403);
    let service = bearer(&service_key());
    let mut everything = Stream::open(&server, "?kinkster_id=k", &[("authorization", &service)]).await;
    announce(&server, "kinkster:k:avatar", "ann", &json!({"n": 2}));
    assert_eq!(everything.next().await.unwrap().data, json!({"n": 2}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_hears_of_every_avatar_and_nobody_else_does() {
    let server = Setup::new().start().await;
    let mut everything = Stream::open(&server, "", &[("authorization", &bearer(&service_key()))]).await;
    let mut anns = Stream::open(&server, "", &[("authorization", &bearer(&user("ann")))]).await;
    announce(&server, "user:bob:avatar", "bob", &json!({"job_id": "b", "seq": 2}));
    announce(&server, "user:bob:avatar", "bob", &json!({"job_id": "b", "seq": 1}));
    announce(&server, "kinkster:k:avatar", "cid", &json!({"job_id": "k", "seq": 1}));
    announce(&server, "user:ann:avatar", "ann", &json!({"job_id": "a", "seq": 1}));
    for job in [json!({"job_id": "b", "seq": 2}), json!({"job_id": "k", "seq": 1}), json!({"job_id": "a", "seq": 1})] {
        let told = everything.next().await.unwrap();
        assert_eq!((told.event.as_str(), told.data), ("avatar_generation_progress", job), "what is older is not told");
    }
    assert_eq!(anns.next().await.unwrap().data, json!({"job_id": "a", "seq": 1}));
    // What is no avatar's is not among it.
    let message = json!({"messages": [{"topic": "room", "event": "hello", "payload": {}, "private": true}]});
    let service = bearer(&service_key());
    let headers = [("authorization", service.as_str()), ("content-type", "application/json")];
    let body = message.to_string();
    server.send(Method::POST, "/realtime/v1/api/broadcast", &headers, Some(&body)).await.expect(202);
    announce(&server, "user:ann:avatar", "ann", &json!({"job_id": "a", "seq": 2}));
    assert_eq!(everything.next().await.unwrap().data, json!({"job_id": "a", "seq": 2}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_token_and_with_the_server() {
    let server = Setup::new().start().await;
    let short = bearer(&token_for("authenticated", Some("ann"), 2));
    let mut stream = Stream::open(&server, "", &[("authorization", &short)]).await;
    assert_eq!(stream.next().await, None);
    let ann = bearer(&user("ann"));
    let mut stream = Stream::open(&server, "", &[("authorization", &ann)]).await;
    let (ended, ()) = tokio::join!(stream.next(), server.stop());
    assert_eq!(ended, None);
}
