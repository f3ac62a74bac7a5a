//! The configuration described from its own types: the documentation's tables and the commented default file.

use std::fmt::Write;

use serde_json::Value;

use super::Config;

/// One key of the configuration.
struct Entry {
    key: String,
    default: Value,
    meaning: String,
}

/// Every key as Markdown: one table of key, default and meaning for each section. `deploy/docs` holds exactly this text.
pub fn markdown_table() -> String {
    let mut text = String::new();
    let mut section = None;
    for Entry { key, default, meaning } in entries() {
        let (table, _) = key.rsplit_once('.').unwrap_or(("", key.as_str()));
        if section.as_deref() != Some(table) {
            let title = if table.is_empty() { "At the top of the file".to_owned() } else { format!("`{table}`") };
            let _ = write!(text, "\n## {title}\n\n| key | default | meaning |\n|---|---|---|\n");
            section = Some(table.to_owned());
        }
        let default = if default.is_null() { String::new() } else { format!("`{}`", toml_text(&default)) };
        let _ = writeln!(text, "| `{key}` | {default} | {meaning} |");
    }
    text.push('\n');
    text
}

/// A TOML file with every key at its default, commented out.
pub fn commented_default() -> String {
    let mut text = "# tintype.toml: every key with its default. Uncomment what you change.\n\
                    # A variable TINTYPE_<KEY> (nested keys joined by __) and the flags of `tintype serve` win over this file.\n"
        .to_owned();
    let mut section = "";
    let all = entries();
    for Entry { key, default, meaning } in &all {
        let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
        if table != section {
            let _ = write!(
                text,
                "\n# [{table}]\n",
                table = table.replace("webhooks.<name>", "webhooks.app").replace("<name>", "photos")
            );
            section = table;
        }
        let shown = if default.is_null() { "…".to_owned() } else { toml_text(default) };
        let _ = write!(text, "# {meaning}\n# {name} = {shown}\n");
    }
    text
}

/// Plain keys first, then one table after the other by name, so that each is begun once.
fn entries() -> Vec<Entry> {
    let schema = schemars::schema_for!(Config).to_value();
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    let mut found = Vec::new();
    walk(&schema, &schema, &defaults, "", &mut found);
    found.sort_by_cached_key(|entry| entry.key.rsplit_once('.').map(|(table, _)| table.to_owned()));
    found
}

fn walk(root: &Value, schema: &Value, defaults: &Value, prefix: &str, found: &mut Vec<Entry>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (name, property) in properties {
        let key = format!("{prefix}{name}");
        let target = referenced(root, property);
        let default = &defaults[name];
        if target["properties"].is_object() {
            walk(root, target, default, &format!("{key}."), found);
        } else if key == "buckets" {
            let bucket = referenced(root, &property["additionalProperties"]);
            let defaults = serde_json::to_value(super::BucketConfig::default()).unwrap_or_default();
            walk(root, bucket, &defaults, "buckets.<name>.", found);
        } else if key == "webhooks" {
            let webhook = referenced(root, &property["additionalProperties"]);
            let defaults = serde_json::to_value(super::WebhookConfig::default()).unwrap_or_default();
            walk(root, webhook, &defaults, "webhooks.<name>.", found);
        } else {
            let described = property["description"].as_str().or_else(|| target["description"].as_str());
            let meaning = described.unwrap_or_default().replace('\n', " ").replace('|', "\\|");
            found.push(Entry { key, default: default.clone(), meaning });
        }
    }
}

/// Follows `$ref` (also inside `allOf` or `anyOf`, as optional fields have it) to its definition.
fn referenced<'a>(root: &'a Value, property: &'a Value) -> &'a Value {
    let direct = property["$ref"].as_str();
    let nested = || ["allOf", "anyOf"].iter().find_map(|key| property[key][0]["$ref"].as_str());
    let Some(name) = direct.or_else(nested).and_then(|path| path.strip_prefix("#/$defs/")) else { return property };
    &root["$defs"][name]
}

fn toml_text(value: &Value) -> String {
    match value {
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(toml_text).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_meaning() {
        for Entry { key, meaning, .. } in entries() {
            assert!(!meaning.is_empty(), "{key} has no doc comment");
        }
    }

    #[test]
    fn the_default_file_is_toml_and_names_nested_keys() {
        let text = commented_default();
        assert!(text.parse::<toml::Table>().is_ok());
        assert!(text.contains("# [limits]") && text.contains("# pixels = 50000000"), "{text}");
        assert!(text.contains("# [buckets.photos]"), "{text}");
    }
}
