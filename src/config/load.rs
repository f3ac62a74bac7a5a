//! File, variables and flags into one checked [`Config`].

use std::fmt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::Config;
use super::check::check;
use super::neighbours;

/// Prefix of every environment variable; `__` separates nested keys.
const PREFIX: &str = "TINTYPE_";

/// Variables that are not configuration keys: the file's own path, the server that commands ask, and the key that they
/// present to it.
const NOT_KEYS: [&str; 4] = ["TINTYPE_CONFIG", "TINTYPE_KEY", "TINTYPE_SERVICE_KEY", "TINTYPE_URL"];

/// The variable that OpenAI's own clients read; it counts where nothing of ours names a key.
const OPENAI_KEY: &str = "OPENAI_API_KEY";
const OPENAI_PATH: [&str; 3] = ["avatars", "openai", "key"];

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The key (`limits.pixels`), with the variable or file it came from where known.
    pub key: String,
    pub message: String,
}

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "mistake" } else { "mistakes" };
        writeln!(formatter, "the configuration has {} {plural}:", self.0.len())?;
        for Mistake { key, message } in &self.0 {
            writeln!(formatter, "  {key}: {message}")?;
        }
        write!(formatter, "`tintype config --default` prints every key with its default")
    }
}

/// What the command line sets, over file and environment.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    pub listen: Option<String>,
    pub data: Option<PathBuf>,
    pub public_url: Vec<String>,
    /// `NAME=FOLDER_OR_URL` as given.
    pub buckets: Vec<String>,
}

/// Reads the file (if any), the variables and the overrides, and checks the whole.
///
/// # Errors
/// Every mistake at once, each naming its key.
pub fn load(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
    overrides: &Overrides,
) -> Result<Config, Mistakes> {
    let mut mistakes = Vec::new();
    let mut table = file.map_or_else(Table::new, |path| read_file(path, &mut mistakes));
    let variables: Vec<_> = variables.into_iter().collect();
    let openai_key = variables.iter().find(|(name, key)| name == OPENAI_KEY && !key.trim().is_empty()).cloned();
    let neighbours = neighbours::of(&variables);
    let from_environment = apply_variables(&mut table, variables, &mut mistakes);
    if let Some((_, key)) = openai_key.filter(|_| !names_openai_key(&table)) {
        put(&mut table, &OPENAI_PATH.map(str::to_owned), Value::String(key));
    }
    apply_overrides(&mut table, overrides, &mut mistakes);
    let mut config = deserialize(table, &from_environment, &mut mistakes);
    neighbours::apply(&mut config, &neighbours);
    check(&config, &mut mistakes);
    if mistakes.is_empty() { Ok(config) } else { Err(Mistakes(mistakes)) }
}

fn read_file(path: &Path, mistakes: &mut Vec<Mistake>) -> Table {
    let parsed = std::fs::read_to_string(path)
        .map_err(|error| error.to_string())
        .and_then(|text| text.parse::<Table>().map_err(|error| error.to_string().replace('\n', " ").trim().to_owned()));
    parsed.unwrap_or_else(|message| {
        mistakes.push(Mistake { key: path.display().to_string(), message });
        Table::new()
    })
}

/// Puts each variable at its key, and returns the keys that came from variables.
fn apply_variables(
    table: &mut Table,
    variables: impl IntoIterator<Item = (String, String)>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<String> {
    let mut keys = Vec::new();
    for (variable, text) in variables {
        let Some(name) = variable.strip_prefix(PREFIX).filter(|_| !NOT_KEYS.contains(&variable.as_str())) else {
            continue;
        };
        let path: Vec<String> = name.split("__").map(str::to_ascii_lowercase).collect();
        if put(table, &path, Value::String(text)) {
            keys.push(path.join("."));
        } else {
            mistakes.push(Mistake { key: variable, message: "this key is not a table".to_owned() });
        }
    }
    keys
}

fn names_openai_key(table: &Table) -> bool {
    let [avatars, openai, key] = OPENAI_PATH;
    let own = table.get(avatars).and_then(|avatars| avatars.get(openai));
    own.is_some_and(|own| own.get(key).is_some() || own.get("key_file").is_some())
}

fn apply_overrides(table: &mut Table, overrides: &Overrides, mistakes: &mut Vec<Mistake>) {
    let mut set = |path: &[String], value: Value| {
        if !put(table, path, value) {
            mistakes.push(Mistake { key: path.join("."), message: "this key is not a table".to_owned() });
        }
    };
    if let Some(listen) = &overrides.listen {
        set(&["listen".to_owned()], Value::String(listen.clone()));
    }
    if let Some(data) = &overrides.data {
        set(&["data".to_owned()], Value::String(data.display().to_string()));
    }
    if !overrides.public_url.is_empty() {
        let urls = overrides.public_url.iter().cloned().map(Value::String).collect();
        set(&["public_url".to_owned()], Value::Array(urls));
    }
    for bucket in &overrides.buckets {
        let (name, url) = bucket.split_once('=').unwrap_or((bucket, ""));
        set(&["buckets".to_owned(), name.to_owned(), "url".to_owned()], Value::String(url.to_owned()));
    }
}

/// Sets the value at a path, making tables on the way; false where something else is in the way.
fn put(table: &mut Table, path: &[String], value: Value) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let mut at = table;
    for key in parents {
        let Some(next) = at.entry(key.clone()).or_insert_with(|| Value::Table(Table::new())).as_table_mut() else {
            return false;
        };
        at = next;
    }
    at.insert(last.clone(), value);
    true
}

/// Deserializes, and on a mistake notes it, drops the offending key and goes on, so that all of them are found.
///
/// A variable is a text first; where the key wants something else, the text is read as a TOML value.
fn deserialize(mut table: Table, from_environment: &[String], mistakes: &mut Vec<Mistake>) -> Config {
    let mut reread = std::collections::HashSet::new();
    loop {
        let mut unknown = Vec::new();
        let mut note = |path: serde_ignored::Path<'_>| unknown.push(path.to_string());
        let value = Value::Table(table.clone());
        let ignoring = serde_ignored::Deserializer::new(value, &mut note);
        match serde_path_to_error::deserialize::<_, Config>(ignoring) {
            Ok(config) => {
                mistakes.extend(unknown.into_iter().map(|key| unknown_key(&key, from_environment)));
                return config;
            }
            Err(error) => {
                let path = error.path().to_string();
                let keys: Vec<String> = path.split('.').map(ToOwned::to_owned).collect();
                let typed = from_environment.contains(&path).then(|| typed_value(&table, &keys)).flatten();
                if let Some(value) = typed.filter(|_| reread.insert(path.clone())) {
                    put(&mut table, &keys, value);
                    continue;
                }
                let message = error.inner().to_string().trim().replace('\n', " ");
                mistakes.push(Mistake { key: named(&path, from_environment), message });
                if mistakes.len() > 100 || !remove(&mut table, &keys) {
                    return Config::default();
                }
            }
        }
    }
}

fn unknown_key(key: &str, from_environment: &[String]) -> Mistake {
    Mistake { key: named(key, from_environment), message: "there is no such key".to_owned() }
}

/// The key, with its variable where it came from one.
fn named(path: &str, from_environment: &[String]) -> String {
    if from_environment.iter().any(|key| key == path) {
        format!("{path} ({PREFIX}{})", path.to_ascii_uppercase().replace('.', "__"))
    } else {
        path.to_owned()
    }
}

fn typed_value(table: &Table, keys: &[String]) -> Option<Value> {
    let mut at = table;
    let (last, parents) = keys.split_last()?;
    for key in parents {
        at = at.get(key)?.as_table()?;
    }
    let text = at.get(last)?.as_str()?;
    let mut parsed: Table = format!("value = {text}").parse().ok()?;
    parsed.remove("value")
}

/// Removes the deepest existing value on the path; false where there is none.
fn remove(table: &mut Table, keys: &[String]) -> bool {
    let Some((first, rest)) = keys.split_first() else { return false };
    if let Some(Value::Table(inner)) = table.get_mut(first)
        && !rest.is_empty()
        && remove(inner, rest)
    {
        return true;
    }
    table.remove(first).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::RuleSet;
    use crate::secret::Secret;

    fn with(variables: &[(&str, &str)]) -> Result<Config, Mistakes> {
        let owned = variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        load(None, owned, &Overrides::default())
    }

    #[test]
    fn variables_reach_nested_keys_of_every_type() {
        let config = with(&[
            ("TINTYPE_LISTEN", "0.0.0.0:9000"),
            ("TINTYPE_BUCKETS__PHOTOS__URL", "https://a.example/x"),
            ("TINTYPE_LIMITS__PIXELS", "1000"),
            ("TINTYPE_CACHE__MEMORY", "1MB"),
            ("TINTYPE_NEXT__QUALITIES", "[50, 75]"),
            ("TINTYPE_JWT_SECRET", "12345678901234567890123456789012"),
            ("TINTYPE_TRUSTED_PROXIES", "10.0.0.0/8, 192.168.0.1"),
            ("PATH", "/bin"),
        ])
        .unwrap();
        assert_eq!(config.listen.port(), 9000);
        assert_eq!(config.limits.pixels, 1000);
        assert_eq!(config.cache.memory.0, 1_000_000);
        assert_eq!(config.next.qualities, [50, 75]);
        assert_eq!(config.jwt_secret.unwrap().reveal().len(), 32);
        assert_eq!(config.trusted_proxies.0.len(), 2);
        assert_eq!(config.buckets["photos"].url.as_ref().unwrap().to_string(), "https://a.example/x/");
    }

    #[test]
    fn the_variable_of_openai_counts_where_nothing_of_ours_names_a_key() {
        let key = |variables: &[(&str, &str)]| with(variables).unwrap().avatars.openai.secret_key().unwrap();
        let theirs = ("OPENAI_API_KEY", "sk-theirs");
        assert_eq!(key(&[theirs]), Some(Secret::new("sk-theirs")));
        assert_eq!(key(&[("TINTYPE_AVATARS__OPENAI__KEY", "sk-ours"), theirs]), Some(Secret::new("sk-ours")));
        assert_eq!(key(&[("OPENAI_API_KEY", "")]), None);
        let broken = with(&[("OPENAI_API_KEY", "hidden key")]).unwrap_err().to_string();
        assert!(broken.contains("avatars.openai.key:") && !broken.contains("hidden"), "{broken}");
    }

    #[test]
    fn all_mistakes_are_reported_together_each_with_its_key() {
        let mistakes = with(&[
            ("TINTYPE_LISTEN", "nonsense"),
            ("TINTYPE_LIMITS__PIXELS", "many"),
            ("TINTYPE_LIMITS__FRAMES", "0"),
            ("TINTYPE_COLOUR", "red"),
            ("TINTYPE_BUCKETS__PHOTOS__URL", "ftp://x"),
            ("TINTYPE_JWT_SECRET", "short"),
            ("TINTYPE_PUBLIC_URL", "javascript:x"),
        ])
        .unwrap_err();
        let keys: Vec<&str> = mistakes.0.iter().map(|mistake| mistake.key.as_str()).collect();
        for key in
            ["listen", "limits.pixels", "limits.frames", "colour", "buckets.photos.url", "jwt_secret", "public_url"]
        {
            assert!(keys.iter().any(|found| found.starts_with(key)), "{key} is missing from {keys:?}");
        }
        assert!(!mistakes.to_string().contains("short"), "a secret was printed");
    }

    #[test]
    fn every_mistake_about_callers_is_told_without_what_was_written() {
        let mistakes = with(&[
            ("TINTYPE_RULES", "everything"),
            ("TINTYPE_AUTH__JWKS_URL", "ftp://id.example/hidden"),
            ("TINTYPE_AUTH__JWKS", r#"{"keys":[{"kty":"oct","k":"hidden"}]}"#),
            ("TINTYPE_AUTH__PUBLISHABLE_KEYS", "sb_publishable_0123456789abcdef,hidden-number-two"),
            ("TINTYPE_AUTH__SECRET_KEYS", "sb_secret_hidden"),
            ("TINTYPE_CORS__ORIGINS", "https://a.example/,*"),
        ])
        .unwrap_err();
        let keys: Vec<&str> = mistakes.0.iter().map(|mistake| mistake.key.as_str()).collect();
        let expected = [
            "rules (TINTYPE_RULES)",
            "auth.jwks_url",
            "auth.jwks",
            "auth.jwks",
            "auth.publishable_keys",
            "auth.secret_keys",
            "cors.origins",
            "cors.origins",
        ];
        assert_eq!(keys, expected);
        assert!(!mistakes.to_string().contains("hidden"), "{mistakes}");
        let unread = with(&[("TINTYPE_AUTH__JWKS", "/no/such/file")]).unwrap_err().to_string();
        assert!(unread.contains("readable file") && !unread.contains("/no/such"), "{unread}");
    }

    #[test]
    fn rules_are_a_name_or_a_list_wherever_they_are_written() {
        let own = with(&[]).unwrap().rules;
        assert_eq!(own, RuleSet::OwnFolder);
        assert_eq!(with(&[("TINTYPE_RULES", "read-only")]).unwrap().rules, RuleSet::ReadOnly);
        let listed = with(&[("TINTYPE_RULES", r#"[{role = "*", operations = ["select"], prefix = "a/"}]"#)]).unwrap();
        let RuleSet::List(rules) = &listed.rules else { panic!("{:?}", listed.rules) };
        assert_eq!((rules[0].role.as_str(), rules[0].prefix.as_str()), ("*", "a/"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tintype.toml");
        std::fs::write(&file, toml::to_string(&listed).unwrap()).unwrap();
        assert_eq!(load(Some(&file), [], &Overrides::default()).unwrap().rules, listed.rules);
    }

    #[test]
    fn a_bucket_inside_the_data_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("data/photos");
        let overrides = Overrides {
            data: Some(folder.path().join("data")),
            buckets: vec![format!("photos={}", inside.display())],
            ..Overrides::default()
        };
        let mistakes = load(None, [], &overrides).unwrap_err();
        assert_eq!(mistakes.0[0].key, "buckets.photos.url");
    }

    #[test]
    fn flags_win_over_variables_and_variables_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tintype.toml");
        std::fs::write(&file, "listen = '127.0.0.1:1'\ndata = 'a'\n[cache]\nmax_age = 5\n").unwrap();
        let variables = [("TINTYPE_LISTEN", "127.0.0.1:2"), ("TINTYPE_DATA", "b")];
        let overrides = Overrides { data: Some("c".into()), ..Overrides::default() };
        let owned = variables.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let config = load(Some(&file), owned, &overrides).unwrap();
        assert_eq!((config.listen.port(), config.data, config.cache.max_age), (2, PathBuf::from("c"), 5));
    }
}
