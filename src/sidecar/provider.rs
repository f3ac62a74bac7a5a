//! Who paints: the one trait, what is asked and what comes back. [`openai`] asks the Images API, [`painter`] asks nobody.

mod answer;
mod error;
mod models;
pub mod openai;
pub mod painter;
mod pictures;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

pub use self::error::{Nonsense, ProviderError, Retry};
pub use self::models::{Model, ModelTable, TableError};
pub use self::openai::{OpenAi, OpenAiSettings};
pub use self::painter::Painter;
pub use self::pictures::PictureFetcher;
use super::field::one_of;
use super::prompt::Prompt;

/// Someone who paints pictures from prompts.
#[async_trait::async_trait]
pub trait Provider: std::fmt::Debug + Send + Sync {
    /// The name for logs and metrics.
    fn name(&self) -> &'static str;

    /// What would be used for a picture now; costs nothing and asks nobody.
    fn plan(&self, size: Size, quality: Quality) -> Result<Plan, ProviderError>;

    /// Whether anything can be painted at all, as far as that is known without asking anybody.
    fn ready(&self) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Paints one picture. Called once it may cost money: an error says whether another try makes sense.
    async fn paint(&self, request: &PaintRequest) -> Result<Painted, ProviderError>;
}

/// The size as clients name it. What a provider is sent for it is the provider's own matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Size {
    #[default]
    Square,
    Wide,
    Tall,
}

/// The quality as clients name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Quality {
    #[default]
    Standard,
    Hd,
}

impl Size {
    const WORDS: [(&str, Self); 3] =
        [("1024x1024", Self::Square), ("1792x1024", Self::Wide), ("1024x1792", Self::Tall)];

    /// The client's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Square => "1024x1024",
            Self::Wide => "1792x1024",
            Self::Tall => "1024x1792",
        }
    }
}

impl Quality {
    const WORDS: [(&str, Self); 2] = [("standard", Self::Standard), ("hd", Self::Hd)];

    /// The client's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Hd => "hd",
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        one_of(deserializer, &Self::WORDS)
    }
}

impl<'de> Deserialize<'de> for Quality {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        one_of(deserializer, &Self::WORDS)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for Quality {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One picture to paint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaintRequest {
    pub prompt: Prompt,
    pub size: Size,
    pub quality: Quality,
}

/// What is really used for a picture, in the provider's own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationConfig {
    pub model: String,
    /// `{width}x{height}`.
    pub size: String,
    /// Where the model has qualities.
    pub quality: Option<String>,
}

/// What a picture would be painted with, and what it is expected to cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub config: GenerationConfig,
    pub cost: Option<Cost>,
}

/// Money in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cost(pub u64);

impl Cost {
    pub(crate) fn from_dollars(dollars: f64) -> Self {
        Self((dollars * 1e6).round() as u64)
    }
}

/// A painted picture as the provider handed it over: still a stranger's bytes, or a stranger's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picture {
    Bytes(Bytes),
    /// Temporary; to be fetched by [`PictureFetcher`] alone.
    Url(Url),
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Painted {
    pub picture: Picture,
    pub config: GenerationConfig,
    /// What it has cost, as far as it is known.
    pub cost: Option<Cost>,
}
