//! Jobs: claims, leases, steps, quotas. Each test leaves no job under way, since a claim takes whichever is next.

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

pub async fn are_taken_once_by_priority_and_age(catalog: &Catalog) {
    let (first, second) = (enqueue(catalog, new_job("j1")).await, enqueue(catalog, new_job("j1")).await);
    let urgent = enqueue(catalog, NewJob { priority: 5, ..new_job("j2") }).await;
    assert_eq!((first.state, first.step, first.attempts), (JobState::Queued, JobStep::Generating, 0));
    for expected in [&urgent, &first, &second] {
        let (job, worker) = take(catalog).await;
        assert_eq!((job.id, job.state, job.attempts, job.worker), (expected.id, JobState::Running, 1, Some(worker)));
        let done = catalog.finish_job(job.lease(worker)).await.unwrap().unwrap();
        assert!(done.state == JobState::Completed && done.finished_at.is_some());
        assert_eq!(catalog.finish_job(job.lease(worker)).await.unwrap(), None);
    }
    assert_eq!(catalog.claim_job(&claim(Duration::MINUTE)).await.unwrap(), None);
    let mine = catalog.jobs(&JobQuery { user: Some("j1".to_owned()), limit: 1, ..JobQuery::default() }).await.unwrap();
    assert_eq!(mine.iter().map(|job| job.id).collect::<Vec<_>>(), [second.id]);
    let before = JobQuery { user: Some("j1".to_owned()), limit: 9, before: Some(second.id), ..JobQuery::default() };
    assert_eq!(catalog.jobs(&before).await.unwrap().iter().map(|job| job.id).collect::<Vec<_>>(), [first.id]);
}

pub async fn of_a_dead_worker_are_resumed_and_it_may_write_no_more(catalog: &Catalog) {
    enqueue(catalog, new_job("j3")).await;
    let dead = claim(-Duration::SECOND);
    let job = catalog.claim_job(&dead).await.unwrap().unwrap();
    let Begun::Job(painting) = catalog.begin_paint(job.lease(dead.worker), &ROOMY).await.unwrap() else { panic!() };
    assert!(painting.seq > job.seq, "what is told of painting must not be taken for what was told of waiting");
    let answered = Answered { config: json!({"model": "m"}), provider_url: None, cost: Some(30_000) };
    catalog.note_answer(job.lease(dead.worker), &answered).await.unwrap().unwrap();
    let (resumed, worker) = take(catalog).await;
    assert_eq!((resumed.id, resumed.attempts, resumed.paints, resumed.spent), (job.id, 2, 1, 30_000));
    assert_eq!(resumed.answered, Some(Answered { cost: None, ..answered }));
    let stale = job.lease(dead.worker);
    assert_eq!(catalog.renew_job(stale, now()).await, Ok(false));
    assert_eq!(catalog.advance_job(stale, JobStep::Uploading).await, Ok(None));
    assert_eq!(catalog.fail_job(stale, &failure(), None).await, Ok(None));
    assert_eq!(catalog.renew_job(resumed.lease(worker), now() + Duration::MINUTE).await, Ok(true));
    let advanced = catalog.advance_job(resumed.lease(worker), JobStep::Uploading).await.unwrap().unwrap();
    assert_eq!((advanced.step, advanced.seq), (JobStep::Uploading, resumed.seq + 1));
    let due = now() + Duration::HOUR;
    let failed = catalog.fail_job(resumed.lease(worker), &failure(), Some(due)).await.unwrap().unwrap();
    assert_eq!((failed.state, failed.failure), (JobState::Error, Some(failure())));
    assert!((failed.due_at - due).abs() < Duration::SECOND);
}

pub async fn store_their_picture_with_row_and_columns_or_not_at_all(catalog: &Catalog) {
    make_bucket(catalog, "painted").await;
    let kinkster = Uuid::new_v4();
    enqueue(catalog, NewJob { kinkster: Some(kinkster), ..new_job("j4") }).await;
    let (job, worker) = take(catalog).await;
    let write = AvatarWrite {
        lease: Some(job.lease(worker)),
        kinkster: Some(kinkster),
        claims_kinkster: false,
        user: "j4".to_owned(),
        url: "https://a.example/x.png".to_owned(),
        prompt: Some("a fox".to_owned()),
        config: Some(json!({"model": "m"})),
        instead_of: None,
    };
    let stranger = AvatarWrite { lease: Some(job.lease(Uuid::new_v4())), ..write.clone() };
    let new = new_object("painted", "j4/x.png");
    let refused = catalog.put_avatar(&Caller::service(), new.clone(), &stranger).await;
    assert_eq!(refused, Err(CatalogError::Superseded));
    assert_eq!(catalog.find_object(&id("painted", "j4/x.png")).await, Ok(None));
    let changed = AvatarWrite { instead_of: Some("https://a.example/seen.png".to_owned()), ..write.clone() };
    let refused = catalog.put_avatar(&Caller::service(), new.clone(), &changed).await;
    assert_eq!(refused, Err(CatalogError::Superseded), "the row shows something else");
    catalog.put_avatar(&Caller::service(), new, &write).await.unwrap();
    let row = catalog.kinkster(kinkster).await.unwrap().unwrap();
    assert_eq!((row.avatar_url, row.avatar_prompt), (Some(write.url.clone()), write.prompt.clone()));
    assert_eq!(row.avatar_generation_config, write.config);
    let stored = catalog.job(job.id).await.unwrap().unwrap();
    assert_eq!(stored.stored.unwrap().path, "j4/x.png");
    // Past the commit point nothing is taken back.
    assert!(matches!(catalog.cancel_job(job.id).await, Ok(Some(Ended::TooLate(_)))));
    catalog.finish_job(job.lease(worker)).await.unwrap().unwrap();
}

pub async fn by_url_claim_a_kinkster_with_the_picture_or_not_at_all(catalog: &Catalog) {
    make_bucket(catalog, "by-url").await;
    let write = |user: &str| AvatarWrite {
        lease: None,
        kinkster: Some(Uuid::from_u128(0x0419)),
        claims_kinkster: true,
        user: user.to_owned(),
        url: "https://a.example/x.png".to_owned(),
        prompt: None,
        config: None,
        instead_of: None,
    };
    let kinkster = write("j19").kinkster.unwrap();
    let put = async |name: &str, write: AvatarWrite| {
        catalog.put_avatar(&Caller::service(), new_object("by-url", name), &write).await.map(drop)
    };
    let changed = AvatarWrite { instead_of: Some("https://a.example/seen.png".to_owned()), ..write("j19") };
    assert_eq!(put("j19/x.png", changed).await, Err(CatalogError::Superseded));
    assert_eq!(catalog.kinkster(kinkster).await, Ok(None), "a failure claims nothing");
    put("j19/x.png", write("j19")).await.unwrap();
    assert_eq!(put("j20/x.png", write("j20")).await, Err(CatalogError::Denied));
    assert_eq!(catalog.find_object(&id("by-url", "j20/x.png")).await, Ok(None));
    let row = catalog.kinkster(kinkster).await.unwrap().unwrap();
    assert_eq!((row.user.as_str(), row.avatar_url.is_some()), ("j19", true));
    catalog.remove_kinkster(kinkster, None).await.unwrap();
}

pub async fn note_each_step_where_the_picture_is_elsewhere(catalog: &Catalog) {
    let kinkster = Uuid::new_v4();
    let elsewhere = NewJob { kinkster: Some(kinkster), claims_kinkster: false, ..new_job("j4b") };
    enqueue(catalog, elsewhere).await;
    assert_eq!(catalog.kinkster(kinkster).await, Ok(None), "the row is not ours to make");
    let (job, worker) = take(catalog).await;
    let lease = job.lease(worker);
    let mut placed = Placed { path: "j4b/x.png".to_owned(), uploaded: None };
    assert_eq!(job.placed, None);
    assert_eq!(catalog.note_place(job.lease(Uuid::new_v4()), &placed, None).await, Ok(None));
    let named = catalog.note_place(lease, &placed, None).await.unwrap().unwrap();
    assert_eq!((named.placed.as_ref(), named.stored), (Some(&placed), None));
    placed.uploaded = Some(Uploaded { mime_type: "image/png".to_owned(), size: 7 });
    let uploaded = catalog.note_place(lease, &placed, None).await.unwrap().unwrap();
    assert_eq!((uploaded.placed.as_ref(), uploaded.stored), (Some(&placed), None));
    let stored = catalog.note_place(lease, &placed, Some("https://a.example/x.png")).await.unwrap().unwrap();
    assert_eq!(stored.stored.map(|stored| (stored.path, stored.size)), Some(("j4b/x.png".to_owned(), 7)));
    assert!(matches!(catalog.cancel_job(job.id).await, Ok(Some(Ended::TooLate(_)))));
    catalog.finish_job(lease).await.unwrap().unwrap();
}

pub async fn are_cancelled_revived_and_buried(catalog: &Catalog) {
    let queued = enqueue(catalog, new_job("j5")).await;
    let Ok(Some(Ended::Cancelled(cancelled))) = catalog.cancel_job(queued.id).await else { panic!("not cancelled") };
    assert_eq!((cancelled.state, cancelled.failure.unwrap().code), (JobState::Cancelled, "cancelled".to_owned()));
    assert!(matches!(catalog.cancel_job(queued.id).await, Ok(Some(Ended::TooLate(_)))));
    assert!(matches!(catalog.cancel_job(Uuid::new_v4()).await, Ok(None)));
    let late = now() - Duration::SECOND;
    assert!(matches!(
        catalog.revive_job(Revival { deadline_at: late, ..revival(queued.id) }, &ROOMY).await,
        Ok(Enqueued::New(_))
    ));
    let buried = catalog.bury_jobs(3).await.unwrap();
    assert_eq!(buried.iter().map(|job| (job.id, job.state)).collect::<Vec<_>>(), [(queued.id, JobState::Error)]);
    for _ in 0..3 {
        catalog.revive_job(revival(queued.id), &ROOMY).await.unwrap();
        for _ in 0..3 {
            catalog.claim_job(&claim(-Duration::SECOND)).await.unwrap().unwrap();
        }
        assert_eq!(catalog.claim_job(&claim(Duration::MINUTE)).await.unwrap(), None);
        assert_eq!(catalog.bury_jobs(3).await.unwrap()[0].failure.as_ref().unwrap().code, "abandoned");
    }
}

pub async fn are_fresh_while_under_way_and_for_a_while_after_their_end(catalog: &Catalog) {
    let (kinkster, user) = (Uuid::new_v4(), Uuid::new_v4().to_string());
    let fresh = async |sitter: &Sitter, since| {
        let jobs = catalog.fresh_jobs(sitter, since, 8).await.unwrap();
        jobs.into_iter().map(|job| job.id).collect::<Vec<_>>()
    };
    let (long_ago, later) = (now() - Duration::DAY, now() + Duration::DAY);
    let own = enqueue(catalog, new_job(&user)).await;
    let painted = enqueue(catalog, NewJob { kinkster: Some(kinkster), ..new_job(&user) }).await;
    let (user, kinkster) = (Sitter::User(user), Sitter::Kinkster(kinkster));
    let again = enqueue(catalog, new_job(&own.user)).await;
    for since in [long_ago, later] {
        assert_eq!(fresh(&user, since).await, [again.id, own.id]);
        assert_eq!(fresh(&kinkster, since).await, [painted.id]);
    }
    assert_eq!(catalog.fresh_jobs(&user, later, 1).await.unwrap(), std::slice::from_ref(&again));
    for job in [&own, &painted, &again] {
        catalog.cancel_job(job.id).await.unwrap();
    }
    assert_eq!((fresh(&user, later).await, fresh(&kinkster, later).await), (vec![], vec![]));
    assert_eq!(fresh(&user, long_ago).await, [again.id, own.id]);
    assert_eq!(fresh(&kinkster, long_ago).await, [painted.id]);
}

pub async fn wait_for_their_time_and_for_room(catalog: &Catalog) {
    let (first, second) = (enqueue(catalog, new_job("j6")).await, enqueue(catalog, new_job("j6")).await);
    let other = enqueue(catalog, new_job("j7")).await;
    let narrow = |crowd| Claim { crowd, ..claim(Duration::MINUTE) };
    let one_each = Crowd { running: 2, running_per_user: 1 };
    let mut workers = Vec::new();
    for expected in [&first, &other] {
        let claim = narrow(one_each);
        assert_eq!(catalog.claim_job(&claim).await.unwrap().unwrap().id, expected.id);
        workers.push(claim.worker);
    }
    assert_eq!(catalog.claim_job(&narrow(one_each)).await.unwrap(), None);
    assert_eq!(catalog.claim_job(&narrow(Crowd { running: 2, running_per_user: 9 })).await.unwrap(), None);
    let later = now() + Duration::HOUR;
    let postponed = catalog.postpone_job(first.lease(workers[0]), later, &failure()).await.unwrap().unwrap();
    assert_eq!((postponed.state, postponed.attempts, postponed.failure), (JobState::Queued, 1, Some(failure())));
    let released = catalog.release_job(other.lease(workers[1])).await.unwrap().unwrap();
    assert_eq!((released.state, released.attempts), (JobState::Queued, 0));
    for expected in [&second, &other] {
        let (job, worker) = take(catalog).await;
        assert_eq!(job.id, expected.id);
        catalog.finish_job(job.lease(worker)).await.unwrap().unwrap();
    }
    assert_eq!(catalog.claim_job(&claim(Duration::MINUTE)).await.unwrap(), None);
    catalog.cancel_job(first.id).await.unwrap();
}

pub async fn are_the_same_under_the_same_key(catalog: &Catalog) {
    let keyed = || NewJob { idempotency_key: Some("k".to_owned()), ..new_job("j8") };
    let job = enqueue(catalog, keyed()).await;
    let none = Budget { per_user_per_minute: 0, ..ROOMY };
    assert_eq!(catalog.enqueue_job(keyed(), &none).await, Ok(Enqueued::Known(Box::new(job.clone()))));
    let other = NewJob { fingerprint: "g".to_owned(), ..keyed() };
    assert_eq!(catalog.enqueue_job(other, &ROOMY).await, Ok(Enqueued::OtherRequest));
    let somebody = enqueue(catalog, NewJob { user: "j9".to_owned(), ..keyed() }).await;
    for id in [job.id, somebody.id] {
        catalog.cancel_job(id).await.unwrap();
    }
}

pub async fn are_refused_beyond_the_budget(catalog: &Catalog) {
    let quota = async |budget: Budget, user: &str| match catalog.enqueue_job(new_job(user), &budget).await.unwrap() {
        Enqueued::Refused(refused) => Some(refused.quota),
        Enqueued::New(job) => {
            catalog.cancel_job(job.id).await.unwrap();
            None
        }
        other => panic!("{other:?}"),
    };
    let job = enqueue(catalog, new_job("j10")).await;
    assert_eq!(quota(Budget { per_user_per_minute: 1, ..ROOMY }, "j10").await, Some(Quota::UserMinute));
    assert_eq!(quota(Budget { per_user_per_minute: 1, ..ROOMY }, "j11").await, None);
    assert_eq!(quota(Budget { per_user_per_day: 1, ..ROOMY }, "j10").await, Some(Quota::UserDay));
    assert_eq!(quota(Budget { per_user_per_day: 1, ..ROOMY }, "j12").await, None);
    assert_eq!(quota(Budget { per_day: 1, ..ROOMY }, "j12").await, Some(Quota::Day));
    assert_eq!(quota(Budget { spent_per_day: 40_000, ..ROOMY }, "j12").await, Some(Quota::Money));
    // What was cancelled before it was painted has cost nothing.
    catalog.cancel_job(job.id).await.unwrap();
    assert_eq!(quota(Budget { per_user_per_day: 1, ..ROOMY }, "j10").await, None);
    // A refusal that was free is taken off, whatever comes after it.
    enqueue(catalog, new_job("j13")).await;
    let (job, worker) = take(catalog).await;
    let none = Budget { spent_per_day: 0, ..ROOMY };
    assert!(matches!(catalog.begin_paint(job.lease(worker), &none).await, Ok(Begun::Job(_))));
    assert!(matches!(catalog.begin_paint(job.lease(worker), &none).await, Ok(Begun::Refused(_))));
    assert_eq!(catalog.begin_paint(job.lease(Uuid::new_v4()), &ROOMY).await, Ok(Begun::Lost));
    let forgiven = catalog.forgive_paint(job.lease(worker)).await.unwrap().unwrap();
    assert_eq!((forgiven.paints, forgiven.spent), (0, 0));
    catalog.fail_job(job.lease(worker), &failure(), None).await.unwrap();
    assert_eq!(quota(Budget { per_user_per_day: 1, ..ROOMY }, "j13").await, None);
}

pub async fn are_revived_as_often_as_they_may_be(catalog: &Catalog) {
    let failed = async |user: &str| {
        enqueue(catalog, new_job(user)).await;
        let (job, worker) = take(catalog).await;
        catalog.advance_job(job.lease(worker), JobStep::Uploading).await.unwrap().unwrap();
        catalog.fail_job(job.lease(worker), &failure(), None).await.unwrap().unwrap()
    };
    let again = async |job: &Job, budget: Budget| {
        let revived = catalog.revive_job(revival(job.id), &budget).await.unwrap();
        if matches!(revived, Enqueued::New(_)) {
            catalog.cancel_job(job.id).await.unwrap();
        }
        revived
    };
    let job = failed("j14").await;
    let Enqueued::New(revived) = again(&job, ROOMY).await else { panic!("not revived") };
    assert_eq!((revived.state, revived.step), (JobState::Queued, JobStep::Generating));
    let twice = Budget { revivals_per_job: 2, ..ROOMY };
    assert!(matches!(again(&job, twice).await, Enqueued::New(_)));
    assert_eq!(again(&job, twice).await, Enqueued::WornOut);
    // Once noted and twice taken up again: what is asked for is counted, not the jobs.
    let Enqueued::Refused(refused) = again(&job, Budget { per_user_per_minute: 3, ..ROOMY }).await else {
        panic!("not refused")
    };
    assert!(refused.quota == Quota::UserMinute && refused.retry_after <= std::time::Duration::from_mins(1));
    assert!(matches!(again(&job, Budget { per_user_per_minute: 4, ..ROOMY }).await, Enqueued::New(_)));
    // Neither does it slip by that its answer is kept.
    enqueue(catalog, new_job("j15")).await;
    let (job, worker) = take(catalog).await;
    let answered = Answered { config: json!({}), provider_url: None, cost: None };
    catalog.note_answer(job.lease(worker), &answered).await.unwrap().unwrap();
    catalog.fail_job(job.lease(worker), &failure(), None).await.unwrap().unwrap();
    let none = Budget { per_day: 0, spent_per_day: 0, ..ROOMY };
    assert!(matches!(again(&job, Budget { per_user_per_minute: 1, ..none }).await, Enqueued::Refused(_)));
    assert!(matches!(again(&job, none).await, Enqueued::New(_)), "nothing is painted");
}

pub async fn of_a_kinkster_that_is_somebody_elses_by_now_stay_ended(catalog: &Catalog) {
    let kinkster = Uuid::new_v4();
    let job = enqueue(catalog, NewJob { kinkster: Some(kinkster), ..new_job("j16") }).await;
    catalog.cancel_job(job.id).await.unwrap();
    catalog.remove_kinkster(kinkster, Some("j16")).await.unwrap();
    catalog.put_kinkster(kinkster, "j17", &KinksterChange::default()).await.unwrap();
    assert_eq!(catalog.revive_job(revival(job.id), &ROOMY).await, Ok(Enqueued::NotTheirs));
    let elsewhere = Revival { claims_kinkster: false, ..revival(job.id) };
    assert!(matches!(catalog.revive_job(elsewhere, &ROOMY).await, Ok(Enqueued::New(_))), "who has the row was asked");
    catalog.cancel_job(job.id).await.unwrap();
}

/// As if the job had been noted a day before.
async fn note_a_day_earlier(catalog: &Catalog, job: Uuid) {
    const DAY: i64 = 86_400 * 1_000_000;
    let earlier = "UPDATE jobs SET admitted_at = admitted_at - $2 WHERE id = $1";
    match catalog {
        Catalog::Sqlite(sqlite) => {
            let mut tx = sqlite.begin().await.unwrap();
            sqlx::query(earlier).bind(job).bind(DAY).execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
        }
        Catalog::Postgres(postgres) => {
            let mut tx = postgres.begin().await.unwrap();
            sqlx::query(earlier).bind(job).bind(DAY).execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
        }
    }
}

pub async fn painted_is_told_by_user_and_day(catalog: &Catalog) {
    let users = ["u-painted-1", "u-painted-2"];
    for user in [users[0], users[0], users[1]] {
        enqueue(catalog, new_job(user)).await;
        let (job, worker) = take(catalog).await;
        catalog.begin_paint(job.lease(worker), &ROOMY).await.unwrap();
        catalog.finish_job(job.lease(worker)).await.unwrap().unwrap();
        if user == users[1] {
            note_a_day_earlier(catalog, job.id).await;
        }
    }
    let since = now() - Duration::days(2);
    let of = async |user: &str| {
        let rows = catalog.painted(since, Some(user)).await.unwrap();
        rows.iter().map(|row| (row.jobs, row.pictures, row.money, row.day)).collect::<Vec<_>>()
    };
    let today = now().unix_timestamp() / 86_400;
    assert_eq!(of(users[0]).await, [(2, 2, 80_000, today)]);
    assert_eq!(of(users[1]).await, [(1, 1, 40_000, today - 1)]);
    let everybody = catalog.painted(since, None).await.unwrap();
    assert!(users.iter().all(|user| everybody.iter().any(|row| row.user == *user)));
    assert!(everybody.is_sorted_by_key(|row| row.day));
    assert_eq!(catalog.painted(now() + Duration::DAY, None).await.unwrap(), []);
}

pub async fn painted_again_count_on_the_day_they_are(catalog: &Catalog) {
    enqueue(catalog, new_job("j18")).await;
    let (job, worker) = take(catalog).await;
    let begin = async || match catalog.begin_paint(job.lease(worker), &ROOMY).await.unwrap() {
        Begun::Job(begun) => *begun,
        other => panic!("{other:?}"),
    };
    begin().await;
    note_a_day_earlier(catalog, job.id).await;
    let before = catalog.spent_today().await.unwrap();
    catalog.advance_job(job.lease(worker), JobStep::Uploading).await.unwrap().unwrap();
    let again = begin().await;
    assert_eq!((again.step, again.paints), (JobStep::Generating, 2));
    let after = Spent { pictures: before.pictures + 2, money: before.money + 2 * 40_000 };
    assert_eq!(catalog.spent_today().await.unwrap(), after);
    catalog.finish_job(job.lease(worker)).await.unwrap().unwrap();
}

pub async fn run_once_each_with_many_workers(catalog: &Catalog) {
    for number in 0..40 {
        enqueue(catalog, new_job(&format!("many{}", number % 7))).await;
    }
    let work = (0..8).map(|_| async {
        let mut taken = Vec::new();
        loop {
            let claim = claim(Duration::MINUTE);
            let Some(job) = catalog.claim_job(&claim).await.unwrap() else { return taken };
            tokio::task::yield_now().await;
            catalog.finish_job(job.lease(claim.worker)).await.unwrap().unwrap();
            taken.push(job.id);
        }
    });
    let mut taken: Vec<Uuid> = futures_util::future::join_all(work).await.concat();
    assert_eq!(taken.len(), 40);
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), 40);
}

pub async fn kinksters_belong_to_whom_they_came_from(catalog: &Catalog) {
    let kinkster = Uuid::new_v4();
    let named = |name: &str| KinksterChange { name: Some(Some(name.to_owned())), ..KinksterChange::default() };
    let job = enqueue(catalog, NewJob { kinkster: Some(kinkster), ..new_job("ann") }).await;
    catalog.cancel_job(job.id).await.unwrap();
    let theft = NewJob { kinkster: Some(kinkster), ..new_job("bob") };
    assert_eq!(catalog.enqueue_job(theft, &ROOMY).await, Ok(Enqueued::NotTheirs));
    assert_eq!(catalog.put_kinkster(kinkster, "bob", &named("x")).await, Err(CatalogError::Denied));
    let whose = |user| KinksterMatch { user: Some(user), ..KinksterMatch::of(kinkster) };
    let row = catalog.put_kinkster(kinkster, "ann", &named("Fox")).await.unwrap();
    assert_eq!((row.name.as_deref(), row.user.as_str(), row.is_active), (Some("Fox"), "ann", true));
    assert_eq!(catalog.change_kinkster(whose("bob"), &named("x")).await, Ok(None));
    let url = KinksterChange { avatar_url: Some(Some("u".to_owned())), ..KinksterChange::default() };
    let changed = catalog.change_kinkster(whose("ann"), &url).await.unwrap().unwrap();
    assert_eq!((changed.name.as_deref(), changed.avatar_url.as_deref()), (Some("Fox"), Some("u")));
    let showing = |avatar_url| KinksterMatch { avatar_url: Some(avatar_url), ..whose("ann") };
    assert_eq!(catalog.change_kinkster(showing("other"), &named("x")).await, Ok(None));
    assert!(catalog.change_kinkster(showing("u"), &named("Fox")).await.unwrap().is_some());
    let pictured = catalog.pictured_kinksters(None, 1000).await.unwrap();
    assert!(pictured.iter().any(|row| row.id == kinkster) && pictured.is_sorted_by_key(|row| row.id));
    let after = catalog.pictured_kinksters(Some(kinkster), 1000).await.unwrap();
    assert!(after.iter().all(|row| row.id > kinkster));
    assert_eq!(catalog.kinksters("ann", 10, 0).await.unwrap().len(), 1);
    assert_eq!(catalog.remove_kinkster(kinkster, Some("bob")).await, Ok(false));
    assert_eq!(catalog.remove_kinkster(kinkster, Some("ann")).await, Ok(true));
    assert_eq!(catalog.kinkster(kinkster).await, Ok(None));
}
