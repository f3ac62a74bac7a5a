//! Constructors and texts of the small value types.

use super::{
    Aim, Blur, Fit, Format, FormatRequest, Gravity, Otherwise, Placeholder, Quality, Rgb, SourceFormat, Transform,
};

impl Format {
    pub const ALL: [Self; 4] = [Self::Avif, Self::WebP, Self::Jpeg, Self::Png];

    /// The name in URLs and variant names, and the file extension: `avif`, `webp`, `jpeg`, `png`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Avif => "avif",
            Self::WebP => "webp",
            Self::Jpeg => "jpeg",
            Self::Png => "png",
        }
    }

    /// The `Content-Type`.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Avif => "image/avif",
            Self::WebP => "image/webp",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }

    /// The inverse of [`Format::as_str`]; `jpg` is read too.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "avif" => Some(Self::Avif),
            "webp" => Some(Self::WebP),
            "jpeg" | "jpg" => Some(Self::Jpeg),
            "png" => Some(Self::Png),
            _ => None,
        }
    }
}

impl Placeholder {
    pub const ALL: [Self; 4] = [Self::BlurHash, Self::ThumbHash, Self::Lqip, Self::Json];

    /// The name in URLs and variant names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BlurHash => "blurhash",
            Self::ThumbHash => "thumbhash",
            Self::Lqip => "lqip",
            Self::Json => "json",
        }
    }

    /// The `Content-Type`.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::BlurHash | Self::ThumbHash => "text/plain",
            Self::Lqip => Format::WebP.media_type(),
            Self::Json => "application/json",
        }
    }

    /// The inverse of [`Placeholder::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|placeholder| placeholder.as_str() == text)
    }
}

impl SourceFormat {
    /// The `Content-Type`.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
            Self::Avif => "image/avif",
            Self::Ico => "image/x-icon",
        }
    }

    /// The file extension, without its dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Gif => "gif",
            Self::Avif => "avif",
            Self::Ico => "ico",
        }
    }
}

impl FormatRequest {
    /// `f=origin`, `format=origin`: by the source's type, whatever the client accepts.
    pub const ORIGIN: Self = Self::Negotiated { avif: false, webp: false, otherwise: Otherwise::SourceType };

    /// The format that goes before the one which is chosen, where it is there without being waited for.
    pub const fn better(self) -> Option<Self> {
        match self {
            Self::Negotiated { avif: true, .. } => Some(Self::Named(Format::Avif)),
            Self::Negotiated { .. } | Self::Named(_) => None,
        }
    }
}

impl Quality {
    /// Native and Next, where the URL names none.
    pub const DEFAULT: Self = Self(Aim::Level(75));
    /// Supabase, where the URL names none.
    pub const SUPABASE: Self = Self(Aim::Level(80));
    /// `q=auto`: what photographs have at [`Self::DEFAULT`], in the median.
    pub const AUTO: Self = Self(Aim::Score(70));

    /// `None` outside 1..=100.
    pub const fn new(value: u8) -> Option<Self> {
        if matches!(value, 1..=100) { Some(Self(Aim::Level(value))) } else { None }
    }

    /// `None` outside 40..=90.
    pub const fn auto(score: u8) -> Option<Self> {
        if matches!(score, 40..=90) { Some(Self(Aim::Score(score))) } else { None }
    }

    pub const fn aim(self) -> Aim {
        self.0
    }

    /// The inverse of its text; `auto` is read too.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("auto") {
            Some("") => Some(Self::AUTO),
            Some(score) => Self::auto(u8::try_from(super::query::digits(score)?).ok()?),
            None => Self::new(u8::try_from(super::query::digits(text)?).ok()?),
        }
    }
}

/// `75`, `auto70`.
impl std::fmt::Display for Quality {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Aim::Level(level) => write!(formatter, "{level}"),
            Aim::Score(score) => write!(formatter, "auto{score}"),
        }
    }
}

impl Default for Quality {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Fit {
    /// The name in native URLs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cover => "cover",
            Self::Contain => "contain",
            Self::Fill => "fill",
            Self::Outside => "outside",
        }
    }
}

impl Gravity {
    /// The compass words with what each of them is called; [`Gravity::Focal`] has no word.
    pub(super) const WORDS: [(Self, &'static str); 10] = [
        (Self::Center, "center"),
        (Self::North, "north"),
        (Self::NorthEast, "northeast"),
        (Self::East, "east"),
        (Self::SouthEast, "southeast"),
        (Self::South, "south"),
        (Self::SouthWest, "southwest"),
        (Self::West, "west"),
        (Self::NorthWest, "northwest"),
        (Self::Smart, "smart"),
    ];

    /// The word for it, or `None` for a focal point.
    pub(super) fn word(self) -> Option<&'static str> {
        Self::WORDS.iter().find(|(gravity, _)| *gravity == self).map(|(_, word)| *word)
    }

    /// A focal point in hundredths; `None` beyond 100.
    pub fn focal(x: u8, y: u8) -> Option<Self> {
        (x <= 100 && y <= 100).then_some(Self::Focal { x, y })
    }
}

impl Rgb {
    pub const WHITE: Self = Self([255; 3]);

    /// Reads `rgb` or `rrggbb` in hexadecimal, with or without `#`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let value = u32::from_str_radix(digits, 16).ok()?;
        let channel = |shift: u32| (value >> shift) as u8;
        match digits.len() {
            3 => Some(Self([8, 4, 0].map(|shift| (channel(shift) & 15) * 17))),
            6 => Some(Self([16, 8, 0].map(channel))),
            _ => None,
        }
    }
}

/// Six hexadecimal digits in lower case.
impl std::fmt::Display for Rgb {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self([red, green, blue]) = self;
        write!(formatter, "{red:02x}{green:02x}{blue:02x}")
    }
}

impl Blur {
    pub const NONE: Self = Self(0);
    /// A sigma of 100.
    pub const MAX: Self = Self(200);

    /// Standard deviation of the Gaussian in output pixels.
    pub fn sigma(self) -> f32 {
        f32::from(self.0) / 2.0
    }
}

/// The sigma: `1`, `1.5`.
impl std::fmt::Display for Blur {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.sigma())
    }
}

impl Transform {
    /// Natural size, nothing done: only format and quality apply.
    pub const NATURAL: Self = Self {
        width: None,
        height: None,
        fit: Fit::Cover,
        gravity: Gravity::Center,
        quality: Quality::DEFAULT,
        blur: Blur::NONE,
        background: None,
        frames: super::Frames::All,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_three_or_six_hexadecimal_digits() {
        for (text, expected) in [
            ("fff", Some([255; 3])),
            ("#1aF", Some([0x11, 0xaa, 0xff])),
            ("102030", Some([16, 32, 48])),
            ("#FFFFFF", Some([255; 3])),
            ("", None),
            ("#", None),
            ("+ff", None),
            ("ffff", None),
            ("ggg", None),
            ("##fff", None),
            ("ffffffff", None),
        ] {
            assert_eq!(Rgb::parse(text), expected.map(Rgb), "{text}");
        }
    }

    #[test]
    fn quality_is_one_to_a_hundred() {
        assert_eq!(Quality::new(0), None);
        assert_eq!(Quality::new(101), None);
        assert_eq!(Quality::new(100).map(Quality::aim), Some(Aim::Level(100)));
    }

    #[test]
    fn automatic_quality_may_name_its_target() {
        for (text, expected) in [
            ("auto", Some(Quality::AUTO)),
            ("auto70", Some(Quality::AUTO)),
            ("auto85", Quality::auto(85)),
            ("auto39", None),
            ("auto91", None),
            ("auto-70", None),
            ("Auto", None),
            ("75", Some(Quality::DEFAULT)),
            ("0", None),
        ] {
            assert_eq!(Quality::parse(text), expected, "{text}");
        }
    }
}
