//! The pages at `/`: the gallery in `demo`, what runs here in `serve`. Embedded, no other host is asked for anything.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::OnceCell;

use super::api::Api;
use crate::deliver::{Ask, Deliver, Purpose};
use crate::object::{BucketName, ObjectId, ObjectKey};
use crate::transform::{Dialect, Frames, ImageRequest, Natural, SourceFormat, Want, native};
use crate::variants::content_type_of;

const GALLERY: &str = include_str!("pages/gallery.html");
const CARD: &str = include_str!("pages/card.html");
const STATUS: &str = include_str!("pages/status.html");
const STYLE: &str = include_str!("pages/gallery.css");
const SCRIPT: &str = include_str!("pages/gallery.js");
/// What pages share that hear of events.
const EVENTS: &str = include_str!("pages/events.js");
const FIGURES: &str = include_str!("pages/figures.js");
const DOCS_STYLE: &str = include_str!("pages/docs.css");
const DOCS_SCRIPT: &str = include_str!("pages/docs.js");
const API_SCRIPT: &str = include_str!("pages/api.js");
const AVATARS_STYLE: &str = include_str!("pages/avatars.css");
const AVATARS_SCRIPT: &str = include_str!("pages/avatars.js");
/// What leads from the gallery to the avatars.
const ELSEWHERE: &str = r#"<nav class="elsewhere"><a href="/demo/avatars">Have an avatar painted</a></nav>"#;

/// Nothing from elsewhere, nothing inline; pictures may be `data:` for the tiny first paint.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// Pictures shown in the gallery at most.
const SHOWN: usize = 60;

/// What `/` is.
#[derive(Debug)]
pub enum Page {
    /// The gallery of these buckets.
    Gallery { buckets: Vec<BucketName>, cards: OnceCell<String> },
    /// What runs here: buckets with their places, or nothing where strangers can see it.
    Status { buckets: Vec<(BucketName, String)> },
}

pub(super) async fn index(State(api): State<Arc<Api>>) -> Response {
    let version = env!("CARGO_PKG_VERSION");
    let html = match &api.page {
        Page::Gallery { buckets, cards } => {
            let cards = cards.get_or_init(|| gallery_cards(&api.deliver, buckets)).await;
            let elsewhere = api.demo.as_ref().map_or("", |_| ELSEWHERE);
            filled(GALLERY, &[("pictures", cards), ("version", version), ("elsewhere", elsewhere)])
        }
        Page::Status { buckets } => {
            let item = |(name, place): &(BucketName, String)| {
                format!("<li><code>{name}</code> <span>{}</span></li>", escaped(place))
            };
            let list: String = buckets.iter().map(item).collect();
            let uptime = duration_text(api.started.elapsed());
            filled(STATUS, &[("buckets", &list), ("version", version), ("uptime", &uptime)])
        }
    };
    page(html)
}

/// A page of ours, under the policy of all of them.
pub(super) fn page(html: String) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer")),
    ];
    (headers, Html(html)).into_response()
}

pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let (content_type, text) = match name.as_str() {
        "gallery.css" => ("text/css; charset=utf-8", STYLE),
        "gallery.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "events.js" => ("text/javascript; charset=utf-8", EVENTS),
        "figures.js" => ("text/javascript; charset=utf-8", FIGURES),
        "docs.css" => ("text/css; charset=utf-8", DOCS_STYLE),
        "docs.js" => ("text/javascript; charset=utf-8", DOCS_SCRIPT),
        "api.js" => ("text/javascript; charset=utf-8", API_SCRIPT),
        "avatars.css" => ("text/css; charset=utf-8", AVATARS_STYLE),
        "avatars.js" => ("text/javascript; charset=utf-8", AVATARS_SCRIPT),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-cache")];
    (headers, text).into_response()
}

/// The cards of every picture in these buckets, by name.
async fn gallery_cards(deliver: &Arc<Deliver>, buckets: &[BucketName]) -> String {
    let mut objects = Vec::new();
    for bucket in buckets {
        let Some(origin) = deliver.origins.get(bucket) else { continue };
        let keys: Vec<ObjectKey> = origin.source.list(bucket, "").take(SHOWN).try_collect().await.unwrap_or_default();
        objects.extend(keys.into_iter().map(|key| ObjectId::new(bucket.clone(), key)));
    }
    objects.sort();
    objects.truncate(SHOWN);
    let cards = futures_util::stream::iter(objects).map(|object| card(deliver, object)).buffered(4);
    cards.filter_map(std::future::ready).collect::<Vec<_>>().await.concat()
}

/// One picture's card; `None` for what is no picture.
async fn card(deliver: &Arc<Deliver>, object: ObjectId) -> Option<String> {
    let (blank, natural, bytes) = tiny(deliver, &object).await?;
    let path = percent_encoding::utf8_percent_encode(object.key.as_str(), PATH).to_string();
    let content_type = content_type_of(natural.format);
    Some(filled(
        CARD,
        &[
            ("bucket", object.bucket.as_str()),
            ("object", &escaped(object.key.as_str())),
            ("object_url", &path),
            ("title", &escaped(&title(object.key.file_name()))),
            ("width", &natural.width.to_string()),
            ("height", &natural.height.to_string()),
            ("bytes", &bytes.to_string()),
            ("type", content_type.to_str().unwrap_or_default()),
            ("blank", &blank),
        ],
    ))
}

/// Everything but unreserved characters and the slash, so that a `srcset` cannot be cut at a comma or a space.
const PATH: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// One transparent pixel: the first paint of pictures with alpha.
const TRANSPARENT: &str = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

/// A copy of 16 pixels as a `data:` URL, with the original's size and bytes.
async fn tiny(deliver: &Arc<Deliver>, object: &ObjectId) -> Option<(String, Natural, u64)> {
    let ImageRequest { want: Want::Variant { mut transform, format }, .. } =
        native::parse("gallery/tiny", "w=16&f=webp", None).ok()?
    else {
        return None;
    };
    transform.frames = Frames::First;
    let want = Want::Variant { transform, format };
    let ask = Ask { object: object.clone(), want, dialect: Dialect::Native, client: None, purpose: Purpose::Warm };
    let delivered = deliver.deliver(&ask).await.ok()?;
    let natural = delivered.record.seen?;
    let blank = if natural.alpha || natural.format == SourceFormat::Gif {
        TRANSPARENT.to_owned()
    } else {
        format!("data:image/webp;base64,{}", STANDARD.encode(&delivered.variant.body))
    };
    Some((blank, natural, delivered.record.size))
}

/// `chelsea-the-cat.png` → `Chelsea the cat`.
fn title(file_name: &str) -> String {
    let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
    let words = stem.replace(['-', '_'], " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Replaces every `{{name}}` in one pass, so that a value that looks like a placeholder stays what it is.
pub(super) fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut parts = template.split("{{");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let known = part
            .split_once("}}")
            .and_then(|(name, rest)| values.iter().find(|(known, _)| *known == name).map(|(_, value)| (value, rest)));
        if let Some((value, rest)) = known {
            text.push_str(value);
            text.push_str(rest);
        } else {
            text.push_str("{{");
            text.push_str(part);
        }
    }
    text
}

pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn duration_text(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => format!("{} s", time.as_secs()),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_markup_or_placeholders_stay_text() {
        let text =
            filled("<b>{{title}}</b> {{bytes}} {{unknown}}", &[("title", &escaped("<i>{{bytes}}")), ("bytes", "7")]);
        assert_eq!(text, "<b>&lt;i&gt;{{bytes}}</b> 7 {{unknown}}");
        assert_eq!(title("chelsea-the-cat.png"), "Chelsea the cat");
    }

    #[test]
    fn every_placeholder_of_the_templates_has_a_value() {
        let names = |template: &str| -> Vec<String> {
            template.split("{{").skip(1).filter_map(|part| Some(part.split_once("}}")?.0.to_owned())).collect()
        };
        for name in names(CARD) {
            let known = ["bucket", "object", "object_url", "title", "width", "height", "bytes", "type", "blank"];
            assert!(known.contains(&name.as_str()), "{name}");
        }
        assert!(names(GALLERY).iter().all(|name| ["pictures", "version", "elsewhere"].contains(&name.as_str())));
        assert!(names(STATUS).iter().all(|name| ["buckets", "version", "uptime"].contains(&name.as_str())));
    }
}
