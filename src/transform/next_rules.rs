//! What the Next dialect allows: its settings, checked and compiled.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::own::{OwnOrigins, after_segments, segments};
use super::patterns::{LocalMatcher, LocalPattern, RemoteMatcher, RemotePattern};
use super::{Aim, Quality};
use crate::object::BucketName;

/// A format that the Next dialect may choose by `Accept`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NextFormat {
    #[serde(rename = "image/avif")]
    Avif,
    #[serde(rename = "image/webp")]
    WebP,
}

/// What a path prefix of local URLs stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalTarget {
    /// The rest of the path, decoded once, is the key; the query is ignored.
    Bucket(BucketName),
    /// A hidden bucket ([`BucketName::local_origin`]). Its keys are URL text to be appended to the origin's prefix as it
    /// stands: the rest of the path still percent-encoded, then `?` and the query if there is one, in which `/` is
    /// written `%2F`. (A local URL of an app may well draw its picture from the query.)
    Origin(BucketName),
}

/// The Next dialect's settings, named as in `next.config.js`.
#[derive(Clone, Debug)]
pub struct NextSettings {
    /// Allowed widths, with `image_sizes`.
    pub device_sizes: Vec<u32>,
    pub image_sizes: Vec<u32>,
    pub qualities: Vec<u8>,
    pub formats: Vec<NextFormat>,
    pub remote_patterns: Vec<RemotePattern>,
    /// `None`: every local URL.
    pub local_patterns: Option<Vec<LocalPattern>>,
    /// Path prefixes and what they stand for; the longest that fits counts. Without one, `/photos/a.jpg` is the object
    /// `a.jpg` of the bucket `photos`.
    pub local: Vec<(String, LocalTarget)>,
}

/// Next 16's defaults, and the width 16 of Next 15.
impl Default for NextSettings {
    fn default() -> Self {
        Self {
            device_sizes: vec![640, 750, 828, 1080, 1200, 1920, 2048, 3840],
            image_sizes: vec![16, 32, 48, 64, 96, 128, 256, 384],
            qualities: vec![75],
            formats: vec![NextFormat::WebP],
            remote_patterns: Vec::new(),
            local_patterns: None,
            local: Vec::new(),
        }
    }
}

/// A mistake in [`NextSettings`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct NextSettingError {
    /// For instance `device_sizes` or `remote_patterns[2]`.
    pub key: String,
    pub message: String,
}

/// Compiled [`NextSettings`].
#[derive(Clone, Debug)]
pub struct NextRules {
    widths: Vec<u32>,
    qualities: Vec<u8>,
    /// In the order of preference, which decides between those that a client takes as gladly.
    formats: Vec<NextFormat>,
    remote: Vec<RemoteMatcher>,
    local: Option<Vec<LocalMatcher>>,
    /// Decoded segments of each prefix; more of them come first.
    targets: Vec<(Vec<String>, LocalTarget)>,
    own: OwnOrigins,
}

impl NextRules {
    /// Compiles the settings; returns every mistake at once.
    pub fn compile(settings: &NextSettings, own: OwnOrigins) -> Result<Self, Vec<NextSettingError>> {
        let mut mistakes = Mistakes::default();
        mistakes.check_list("device_sizes", &settings.device_sizes, 1..=25, 1..=10_000);
        mistakes.check_list("image_sizes", &settings.image_sizes, 0..=25, 1..=10_000);
        let qualities: Vec<u32> = settings.qualities.iter().copied().map(u32::from).collect();
        mistakes.check_list("qualities", &qualities, 1..=20, 1..=100);
        let remote = mistakes.keep("remote_patterns", settings.remote_patterns.iter().map(RemoteMatcher::compile));
        let local = settings.local_patterns.as_ref();
        let local = local.map(|local| mistakes.keep("local_patterns", local.iter().map(LocalMatcher::compile)));
        let mut targets: Vec<(Vec<String>, LocalTarget)> = Vec::new();
        for (prefix, target) in &settings.local {
            let prefix_segments = segments(prefix);
            if !prefix.starts_with('/') || prefix.contains(['?', '#', '\\']) {
                mistakes.add(format!("local.{prefix}"), "a prefix begins with / and is a path alone");
            } else if targets.iter().any(|(other, _)| *other == prefix_segments) {
                mistakes.add(format!("local.{prefix}"), "the same prefix is given twice");
            }
            targets.push((prefix_segments, target.clone()));
        }
        targets.sort_by_key(|(segments, _)| std::cmp::Reverse(segments.len()));
        let widths = settings.device_sizes.iter().chain(&settings.image_sizes).copied().collect();
        let (qualities, formats) = (settings.qualities.clone(), settings.formats.clone());
        let rules = Self { widths, qualities, formats, remote, local, targets, own };
        if mistakes.0.is_empty() { Ok(rules) } else { Err(mistakes.0) }
    }

    pub(super) fn allows_width(&self, width: u32) -> bool {
        self.widths.contains(&width)
    }

    pub(super) fn allows_quality(&self, quality: Quality) -> bool {
        matches!(quality.aim(), Aim::Level(level) if self.qualities.contains(&level))
    }

    pub(super) fn writes_webp(&self) -> bool {
        self.formats.contains(&NextFormat::WebP)
    }

    pub(super) fn writes_avif(&self) -> bool {
        self.formats.contains(&NextFormat::Avif)
    }

    /// Whether WebP goes before AVIF where both are taken as gladly.
    pub(super) fn prefers_webp(&self) -> bool {
        self.formats.first() == Some(&NextFormat::WebP)
    }

    pub(super) fn allows_remote(&self, url: &Url) -> bool {
        self.remote.iter().any(|pattern| pattern.matches(url))
    }

    pub(super) fn allows_local(&self, url: &Url) -> bool {
        self.local.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(url)))
    }

    pub(super) fn own(&self) -> &OwnOrigins {
        &self.own
    }

    /// What the longest prefix of a path (without its leading slash) stands for, and the rest of the path, still encoded.
    pub(super) fn local_target<'path>(&self, path: &'path str) -> Option<(&LocalTarget, &'path str)> {
        self.targets.iter().find_map(|(prefix, target)| Some((target, after_segments(path, prefix)?)))
    }
}

#[derive(Default)]
struct Mistakes(Vec<NextSettingError>);

impl Mistakes {
    fn add(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.0.push(NextSettingError { key: key.into(), message: message.into() });
    }

    fn check_list(
        &mut self,
        key: &str,
        values: &[u32],
        count: std::ops::RangeInclusive<usize>,
        range: std::ops::RangeInclusive<u32>,
    ) {
        if !count.contains(&values.len()) {
            self.add(key, format!("holds {} to {} numbers", count.start(), count.end()));
        }
        if values.iter().any(|value| !range.contains(value)) {
            self.add(key, format!("holds integers from {} to {}", range.start(), range.end()));
        }
    }

    /// The patterns that compile; the others become mistakes.
    fn keep<T, E: std::fmt::Display>(&mut self, key: &str, compiled: impl Iterator<Item = Result<T, E>>) -> Vec<T> {
        let mut kept = Vec::new();
        for (index, compiled) in compiled.enumerate() {
            match compiled {
                Ok(pattern) => kept.push(pattern),
                Err(mistake) => self.add(format!("{key}[{index}]"), mistake.to_string()),
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_nexts() {
        let rules = NextRules::compile(&NextSettings::default(), OwnOrigins::default()).unwrap();
        for width in [16, 32, 384, 640, 3840] {
            assert!(rules.allows_width(width), "{width}");
        }
        assert!(!rules.allows_width(100));
        assert!(rules.writes_webp());
        assert!(!rules.allows_remote(&Url::parse("https://example.com").unwrap()), "no remote URL unless listed");
    }

    #[test]
    fn every_mistake_is_reported_with_its_key() {
        let pattern = |hostname: &str| RemotePattern {
            protocol: None,
            hostname: hostname.to_owned(),
            port: None,
            pathname: None,
            search: None,
        };
        let bucket = LocalTarget::Bucket(BucketName::parse("photos").unwrap());
        let settings = NextSettings {
            device_sizes: vec![],
            image_sizes: vec![0],
            qualities: vec![101],
            remote_patterns: vec![pattern("example.com"), pattern("a b")],
            local_patterns: Some(vec![LocalPattern { pathname: Some("x".to_owned()), search: None }]),
            local: ["x", "/a", "/a/"].map(|prefix| (prefix.to_owned(), bucket.clone())).to_vec(),
            ..NextSettings::default()
        };
        let mistakes = NextRules::compile(&settings, OwnOrigins::default()).unwrap_err();
        let keys: Vec<_> = mistakes.iter().map(|mistake| mistake.key.as_str()).collect();
        let expected = [
            "device_sizes",
            "image_sizes",
            "qualities",
            "remote_patterns[1]",
            "local_patterns[0]",
            "local.x",
            "local./a/",
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn the_longest_prefix_wins_at_a_segments_end() {
        let local = ["/", "/static", "/static/media"].into_iter().enumerate();
        let local =
            local.map(|(index, prefix)| (prefix.to_owned(), LocalTarget::Origin(BucketName::local_origin(index))));
        let settings = NextSettings { local: local.collect(), ..NextSettings::default() };
        let rules = NextRules::compile(&settings, OwnOrigins::default()).unwrap();
        for (path, index, rest) in [
            ("static/media/a.png", 2, "a.png"),
            ("static/a.png", 1, "a.png"),
            ("static/mediax/a.png", 1, "mediax/a.png"),
            ("statics/a.png", 0, "statics/a.png"),
            ("%73tatic/a%20b.png", 1, "a%20b.png"),
        ] {
            let expected = LocalTarget::Origin(BucketName::local_origin(index));
            assert_eq!(rules.local_target(path), Some((&expected, rest)), "{path}");
        }
    }
}
