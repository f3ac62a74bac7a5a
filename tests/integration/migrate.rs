//! `tintype migrate` on a stand-in for a Supabase's Postgres: what it makes, for whom, and what it takes back.

mod functions;
mod policies;
mod runner;

use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};
use tintype::config::Secret;
use tintype::migrate::{self, Edits};

use crate::support::postgres::Database;

pub const ANN: &str = "0a0a0a0a-0000-4000-8000-00000000000a";
pub const BOB: &str = "0b0b0b0b-0000-4000-8000-00000000000b";
/// Ann's.
pub const ROOK: &str = "0c0c0c0c-0000-4000-8000-00000000000c";

/// A database with the schemas of a Supabase and two users.
pub struct Supabase {
    database: Database,
    pub connection: PgConnection,
}

impl Supabase {
    pub async fn new() -> Self {
        let database = Database::create().await;
        let connection = PgConnection::connect(&database.url()).await.unwrap();
        let mut supabase = Self { database, connection };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/supabase.sql");
        supabase.run(&std::fs::read_to_string(script).unwrap()).await;
        supabase.run(&format!("INSERT INTO auth.users (id) VALUES ('{ANN}'), ('{BOB}')")).await;
        supabase
    }

    /// The same after `tintype migrate`, with a kinkster of Ann's.
    pub async fn migrated() -> Self {
        let mut supabase = Self::new().await;
        supabase.up().await;
        supabase
            .run(&format!("INSERT INTO public.kinksters (id, user_id, name) VALUES ('{ROOK}', '{ANN}', 'Rook')"))
            .await;
        supabase
    }

    pub fn url(&self) -> String {
        self.database.url()
    }

    pub async fn runner(&self) -> migrate::Database {
        migrate::Database::connect(&Secret::new(self.url())).await.unwrap()
    }

    /// How many were applied.
    pub async fn up(&self) -> usize {
        let mut applied = 0;
        self.runner().await.up(|_| applied += 1).await.unwrap();
        applied
    }

    pub async fn down(&self, count: usize) -> usize {
        let mut taken_back = 0;
        self.runner().await.down(count, Edits::Keep, |_| taken_back += 1).await.unwrap();
        taken_back
    }

    /// As the database's owner.
    pub async fn run(&mut self, script: &str) {
        sqlx::raw_sql(AssertSqlSafe(script.to_owned())).execute(&mut self.connection).await.unwrap();
    }

    /// The rows of the first column, as text, as the owner.
    pub async fn ask(&mut self, query: &str) -> Vec<String> {
        Who::Owner.try_ask(self, &[], query).await.unwrap()
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    Owner,
    Anon,
    User(&'static str),
    Service,
}

impl Who {
    /// Sets role and claims as PostgREST and the storage server do.
    fn become_it(self) -> String {
        let (role, claims) = match self {
            Self::Owner => return String::new(),
            Self::Anon => ("anon", json!({"role": "anon"})),
            Self::User(id) => ("authenticated", json!({"role": "authenticated", "sub": id})),
            Self::Service => ("service_role", json!({"role": "service_role"})),
        };
        format!("SET LOCAL ROLE {role}; SET LOCAL request.jwt.claims = '{claims}';")
    }

    /// Runs the query with these settings, and takes everything back.
    pub async fn try_ask(
        self,
        supabase: &mut Supabase,
        settings: &[(&str, &str)],
        query: &str,
    ) -> Result<Vec<String>, String> {
        let mut tx = supabase.connection.begin().await.unwrap();
        let settings: Vec<String> =
            settings.iter().map(|(name, value)| format!("SET LOCAL {name} = '{value}';")).collect();
        let prepare = settings.concat() + &self.become_it();
        sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *tx).await.unwrap();
        let rows = sqlx::raw_sql(AssertSqlSafe(query.to_owned())).fetch_all(&mut *tx).await;
        tx.rollback().await.unwrap();
        let code = |error: sqlx::Error| match error.as_database_error().and_then(sqlx::error::DatabaseError::code) {
            Some(code) => code.into_owned(),
            None => error.to_string(),
        };
        rows.map_err(code)?
            .iter()
            .map(|row| row.try_get::<Option<String>, _>(0).map(Option::unwrap_or_default))
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())
    }

    pub async fn ask(self, supabase: &mut Supabase, query: &str) -> Vec<String> {
        self.try_ask(supabase, &[], query).await.unwrap_or_else(|error| panic!("{self:?}: {query}: {error}"))
    }

    /// What Postgres refuses it with; empty where it does not.
    pub async fn refused(self, supabase: &mut Supabase, query: &str) -> String {
        self.try_ask(supabase, &[], query).await.err().unwrap_or_default()
    }
}
