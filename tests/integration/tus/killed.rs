//! `kill -9` at every moment.

use std::time::Duration;

use super::{Tus, begun_patch, expect, noise};
use crate::process::serve;
use crate::support::{eventually, files_below, service_key};

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_and_within_parts_an_upload_goes_on_to_the_exact_bytes() {
    let rounds = if std::env::var_os("TINTYPE_FULL").is_some() { 20 } else { 3 };
    let data = tempfile::tempdir().unwrap();
    let body = noise(12 << 20);
    {
        let server = serve(data.path(), &[]);
        Tus::new(&server.url, &service_key()).make_bucket("files").await;
    }
    for round in 0..rounds {
        let object = format!("files/{round}");
        let mut server = serve(data.path(), &[]);
        let mut service = Tus::new(&server.url, &service_key());
        let place = service.create(&object, body.len()).await;
        let first = 1_000_000 + 77_777 * round;
        expect(service.patch(&place, 0, body[..first].to_vec()).await, 204).await;
        // Killed between parts: what was answered is there.
        drop(server);
        server = serve(data.path(), &[]);
        service.base.clone_from(&server.url);
        assert_eq!(service.head(&place).await, Ok((first, body.len())));
        // Killed within one: what counts is a true beginning, and not all of it is lost.
        let sent = first + (9 << 20);
        let sending = begun_patch(&service, &place, first, body.len() - first, &body[first..sent]).await;
        let uploads = data.path().join("storage/uploads");
        let written = || files_below(&uploads).iter().map(|path| path.metadata().unwrap().len()).sum::<u64>();
        eventually("nine megabytes are written", async || written() > (first as u64) + (8 << 20)).await;
        drop(server);
        drop(sending);
        server = serve(data.path(), &[]);
        service.base.clone_from(&server.url);
        let (offset, length) = service.head(&place).await.unwrap();
        assert!(offset >= first + (4 << 20) && offset <= sent && length == body.len(), "{offset} of {sent}");
        expect(service.patch(&place, offset, body[offset..].to_vec()).await, 204).await;
        assert!(service.bytes(&object).await == body, "other bytes after round {round}");
        assert!(files_below(&uploads).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_its_end_an_upload_is_either_finished_or_goes_on() {
    let rounds = if std::env::var_os("TINTYPE_FULL").is_some() { 60 } else { 8 };
    let data = tempfile::tempdir().unwrap();
    let body = noise(600_000);
    let mut server = serve(data.path(), &[]);
    let mut service = Tus::new(&server.url, &service_key());
    service.make_bucket("files").await;
    for round in 0..rounds {
        let object = format!("files/{round}");
        let place = service.create(&object, body.len()).await;
        expect(service.patch(&place, 0, body[..300_000].to_vec()).await, 204).await;
        let last = begun_patch(&service, &place, 300_000, 300_000, &body[300_000..]).await;
        tokio::time::sleep(Duration::from_millis(2 * (round % 15))).await;
        drop(server);
        drop(last);
        server = serve(data.path(), &[]);
        service.base.clone_from(&server.url);
        let (offset, _) = service.head(&place).await.unwrap();
        if offset < body.len() {
            assert_eq!(offset, 300_000, "round {round}");
            expect(service.patch(&place, offset, body[offset..].to_vec()).await, 204).await;
        }
        assert!(service.bytes(&object).await == body, "other bytes after round {round}");
    }
    assert!(files_below(&data.path().join("storage/uploads")).is_empty());
}
