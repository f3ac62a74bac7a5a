//! What a client accepts: RFC 9110 §12.5.1.

/// A weight in thousandths, 0..=1000.
type Weight = u16;

/// How precisely a media range names a type; greater is more precise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    Anything,
    Family,
    Exact,
}

/// Whether the client names WebP with a weight above zero. `*/*` and `image/*` alone do not ask for it: clients that
/// send only these include ones that cannot show it.
pub fn webp_accepted(accept: Option<&str>) -> bool {
    weight_by_name(accept, "image/webp") > 0
}

/// Whether the client names AVIF with a weight above zero and not below WebP's.
pub fn avif_accepted(accept: Option<&str>) -> bool {
    let weight = weight_by_name(accept, "image/avif");
    weight > 0 && weight >= weight_by_name(accept, "image/webp")
}

/// The weight of a type that the client names; 0 where it does not.
fn weight_by_name(accept: Option<&str>, name: &str) -> Weight {
    let Some((accept, (family, subtype))) = accept.zip(name.split_once('/')) else { return 0 };
    // Browsers send a list with every picture: only what can count is read closely.
    let named = |range: &&str| begins_with_ignoring_case(range.trim_start(), name);
    match most_precise(accept.split(',').filter(named), family, subtype) {
        Some((Precision::Exact, weight)) => weight,
        _ => 0,
    }
}

fn begins_with_ignoring_case(text: &str, beginning: &str) -> bool {
    text.as_bytes().get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning.as_bytes()))
}

/// Whether Next's optimizer would choose WebP: some range allows it, and the raw text contains its name literally.
pub(super) fn next_chooses_webp(accept: Option<&str>) -> bool {
    next_weight(accept, "image/webp") > 0
}

/// Whether Next's optimizer would choose AVIF; `over_webp`: only where it weighs more than WebP.
pub(super) fn next_chooses_avif(accept: Option<&str>, over_webp: bool) -> bool {
    let (avif, webp) = (next_weight(accept, "image/avif"), next_weight(accept, "image/webp"));
    avif > 0 && if over_webp { avif > webp } else { avif >= webp }
}

/// The weight that Next's optimizer sees; 0 where the text does not contain the type literally.
fn next_weight(accept: Option<&str>, name: &str) -> Weight {
    let Some(accept) = accept.filter(|accept| accept.contains(name)) else { return 0 };
    let subtype = name.strip_prefix("image/").unwrap_or_default();
    most_precise(accept.split(','), "image", subtype).map_or(0, |(_, weight)| weight)
}

/// The weight given to a media type by the most precise range that matches it. Among equally precise ranges a refusal
/// (weight 0) wins, then the greatest weight. Malformed ranges do not count.
fn most_precise<'a>(ranges: impl Iterator<Item = &'a str>, family: &str, subtype: &str) -> Option<(Precision, Weight)> {
    let matching = ranges.filter_map(|range| matched(range, family, subtype));
    matching.reduce(|best, next| match next.0.cmp(&best.0) {
        std::cmp::Ordering::Greater => next,
        std::cmp::Ordering::Less => best,
        std::cmp::Ordering::Equal if best.1 == 0 || next.1 == 0 => (best.0, 0),
        std::cmp::Ordering::Equal => (best.0, best.1.max(next.1)),
    })
}

/// Reads one media range; `None` if it does not match the type, is malformed, or has parameters of its own (our types
/// have none, so that such a range means something else).
fn matched(range: &str, family: &str, subtype: &str) -> Option<(Precision, Weight)> {
    let mut parts = range.split(';').map(str::trim);
    let (range_family, range_subtype) = parts.next()?.split_once('/')?;
    let precision = match (range_family, range_subtype) {
        ("*", "*") => Precision::Anything,
        (named, "*") if named.eq_ignore_ascii_case(family) => Precision::Family,
        (named, sub) if named.eq_ignore_ascii_case(family) && sub.eq_ignore_ascii_case(subtype) => Precision::Exact,
        _ => return None,
    };
    // What follows the weight belongs to extensions that RFC 9110 §12.5.1 retired.
    let Some(first) = parts.find(|part| !part.is_empty()) else { return Some((precision, 1000)) };
    let (name, value) = first.split_once('=')?;
    if name.eq_ignore_ascii_case("q") { Some((precision, weight(value)?)) } else { None }
}

/// Reads `qvalue` of RFC 9110 §12.4.2: `0`, `0.5`, `1.000`; at most three decimals.
fn weight(text: &str) -> Option<Weight> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if !matches!(whole, "0" | "1") || decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{whole}{decimals:0<3}").parse().ok()?;
    (thousandths <= 1000).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn webp_is_asked_for_by_name_only() {
        for (accept, native, next, why) in [
            ("image/webp", true, true, "named"),
            ("image/avif,image/webp,image/apng,*/*;q=0.8", true, true, "Chrome"),
            ("image/avif, image/webp, */*", true, true, "blanks after commas"),
            ("image/webp;q=0", false, false, "named and refused"),
            ("image/webp;q=0.000, image/*, */*", false, false, "the most precise range decides"),
            ("image/webp ; q=0.001", true, true, "any weight above zero"),
            ("image/webp;Q=0", false, false, "q is case-insensitive"),
            ("*/*", false, false, "anything is not WebP"),
            ("image/*", false, false, "any picture is not WebP"),
            ("image/png,image/*;q=0.5", false, false, "not named"),
            ("IMAGE/WebP", true, false, "types are case-insensitive, Next's comparison is not"),
            ("image/webp+xml, */*", false, true, "Next looks for the bare text, and the wildcard allows WebP"),
            ("image/webp;level=1", false, false, "a parameter of its own means another type"),
            ("image/webp;q=2", false, false, "a weight above 1 is malformed"),
            ("image/webp;q=0.1234", false, false, "four decimals are malformed"),
            ("image/webp;q=", false, false, "an empty weight is malformed"),
            ("image/webp;q=-1", false, false, "a sign is malformed"),
            ("image/webp, image/webp;q=0", false, false, "a refusal wins over its contrary"),
            ("image/webp;q=0.5;ext=1", true, true, "extensions after the weight do not count"),
            ("image/webp;", true, true, "an empty parameter does not count"),
            ("text/html, image/webpx", false, false, "a longer name is another type"),
            ("", false, false, "empty"),
            (",,;;,/", false, false, "nothing but delimiters"),
        ] {
            assert_eq!(webp_accepted(Some(accept)), native, "native: {accept}: {why}");
            assert_eq!(next_chooses_webp(Some(accept)), next, "next: {accept}: {why}");
        }
        assert!(!webp_accepted(None));
        assert!(!next_chooses_webp(None));
    }

    #[test]
    fn avif_is_for_those_who_take_it_as_gladly() {
        for (accept, expected, why) in [
            ("image/avif,image/webp,image/apng,*/*;q=0.8", true, "Chrome"),
            ("image/avif", true, "AVIF alone"),
            ("image/webp,*/*", false, "anything is not AVIF"),
            ("image/avif;q=0.5,image/webp", false, "WebP is wanted more"),
            ("image/avif,image/webp;q=0.9", true, "WebP is wanted less"),
            ("image/avif;q=0,image/webp", false, "refused"),
            ("image/*", false, "any picture is not AVIF"),
        ] {
            assert_eq!(avif_accepted(Some(accept)), expected, "{accept}: {why}");
            assert_eq!(next_chooses_avif(Some(accept), false), expected, "next: {accept}: {why}");
        }
        assert!(!next_chooses_avif(Some("image/avif,image/webp"), true), "the first format listed wins a tie");
        assert!(next_chooses_avif(Some("image/avif,image/webp;q=0.9"), true));
        assert!(!avif_accepted(None) && !next_chooses_avif(None, false));
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic(accept in "\\PC*|([a-z*/;=,. q0-9]){0,200}") {
            let _ = (webp_accepted(Some(&accept)), next_chooses_webp(Some(&accept)));
            let _ = (avif_accepted(Some(&accept)), next_chooses_avif(Some(&accept), true));
        }

        #[test]
        fn every_legal_weight_above_zero_accepts(thousandths in 1u16..=1000) {
            let accept = format!("image/webp;q={}.{:03}", thousandths / 1000, thousandths % 1000);
            prop_assert!(webp_accepted(Some(&accept)));
        }
    }
}
