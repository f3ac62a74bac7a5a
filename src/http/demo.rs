//! What `tintype demo` has beside the gallery: the page where avatars are asked for, and a way in for whoever opens it.
//!
//! The page's visitors are signed in as somebody new. A cookie that only this server reads makes them the same somebody for a
//! month; the page itself gets a token for a quarter of an hour. `serve` has none of this.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use url::{Host, Url};
use uuid::Uuid;

use super::api::{Api, Row};
use super::pages::{escaped, filled, page};
use crate::auth::{NewToken, Role};
use crate::sidecar::provider::{Quality, Size};

/// What the page needs to know of the configuration.
#[derive(Debug)]
pub struct Demo {
    /// `iss` and `aud` of tokens that the server believes, where it looks at them.
    pub issuer: Option<String>,
    pub audience: Option<String>,
    /// Origins of `public_url`.
    pub origins: Vec<String>,
    /// Most US dollars in a day.
    pub dollars_per_day: f64,
}

/// Not part of what is described in `openapi.json`: they are a page's own.
pub(super) const ROUTES: [Row; 2] =
    [(Method::GET, "/demo/avatars", || get(avatars)), (Method::POST, "/demo/session", || post(session))];

const PAGE: &str = include_str!("pages/avatars.html");
/// The painter's name, whose pictures cost nothing.
const BUILT_IN: &str = "painter";

const COOKIE: &str = "tintype-demo";
const COOKIE_SECONDS: u64 = 30 * 86_400;
const TOKEN_SECONDS: u64 = 900;

async fn avatars(State(api): State<Arc<Api>>) -> Response {
    let Some(demo) = &api.demo else { return StatusCode::NOT_FOUND.into_response() };
    let presets = api.studio.prompts.presets().map(|name| {
        let chosen = if name == api.studio.prompts.default_preset() { " selected" } else { "" };
        format!("<option{chosen}>{}</option>", escaped(name))
    });
    page(filled(
        PAGE,
        &[
            ("version", env!("CARGO_PKG_VERSION")),
            ("presets", &presets.collect::<String>()),
            ("painter", &painter(&api, demo)),
        ],
    ))
}

/// Who paints here, in a sentence of HTML.
fn painter(api: &Api, demo: &Demo) -> String {
    let provider = &api.studio.provider;
    if provider.name() == BUILT_IN {
        return "The <b>built-in painter</b> paints here: it asks nobody and costs nothing. Start the demo with \
                <code>OPENAI_API_KEY</code> set, and a model does."
            .to_owned();
    }
    let plan = provider.ready().and_then(|()| provider.plan(Size::default(), Quality::default()));
    let model = plan.map(|plan| plan.config.model);
    let model = model.unwrap_or_else(|error| error.public_text());
    let (name, model) = (escaped(provider.name()), escaped(&model));
    format!(
        "A real model paints here: <b>{model}</b>, asked through <code>{name}</code>. It costs money, ${:.2} a day at most.",
        demo.dollars_per_day
    )
}

/// `POST /demo/session`: a token for the visitor whom the cookie names, or for a new one.
async fn session(State(api): State<Arc<Api>>, request: Request) -> Response {
    let Some(demo) = &api.demo else { return StatusCode::NOT_FOUND.into_response() };
    let headers = request.headers();
    let authority = request.uri().authority().map(ToString::to_string);
    let Some(origin) = own_page(demo, headers, authority.as_deref()) else {
        let error = "Only the demo's own page is let in. Behind a host name of its own the demo needs public_url.";
        return (StatusCode::FORBIDDEN, Json(json!({"error": error}))).into_response();
    };
    let secret = cookie(headers).unwrap_or_else(|| Uuid::new_v4().simple().to_string());
    let user = visitor(&secret).to_string();
    let issued = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let token = api.keys.sign(&NewToken {
        role: Role::Authenticated.as_str(),
        subject: Some(&user),
        issuer: demo.issuer.as_deref(),
        audience: demo.audience.as_deref(),
        issued,
        expires: Some(issued + TOKEN_SECONDS),
    });
    let secure = if origin.starts_with("https://") { "; Secure" } else { "" };
    let kept = format!("{COOKIE}={secret}; Path=/demo; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Strict{secure}");
    let body = Json(json!({"user_id": user, "token": token, "expires_in": TOKEN_SECONDS}));
    ([(header::SET_COOKIE, kept.as_str()), (header::CACHE_CONTROL, "no-store")], body).into_response()
}

/// The page's origin, if it is one of ours.
///
/// Browsers name it with every POST, and no page can say another. It must be the host that was asked, so no other page
/// comes in; and that host must be an address, `localhost` or in `public_url`: a foreign name that was made to point
/// here (DNS rebinding) would be an origin of its own.
fn own_page<'a>(demo: &Demo, headers: &'a HeaderMap, authority: Option<&str>) -> Option<&'a str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text(header::ORIGIN)?;
    let (_, named) = origin.split_once("://")?;
    let asked = text(header::HOST).or(authority)?;
    if !named.eq_ignore_ascii_case(asked) {
        return None;
    }
    let url = Url::parse(origin).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let is_here = match url.host()? {
        Host::Ipv4(_) | Host::Ipv6(_) | Host::Domain("localhost") => true,
        Host::Domain(_) => demo.origins.iter().any(|own| own == origin),
    };
    is_here.then_some(origin)
}

/// The visitor's secret, if it is of the form that we give out.
fn cookie(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let is_secret = |value: &str| value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    pairs.find(|(name, value)| *name == COOKIE && is_secret(value)).map(|(_, value)| value.to_ascii_lowercase())
}

/// The user id of a secret. Ids are seen in every avatar's URL: they do not lead back to it.
fn visitor(secret: &str) -> Uuid {
    let key = blake3::derive_key("tintype 2026 demo visitor", secret.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&key[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_own(origin: &str, host: &str) -> bool {
        let demo = Demo {
            issuer: None,
            audience: None,
            origins: vec!["https://demo.example".to_owned()],
            dollars_per_day: 1.0,
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        headers.insert(header::HOST, host.parse().unwrap());
        own_page(&demo, &headers, None).is_some()
    }

    #[test]
    fn only_a_page_of_this_server_is_let_in() {
        for (origin, host) in [
            ("http://127.0.0.1:8787", "127.0.0.1:8787"),
            ("http://localhost:8787", "localhost:8787"),
            ("http://[::1]:8787", "[::1]:8787"),
            ("http://192.168.0.7:8787", "192.168.0.7:8787"),
            ("https://demo.example", "demo.example"),
        ] {
            assert!(is_own(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("https://evil.example", "127.0.0.1:8787"),
            ("http://localhost:3000", "localhost:8787"),
            ("http://127.0.0.1", "127.0.0.1:8787"),
            // A name that was made to point here.
            ("http://rebound.example:8787", "rebound.example:8787"),
            ("http://demo.example", "demo.example"),
            ("null", "null"),
            ("file://127.0.0.1:8787", "127.0.0.1:8787"),
        ] {
            assert!(!is_own(origin, host), "{origin} {host}");
        }
    }

    #[test]
    fn a_visitor_is_the_same_by_the_same_secret_and_the_id_is_no_secret() {
        let secret = "0123456789abcdef0123456789abcdef";
        assert_eq!(visitor(secret), visitor(secret));
        assert_ne!(visitor(secret), visitor("1123456789abcdef0123456789abcdef"));
        assert_eq!(visitor(secret).get_version_num(), 4);
        assert!(!visitor(secret).simple().to_string().contains(&secret[..8]));
    }

    #[test]
    fn a_cookie_that_we_did_not_make_is_none() {
        let read = |cookies: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, cookies.parse().unwrap());
            cookie(&headers)
        };
        let secret = "0123456789abcdef0123456789abcdef";
        assert_eq!(read(&format!("a=b; {COOKIE}={secret}")).as_deref(), Some(secret));
        for other in
            [String::new(), format!("{COOKIE}=x"), format!("{COOKIE}={secret}0"), format!("x{COOKIE}={secret}")]
        {
            assert_eq!(read(&other), None, "{other}");
        }
    }

    #[test]
    fn every_placeholder_of_the_page_has_a_value() {
        let names = PAGE.split("{{").skip(1).filter_map(|part| Some(part.split_once("}}")?.0));
        assert!(names.into_iter().all(|name| ["version", "presets", "painter"].contains(&name)));
    }
}
