//! The description of the routes is that of the routes, in both directions, and of what they answer.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::{Answer, Running, Setup, fixture, service_key};

fn document() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/openapi.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// Every operation with its method and path.
fn operations(document: &Value) -> impl Iterator<Item = (Method, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(|(method, operation)| {
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            (method, path.as_str(), operation)
        })
    })
}

/// What a reference names; anything else is itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let Some(reference) = value.get("$ref") else { return value };
    let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
    document.pointer(pointer).unwrap_or_else(|| panic!("{pointer} names nothing"))
}

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn what_is_documented_is_routed_and_what_is_routed_is_documented() {
    let document = document();
    let documented: BTreeSet<(String, String)> =
        operations(&document).map(|(method, path, _)| (path.to_owned(), method.to_string())).collect();
    let routed: BTreeSet<(String, String)> =
        tintype::http::routes().into_iter().map(|(method, path)| (path, method.to_string())).collect();
    let missing: Vec<_> = routed.difference(&documented).collect();
    let dead: Vec<_> = documented.difference(&routed).collect();
    assert!(missing.is_empty() && dead.is_empty(), "not documented: {missing:?}\nnot routed: {dead:?}");
}

#[test]
fn references_resolve_and_every_operation_is_whole() {
    let document = document();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference} names nothing");
    }
    for kind in ["parameters", "responses", "schemas"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            assert!(found.contains(format!("#/components/{kind}/{name}").as_str()), "{kind}/{name} is not used");
        }
    }
    let tags: Vec<&Value> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let mut names = BTreeMap::new();
    for (method, path, operation) in operations(&document) {
        let what = format!("{method} {path}");
        let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{what} has no operationId"));
        assert_eq!(names.insert(name, what.clone()), None, "{name} is twice there");
        assert!(operation["summary"].is_string() && operation["security"].is_array(), "{what}");
        assert!(operation["tags"].as_array().unwrap().iter().all(|tag| tags.contains(&tag)), "{what}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2') || status == "101"), "{what} never succeeds");
        for response in responses.values() {
            assert!(resolved(&document, response)["description"].is_string(), "{what}");
        }
        let parameters: Vec<&Value> =
            operation["parameters"].as_array().into_iter().flatten().map(|one| resolved(&document, one)).collect();
        let declared: BTreeSet<&str> = parameters
            .iter()
            .filter(|one| one["in"] == "path" && one["required"] == true)
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        let in_path: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(declared, in_path, "{what}");
    }
}

async fn call(server: &Running, method: Method, path: &str, body: Option<&str>) -> Answer {
    let authorization = format!("Bearer {}", service_key());
    server.send(method, path, &[("authorization", &authorization)], body).await
}

fn is_unrouted(answer: &Answer) -> bool {
    answer.status == 405 || (answer.status == 404 && answer.text().contains("\"message\":\"Route "))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_route_is_answered_by_a_running_server() {
    let server = Setup::new().photos().start().await;
    let document = document();
    for (method, path, _) in operations(&document) {
        let there = path.replace("{bucket}", "photos").replace("{object}", "a/b.png").replace("{name}", "gallery.css");
        // What goes on without an end is asked for none of it.
        let there = there.replace("/health/live", "/health/live?most=0");
        let there = if there == "/api/avatars/events" { format!("{there}?token=none") } else { there };
        let body = (method != Method::GET).then_some("{}");
        let answer = call(&server, method.clone(), &there, body).await;
        assert!(!is_unrouted(&answer), "{method} {path}: {} {}", answer.status, answer.text());
    }
    for unknown in ["/nothing", "/admin/nothing", "/api/nothing", "/storage/v1/nothing"] {
        assert!(is_unrouted(&call(&server, Method::GET, unknown, None).await), "{unknown}");
    }
    let served = server.get("/openapi.json").await.expect(200);
    assert_eq!(served.header("content-type"), "application/json");
    assert!(served.json() == document, "another document is served");
}

/// Every property that a schema names, its own and those of what it is made of.
fn properties<'a>(document: &'a Value, schema: &'a Value, found: &mut Map<String, Value>) {
    let schema = resolved(document, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        found.insert(name.clone(), property.clone());
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        properties(document, part, found);
    }
}

/// Why a value is not what the schema says. Stricter than JSON Schema: what no schema names may not be there.
fn mismatch(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    let mut named = Map::new();
    properties(document, schema, &mut named);
    let unnamed = value.as_object().filter(|_| !named.is_empty());
    if let Some(name) = unnamed.and_then(|fields| fields.keys().find(|name| !named.contains_key(*name))) {
        return Some(format!("`{name}` is not documented"));
    }
    let schema = resolved(document, schema);
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let part = resolved(document, part);
        // What the other parts name is theirs.
        let own = value.as_object().map(|fields| {
            let mut known = Map::new();
            properties(document, part, &mut known);
            Value::Object(fields.clone().into_iter().filter(|(name, _)| known.contains_key(name)).collect())
        });
        if let Some(reason) = mismatch(document, part, own.as_ref().unwrap_or(value)) {
            return Some(reason);
        }
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let reasons: Vec<String> = choices.iter().filter_map(|choice| mismatch(document, choice, value)).collect();
        return (reasons.len() + 1 != choices.len()).then(|| format!("fits not one of several: {reasons:?}"));
    }
    if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
        return Some(format!("{value} is not one of {}", schema["enum"]));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let fits = |kind: &&str| match *kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    };
    if !types.iter().any(fits) {
        return Some(format!("{value} is no {types:?}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() && value.is_object() {
            return Some(format!("`{name}` is missing"));
        }
    }
    for (name, field) in value.as_object().into_iter().flatten() {
        let property = schema["properties"].get(name);
        if let Some(reason) = property.and_then(|property| mismatch(document, property, field)) {
            return Some(format!("{name}: {reason}"));
        }
    }
    let items = value.as_array().into_iter().flatten();
    items.filter(|_| schema["items"].is_object()).find_map(|item| mismatch(document, &schema["items"], item))
}

/// The documented schema of an answer, by its status or the class of it.
fn schema_of<'a>(document: &'a Value, operation: &'a Value, answer: &Answer) -> Option<&'a Value> {
    let status = answer.status.as_str();
    let responses = &operation["responses"];
    let response = responses.get(status).or_else(|| responses.get(format!("{}XX", &status[..1])));
    let content = &resolved(document, response?)["content"];
    content.get(answer.header("content-type").split(';').next()?)?.get("schema")
}

const AVATARS: &str = "kinkster-avatars";

/// A call: method, documented path, bucket, object, body, and the status of its answer.
type Call = (&'static str, &'static str, &'static str, &'static str, Value, u16);

/// Calls that need no more than what the calls before them made.
fn calls(server: &Running) -> Vec<Call> {
    let url = server.url("/storage/v1/object/public/kinkster-avatars/a.png");
    let stored = json!({"bucketId": AVATARS, "objectName": "c.png", "url": url});
    let ends = |to: &str| json!({"bucketId": AVATARS, "sourceKey": "a.png", "destinationKey": to});
    let signed = json!({"expiresIn": 60, "paths": ["a.png", "none"]});
    vec![
        ("get", "/storage/v1/health", "", "", Value::Null, 200),
        ("get", "/storage/v1/bucket", "", "", Value::Null, 200),
        ("get", "/storage/v1/bucket/{bucket}", "task-proofs", "", Value::Null, 200),
        ("get", "/storage/v1/bucket/{bucket}", "nowhere", "", Value::Null, 400),
        ("post", "/storage/v1/bucket", "", "", json!({"name": "new", "file_size_limit": "1mb"}), 200),
        ("put", "/storage/v1/bucket/{bucket}", "new", "", json!({"public": true}), 200),
        ("post", "/storage/v1/bucket/{bucket}/empty", "new", "", Value::Null, 200),
        ("delete", "/storage/v1/bucket/{bucket}", "new", "", Value::Null, 200),
        ("post", "/storage/v1/object/list/{bucket}", AVATARS, "", json!({"prefix": ""}), 200),
        ("post", "/storage/v1/object/list-v2/{bucket}", AVATARS, "", json!({"limit": 1}), 200),
        ("get", "/storage/v1/object/info/{bucket}/{object}", AVATARS, "a.png", Value::Null, 200),
        ("post", "/storage/v1/object/sign/{bucket}", AVATARS, "", signed, 200),
        ("post", "/storage/v1/object/sign/{bucket}/{object}", AVATARS, "a.png", json!({"expiresIn": 60}), 200),
        ("post", "/storage/v1/object/upload/sign/{bucket}/{object}", AVATARS, "z.png", json!({}), 200),
        ("post", "/storage/v1/object/copy", "", "", ends("copy.png"), 200),
        ("post", "/api/storage/store", "", "", stored.clone(), 200),
        ("post", "/api/storage/store", "", "", stored, 409),
        ("post", "/api/storage/store", "", "", json!({}), 400),
        ("get", "/admin/audit", "", "", Value::Null, 200),
        ("get", "/admin/cleanup/runs", "", "", Value::Null, 200),
        ("get", "/admin/health", "", "", Value::Null, 200),
        ("get", "/admin/usage", "", "", Value::Null, 200),
        ("get", "/admin/usage/{bucket}", AVATARS, "", Value::Null, 200),
        ("get", "/admin/usage/{bucket}", "nowhere", "", Value::Null, 404),
        ("get", "/admin/objects/{bucket}/largest", AVATARS, "", Value::Null, 200),
        ("get", "/admin/objects/{bucket}/requested", AVATARS, "", Value::Null, 200),
        ("get", "/admin/objects/{bucket}/{object}", AVATARS, "a.png", Value::Null, 200),
        ("get", "/admin/objects/{bucket}/{object}", AVATARS, "folder/b.png", Value::Null, 200),
        ("post", "/admin/purge", "", "", json!({"bucket": AVATARS}), 200),
        ("post", "/admin/purge", "", "", json!({}), 400),
        ("post", "/admin/warm", "", "", json!({}), 400),
        ("delete", "/storage/v1/cdn/{bucket}", "photos", "", Value::Null, 200),
        ("get", "/image/{bucket}/{object}", "photos", "none.png", Value::Null, 404),
        ("get", "/image/{bucket}/{object}", AVATARS, "copy.png?f=json", Value::Null, 200),
        ("get", "/storage/v1/object/public/{bucket}/{object}", "photos", "none.png", Value::Null, 400),
        ("post", "/storage/v1/object/move", "", "", ends("moved.png"), 200),
        ("delete", "/storage/v1/object/{bucket}", AVATARS, "", json!({"prefixes": ["moved.png"]}), 200),
        ("delete", "/storage/v1/object/{bucket}/{object}", AVATARS, "none", Value::Null, 400),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_what_the_document_says_of_them() {
    let server = Setup::new().photos().start().await;
    let document = document();
    let authorization = format!("Bearer {}", service_key());
    for name in ["a.png", "folder/b.png"] {
        let headers = [("authorization", authorization.as_str()), ("content-type", "image/png")];
        let path = format!("/storage/v1/object/{AVATARS}/{name}");
        server.send_bytes(Method::POST, &path, &headers, fixture("formats/truecolour.png")).await.expect(200);
    }
    server.get_webp(&format!("/image/{AVATARS}/a.png?w=16")).await.expect(200);
    for (method, template, bucket, object, body, status) in calls(&server) {
        let path = template.replace("{bucket}", bucket).replace("{object}", object);
        let body = (!body.is_null()).then(|| body.to_string());
        let verb = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
        let answer = call(&server, verb, &path, body.as_deref()).await.expect(status);
        let schema = schema_of(&document, &document["paths"][template][method], &answer);
        let schema = schema.unwrap_or_else(|| panic!("{method} {template}: {status} is not documented"));
        let value = answer.json();
        assert_eq!(mismatch(&document, schema, &value), None, "{method} {path}: {value:#}");
    }
}
