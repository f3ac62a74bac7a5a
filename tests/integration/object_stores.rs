//! A real S3 server below us: as a source of originals, and as the store of variants.

use std::process::Output;

use futures_util::TryStreamExt;
use object_store::Attribute;
use tintype::object::{BucketName, ObjectId, ObjectKey};
use tintype::source::{Opened, SourceError};

use crate::process::command;
use crate::support::object_server::Bucket;
use crate::support::{Setup, eventually, fixture};

const PNG: (Attribute, &str) = (Attribute::ContentType, "image/png");
const BRIEF: (Attribute, &str) = (Attribute::CacheControl, "max-age=1");
const LIMIT: u64 = 50_000_000;

fn png() -> Vec<u8> {
    fixture("formats/truecolour.png")
}

fn jpeg() -> Vec<u8> {
    fixture("formats/baseline.jpg")
}

/// Runs the binary with what the setup sets.
fn run(setup: &Setup, arguments: &[&str]) -> Output {
    let data = setup.data.path().join("data");
    let mut command = command();
    command.envs(setup.variables()).args(arguments).args(["--data", data.to_str().unwrap()]).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A source's own bucket name does not matter to it.
fn named(key: &str) -> ObjectId {
    ObjectId::new(BucketName::parse("any").unwrap(), ObjectKey::parse(key).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_listed_by_prefix_and_read_conditionally() {
    let bucket = Bucket::new();
    let keys = ["cats/a.png", "cats/b c+%25ä.png", "catalogue.png", "dogs/d.png"];
    for key in keys {
        bucket.put(&format!("album/{key}"), png(), &[PNG, BRIEF]).await;
    }
    bucket.put("albums/other.png", png(), &[]).await;
    let source = bucket.source("album");
    source.check().await.unwrap();
    let listed = async |prefix| {
        let mut keys: Vec<_> =
            source.list(&named("a").bucket, prefix).map_ok(|key| key.to_string()).try_collect().await.unwrap();
        keys.sort();
        keys
    };
    let mut all = keys.map(str::to_owned);
    all.sort();
    assert_eq!(listed("").await, all);
    assert_eq!(listed("cat").await, ["catalogue.png", "cats/a.png", "cats/b c+%25ä.png"]);
    assert_eq!(listed("cats/").await, ["cats/a.png", "cats/b c+%25ä.png"]);
    assert_eq!(listed("none").await, [""; 0]);

    let object = named("cats/b c+%25ä.png");
    let Opened::Changed(original) = source.open(&object, None, LIMIT).await.unwrap() else { panic!("unchanged") };
    assert_eq!((&original.bytes[..], original.content_type.as_deref()), (&png()[..], Some("image/png")));
    assert_eq!(original.cache_control.as_deref(), Some("max-age=1"));
    let again = async || source.open(&object, Some(&original.validators), LIMIT).await.unwrap();
    assert!(matches!(again().await, Opened::Unchanged { .. }));
    bucket.put(&format!("album/{}", object.key), jpeg(), &[]).await;
    assert!(matches!(again().await, Opened::Changed(_)));
    assert_eq!(source.open(&object, None, 10).await.unwrap_err(), SourceError::TooManyBytes { limit: 10 });
    let missing = named("cats/z.png");
    assert_eq!(source.open(&missing, None, LIMIT).await.unwrap_err(), SourceError::Missing);
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_served_and_a_replaced_or_removed_object_is_noticed() {
    let bucket = Bucket::new();
    bucket.put("up/a b.png", png(), &[PNG, BRIEF]).await;
    let setup = Setup::new().media(&bucket, "up").with("CACHE__STALE_SECONDS", "0");
    let server = setup.with("CACHE__MISSING_SECONDS", "1").start().await;
    let first = server.get("/image/media/a%20b.png?w=32&f=png").await.expect(200);
    assert_eq!((first.size().0, first.header("cache-control")), (32, "max-age=1"));
    let original = server.get("/storage/v1/object/public/media/a%20b.png").await.expect(200);
    assert_eq!((original.header("content-type"), &original.body[..]), ("image/png", &png()[..]));
    server.get("/image/media/none.png?w=32").await.expect(404);

    bucket.put("up/a b.png", jpeg(), &[BRIEF]).await;
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    let second = server.get("/image/media/a%20b.png?w=32&f=png").await.expect(200);
    assert_ne!(second.body, first.body, "the next request after the object's own time has the new picture");
    bucket.remove("up/a b.png").await;
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    server.get("/image/media/a%20b.png?w=32&f=png").await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_of_the_bucket_is_warmed_in_every_width_and_format() {
    let bucket = Bucket::new();
    for name in ["cats/a.png", "cats/b.png", "dogs/c.png"] {
        bucket.put(name, png(), &[PNG]).await;
    }
    let setup = Setup::new().media(&bucket, "");
    let arguments =
        ["warm", "--json", "--bucket-prefix", "media/cats/", "--widths", "16,32,48", "--formats", "webp,jpeg"];
    let output = run(&setup, &arguments);
    let summary: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)));
    assert_eq!((&summary["made"], &summary["failed"]), (&12.into(), &0.into()), "{}", text(&output));
    let server = setup.start().await;
    for (path, is_warm) in [("cats/b.png?w=48&f=jpeg", true), ("dogs/c.png?w=48&f=jpeg", false)] {
        let answer = server.get(&format!("/image/media/{path}")).await.expect(200);
        assert_eq!(answer.is_hit(), is_warm, "{path}: {}", answer.header("cache-status"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn variants_in_the_bucket_outlive_the_machine_and_a_purge_removes_them_there() {
    let bucket = Bucket::new();
    bucket.put("originals/a.png", png(), &[PNG]).await;
    bucket.put("originals/b.png", png(), &[PNG]).await;
    bucket.put("cache/not-ours.txt", "left alone", &[]).await;
    let setup = || Setup::new().media(&bucket, "originals").variants_in(&bucket, "cache");
    let paths = ["/image/media/a.png?w=32&f=webp", "/image/media/b.png?w=32&f=webp"];
    let kept = async || bucket.paths().await.into_iter().filter(|path| path.starts_with("cache/media/")).count();

    let first = setup().start().await;
    let mut bodies = Vec::new();
    for path in paths {
        bodies.push(first.get(path).await.expect(200).body);
    }
    first.stop().await;
    assert_eq!(kept().await, 4, "a variant and a record each: {:?}", bucket.paths().await);

    // Another machine: an empty data folder.
    let second_setup = setup();
    let second = second_setup.start().await;
    for (path, body) in paths.iter().zip(&bodies) {
        let answer = second.get(path).await.expect(200);
        assert!(answer.is_hit() && answer.body == *body, "{path}: {}", answer.header("cache-status"));
    }
    let removed = second.purge(r#"{"bucket":"media","object":"a.png"}"#).await.expect(200);
    assert_eq!((removed.json()["removed"].as_u64(), kept().await), (Some(2), 2));
    assert!(!second.get(paths[0]).await.is_hit());
    eventually("both are written again", async || kept().await == 4).await;
    let removed = second.purge(r#"{"bucket":"media","prefix":"b"}"#).await.expect(200);
    assert_eq!((removed.json()["removed"].as_u64(), kept().await), (Some(2), 2));
    second.stop().await;

    let output = run(&second_setup, &["purge", "--all"]);
    assert!(text(&output).contains("removed 2 files made of all pictures"), "{}", text(&output));
    assert_eq!(bucket.paths().await, ["cache/not-ours.txt", "originals/a.png", "originals/b.png"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cap_holds_in_the_bucket_and_a_damaged_variant_is_made_again() {
    let bucket = Bucket::new();
    // Each file is charged with a block at least.
    let setup = || Setup::new().photos().variants_in(&bucket, "").with("CACHE__VARIANTS", "40960");
    let server = setup().start().await;
    let widths = [16, 32, 48, 64, 96, 128, 256];
    let url = |width: u32| format!("/image/photos/avatar-fox.png?w={width}&f=jpeg&q=1");
    for width in widths {
        for quality in ["", "1", "2"] {
            server.get(&format!("{}{quality}", url(width))).await.expect(200);
        }
    }
    eventually("the oldest have left the bucket", async || bucket.paths().await.len() <= 10).await;
    let newest = server.get(&url(256)).await.expect(200);
    server.stop().await;

    let variants: Vec<_> = bucket.paths().await.into_iter().filter(|path| !path.ends_with("record.json")).collect();
    assert!(variants.len() > 1, "{variants:?}");
    for path in &variants {
        bucket.put(path, "damaged", &[]).await;
    }
    let server = setup().start().await;
    let answer = server.get(&url(256)).await.expect(200);
    assert!(!answer.is_hit() && answer.body == newest.body, "{}", answer.header("cache-status"));
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_tries_source_and_variant_store_and_says_what_is_wrong() {
    let bucket = Bucket::new();
    bucket.put("originals/a.png", png(), &[PNG]).await;
    let sound = || Setup::new().media(&bucket, "originals").variants_in(&bucket, "cache");
    let output = run(&sound(), &["doctor"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    for part in ["variant store s3://", "bucket media: reached", "transform: media/a.png"] {
        assert!(text(&output).contains(part), "{part} is missing from\n{}", text(&output));
    }
    assert_eq!(bucket.paths().await.iter().filter(|path| path.contains("check")).count(), 0);

    let wrong = "BUCKETS__MEDIA__OPTIONS__";
    let missing = Bucket::new();
    let faults = [
        (
            sound().with(&format!("{wrong}SECRET_ACCESS_KEY"), "wrong"),
            "bucket media: the store denied access: SignatureDoesNotMatch",
        ),
        (
            sound().with(&format!("{wrong}ACCESS_KEY_ID"), "nobody"),
            "bucket media: the store denied access: InvalidAccessKeyId",
        ),
        (sound().media(&missing, ""), "NoSuchBucket"),
        (sound().with("CACHE__VARIANTS_OPTIONS__SECRET_ACCESS_KEY", "wrong"), "SignatureDoesNotMatch"),
    ];
    for (setup, part) in faults {
        let output = run(&setup, &["doctor"]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).contains(part), "{part} is missing from\n{}", text(&output));
        assert!(!text(&output).contains("<Error>"), "{}", text(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_wrong_keys_strangers_read_no_details_and_pictures_need_no_variant_store() {
    let bucket = Bucket::new();
    bucket.put("originals/a.png", png(), &[PNG]).await;
    let setup = Setup::new().photos().media(&bucket, "originals").variants_in(&bucket, "cache");
    let setup = setup.with("BUCKETS__MEDIA__OPTIONS__SECRET_ACCESS_KEY", "wrong");
    let server = setup.with("CACHE__VARIANTS_OPTIONS__SECRET_ACCESS_KEY", "wrong").start().await;
    let refused = server.get("/image/media/a.png?w=32").await.expect(502);
    assert!(!refused.text().contains("Signature") && !refused.text().contains("127.0.0.1"), "{}", refused.text());
    server.get("/image/photos/avatar-fox.png?w=32").await.expect(200);
    server.purge(r#"{"all":true}"#).await.expect(500);
}

#[test]
fn variants_and_originals_are_kept_apart() {
    let output = command()
        .args(["serve", "--bucket", "media=s3://one/album/"])
        .env("TINTYPE_CACHE__VARIANTS_URL", "s3://one/album/cache")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("overlaps buckets.media.url"), "{}", text(&output));
}
