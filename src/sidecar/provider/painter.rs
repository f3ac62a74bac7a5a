//! The built-in painter: a portrait drawn from the prompt alone. The same prompt is the same picture on every machine,
//! any other prompt another; nothing is asked and nothing is spent.

mod backdrop;
mod canvas;
mod colours;
mod dice;
mod face;
mod hair;
mod hints;
mod outfit;
mod shape;

use std::sync::Arc;

use self::canvas::Canvas;
use self::colours::{Colour, PALETTES, Palette};
use self::dice::Dice;
use self::hints::Hints;
use super::{Cost, GenerationConfig, PaintRequest, Painted, Picture, Plan, Provider, ProviderError, Quality, Size};
use crate::imaging::{self, Channels, Effort, ImagingError, Raster};
use crate::render::{self, Gate, Priority};
use crate::transform::{Blur, Format, Rendering};

/// Width and height of a picture, whatever size was asked for.
const SIDE: u32 = 1024;
/// The name in `generation_config`. Its number is raised whenever a prompt would look different.
const MODEL: &str = "painter-1";

/// Paints without asking anyone.
#[derive(Debug)]
pub struct Painter {
    gate: Arc<Gate>,
}

impl Painter {
    pub fn new(gate: Arc<Gate>) -> Self {
        Self { gate }
    }
}

#[async_trait::async_trait]
impl Provider for Painter {
    fn name(&self) -> &'static str {
        "painter"
    }

    fn plan(&self, _: Size, _: Quality) -> Result<Plan, ProviderError> {
        let config = GenerationConfig { model: MODEL.to_owned(), size: format!("{SIDE}x{SIDE}"), quality: None };
        Ok(Plan { config, cost: Some(Cost(0)) })
    }

    async fn paint(&self, request: &PaintRequest) -> Result<Painted, ProviderError> {
        let prompt = request.prompt.clone();
        let cost = render::Cost::of_encoding(u64::from(SIDE) * u64::from(SIDE));
        let painted = self.gate.run(cost, Priority::Background, move || png(prompt.as_str()));
        let failed = |error: String| ProviderError::Internal(error);
        let bytes = painted.await.map_err(|error| failed(error.to_string()))?;
        let bytes = bytes.map_err(|error| failed(error.to_string()))?;
        let Plan { config, cost } = self.plan(request.size, request.quality)?;
        Ok(Painted { picture: Picture::Bytes(bytes.into()), config, cost })
    }
}

/// The picture of a prompt as a PNG.
pub fn png(prompt: &str) -> Result<Vec<u8>, ImagingError> {
    let picture = portrait(prompt, SIDE)?;
    let rendering = Rendering {
        output: picture.size(),
        crop: None,
        blur: Blur(0),
        background: None,
        format: Format::Png,
        quality: None,
        animated: false,
    };
    imaging::encode(&picture, &rendering, Effort::Fast)
}

/// Everything that is chosen once and used by several parts.
struct Look {
    palette: Palette,
    skin: Colour,
    hair: Colour,
    style: hair::Style,
    hat: bool,
    hints: Hints,
}

impl Look {
    fn choose(prompt: &str, dice: &mut Dice) -> Self {
        let hints = Hints::read(prompt);
        let palette = dice.pick(&PALETTES).varied(dice);
        let skin = colours::skin(hints.skin, dice);
        let hair = colours::hair(hints.hair, dice);
        let style = hair::Style::choose(&hints, dice);
        let wants_hat = dice.chance(24) && style.fits_a_hat();
        Self { palette, skin, hair, style, hat: hints.hat.unwrap_or(wants_hat), hints }
    }
}

/// Draws the portrait of a prompt on a square of `side` pixels.
fn portrait(prompt: &str, side: u32) -> Result<Raster, ImagingError> {
    let mut dice = Dice::of(prompt);
    let look = Look::choose(prompt, &mut dice);
    let mut canvas = Canvas::new(side);
    backdrop::draw(&mut canvas, &look, &mut dice);
    let head = face::Head::choose(&mut dice);
    hair::draw_behind(&mut canvas, &look, &head, &mut dice);
    face::draw_neck(&mut canvas, &look);
    outfit::draw_clothes(&mut canvas, &look, &mut dice);
    face::draw(&mut canvas, &look, &head, &mut dice);
    hair::draw_front(&mut canvas, &look, &head, &mut dice);
    outfit::draw_worn(&mut canvas, &look, &head, &mut dice);
    Raster::new(side, side, Channels::Rgb, canvas.into_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_same_prompt_is_the_same_picture_and_another_prompt_another() {
        let small = |prompt: &str| portrait(prompt, 64).unwrap().into_data();
        assert_eq!(small("a calm navigator"), small("a calm navigator"));
        let pictures: HashSet<_> = (0..200).map(|number| small(&format!("prompt {number}"))).collect();
        assert_eq!(pictures.len(), 200);
    }

    #[test]
    fn a_picture_is_an_opaque_png_of_1024_pixels_a_side() {
        let bytes = png("A portrait of Ada.").unwrap();
        let probe = imaging::probe(&bytes).unwrap();
        assert_eq!((probe.natural.width, probe.natural.height), (1024, 1024));
        assert!(bytes.len() < 1_500_000, "{} bytes", bytes.len());
    }

    /// A change of any of these is a change of every avatar: raise the number in [`MODEL`].
    #[test]
    fn pictures_stay_as_they_are() {
        let digest = |prompt: &str| blake3::hash(portrait(prompt, 256).unwrap().data()).to_hex()[..16].to_owned();
        let digests: Vec<_> = ["Ada", "Bo", "漢字"].iter().map(|prompt| digest(prompt)).collect();
        assert_eq!(digests, ["35fd8edbbfdaa5e2", "b468b7d78588736c", "cf2a390f3b0f084e"]);
    }
}
