//! The native dialect: `/image/{bucket}/{object}?w=&h=&fit=&q=&f=&dpr=&g=&blur=&bg=&frame=&v=&download=&preset=`.
//!
//! Values:
//! - `w`/`width`, `h`/`height`: integers from 1, at most 8192 after multiplication by `dpr` (1 to 3, in half steps).
//! - `fit`: `cover` (default), `contain` = `inside`, `fill`, `outside`.
//! - `g`: `center`, `north`, `northeast`, … `northwest`, `smart`; short `c n ne e se s sw w nw sm`; or `fp:x,y`, the
//!   focal point from the top left in 0..1, rounded to hundredths.
//! - `q`/`quality`: 1 to 100, default 75; `auto`, or `auto40` to `auto90`: what it takes to look so well (SSIMULACRA2).
//! - `f`/`format`: `auto` (default), `avif`, `webp`, `jpeg` = `jpg`, `png`,
//!   `origin`.
//! - `f=blurhash`, `thumbhash`, `lqip`, `json`: a placeholder of the whole picture, with no other of these parameters.
//! - `blur`: sigma in output pixels, 0 to 100, in half steps. `bg`: `rgb` or `rrggbb`, `#` optional.
//! - `frame=0`: the first frame of an animation. `v`: a version; `download[=name]`: as an attachment.
//! - `preset`: a transform that the operator named, in place of all of the above but `v` and `download`.

use std::borrow::Cow;

use url::form_urlencoded;

use super::query::{digits, nearly_equal, object_of_path, steps};
use super::{
    Blur, Dialect, Download, Fit, Format, FormatRequest, Frames, Gravity, ImageRequest, MAX_SIDE, Otherwise,
    ParameterError, Placeholder, Quality, Reader, Rgb, Target, Transform, Want, negotiate,
};
use crate::object::NameError;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Width,
    Height,
    Fit,
    Gravity,
    Quality,
    Format,
    Dpr,
    Blur,
    Background,
    Frame,
    Preset,
    Version,
    Download,
}

const SPELLINGS: [(&str, Name); 17] = [
    ("w", Name::Width),
    ("width", Name::Width),
    ("h", Name::Height),
    ("height", Name::Height),
    ("fit", Name::Fit),
    ("g", Name::Gravity),
    ("q", Name::Quality),
    ("quality", Name::Quality),
    ("f", Name::Format),
    ("format", Name::Format),
    ("dpr", Name::Dpr),
    ("blur", Name::Blur),
    ("bg", Name::Background),
    ("frame", Name::Frame),
    ("preset", Name::Preset),
    ("v", Name::Version),
    ("download", Name::Download),
];

/// The names whose misspellings are refused rather than ignored.
const LONG_NAMES: [&str; 4] = ["width", "height", "quality", "format"];

/// What a native URL says about the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FormatChoice {
    Auto,
    Origin,
    Named(Format),
}

/// A transform that the configuration names, written as a native query: `w=128&h=128&fit=cover`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset(Shape);

/// What a native query makes of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Picture { transform: Transform, format: FormatChoice },
    Placeholder(Placeholder),
}

/// Parses the path after `/image/` (`{bucket}/{object}`, still percent-encoded) and the raw query.
///
/// Without any parameter but `v` and `download` the original is wanted; unknown parameters are ignored unless they look
/// like a misspelt one.
pub fn parse(path_tail: &str, query: &str, accept: Option<&str>) -> Result<ImageRequest, ParameterError> {
    let target = target(path_tail)?;
    let given = Given::read(query)?;
    let preset = given.preset()?;
    let (want, varies_by_accept) = if preset.is_some() || given.asks_for_a_variant() {
        let shape = given.shape()?;
        (shape.want(accept), shape.varies())
    } else {
        (Want::Original, false)
    };
    Ok(ImageRequest {
        dialect: Dialect::Native,
        target,
        want,
        download: given
            .value(Name::Download)
            .map(|name| Download(Some(name.to_owned()).filter(|name| !name.is_empty()))),
        version: given.value(Name::Version).filter(|version| !version.is_empty()).map(str::to_owned),
        varies_by_accept,
        preset,
        x_transformations: None,
        signed_for: None,
        reader: Reader::Anyone,
    })
}

fn target(path_tail: &str) -> Result<Target, ParameterError> {
    object_of_path(path_tail).map_err(|error| {
        let part = if error == NameError::Bucket { "bucket" } else { "object" };
        ParameterError::new(part, format!("is refused: {error}"))
    })
}

impl Preset {
    /// Reads a preset's native query. Unlike a URL's, it may hold nothing that does not shape the picture.
    pub fn parse(query: &str) -> Result<Self, ParameterError> {
        for (name, _) in form_urlencoded::parse(query.as_bytes()) {
            let shapes = SPELLINGS.iter().any(|(spelling, known)| {
                *spelling == name && !matches!(known, Name::Preset | Name::Version | Name::Download)
            });
            if !shapes {
                return Err(ParameterError::new(name, "is not a parameter of a preset"));
            }
        }
        Given::read(query)?.shape().map(Self)
    }

    /// What it wants of a picture, for a browser of today.
    pub fn want(&self) -> Want {
        self.0.want(Some("image/avif,image/webp"))
    }

    /// Puts what the preset makes into a request that was parsed with its name.
    pub(super) fn apply(&self, request: &mut ImageRequest) {
        match (self.0, &mut request.want) {
            // What the client accepts was read with the request.
            (Shape::Picture { transform, format: FormatChoice::Auto }, Want::Variant { transform: open, .. }) => {
                *open = transform;
            }
            (shape, want) => {
                *want = shape.want(None);
                request.varies_by_accept = shape.varies();
            }
        }
    }
}

impl Shape {
    fn want(self, accept: Option<&str>) -> Want {
        match self {
            Self::Picture { transform, format } => Want::Variant { transform, format: format.request(accept) },
            Self::Placeholder(placeholder) => Want::Placeholder(placeholder),
        }
    }

    /// Whether the format goes by what the client accepts.
    fn varies(self) -> bool {
        matches!(self, Self::Picture { format: FormatChoice::Auto, .. })
    }
}

impl FormatChoice {
    fn request(self, accept: Option<&str>) -> FormatRequest {
        match self {
            Self::Named(format) => FormatRequest::Named(format),
            Self::Origin => FormatRequest::ORIGIN,
            Self::Auto => {
                let webp = negotiate::webp_accepted(accept);
                FormatRequest::Negotiated { avif: negotiate::avif_accepted(accept), webp, otherwise: Otherwise::Plain }
            }
        }
    }
}

/// The known parameters of a query, each with the spelling that was used.
#[derive(Default)]
struct Given<'query> {
    values: [Option<(&'static str, Cow<'query, str>)>; Name::Download as usize + 1],
}

impl<'query> Given<'query> {
    fn read(query: &'query str) -> Result<Self, ParameterError> {
        let mut given = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some((spelling, known)) = SPELLINGS.into_iter().find(|(spelling, _)| *spelling == name) else {
                refuse_misspelling(&name)?;
                continue;
            };
            if given.values[known as usize].replace((spelling, value)).is_some() {
                return Err(ParameterError::new(spelling, "may be given once only"));
            }
        }
        Ok(given)
    }

    fn value(&self, name: Name) -> Option<&str> {
        self.values[name as usize].as_ref().map(|(_, value)| &**value)
    }

    fn asks_for_a_variant(&self) -> bool {
        self.beside(Name::Preset).is_some()
    }

    /// A given parameter that shapes the picture, other than this one.
    fn beside(&self, name: Name) -> Option<&'static str> {
        let shaping = self.values[..Name::Preset as usize].iter().enumerate();
        let (spelling, _) =
            shaping.filter(|(index, _)| *index != name as usize).find_map(|(_, given)| given.as_ref())?;
        Some(spelling)
    }

    fn preset(&self) -> Result<Option<String>, ParameterError> {
        let preset = self.value(Name::Preset);
        match (preset, self.beside(Name::Preset)) {
            (Some(_), Some(other)) => {
                Err(ParameterError::new(other, "may not be combined with preset; only v and download may"))
            }
            (preset, _) => Ok(preset.map(str::to_owned)),
        }
    }

    fn shape(&self) -> Result<Shape, ParameterError> {
        let Some(placeholder) = self.value(Name::Format).and_then(Placeholder::parse) else {
            return Ok(Shape::Picture { transform: self.transform()?, format: self.format()? });
        };
        match self.beside(Name::Format) {
            Some(other) => {
                let why = format!("may not be combined with f={}, which is of the whole picture", placeholder.as_str());
                Err(ParameterError::new(other, why))
            }
            None => Ok(Shape::Placeholder(placeholder)),
        }
    }

    fn transform(&self) -> Result<Transform, ParameterError> {
        let half_steps =
            self.parsed(Name::Dpr, "must be a number from 1 to 3, in half steps", |v| steps(v, 2, 1, 3))?;
        let half_steps = half_steps.unwrap_or(2);
        Ok(Transform {
            width: self.side(Name::Width, half_steps)?,
            height: self.side(Name::Height, half_steps)?,
            fit: self.parsed(Name::Fit, "must be cover, contain, inside, fill or outside", fit)?.unwrap_or_default(),
            gravity: self.parsed(Name::Gravity, GRAVITIES, gravity)?.unwrap_or_default(),
            quality: self.parsed(Name::Quality, QUALITIES, Quality::parse)?.unwrap_or_default(),
            blur: self.parsed(Name::Blur, "must be a number from 0 to 100, in half steps", blur)?.unwrap_or_default(),
            background: self.parsed(Name::Background, "must be a colour: rgb or rrggbb in hexadecimal", Rgb::parse)?,
            frames: self.parsed(Name::Frame, "must be 0, the first frame", frame)?.unwrap_or_default(),
        })
    }

    fn format(&self) -> Result<FormatChoice, ParameterError> {
        let choice = self.parsed(Name::Format, FORMATS, |value| match value {
            "auto" => Some(FormatChoice::Auto),
            "origin" => Some(FormatChoice::Origin),
            named => Format::parse(named).map(FormatChoice::Named),
        })?;
        Ok(choice.unwrap_or(FormatChoice::Auto))
    }

    /// A side of the box in pixels, `dpr` multiplied in and rounded half up.
    fn side(&self, name: Name, dpr_half_steps: u8) -> Result<Option<u32>, ParameterError> {
        let message = format!("must be an integer from 1 to {MAX_SIDE}, after multiplication by dpr");
        self.parsed(name, &message, |value| {
            let side = digits(value)?.checked_mul(u64::from(dpr_half_steps))?.div_ceil(2);
            u32::try_from(side).ok().filter(|side| (1..=MAX_SIDE).contains(side))
        })
    }

    fn parsed<T>(
        &self,
        name: Name,
        allowed: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ParameterError> {
        let Some((spelling, value)) = &self.values[name as usize] else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| ParameterError::new(*spelling, allowed))
    }
}

const QUALITIES: &str = "must be an integer from 1 to 100, or auto, or auto40 to auto90";

const FORMATS: &str =
    "must be auto, avif, webp, jpeg, jpg, png, origin, or a placeholder: blurhash, thumbhash, lqip or json";

const GRAVITIES: &str = "must be center, north, northeast, east, southeast, south, southwest, west, northwest, smart, \
                         a short form (c n ne e se s sw w nw sm), or fp:x,y with x and y from 0 to 1";

fn gravity(value: &str) -> Option<Gravity> {
    if let Some((x, y)) = value.strip_prefix("fp:").and_then(|point| point.split_once(',')) {
        return Gravity::focal(steps(x, 100, 0, 1)?, steps(y, 100, 0, 1)?);
    }
    let word = match value {
        "c" => "center",
        "n" => "north",
        "ne" => "northeast",
        "e" => "east",
        "se" => "southeast",
        "s" => "south",
        "sw" => "southwest",
        "w" => "west",
        "nw" => "northwest",
        "sm" => "smart",
        word => word,
    };
    Gravity::WORDS.iter().find(|(_, known)| *known == word).map(|(gravity, _)| *gravity)
}

fn fit(value: &str) -> Option<Fit> {
    match value {
        "cover" => Some(Fit::Cover),
        "contain" | "inside" => Some(Fit::Contain),
        "fill" => Some(Fit::Fill),
        "outside" => Some(Fit::Outside),
        _ => None,
    }
}

fn blur(value: &str) -> Option<Blur> {
    steps(value, 2, 0, 100).map(Blur)
}

fn frame(value: &str) -> Option<Frames> {
    (value == "0").then_some(Frames::First)
}

/// Refuses an unknown name that is a known one in other case, or almost a long one: ignoring it would answer with a
/// picture that nobody asked for. Short or unlike names are somebody's cache-buster.
fn refuse_misspelling(name: &str) -> Result<(), ParameterError> {
    let lower = name.to_ascii_lowercase();
    let meant = SPELLINGS.iter().map(|(spelling, _)| *spelling).find(|spelling| *spelling == lower);
    let near = || LONG_NAMES.into_iter().find(|long| lower.len() >= 4 && nearly_equal(long, &lower));
    match meant.or_else(near) {
        Some(meant) => Err(ParameterError::new(name, format!("is not a parameter; did you mean {meant}?"))),
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "native_tests.rs"]
mod tests;
