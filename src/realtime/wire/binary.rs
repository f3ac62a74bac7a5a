//! Binary frames of broadcasts: every length is one byte, and the content runs to the end.
//!
//! ```text
//! kind 3, from clients: 03, len(join_ref), len(ref), len(topic), len(event), len(meta), encoding; join_ref ref topic event meta content
//! kind 4, to clients:   04, len(topic), len(event), len(meta), encoding;                          topic event meta content
//! encoding: 0 bytes, 1 JSON
//! ```

use bytes::{BufMut, Bytes};
use serde_json::value::RawValue;

use super::{Content, Inbound, Payload, Reference, WireError};

const PUSH: u8 = 3;
const BROADCAST: u8 = 4;
const BYTES: u8 = 0;
/// Kind, five lengths, encoding.
const PUSH_HEADER: usize = 7;

/// Reads a client's broadcast.
pub(super) fn decode_push(frame: &Bytes) -> Result<Inbound, WireError> {
    let Some(&[kind, join_ref, reference, topic, event, meta, encoding]) = frame.first_chunk::<PUSH_HEADER>() else {
        return Err(if frame.first().is_none_or(|kind| *kind == PUSH) { WireError::Short } else { WireError::Kind });
    };
    if kind != PUSH {
        return Err(WireError::Kind);
    }
    let mut rest = frame.slice(PUSH_HEADER..);
    let mut take = |length: u8| {
        let length = usize::from(length);
        if rest.len() < length { Err(WireError::Short) } else { Ok(text(&rest.split_to(length))) }
    };
    let (join_ref, reference) = (take(join_ref)?, take(reference)?);
    let (topic, event) = (take(topic)?, take(event)?);
    // What clients put there is for the sender's side; Supabase's server reads it and uses none of it.
    take(meta)?;
    let content = match encoding {
        BYTES => Content::Binary(rest),
        _ => Content::Json(json(&rest)?),
    };
    let named = |text: String| (!text.is_empty()).then_some(Reference::Text(text));
    Ok(Inbound {
        join_ref: named(join_ref),
        reference: named(reference),
        topic,
        event: "broadcast".to_owned(),
        payload: Payload::Push(event, content),
    })
}

/// Writes an event with content that is no JSON. `topic`, `event` and `meta` have at most 255 bytes each.
pub(super) fn encode_broadcast(topic: &str, event: &str, meta: &str, content: &[u8]) -> Vec<u8> {
    let parts = [topic, event, meta];
    let mut frame = Vec::with_capacity(5 + parts.iter().map(|part| part.len()).sum::<usize>() + content.len());
    frame.put_u8(BROADCAST);
    for part in parts {
        debug_assert!(part.len() <= 255);
        frame.put_u8(part.len() as u8);
    }
    frame.put_u8(BYTES);
    for part in parts {
        frame.put_slice(part.as_bytes());
    }
    frame.put_slice(content);
    frame
}

/// Supabase's own client writes the low byte of each UTF-16 unit: what is no UTF-8 is Latin-1.
fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect(), str::to_owned)
}

fn json(bytes: &[u8]) -> Result<Box<RawValue>, WireError> {
    serde_json::from_slice(bytes).map_err(|_| WireError::Json)
}
