//! `POST /api/avatars/prompt`: what would be painted, and everything that can be wrong with a body.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Running, SECRET, Setup, service_key};

fn token(claims: &Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).unwrap()
}

fn user() -> String {
    token(&json!({"role": "authenticated", "sub": "0b8e2a6c-9d52-4f6a-8f0e-3a1c5d7e9b10", "exp": 4_000_000_000_u64}))
}

async fn preview(server: &Running, key: Option<&str>, body: &str) -> Answer {
    let bearer = key.map(|key| format!("Bearer {key}"));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
    server.send(Method::POST, "/api/avatars/prompt", &headers, Some(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_in_user_sees_the_prompt_and_what_would_be_used() {
    let server = Setup::new().start().await;
    let body = json!({
        "character_data": {"name": "Ada", "props": {"physical": {"hair": "red"}}},
        "props": {"physical": {"hair": "blue"}}, "custom_prompt": "smiling", "size": "1792x1024", "quality": "hd",
    });
    let answer = preview(&server, Some(&user()), &body.to_string()).await.expect(200);
    let json = answer.json();
    let prompt = json["prompt"].as_str().unwrap();
    assert!(prompt.contains("Ada") && prompt.contains("Hair: blue.") && prompt.contains("smiling"), "{prompt}");
    assert!(!prompt.contains("red"), "the character's own props were not replaced: {prompt}");
    // dall-e-3 is the first in the list, and past its day.
    let expected = json!({"model": "gpt-image-2.5-flare", "size": "1536x1024", "quality": "high"});
    assert_eq!(json["generation_config"], expected);
    assert_eq!(answer.header("cache-control"), "no-store");
    preview(&server, Some(&service_key()), &body.to_string()).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_signed_in_sees_nothing() {
    let server = Setup::new().start().await;
    let body = r#"{"character_data":{"name":"Ada"}}"#;
    let anon = token(&json!({"role": "anon", "exp": 4_000_000_000_u64}));
    let expired = token(&json!({"role": "authenticated", "sub": "a", "exp": 1}));
    for key in [None, Some("nonsense"), Some(&*anon), Some(&*expired)] {
        let answer = preview(&server, key, body).await.expect(401);
        assert_eq!(answer.json(), json!({"error": "Unauthorized"}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_body_is_refused_by_the_name_of_its_field() {
    let server = Setup::new().start().await;
    let user = user();
    let long = "x".repeat(1001);
    let megabyte = "y".repeat(1_000_000);
    let named = |more: &str| format!(r#"{{"character_data":{{"name":"Ada"}},{more}}}"#);
    for (body, field, message) in [
        (String::new(), None, "Invalid JSON payload"),
        ("{".to_owned(), None, "Invalid JSON payload"),
        ("[]".to_owned(), Some("body"), "body must be an object"),
        ("{}".to_owned(), Some("character_data"), "character_data is required"),
        (r#"{"character_data":null}"#.to_owned(), Some("character_data"), "character_data is required"),
        (r#"{"character_data":"Ada"}"#.to_owned(), Some("character_data"), "character_data must be an object"),
        (r#"{"character_data":{}}"#.to_owned(), Some("character_data.name"), "character_data.name is required"),
        (
            r#"{"character_data":{"name":""}}"#.to_owned(),
            Some("character_data.name"),
            "character_data.name is required",
        ),
        (r#"{"characterData":{"name":7}}"#.to_owned(), Some("characterData.name"), "characterData.name must be a text"),
        (
            r#"{"character_data":{"name":"a\u0000b"}}"#.to_owned(),
            Some("character_data.name"),
            "character_data.name holds control characters",
        ),
        (
            format!(r#"{{"character_data":{{"name":"{megabyte}"}}}}"#),
            Some("character_data.name"),
            "character_data.name is longer than 200 characters",
        ),
        (
            named(&format!(r#""custom_prompt":"{long}""#)),
            Some("custom_prompt"),
            "custom_prompt is longer than 1000 characters",
        ),
        (named(r#""custom_prompt":["a"]"#), Some("custom_prompt"), "custom_prompt must be a text"),
        (named(r#""size":"999x1""#), Some("size"), "size must be one of 1024x1024, 1792x1024, 1024x1792"),
        (named(r#""size":1024"#), Some("size"), "size must be a text"),
        (named(r#""quality":"best""#), Some("quality"), "quality must be one of standard, hd"),
        (
            named(r#""preset":"no-such""#),
            Some("preset"),
            "preset must be one of comic, illustration, painting, photograph, portrait",
        ),
        (named(r#""props":[]"#), Some("props"), "props must be an object"),
        (
            named(r#""props":{"clothing":{"top":[{}]}}"#),
            Some("props.clothing.top[0]"),
            "props.clothing.top[0] must be a text",
        ),
    ] {
        let answer = preview(&server, Some(&user), &body).await.expect(400);
        let json = answer.json();
        assert_eq!(json["error"], message, "{}", &body[..body.len().min(100)]);
        assert_eq!(json["details"]["field"].as_str(), field);
        assert!(answer.body.len() < 1000);
    }
    let flood = format!(r#"{{"character_data":{{"name":"{}"}}}}"#, "z".repeat(5_000_000));
    preview(&server, Some(&user), &flood).await.expect(413);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_prompts_file_and_the_painter_are_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prompts.toml");
    let text = "default = 'plain'\nparts = ['{style}', 'It is {name}.']\n[presets]\nplain = 'One picture.'\n\
                [backgrounds]\nsolid = 'x'\ngradient = 'x'\nenvironment = 'x'\nminimal = 'x'";
    std::fs::write(&file, text).unwrap();
    let setup = Setup::new().with("AVATARS__PROMPTS", file.to_str().unwrap()).with("AVATARS__PROVIDER", "painter");
    let server = setup.start().await;
    let answer = preview(&server, Some(&user()), r#"{"character_data":{"name":"Ada"}}"#).await.expect(200);
    assert_eq!(answer.json()["prompt"], "One picture. It is Ada.");
    let painter = json!({"model": "painter-1", "size": "1024x1024", "quality": null});
    assert_eq!(answer.json()["generation_config"], painter);
}
