//! What only Postgres has: policies, roles, several nodes.

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::postgres::Database;
use super::{bucket_name, events, id, make_bucket, new_object, put, rule_book, stale, user};
use crate::auth::{Caller, RuleBook, RuleSet};
use crate::catalog::{Catalog, CatalogError, ListQuery, PageQuery};
use crate::config::Secret;

async fn opened(database: &Database) -> Catalog {
    Catalog::open_postgres(&Secret::new(database.url()), "tintype", &rule_book()).await.unwrap()
}

async fn run(database: &Database, statements: &'static str) {
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
}

fn claiming(claims: &serde_json::Value) -> Caller {
    Caller::from_claims(claims.as_object().unwrap().clone())
}

/// The operator's policies are what decides, not the rules of the configuration.
pub async fn replaced_policies_decide(database: &Database) {
    let catalog = opened(database).await;
    make_bucket(&catalog, "teams").await;
    run(
        database,
        r#"DROP POLICY "tintype: see" ON tintype.objects;
        DROP POLICY "tintype: add" ON tintype.objects;
        CREATE POLICY see ON tintype.objects FOR SELECT TO authenticated
            USING ((tintype.foldername(name))[1] = current_setting('request.jwt.claims')::jsonb->>'team');
        CREATE POLICY add ON tintype.objects FOR INSERT TO authenticated
            WITH CHECK (owner_id = tintype.subject() AND current_setting('storage.operation') = 'storage.object.upload');"#,
    )
    .await;
    let red = claiming(&json!({"role": "authenticated", "sub": "ann", "team": "red"}));
    let blue = claiming(&json!({"role": "authenticated", "sub": "bob", "team": "blue"}));
    let object = catalog.put(&red, new_object("teams", "red/a.png"), false).await.unwrap().object;
    assert_eq!(catalog.object(&red, &object.id).await, Ok(object.clone()));
    assert_eq!(catalog.object(&blue, &object.id).await, Err(CatalogError::NoObject));
    let all = ListQuery { limit: 10, ..ListQuery::default() };
    assert_eq!(catalog.list(&red, &bucket_name("teams"), &all).await.unwrap().len(), 1);
    assert_eq!(catalog.list(&blue, &bucket_name("teams"), &all).await, Ok(Vec::new()));
    events(&catalog).await;

    // What one may add one need not see; what one may not replace stays.
    catalog.put(&blue, new_object("teams", "red/b.png"), true).await.unwrap();
    assert_eq!(catalog.put(&blue, new_object("teams", "red/a.png"), true).await, Err(CatalogError::Denied));
    assert_eq!(catalog.put(&Caller::anon(), new_object("teams", "x"), false).await, Err(CatalogError::Denied));
    assert_eq!(catalog.find_object(&object.id).await, Ok(Some(object)));
    assert_eq!((stale(&catalog, "teams").await, events(&catalog).await.len()), (vec![], 1));
}

/// A listing looks no further than the rules reach, but only while they alone decide.
pub async fn added_policies_widen_listings(database: &Database) {
    let catalog = opened(database).await;
    make_bucket(&catalog, "shared").await;
    let (ann, bob) = (user("ann"), user("bob"));
    for (caller, name) in [(&ann, "ann/a.png"), (&bob, "bob/open/b.png"), (&bob, "bob/c.png")] {
        catalog.put(caller, new_object("shared", name), false).await.unwrap();
    }
    let names = async |caller: &Caller| {
        let query = PageQuery { limit: 10, ..PageQuery::default() };
        let listing = catalog.list_pages(caller, &bucket_name("shared"), &query).await.unwrap();
        listing.objects.iter().map(|object| object.id.key.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&ann).await, ["ann/a.png"]);
    assert_eq!(names(&Caller::anon()).await, Vec::<String>::new());
    run(database, r"CREATE POLICY open ON tintype.objects FOR SELECT TO authenticated USING (name LIKE '%/open/%')")
        .await;
    assert_eq!(names(&ann).await, ["ann/a.png", "bob/open/b.png"]);
    assert_eq!(names(&Caller::anon()).await, Vec::<String>::new());
    run(
        database,
        r#"DROP POLICY open ON tintype.objects; ALTER POLICY "tintype: see" ON tintype.objects USING (name LIKE '%c.png')"#,
    )
    .await;
    assert_eq!(names(&ann).await, ["bob/c.png"]);
    assert_eq!(names(&Caller::service()).await.len(), 3);
    events(&catalog).await;
}

/// A signed role is no way past the policies.
pub async fn powerful_and_unknown_roles_are_refused(database: &Database) {
    let catalog = opened(database).await;
    make_bucket(&catalog, "roles").await;
    let object = put(&catalog, "roles", "ann/a.png").await;
    for role in ["postgres", "none", "NONE", "no_such_role", "pg_read_all_data", "anon\"; RESET ROLE; --"] {
        let caller = claiming(&json!({"role": role, "sub": "ann"}));
        let seen = catalog.object(&caller, &object.id).await;
        assert_eq!(seen, Err(CatalogError::Denied), "{role}");
        let written = catalog.put(&caller, new_object("roles", "ann/b.png"), false).await;
        assert_eq!(written, Err(CatalogError::Denied), "{role}");
    }
    assert_eq!(catalog.find_object(&id("roles", "ann/b.png")).await, Ok(None));
    // The connection is nobody's afterwards.
    assert_eq!(catalog.find_object(&object.id).await, Ok(Some(object)));
}

/// Nodes that start together set up one schema, and the last one's rules hold.
pub async fn nodes_start_together(database: &Database) {
    let book = rule_book();
    let url = Secret::new(database.url());
    let open = || Catalog::open_postgres(&url, "several", &book);
    let (first, second, third) = tokio::join!(open(), open(), open());
    let (first, second) = (first.unwrap(), second.unwrap());
    third.unwrap();
    make_bucket(&first, "shared").await;
    let object = put(&first, "shared", "ann/a.png").await;
    assert_eq!(second.object(&user("ann"), &object.id).await, Ok(object.clone()));
    let closed = RuleBook { default: RuleSet::List(Vec::new()), ..RuleBook::default() };
    let reopened = Catalog::open_postgres(&url, "several", &closed).await.unwrap();
    assert_eq!(reopened.object(&user("ann"), &object.id).await, Err(CatalogError::NoObject));
}

/// A command beside the servers changes neither their rules nor their tables, and says where there are none.
pub async fn one_who_joins_changes_no_rules(database: &Database) {
    let url = Secret::new(database.url());
    let error = Catalog::join_postgres(&url, "joined").await.unwrap_err();
    assert!(matches!(&error, CatalogError::NotSetUp(text) if text.contains("joined has no tables")), "{error:?}");
    let server = Catalog::open_postgres(&url, "joined", &rule_book()).await.unwrap();
    make_bucket(&server, "shared").await;
    let object = put(&server, "shared", "ann/a.png").await;
    for beside in
        [Catalog::join_postgres(&url, "joined").await.unwrap(), Catalog::set_up_postgres(&url, "joined").await.unwrap()]
    {
        assert_eq!(beside.find_object(&object.id).await, Ok(Some(object.clone())));
        assert_eq!(server.object(&user("ann"), &object.id).await, Ok(object.clone()));
        assert_eq!(server.object(&user("bob"), &object.id).await, Err(CatalogError::NoObject));
    }
}

/// One who may make roles, databases and no more is enough.
pub async fn no_superuser_is_needed(database: &Database) {
    let name = format!("tintype_{}", uuid::Uuid::new_v4().simple());
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    let grants = format!(
        "CREATE ROLE {name} LOGIN PASSWORD 'secret' CREATEROLE; \
         DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {name}', current_database()); END $$; \
         GRANT anon, authenticated, service_role, editor TO {name};"
    );
    sqlx::raw_sql(AssertSqlSafe(grants)).execute(&mut connection).await.unwrap();
    let mut url = url::Url::parse(&database.url()).unwrap();
    url.set_username(&name).unwrap();
    url.set_password(Some("secret")).unwrap();
    let catalog = Catalog::open_postgres(&Secret::new(url), "tintype", &rule_book()).await.unwrap();
    make_bucket(&catalog, "modest").await;
    let object = put(&catalog, "modest", "ann/a.png").await;
    assert_eq!(catalog.object(&user("ann"), &object.id).await, Ok(object.clone()));
    assert_eq!(catalog.object(&user("bob"), &object.id).await, Err(CatalogError::NoObject));
    drop(catalog);
    let clean = format!("DROP OWNED BY {name} CASCADE; DROP ROLE {name}");
    sqlx::raw_sql(AssertSqlSafe(clean)).execute(&mut connection).await.unwrap();
}

/// What cannot be reached is unavailable, and the password is not told.
#[tokio::test]
async fn unreachable_server_is_unavailable() {
    for url in ["postgres://someone:hunter2@127.0.0.1:1/none", "nonsense:hunter2"] {
        let error = Catalog::open_postgres(&Secret::new(url), "tintype", &rule_book()).await.unwrap_err();
        assert!(matches!(&error, CatalogError::Unavailable(text) if !text.contains("hunter2")), "{error:?}");
    }
}
