//! A character into words: the template and the presets of a file, filled with what is known. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::character::{BackgroundKind, CharacterData, Clothing, Props};
use super::field::{FieldError, Line, Prose, Texts};
use super::template::{Template, first_filled};

/// Most characters of a prompt.
pub const MAX_PROMPT: usize = 4000;
/// Most characters that parts and presets of a file may have of their own, so that room is left for the character.
const MAX_OWN: usize = 2000;
/// Traits that a prompt names.
const TRAITS: usize = 3;

/// What is written into a prompt for one picture alone.
pub type CustomPrompt = Prose<1000>;
/// A prompt that somebody wrote as a whole.
pub type WholePrompt = Prose<MAX_PROMPT>;
/// The name of a preset.
pub type PresetName = Line<60>;

const NAMES: [&str; 18] = [
    "style",
    "name",
    "archetype",
    "roles",
    "traits",
    "appearance",
    "height",
    "build",
    "hair",
    "beard",
    "eyes",
    "skin_tone",
    "top",
    "bottom",
    "footwear",
    "accessories",
    "background",
    "custom",
];
const BACKGROUND_NAMES: [&str; 2] = ["color", "environment"];

/// A prompt: one line of 1 to 4,000 characters, without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Prompt(String);

impl Prompt {
    /// Reads a prompt that was kept.
    pub fn parse(text: &str) -> Result<Self, String> {
        let line = Line::<MAX_PROMPT>::parse(text)?;
        if line.as_str().is_empty() { Err("is empty".to_owned()) } else { Ok(Self(line.as_str().to_owned())) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a prompts file cannot be used. The texts are for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    #[error("{0}")]
    Toml(String),
    #[error("{0}")]
    Template(String),
    #[error("there is no preset `{0}`")]
    NoPreset(String),
    #[error("parts and presets have more than {MAX_OWN} characters of their own")]
    TooLong,
}

/// A part of the file: one text, or several to choose from.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts")]
enum Part {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    default: String,
    parts: Vec<Part>,
    backgrounds: Backgrounds,
    presets: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Backgrounds {
    solid: Part,
    gradient: Part,
    environment: Part,
    minimal: Part,
}

/// Alternatives of one part.
type Alternatives = Vec<Template>;

/// The template and the presets.
#[derive(Clone, Debug)]
pub struct PromptBook {
    parts: Vec<Alternatives>,
    backgrounds: [Alternatives; 4],
    presets: BTreeMap<String, String>,
    default: String,
}

impl PromptBook {
    /// The one that is built in, or the text of a file; `preset` in place of the file's own default.
    pub fn read(file: Option<&str>, preset: Option<&str>) -> Result<Self, BookError> {
        let text = file.unwrap_or(include_str!("prompts.toml"));
        let file: File = toml::from_str(text).map_err(|error| BookError::Toml(error.to_string()))?;
        let compiled: Result<Vec<_>, _> = file.parts.iter().map(|part| compile(part, &NAMES)).collect();
        let File { backgrounds, presets, .. } = file;
        let background = |part: &Part| compile(part, &BACKGROUND_NAMES);
        let book = Self {
            parts: compiled?,
            backgrounds: [
                background(&backgrounds.solid)?,
                background(&backgrounds.gradient)?,
                background(&backgrounds.environment)?,
                background(&backgrounds.minimal)?,
            ],
            presets,
            default: preset.map_or(file.default, str::to_owned),
        };
        book.check(file.parts.iter().map(longest).sum())
    }

    fn check(self, own: usize) -> Result<Self, BookError> {
        if !self.presets.contains_key(&self.default) {
            return Err(BookError::NoPreset(self.default));
        }
        let styles = self.presets.values().map(|style| style.chars().count()).max().unwrap_or(0);
        if own + styles > MAX_OWN {
            return Err(BookError::TooLong);
        }
        match self.presets.iter().find_map(|(name, style)| Some((name, Prompt::parse(style).err()?))) {
            Some((name, problem)) => Err(BookError::Template(format!("presets.{name} {problem}"))),
            None => Ok(self),
        }
    }

    /// The names of the presets, in the order of the alphabet.
    pub fn presets(&self) -> impl Iterator<Item = &str> {
        self.presets.keys().map(String::as_str)
    }

    /// The preset of requests that name none.
    pub fn default_preset(&self) -> &str {
        &self.default
    }

    /// The prompt for a character.
    pub fn build(
        &self,
        character: &CharacterData,
        custom: Option<&CustomPrompt>,
        preset: Option<&PresetName>,
    ) -> Result<Prompt, FieldError> {
        let preset = preset.map_or(self.default.as_str(), PresetName::as_str);
        let style = self.presets.get(preset).ok_or_else(|| {
            let names: Vec<_> = self.presets().collect();
            FieldError::new("preset", format!("must be one of {}", names.join(", ")))
        })?;
        let mut values = values(character, custom);
        values.insert("style", style.clone());
        values.insert("background", self.background(character.props()).unwrap_or_default());
        let text = self.fill(&values);
        if text.chars().count() > MAX_PROMPT {
            return Err(FieldError::new(
                "character_data",
                format!("makes a prompt of more than {MAX_PROMPT} characters"),
            ));
        }
        Prompt::parse(&text).map_err(|problem| FieldError::new("prompt", problem))
    }

    fn fill(&self, values: &HashMap<&'static str, String>) -> String {
        let parts = self.parts.iter();
        let filled = parts.filter_map(|part| first_filled(part, |name| values.get(name).map(String::as_str)));
        filled.collect::<Vec<_>>().join(" ")
    }

    fn background(&self, props: Option<&Props>) -> Option<String> {
        let chosen = props?.background.as_ref()?;
        let [solid, gradient, environment, minimal] = &self.backgrounds;
        let alternatives = match chosen.kind {
            BackgroundKind::Solid => solid,
            BackgroundKind::Gradient => gradient,
            BackgroundKind::Environment => environment,
            BackgroundKind::Minimal => minimal,
        };
        first_filled(alternatives, |name| {
            let text = if name == "color" { &chosen.color } else { &chosen.environment };
            text.as_ref().map(Line::as_str)
        })
    }
}

fn compile(part: &Part, names: &[&str]) -> Result<Alternatives, BookError> {
    let texts = match part {
        Part::One(text) => std::slice::from_ref(text),
        Part::Several(texts) => texts,
    };
    let templates: Result<_, _> = texts.iter().map(|text| Template::parse(text, names)).collect();
    templates.map_err(BookError::Template)
}

/// Characters of the longest alternative, and of the space before it.
fn longest(part: &Part) -> usize {
    let count = |text: &String| text.chars().count() + 1;
    match part {
        Part::One(text) => count(text),
        Part::Several(texts) => texts.iter().map(count).max().unwrap_or(0),
    }
}

/// Texts joined by `; `: a value with a comma stays one value. Those that were seen before are left out.
fn joined<'a>(texts: impl IntoIterator<Item = &'a str>, seen: &mut HashSet<String>) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for text in texts {
        if seen.insert(text.to_lowercase()) {
            kept.push(text);
        }
    }
    kept.join("; ")
}

fn values(character: &CharacterData, custom: Option<&CustomPrompt>) -> HashMap<&'static str, String> {
    let mut values = HashMap::new();
    let mut seen = HashSet::new();
    values.insert("name", character.name.as_str().to_owned());
    values.insert("archetype", joined(character.archetype.as_ref().map(Line::as_str), &mut seen));
    values.insert("roles", joined(character.roles(), &mut seen));
    let traits = character.traits().collect::<Vec<_>>();
    let mut first = HashSet::new();
    let traits = traits.into_iter().filter(|text| first.insert(text.to_lowercase())).take(TRAITS);
    values.insert("traits", joined(traits, &mut seen));
    let mut told = HashSet::new();
    values.insert("appearance", joined(character.appearance().filter(|text| !text.is_empty()), &mut told));
    values.insert("custom", joined(custom.map(Prose::as_str), &mut told));
    let physical = [
        ("height", character.physical(|own| own.height.as_ref())),
        ("build", character.physical(|own| own.build.as_ref())),
        ("hair", character.physical(|own| own.hair.as_ref())),
        ("beard", character.physical(|own| own.beard.as_ref())),
        ("eyes", character.physical(|own| own.eyes.as_ref())),
        ("skin_tone", character.physical(|own| own.skin_tone.as_ref())),
    ];
    values.extend(physical.map(|(name, text)| (name, text.unwrap_or_default().to_owned())));
    values.extend(worn(character.props()));
    values
}

fn worn(props: Option<&Props>) -> [(&'static str, String); 4] {
    let none = Clothing::default();
    let clothing = props.and_then(|props| props.clothing.as_ref()).unwrap_or(&none);
    let worn: Vec<String> =
        props.and_then(|props| props.character_accessories.as_ref()).map_or_else(Vec::new, |all| all.worn().collect());
    let mut seen = HashSet::new();
    let mut list = |texts: &Texts| joined(texts.filled(), &mut seen);
    let (top, bottom, footwear) = (list(&clothing.top), list(&clothing.bottom), list(&clothing.footwear));
    let accessories = clothing.accessories.filled().chain(worn.iter().map(String::as_str));
    [("top", top), ("bottom", bottom), ("footwear", footwear), ("accessories", joined(accessories, &mut seen))]
}
