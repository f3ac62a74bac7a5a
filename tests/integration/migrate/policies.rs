//! Objects and topics: who sees, writes, changes, removes, hears and sends.

use super::{ANN, BOB, ROOK, Supabase, Who};

const EVERYBODY: [Who; 4] = [Who::Anon, Who::User(ANN), Who::User(BOB), Who::Service];

async fn with_pictures() -> Supabase {
    let mut supabase = Supabase::migrated().await;
    supabase
        .run(&format!(
            "INSERT INTO storage.buckets (id, name, public) VALUES ('others', 'others', true); \
             INSERT INTO storage.objects (bucket_id, name, metadata) VALUES \
             ('kinkster-avatars', '{ANN}/kinksters/avatar_1.png', '{{\"size\": 1000}}'), \
             ('kinkster-avatars', '{ANN}/kinksters/avatar_2.png', '{{\"size\": 234}}'), \
             ('kinkster-avatars', '{BOB}/kinksters/avatar_3.png', '{{\"size\": 5}}'), \
             ('task-proofs', '{ANN}/proof.png', '{{\"size\": 7}}'), \
             ('others', 'x.png', '{{\"size\": 7}}')"
        ))
        .await;
    supabase
}

#[tokio::test]
async fn the_buckets_are_what_clients_check_before_they_send() {
    let mut supabase = Supabase::migrated().await;
    let rows = supabase
        .ask("SELECT format('%s %s %s %s', id, public, file_size_limit, allowed_mime_types) FROM storage.buckets ORDER BY id")
        .await;
    let types = "{image/png,image/jpeg,image/jpg,image/webp}";
    assert_eq!(rows, [format!("kinkster-avatars t 5242880 {types}"), format!("task-proofs f 5242880 {types}")]);
}

#[tokio::test]
async fn nobody_lists_somebody_elses_folder() {
    let mut supabase = with_pictures().await;
    let list = "SELECT bucket_id || '/' || name FROM storage.objects ORDER BY 1";
    let ann = format!("kinkster-avatars/{ANN}/kinksters");
    let own =
        vec![format!("{ann}/avatar_1.png"), format!("{ann}/avatar_2.png"), format!("task-proofs/{ANN}/proof.png")];
    for operation in ["storage.object.list", "object.list_v2", "storage.object.sign", ""] {
        let mut listed = Vec::new();
        for who in EVERYBODY {
            listed.push(who.try_ask(&mut supabase, &[("storage.operation", operation)], list).await.unwrap());
        }
        assert_eq!(listed[0], Vec::<String>::new(), "{operation}");
        assert_eq!(listed[1], own, "{operation}");
        assert_eq!(listed[2], [format!("kinkster-avatars/{BOB}/kinksters/avatar_3.png")], "{operation}");
        assert_eq!(listed[3].len(), 5, "{operation}");
    }
    // Nor by a policy that somebody else made wider than it should be.
    supabase.run("CREATE POLICY lax ON storage.objects USING (true) WITH CHECK (true)").await;
    let avatars = "SELECT name FROM storage.objects WHERE bucket_id = 'kinkster-avatars'";
    assert_eq!(Who::Anon.ask(&mut supabase, avatars).await.len(), 0);
    assert_eq!(Who::User(BOB).ask(&mut supabase, avatars).await.len(), 1);
}

/// Runs the query as a role of the app's own, under policies that are wider than they should be.
async fn as_role_of_the_apps_own(supabase: &mut Supabase, topic: &str, query: &str) -> Result<Vec<String>, String> {
    let role = format!("app_{}", uuid::Uuid::new_v4().simple());
    supabase
        .run(&format!(
            "CREATE ROLE {role} NOLOGIN; GRANT USAGE ON SCHEMA auth, storage, realtime TO {role}; \
             GRANT ALL ON storage.objects, realtime.messages TO {role}"
        ))
        .await;
    let settings = [("realtime.topic", topic), ("role", role.as_str())];
    let told = Who::Owner.try_ask(supabase, &settings, query).await;
    supabase.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    told
}

#[tokio::test]
async fn roles_of_the_apps_own_are_bound_too() {
    let mut supabase = with_pictures().await;
    supabase
        .run(
            "CREATE POLICY lax ON storage.objects USING (true) WITH CHECK (true); \
             CREATE POLICY lax ON realtime.messages USING (true) WITH CHECK (true); \
             INSERT INTO realtime.messages (topic, extension) VALUES ('probe', 'broadcast')",
        )
        .await;
    let seen = "SELECT DISTINCT bucket_id FROM storage.objects ORDER BY 1";
    assert_eq!(as_role_of_the_apps_own(&mut supabase, "", seen).await.unwrap(), ["others", "task-proofs"]);
    let write = "INSERT INTO storage.objects (bucket_id, name) VALUES ('kinkster-avatars', 'x.png') RETURNING name";
    assert_eq!(as_role_of_the_apps_own(&mut supabase, "", write).await, Err("42501".to_owned()));
    let hear = "SELECT id::text FROM realtime.messages";
    let topic = format!("user:{ANN}:avatar");
    assert_eq!(as_role_of_the_apps_own(&mut supabase, "chat", hear).await.unwrap().len(), 1);
    let heard = as_role_of_the_apps_own(&mut supabase, &topic, hear).await;
    assert!(heard.as_ref().is_err() || heard == Ok(vec![]), "{heard:?}");
    let send =
        format!("INSERT INTO realtime.messages (topic, extension) VALUES ('{topic}', 'broadcast') RETURNING topic");
    assert_eq!(as_role_of_the_apps_own(&mut supabase, &topic, &send).await, Err("42501".to_owned()));
}

#[tokio::test]
async fn functions_may_be_called_where_new_ones_are_for_nobody() {
    let mut supabase = Supabase::new().await;
    supabase.run("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC").await;
    supabase.up().await;
    let url = tintype::config::Secret::new(supabase.url());
    let rules = tintype::auth::RuleBook::default();
    tintype::catalog::Catalog::open_postgres(&url, "tintype", &rules).await.unwrap();
    for who in EVERYBODY {
        for query in [
            "SELECT name FROM storage.objects",
            "SELECT public.validate_avatar_url('https://x.example/')::text",
            "SELECT tintype.is_service()::text",
            // Of a server's own buckets.
            "SELECT name FROM tintype.objects",
            "SELECT tintype.listing_reach('kinkster-avatars')::text",
        ] {
            let settings = [("realtime.topic", "kinkster:x:avatar"), ("search_path", "tintype")];
            let told = who.try_ask(&mut supabase, &settings, query).await;
            assert!(told.is_ok(), "{who:?} {query}: {told:?}");
        }
        let settings = [("realtime.topic", "kinkster:x:avatar")];
        who.try_ask(&mut supabase, &settings, "SELECT id::text FROM realtime.messages").await.unwrap();
    }
}

#[tokio::test]
async fn everybody_reads_an_avatar_by_its_name_and_nobody_else_a_proof() {
    let mut supabase = with_pictures().await;
    let read = "SELECT name FROM storage.objects WHERE bucket_id = '{}' AND name = '{ANN}/{}'";
    let avatar =
        read.replacen("{}", "kinkster-avatars", 1).replace("{}", "kinksters/avatar_1.png").replace("{ANN}", ANN);
    let proof = read.replacen("{}", "task-proofs", 1).replace("{}", "proof.png").replace("{ANN}", ANN);
    for operation in
        ["storage.object.get_authenticated", "object.get_authenticated_info", "storage.render.image_public"]
    {
        let settings = [("storage.operation", operation)];
        for who in EVERYBODY {
            assert_eq!(who.try_ask(&mut supabase, &settings, &avatar).await.unwrap().len(), 1, "{operation} {who:?}");
        }
        let mut proofs = Vec::new();
        for who in EVERYBODY {
            proofs.push(who.try_ask(&mut supabase, &settings, &proof).await.unwrap().len());
        }
        assert_eq!(proofs, [0, 1, 0, 1], "{operation}");
    }
}

#[tokio::test]
async fn users_write_change_and_remove_in_their_own_folder_alone() {
    let mut supabase = with_pictures().await;
    for bucket in ["kinkster-avatars", "task-proofs"] {
        for (name, may) in [
            (format!("{ANN}/kinksters/new.png"), [false, true, false, true]),
            (format!("{BOB}/kinksters/new.png"), [false, false, true, true]),
            ("new.png".to_owned(), [false, false, false, true]),
            (ANN.to_owned(), [false, false, false, true]),
            (format!("x/{ANN}/new.png"), [false, false, false, true]),
            (format!("{ANN}x/new.png"), [false, false, false, true]),
        ] {
            let insert =
                format!("INSERT INTO storage.objects (bucket_id, name) VALUES ('{bucket}', '{name}') RETURNING name");
            for (who, may) in EVERYBODY.into_iter().zip(may) {
                let refused = who.refused(&mut supabase, &insert).await;
                assert_eq!(refused, if may { "" } else { "42501" }, "{who:?} {bucket}/{name}");
            }
        }
    }
    let other = "INSERT INTO storage.objects (bucket_id, name) VALUES ('others', '{ANN}/x.png')".replace("{ANN}", ANN);
    assert_eq!(Who::User(ANN).refused(&mut supabase, &other).await, "42501", "another bucket is none of ours");
    let update =
        format!("UPDATE storage.objects SET metadata = '{{}}' WHERE name LIKE '{ANN}/kinksters/%' RETURNING name");
    let steal = format!(
        "UPDATE storage.objects SET name = '{BOB}/kinksters/y.png' WHERE name = '{ANN}/proof.png' RETURNING name"
    );
    let delete = format!("DELETE FROM storage.objects WHERE name LIKE '{ANN}/kinksters/%' RETURNING name");
    for (who, rows) in EVERYBODY.into_iter().zip([0, 2, 0, 2]) {
        assert_eq!(who.ask(&mut supabase, &update).await.len(), rows, "{who:?}");
        let allowed = [("storage.allow_delete_query", "true")];
        assert_eq!(who.try_ask(&mut supabase, &allowed, &delete).await.unwrap().len(), rows, "{who:?}");
    }
    assert_eq!(Who::User(ANN).refused(&mut supabase, &steal).await, "42501", "into somebody else's folder");
}

#[tokio::test]
async fn kinksters_are_their_owners() {
    let mut supabase = Supabase::migrated().await;
    let select = "SELECT name FROM public.kinksters";
    let update = "UPDATE public.kinksters SET name = 'Knight' RETURNING name";
    for (who, rows) in [(Who::User(ANN), 1), (Who::User(BOB), 0), (Who::Service, 1)] {
        assert_eq!(who.ask(&mut supabase, select).await.len(), rows, "{who:?}");
        assert_eq!(who.ask(&mut supabase, update).await.len(), rows, "{who:?}");
    }
    assert_eq!(Who::Anon.refused(&mut supabase, select).await, "42501");
    let insert = format!("INSERT INTO public.kinksters (user_id) VALUES ('{ANN}')");
    assert_eq!(Who::User(BOB).refused(&mut supabase, &insert).await, "42501");
    assert_eq!(Who::User(ANN).refused(&mut supabase, &insert).await, "");
    supabase.run("UPDATE public.kinksters SET updated_at = 'epoch', name = 'Rook'").await;
    assert_eq!(
        supabase.ask("SELECT (updated_at > created_at - interval '1 day')::text FROM public.kinksters").await,
        ["true"]
    );
}

/// Whether this caller may join, and whether they may send, as the realtime server tries it.
async fn joins_and_sends(supabase: &mut Supabase, who: Who, topic: &str) -> (bool, bool) {
    let settings = [("realtime.topic", topic)];
    let hear = "SELECT id::text FROM realtime.messages WHERE extension = 'broadcast'";
    let send = format!("INSERT INTO realtime.messages (topic, extension) VALUES ('{topic}', 'broadcast')");
    let joins = !who.try_ask(supabase, &settings, hear).await.unwrap().is_empty();
    (joins, who.try_ask(supabase, &settings, &send).await.is_ok())
}

#[tokio::test]
async fn avatars_are_heard_of_by_their_owner_and_told_by_the_service_alone() {
    let mut supabase = Supabase::migrated().await;
    supabase
        .run("INSERT INTO realtime.messages (topic, extension) VALUES ('probe', 'broadcast'), ('probe', 'presence')")
        .await;
    let topics = [
        (format!("user:{ANN}:avatar"), [false, true, false]),
        (format!("kinkster:{ROOK}:avatar"), [false, true, false]),
        (format!("user:{BOB}:avatar"), [false, false, true]),
        (format!("kinkster:{BOB}:avatar"), [false, false, false]),
        ("kinkster:x:avatar".to_owned(), [false, false, false]),
        ("user::avatar".to_owned(), [false, false, false]),
        (format!("x:user:{ANN}:avatar"), [false, false, false]),
        (format!("user:{ANN}:avatar:x"), [false, false, false]),
    ];
    for is_lax in [false, true] {
        for (topic, joins) in &topics {
            let is_avatars = topic.starts_with(['u', 'k']) && topic.ends_with(":avatar");
            for (who, joins) in EVERYBODY.into_iter().zip(joins) {
                let others = is_lax && !is_avatars;
                let expected = (*joins || others, others);
                assert_eq!(joins_and_sends(&mut supabase, who, topic).await, expected, "{who:?} {topic} {is_lax}");
            }
            assert_eq!(joins_and_sends(&mut supabase, Who::Service, topic).await, (true, true), "{topic}");
        }
        // Other topics follow policies of the app's own, and avatars' stay as they are.
        if !is_lax {
            supabase.run("CREATE POLICY lax ON realtime.messages USING (true) WITH CHECK (true)").await;
        }
    }
}
