//! Messages to webhooks.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{events, make_bucket, put};
use crate::catalog::{Catalog, Delivery, HandOver, NewDelivery};

fn message(hook: &str, subject: &str, body: &str) -> NewDelivery {
    NewDelivery { hook: hook.to_owned(), message: Uuid::now_v7(), subject: subject.to_owned(), body: body.to_owned() }
}

async fn due(catalog: &Catalog, hook: &str) -> Vec<Delivery> {
    due_at(catalog, hook, OffsetDateTime::now_utc()).await
}

/// Other nodes would be given them later.
async fn due_at(catalog: &Catalog, hook: &str, at: OffsetDateTime) -> Vec<Delivery> {
    catalog.take_deliveries(hook, at, &[], 100).await.unwrap()
}

fn bodies(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.body.as_str()).collect()
}

pub async fn go_out_in_order_per_subject(catalog: &Catalog) {
    let messages = [
        message("order", "a", "a1"),
        message("order", "a", "a2"),
        message("order", "b", "b1"),
        message("order-other", "a", "x"),
    ];
    catalog.add_deliveries(&messages).await.unwrap();
    let now = OffsetDateTime::now_utc();
    assert_eq!(bodies(&catalog.take_deliveries("order", now, &[], 1).await.unwrap()), ["a1"]);
    assert_eq!(bodies(&catalog.take_deliveries("order", now, &["a".to_owned()], 100).await.unwrap()), ["b1"]);
    let first = due_at(catalog, "order", now + Duration::MINUTE).await;
    assert_eq!(bodies(&first), ["a1", "b1"]);

    let later = (now + Duration::HOUR).replace_microsecond(0).unwrap();
    catalog.postpone_delivery(&first[0], later, "status 500").await.unwrap();
    assert_eq!(bodies(&due_at(catalog, "order", now + 2 * Duration::MINUTE).await), ["b1"]);
    assert_eq!(catalog.next_due("order", later - Duration::MINUTE).await, Ok(Some(later)));
    let again = due_at(catalog, "order", later).await;
    let again = again.iter().find(|delivery| delivery.body == "a1").unwrap();
    assert_eq!((again.attempts, again.reason.as_deref()), (1, Some("status 500")));

    catalog.finish_delivery(again.id).await.unwrap();
    let next = due_at(catalog, "order", later + Duration::HOUR).await;
    let mut bodies = bodies(&next);
    bodies.sort_unstable();
    assert_eq!(bodies, ["a2", "b1"]);
    assert_eq!(catalog.waiting_hooks().await.unwrap(), ["order", "order-other"]);
    for hook in ["order", "order-other"] {
        catalog.bury_hook(hook, "over", 0).await.unwrap();
    }
    assert!(catalog.waiting_hooks().await.unwrap().is_empty());
}

pub async fn come_with_their_event_or_not_at_all(catalog: &Catalog) {
    events(catalog).await;
    make_bucket(catalog, "told").await;
    put(catalog, "told", "a").await;
    put(catalog, "told", "b").await;
    let waiting = catalog.events(10).await.unwrap();
    let backlog = catalog.backlog().await.unwrap();
    assert_eq!((backlog.events, backlog.oldest), (2, Some(waiting[0].at)));
    let hand_over = |body: &str| HandOver { event: waiting[0].id, deliveries: vec![message("told", "told/a", body)] };
    assert_eq!(catalog.hand_over(&[hand_over("first")]).await.unwrap(), [waiting[0].id].into());
    assert!(catalog.hand_over(&[hand_over("again")]).await.unwrap().is_empty());
    assert_eq!(bodies(&due(catalog, "told").await), ["first"]);
    assert_eq!(events(catalog).await, waiting[1..]);
    assert_eq!(catalog.backlog().await.unwrap().deliveries, 1);

    // The same message once more: the hook has it.
    let twice = message("told", "told/c", "c");
    catalog.add_deliveries(&[twice.clone(), twice]).await.unwrap();
    let told = due_at(catalog, "told", OffsetDateTime::now_utc() + Duration::MINUTE).await;
    let mut bodies = bodies(&told);
    bodies.sort_unstable();
    assert_eq!(bodies, ["c", "first"]);
    catalog.bury_hook("told", "over", 0).await.unwrap();
}

pub async fn dead_letters_are_kept_revived_and_bounded(catalog: &Catalog) {
    let messages: Vec<_> = ["1", "2", "3", "4"].map(|body| message("dead", body, body)).into();
    catalog.add_deliveries(&messages).await.unwrap();
    for delivery in due(catalog, "dead").await {
        catalog.bury_delivery(delivery.id, "no connection", 3).await.unwrap();
    }
    let letters = catalog.dead_letters(10).await.unwrap();
    assert_eq!(bodies(&letters), ["4", "3", "2"]);
    assert_eq!(bodies(&catalog.dead_letters(1).await.unwrap()), ["4"]);
    assert!(letters.iter().all(|letter| letter.dead_at.is_some() && letter.attempts == 1));
    assert_eq!(catalog.backlog().await.unwrap().dead_letters, 3);

    let hooks = ["dead".to_owned()];
    assert_eq!(catalog.revive_delivery(letters[2].id, &[]).await, Ok(None));
    assert_eq!(catalog.revive_delivery(letters[2].id, &hooks).await, Ok(Some("dead".to_owned())));
    assert_eq!(catalog.revive_delivery(letters[2].id, &hooks).await, Ok(None));
    assert_eq!(catalog.revive_delivery(Uuid::now_v7(), &hooks).await, Ok(None));
    let revived = due(catalog, "dead").await;
    assert_eq!(bodies(&revived), ["2"]);
    assert_eq!((revived[0].attempts, revived[0].reason.clone(), revived[0].dead_at), (0, None, None));
    assert!(revived[0].since >= letters[2].since);
    catalog.bury_hook("dead", "over", 0).await.unwrap();
    assert!(catalog.dead_letters(10).await.unwrap().is_empty());
}

/// Where several nodes share a catalogue.
pub async fn taken_messages_are_not_given_to_others(catalog: &Catalog) {
    catalog.add_deliveries(&["1", "2"].map(|body| message("shared", body, body))).await.unwrap();
    let (one, other) = tokio::join!(due(catalog, "shared"), due(catalog, "shared"));
    assert_eq!(one.len() + other.len(), 2);
    assert!(due(catalog, "shared").await.is_empty());
    let lost = due_at(catalog, "shared", OffsetDateTime::now_utc() + Duration::MINUTE).await;
    assert_eq!(lost.len(), 2);
    catalog.bury_hook("shared", "over", 0).await.unwrap();
}
