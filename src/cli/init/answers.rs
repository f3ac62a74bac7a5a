//! What `tintype init` was told, as a configuration file and as what is to be done next.

use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;

use toml::Value;
use url::Url;

use crate::object::BucketName;

/// Where the pictures are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pictures {
    /// A folder, or the URL of a bucket or prefix; as it was written.
    Bucket { name: BucketName, place: String, is_store: bool },
    /// A Supabase in front of which we stand.
    Upstream(Url),
}

impl Pictures {
    /// What can be looked at from here is there.
    pub fn checked(self) -> Result<Self, String> {
        match &self {
            Self::Bucket { place, .. } if !place.contains("://") && !Path::new(place).is_dir() => {
                Err(format!("there is no folder {place}; make it, or name another"))
            }
            _ => Ok(self),
        }
    }

    pub fn is_upstream(&self) -> bool {
        matches!(self, Self::Upstream(_))
    }
}

impl FromStr for Pictures {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err(
                "name a folder or a URL: ./photos, s3://bucket/prefix, https://your-project.supabase.co".to_owned()
            );
        }
        let Some((scheme, _)) = text.split_once("://") else {
            // What `.` is called is known to the disk alone.
            let last = Path::new(text).canonicalize().ok().or_else(|| Some(text.into()));
            let last =
                last.as_deref().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            return Ok(Self::Bucket { name: named(&last), place: text.to_owned(), is_store: false });
        };
        let url = Url::parse(text).map_err(|error| format!("{text} is no URL: {error}"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("leave keys out of the URL; they come by variables, or by `options` of the bucket".to_owned());
        }
        let last = url.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        let host = url.host_str().unwrap_or_default().to_owned();
        match scheme {
            "https" | "http" if matches!(url.path(), "" | "/") => Ok(Self::Upstream(url)),
            "https" | "http" => {
                // The places of a bucket end in a slash.
                let place = format!("{}/", text.trim_end_matches('/'));
                Ok(Self::Bucket { name: named(&last), place, is_store: false })
            }
            "s3" | "gs" | "az" => {
                let name = named(if last.is_empty() { &host } else { &last });
                Ok(Self::Bucket { name, place: text.to_owned(), is_store: true })
            }
            _ => {
                Err(format!("{scheme}:// is none of the places that are read: a folder, https://, s3://, gs://, az://"))
            }
        }
    }
}

/// A bucket's name after a folder's.
fn named(text: &str) -> BucketName {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let text: String = text.chars().map(plain).collect();
    let text = text.trim_matches('-');
    BucketName::parse(text).or_else(|_| BucketName::parse("photos")).unwrap_or_else(|_| BucketName::remote())
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answers {
    pub pictures: Pictures,
    pub listen: Option<SocketAddr>,
    pub public_url: Option<Url>,
    /// Whether apps upload and users sign in.
    pub users: bool,
}

impl Answers {
    /// The configuration file.
    pub fn file(&self) -> String {
        let mut lines =
            vec!["# Made by `tintype init`. `tintype config --default` prints every key with its default.".to_owned()];
        let text = |value: &str| Value::String(value.to_owned()).to_string();
        if let Some(listen) = self.listen {
            lines.push(format!("listen = {}", text(&listen.to_string())));
        }
        if let Some(url) = &self.public_url {
            lines.push(format!("public_url = [{}]", text(url.as_str().trim_end_matches('/'))));
        }
        match &self.pictures {
            Pictures::Bucket { name, place, .. } => {
                let rules = if self.users {
                    "rules = \"own-folder\"     # in buckets of our own: users write below the folder named like their `sub`"
                } else {
                    "rules = \"read-only\"      # in buckets of our own: the service key alone writes"
                };
                // Letters, digits and dashes: a key that needs no quotes.
                let table = format!("[buckets.{name}]");
                lines.extend([rules.to_owned(), String::new(), table, format!("url = {}", text(place))]);
            }
            Pictures::Upstream(url) => {
                let url = text(url.as_str().trim_end_matches('/'));
                lines.extend([String::new(), "[upstream]".to_owned(), format!("url = {url}")]);
            }
        }
        lines.join("\n") + "\n"
    }

    /// What to do next, a line each.
    pub fn next_steps(&self, file: &Path) -> Vec<String> {
        // What lies beside us under its usual name is found by itself.
        let flag =
            if file == Path::new("tintype.toml") { String::new() } else { format!(" --config {}", file.display()) };
        let mut steps = vec!["next:".to_owned()];
        match &self.pictures {
            Pictures::Bucket { place, is_store: true, .. } => {
                let variables = match place.split_once("://") {
                    Some(("gs", _)) => "GOOGLE_SERVICE_ACCOUNT",
                    Some(("az", _)) => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
                    _ => "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, and AWS_ENDPOINT for anything but AWS",
                };
                steps.push(format!("set {variables}"));
            }
            Pictures::Upstream(_) if self.users => steps.push(
                "set TINTYPE_JWT_SECRET to the project's JWT secret, and SUPABASE_SERVICE_ROLE_KEY where avatars are to be painted"
                    .to_owned(),
            ),
            Pictures::Bucket { .. } | Pictures::Upstream(_) => {}
        }
        steps.extend([format!("tintype doctor{flag}     # looks at all of it"), format!("tintype serve{flag}")]);
        if self.users && !self.pictures.is_upstream() {
            steps.push(format!("tintype keys{flag} --user ada     # keys for your app, and a token for a user"));
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart_and_name_their_bucket() {
        let bucket = |text: &str| match text.parse::<Pictures>() {
            Ok(Pictures::Bucket { name, place, .. }) => (name.as_str().to_owned(), place),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(bucket("s3://my-bucket/Uploads/"), ("uploads".to_owned(), "s3://my-bucket/Uploads/".to_owned()));
        assert_eq!(bucket("s3://my-bucket").0, "my-bucket");
        let public = "https://p.supabase.co/storage/v1/object/public/avatars";
        assert_eq!(bucket(public), ("avatars".to_owned(), format!("{public}/")));
        assert_eq!(bucket("./fixtures/photos").0, "photos");
        assert_eq!(
            "https://p.supabase.co".parse(),
            Ok(Pictures::Upstream(Url::parse("https://p.supabase.co/").unwrap()))
        );
        assert_eq!(bucket("/no/such/Folder").0, "folder");
        assert!("/no/such/folder".parse::<Pictures>().unwrap().checked().is_err());
        for wrong in ["", "ftp://x/y", "s3://key:secret@b/c", "https://"] {
            assert!(wrong.parse::<Pictures>().is_err(), "{wrong}");
        }
        assert_eq!((named("--").as_str(), named("Ärger 1").as_str()), ("photos", "rger-1"));
    }
}
