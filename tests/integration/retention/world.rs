//! A server's surroundings, on disk or shared, whose objects can be made older.

use std::str::FromStr;

use reqwest::Method;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqliteConnection};
use uuid::Uuid;

use crate::avatars::token;
pub use crate::avatars::{ANN, BOB};
use crate::support::object_server::{Bucket, options};
use crate::support::postgres::Database;
use crate::support::{Running, Setup, fixture};

pub const BUCKET: &str = "kinkster-avatars";

pub struct World {
    pub setup: Setup,
    pub database: Option<Database>,
    /// Where bytes are, if not on disk.
    pub bucket: Option<Bucket>,
}

impl World {
    /// SQLite, and bytes on disk.
    pub fn on_disk() -> Self {
        Self { setup: Setup::new(), database: None, bucket: None }
    }

    /// Postgres, and bytes in S3.
    pub async fn shared() -> Self {
        let (database, bucket) = (Database::create().await, Bucket::new());
        // The server of the tests makes a bucket with its first object.
        bucket.put("there", "", &[]).await;
        let setup = Self::share(Setup::new(), &database, &bucket);
        Self { setup, database: Some(database), bucket: Some(bucket) }
    }

    fn share(setup: Setup, database: &Database, bucket: &Bucket) -> Setup {
        let setup = setup.with("STORAGE__DATABASE", &database.url()).with("STORAGE__URL", &bucket.url("objects"));
        options().iter().fold(setup, |setup, (name, value)| {
            setup.with(&format!("STORAGE__OPTIONS__{}", name.to_uppercase()), value)
        })
    }

    pub async fn both() -> [Self; 2] {
        [Self::on_disk(), Self::shared().await]
    }

    pub fn with(self, key: &str, value: &str) -> Self {
        Self { setup: self.setup.with(key, value), ..self }
    }

    /// Another server of the same fleet, with a data folder of its own.
    pub fn another_node(&self) -> Setup {
        let setup = Self::share(Setup::new(), self.database.as_ref().unwrap(), self.bucket.as_ref().unwrap());
        self.setup
            .variables()
            .fold(setup, |setup, (name, value)| setup.with(name.trim_start_matches("TINTYPE_"), value))
    }

    /// Uploads a picture of a character, or of a user.
    pub async fn picture(&self, server: &Running, user: &str, kinkster: Option<Uuid>, milliseconds: u64) -> String {
        let kinkster = kinkster.map(|id| format!("_{id}")).unwrap_or_default();
        self.put(server, user, &format!("{user}/kinksters/avatar_{milliseconds}{kinkster}.png")).await
    }

    /// Uploads four pictures of a user, the oldest first.
    pub async fn four_pictures(&self, server: &Running, user: &str) -> Vec<String> {
        let mut names = Vec::new();
        for milliseconds in 1..=4 {
            names.push(self.picture(server, user, None, milliseconds).await);
        }
        names
    }

    pub async fn put(&self, server: &Running, user: &str, name: &str) -> String {
        let authorization = format!("Bearer {}", token(user));
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "image/png"),
            ("cache-control", "max-age=60"),
            ("x-upsert", "true"),
        ];
        let path = format!("/storage/v1/object/{BUCKET}/{name}");
        server.send_bytes(Method::POST, &path, &headers, fixture("formats/palette.png")).await.expect(200);
        name.to_owned()
    }

    /// Makes every object older than it is.
    pub async fn age(&self, hours: i64) {
        self.age_where(hours, "true").await;
    }

    pub async fn age_where(&self, hours: i64, condition: &str) {
        let change = if self.database.is_some() {
            format!("interval '{hours} hours'")
        } else {
            (hours * 3_600_000_000).to_string()
        };
        let update = format!(
            "UPDATE objects SET created_at = created_at - {change}, updated_at = updated_at - {change} WHERE {condition}"
        );
        self.run_sql(&update).await;
    }

    /// Where bytes lie, if not in S3.
    pub fn storage(&self) -> std::path::PathBuf {
        self.setup.data.path().join("data/storage/objects")
    }

    /// As a time in the catalogue.
    pub fn long_ago(&self) -> &'static str {
        if self.database.is_some() { "'epoch'" } else { "1" }
    }

    /// As if nobody had ever said whose the bytes are.
    pub async fn unmark(&self) {
        match &self.bucket {
            Some(bucket) => bucket.remove("objects/.catalogue").await,
            None => std::fs::remove_file(self.setup.data.path().join("data/storage/.catalogue")).unwrap(),
        }
        self.run_sql("DELETE FROM blob_store").await;
    }

    pub async fn run_sql(&self, statement: &str) {
        if let Some(database) = &self.database {
            let mut connection = PgConnection::connect(&database.url()).await.unwrap();
            sqlx::raw_sql("SET search_path = tintype, public").execute(&mut connection).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            return;
        }
        let mut connection = self.sqlite().await;
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// The catalogue's file, opened beside whoever uses it.
    pub async fn sqlite(&self) -> SqliteConnection {
        let file = self.setup.data.path().join("data/catalog.sqlite");
        let options = SqliteConnectOptions::from_str(&format!("sqlite://{}", file.display())).unwrap();
        options.busy_timeout(std::time::Duration::from_secs(10)).connect().await.unwrap()
    }

    /// The bucket's names, sorted.
    pub async fn names(&self, server: &Running) -> Vec<String> {
        let bucket = tintype::object::BucketName::parse(BUCKET).unwrap();
        let objects = server.app.buckets.catalog.objects_after(&bucket, "", 10_000).await.unwrap();
        objects.into_iter().map(|object| object.id.key.to_string()).collect()
    }
}
