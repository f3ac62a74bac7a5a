//! Why a database was not brought up to date, each with what to do.

use sqlx::postgres::PgDatabaseError;

use super::Migration;

/// What went wrong. No text holds the URL: it holds a password.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error("the database's URL is not one; it looks like postgres://user:password@host:5432/postgres")]
    Url,
    #[error("{place} cannot be reached: {reason}; {remedy}")]
    Unreachable { place: String, reason: String, remedy: &'static str },
    #[error(
        "{migration}: the user {user} may not do this: {reason}; connect as the database's owner, on Supabase as `postgres`"
    )]
    Privilege { migration: String, user: String, reason: String },
    #[error("{migration}: {reason}{}", hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
    Script { migration: String, reason: String, hint: Option<String> },
    #[error("somebody else is using what is to be changed; try again in a minute")]
    Busy,
    #[error(
        "{0} was applied from another file than this version has; run `tintype migrate --again`, which applies this version's, or use the version that applied it"
    )]
    Changed(Migration),
    #[error(
        "{migration}: somebody has edited {parts} since it was made, and this would undo that; keep its text elsewhere (pg_get_functiondef shows it), then add --force"
    )]
    Edited { migration: Migration, parts: String },
    #[error("number {0} was applied by a newer version of tintype; use that one")]
    Newer(i32),
    #[error("the database stopped answering: {0}")]
    Database(sqlx::Error),
}

impl MigrateError {
    pub(super) fn unreachable(place: &str, user: &str, error: &sqlx::Error) -> Self {
        let (reason, remedy) = match (code(error).as_str(), error) {
            ("28P01" | "28000", _) => (
                format!("the user {user} is not let in"),
                "check user and password in the URL (special characters are percent-encoded)",
            ),
            ("3D000", _) => ("there is no such database".to_owned(), "on Supabase it is called `postgres`"),
            (_, sqlx::Error::PoolTimedOut) => ("no answer within 15 s".to_owned(), "check host, port and network"),
            (_, sqlx::Error::Tls(_)) => (error.to_string(), "check the server's certificate, or `sslmode` in the URL"),
            _ => (error.to_string(), "check host, port and network"),
        };
        Self::Unreachable { place: place.to_owned(), reason, remedy }
    }

    pub(super) fn of_script(migration: &Migration, user: &str, error: sqlx::Error) -> Self {
        let Some(answer) = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
        else {
            return Self::Database(error);
        };
        let (migration, reason) = (migration.to_string(), answer.message().to_owned());
        match answer.code() {
            "42501" => Self::Privilege { migration, user: user.to_owned(), reason },
            "55P03" | "40P01" => Self::Busy,
            _ => Self::Script { migration, reason, hint: answer.hint().map(str::to_owned) },
        }
    }
}

impl From<sqlx::Error> for MigrateError {
    fn from(error: sqlx::Error) -> Self {
        if matches!(code(&error).as_str(), "55P03" | "40P01") { Self::Busy } else { Self::Database(error) }
    }
}

/// Five characters of Postgres; empty where it was not Postgres that refused.
fn code(error: &sqlx::Error) -> String {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default().into_owned()
}
