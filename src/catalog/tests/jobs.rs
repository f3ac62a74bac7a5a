//! Jobs: claims, leases, steps, quotas. Each test leaves no job under way, since a claim takes whichever is next.

pub mod budget;
pub mod ends;
pub mod kinksters;
pub mod leases;
pub mod steps;

use serde_json::json;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{id, make_bucket, new_object};
use crate::auth::Caller;
use crate::catalog::{
    Answered, AvatarWrite, Begun, Budget, Catalog, CatalogError, Claim, Crowd, Ended, Enqueued, Failure, Job, JobQuery,
    JobState, JobStep, KinksterChange, KinksterMatch, NewJob, Placed, Quota, Revival, Sitter, Spent, Uploaded,
};

const ROOMY: Budget = Budget {
    per_user_per_minute: 10_000,
    revivals_per_job: 10_000,
    per_user_per_day: 10_000,
    per_day: 10_000,
    spent_per_day: 1 << 40,
};
const CROWD: Crowd = Crowd { running: 1000, running_per_user: 1000 };

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

fn new_job(user: &str) -> NewJob {
    NewJob {
        user: user.to_owned(),
        kinkster: None,
        idempotency_key: None,
        fingerprint: "f".to_owned(),
        request: json!({"prompt": "a fox"}),
        priority: 0,
        deadline_at: now() + Duration::MINUTE,
        estimate: 40_000,
        claims_kinkster: true,
    }
}

async fn enqueue(catalog: &Catalog, new: NewJob) -> Job {
    match catalog.enqueue_job(new, &ROOMY).await.unwrap() {
        Enqueued::New(job) => *job,
        other => panic!("{other:?}"),
    }
}

fn claim(lease: Duration) -> Claim {
    Claim { worker: Uuid::new_v4(), until: now() + lease, crowd: CROWD, attempts: 3 }
}

async fn take(catalog: &Catalog) -> (Job, Uuid) {
    let claim = claim(Duration::MINUTE);
    (catalog.claim_job(&claim).await.unwrap().unwrap(), claim.worker)
}

fn revival(job: Uuid) -> Revival {
    Revival { job, deadline_at: now() + Duration::MINUTE, claims_kinkster: true }
}

fn failure() -> Failure {
    Failure { code: "timeout".to_owned(), text: "It took too long".to_owned() }
}
