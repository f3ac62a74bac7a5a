//! What stands in for a picture until it is there: hashes, a copy of a few pixels, and its colour.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::transform::{Blur, Format, Placeholder, Quality, Rendering, Rgb, Size};

use super::{Channels, Effort, ImagingError, Pixels, Raster, encode, flatten, resize, window};

/// Longest side of a sample in pixels. A hash is a sum of at most seven waves a side: more pixels tell it nothing.
const SIDE: u32 = 32;
/// Longest side in pixels, and quality, of the copy: one or two hundred bytes, some more with alpha.
const COPY_SIDE: u32 = 20;
const COPY_QUALITY: Option<Quality> = Quality::new(50);

/// A picture at no more than 32 pixels a side, which all its placeholders are made from.
#[derive(Clone, Debug)]
pub struct Sample {
    raster: Raster,
    /// Of the picture itself, upright.
    natural: Size,
}

/// What `f=json` answers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    width: u32,
    height: u32,
    /// The dominant colour: `#rrggbb`.
    color: String,
    blurhash: String,
    /// Base64.
    thumbhash: String,
    /// A `data:` URL.
    lqip: String,
    /// Width by height.
    aspect_ratio: f64,
}

impl Sample {
    /// The size of the sample of a picture of this upright size.
    pub fn size(natural: Size) -> Size {
        natural.within(SIDE)
    }

    /// Takes the sample of a picture, which may be decoded smaller than it is.
    pub fn of(pixels: &Pixels, natural: Size) -> Result<Self, ImagingError> {
        Ok(Self { raster: pixels.resize(Self::size(natural), None)?.into_owned(), natural })
    }

    /// The bytes of a placeholder. The same sample gives the same bytes.
    pub fn placeholder(&self, placeholder: Placeholder) -> Result<Vec<u8>, ImagingError> {
        match placeholder {
            Placeholder::BlurHash => Ok(self.blurhash().into_bytes()),
            Placeholder::ThumbHash => Ok(self.thumbhash().into_bytes()),
            Placeholder::Lqip => self.copy(),
            Placeholder::Json => {
                let description = serde_json::to_vec(&self.description()?);
                description.map_err(|error| ImagingError::internal(error.to_string()))
            }
        }
    }

    fn description(&self) -> Result<Description, ImagingError> {
        let Size { width, height } = self.natural;
        Ok(Description {
            width,
            height,
            color: format!("#{}", dominant(&self.raster)),
            blurhash: self.blurhash(),
            thumbhash: self.thumbhash(),
            lqip: format!("data:{};base64,{}", Placeholder::Lqip.media_type(), STANDARD.encode(self.copy()?)),
            aspect_ratio: f64::from(width) / f64::from(height.max(1)),
        })
    }

    /// Four components by three, along the longer side the four. It has no alpha: what is transparent lies on white.
    fn blurhash(&self) -> String {
        let (across, down) = if self.natural.width < self.natural.height { (3, 4) } else { (4, 3) };
        let raster = flatten(self.raster.clone(), Rgb::WHITE);
        let pixels = raster.data().as_chunks::<3>().0;
        let waves = fast_blurhash::compute_dct(pixels, raster.width() as usize, raster.height() as usize, across, down);
        waves.into_blurhash()
    }

    /// In base64, with the alpha.
    fn thumbhash(&self) -> String {
        let raster = &self.raster;
        let hash = thumbhash::rgba_to_thumb_hash(raster.width() as usize, raster.height() as usize, &rgba(raster));
        STANDARD.encode(hash)
    }

    /// A WebP. It takes the small effort whoever waits: of so few pixels that is no time.
    fn copy(&self) -> Result<Vec<u8>, ImagingError> {
        let output = self.natural.within(COPY_SIDE);
        let copied = resize(&self.raster, window(&self.raster, output, None), output)?;
        let rendering = Rendering {
            output,
            crop: None,
            blur: Blur::NONE,
            background: None,
            format: Format::WebP,
            quality: COPY_QUALITY,
            animated: false,
        };
        encode(&copied, &rendering, Effort::Small)
    }
}

fn rgba(raster: &Raster) -> Vec<u8> {
    match raster.channels() {
        Channels::Rgba => raster.data().to_vec(),
        Channels::Rgb => raster.data().as_chunks::<3>().0.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect(),
    }
}

/// The mean of the colours that are most of a small picture, by their upper three bits a channel, each as far as it is
/// opaque. White where nothing is.
fn dominant(raster: &Raster) -> Rgb {
    let mut kinds = [[0_u64; 4]; 512];
    for &[red, green, blue, alpha] in rgba(raster).as_chunks::<4>().0 {
        let kind = [red, green, blue].into_iter().fold(0, |kind, channel| kind << 3 | usize::from(channel >> 5));
        for (sum, value) in kinds[kind].iter_mut().zip([red, green, blue, 1]) {
            *sum += u64::from(value) * u64::from(alpha);
        }
    }
    // The darker of two that are as many.
    let most = kinds.into_iter().rev().max_by_key(|sums| sums[3]).filter(|sums| sums[3] > 0);
    most.map_or(Rgb::WHITE, |[red, green, blue, weight]| {
        Rgb([red, green, blue].map(|sum| ((sum + weight / 2) / weight) as u8))
    })
}
