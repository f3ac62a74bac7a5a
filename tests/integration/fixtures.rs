//! Every checked-in picture that a stranger may send, against the status in its name.

use crate::support::{Setup, fixtures, pixels};

#[tokio::test(flavor = "multi_thread")]
async fn hostile_pictures_get_the_status_in_their_name_and_the_server_lives_on() {
    let folder = fixtures().join("hostile");
    let server = Setup::new().bucket("hostile", folder.to_str().unwrap()).start().await;
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(names.len() > 100, "only {} files", names.len());
    let mut wrong = Vec::new();
    for name in &names {
        let expected: u16 = name.split("--").next().unwrap().parse().unwrap();
        let answer = server.get_webp(&format!("/image/hostile/{name}?w=64")).await;
        let status = answer.status.as_u16();
        if status != expected {
            wrong.push(format!("{name}: {status} {}", answer.text().chars().take(120).collect::<String>()));
        } else if status == 200 {
            let raster = pixels(&answer.body);
            assert!(raster.width() <= 64, "{name}");
            for word in [&b"<script"[..], b"<?php", b"<html", b"Exif\0", b"PK\x03\x04"] {
                assert!(!answer.body.windows(word.len()).any(|window| window == word), "{name} let {word:?} through");
            }
        } else {
            assert_eq!(answer.header("cache-control"), "no-store", "{name}");
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), names.len(), wrong.join("\n"));
    server.get("/image/hostile/200--jpeg-called-png.png?w=32").await.expect(200);
}
