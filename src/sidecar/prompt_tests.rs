use proptest::prelude::*;
use serde_json::{Value, json};

use super::character::CharacterData;
use super::field::parse;
use super::prompt::{BookError, CustomPrompt, MAX_PROMPT, PresetName, Prompt, PromptBook};

fn book() -> PromptBook {
    PromptBook::read(None, None).unwrap()
}

fn built(character: &Value, custom: Option<&str>) -> String {
    let character: CharacterData = character.to_string().parse().unwrap();
    let custom = custom.map(|text| CustomPrompt::parse(text).unwrap());
    book().build(&character, custom.as_ref(), None).unwrap().as_str().to_owned()
}

#[test]
fn everything_that_is_known_is_told_once_and_in_order() {
    let character = json!({
        "name": "Ada", "archetype": "Captain", "role": "captain", "roles": ["Navigator", "navigator"],
        "personality_traits": ["calm", "Calm", "curious, but careful", "proud", "loud"],
        "appearance": "A scar on the chin.", "physical_attributes": {"hair": "red", "eyes": "brown", "skin_tone": "brown"},
        "props": {
            "physical": {"hair": "grey"},
            "clothing": {"top": ["coat, long"], "accessories": ["Collar", "scarf"]},
            "character_accessories": {"collar": true, "leather": ["cuffs"], "hat": false},
            "background": {"type": "environment", "environment": "a harbour"},
        },
    });
    let style = "A head-and-shoulders portrait for an avatar: the face in the middle of the picture, looking towards the \
                 viewer, natural light.";
    let expected = "The character is Ada, Captain. Role: Navigator. Personality, as it shows in face and posture: calm; \
                    curious, but careful; proud. Appearance: A scar on the chin. Hair: grey. Eyes: brown. Skin tone: \
                    brown. Worn on top: coat, long. Accessories: Collar; scarf; leather cuffs. Background: a harbour, \
                    softly out of focus. Also: with {hair} in the wind. One adult person alone, without text, borders or \
                    watermarks.";
    assert_eq!(built(&character, Some("with {hair} in the wind")), format!("{style} {expected}"));
}

#[test]
fn a_name_alone_is_enough() {
    let prompt = built(&json!({"name": "Ada"}), None);
    assert!(prompt.contains("The character is Ada. Background: plain"), "{prompt}");
    assert!(!prompt.contains('{') && !prompt.contains("  "), "{prompt}");
}

#[test]
fn a_preset_that_is_not_there_is_told_with_those_that_are() {
    let character: CharacterData = r#"{"name":"Ada"}"#.parse().unwrap();
    let error = book().build(&character, None, Some(&PresetName::parse("baroque").unwrap())).unwrap_err();
    assert_eq!(error.to_string(), "preset must be one of comic, illustration, painting, photograph, portrait");
    let comic = book().build(&character, None, Some(&PresetName::parse("comic").unwrap())).unwrap();
    assert!(comic.as_str().starts_with("A comic-book avatar"));
}

#[test]
fn a_description_too_long_for_a_prompt_is_refused_by_name() {
    let pieces: Vec<String> = (0..50).map(|number| format!("{number} {}", "x".repeat(150))).collect();
    let character: CharacterData =
        json!({"name": "Ada", "props": {"clothing": {"top": pieces}}}).to_string().parse().unwrap();
    let error = book().build(&character, None, None).unwrap_err();
    assert_eq!(error.field(), Some("character_data"));
}

#[test]
fn another_file_takes_the_place_of_the_one_built_in() {
    let file = "default = 'a'\nparts = ['{style}', '{name}']\n[presets]\na = 'One.'\nb = 'Two.'\n[backgrounds]\n\
                solid = 'x'\ngradient = 'x'\nenvironment = 'x'\nminimal = 'x'";
    let character: CharacterData = r#"{"name":"Ada"}"#.parse().unwrap();
    let prompt = |preset| PromptBook::read(Some(file), preset).unwrap().build(&character, None, None).unwrap();
    assert_eq!(prompt(None).as_str(), "One. Ada");
    assert_eq!(prompt(Some("b")).as_str(), "Two. Ada");
    let wrong = |file: &str, preset| PromptBook::read(Some(file), preset).unwrap_err();
    assert_eq!(wrong(file, Some("c")), BookError::NoPreset("c".to_owned()));
    assert!(matches!(wrong(&file.replace("{name}", "{nome}"), None), BookError::Template(_)));
    assert!(matches!(wrong("parts = 1", None), BookError::Toml(_)));
    assert_eq!(wrong(&file.replace("{name}", &"x".repeat(2001)), None), BookError::TooLong);
}

/// Whatever a person types: commas, braces, quotes, letters of every script.
fn typed() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 ,;{}\"'äöü漢字🙂.-]{1,60}".prop_filter("not blank", |text| !text.trim().is_empty())
}

proptest! {
    #[test]
    fn no_value_is_torn_or_lost(
        name in typed(), tops in prop::collection::vec(typed(), 0..8), traits in prop::collection::vec(typed(), 0..3),
        hair in typed(), custom in typed(),
    ) {
        let character = json!({
            "name": name, "traits": traits, "physical_attributes": {"hair": hair}, "props": {"clothing": {"top": tops}},
        });
        let prompt = built(&character, Some(&custom));
        prop_assert!(prompt.chars().count() <= MAX_PROMPT);
        let parsed = Prompt::parse(&prompt).unwrap();
        prop_assert_eq!(parsed.as_str(), &prompt);
        let lower = prompt.to_lowercase();
        for value in tops.iter().chain(&traits).chain([&name, &hair, &custom]) {
            let value = value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
            prop_assert!(lower.contains(&value), "{} is not in {}", value, prompt);
        }
        prop_assert_eq!(built(&character, Some(&custom)), prompt);
    }

    #[test]
    fn any_json_is_a_character_or_a_named_fault(body in "\\PC{0,200}") {
        if let Err(error) = parse::<CharacterData>(body.as_bytes()) {
            prop_assert!(error.to_string().chars().count() < 400);
        }
    }
}
