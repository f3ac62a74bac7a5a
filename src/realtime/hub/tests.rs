//! Who is told what.

use serde_json::json;

use super::super::outbox::OutboxLimits;
use super::super::rules::Audience;
use super::super::topic::{EventName, Space};
use super::super::wire::Content;
use super::*;

const LIMITS: OutboxLimits = OutboxLimits { items: 4, bytes: 1000 };

fn hub() -> Arc<Hub> {
    Hub::new(KeepLimits { states: 3, lifetime: Duration::from_secs(60) })
}

fn private(name: &str) -> Topic {
    Topic::new(Space::Private, name).unwrap()
}

fn member(subject: &str) -> (Member, Arc<Outbox>) {
    member_with(subject, LIMITS)
}

fn member_with(subject: &str, limits: OutboxLimits) -> (Member, Arc<Outbox>) {
    let outbox = Outbox::new(limits);
    let listener = Listener { subject: Some(subject.into()), is_service: false };
    (Member { listener, outbox: Arc::clone(&outbox), hears_itself: false }, outbox)
}

fn publication(topic: &Topic, payload: &serde_json::Value, audience: Audience) -> Publication {
    Publication {
        topic: topic.clone(),
        name: EventName::new("progress").unwrap(),
        content: Content::Json(serde_json::value::to_raw_value(payload).unwrap()),
        whole: None,
        audience,
    }
}

fn say(hub: &Hub, topic: &Topic, payload: &serde_json::Value) -> Told {
    hub.publish(publication(topic, payload, Audience::Everyone), None)
}

/// What waits for a client: the contents, with `again:` before those that were kept.
fn heard(outbox: &Outbox) -> Vec<String> {
    let text = |event: &Event| match &event.content {
        Content::Json(json) => json.get().to_owned(),
        Content::Binary(_) => "binary".to_owned(),
    };
    std::iter::from_fn(|| outbox.take())
        .map(|item| match item {
            Item::Event(event, _) => text(&event),
            Item::Kept(event, _) => format!("again:{}", text(&event)),
            Item::Expelled(_) => "expelled".to_owned(),
            Item::Message(message) => message.event.to_owned(),
        })
        .collect()
}

#[tokio::test]
async fn a_late_joiner_is_told_the_last_state_once() {
    let (hub, topic) = (hub(), private("user:ann:avatar"));
    say(&hub, &topic, &json!({"job_id": "a", "seq": 1}));
    say(&hub, &topic, &json!({"job_id": "a", "seq": 2}));
    let (early, outbox) = member("ann");
    let _early = hub.join(topic.clone(), &early, Resume::Last);
    assert_eq!(heard(&outbox), [r#"again:{"job_id":"a","seq":2}"#]);
    say(&hub, &topic, &json!({"job_id": "a", "seq": 3}));
    assert_eq!(heard(&outbox), [r#"{"job_id":"a","seq":3}"#]);
    let other = private("room");
    say(&hub, &other, &json!(1));
    let (late, outbox) = member("ann");
    let _late = hub.join(other, &late, Resume::Last);
    assert!(heard(&outbox).is_empty(), "only states are kept");
}

#[tokio::test]
async fn what_is_older_than_what_was_told_is_dropped_job_by_job() {
    let (hub, topic) = (hub(), private("user:ann:avatar"));
    let (ann, outbox) = member("ann");
    let _ann = hub.join(topic.clone(), &ann, Resume::Last);
    let rows = [
        (json!({"job_id": "a", "seq": 2}), Told::Members(1)),
        (json!({"job_id": "a", "seq": 1}), Told::Outdated),
        (json!({"job_id": "a", "seq": 2}), Told::Outdated),
        (json!({"job_id": "b", "seq": 1}), Told::Members(1)),
        (json!({"job_id": "a"}), Told::Members(1)),
        (json!({"job_id": "a", "seq": 1}), Told::Members(1)),
    ];
    for (payload, told) in rows {
        assert_eq!(say(&hub, &topic, &payload), told, "{payload}");
    }
    assert_eq!(heard(&outbox).len(), 4);
    assert_eq!(hub.usage().published, 4);
}

#[tokio::test]
async fn who_comes_back_is_told_every_state_since() {
    let (hub, topic) = (hub(), private("user:ann:avatar"));
    for job in ["a", "b", "c"] {
        say(&hub, &topic, &json!({"job_id": job}));
    }
    let (ann, outbox) = member("ann");
    let _ann = hub.join(topic.clone(), &ann, Resume::After(0));
    let Some(Item::Kept(first, _)) = outbox.take() else { panic!() };
    assert_eq!(heard(&outbox).len(), 2);
    let (ann, outbox) = member("ann");
    let _again = hub.join(topic, &ann, Resume::After(first.number));
    assert_eq!(heard(&outbox), [r#"again:{"job_id":"b"}"#, r#"again:{"job_id":"c"}"#]);
}

#[tokio::test]
async fn the_end_of_a_job_is_withheld_from_its_owner_once_heard_and_what_is_under_way_never() {
    let (hub, topic) = (hub(), private("user:ann:avatar"));
    let tell = |job: &str, status: &str| {
        let payload = json!({"job_id": job, "status": status});
        hub.publish(publication(&topic, &payload, Audience::Owner("ann".into())), None);
    };
    let join = |resume| {
        let (ann, outbox) = member("ann");
        let _joined = hub.join(topic.clone(), &ann, resume);
        outbox.take()
    };
    let status = |item: Option<Item>| match item {
        Some(Item::Kept(event, _)) => Some((event.end().is_some(), event.number)),
        _ => None,
    };
    tell("a", "completed");
    let Some(Item::Kept(end, _)) = join(Resume::Unheard) else { panic!() };
    assert_eq!(status(join(Resume::Unheard)), Some((true, end.number)), "nobody showed life");
    assert!(end.note_heard() && !end.note_heard(), "it is news once");
    assert_eq!(status(join(Resume::Unheard)), None);
    assert_eq!(status(join(Resume::Last)), Some((true, end.number)));
    tell("b", "generating");
    let under_way = status(join(Resume::Unheard)).unwrap();
    assert!(!under_way.0);
    tell("c", "error");
    let Some(Item::Kept(end, _)) = join(Resume::Unheard) else { panic!() };
    hub.note_heard(&topic, end.end().unwrap());
    assert_eq!(status(join(Resume::Unheard)), Some(under_way), "another job is under way");
}

#[tokio::test]
async fn nobody_but_the_owner_hears_an_owners_event_and_others_are_put_out() {
    let (hub, topic) = (hub(), private("kinkster:k:avatar"));
    let ((ann, anns), (bob, bobs)) = (member("ann"), member("bob"));
    let (nobody, unknown) = member("nobody");
    let service = Member { listener: Listener { subject: None, is_service: true }, ..nobody };
    let _joined = [ann, bob, service].map(|member| hub.join(topic.clone(), &member, Resume::Last));
    let event = |audience| hub.publish(publication(&topic, &json!({"n": 1}), audience), None);
    assert_eq!(event(Audience::Service), Told::Members(1));
    assert_eq!(event(Audience::Owner("ann".into())), Told::Members(2));
    assert_eq!(heard(&anns), [r#"{"n":1}"#]);
    assert_eq!(heard(&bobs), ["expelled"]);
    assert_eq!(heard(&unknown).len(), 2);
    event(Audience::Owner("ann".into()));
    assert!(heard(&bobs).is_empty());
    let (late, outbox) = member("bob");
    let _late = hub.join(topic.clone(), &late, Resume::Last);
    assert!(heard(&outbox).is_empty(), "a kept state is its owner's too");
}

#[tokio::test]
async fn a_slow_client_is_let_go_and_the_others_go_on() {
    let (hub, topic) = (hub(), private("room"));
    let ((slow, slows), (quick, quicks)) = (member("slow"), member("quick"));
    let _joined = [slow, quick].map(|member| hub.join(topic.clone(), &member, Resume::Last));
    for number in 0..6 {
        say(&hub, &topic, &json!(number));
        assert_eq!(heard(&quicks).len(), 1);
    }
    slows.overflowed().await;
    assert_eq!(hub.usage().dropped, 1);
    let (heavy, outbox) = member("heavy");
    let _heavy = hub.join(topic.clone(), &heavy, Resume::Last);
    assert_eq!(say(&hub, &topic, &json!("x".repeat(2000))), Told::Members(0));
    outbox.overflowed().await;
}

#[tokio::test]
async fn senders_hear_themselves_only_if_they_want() {
    let (hub, topic) = (hub(), private("room"));
    let ((deaf, deafs), (vain, vains)) = (member("deaf"), member("vain"));
    let vain = Member { hears_itself: true, ..vain };
    let [deaf, vain] = [deaf, vain].map(|member| hub.join(topic.clone(), &member, Resume::Last));
    for from in [&deaf, &vain] {
        hub.publish(publication(&topic, &json!(1), Audience::Everyone), Some(from.id()));
    }
    assert_eq!((heard(&deafs).len(), heard(&vains).len()), (1, 2));
}

#[tokio::test]
async fn topics_end_with_their_members_and_their_states() {
    let (hub, topic) = (hub(), private("user:ann:avatar"));
    let (ann, _outbox) = member("ann");
    let joined = hub.join(private("room"), &ann, Resume::Last);
    say(&hub, &topic, &json!({"n": 1}));
    say(&hub, &private("nobody"), &json!(1));
    assert_eq!(hub.usage().topics, 2);
    drop(joined);
    assert_eq!(hub.usage().topics, 1);
    for user in ["a", "b", "c", "d"] {
        say(&hub, &private(&format!("user:{user}:avatar")), &json!({"n": 1}));
    }
    assert_eq!(hub.usage().topics, 3, "more states are kept than may be");
}

#[tokio::test]
async fn states_end_with_their_time() {
    let (hub, topic) = (Hub::new(KeepLimits { states: 3, lifetime: Duration::ZERO }), private("user:ann:avatar"));
    let (ann, outbox) = member("ann");
    let joined = hub.join(topic.clone(), &ann, Resume::Last);
    say(&hub, &topic, &json!({"n": 1}));
    assert_eq!(heard(&outbox).len(), 1);
    let again = hub.join(topic, &ann, Resume::Last);
    assert!(heard(&outbox).is_empty(), "a state outlived its time");
    drop((joined, again));
    assert_eq!(hub.usage().topics, 0);
}

#[test]
fn joins_and_farewells_from_many_threads_leave_nothing_behind() {
    let (hub, topic) = (hub(), private("room"));
    // Room for all that the others say while this thread does not get to run.
    let roomy = OutboxLimits { items: 10_000, bytes: 10_000_000 };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let (someone, outbox) = member_with("x", roomy);
                    let joined = hub.join(topic.clone(), &someone, Resume::Last);
                    assert!(matches!(say(&hub, &topic, &json!(1)), Told::Members(1..)));
                    assert!(!heard(&outbox).is_empty());
                    drop(joined);
                }
            });
        }
    });
    assert_eq!(hub.usage().topics, 0);
}
