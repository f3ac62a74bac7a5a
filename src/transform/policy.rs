//! What a stranger may ask of a bucket: open, a ladder of sizes, presets, signed URLs, or nothing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::native::Preset;
use super::{Blur, Dialect, Gravity, ImageRequest, ParameterError, Quality, Transform, Want};
use crate::error::Code;

/// The sides in pixels that a ladder allows: the widths that `next/image` asks for, and those of Next 15.
pub const LADDER: [u32; 16] = [16, 32, 48, 64, 96, 128, 256, 384, 640, 750, 828, 1080, 1200, 1920, 2048, 3840];

/// Which transforms a bucket answers. Originals are not concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Any.
    #[default]
    Open,
    /// Sides on the ladder, and presets.
    Ladder,
    /// Presets, by name.
    Presets,
    /// Those whose URL is signed.
    Signed,
    /// None.
    Off,
}

/// Named transforms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presets(BTreeMap<String, Preset>);

/// What [`admit`] judges by: a bucket's settings.
#[derive(Clone, Debug, Default)]
pub struct PolicyRules {
    pub policy: Policy,
    /// Ladder: round sides up instead of refusing them; beyond the last rung, down to it.
    pub snap: bool,
    pub presets: Presets,
}

/// Why a transform is not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRefusal {
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    #[error("this bucket answers only the presets that its operator named")]
    PresetsOnly,
    #[error("this bucket answers only signed transforms")]
    Unsigned,
    #[error("this bucket serves originals only")]
    Off,
}

impl PolicyRefusal {
    pub const fn code(&self) -> Code {
        match self {
            Self::Parameter(error) => error.code(),
            Self::PresetsOnly | Self::Unsigned | Self::Off => Code::Forbidden,
        }
    }
}

impl Presets {
    /// Compiles presets from their native queries; returns every mistake, each with the preset's name.
    pub fn compile<'a>(
        named: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Vec<(String, ParameterError)>> {
        let mut presets = BTreeMap::new();
        let mut mistakes = Vec::new();
        for (name, query) in named {
            match Preset::parse(query) {
                Ok(preset) => drop(presets.insert(name.to_owned(), preset)),
                Err(mistake) => mistakes.push((name.to_owned(), mistake)),
            }
        }
        if mistakes.is_empty() { Ok(Self(presets)) } else { Err(mistakes) }
    }

    fn find(&self, name: &str) -> Result<&Preset, ParameterError> {
        let names = || self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        self.0.get(name).ok_or_else(|| match self.0.len() {
            0 => ParameterError::new("preset", "is not available: this bucket has none"),
            _ => ParameterError::new("preset", format!("must be one of {}", names())),
        })
    }
}

/// Decides whether a bucket answers a request; fills in its preset, and rounds its sides where the ladder snaps.
///
/// The Next dialect has lists of its own, so the ladder leaves it alone; its URLs can be neither signed nor presets.
pub fn admit(request: &mut ImageRequest, rules: &PolicyRules) -> Result<(), PolicyRefusal> {
    if request.want == Want::Original {
        return Ok(());
    }
    match rules.policy {
        Policy::Off => return Err(PolicyRefusal::Off),
        Policy::Signed if request.signed_for.is_none() || request.dialect == Dialect::Next => {
            return Err(PolicyRefusal::Unsigned);
        }
        Policy::Presets if request.preset.is_none() => return Err(PolicyRefusal::PresetsOnly),
        Policy::Ladder if request.preset.is_none() && request.dialect != Dialect::Next => climb(request, rules.snap)?,
        Policy::Open | Policy::Ladder | Policy::Presets | Policy::Signed => {}
    }
    if let Some(name) = request.preset.take() {
        rules.presets.find(&name)?.apply(request);
    }
    Ok(())
}

fn climb(request: &mut ImageRequest, snap: bool) -> Result<(), ParameterError> {
    let Want::Variant { transform, .. } = &mut request.want else { return Ok(()) };
    for (name, side) in [("width", &mut transform.width), ("height", &mut transform.height)] {
        let Some(side) = side else { continue };
        if snap {
            *side = LADDER.into_iter().find(|rung| rung >= side).unwrap_or(LADDER[LADDER.len() - 1]);
        } else if !LADDER.contains(side) {
            let rungs = LADDER.map(|rung| rung.to_string()).join(", ");
            return Err(ParameterError::new(name, format!("must be one of {rungs}, after multiplication by dpr")));
        }
    }
    Ok(())
}

/// Whether a transform is one of the few that pages ask for again and again: sides on the ladder or left out, a dialect's
/// default quality, and nothing out of the ordinary. Others are worth keeping only once they are asked for twice.
pub fn on_ladder(transform: &Transform) -> bool {
    let rung = |side: Option<u32>| side.is_none_or(|side| LADDER.contains(&side));
    rung(transform.width)
        && rung(transform.height)
        && (transform.width.is_some() || transform.height.is_none())
        && [Quality::DEFAULT, Quality::SUPABASE, Quality::AUTO].contains(&transform.quality)
        && transform.blur == Blur::NONE
        && transform.background.is_none()
        && !matches!(transform.gravity, Gravity::Focal { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::{Fit, Format, FormatRequest, Placeholder, native};

    fn rules(policy: Policy, snap: bool) -> PolicyRules {
        let presets = [("avatar", "w=128&h=128&fit=contain"), ("card", "w=600&f=jpeg&q=60"), ("hash", "f=blurhash")];
        let presets = Presets::compile(presets).unwrap();
        PolicyRules { policy, snap, presets }
    }

    fn request(query: &str) -> ImageRequest {
        native::parse("photos/a.jpg", query, Some("image/webp")).unwrap()
    }

    fn transform(request: &ImageRequest) -> Transform {
        match request.want {
            Want::Variant { transform, .. } => transform,
            other => panic!("{other:?} is wanted"),
        }
    }

    #[test]
    fn each_policy_admits_what_it_says() {
        for (policy, query, code, why) in [
            (Policy::Open, "w=257", None, "open admits any width"),
            (Policy::Open, "preset=avatar", None, "presets work in open buckets"),
            (Policy::Open, "preset=none", Some(Code::BadParameter), "an unknown preset is named"),
            (Policy::Ladder, "w=256&h=640", None, "both sides on the ladder"),
            (Policy::Ladder, "w=257", Some(Code::BadParameter), "width off the ladder"),
            (Policy::Ladder, "w=256&h=257", Some(Code::BadParameter), "height off the ladder"),
            (Policy::Ladder, "w=128&dpr=3", None, "what counts is the side after dpr: 384"),
            (Policy::Ladder, "q=60", None, "natural size needs no rung"),
            (Policy::Ladder, "preset=card", None, "a preset may be off the ladder"),
            (Policy::Presets, "preset=avatar", None, "a preset by name"),
            (Policy::Presets, "w=128&h=128&fit=contain", Some(Code::Forbidden), "the same, spelled out"),
            (Policy::Presets, "", None, "originals are not concerned"),
            (Policy::Signed, "w=256", Some(Code::Forbidden), "not signed"),
            (Policy::Signed, "preset=avatar", Some(Code::Forbidden), "a preset is a transform"),
            (Policy::Signed, "v=1", None, "originals are not concerned"),
            (Policy::Off, "w=256", Some(Code::Forbidden), "no transforms"),
            (Policy::Off, "preset=avatar", Some(Code::Forbidden), "no presets"),
            (Policy::Off, "", None, "originals are served"),
            (Policy::Open, "f=json", None, "a placeholder"),
            (Policy::Ladder, "f=json", None, "a placeholder has no sides"),
            (Policy::Presets, "f=lqip", Some(Code::Forbidden), "a placeholder that is no preset"),
            (Policy::Presets, "preset=hash", None, "a placeholder that is a preset"),
            (Policy::Signed, "f=lqip", Some(Code::Forbidden), "a placeholder is made"),
            (Policy::Off, "f=lqip", Some(Code::Forbidden), "no placeholders"),
        ] {
            let answer = admit(&mut request(query), &rules(policy, false));
            assert_eq!(answer.err().map(|refusal| refusal.code()), code, "{policy:?} {query}: {why}");
        }
    }

    #[test]
    fn refused_sides_name_the_ladder() {
        let refusal = admit(&mut request("w=100"), &rules(Policy::Ladder, false)).unwrap_err();
        assert!(refusal.to_string().starts_with("width must be one of 16, 32, 48,"), "{refusal}");
        let refusal = admit(&mut request("preset=x"), &rules(Policy::Open, false)).unwrap_err();
        assert_eq!(refusal.to_string(), "preset must be one of avatar, card, hash");
    }

    #[test]
    fn snapping_rounds_each_side_up_to_a_rung() {
        for (query, expected) in [
            ("w=1", (Some(16), None)),
            ("w=257&h=384", (Some(384), Some(384))),
            ("h=3841", (None, Some(3840))),
            ("w=8192", (Some(3840), None)),
        ] {
            let mut request = request(query);
            admit(&mut request, &rules(Policy::Ladder, true)).unwrap();
            let transform = transform(&request);
            assert_eq!((transform.width, transform.height), expected, "{query}");
        }
    }

    #[test]
    fn presets_shape_the_request() {
        let mut avatar = request("preset=avatar&v=3");
        admit(&mut avatar, &rules(Policy::Presets, false)).unwrap();
        let shaped = transform(&avatar);
        assert_eq!((shaped.width, shaped.height, shaped.fit), (Some(128), Some(128), Fit::Contain));
        assert!(avatar.varies_by_accept, "the preset leaves the format open");

        let mut card = request("preset=card");
        admit(&mut card, &rules(Policy::Open, false)).unwrap();
        let Want::Variant { transform, format } = card.want else { panic!() };
        assert_eq!(format, FormatRequest::Named(Format::Jpeg));
        assert_eq!(Some(transform.quality), Quality::new(60));
        assert!(!card.varies_by_accept, "the preset names its format");

        let mut hash = request("preset=hash");
        admit(&mut hash, &rules(Policy::Presets, false)).unwrap();
        assert_eq!((hash.want, hash.varies_by_accept), (Want::Placeholder(Placeholder::BlurHash), false));
    }

    #[test]
    fn signed_transforms_are_admitted_but_not_from_next() {
        let mut signed = ImageRequest { signed_for: Some(60), ..request("w=256") };
        assert_eq!(admit(&mut signed, &rules(Policy::Signed, false)), Ok(()));
        let mut next = ImageRequest { dialect: Dialect::Next, ..signed };
        assert_eq!(admit(&mut next, &rules(Policy::Signed, false)), Err(PolicyRefusal::Unsigned));
    }

    #[test]
    fn the_ladder_leaves_next_to_its_own_lists() {
        let mut next = ImageRequest { dialect: Dialect::Next, ..request("w=1000") };
        assert_eq!(admit(&mut next, &rules(Policy::Ladder, false)), Ok(()));
        assert_eq!(admit(&mut next, &rules(Policy::Presets, false)), Err(PolicyRefusal::PresetsOnly));
    }

    #[test]
    fn mistaken_presets_are_all_reported() {
        let mistakes =
            Presets::compile([("a", "w=0"), ("b", "w=1"), ("c", "x=1"), ("d", "preset=b"), ("e", "w=9&f=lqip")])
                .unwrap_err();
        let names: Vec<_> = mistakes.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "c", "d", "e"]);
    }

    #[test]
    fn policies_have_lower_case_names() {
        for (name, policy) in [("open", Policy::Open), ("ladder", Policy::Ladder), ("off", Policy::Off)] {
            assert_eq!(serde_json::from_value::<Policy>(name.into()).unwrap(), policy);
        }
    }

    #[test]
    fn what_pages_ask_for_is_on_the_ladder() {
        for (query, expected, why) in [
            ("w=256", true, "a rung"),
            ("w=256&h=256&q=80", true, "two rungs, Supabase's quality"),
            ("f=webp", true, "natural size"),
            ("w=257", false, "between rungs"),
            ("w=256&h=100", false, "the height between rungs"),
            ("h=256", false, "height alone"),
            ("w=256&q=50", false, "another quality"),
            ("w=256&blur=2", false, "blurred"),
            ("w=256&h=256&g=fp:0.1,0.1", false, "a focal point"),
        ] {
            assert_eq!(on_ladder(&transform(&request(query))), expected, "{query}: {why}");
        }
    }
}
