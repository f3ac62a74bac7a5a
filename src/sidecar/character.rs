//! A character as an app describes it, parsed at the edge. Whatever is not named here is ignored.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::field::{FieldError, Line, Prose, Short, Texts, object, one_of};

/// The largest number of names in `character_accessories`.
const MAX_ACCESSORIES: usize = 50;

/// What the name of an accessory may be made of: it is written into the prompt.
type AccessoryName = Line<60>;

/// Someone who is to be painted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CharacterData {
    #[serde(deserialize_with = "filled")]
    pub name: Short,
    pub archetype: Option<Short>,
    #[serde(default)]
    role: Texts,
    #[serde(default)]
    roles: Texts,
    #[serde(default)]
    role_preferences: Texts,
    #[serde(default)]
    traits: Texts,
    #[serde(default)]
    personality_traits: Texts,
    appearance: Option<Prose<1000>>,
    appearance_description: Option<Prose<1000>>,
    #[serde(default, deserialize_with = "object")]
    physical_attributes: Option<Physical>,
    #[serde(default, deserialize_with = "object")]
    props: Option<Props>,
}

/// The body, as texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Physical {
    pub height: Option<Short>,
    pub build: Option<Short>,
    pub hair: Option<Short>,
    pub beard: Option<Short>,
    pub eyes: Option<Short>,
    pub skin_tone: Option<Short>,
}

/// What was chosen for the picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Props {
    /// Wins over `physical_attributes`, one by one.
    #[serde(deserialize_with = "object")]
    pub physical: Option<Physical>,
    #[serde(deserialize_with = "object")]
    pub clothing: Option<Clothing>,
    #[serde(deserialize_with = "object")]
    pub character_accessories: Option<Accessories>,
    #[serde(deserialize_with = "object")]
    pub background: Option<Background>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Clothing {
    pub top: Texts,
    pub bottom: Texts,
    pub footwear: Texts,
    pub accessories: Texts,
}

/// What is worn beside clothes: `{"collar": true, "leather": ["harness", "cuffs"]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accessories(BTreeMap<AccessoryName, Accessory>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Accessory {
    Worn(bool),
    Pieces(Texts),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackgroundKind {
    Solid,
    Gradient,
    Environment,
    Minimal,
}

impl<'de> Deserialize<'de> for BackgroundKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = [
            ("solid", Self::Solid),
            ("gradient", Self::Gradient),
            ("environment", Self::Environment),
            ("minimal", Self::Minimal),
        ];
        one_of(deserializer, &words)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Background {
    #[serde(rename = "type")]
    pub kind: BackgroundKind,
    pub color: Option<Short>,
    pub environment: Option<Short>,
}

/// A name that is there and not blank.
fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Short, D::Error> {
    let text = Short::deserialize(deserializer)?;
    if text.as_str().is_empty() { Err(de::Error::custom("is required")) } else { Ok(text) }
}

impl CharacterData {
    /// Every role, in whichever of the fields it was written.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        [&self.role, &self.roles, &self.role_preferences].into_iter().flat_map(Texts::filled)
    }

    /// Every trait; the prompt takes the first three.
    pub fn traits(&self) -> impl Iterator<Item = &str> {
        [&self.personality_traits, &self.traits].into_iter().flat_map(Texts::filled)
    }

    pub fn appearance(&self) -> impl Iterator<Item = &str> {
        [&self.appearance, &self.appearance_description].into_iter().flatten().map(Prose::as_str)
    }

    /// The props chosen for this picture replace the character's own.
    pub fn with_props(self, props: Option<Props>) -> Self {
        Self { props: props.or(self.props), ..self }
    }

    pub fn props(&self) -> Option<&Props> {
        self.props.as_ref()
    }

    /// An attribute, the one chosen for this picture before the character's own.
    pub fn physical(&self, attribute: impl Fn(&Physical) -> Option<&Short>) -> Option<&str> {
        let chosen = self.props.as_ref().and_then(|props| props.physical.as_ref());
        let all = [chosen, self.physical_attributes.as_ref()].into_iter().flatten();
        all.filter_map(attribute).map(Short::as_str).find(|text| !text.is_empty())
    }
}

impl Accessories {
    /// What is worn, in words: `collar`, `leather harness`.
    pub fn worn(&self) -> impl Iterator<Item = String> {
        self.0.iter().flat_map(|(name, accessory)| {
            let name = name.as_str().replace(['_', '-'], " ");
            match accessory {
                Accessory::Worn(true) => vec![name],
                Accessory::Worn(false) => Vec::new(),
                Accessory::Pieces(pieces) => pieces.filled().map(|piece| of_kind(&name, piece)).collect(),
            }
        })
    }
}

/// `leather` and `harness` make `leather harness`; a piece that says so itself is left alone.
fn of_kind(kind: &str, piece: &str) -> String {
    if piece.to_lowercase().contains(&kind.to_lowercase()) { piece.to_owned() } else { format!("{kind} {piece}") }
}

impl<'de> Deserialize<'de> for Accessory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AccessoryVisitor;
        impl<'de> Visitor<'de> for AccessoryVisitor {
            type Value = Accessory;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("true, false or a list of texts")
            }

            fn visit_bool<E: de::Error>(self, worn: bool) -> Result<Accessory, E> {
                Ok(Accessory::Worn(worn))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Accessory, E> {
                Ok(Accessory::Worn(false))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<Accessory, A::Error> {
                let texts = Texts::deserialize(de::value::SeqAccessDeserializer::new(list))?;
                Ok(Accessory::Pieces(texts))
            }
        }
        deserializer.deserialize_any(AccessoryVisitor)
    }
}

impl<'de> Deserialize<'de> for Accessories {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AccessoriesVisitor;
        impl<'de> Visitor<'de> for AccessoriesVisitor {
            type Value = Accessories;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Accessories, A::Error> {
                let mut found = BTreeMap::new();
                while let Some(name) = map.next_key::<AccessoryName>()? {
                    found.insert(name, map.next_value()?);
                    if found.len() > MAX_ACCESSORIES {
                        return Err(de::Error::custom(format!("has more than {MAX_ACCESSORIES} entries")));
                    }
                }
                Ok(Accessories(found))
            }
        }
        deserializer.deserialize_map(AccessoriesVisitor)
    }
}

/// A character that a test or another room makes from JSON.
impl std::str::FromStr for CharacterData {
    type Err = FieldError;

    fn from_str(json: &str) -> Result<Self, FieldError> {
        super::field::parse(json.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(json: &str) -> String {
        json.parse::<CharacterData>().unwrap_err().to_string()
    }

    #[test]
    fn a_wrong_character_is_told_by_the_path_of_the_field() {
        for (json, expected) in [
            ("{}", "name is required"),
            (r#"{"name":"  "}"#, "name is required"),
            (r#"{"name":"a","props":[]}"#, "props must be an object"),
            (r#"{"name":"a","props":{"clothing":{"top":[1]}}}"#, "props.clothing.top[0] must be a text"),
            (r#"{"name":"a","props":{"background":{}}}"#, "props.background.type is required"),
            (r#"{"name":"a","physical_attributes":{"height":180}}"#, "physical_attributes.height must be a text"),
            (
                r#"{"name":"a","props":{"character_accessories":{"collar":"yes"}}}"#,
                "props.character_accessories.collar must be true, false or a list of texts",
            ),
        ] {
            assert_eq!(said(json), expected, "{json}");
        }
        let unknown = said(r#"{"name":"a","props":{"background":{"type":"beach"}}}"#);
        assert_eq!(unknown, "props.background.type must be one of solid, gradient, environment, minimal");
        assert_eq!(said(r#"{"name":"a","props":{"background":{"type":7}}}"#), "props.background.type must be a text");
    }

    #[test]
    fn chosen_props_replace_the_characters_own() {
        let json =
            r#"{"name":"a","physical_attributes":{"hair":"red","eyes":"green"},"props":{"physical":{"hair":"blue"}}}"#;
        let character: CharacterData = json.parse().unwrap();
        assert_eq!(character.physical(|own| own.hair.as_ref()), Some("blue"));
        let chosen: Props = super::super::field::parse(br#"{"physical":{"eyes":"grey"}}"#).unwrap();
        let character = character.with_props(Some(chosen));
        assert_eq!(character.physical(|own| own.hair.as_ref()), Some("red"));
        assert_eq!(character.physical(|own| own.eyes.as_ref()), Some("grey"));
    }

    #[test]
    fn accessories_are_told_in_words() {
        let json = r#"{"collar":true,"cape":false,"hair_clip":true,"leather":["harness","leather cuffs",""]}"#;
        let accessories: Accessories = super::super::field::parse(json.as_bytes()).unwrap();
        let worn: Vec<_> = accessories.worn().collect();
        assert_eq!(worn, ["collar", "hair clip", "leather harness", "leather cuffs"]);
    }
}
