//! The gate: order, bounds, memory, idle work.

use super::*;

const MEMORY: u64 = 1000;

fn caller(number: u8) -> Priority {
    Priority::Request(Client::at([192, 0, 2, number].into()))
}

/// Has the gate's one thread at work for a caller until something is sent.
async fn occupied(gate: &Arc<Gate>, cost: Cost, priority: Priority) -> std::sync::mpsc::Sender<()> {
    let (release, held) = std::sync::mpsc::channel();
    let (began, begun) = oneshot::channel();
    let gate = Arc::clone(gate);
    let work = move || (began.send(()).is_ok(), held.recv().is_ok());
    tokio::spawn(async move { gate.run(cost, priority, work).await });
    begun.await.unwrap();
    release
}

#[tokio::test]
async fn work_beyond_the_expected_wait_is_refused_at_once() {
    let gate = Arc::new(Gate::start(1, Duration::from_millis(100), 1024, MEMORY).unwrap());
    let long = Cost::of(Duration::from_secs(1));
    let release = occupied(&gate, long, caller(1)).await;
    let alone = gate.run(long, caller(2), || 2);
    let third = async {
        let refused = gate.run(long, caller(3), || ()).await;
        release.send(()).unwrap();
        refused
    };
    let (alone, third) = tokio::join!(alone, third);
    assert_eq!(alone, Ok(2), "one who waits alone is let in");
    assert!(matches!(third, Err(GateError::Busy { retry_after }) if retry_after >= Duration::from_secs(1)));
    assert_eq!(gate.shed(), 1);
    assert_eq!(gate.run(long, caller(3), || 5).await, Ok(5));
}

#[tokio::test]
async fn a_page_waits_whole_and_one_who_asks_for_more_leaves_room_to_others() {
    let gate = Arc::new(Gate::start(1, Duration::from_millis(100), 1024, MEMORY).unwrap());
    let cost = Cost::of(Duration::from_millis(20));
    let release = occupied(&gate, cost, caller(1)).await;
    let page: Vec<_> = (0..queue::PAGE + 10).map(|_| gate.run(cost, caller(1), || ())).collect();
    let page = futures_util::future::join_all(page);
    let other = async {
        let other = gate.run(cost, caller(2), || ());
        let (_, other) = tokio::join!(async { release.send(()).is_ok() }, other);
        other
    };
    let (page, other) = tokio::join!(page, other);
    let refused = page.iter().filter(|done| done.is_err()).count();
    assert_eq!((refused, other), (10, Ok(())));
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_thread_lives_on() {
    let gate = Gate::start(1, Duration::from_secs(1), 8, MEMORY).unwrap();
    let cost = Cost::of_decoding(1);
    assert_eq!(
        gate.run(cost, Priority::Request(None), || panic!("on purpose")).await,
        Err::<(), _>(GateError::Panicked)
    );
    assert_eq!(gate.run(cost, Priority::Request(None), || 1).await, Ok(1));
}

#[tokio::test]
async fn what_was_begun_goes_before_requests_and_those_before_background_work() {
    let gate = Gate::start(1, Duration::from_secs(10), 8, MEMORY).unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let (release, held) = std::sync::mpsc::channel::<()>();
    let cost = Cost::of_decoding(1);
    let note = |name: &'static str| {
        let order = Arc::clone(&order);
        move || order.lock().push(name)
    };
    let first = gate.run(cost, Priority::Request(None), move || held.recv().is_ok());
    let background = gate.run(cost, Priority::Background, note("background"));
    let request = gate.run(cost, Priority::Request(None), note("request"));
    let begun = gate.run(cost, Priority::Begun, note("begun"));
    let free = async { release.send(()).is_ok() };
    let (_, background, request, begun, _) = tokio::join!(first, background, request, begun, free);
    assert_eq!((background, request, begun), (Ok(()), Ok(()), Ok(())));
    assert_eq!(*order.lock(), ["begun", "request", "background"]);
}

#[tokio::test]
async fn idle_work_begins_when_nothing_else_waits_or_runs_and_keeps_no_thread() {
    let gate = Arc::new(Gate::start(2, Duration::from_secs(10), 8, MEMORY).unwrap());
    let cost = Cost::of_decoding(1);
    let release = occupied(&gate, cost, caller(1)).await;
    let (began, mut begun) = oneshot::channel();
    let (free, held) = std::sync::mpsc::channel::<()>();
    let idle = Arc::clone(&gate);
    let idle = tokio::spawn(async move {
        let work = move || (began.send(()).is_ok(), held.recv().is_ok());
        idle.run(cost, Priority::Idle, work).await
    });
    // The other thread is free, and still.
    assert_eq!(gate.run(cost, caller(2), || 2).await, Ok(2));
    assert!(begun.try_recv().is_err(), "something else runs");
    release.send(()).unwrap();
    begun.await.unwrap();
    // While it runs, both threads are there for requests.
    let release = occupied(&gate, cost, caller(1)).await;
    assert_eq!(gate.run(cost, caller(2), || 2).await, Ok(2));
    release.send(()).unwrap();
    free.send(()).unwrap();
    assert_eq!(idle.await.unwrap(), Ok((true, true)));
}

#[tokio::test]
async fn idle_work_that_waits_ends_with_the_gate() {
    let gate = Gate::start(1, Duration::from_secs(10), 8, MEMORY).unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (began, begun) = oneshot::channel();
    let (sender, dropped) = oneshot::channel::<()>();
    let shared = Arc::clone(&gate.shared);
    let piece = |work: Work| Piece { cost: Duration::ZERO, bytes: 0, work };
    shared.queues.lock().background.push_back(piece(Box::new(move |_| {
        let _ = (began.send(()), held.recv());
        Box::new(|| ())
    })));
    shared.wake.notify_one();
    begun.await.unwrap();
    shared.queues.lock().idle.push_back(piece(Box::new(move |_| {
        drop(sender);
        Box::new(|| ())
    })));
    drop((gate, shared));
    release.send(()).unwrap();
    assert!(dropped.await.is_err());
}

#[tokio::test]
async fn work_that_needs_more_memory_than_is_left_waits_for_it_and_is_not_overtaken() {
    let gate = Arc::new(Gate::start(2, Duration::from_secs(10), 8, MEMORY).unwrap());
    let cost = Cost::of_decoding(1);
    let ((), first) = gate.run_holding(MEMORY - 1, cost, caller(1), || ()).await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let run = |bytes, name| {
        let (gate, order) = (Arc::clone(&gate), Arc::clone(&order));
        tokio::spawn(async move { gate.run_holding(bytes, cost, caller(1), move || order.lock().push(name)).await })
    };
    let large = run(MEMORY + 1, "too large for any but itself");
    tokio::time::sleep(Duration::from_millis(20)).await;
    let small = run(1, "small");
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(order.lock().is_empty());
    assert_eq!(gate.run(cost, Priority::Begun, || 1).await, Ok(1), "what was begun goes on");
    drop(first);
    drop(large.await.unwrap());
    drop(small.await.unwrap());
    assert_eq!(*order.lock(), ["too large for any but itself", "small"]);
    assert_eq!(gate.shared.queues.lock().held, 0);
}
