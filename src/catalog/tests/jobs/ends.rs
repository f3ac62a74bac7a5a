//! How jobs end, and begin again.

use super::*;

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
