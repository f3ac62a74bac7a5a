//! The catalogue's errors, and the databases' as they are to us.

use sqlx::migrate::MigrateError;

/// Why the catalogue did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// Unknown, or not for this caller to see.
    #[error("there is no such bucket")]
    NoBucket,
    /// Unknown, or not for this caller to see.
    #[error("there is no such object")]
    NoObject,
    #[error("the bucket exists")]
    BucketExists,
    #[error("the object exists")]
    ObjectExists,
    #[error("the bucket is not empty")]
    NotEmpty,
    /// The rules, or the database's policies, say no.
    #[error("this caller may not do that")]
    Denied,
    /// The job is another worker's by now, or was cancelled.
    #[error("the job is not this worker's any more")]
    Superseded,
    /// The database is down or too slow.
    #[error("the database cannot be used: {0}")]
    Unavailable(String),
    /// No server has made or renewed the tables yet.
    #[error("{0}; start a server once, or run `tintype migrate --own`")]
    NotSetUp(String),
    #[error("the database answered nonsense: {0}")]
    Broken(String),
}

impl From<sqlx::Error> for CatalogError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => Self::Unavailable("no connection could be had in time".to_owned()),
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Unavailable(error.to_string())
            }
            sqlx::Error::Database(database) => Self::of_code(&database.code().unwrap_or_default(), &error),
            _ => Self::Broken(error.to_string()),
        }
    }
}

impl CatalogError {
    /// By the database's own code: five characters of Postgres, or a number of SQLite.
    fn of_code(code: &str, error: &sqlx::Error) -> Self {
        match code {
            // Insufficient privilege, row-level security included.
            "42501" => Self::Denied,
            // Connections, deadlocks, timeouts, a server that starts or stops or is full.
            "40001" | "40P01" | "55P03" | "57014" | "57P01" | "57P02" | "57P03" | "53300" => {
                Self::Unavailable(error.to_string())
            }
            code if code.starts_with("08") => Self::Unavailable(error.to_string()),
            // Busy, locked, full, or a disk that fails.
            "5" | "6" | "10" | "13" | "14" | "261" | "517" => Self::Unavailable(error.to_string()),
            _ => Self::Broken(error.to_string()),
        }
    }
}

impl From<MigrateError> for CatalogError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Self::Broken(other.to_string()),
        }
    }
}
