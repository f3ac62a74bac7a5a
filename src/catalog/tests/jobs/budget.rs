//! What there is room for, and what was painted.

use super::*;

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
