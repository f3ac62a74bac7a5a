//! Who is believed: each rule of tokens and keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::test_tokens::{ProviderKey, jwks, signing_input};
use super::*;
use crate::secret::Secret;

/// The time of the tests in Unix seconds.
const NOW: u64 = 1_800_000_000;
const SHARED: &str = "a-secret-for-tests-of-at-least-32-bytes";
const PUBLIC_KEY: &str = "sb_publishable_0123456789abcdef";
const SECRET_KEY: &str = "sb_secret_0123456789abcdef";

fn plain() -> Keys {
    Keys::new(&Secret::new(SHARED))
}

fn with_set(set: &str) -> Keys {
    let table = KeyTable::parse(set.as_bytes(), Symmetric::Allowed).unwrap();
    assert_eq!(table.skipped, []);
    plain().with_jwks(JwksHandle::fixed(table))
}

fn shared(header: &Header, claims: &Value) -> String {
    jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(SHARED.as_bytes())).unwrap()
}

fn hs256(claims: &Value) -> String {
    shared(&Header::new(Algorithm::HS256), claims)
}

fn refusal(keys: &Keys, token: &str) -> String {
    keys.caller_at(token, NOW).unwrap_err().to_string()
}

fn headers(bearer: Option<&str>, apikey: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.extend(bearer.map(|token| (AUTHORIZATION, format!("Bearer {token}").parse().unwrap())));
    headers.extend(apikey.map(|key| ("apikey".parse::<http::HeaderName>().unwrap(), key.parse().unwrap())));
    headers
}

#[test]
fn tokens_of_the_secret_name_role_subject_and_expiry() {
    let claims = json!({"role": "authenticated", "sub": "ann", "exp": NOW + 1, "app": {"a": 1}});
    let caller = plain().caller_at(&hs256(&claims), NOW).unwrap();
    assert_eq!(caller.role, Role::Authenticated);
    assert_eq!(caller.subject.as_deref(), Some("ann"));
    assert_eq!(caller.expires, Some(NOW + 1));
    assert_eq!(Value::Object((*caller.claims).clone()), claims);
    assert_eq!(plain().caller_at(&hs256(&json!({"sub": "ann"})), NOW).unwrap().role, Role::Anon);
    let other = Keys::new(&Secret::new("y".repeat(32)));
    assert_eq!(refusal(&other, &hs256(&claims)), "signature verification failed");
}

#[test]
fn times_are_exact_to_the_second() {
    let at = |claims: Value| plain().caller_at(&hs256(&claims), NOW).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(at(json!({"exp": NOW})), Err("\"exp\" claim timestamp check failed".to_owned()));
    assert_eq!(at(json!({"exp": NOW + 1, "nbf": NOW})), Ok(()));
    assert_eq!(at(json!({"exp": NOW as f64 + 0.5})), Ok(()));
    assert_eq!(at(json!({"nbf": NOW + 1})), Err("\"nbf\" claim timestamp check failed".to_owned()));
    assert_eq!(at(json!({"exp": "never"})), Err("\"exp\" claim must be a number".to_owned()));
    assert_eq!(at(json!({"exp": null})), Err("\"exp\" claim must be a number".to_owned()));
}

#[test]
fn what_is_no_token_is_told_so() {
    let good = hs256(&json!({"role": "service_role"}));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (_, claims) = signed.split_once('.').unwrap();
    for broken in ["", "a", "a.b", "a.b.c", "undefined", &format!("{good}.x"), &format!("!{good}")] {
        assert_eq!(refusal(&plain(), broken), "Invalid Compact JWS", "{broken}");
    }
    for none in ["none", "None", "NONE", "HS384", "HS512", "PS256", "ES384", ""] {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": none}).to_string());
        for signature in ["", signature] {
            let token = format!("{header}.{claims}.{signature}");
            assert_eq!(refusal(&plain(), &token), "\"alg\" (Algorithm) Header Parameter value not allowed", "{none}");
        }
    }
    assert_eq!(refusal(&plain(), &format!("{signed}.")), "signature verification failed");
    let critical = signing_input(&json!({"alg": "HS256", "crit": ["b64"], "b64": false}), &json!({}));
    assert_eq!(refusal(&plain(), &format!("{critical}.{signature}")), "Invalid Compact JWS");
}

#[test]
fn the_providers_keys_verify_what_they_signed() {
    let (rsa, p256, ed25519) = (ProviderKey::rsa("r"), ProviderKey::p256("p"), ProviderKey::ed25519("e"));
    let keys = with_set(&jwks(&[&rsa, &p256, &ed25519]));
    let claims = json!({"role": "authenticated", "sub": "ann", "exp": NOW + 60});
    for (key, algorithm) in [
        (&rsa, "RS256"),
        (&rsa, "RS384"),
        (&rsa, "RS512"),
        (&p256, "ES256"),
        (&ed25519, "EdDSA"),
        (&ed25519, "Ed25519"),
    ] {
        let token = key.sign(algorithm, &claims);
        assert_eq!(keys.caller_at(&token, NOW).unwrap().role, Role::Authenticated, "{algorithm}");
        let unnamed = key.sign_with(&json!({"alg": algorithm}), &claims);
        assert!(keys.caller_at(&unnamed, NOW).is_ok(), "{algorithm} without kid");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let changed = URL_SAFE_NO_PAD.encode(r#"{"role":"service_role"}"#);
        assert_eq!(refusal(&keys, &format!("{header}.{changed}.{signature}")), "signature verification failed");
        let late = key.sign(algorithm, &json!({"exp": NOW - 1}));
        assert_eq!(refusal(&keys, &late), "\"exp\" claim timestamp check failed");
    }
    assert!(keys.caller_at(&hs256(&claims), NOW).is_ok(), "the secret still verifies");
}

#[test]
fn unknown_keys_and_keys_of_other_ids_verify_nothing() {
    let (known, unknown) = (ProviderKey::p256("known"), ProviderKey::p256("unknown"));
    let keys = with_set(&jwks(&[&known]));
    let missing = "no applicable key found in the JSON Web Key Set";
    assert_eq!(refusal(&keys, &unknown.sign("ES256", &json!({}))), missing);
    let renamed = unknown.sign_with(&json!({"alg": "ES256", "kid": "known"}), &json!({}));
    assert_eq!(refusal(&keys, &renamed), "signature verification failed");
    let misnamed = known.sign_with(&json!({"alg": "ES256", "kid": "other"}), &json!({}));
    assert_eq!(refusal(&keys, &misnamed), missing);
    assert_eq!(refusal(&plain(), &known.sign("ES256", &json!({}))), missing);
    let stray = Header { kid: Some("nobody's".to_owned()), ..Header::new(Algorithm::HS256) };
    assert!(keys.caller_at(&shared(&stray, &json!({})), NOW).is_ok(), "HS256 falls back to the secret");
}

#[test]
fn no_key_serves_another_algorithm() {
    let (rsa, p256) = (ProviderKey::rsa("r"), ProviderKey::p256("p"));
    let keys = with_set(&jwks(&[&rsa, &p256]));
    let claims = json!({"role": "service_role"});
    // The classic: the public key, which everyone has, as the secret of an HMAC.
    let modulus = URL_SAFE_NO_PAD.decode(rsa.jwk()["n"].as_str().unwrap()).unwrap();
    for id in [None, Some("r".to_owned()), Some("p".to_owned())] {
        for secret in [modulus.as_slice(), rsa.jwk()["n"].as_str().unwrap().as_bytes(), b""] {
            let header = Header { kid: id.clone(), ..Header::new(Algorithm::HS256) };
            let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap();
            assert_eq!(refusal(&keys, &token), "signature verification failed");
        }
    }
    let missing = "no applicable key found in the JSON Web Key Set";
    assert_eq!(refusal(&keys, &p256.sign_with(&json!({"alg": "RS256", "kid": "p"}), &claims)), missing);
    assert_eq!(refusal(&keys, &rsa.sign_with(&json!({"alg": "ES256", "kid": "r"}), &claims)), missing);
    let mut pinned = rsa.jwk();
    pinned["alg"] = json!("RS256");
    let keys = with_set(&json!({"keys": [pinned]}).to_string());
    assert!(keys.caller_at(&rsa.sign("RS256", &claims), NOW).is_ok());
    assert_eq!(refusal(&keys, &rsa.sign("RS512", &claims)), missing);
}

#[test]
fn symmetric_keys_of_the_configuration_verify_their_own_id() {
    let other = "another-secret-of-at-least-32-bytes!";
    let k = URL_SAFE_NO_PAD.encode(other);
    let set = json!({"keys": [{"kty": "oct", "kid": "o", "alg": "HS256", "k": k}]}).to_string();
    let named = Header { kid: Some("o".to_owned()), ..Header::new(Algorithm::HS256) };
    let token = jsonwebtoken::encode(&named, &json!({}), &EncodingKey::from_secret(other.as_bytes())).unwrap();
    assert!(with_set(&set).caller_at(&token, NOW).is_ok());
    assert_eq!(refusal(&with_set(&set), &shared(&named, &json!({}))), "signature verification failed");
    let published = KeyTable::parse(set.as_bytes(), Symmetric::Refused).unwrap();
    assert!(published.is_empty() && published.skipped[0].id == "o");
}

#[test]
fn keys_of_no_use_are_skipped_and_the_rest_is_kept() {
    let good = ProviderKey::ed25519("good");
    let change = |name: &str, value: Value| {
        let mut jwk = good.jwk();
        jwk[name] = value;
        jwk
    };
    let bad = [
        json!("text"),
        json!({}),
        change("use", json!("enc")),
        change("key_ops", json!(["sign"])),
        change("alg", json!("ES256")),
        change("crv", json!("X25519")),
        change("x", json!("AAAA")),
        change("x", json!("*")),
        json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
        json!({"kty": "EC", "crv": "P-384", "x": "", "y": ""}),
        json!({"kty": "oct", "k": "c2hvcnQ"}),
    ];
    let all: Vec<Value> = bad.iter().cloned().chain([good.jwk()]).collect();
    let table = KeyTable::parse(json!({"keys": all}).to_string().as_bytes(), Symmetric::Allowed).unwrap();
    assert_eq!((table.len(), table.skipped.len()), (1, bad.len()), "{:?}", table.skipped);
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, "<html>"] {
        assert_eq!(KeyTable::parse(text.as_bytes(), Symmetric::Allowed).unwrap_err(), JwksError::Shape, "{text}");
    }
    let many = json!({"keys": vec![good.jwk(); 65]}).to_string();
    assert_eq!(KeyTable::parse(many.as_bytes(), Symmetric::Allowed).unwrap_err(), JwksError::TooMany);
}

#[test]
fn issuer_and_audience_count_where_they_are_configured() {
    let keys = plain().with_claims(vec!["a".to_owned(), "b".to_owned()], vec!["web".to_owned()]);
    assert!(keys.caller_at(&hs256(&json!({"iss": "b", "aud": "web"})), NOW).is_ok());
    assert!(keys.caller_at(&hs256(&json!({"iss": "a", "aud": ["other", "web"]})), NOW).is_ok());
    assert_eq!(refusal(&keys, &hs256(&json!({"iss": "c", "aud": "web"}))), "unexpected \"iss\" claim value");
    assert_eq!(refusal(&keys, &hs256(&json!({"iss": "a", "aud": ["other"]}))), "unexpected \"aud\" claim value");
    assert_eq!(refusal(&keys, &hs256(&json!({"aud": "web"}))), "missing required \"iss\" claim");
}

#[test]
fn the_bearer_decides_and_apikey_stands_in_for_it() {
    let keys = plain().with_opaque(&[Secret::new(PUBLIC_KEY)], &[Secret::new(SECRET_KEY)]);
    let role = |bearer: Option<&str>, apikey: Option<&str>| {
        keys.caller(&headers(bearer, apikey)).map(|caller| caller.role).map_err(|error| error.to_string())
    };
    let far = 4_000_000_000_u64;
    let user = hs256(&json!({"role": "authenticated", "sub": "ann", "exp": far}));
    let service = hs256(&json!({"role": "service_role", "exp": far}));
    assert_eq!(role(Some(&user), Some(&service)), Ok(Role::Authenticated), "the service key beside it adds nothing");
    assert_eq!(role(Some(PUBLIC_KEY), Some(PUBLIC_KEY)), Ok(Role::Anon));
    assert_eq!(role(Some(SECRET_KEY), Some(SECRET_KEY)), Ok(Role::Service));
    assert_eq!(role(Some(SECRET_KEY), Some(PUBLIC_KEY)), Ok(Role::Anon), "apikey decides");
    assert_eq!(role(None, Some(SECRET_KEY)), Ok(Role::Service));
    assert_eq!(role(None, Some(&user)), Ok(Role::Authenticated));
    assert_eq!(role(Some(SECRET_KEY), None), Ok(Role::Service), "storage-js alone sends no apikey");
    assert_eq!(role(None, Some("sb_secret_0123456789abcdeg")), Err("Invalid API key".to_owned()));
    assert_eq!(role(Some("undefined"), Some(SECRET_KEY)), Err("Invalid Compact JWS".to_owned()));
    let missing = keys.caller(&headers(None, None)).unwrap_err();
    assert!(missing.is_missing());
    assert_eq!(missing.to_string(), "headers must have required property 'authorization'");
    let basic = HeaderMap::from_iter([(AUTHORIZATION, "Basic YTpi".parse().unwrap())]);
    assert!(keys.caller(&basic).unwrap_err().is_missing());
}

#[test]
fn a_service_key_is_one_in_either_header() {
    let keys = plain().with_opaque(&[Secret::new(PUBLIC_KEY)], &[Secret::new(SECRET_KEY)]);
    let service = service_key(&Secret::new(SHARED), std::time::Duration::from_secs(60));
    let anon = hs256(&json!({"role": "anon", "exp": 4_000_000_000_u64}));
    for (bearer, apikey) in
        [(Some(&*service), None), (None, Some(&*service)), (Some(&*anon), Some(SECRET_KEY)), (Some(SECRET_KEY), None)]
    {
        assert!(keys.is_service(&headers(bearer, apikey)), "{bearer:?} {apikey:?}");
    }
    let expired = hs256(&json!({"role": "service_role", "exp": 1}));
    for (bearer, apikey) in [(None, None), (Some(&*anon), Some(PUBLIC_KEY)), (Some(&*expired), Some("sb_secret_x"))] {
        assert!(!keys.is_service(&headers(bearer, apikey)), "{bearer:?} {apikey:?}");
    }
}

#[tokio::test]
async fn an_unknown_key_id_is_wished_for_once() {
    let key = ProviderKey::p256("new");
    let (handle, mut feed) = JwksHandle::fed();
    let keys = plain().with_jwks(handle);
    let token = key.sign("ES256", &json!({"role": "authenticated"}));
    for _ in 0..3 {
        assert_eq!(keys.caller_at(&token, NOW).unwrap_err(), TokenError::NoKey);
    }
    assert!(feed.wished().await);
    feed.replace(KeyTable::parse(jwks(&[&key]).as_bytes(), Symmetric::Refused).unwrap());
    assert_eq!(keys.caller_at(&token, NOW).unwrap().role, Role::Authenticated);
    drop(keys);
    assert!(!feed.wished().await, "three requests were one wish, and nobody is left");
}

fn object(scope: Option<Scope>, upsert: Option<bool>) -> ObjectToken {
    let (transformations, format, owner) = (Some("width:20,resize:cover".to_owned()), None, Some("ann".to_owned()));
    let url = "photos/a b.png".to_owned();
    ObjectToken { url, scope, transformations, format, owner, upsert, iat: NOW, exp: NOW + 60 }
}

#[test]
fn signed_objects_are_good_for_their_own_url_and_use() {
    let keys = plain();
    let download = object(Some(Scope::Download), None);
    let token = keys.sign_object(&download);
    let verify = |url: &str, scope, now| keys.verify_object(&token, url, scope, now).map_err(|error| error.to_string());
    assert_eq!(verify("photos/a b.png", Scope::Download, NOW), Ok(download));
    assert_eq!(verify("photos/b.png", Scope::Download, NOW), Err("Invalid signature".to_owned()));
    let unscoped = "Token is not scoped for upload".to_owned();
    assert_eq!(verify("photos/a b.png", Scope::Upload, NOW), Err(unscoped));
    let expired = "\"exp\" claim timestamp check failed".to_owned();
    assert_eq!(verify("photos/a b.png", Scope::Download, NOW + 60), Err(expired));
    let other = Keys::new(&Secret::new("y".repeat(32)));
    let error = other.verify_object(&token, "photos/a b.png", Scope::Download, NOW).unwrap_err();
    assert_eq!(error, SignedTokenError::Jwt(TokenError::Signature));
    let upload = keys.sign_object(&object(Some(Scope::Upload), Some(true)));
    let error = keys.verify_object(&upload, "photos/a b.png", Scope::Download, NOW).unwrap_err();
    assert_eq!(error.to_string(), "Token is not scoped for download");
    let claims: Value = claims_of(&token);
    assert_eq!(claims["scope"], "download");
    assert!(claims.get("upsert").is_none() && claims.get("format").is_none());
}

#[test]
fn legacy_tokens_are_uploads_where_they_say_upsert() {
    let keys = plain();
    for (upsert, good, bad) in [(None, Scope::Download, Scope::Upload), (Some(false), Scope::Upload, Scope::Download)] {
        let token = keys.sign_object(&object(None, upsert));
        assert!(keys.verify_object(&token, "photos/a b.png", good, NOW).is_ok());
        assert!(keys.verify_object(&token, "photos/a b.png", bad, NOW).is_err());
    }
}

#[test]
fn other_tokens_are_no_object_tokens() {
    let key = ProviderKey::p256("p");
    let keys = with_set(&jwks(&[&key]));
    let verify = |token: &str| keys.verify_object(token, "b/k", Scope::Download, NOW).unwrap_err().to_string();
    assert_eq!(verify(&hs256(&json!({"role": "service_role", "exp": NOW + 60}))), "Invalid signature");
    assert_eq!(verify(&hs256(&json!({"url": "b/k"}))), "missing required \"exp\" claim");
    assert_eq!(verify(&hs256(&json!({"url": "b/k", "scope": "all", "exp": NOW + 60}))), "Invalid signature");
    let foreign = key.sign("ES256", &json!({"url": "b/k", "exp": NOW + 60}));
    assert_eq!(verify(&foreign), "\"alg\" (Algorithm) Header Parameter value not allowed");
    assert_eq!(verify("x"), "Invalid Compact JWS");
}

fn claims_of(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn an_event_streams_token_opens_nothing_else_and_nothing_else_opens_a_stream() {
    let keys = plain();
    let claims = json!({"role": "authenticated", "sub": "ann", "exp": 4_000_000_000_u64});
    let ann = keys.caller_of_token(&hs256(&claims)).unwrap();
    let token = keys.sign_stream(&ann, 4_000_000_000).unwrap();
    let again = keys.stream_caller(&token).unwrap();
    assert_eq!((again.role, again.subject, again.expires), (ann.role.clone(), ann.subject.clone(), ann.expires));
    let as_caller = keys.caller_of_token(&token).unwrap();
    assert_eq!((as_caller.role, as_caller.subject), (Role::Anon, None));
    let refusal = |token: &str| keys.stream_caller(token).unwrap_err();
    assert_eq!(refusal(&hs256(&claims)), TokenError::MissingClaim("stream"));
    assert_eq!(refusal(&keys.sign_stream(&ann, 1).unwrap()), TokenError::Expired);
    assert!(keys.sign_stream(&Caller::anon(), 4_000_000_000).is_none());
}
