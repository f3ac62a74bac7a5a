use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;

use super::*;

const DESCRIBED: Described<'static> = Described { mime_type: "text/plain", cache_control: "no-cache" };

fn bucket() -> BucketName {
    BucketName::parse("b").unwrap()
}

fn places(root: &FilePath) -> [Blobs; 2] {
    let store = Arc::new(object_store::memory::InMemory::new());
    [Blobs::on_disk(&root.join("disk")).unwrap(), Blobs::in_store(&root.join("store"), store).unwrap()]
}

async fn arrived(blobs: &Blobs, body: &[u8]) -> Incoming {
    let mut receiving = blobs.receive(1 << 30).await.unwrap();
    for part in body.chunks(100_000) {
        receiving.write(part).await.unwrap();
    }
    receiving.finish().await.unwrap()
}

fn left_over(blobs: &Blobs) -> usize {
    std::fs::read_dir(blobs.root.join(INCOMING)).unwrap().count()
}

async fn listed(blobs: &Blobs, before: SystemTime) -> Vec<Stray> {
    blobs.written_before(before).try_collect().await.unwrap()
}

#[tokio::test]
async fn a_blob_comes_back_as_it_was_is_copied_and_removed() {
    let root = tempfile::tempdir().unwrap();
    for blobs in places(root.path()) {
        for size in [0, 1, 300_000, 9 << 20] {
            let (body, version, second) = (vec![7; size], Uuid::new_v4(), Uuid::new_v4());
            let incoming = arrived(&blobs, &body).await;
            assert_eq!((incoming.size, incoming.etag.len()), (size as u64, 34));
            blobs.keep(&bucket(), version, incoming, DESCRIBED).await.unwrap();
            assert_eq!(blobs.read(&bucket(), version, 10 << 20).await.unwrap(), body);
            let other = BucketName::parse("other").unwrap();
            blobs.copy((&bucket(), version), (&other, second)).await.unwrap();
            blobs.remove(&bucket(), version).await.unwrap();
            blobs.remove(&bucket(), version).await.unwrap();
            assert!(matches!(blobs.read(&bucket(), version, 10 << 20).await, Err(BlobError::Missing)));
            assert_eq!(blobs.read(&other, second, 10 << 20).await.unwrap(), body);
            assert_eq!(left_over(&blobs), 0);
            let later = SystemTime::now() + Duration::from_secs(60);
            let strays = listed(&blobs, later).await;
            assert!(strays.contains(&Stray { bucket: other.clone(), version: second, size: size as u64 }));
            assert_eq!(listed(&blobs, SystemTime::UNIX_EPOCH).await, []);
        }
    }
}

#[tokio::test]
async fn what_is_too_large_or_given_up_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let [blobs, _] = places(root.path());
    let mut receiving = blobs.receive(10).await.unwrap();
    receiving.write(&[0; 10]).await.unwrap();
    assert!(matches!(receiving.write(&[0]).await, Err(BlobError::TooLarge { limit: 10 })));
    drop(receiving);
    drop(arrived(&blobs, b"never named").await);
    assert_eq!(left_over(&blobs), 0);
    let kept = arrived(&blobs, b"left by a crash").await;
    std::mem::forget(kept);
    assert_eq!(blobs.sweep_incoming(Duration::from_secs(3600)).unwrap(), 0);
    assert_eq!(blobs.sweep_incoming(Duration::ZERO).unwrap(), 1);
}

#[tokio::test]
async fn an_upload_grows_from_what_is_recorded_and_stays_until_it_is_discarded() {
    let root = tempfile::tempdir().unwrap();
    for blobs in places(root.path()) {
        let (upload, version) = (Uuid::new_v4(), Uuid::new_v4());
        assert_eq!(blobs.grown(upload, 5).await.unwrap(), 0);
        let mut growing = blobs.grow(upload, 0).await.unwrap();
        growing.write(b"first, not recorded").await.unwrap();
        growing.sync().await.unwrap();
        drop(growing);
        assert_eq!(blobs.grown(upload, 5).await.unwrap(), 5);
        let mut growing = blobs.grow(upload, 5).await.unwrap();
        growing.write(b" then wrong").await.unwrap();
        growing.cut(5).await.unwrap();
        growing.write(b" then right").await.unwrap();
        growing.sync().await.unwrap();
        assert_eq!((growing.size(), blobs.grown(upload, 99).await.unwrap()), (16, 16));
        for _ in 0..2 {
            let incoming = blobs.assembled(upload).await.unwrap();
            assert_eq!((incoming.size, incoming.bytes().await.unwrap().as_ref()), (16, &b"first then right"[..]));
        }
        assert_eq!((left_over(&blobs), blobs.uploads().unwrap()), (0, vec![upload]));
        let incoming = blobs.assembled(upload).await.unwrap();
        assert_eq!(incoming.etag, arrived(&blobs, b"first then right").await.etag);
        blobs.keep(&bucket(), version, incoming, DESCRIBED).await.unwrap();
        blobs.discard(upload).await.unwrap();
        blobs.discard(upload).await.unwrap();
        assert_eq!(blobs.read(&bucket(), version, 99).await.unwrap(), "first then right");
        assert_eq!((left_over(&blobs), blobs.uploads().unwrap()), (0, Vec::new()));
    }
}
