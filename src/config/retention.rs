//! Retention: what is removed by itself, and what never is.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AVATARS, Config, TextList};
use crate::object::BucketName;

/// Pictures that are kept of each character, where nothing else is said.
const KEPT: u32 = 10;

/// Old pictures of characters that are removed by themselves. What a character's `avatar_url` points at never is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RetentionConfig {
    /// Whether a server removes what the rules say. `tintype cleanup` does at any time.
    pub enabled: bool,
    /// Newest pictures `{user_id}/kinksters/avatar_{unix_ms}[_{kinkster_id}].{ext}` kept of each character, or else of each user, by bucket: `{ "kinkster-avatars" = 10 }`; 0 keeps all. Default: 10 in `kinkster-avatars` where its objects are ours, else all: of an upstream's buckets nothing is removed until they are named here, with `upstream.service_key`.
    pub keep: BTreeMap<String, u32>,
    /// Columns of the Postgres of `storage.database` whose URLs keep objects, too: `table.column` or `schema.table.column`. Those of `public.kinksters.avatar_url` do wherever there is one.
    pub columns: TextList,
    /// Hours for which an object stays whatever the rules say, 24 at least.
    pub young_hours: u32,
    /// Most objects of a bucket in percent that one run removes, the oldest first; the rest waits for later runs, or for `tintype cleanup --force`. Where no object names more than so many percent of all stored files, none of these is taken for left over.
    pub most_percent: u32,
    /// Most objects and folders of an upstream's bucket that are listed; of a larger one nothing is removed.
    pub most_objects: u64,
    /// Hours from one run to the next; up to a tenth is added by chance. One server of a fleet runs at a time.
    pub hours: f64,
    /// Days for which removed objects can be brought back, 7 at least; for as long stay files that no object names.
    pub restore_days: u32,
    /// Days for which the audit log is kept.
    pub audit_days: u32,
    /// Seconds after which a process that was not heard of has lost its run to the next.
    pub lease_seconds: u64,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            keep: BTreeMap::new(),
            columns: TextList::default(),
            young_hours: 24,
            most_percent: 5,
            most_objects: 1_000_000,
            hours: 24.0,
            restore_days: 7,
            audit_days: 365,
            lease_seconds: 60,
        }
    }
}

/// A column of a table, checked to need no more than quotes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnName {
    /// Schema, where there is one, and table.
    table: Vec<String>,
    column: String,
}

impl FromStr for ColumnName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = |part: &&str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            (1..=63).contains(&part.len()) && part.bytes().all(plain) && !part.starts_with(|c: char| c.is_ascii_digit())
        };
        let parts: Vec<&str> = text.split('.').collect();
        if !(2..=3).contains(&parts.len()) || !parts.iter().all(is_name) {
            return Err(format!("`{text}` is not table.column or schema.table.column, of letters, digits and _"));
        }
        let mut parts: Vec<String> = parts.into_iter().map(str::to_owned).collect();
        let column = parts.pop().unwrap_or_default();
        Ok(Self { table: parts, column })
    }
}

impl ColumnName {
    /// The table as SQL names it, quoted.
    pub fn table(&self) -> String {
        self.table.iter().map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join(".")
    }

    /// The column as SQL names it, quoted.
    pub fn column(&self) -> String {
        format!("\"{}\"", self.column)
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.table.join("."), self.column)
    }
}

impl Config {
    /// How many pictures are kept of each character, by bucket; what is not here keeps all.
    pub fn kept_pictures(&self) -> BTreeMap<BucketName, u32> {
        let is_ours = self.upstream.url.is_none() && self.buckets.get(AVATARS).is_none_or(|own| own.url.is_none());
        let mut kept = self.retention.keep.clone();
        if is_ours {
            kept.entry(AVATARS.to_owned()).or_insert(KEPT);
        }
        let kept = kept.into_iter().filter(|(_, keep)| *keep > 0);
        kept.filter_map(|(name, keep)| Some((BucketName::parse(&name).ok()?, keep))).collect()
    }

    /// The columns whose URLs keep objects, sorted (they were checked by [`super::load`]).
    pub fn retention_columns(&self) -> Vec<ColumnName> {
        let mut columns: Vec<ColumnName> =
            self.retention.columns.0.iter().filter_map(|text| text.parse().ok()).collect();
        columns.sort();
        columns
    }
}

/// Rules that the types alone cannot say.
pub(super) fn check(config: &Config, wrong: &mut impl FnMut(&str, String)) {
    let retention = &config.retention;
    for name in retention.keep.keys() {
        if let Err(error) = BucketName::parse(name) {
            wrong("retention.keep", format!("`{name}`: {error}"));
        } else if config.buckets.get(name).is_some_and(|bucket| bucket.url.is_some()) {
            wrong("retention.keep", format!("the objects of `{name}` are not ours to remove"));
        }
    }
    if config.upstream.url.is_some() && retention.keep.values().any(|keep| *keep > 0) {
        match &config.upstream.service_key {
            None => wrong("retention.keep", "needs upstream.service_key: the objects are the upstream's".to_owned()),
            // With any other key rows may be hidden from us, and what they show would go.
            Some(key) if !is_service_key(key.reveal()) => {
                wrong("retention.keep", "needs an upstream.service_key of the role service_role".to_owned());
            }
            Some(_) => {}
        }
    }
    for text in &retention.columns.0 {
        if let Err(message) = text.parse::<ColumnName>() {
            wrong("retention.columns", message);
        }
    }
    if !retention.columns.0.is_empty() && config.storage.database.is_none() {
        wrong("retention.columns", "needs storage.database: SQLite has no tables but our own".to_owned());
    }
    let numbers = [
        ("young_hours", u64::from(retention.young_hours), 24..=87_600),
        ("most_percent", u64::from(retention.most_percent), 1..=100),
        ("most_objects", retention.most_objects, 1..=100_000_000),
        ("restore_days", u64::from(retention.restore_days), 7..=3650),
        ("audit_days", u64::from(retention.audit_days), 7..=36_500),
        ("lease_seconds", retention.lease_seconds, 1..=3600),
    ];
    for (key, value, range) in numbers.into_iter().filter(|(_, value, range)| !range.contains(value)) {
        wrong(&format!("retention.{key}"), format!("must be {} to {}, not {value}", range.start(), range.end()));
    }
    if !(0.0001..=720.0).contains(&retention.hours) {
        wrong("retention.hours", "must be 0.0001 to 720".to_owned());
    }
}

/// Whether a project's policies let this key see every row, as far as the key tells.
fn is_service_key(key: &str) -> bool {
    let Some(payload) = key.split('.').nth(1) else { return !key.starts_with("sb_publishable_") };
    let claims = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).unwrap_or_default();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap_or_default();
    claims["role"] == "service_role"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BucketConfig, Mistakes, Overrides, UpstreamConfig, load};

    #[test]
    fn avatars_are_kept_ten_each_where_they_are_ours() {
        let kept = |config: &Config| -> Vec<(String, u32)> {
            config.kept_pictures().into_iter().map(|(name, keep)| (name.to_string(), keep)).collect()
        };
        let mut config = Config::default();
        assert_eq!(kept(&config), [(AVATARS.to_owned(), 10)]);
        config.retention.keep = BTreeMap::from([("album".to_owned(), 3)]);
        assert_eq!(kept(&config), [("album".to_owned(), 3), (AVATARS.to_owned(), 10)]);
        config.retention.keep.insert(AVATARS.to_owned(), 0);
        assert_eq!(kept(&config), [("album".to_owned(), 3)]);
        let url = Some("https://example.supabase.co/".parse().unwrap());
        let fronted = Config { upstream: UpstreamConfig { url, ..UpstreamConfig::default() }, ..Config::default() };
        assert_eq!(kept(&fronted), []);
        let elsewhere = BucketConfig { url: Some("https://a.example/".parse().unwrap()), ..BucketConfig::default() };
        let elsewhere = BTreeMap::from([(AVATARS.to_owned(), elsewhere)]);
        assert_eq!(kept(&Config { buckets: elsewhere, ..Config::default() }), []);
    }

    #[test]
    fn columns_are_names_and_nothing_else() {
        let column: ColumnName = "app.characters.photo".parse().unwrap();
        assert_eq!((column.table().as_str(), column.column().as_str()), ("\"app\".\"characters\"", "\"photo\""));
        for wrong in ["photo", "a.b.c.d", "a.", "a.b;--", "a.\"b", "1a.b", ""] {
            assert!(wrong.parse::<ColumnName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_upstreams_objects_go_with_its_service_key_alone() {
        let mistakes = |key: Option<&str>| {
            let key = key.map(|key| ("TINTYPE_UPSTREAM__SERVICE_KEY".to_owned(), key.to_owned()));
            let variables = [
                ("TINTYPE_UPSTREAM__URL".to_owned(), "https://p.supabase.co".to_owned()),
                ("TINTYPE_RETENTION__KEEP__KINKSTER-AVATARS".to_owned(), "3".to_owned()),
            ];
            load(None, variables.into_iter().chain(key), &Overrides::default())
                .map(|config| config.kept_pictures().len())
        };
        let signed = |role: &str| format!("e30.{}.x", URL_SAFE_NO_PAD.encode(format!(r#"{{"role":"{role}"}}"#)));
        for wrong in [None, Some(signed("anon")), Some("sb_publishable_x".to_owned()), Some("a.b.c".to_owned())] {
            let Mistakes(told) = mistakes(wrong.as_deref()).unwrap_err();
            assert_eq!(told[0].key, "retention.keep", "{wrong:?}");
        }
        for right in [signed("service_role"), "sb_secret_x".to_owned()] {
            assert_eq!(mistakes(Some(&right)).unwrap(), 1);
        }
    }

    #[test]
    fn what_would_remove_too_early_is_refused() {
        let mistakes = |key: &str, value: &str| {
            let variable = (format!("TINTYPE_RETENTION__{key}"), value.to_owned());
            load(None, [variable], &Overrides::default()).map_err(|Mistakes(mistakes)| mistakes[0].key.clone())
        };
        for (key, value) in [("YOUNG_HOURS", "23"), ("RESTORE_DAYS", "6"), ("MOST_PERCENT", "0"), ("HOURS", "0")] {
            let told = mistakes(key, value).unwrap_err();
            assert!(told.starts_with(&format!("retention.{}", key.to_lowercase())), "{told}");
        }
        assert_eq!(mistakes("COLUMNS", "a.b").unwrap_err(), "retention.columns");
        let config = mistakes("KEEP__KINKSTER-AVATARS", "3").unwrap();
        assert_eq!(config.kept_pictures().into_values().collect::<Vec<_>>(), [3]);
    }
}
