//! What a prompt says plainly enough to be drawn: colours of hair, eyes and background, a beard, glasses, a hat.

use super::colours::Colour;
use super::hair::Style;

/// Set where the prompt says something; anything else is left to chance.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hints {
    pub hair: Option<Colour>,
    pub style: Option<Style>,
    pub eyes: Option<Colour>,
    /// 0 the lightest, 1 the darkest.
    pub skin: Option<f32>,
    pub beard: Option<bool>,
    pub glasses: Option<bool>,
    pub hat: Option<bool>,
    /// Which hat, where there is one: a crown.
    pub crown: bool,
    pub background: Option<Colour>,
    pub clothes: Option<Colour>,
}

const HAIR: [(&str, u32); 17] = [
    ("black", 0x20_1c_26),
    ("dark brown", 0x3a_26_1e),
    ("brown", 0x5f_3c_27),
    ("chestnut", 0x7a_43_28),
    ("blond", 0xe3_c2_78),
    ("golden", 0xd9_a4_4a),
    ("red", 0xb1_45_2a),
    ("ginger", 0xc9_62_2f),
    ("auburn", 0x83_35_26),
    ("grey", 0x93_91_99),
    ("gray", 0x93_91_99),
    ("silver", 0xc4_c4_cc),
    ("white", 0xe9_e6_e2),
    ("blue", 0x3d_6f_b8),
    ("green", 0x4c_93_5a),
    ("pink", 0xe0_6c_9a),
    ("purple", 0x7c_52_c8),
];
const EYES: [(&str, u32); 8] = [
    ("brown", 0x6b_43_28),
    ("hazel", 0x8a_6d_2f),
    ("amber", 0xb0_7a_24),
    ("green", 0x3f_7d_52),
    ("blue", 0x3d_78_b4),
    ("grey", 0x6b_7d_8c),
    ("gray", 0x6b_7d_8c),
    ("violet", 0x7a_58_b0),
];
const SKIN: [(&str, f32); 12] = [
    ("pale", 0.0),
    ("fair", 0.06),
    ("light", 0.14),
    ("olive", 0.42),
    ("tan", 0.46),
    ("medium", 0.4),
    ("bronze", 0.56),
    ("dark brown", 0.86),
    ("brown", 0.68),
    ("deep", 0.95),
    ("dark", 0.88),
    ("black", 0.96),
];
const ANY: [(&str, u32); 16] = [
    ("black", 0x2a_26_30),
    ("white", 0xf4_f1_ec),
    ("grey", 0x8e_90_99),
    ("gray", 0x8e_90_99),
    ("red", 0xc8_3f_46),
    ("orange", 0xec_8b_3f),
    ("yellow", 0xf1_c7_4f),
    ("green", 0x4f_93_66),
    ("teal", 0x1f_7a_7e),
    ("blue", 0x3c_72_b4),
    ("navy", 0x24_37_63),
    ("purple", 0x6f_4c_9f),
    ("violet", 0x7d_5b_b5),
    ("pink", 0xee_93_ac),
    ("brown", 0x7a_52_3a),
    ("beige", 0xe3_d0_b4),
];
const STYLES: [(&str, Style); 13] = [
    ("bald", Style::None),
    ("shaved", Style::Buzz),
    ("buzz", Style::Buzz),
    ("mohawk", Style::Mohawk),
    ("braid", Style::Braids),
    ("bun", Style::Bun),
    ("curl", Style::Curls),
    ("afro", Style::Curls),
    ("wav", Style::Waves),
    ("bob", Style::Bob),
    ("fringe", Style::Fringe),
    ("long", Style::Long),
    ("short", Style::Short),
];

impl Hints {
    pub(super) fn read(prompt: &str) -> Self {
        let lower = prompt.to_lowercase();
        let told = |word: &str| lower.split(['.', ';', '\n']).find(|sentence| has_word(sentence, word));
        let about = |word: &str| told(word).map(|sentence| near(sentence, word));
        let colour = |words: &[&str], table: &[(&str, u32)]| {
            let found = words.iter().find_map(|word| first(table, about(word)?));
            found.map(Colour::hex)
        };
        let is_there = |words: &[&str]| words.iter().find_map(|word| Some(!is_denied(told(word)?, word)));
        Self {
            hair: colour(&["hair"], &HAIR),
            style: about("hair").and_then(|text| first(&STYLES, text)).or_else(|| first(&STYLES, told("bald")?)),
            eyes: colour(&["eyes"], &EYES),
            skin: about("skin").and_then(|text| first(&SKIN, text)),
            beard: is_there(&["beard", "moustache", "bearded", "goatee"]),
            glasses: is_there(&["glasses", "spectacles"]),
            hat: is_there(&["hat", "cap", "beanie", "crown"]),
            crown: is_there(&["crown"]) == Some(true),
            background: colour(&["background"], &ANY),
            clothes: colour(&["top", "shirt", "jacket", "coat", "dress", "sweater"], &ANY),
        }
    }
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric()
}

/// Where the word stands alone.
fn position(text: &str, word: &str) -> Option<usize> {
    let mut found = text.match_indices(word).map(|(at, _)| at);
    found.find(|at| !text[..*at].ends_with(is_letter) && !text[at + word.len()..].starts_with(is_letter))
}

fn has_word(text: &str, word: &str) -> bool {
    position(text, word).is_some()
}

/// What stands after a label (`hair: …`), else the three words before the word, which is where English puts them.
fn near<'a>(sentence: &'a str, word: &str) -> &'a str {
    let Some(at) = position(sentence, word) else { return sentence };
    let (before, after) = sentence.split_at(at);
    if let Some((_, value)) = after.split_once(':').filter(|(label, _)| label.len() < 12) {
        return value;
    }
    let start = before.rmatch_indices(' ').nth(3).map_or(0, |(at, _)| at);
    &sentence[start..at + word.len()]
}

fn is_denied(sentence: &str, word: &str) -> bool {
    let text = near(sentence, word);
    ["no", "none", "without", "clean", "shaven"].iter().any(|denial| has_word(text, denial))
}

/// The entry that is named first. Parts of words count: `blonde`, `reddish`, `curly`.
fn first<T: Copy>(table: &[(&str, T)], text: &str) -> Option<T> {
    let begins = |name: &str| text.match_indices(name).map(|(at, _)| at).find(|at| !text[..*at].ends_with(is_letter));
    let found = table.iter().filter_map(|(name, value)| Some((begins(name)?, name.len(), *value)));
    found.min_by_key(|(at, length, _)| (*at, std::cmp::Reverse(*length))).map(|(_, _, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_are_understood_and_the_rest_is_left_to_chance() {
        let hints =
            Hints::read("Ada. Hair: long, dark brown. Eyes: green. Beard: none. Background: plain blue. Glasses.");
        assert_eq!(hints.hair, Some(Colour::hex(0x3a_26_1e)));
        assert_eq!(hints.style, Some(Style::Long));
        assert_eq!(hints.eyes, Some(Colour::hex(0x3f_7d_52)));
        assert_eq!(hints.background, Some(Colour::hex(0x3c_72_b4)));
        assert_eq!((hints.beard, hints.glasses, hints.hat), (Some(false), Some(true), None));
        let hints = Hints::read("a man with short blonde hair and blue eyes, clean shaven, no hat");
        assert_eq!((hints.hair, hints.style), (Some(Colour::hex(0xe3_c2_78)), Some(Style::Short)));
        assert_eq!((hints.eyes, hints.hat), (Some(Colour::hex(0x3d_78_b4)), Some(false)));
        let nothing = Hints::read("the character is a chair");
        assert!(nothing.hair.is_none() && nothing.style.is_none() && nothing.eyes.is_none());
    }
}
