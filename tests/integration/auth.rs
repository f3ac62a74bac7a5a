//! Whose tokens are believed, with an identity provider on a real socket; and which pages may call the API.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::origin::{Answer as Scripted, Origin, Reply};
use crate::support::tokens::{ProviderKey, jwks};
use crate::support::{Running, Setup, eventually, service_key};

const SET: &str = "/auth/v1/.well-known/jwks.json";
const FAR: u64 = 4_000_000_000;

fn publish(provider: &Origin, keys: &[&ProviderKey]) {
    provider.serve(SET, Reply::ok("application/json", jwks(keys)));
}

fn service_token(key: &ProviderKey) -> String {
    key.sign("ES256", &json!({"role": "service_role", "exp": FAR}))
}

/// Whether the server takes the token for a service key.
async fn admits(server: &Running, token: &str) -> bool {
    let headers = [("authorization", &*format!("Bearer {token}"))];
    let answer = server.send(Method::POST, "/admin/purge", &headers, Some(r#"{"bucket":"photos"}"#)).await;
    assert!(matches!(answer.status.as_u16(), 200 | 403), "{}", answer.text());
    answer.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_of_the_provider_is_accepted_once_it_is_asked_for() {
    let provider = Origin::start();
    let (old, new) = (ProviderKey::p256("old"), ProviderKey::p256("new"));
    publish(&provider, &[&old]);
    let server = Setup::new().photos().with("AUTH__JWKS_URL", &provider.url(SET)).start().await;
    let (old_token, new_token) = (service_token(&old), service_token(&new));
    eventually("the first set is known", async || admits(&server, &old_token).await).await;
    // Nobody has asked for the new key yet, so that rotating it costs no fetch.
    publish(&provider, &[&new]);
    let fetches = provider.hits(SET);
    assert!(!admits(&server, &new_token).await);
    eventually("the new key is known", async || admits(&server, &new_token).await).await;
    assert_eq!(provider.hits(SET), fetches + 1);
    assert!(!admits(&server, &old_token).await, "a withdrawn key is still believed");
    assert!(admits(&server, &service_key()).await, "the secret still signs");
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_key_ids_cost_one_fetch_and_a_failing_provider_costs_no_key() {
    let provider = Origin::start();
    let known = ProviderKey::p256("known");
    publish(&provider, &[&known]);
    let server = Setup::new().photos().with("AUTH__JWKS_URL", &provider.url(SET)).start().await;
    let token = service_token(&known);
    eventually("the set is known", async || admits(&server, &token).await).await;
    provider.serve(SET, Reply::new(500, "down"));
    let fetches = provider.hits(SET);
    for number in 0..20 {
        let stranger = known.sign_with(&json!({"alg": "ES256", "kid": format!("k{number}")}), &json!({"exp": FAR}));
        assert!(!admits(&server, &stranger).await);
    }
    eventually("the provider was asked", async || provider.hits(SET) > fetches).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(provider.hits(SET), fetches + 1);
    assert!(admits(&server, &token).await, "the keys from before are lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_hangs_holds_nothing_up() {
    let provider = Origin::start();
    provider.serve(SET, Scripted::Hang);
    let server = Setup::new().photos().with("AUTH__JWKS_URL", &provider.url(SET)).start().await;
    server.get("/image/photos/coffee-cup.png?w=64&f=webp").await.expect(200);
    assert!(admits(&server, &service_key()).await);
    assert!(!admits(&server, &service_token(&ProviderKey::p256("k"))).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_set_of_the_configuration_and_opaque_keys_are_believed() {
    let (key, rsa) = (ProviderKey::ed25519("e"), ProviderKey::rsa("r"));
    let secret = "sb_secret_0123456789abcdef";
    let setup = Setup::new().photos().with("AUTH__JWKS", &jwks(&[&key, &rsa])).with("AUTH__SECRET_KEYS", secret);
    let server = setup.start().await;
    assert!(admits(&server, &key.sign("EdDSA", &json!({"role": "service_role", "exp": FAR}))).await);
    assert!(admits(&server, &rsa.sign("RS256", &json!({"role": "service_role", "exp": FAR}))).await);
    assert!(!admits(&server, &key.sign("EdDSA", &json!({"role": "service_role", "exp": 1}))).await);
    assert!(!admits(&server, &key.sign("EdDSA", &json!({"role": "authenticated", "exp": FAR}))).await);
    assert!(admits(&server, secret).await);
    assert!(!admits(&server, "sb_secret_0123456789abcdeX").await);
    let file = setup.data.path().join("jwks.json");
    std::fs::write(&file, jwks(&[&key])).unwrap();
    let server = Setup::new().photos().with("AUTH__JWKS", file.to_str().unwrap()).start().await;
    assert!(admits(&server, &key.sign("EdDSA", &json!({"role": "service_role", "exp": FAR}))).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_may_call_the_api_and_nothing_else() {
    let server = Setup::new().photos().start().await;
    let asked = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "PATCH"),
        ("access-control-request-headers", "authorization,tus-resumable,upload-offset,traceparent"),
    ];
    for path in
        ["/storage/v1/object/photos/a.png", "/functions/v1/x", "/realtime/v1/api/broadcast", "/api/x", "/upload"]
    {
        let preflight = server.send(Method::OPTIONS, path, &asked, None).await.expect(204);
        assert_eq!(preflight.header("access-control-allow-origin"), "*", "{path}");
        assert!(preflight.header("access-control-allow-methods").contains("PATCH"));
        for name in ["authorization", "apikey", "x-upsert", "upload-offset", "traceparent"] {
            assert!(preflight.header("access-control-allow-headers").contains(name), "{name}");
        }
        let answer = server.get_with(path, &asked[..1]).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "errors are to be read too: {path}");
        assert!(answer.header("access-control-expose-headers").contains("upload-offset"));
    }
    for path in ["/", "/metrics", "/admin/purge", "/readyz"] {
        let preflight = server.send(Method::OPTIONS, path, &asked, None).await;
        let answer = server.get_with(path, &asked[..1]).await;
        for answer in [preflight, answer] {
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_pages_may_send_credentials_and_others_read_nothing() {
    let setup = Setup::new().photos().with("CORS__ORIGINS", "https://app.example, http://localhost:3000");
    let server = setup.start().await;
    let path = "/storage/v1/bucket";
    let listed = server.get_with(path, &[("origin", "http://localhost:3000")]).await;
    assert_eq!(listed.header("access-control-allow-origin"), "http://localhost:3000");
    assert_eq!(listed.header("access-control-allow-credentials"), "true");
    assert_eq!(listed.header("vary"), "origin");
    for headers in [&[("origin", "https://evil.example")][..], &[]] {
        let other = server.get_with(path, headers).await;
        assert_eq!(other.header("access-control-allow-origin"), "");
        assert_eq!(other.header("vary"), "origin");
    }
    let picture = server.get_with("/image/photos/coffee-cup.png?w=64", &[("origin", "https://evil.example")]).await;
    assert_eq!(picture.expect(200).header("access-control-allow-origin"), "*", "pictures are for every page");
}
