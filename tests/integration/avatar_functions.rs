//! `/rest/v1/rpc`: the app's four functions, answered as PostgREST answers them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::avatars::{ANN, BOB, fox, token};
use crate::support::origin::{Origin, Reply};
use crate::support::postgres::Database;
use crate::support::{Answer, Running, Setup, service_key};

const ROOK: &str = "0c0c0c0c-0000-4000-8000-00000000000c";
const KING: &str = "0d0d0d0d-0000-4000-8000-00000000000d";
const TEMPORARY: &str = "https://dalleprodsec.blob.core.windows.net/private/x.png?sig=a";

async fn send(server: &Running, key: Option<&str>, method: Method, path: &str, body: &str) -> Answer {
    let authorization = format!("Bearer {}", key.unwrap_or_default());
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(key.map(|_| ("authorization", authorization.as_str())));
    server.send_bytes(method, path, &headers, body.as_bytes().to_vec()).await
}

async fn call(server: &Running, key: Option<&str>, name: &str, arguments: &Value) -> Answer {
    send(server, key, Method::POST, &format!("/rest/v1/rpc/{name}"), &arguments.to_string()).await
}

/// Refused with this code, in PostgREST's envelope.
#[track_caller]
fn refused(answer: Answer, status: u16, code: &str) -> Value {
    let error = answer.expect(status).json();
    assert_eq!(error["code"], code, "{error}");
    let keys: Vec<&String> = error.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["code", "details", "hint", "message"]);
    error
}

async fn functions_answer(setup: Setup) {
    let server = setup.with("AVATARS__PROVIDER", "painter").start().await;
    let (ann, bob, service) = (token(ANN), token(BOB), service_key());
    let (ann, bob, service) = (Some(ann.as_str()), Some(bob.as_str()), Some(service.as_str()));
    // Which URLs are avatars', everybody may ask.
    let ours = server.url(&format!("/storage/v1/object/public/kinkster-avatars/{ANN}/a.png"));
    for (url, expected) in [
        (json!(ours), json!(true)),
        (json!(TEMPORARY), json!(true)),
        (json!("https://evil.example/"), json!(false)),
        (json!(7), json!(false)),
        (Value::Null, Value::Null),
    ] {
        for key in [None, ann, service] {
            let answer = call(&server, key, "validate_avatar_url", &json!({"p_url": url})).await.expect(200);
            assert_eq!(answer.json(), expected, "{url}");
        }
    }
    // What one's avatars take up.
    let stats = json!({"p_user_id": ANN});
    let none = json!([{"total_avatars": 0, "total_storage_size_bytes": 0, "oldest_avatar_created_at": null, "newest_avatar_created_at": null}]);
    assert_eq!(call(&server, ann, "get_user_avatar_stats", &stats).await.expect(200).json(), none);
    for (user, name) in
        [(ann, format!("{ANN}/kinksters/a.png")), (ann, format!("{ANN}/b.png")), (bob, format!("{BOB}/c.png"))]
    {
        let authorization = format!("Bearer {}", user.unwrap());
        let headers = [("authorization", authorization.as_str()), ("content-type", "image/png")];
        let path = format!("/storage/v1/object/kinkster-avatars/{name}");
        server.send_bytes(Method::POST, &path, &headers, fox()).await.expect(200);
    }
    let listed = json!({"prefix": ANN});
    let listed =
        send(&server, ann, Method::POST, "/storage/v1/object/list/kinkster-avatars", &listed.to_string()).await;
    let stored = listed.expect(200).json()[0]["metadata"]["size"].as_u64().unwrap();
    for key in [ann, service] {
        let row = &call(&server, key, "get_user_avatar_stats", &stats).await.expect(200).json()[0];
        assert_eq!((&row["total_avatars"], &row["total_storage_size_bytes"]), (&json!(2), &json!(2 * stored)));
        assert!(row["oldest_avatar_created_at"].as_str().unwrap() <= row["newest_avatar_created_at"].as_str().unwrap());
    }
    refused(call(&server, bob, "get_user_avatar_stats", &stats).await, 403, "42501");
    refused(call(&server, None, "get_user_avatar_stats", &stats).await, 401, "42501");
    refused(call(&server, ann, "get_user_avatar_stats", &json!({"p_user_id": null})).await, 403, "42501");
    // How an avatar is.
    let body = json!({"characterData": {"name": "Rook"}, "kinkster_id": ROOK}).to_string();
    send(&server, ann, Method::POST, "/api/kinksters/avatar/generate", &body).await.expect(200);
    let status = json!({"p_kinkster_id": ROOK});
    for key in [ann, service] {
        let rows = call(&server, key, "get_avatar_generation_status", &status).await.expect(200).json();
        let row = &rows.as_array().unwrap()[0];
        assert_eq!((&row["kinkster_id"], &row["job_status"]), (&json!(ROOK), &json!("completed")));
        assert_eq!((&row["has_storage_url"], &row["is_temporary"]), (&json!(true), &json!(false)));
        assert_eq!(row["job_error"], Value::Null);
        assert!(row["avatar_url"].is_string() && row["created_at"].is_string() && row["updated_at"].is_string());
    }
    assert_eq!(call(&server, bob, "get_avatar_generation_status", &status).await.expect(200).json(), json!([]));
    // Its next owner learns nothing of the jobs of the one before, nor takes them up again.
    let generated = send(&server, ann, Method::POST, "/api/avatars/jobs", &body).await.expect(202).json();
    let job = format!("/api/avatars/jobs/{}", generated["id"].as_str().unwrap());
    send(&server, ann, Method::DELETE, &format!("/api/kinksters/{ROOK}"), "").await.expect(204);
    send(&server, bob, Method::PUT, &format!("/api/kinksters/{ROOK}"), r#"{"name":"Mine"}"#).await.expect(200);
    let rows = call(&server, bob, "get_avatar_generation_status", &status).await.expect(200).json();
    assert_eq!((&rows[0]["kinkster_id"], &rows[0]["job_status"]), (&json!(ROOK), &Value::Null));
    let listed = format!("/api/avatars/jobs?kinkster_id={ROOK}");
    assert_eq!(send(&server, bob, Method::GET, &listed, "").await.expect(200).json()["jobs"], json!([]));
    send(&server, bob, Method::POST, &format!("{job}/retry"), "").await.expect(404);
    send(&server, bob, Method::DELETE, &format!("/api/kinksters/{ROOK}"), "").await.expect(204);
    let nobodys = json!({"p_kinkster_id": KING});
    assert_eq!(call(&server, ann, "get_avatar_generation_status", &nobodys).await.expect(200).json(), json!([]));
    refused(call(&server, None, "get_avatar_generation_status", &status).await, 401, "42501");
    // Which pictures will be gone, the service alone may know.
    let row = json!({"id": KING, "user_id": BOB, "avatar_url": TEMPORARY}).to_string();
    send(&server, bob, Method::POST, "/rest/v1/kinksters", &row).await.expect(201);
    let name = "mark_temporary_avatars_for_cleanup";
    let rows = call(&server, service, name, &json!({})).await.expect(200).json();
    let row = &rows.as_array().unwrap()[0];
    assert_eq!((rows.as_array().unwrap().len(), &row["kinkster_id"], &row["user_id"]), (1, &json!(KING), &json!(BOB)));
    assert_eq!(row["avatar_url"], TEMPORARY);
    refused(call(&server, bob, name, &json!({})).await, 403, "42501");
    refused(call(&server, None, name, &json!({})).await, 401, "42501");
    let bodyless = send(&server, service, Method::POST, &format!("/rest/v1/rpc/{name}"), "").await;
    assert_eq!(bodyless.expect(200).json(), rows);
    wrong_calls_are_told(&server, ann).await;
}

async fn wrong_calls_are_told(server: &Running, ann: Option<&str>) {
    let unknown = refused(call(server, ann, "nothing", &json!({"b": 1, "a": 2})).await, 404, "PGRST202");
    assert_eq!(unknown["message"], "Could not find the function public.nothing(a, b) in the schema cache");
    assert!(
        unknown["details"]
            .as_str()
            .unwrap()
            .starts_with("Searched for the function public.nothing with parameters a, b")
    );
    for arguments in [json!({}), json!({"url": "x"}), json!({"p_url": "x", "more": 1})] {
        refused(call(server, ann, "validate_avatar_url", &arguments).await, 404, "PGRST202");
    }
    refused(call(server, ann, "get_user_avatar_stats", &json!({"p_user_id": "x' OR 1"})).await, 400, "22P02");
    let path = "/rest/v1/rpc/validate_avatar_url";
    for body in ["{", "[]", "7"] {
        refused(send(server, ann, Method::POST, path, body).await, 400, "PGRST102");
    }
    refused(send(server, Some("nonsense"), Method::POST, path, "{}").await, 401, "PGRST301");
    refused(send(server, ann, Method::GET, path, "").await, 405, "PGRST117");
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_answer_from_sqlite() {
    functions_answer(Setup::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_answer_from_postgres() {
    let database = Database::create().await;
    functions_answer(Setup::new().with("STORAGE__DATABASE", &database.url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_answers_for_itself_unless_it_is_not_asked() {
    let upstream = Origin::start();
    for name in ["validate_avatar_url", "theirs"] {
        upstream.serve(&format!("/rest/v1/rpc/{name}"), Reply::ok("application/json", "\"upstream\"".to_owned()));
    }
    let setup = || Setup::new().with("UPSTREAM__URL", &format!("http://{}", upstream.address()));
    let body = json!({"p_url": TEMPORARY});
    let front = setup().start().await;
    assert_eq!(call(&front, None, "validate_avatar_url", &body).await.expect(200).json(), "upstream");
    let front = setup().with("UPSTREAM__RPC", "local").start().await;
    assert_eq!(call(&front, None, "validate_avatar_url", &body).await.expect(200).json(), true);
    assert_eq!(call(&front, None, "theirs", &body).await.expect(200).json(), "upstream");
    let path = "/rest/v1/rpc/validate_avatar_url?p_url=x";
    assert_eq!(send(&front, None, Method::GET, path, "").await.expect(200).json(), "upstream");
}
