//! Values with a meaning of their own: sizes, secrets, lists, places.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use crate::secret::Secret;

/// A number of bytes: `10000`, `"256MB"` (decimal) or `"1GiB"` (binary).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u64); 8] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("b", 1),
];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let unit = UNITS.iter().find(|(suffix, _)| lower.ends_with(suffix));
        let (number, factor) =
            unit.map_or((lower.as_str(), 1), |(suffix, factor)| (lower.trim_end_matches(suffix), *factor));
        let value: f64 =
            number.trim().parse().map_err(|_| format!("`{text}` is not a size such as 10000, 256MB or 1GiB"))?;
        let bytes = value * factor as f64;
        if bytes.is_finite() && (0.0..=1e15).contains(&bytes) {
            Ok(Self(bytes as u64))
        } else {
            Err(format!("`{text}` is out of range"))
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
        match whole.iter().find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor)) {
            Some((unit, factor)) => write!(formatter, "{}{unit}", self.0 / factor),
            None => write!(formatter, "{}", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a size such as 10000, \"256MB\" or \"1GiB\"")]
        enum Form {
            Number(u64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(bytes) => Ok(Self(bytes)),
            Form::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ByteSize".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

/// A list of texts; one text with commas is a list too, so that a variable can hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct TextList(pub Vec<String>);

impl<'de> Deserialize<'de> for TextList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match TextForm::deserialize(deserializer)? {
            TextForm::One(text) => parts(&text).map(str::to_owned).collect(),
            TextForm::Many(texts) => texts,
        }))
    }
}

/// A [`TextList`] of secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct SecretList(pub Vec<Secret>);

impl<'de> Deserialize<'de> for SecretList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match TextForm::deserialize(deserializer)? {
            TextForm::One(text) => parts(&text).map(Secret::new).collect(),
            TextForm::Many(texts) => texts.into_iter().map(Secret::new).collect(),
        }))
    }
}

/// What a list is written as. The message on a mistake never shows the value.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts")]
enum TextForm {
    One(String),
    Many(Vec<String>),
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// Where a bucket's originals are, or where variants are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    Folder(PathBuf),
    /// An HTTP(S) prefix; its path ends in `/`.
    Http(Url),
    /// `s3`, `gs`, `az` and the schemes that mean the same.
    Store(Url),
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((scheme, _)) = text.split_once("://") else {
            return if text.is_empty() { Err("is empty".to_owned()) } else { Ok(Self::Folder(PathBuf::from(text))) };
        };
        let mut url = Url::parse(text).map_err(|error| format!("`{text}` is not a URL: {error}"))?;
        match scheme {
            "http" | "https" => {
                if !url.username().is_empty() || url.password().is_some() {
                    return Err("must not hold a user name or password; put credentials into `headers`".to_owned());
                }
                if url.query().is_some() || url.fragment().is_some() {
                    return Err("is a prefix and can have neither a query nor a fragment".to_owned());
                }
                if !url.path().ends_with('/') {
                    let path = format!("{}/", url.path());
                    url.set_path(&path);
                }
                Ok(Self::Http(url))
            }
            "s3" | "s3a" | "gs" | "az" | "adl" | "azure" | "abfs" | "abfss" => Ok(Self::Store(url)),
            "file" => url.to_file_path().map(Self::Folder).map_err(|()| format!("`{text}` is not a folder")),
            _ => Err(format!("`{scheme}` is not one of http, https, s3, gs, az or a folder")),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(formatter, "{}", path.display()),
            Self::Http(url) | Self::Store(url) => write!(formatter, "{url}"),
        }
    }
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Location {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Location".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

/// A CIDR network, or one address as a network of itself.
pub(super) fn parse_network(text: &str) -> Option<ipnet::IpNet> {
    text.parse().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(ipnet::IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_decimal_and_binary_units() {
        for (text, bytes) in [("10000", 10_000), ("256MB", 256_000_000), ("1 GiB", 1 << 30), ("1.5kb", 1500), ("7b", 7)]
        {
            assert_eq!(text.parse::<ByteSize>(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "MB", "-1MB", "1e99GB", "ten"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        assert_eq!(ByteSize(256_000_000).to_string(), "256MB");
        assert_eq!(ByteSize(16_384).to_string(), "16384");
    }

    #[test]
    fn places_are_told_apart_by_scheme() {
        assert_eq!("./photos".parse(), Ok(Location::Folder("./photos".into())));
        assert_eq!("https://a.example/x".parse::<Location>().unwrap().to_string(), "https://a.example/x/");
        assert!(matches!("s3://b/p".parse(), Ok(Location::Store(_))));
        for bad in ["", "ftp://a/b", "http://u:p@a/", "http://a/?x=1"] {
            assert!(bad.parse::<Location>().is_err(), "{bad}");
        }
    }

    #[test]
    fn lists_are_lists_or_one_text_with_commas() {
        let list = |json: &str| serde_json::from_str::<TextList>(json).unwrap().0;
        assert_eq!(list(r#""a, b,,c""#), ["a", "b", "c"]);
        assert_eq!(list(r#"["a,b"]"#), ["a,b"]);
        let secrets: SecretList = serde_json::from_str(r#""one,two""#).unwrap();
        assert_eq!(secrets.0, [Secret::new("one"), Secret::new("two")]);
        assert!(!serde_json::from_str::<SecretList>(r#"{"hidden": 1}"#).unwrap_err().to_string().contains("hidden"));
        assert_eq!(serde_json::to_string(&secrets).unwrap(), r#"["set","set"]"#);
    }
}
