//! Answers that are no picture, too late, too long or broken.

use super::*;

#[tokio::test]
async fn statuses_that_are_no_picture_are_told_apart() {
    let origin = Origin::start();
    let supabase = r#"{"statusCode":"404","error":"not_found","message":"Object not found"}"#;
    let huge = format!("{{\"statusCode\":\"404\",\"message\":\"{}\"}}", "x".repeat(5000));
    let table = [
        (Reply::new(404, ""), SourceError::Missing),
        (Reply::new(410, ""), SourceError::Missing),
        (Reply::new(400, supabase), SourceError::Missing),
        (Reply::new(400, supabase.replace("404", "403")), SourceError::Status(400)),
        (Reply::new(400, "no"), SourceError::Status(400)),
        (Reply::new(400, huge), SourceError::Status(400)),
        (Reply::new(403, ""), SourceError::Status(403)),
        (Reply::new(500, ""), SourceError::Status(500)),
        (Reply::new(204, ""), SourceError::Status(204)),
        (Reply::new(206, PNG).header("content-range", "bytes 0-9/99"), SourceError::Status(206)),
        (Reply::new(304, ""), SourceError::Status(304)),
        (Reply::new(302, ""), SourceError::Status(302)),
        (Reply::new(200, ""), SourceError::Empty),
    ];
    let source = bucket(&origin, PATIENT);
    for (reply, expected) in table {
        origin.serve("/a.png", reply.clone());
        assert_eq!(open(&source, "a.png").await.unwrap_err(), expected, "{reply:?}");
    }
}

#[tokio::test]
async fn a_page_with_status_200_is_left_to_the_prober() {
    let origin = Origin::start();
    origin.serve("/a.png", Reply::ok("text/html", "<h1>Not found</h1>"));
    let original = changed(open(&bucket(&origin, PATIENT), "a.png").await.unwrap());
    assert_eq!(&*original.bytes, b"<h1>Not found</h1>");
}

#[tokio::test]
async fn slow_heads_and_slow_bodies_end_with_the_hop() {
    let origin = Origin::start();
    origin.serve("/hang.png", Answer::Hang);
    origin.serve("/late.png", Answer::After(Duration::from_secs(2), Box::new(Reply::ok("image/png", PNG).into())));
    let reply = Reply::ok("image/png", PNG);
    origin.serve("/trickle.png", Answer::Trickle { reply, piece: 1, pause: Duration::from_millis(60) });
    let source = bucket(&origin, QUICK);
    for path in ["hang.png", "late.png", "trickle.png"] {
        let began = Instant::now();
        assert_eq!(open(&source, path).await.unwrap_err(), SourceError::Slow, "{path}");
        assert!(began.elapsed() < Duration::from_millis(1500), "{path}");
    }
}

#[tokio::test]
async fn bodies_that_break_off_are_incomplete() {
    let origin = Origin::start();
    let short = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this".to_vec();
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nonly this\r\n".to_vec();
    let mut zipped = gzip(&[7; 5000]);
    zipped.truncate(zipped.len() - 12);
    origin.serve("/short.png", Answer::Raw(short.clone()));
    origin.serve("/reset.png", Answer::RawThenReset(short));
    origin.serve("/chunked.png", Answer::Raw(chunked));
    origin.serve("/zipped.png", Reply::ok("image/png", zipped).header("content-encoding", "gzip"));
    origin.serve("/unzippable.png", Reply::ok("image/png", PNG).header("content-encoding", "gzip"));
    let source = bucket(&origin, PATIENT);
    for path in ["short.png", "reset.png", "chunked.png", "zipped.png", "unzippable.png"] {
        let error = open(&source, path).await.unwrap_err();
        assert!(matches!(error, SourceError::Incomplete(_)), "{path}: {error}");
    }
}

#[tokio::test]
async fn bytes_beyond_the_announced_length_are_not_read() {
    let origin = Origin::start();
    origin.serve("/a.png", Answer::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfourHTTP/1.1 200 OK".to_vec()));
    let source = bucket(&origin, PATIENT);
    assert_eq!(&*changed(open(&source, "a.png").await.unwrap()).bytes, b"four");
    origin.serve("/a.png", Reply::ok("image/png", PNG));
    assert_eq!(&*changed(open(&source, "a.png").await.unwrap()).bytes, PNG, "the connection is not used again");
}

#[tokio::test]
async fn answers_that_are_not_http_are_unreachable() {
    let origin = Origin::start();
    origin.serve("/nonsense.png", Answer::Raw(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()));
    origin.serve("/reset.png", Answer::RawThenReset(Vec::new()));
    let source = bucket(&origin, PATIENT);
    for path in ["nonsense.png", "reset.png"] {
        let error = open(&source, path).await.unwrap_err();
        assert!(matches!(error, SourceError::Unreachable(_)), "{path}: {error}");
        assert!(!error.to_string().contains(path), "log lines do not repeat the URL: {error}");
    }
}

#[tokio::test]
async fn too_many_bytes_are_refused_by_length_by_count_and_after_decoding() {
    let origin = Origin::start();
    let announced = b"HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n".to_vec();
    let piece = vec![0; 64 << 10];
    let bomb = gzip(&vec![0; 20 << 20]);
    let one_too_many = gzip(&vec![0; LIMIT as usize + 1]);
    origin.serve("/announced.png", Answer::Raw(announced));
    origin.serve("/endless.png", Answer::Endless { head: String::new(), piece });
    origin.serve("/bomb.png", Reply::ok("image/png", bomb.clone()).header("content-encoding", "gzip"));
    origin.serve("/over.png", Reply::ok("image/png", one_too_many).header("content-encoding", "gzip"));
    let head = "content-encoding: gzip\r\n".to_owned();
    origin.serve("/endless-bomb.png", Answer::Endless { head, piece: bomb });
    let source = bucket(&origin, PATIENT);
    for path in ["announced.png", "endless.png", "bomb.png", "over.png", "endless-bomb.png"] {
        assert_eq!(open(&source, path).await.unwrap_err(), SourceError::TooManyBytes { limit: LIMIT }, "{path}");
    }
}

#[tokio::test]
async fn exactly_the_limit_is_accepted() {
    let origin = Origin::start();
    let full = vec![7; LIMIT as usize];
    origin.serve("/plain.png", Reply::ok("image/png", full.clone()));
    origin.serve("/zipped.png", Reply::ok("image/png", gzip(&full)).header("content-encoding", "gzip"));
    let source = bucket(&origin, PATIENT);
    for path in ["plain.png", "zipped.png"] {
        assert_eq!(changed(open(&source, path).await.unwrap()).bytes.len() as u64, LIMIT, "{path}");
    }
}

#[tokio::test]
async fn one_known_content_coding_is_decoded_and_others_are_refused() {
    let origin = Origin::start();
    let coded = |coding: &str| Reply::ok("image/png", gzip(PNG)).header("content-encoding", coding);
    origin.serve("/gzip.png", coded("gzip"));
    origin.serve("/identity.png", Reply::ok("image/png", PNG).header("content-encoding", "identity"));
    let source = bucket(&origin, PATIENT);
    for path in ["gzip.png", "identity.png"] {
        let original = changed(open(&source, path).await.unwrap());
        assert_eq!((&*original.bytes, original.validators.size), (PNG, Some(PNG.len() as u64)), "{path}");
    }
    for coding in ["gzip, gzip", "gzip, br, gzip, br, gzip, br", "zstd", "compress", "aes128gcm"] {
        origin.serve("/a.png", coded(coding));
        assert_eq!(open(&source, "a.png").await.unwrap_err(), SourceError::Coding(coding.into()), "{coding}");
    }
}

#[tokio::test]
async fn origins_are_reachable_when_they_answer_at_all() {
    let origin = Origin::start();
    let source = bucket(&origin, QUICK);
    assert_eq!(source.check().await, Ok(()), "404 is an answer");
    origin.serve("/", Answer::Hang);
    assert_eq!(source.check().await, Err(SourceError::Slow));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = Url::parse(&format!("http://{closed}/")).unwrap();
    let error = Source::Http(HttpSource::new(&url, [], QUICK, fetcher(&[])).unwrap()).check().await.unwrap_err();
    assert_eq!(error.code(), crate::error::Code::OriginUnreachable);
}
