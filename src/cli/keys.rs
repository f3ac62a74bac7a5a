//! `tintype keys`: tokens signed by the configured secret or the data folder's, which is made if there is none.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use super::{Common, Done, Failure};
use crate::auth::{self, Keys, NewToken, Role};
use crate::config::Config;

const DAY_SECONDS: u64 = 86_400;

#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(flatten)]
    common: Common,
    /// Print the service key alone, for scripts.
    #[arg(long, conflicts_with_all = ["anon", "users", "role"])]
    service: bool,
    /// Print the anon key alone, for scripts.
    #[arg(long, conflicts_with_all = ["users", "role"])]
    anon: bool,
    /// Print a token for this user (its `sub`) too. Repeatable.
    #[arg(long = "user", value_name = "SUB")]
    users: Vec<String>,
    /// Role of the users' tokens [default: authenticated]; without --user, print a token of this role too.
    #[arg(long)]
    role: Option<String>,
    /// Days until the keys expire.
    #[arg(long, default_value_t = 365)]
    days: u32,
}

pub(super) fn run(options: &Options) -> Done {
    let config = options.common.load()?;
    let failed = |error: String| Failure::Other(error);
    std::fs::create_dir_all(&config.data).map_err(|error| failed(error.to_string()))?;
    let secret = auth::secret(config.jwt_secret.as_ref(), &config.data).map_err(|error| failed(error.to_string()))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    print!("{}", printed(options, &config, &Keys::new(&secret), now));
    Ok(ExitCode::SUCCESS)
}

/// The lines; `now` in Unix seconds.
fn printed(options: &Options, config: &Config, keys: &Keys, now: u64) -> String {
    let token = |role: &Role, subject: Option<&str>| {
        keys.sign(&NewToken {
            role: role.as_str(),
            subject,
            issuer: config.auth.issuer.0.first().map(String::as_str),
            audience: config.auth.audience.0.first().map(String::as_str),
            issued: now,
            expires: Some(now + u64::from(options.days) * DAY_SECONDS),
        })
    };
    if options.service || options.anon {
        let role = if options.service { Role::Service } else { Role::Anon };
        return format!("{}\n", token(&role, None));
    }
    let line = |role: &Role, subject: Option<&str>| {
        let label = subject.map_or_else(|| role.to_string(), |subject| format!("{role} {subject}"));
        format!("{label}: {}\n", token(role, subject))
    };
    let role = Role::parse(Some(options.role.as_deref().unwrap_or("authenticated")));
    let mut lines = line(&Role::Anon, None) + &line(&Role::Service, None);
    if options.users.is_empty() && options.role.is_some() {
        lines += &line(&role, None);
    }
    options.users.iter().fold(lines, |lines, user| lines + &line(&role, Some(user)))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::{Secret, TextList};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn output(arguments: &str, config: &Config, keys: &Keys) -> String {
        let line = Line::try_parse_from(format!("keys {arguments}").split_whitespace()).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        printed(&line.options, config, keys, now)
    }

    #[test]
    fn people_get_labelled_lines_and_scripts_one_key_alone() {
        let keys = Keys::new(&Secret::new("x".repeat(32)));
        let config = Config::default();
        let text = output("--user ann --user bob --role editor", &config, &keys);
        let labels: Vec<&str> = text.lines().map(|line| line.split_once(": ").unwrap().0).collect();
        assert_eq!(labels, ["anon", "service_role", "editor ann", "editor bob"]);
        for line in text.lines() {
            let (label, token) = line.split_once(": ").unwrap();
            let caller = keys.caller_of_token(token).unwrap();
            let (role, subject) = label.split_once(' ').map_or((label, None), |(role, user)| (role, Some(user)));
            assert_eq!((caller.role.as_str(), caller.subject.as_deref()), (role, subject));
        }
        let service = keys.caller_of_token(output("--service", &config, &keys).trim()).unwrap();
        assert!(service.is_service());
        assert_eq!(keys.caller_of_token(output("--anon", &config, &keys).trim()).unwrap().role, Role::Anon);
        assert!(output("--role editor", &config, &keys).contains("\neditor: "));
        assert!(Line::try_parse_from(["keys", "--service", "--user", "ann"]).is_err());
    }

    #[test]
    fn keys_carry_the_issuer_and_audience_that_the_server_wants() {
        let mut config = Config::default();
        config.auth.issuer = TextList(vec!["https://id.example".to_owned()]);
        config.auth.audience = TextList(vec!["tintype".to_owned(), "other".to_owned()]);
        let strict = Keys::new(&Secret::new("x".repeat(32)))
            .with_claims(config.auth.issuer.0.clone(), config.auth.audience.0.clone());
        assert!(strict.caller_of_token(output("--service", &config, &strict).trim()).is_ok());
        assert!(strict.caller_of_token(output("--service", &Config::default(), &strict).trim()).is_err());
    }
}
