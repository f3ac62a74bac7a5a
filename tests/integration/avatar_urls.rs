//! What counts as an avatar's URL: one table of cases for the server and for the database.

use tintype::config::PAINTED;
use tintype::sidecar::avatar_url::{AvatarOrigins, AvatarUrl};

/// Where avatars are seen in these cases, beside every project of Supabase's cloud.
pub const ORIGINS: [&str; 3] = ["https://images.example.com", "http://127.0.0.1:54321", "http://[::1]:8787"];

const STORED: Option<AvatarUrl> = Some(AvatarUrl::Stored);
const TEMPORARY: Option<AvatarUrl> = Some(AvatarUrl::Temporary);

/// URLs and what they show.
pub fn cases() -> Vec<(String, Option<AvatarUrl>)> {
    let object = "/storage/v1/object/public/kinkster-avatars";
    let render = "/storage/v1/render/image/public/kinkster-avatars";
    let ours = format!("https://images.example.com{object}");
    let painted = format!("https://{}", PAINTED[0]);
    let mut cases = vec![
        (format!("{ours}/u/kinksters/avatar_1.png"), STORED),
        (format!("https://images.example.com{render}/u/a.webp?width=64&quality=75"), STORED),
        (format!("https://abcdefghijklmnopqrst.supabase.co{object}/u/a.png"), STORED),
        (format!("HTTPS://Images.Example.COM{object}/u/a.png"), STORED),
        (format!("https://images.example.com:443{object}/u/a.png"), STORED),
        (format!("http://127.0.0.1:54321{object}/u/a.png?t=1"), STORED),
        (format!("http://[::1]:8787{object}/u/a.png"), STORED),
        (format!("{ours}/u/a%20b%C3%A9.png"), STORED),
        (format!("{ours}/u/it's(1),+a=b;c@d!$&*.png"), STORED),
        (format!("{ours}/u/...png"), STORED),
        (format!("{painted}/private/org-x/img-y.png?se=2026-01-01T00%3A00%3A00Z&sig=a%2Fb%3D"), TEMPORARY),
        (format!("{painted}:443/x"), TEMPORARY),
        (format!("https://{}/x.png", PAINTED[1].to_uppercase()), TEMPORARY),
        // What a search for parts of the text would take for one.
        (format!("https://evil.example/{ours}/u/a.png"), None),
        (format!("https://evil.example/?u={ours}/u/a.png"), None),
        (format!("https://evil.example{object}/u/a.png"), None),
        (format!("https://images.example.com.evil.example{object}/u/a.png"), None),
        (format!("https://images.example.com@evil.example{object}/u/a.png"), None),
        (format!("https://user@images.example.com{object}/u/a.png"), None),
        (format!("https://evil-supabase.co{object}/u/a.png"), None),
        (format!("https://a.b.supabase.co{object}/u/a.png"), None),
        (format!("https://.supabase.co{object}/u/a.png"), None),
        (format!("https://abc.supabase.co.{object}/u/a.png"), None),
        (format!("http://abc.supabase.co{object}/u/a.png"), None),
        (format!("https://abc.supabase.co:8443{object}/u/a.png"), None),
        (format!("https://evil.example/{}", PAINTED[0]), None),
        (format!("https://evil.{}/x", PAINTED[0]), None),
        (format!("http://{}/x", PAINTED[0]), None),
        (painted.clone(), None),
        (format!("{painted}/"), None),
        // Not of the bucket, or not public.
        (ours.clone(), None),
        (format!("{ours}/"), None),
        (format!("{ours}/u/"), None),
        (format!("{ours}-old/u/a.png"), None),
        (format!("{ours}?u/a.png"), None),
        ("https://images.example.com/storage/v1/object/public/task-proofs/u/a.png".to_owned(), None),
        ("https://images.example.com/storage/v1/object/sign/kinkster-avatars/u/a.png?token=x".to_owned(), None),
        ("https://images.example.com/x/storage/v1/object/public/kinkster-avatars/u/a.png".to_owned(), None),
        ("https://images.example.com/STORAGE/v1/object/public/kinkster-avatars/u/a.png".to_owned(), None),
        (format!("http://images.example.com{object}/u/a.png"), None),
        (format!("https://images.example.com:0443{object}/u/a.png"), None),
        (format!("https://images.example.com:{object}/u/a.png"), None),
        (format!("http://127.0.0.1{object}/u/a.png"), None),
        (format!("ftp://images.example.com{object}/u/a.png"), None),
        (format!("//images.example.com{object}/u/a.png"), None),
        (format!("{object}/u/a.png"), None),
        // What two readers could take for different URLs.
        (format!("{ours}/../task-proofs/a.png"), None),
        (format!("{ours}/./a.png"), None),
        (format!("{ours}/u/.."), None),
        (format!("{ours}/%2e%2e/a.png"), None),
        (format!("{ours}/u%2Fa.png"), None),
        (format!("{ours}/u%5ca.png"), None),
        (format!("{ours}/u%0aa.png"), None),
        (format!("{ours}/u%7Fa.png"), None),
        (format!("{ours}/u%4"), None),
        (format!("{ours}/u%zz"), None),
        (format!("{ours}//a.png"), None),
        (format!("{ours}/u\\a.png"), None),
        (format!("{ours}/u/a.png#x"), None),
        (format!("{ours}/u/a.png\n"), None),
        (format!("\t{ours}/u/a.png"), None),
        (format!("{ours}/u/a b.png"), None),
        (format!("{ours}/u/é.png"), None),
        (format!("{ours}/u/<a>.png"), None),
        ("javascript:alert(1)".to_owned(), None),
        ("data:image/png;base64,AAAA".to_owned(), None),
        (String::new(), None),
        ("https://".to_owned(), None),
    ];
    let longest = 2048 - ours.len() - 1;
    cases.push((format!("{ours}/{}", "x".repeat(longest)), STORED));
    cases.push((format!("{ours}/{}", "x".repeat(longest + 1)), None));
    cases
}

/// What the server reads by in these cases.
fn origins() -> AvatarOrigins {
    AvatarOrigins {
        stored: ORIGINS.map(str::to_owned).into(),
        temporary: PAINTED.map(|host| format!("https://{host}")).into(),
    }
}

#[test]
fn the_server_takes_urls_apart() {
    for (url, expected) in cases() {
        assert_eq!(origins().kind(&url), expected, "{url}");
    }
}
