//! Queries whose shape depends on what is asked, in the SQL that both databases understand.

use sqlx::{PgConnection, SqliteConnection};
use time::OffsetDateTime;

use super::types::Object;
use super::{CatalogError, postgres, sqlite};

/// A value beside the SQL.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bind {
    Text(String),
    Number(i64),
    Time(OffsetDateTime),
}

/// SQL with numbered placeholders, and what they stand for. What comes from outside is always bound.
#[derive(Clone, Debug, Default)]
pub(super) struct Select {
    pub(super) sql: String,
    pub(super) binds: Vec<Bind>,
}

impl Select {
    pub(super) fn new(sql: &str) -> Self {
        Self { sql: sql.to_owned(), binds: Vec::new() }
    }

    pub(super) fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Writes a placeholder; the same value twice is one placeholder.
    fn bind(&mut self, bind: Bind) -> &mut Self {
        let index = self.binds.iter().position(|known| *known == bind).unwrap_or_else(|| {
            self.binds.push(bind);
            self.binds.len() - 1
        });
        self.push(&format!("${}", index + 1))
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bind(Bind::Text(text.to_owned()))
    }

    /// Writes the expression, or a placeholder for the text where there is none.
    pub(super) fn push_or_text(&mut self, expression: Option<&str>, text: &str) -> &mut Self {
        match expression {
            Some(expression) => self.push(expression),
            None => self.text(text),
        }
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.bind(Bind::Number(i64::try_from(number).unwrap_or(i64::MAX)))
    }

    pub(super) fn time(&mut self, time: OffsetDateTime) -> &mut Self {
        self.bind(Bind::Time(time))
    }
}

/// One row of a listing, by its whole name.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Found {
    /// With the slash at its end.
    Folder(String),
    Object(Box<Object>),
}

/// Where a listing is read: a connection in a transaction that has all that it needs to know of the caller.
pub(super) enum Reader<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

impl Reader<'_> {
    /// What finds a text in another one.
    pub(super) fn position_function(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "instr",
            Self::Postgres(_) => "strpos",
        }
    }

    /// The rows, whose column `entry` is the whole name; those without an `id` are folders.
    pub(super) async fn fetch(&mut self, select: Select) -> Result<Vec<Found>, CatalogError> {
        match self {
            Self::Sqlite(connection) => sqlite::found(connection, select).await,
            Self::Postgres(connection) => postgres::found(connection, select).await,
        }
    }
}
