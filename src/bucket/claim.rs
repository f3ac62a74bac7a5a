//! Whose the blobs are. Whoever sweeps with the wrong catalogue takes every blob for left over.

use futures_util::{StreamExt, TryStreamExt};
use uuid::Uuid;

use super::BucketError;
use super::tidy::unknown;
use crate::blobs::Blobs;
use crate::catalog::Catalog;

/// Blobs held against the catalogue at once.
const BATCH: usize = 500;

/// Whether the blobs are the catalogue's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    Ours,
    /// There are blobs, and nobody has said whose.
    Unknown,
    /// Another catalogue's, or most of them are nobody's that we know.
    Foreign,
}

/// What to do where blobs are not ours.
pub const FOREIGN: &str = "the blobs are not known to be this catalogue's (a lost or another database, or a bucket that \
    two catalogues share), so none of them is taken for left over; once you are sure that no other catalogue needs \
    them: tintype cleanup --adopt";

/// Claims a store without a blob; asks it for no more than its mark and its first blob.
pub async fn claim_empty(catalog: &Catalog, blobs: &Blobs) -> Result<Claim, BucketError> {
    match marked(catalog, blobs).await? {
        Claim::Unknown if blobs.is_empty().await? => take(catalog, blobs, false).await,
        claim => Ok(claim),
    }
}

/// Claims a store that holds no mark, if the catalogue knows at least half of its blobs; one that was used before there
/// were marks is such. With `only_look` nothing is written.
pub async fn claim(catalog: &Catalog, blobs: &Blobs, only_look: bool) -> Result<Claim, BucketError> {
    let claim = marked(catalog, blobs).await?;
    if claim != Claim::Unknown {
        return Ok(claim);
    }
    let (mut all, mut strange) = (0, 0);
    let mut batches = blobs.all().try_chunks(BATCH);
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|error| error.1)?;
        all += batch.len();
        strange += unknown(catalog, batch).await?.len();
    }
    if strange * 2 > all {
        return Ok(Claim::Foreign);
    }
    if only_look { Ok(Claim::Ours) } else { take(catalog, blobs, false).await }
}

/// Makes the blobs this catalogue's, whosever they were: another catalogue sweeps them no more.
pub async fn adopt(catalog: &Catalog, blobs: &Blobs) -> Result<(), BucketError> {
    take(catalog, blobs, true).await.map(drop)
}

async fn marked(catalog: &Catalog, blobs: &Blobs) -> Result<Claim, BucketError> {
    Ok(match (catalog.blob_store().await?, blobs.mark().await?) {
        (Some(here), Some(there)) if here == there => Claim::Ours,
        (_, Some(_)) => Claim::Foreign,
        (_, None) => Claim::Unknown,
    })
}

/// The catalogue first: nodes that share it agree on one id.
async fn take(catalog: &Catalog, blobs: &Blobs, anew: bool) -> Result<Claim, BucketError> {
    let id = catalog.claim_blob_store(Uuid::new_v4(), anew).await?;
    blobs.set_mark(id).await?;
    Ok(Claim::Ours)
}
