//! The layouts byte by byte, and what holds for every frame.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn name(text: &str) -> EventName {
    EventName::new(text).unwrap()
}

fn text_of(frame: Option<Frame>) -> String {
    match frame {
        Some(Frame::Text(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// A push as Supabase's client writes it.
fn push(parts: [&str; 5], encoding: u8, content: &[u8]) -> Bytes {
    let mut frame = vec![3];
    frame.extend(parts.map(|part| part.len() as u8));
    frame.push(encoding);
    frame.extend(parts.concat().as_bytes());
    frame.extend(content);
    frame.into()
}

#[test]
fn both_text_forms_say_the_same() {
    let first = r#"{"topic":"realtime:a","event":"phx_join","payload":{"x":1},"ref":"2","join_ref":"1"}"#;
    let second = r#"["1","2","realtime:a","phx_join",{"x":1}]"#;
    for (version, text) in [(Version::V1, first), (Version::V2, second)] {
        let message = decode_text(version, text).unwrap();
        assert_eq!((message.topic.as_str(), message.event.as_str()), ("realtime:a", "phx_join"));
        assert_eq!(message.join_ref, Some(Reference::Text("1".to_owned())));
        assert_eq!(message.reference, Some(Reference::Text("2".to_owned())));
        let Payload::Json(payload) = message.payload else { panic!() };
        assert_eq!(payload.get(), r#"{"x":1}"#);
    }
    let bare = decode_text(Version::V1, r#"{"topic":"phoenix","event":"heartbeat","ref":7}"#).unwrap();
    assert_eq!((bare.join_ref, bare.reference), (None, Some(Reference::Number(7))));
    let nulls = decode_text(Version::V2, r#"[null,"3","phoenix","heartbeat",{}]"#).unwrap();
    assert_eq!(nulls.join_ref, None);
}

#[test]
fn a_form_of_the_other_version_is_refused() {
    assert!(decode_text(Version::V1, r#"["1","2","t","e",{}]"#).is_err());
    assert!(decode_text(Version::V2, r#"{"topic":"t","event":"e","payload":{},"ref":null}"#).is_err());
    for broken in ["", "null", "[]", r#"["1","2","t","e"]"#, r#"[1.5,"2","t","e",{}]"#, "{"] {
        assert!(decode_text(Version::V2, broken).is_err(), "{broken}");
    }
    assert_eq!(decode_binary(Version::V1, &push(["", "", "t", "e", ""], 1, b"{}")).unwrap_err(), WireError::Kind);
}

#[test]
fn a_push_has_supabases_layout() {
    let frame = Bytes::from_static(b"\x03\x01\x02\x0a\x04\x02\x01123realtime:aping{}{\"n\":1}");
    let message = decode_binary(Version::V2, &frame).unwrap();
    assert_eq!(message.join_ref, Some(Reference::Text("1".to_owned())));
    assert_eq!(message.reference, Some(Reference::Text("23".to_owned())));
    assert_eq!((message.topic.as_str(), message.event.as_str()), ("realtime:a", "broadcast"));
    let Payload::Push(event, Content::Json(content)) = message.payload else { panic!() };
    assert_eq!((event.as_str(), content.get()), ("ping", r#"{"n":1}"#));
}

#[test]
fn a_binary_broadcast_has_supabases_layout() {
    let content = Content::Binary(Bytes::from_static(&[0, 255, 7]));
    let broadcast = Broadcast { topic: "realtime:a", event: &name("ping"), content: &content, whole: None, meta: None };
    let Some(Frame::Binary(frame)) = broadcast.encode(Version::V2) else { panic!() };
    assert_eq!(&*frame, b"\x04\x0a\x04\x00\x00realtime:aping\x00\xff\x07");
    assert_eq!(broadcast.encode(Version::V1), None);
}

#[test]
fn text_broadcasts_are_what_both_versions_read() {
    let content = Content::Json(raw(r#"{"n": 1}"#));
    let event = name("ping");
    let plain = Broadcast { topic: "realtime:a", event: &event, content: &content, whole: None, meta: None };
    let payload = r#"{"type":"broadcast","event":"ping","payload":{"n": 1}}"#;
    assert_eq!(text_of(plain.encode(Version::V2)), format!(r#"[null,null,"realtime:a","broadcast",{payload}]"#));
    assert_eq!(
        text_of(plain.encode(Version::V1)),
        format!(r#"{{"topic":"realtime:a","event":"broadcast","payload":{payload},"ref":null}}"#)
    );
    let whole = raw(r#"{"type":"broadcast","event":"ping","payload":{"n": 1},"more":true}"#);
    let rich = Broadcast { whole: Some(&whole), ..plain };
    assert!(text_of(rich.encode(Version::V2)).contains(r#""more":true"#));
    let meta = Meta { replayed: true, id: "9".to_owned() };
    let told_again = Broadcast { meta: Some(&meta), ..plain };
    assert!(text_of(told_again.encode(Version::V1)).contains(r#""meta":{"replayed":true,"id":"9"}"#));
}

#[test]
fn our_own_messages_have_the_form_of_the_version() {
    let reply = Outbound {
        join_ref: Some(Reference::Text("1".to_owned())),
        reference: Some(Reference::Number(2)),
        topic: "realtime:a".to_owned(),
        event: "phx_reply",
        payload: json!({"status": "ok", "response": {}}),
    };
    let second: Value = serde_json::from_str(&reply.encode(Version::V2)).unwrap();
    assert_eq!(second, json!(["1", 2, "realtime:a", "phx_reply", {"status": "ok", "response": {}}]));
    let first: Value = serde_json::from_str(&reply.encode(Version::V1)).unwrap();
    let expected = json!({"topic": "realtime:a", "event": "phx_reply", "ref": 2, "payload": second[4]});
    assert_eq!(first, expected);
}

#[test]
fn names_that_the_client_wrote_as_latin_1_are_understood() {
    let mut frame = push(["", "", "rum:caf", "e", ""], 1, b"{}").to_vec();
    frame[3] += 1;
    frame.insert(7 + "rum:caf".len(), 0xe9);
    assert_eq!(decode_binary(Version::V2, &frame.into()).unwrap().topic, "rum:café");
}

fn part() -> impl Strategy<Value = String> {
    "[a-z:é0-9]{0,80}"
}

proptest! {
    #[test]
    fn every_push_is_read_as_it_was_written(
        join_ref in part(), reference in part(), topic in part(), event in part(), meta in part(),
        content in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let frame = push([&join_ref, &reference, &topic, &event, &meta], 0, &content);
        let message = decode_binary(Version::V2, &frame).unwrap();
        let named = |text: String| (!text.is_empty()).then_some(Reference::Text(text));
        prop_assert_eq!(message.join_ref, named(join_ref));
        prop_assert_eq!(message.reference, named(reference));
        prop_assert_eq!(message.topic, topic);
        let Payload::Push(name, Content::Binary(bytes)) = message.payload else { panic!() };
        prop_assert_eq!(name, event);
        prop_assert_eq!(&*bytes, &*content);
    }

    #[test]
    fn no_bytes_make_a_frame_that_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut bytes = bytes;
        let _ = decode_binary(Version::V2, &bytes.clone().into());
        if let Some(first) = bytes.first_mut() {
            *first = 3;
        }
        let _ = decode_binary(Version::V2, &bytes.into());
    }

    #[test]
    fn a_push_that_is_cut_short_is_refused(length in 0_usize..27, encoding in 0_u8..2) {
        let frame = push(["1", "2", "realtime:a", "ping", "{}"], encoding, b"{}");
        // 7 of the header and 18 of the names: from there on the content is cut, which bytes allow.
        let cut = decode_binary(Version::V2, &frame.slice(..length));
        prop_assert_eq!(cut.is_ok(), length >= 25 && encoding == 0);
    }

    #[test]
    fn every_binary_broadcast_is_found_again_by_its_lengths(
        topic in part(), event in "[a-z]{1,80}", content in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let held = Content::Binary(content.clone().into());
        let broadcast = Broadcast { topic: &topic, event: &name(&event), content: &held, whole: None, meta: None };
        let Some(Frame::Binary(frame)) = broadcast.encode(Version::V2) else { panic!() };
        let (topic_length, event_length) = (usize::from(frame[1]), usize::from(frame[2]));
        prop_assert_eq!(&frame[5..5 + topic_length], topic.as_bytes());
        prop_assert_eq!(&frame[5 + topic_length..][..event_length], event.as_bytes());
        prop_assert_eq!(&frame[5 + topic_length + event_length..], &*content);
    }

    #[test]
    fn json_content_passes_unchanged(number in any::<i64>(), text in "\\PC{0,40}") {
        let value = json!({"n": number, "t": text});
        let frame = push(["1", "2", "realtime:a", "ping", ""], 1, value.to_string().as_bytes());
        let Payload::Push(event, content) = decode_binary(Version::V2, &frame).unwrap().payload else { panic!() };
        let broadcast =
            Broadcast { topic: "realtime:a", event: &name(&event), content: &content, whole: None, meta: None };
        let sent: Value = serde_json::from_str(&text_of(broadcast.encode(Version::V2))).unwrap();
        prop_assert_eq!(&sent[4]["payload"], &value);
    }
}
