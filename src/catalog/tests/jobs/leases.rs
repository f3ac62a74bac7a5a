//! Who has a job, and for how long.

use super::*;

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
