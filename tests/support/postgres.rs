//! A real Postgres for tests: the one that `TINTYPE_TEST_POSTGRES` names (a superuser's URL), or one of this process.
//!
//! Ours lies in a folder of its own, listens on a socket in it, and ends with the process, however that ends: a shell
//! between the two waits for the end of a pipe.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// `$1` is the folder of the programs. Says where the socket is once the server has been started.
const SCRIPT: &str = r#"
set -e
cd /
folder=$(mktemp -d /tmp/tintype-postgres.XXXXXX)
trap 'rm -rf "$folder"' EXIT
"$1/initdb" -D "$folder/data" -A trust -U postgres -E UTF8 --locale=C.UTF-8 --no-sync >"$folder/initdb" 2>&1
"$1/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off -c synchronous_commit=off \
    -c full_page_writes=off -c max_connections=200 >"$folder/log" 2>&1 &
echo "$folder"
read -r _ || true
kill -INT $!
wait $! || true
"#;

/// A server's URL without a database's name: what comes before it, and what comes after.
#[derive(Debug)]
struct Server {
    before: String,
    after: String,
    /// Holds the pipe, whose end stops the server; `None`: it outlives us.
    shell: Option<Child>,
}

static SERVER: OnceLock<Server> = OnceLock::new();

impl Server {
    fn get() -> &'static Self {
        SERVER.get_or_init(|| match std::env::var("TINTYPE_TEST_POSTGRES") {
            Ok(url) => Self::of_url(&url),
            Err(_) => Self::start(),
        })
    }

    fn of_url(url: &str) -> Self {
        let mut url = url::Url::parse(url).expect("TINTYPE_TEST_POSTGRES holds a URL");
        let after = url.query().map_or_else(String::new, |query| format!("?{query}"));
        url.set_query(None);
        url.set_path("/");
        Self { before: url.to_string(), after, shell: None }
    }

    fn start() -> Self {
        let programs = programs().expect("tests need Postgres: initdb on PATH or in /usr/lib/postgresql");
        // Postgres does not run as root.
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        command.arg("-c").arg(SCRIPT).arg("sh").arg(programs);
        let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell starts");
        let mut socket = String::new();
        let output = shell.stdout.take().expect("the shell's output is a pipe");
        BufReader::new(output).read_line(&mut socket).expect("the shell says where the socket is");
        assert!(!socket.is_empty(), "initdb failed");
        let after = format!("?host={}", socket.trim());
        Self { before: "postgres://postgres@localhost/".to_owned(), after, shell: Some(shell) }
    }

    fn url(&self, database: &str) -> String {
        format!("{}{database}{}", self.before, self.after)
    }

    /// A connection to the database that every server has, once it answers.
    async fn connect(&self) -> PgConnection {
        for _ in 0..200 {
            if let Ok(connection) = PgConnection::connect(&self.url("postgres")).await {
                return connection;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("Postgres does not answer within 10 s");
    }
}

/// The folder of `initdb` and `postgres`: of links, the one they lead to.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).filter_map(|folder| std::fs::canonicalize(folder.join("initdb")).ok());
    let on_path = on_path.filter_map(|program| program.parent().map(PathBuf::from));
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let installed = installed.map(|version| version.path().join("bin"));
    on_path.chain(installed).find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// A database that nobody else uses; dropped with this where the server outlives us.
#[derive(Debug)]
pub struct Database {
    name: String,
}

impl Database {
    pub async fn create() -> Self {
        let name = format!("tintype_test_{}", uuid::Uuid::new_v4().simple());
        let mut connection = Server::get().connect().await;
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::query(create).execute(&mut connection).await.expect("a superuser makes databases");
        Self { name }
    }

    /// A superuser's URL.
    pub fn url(&self) -> String {
        Server::get().url(&self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if Server::get().shell.is_some() {
            return;
        }
        let drop = AssertSqlSafe(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                let mut connection = Server::get().connect().await;
                if let Err(error) = sqlx::query(drop).execute(&mut connection).await {
                    eprintln!("a test's database stays: {error}");
                }
            });
        });
        dropping.join().ok();
    }
}
