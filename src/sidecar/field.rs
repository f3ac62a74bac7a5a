//! What a stranger's JSON may hold: texts with a length, lists with a length, and faults that name their field.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Most entries of a list.
const MAX_ENTRIES: usize = 50;

/// What is wrong with a request's body. `Display` is meant for whoever sent it: it holds names of fields, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// Not JSON at all.
    #[error("Invalid JSON payload")]
    Json,
    /// `field` is a path such as `character_data.props.clothing.top[2]`.
    #[error("{field} {problem}")]
    Field { field: String, problem: String },
}

impl FieldError {
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Field { field: field.into(), problem: problem.into() }
    }

    pub fn required(field: impl Into<String>) -> Self {
        Self::new(field, "is required")
    }

    /// The path of the field that is wrong; `None`: the body as a whole.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Json => None,
            Self::Field { field, .. } => Some(field),
        }
    }
}

/// Reads a JSON object; every mistake names its field.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, FieldError> {
    // A value first: read directly, some wrong types would pass for wrong JSON.
    match serde_json::from_slice(body).map_err(|_| FieldError::Json)? {
        value @ Value::Object(_) => serde_path_to_error::deserialize(value).map_err(|error| fault(&error)),
        _ => Err(FieldError::new("body", "must be an object")),
    }
}

fn fault(error: &serde_path_to_error::Error<serde_json::Error>) -> FieldError {
    let path = match error.path().to_string() {
        path if path == "." => "body".to_owned(),
        path => shortened(&path),
    };
    let message = error.inner().to_string();
    if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return FieldError::required(if path == "body" { name.to_owned() } else { format!("{path}.{name}") });
    }
    // What was found would repeat the sender's own text, however long.
    match message.split_once(", expected ") {
        Some((found, _)) if found.ends_with("null") && !path.ends_with(']') => FieldError::required(path),
        Some((_, expected)) => FieldError::new(path, format!("must be {expected}")),
        None => FieldError::new(path, message),
    }
}

/// Paths hold the sender's own keys.
fn shortened(path: &str) -> String {
    let plain = path.chars().map(|c| if c.is_control() { '?' } else { c });
    plain.take(120).collect()
}

/// One of a few words.
pub fn one_of<'de, D: Deserializer<'de>, T: Copy>(deserializer: D, words: &[(&str, T)]) -> Result<T, D::Error> {
    let word = deserializer.deserialize_str(TextVisitor(|text| Ok(text.to_owned())))?;
    let found = words.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
        de::Error::custom(format!("must be one of {}", names.join(", ")))
    })
}

/// For `deserialize_with`: an object, or `None` for `null`. What is derived would take a list for an object, by the order of
/// its fields.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    struct ObjectVisitor<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
        type Value = Option<T>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_unit<E: de::Error>(self) -> Result<Option<T>, E> {
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }
    deserializer.deserialize_any(ObjectVisitor(PhantomData))
}

/// Whether a character has no place in any text of ours: controls, and marks that turn the order of what follows around.
fn is_forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// One line of at most `MAX` characters, trimmed, inner runs of spaces made one; may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line<const MAX: usize>(String);

/// Prose of at most `MAX` characters: as [`Line`], but line ends and tabs are read as spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prose<const MAX: usize>(String);

impl<const MAX: usize> Line<MAX> {
    pub fn parse(text: &str) -> Result<Self, String> {
        clean(text, MAX, |_| false).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> Prose<MAX> {
    pub fn parse(text: &str) -> Result<Self, String> {
        clean(text, MAX, |c| matches!(c, '\n' | '\r' | '\t')).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn clean(text: &str, max: usize, is_space: impl Fn(char) -> bool) -> Result<String, String> {
    if text.chars().any(|c| is_forbidden(c) && !is_space(c)) {
        return Err("holds control characters".to_owned());
    }
    if text.chars().nth(max).is_some() {
        return Err(format!("is longer than {max} characters"));
    }
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Reads a text through `parse`.
struct TextVisitor<T>(fn(&str) -> Result<T, String>);

impl<T> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Line<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor(Self::parse))
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Prose<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor(Self::parse))
    }
}

/// A text of up to 200 characters.
pub type Short = Line<200>;

/// A list of texts; one text is a list of one. At most 50.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(pub Vec<Short>);

impl Texts {
    /// The texts that are not blank.
    pub fn filled(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Short::as_str).filter(|text| !text.is_empty())
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Texts, E> {
        Short::parse(text).map(|text| Texts(vec![text])).map_err(E::custom)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Texts, E> {
        Ok(Texts::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element()? {
            if texts.len() == MAX_ENTRIES {
                return Err(de::Error::custom(format!("has more than {MAX_ENTRIES} entries")));
            }
            texts.push(text);
        }
        Ok(Texts(texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Body {
        name: Short,
        #[serde(default)]
        list: Texts,
        note: Option<Prose<5>>,
    }

    fn said(json: &str) -> String {
        parse::<Body>(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn every_mistake_names_its_field_and_repeats_no_value() {
        let long = "x".repeat(201);
        for (json, expected) in [
            ("", "Invalid JSON payload"),
            ("{\"name\":\"a\"} x", "Invalid JSON payload"),
            ("{\"name\":\"a\\ud800\"}", "Invalid JSON payload"),
            ("[\"a\"]", "body must be an object"),
            ("null", "body must be an object"),
            ("{}", "name is required"),
            ("{\"name\":null}", "name is required"),
            ("{\"name\":{}}", "name must be a text"),
            ("{\"name\":7}", "name must be a text"),
            ("{\"name\":\"a\",\"list\":7}", "list must be a list of texts"),
            ("{\"name\":\"a\",\"list\":[\"a\",7]}", "list[1] must be a text"),
            ("{\"name\":\"a\",\"list\":[null]}", "list[0] must be a text"),
            ("{\"name\":\"a\\u0007\"}", "name holds control characters"),
            ("{\"name\":\"a\\nb\"}", "name holds control characters"),
            ("{\"name\":\"a\\u202e\"}", "name holds control characters"),
            ("{\"name\":\"a\",\"note\":\"abcdef\"}", "note is longer than 5 characters"),
            (&format!("{{\"name\":\"{long}\"}}"), "name is longer than 200 characters"),
        ] {
            assert_eq!(said(json), expected, "{json}");
        }
        let many = format!("{{\"name\":\"a\",\"list\":[{}]}}", vec!["\"x\""; 51].join(","));
        assert_eq!(said(&many), "list has more than 50 entries");
    }

    #[test]
    fn texts_are_trimmed_and_prose_is_one_line() {
        let body: Body = parse(b"{\"name\":\" a  b \",\"list\":\"c, d\",\"note\":\"e\\r\\nf\",\"more\":[]}").unwrap();
        assert_eq!(body.name.as_str(), "a b");
        assert_eq!(body.list.0, [Short::parse("c, d").unwrap()]);
        assert_eq!(body.note.unwrap().as_str(), "e f");
    }
}
