//! One stored variant as a file: magic, BLAKE3 of the rest, a byte of notes, content type, body.

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderValue;

use super::{Note, Sibling};
use crate::imaging::Effort;

const MAGIC: &[u8; 8] = b"tintype2";
/// Files without notes.
const FIRST_MAGIC: &[u8; 8] = b"tintype1";
const HASH_BYTES: usize = 32;
const HEADER_BYTES: usize = MAGIC.len() + HASH_BYTES + 2;

/// The file's bytes. Content types longer than 255 bytes are cut to `application/octet-stream`.
pub(super) fn write(content_type: &HeaderValue, note: Note, body: &[u8]) -> Bytes {
    let content_type = content_type.as_bytes();
    let content_type = if content_type.len() > 255 { b"application/octet-stream" } else { content_type };
    let mut file = BytesMut::with_capacity(HEADER_BYTES + content_type.len() + body.len());
    file.put_slice(MAGIC);
    file.put_bytes(0, HASH_BYTES);
    file.put_u8(note_to_byte(note));
    file.put_u8(content_type.len() as u8);
    file.put_slice(content_type);
    file.put_slice(body);
    let hash = blake3::hash(&file[MAGIC.len() + HASH_BYTES..]);
    file[MAGIC.len()..MAGIC.len() + HASH_BYTES].copy_from_slice(hash.as_bytes());
    file.freeze()
}

/// The content type, notes and body; `None` for a torn, altered or foreign file.
pub(super) fn read(file: &Bytes) -> Option<(HeaderValue, Note, Bytes)> {
    let Head { note, content_type, body_at } = head(file)?;
    let sealed = &file[MAGIC.len() + HASH_BYTES..];
    if blake3::hash(sealed).as_bytes() != &file[MAGIC.len()..MAGIC.len() + HASH_BYTES] {
        return None;
    }
    Some((HeaderValue::from_bytes(content_type).ok()?, note, file.slice(body_at..)))
}

/// Bytes from which [`described`] tells everything.
pub(super) const HEAD_BYTES: u64 = HEADER_BYTES as u64 + 255;

/// The content type, and the bytes before the body, from the file's beginning; the rest is not looked at.
pub(super) fn described(file: &[u8]) -> Option<(&str, u64)> {
    let Head { content_type, body_at, .. } = head(file)?;
    Some((std::str::from_utf8(content_type).ok()?, body_at as u64))
}

struct Head<'file> {
    note: Note,
    content_type: &'file [u8],
    body_at: usize,
}

fn head(file: &[u8]) -> Option<Head<'_>> {
    let has_note = match file.first_chunk::<8>()? {
        MAGIC => true,
        FIRST_MAGIC => false,
        _ => return None,
    };
    let length_at = MAGIC.len() + HASH_BYTES + usize::from(has_note);
    let note = if has_note { note_of_byte(*file.get(length_at - 1)?)? } else { Note::made(Effort::Fast) };
    let body_at = length_at + 1 + usize::from(*file.get(length_at)?);
    Some(Head { note, content_type: file.get(length_at + 1..body_at)?, body_at })
}

/// The lowest bit is the effort, the next two the AVIF.
const fn note_to_byte(note: Note) -> u8 {
    let effort = match note.effort {
        Effort::Fast => 0,
        Effort::Small => 1,
    };
    let avif = match note.avif {
        Sibling::Untried => 0,
        Sibling::Ready => 1,
        Sibling::Useless => 2,
    };
    effort | avif << 1
}

const fn note_of_byte(byte: u8) -> Option<Note> {
    let effort = if byte & 1 == 0 { Effort::Fast } else { Effort::Small };
    let avif = match byte >> 1 {
        0 => Sibling::Untried,
        1 => Sibling::Ready,
        2 => Sibling::Useless,
        _ => return None,
    };
    Some(Note { effort, avif })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_or_changed_byte_is_noticed() {
        let note = Note { effort: Effort::Small, avif: Sibling::Ready };
        let file = write(&HeaderValue::from_static("image/webp"), note, b"the picture");
        let (content_type, found, body) = read(&file).unwrap();
        assert_eq!((content_type.as_bytes(), found, &body[..]), (&b"image/webp"[..], note, &b"the picture"[..]));
        assert_eq!(described(&file), Some(("image/webp", (file.len() - b"the picture".len()) as u64)));
        assert_eq!(described(&file[..20]), None);
        for end in 0..file.len() {
            assert!(read(&file.slice(..end)).is_none(), "cut at {end}");
        }
        for at in 0..file.len() {
            let mut changed = file.to_vec();
            changed[at] ^= 1;
            assert!(read(&changed.into()).is_none(), "changed at {at}");
        }
    }

    #[test]
    fn every_note_comes_back_and_files_without_one_were_made_in_a_hurry() {
        for effort in [Effort::Fast, Effort::Small] {
            for avif in [Sibling::Untried, Sibling::Ready, Sibling::Useless] {
                let note = Note { effort, avif };
                assert_eq!(note_of_byte(note_to_byte(note)), Some(note));
            }
        }
        assert_eq!(note_of_byte(6), None);
        let mut first = b"tintype1".to_vec();
        let sealed = [&[10][..], b"image/webp", b"body"].concat();
        first.extend(blake3::hash(&sealed).as_bytes());
        first.extend(sealed);
        let (_, note, body) = read(&first.into()).unwrap();
        assert_eq!((note, &body[..]), (Note::made(Effort::Fast), &b"body"[..]));
    }
}
