//! What is needed to paint: the prompts, the provider, and the way to its pictures.

use std::sync::Arc;

use serde::Deserialize;

use super::character::{CharacterData, Props};
use super::field::{FieldError, object};
use super::prompt::{CustomPrompt, PresetName, Prompt, PromptBook, WholePrompt};
use super::provider::{PaintRequest, PictureFetcher, Provider, Quality, Size};

/// Everything that painting needs.
#[derive(Debug)]
pub struct Studio {
    pub prompts: PromptBook,
    pub provider: Arc<dyn Provider>,
    pub pictures: PictureFetcher,
}

/// What is asked for one picture, by the names that the app uses. Whatever is not named here is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Wishes {
    #[serde(default, alias = "characterData", deserialize_with = "object")]
    pub character_data: Option<CharacterData>,
    /// In place of `character_data.props`.
    #[serde(default, deserialize_with = "object")]
    pub props: Option<Props>,
    #[serde(alias = "customPrompt")]
    pub custom_prompt: Option<CustomPrompt>,
    /// The whole prompt, such as that of an earlier job with a word changed: nothing is built of the character.
    pub prompt: Option<WholePrompt>,
    pub size: Option<Size>,
    pub quality: Option<Quality>,
    pub preset: Option<PresetName>,
}

impl Studio {
    /// The request that the wishes make.
    pub fn request(&self, wishes: Wishes) -> Result<PaintRequest, FieldError> {
        let (size, quality) = (wishes.size.unwrap_or_default(), wishes.quality.unwrap_or_default());
        if let Some(whole) = &wishes.prompt {
            let prompt = Prompt::parse(whole.as_str()).map_err(|reason| FieldError::new("prompt", reason))?;
            return Ok(PaintRequest { prompt, size, quality });
        }
        let character = wishes.character_data.ok_or_else(|| FieldError::required("character_data"))?;
        let character = character.with_props(wishes.props);
        let prompt = self.prompts.build(&character, wishes.custom_prompt.as_ref(), wishes.preset.as_ref())?;
        Ok(PaintRequest { prompt, size, quality })
    }
}
