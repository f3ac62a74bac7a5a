//! One stored variant as a file: magic, BLAKE3 of the rest, content type, body.

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderValue;

const MAGIC: &[u8; 8] = b"tintype1";
const HASH_BYTES: usize = 32;
const HEADER_BYTES: usize = MAGIC.len() + HASH_BYTES + 1;

/// The file's bytes. Content types longer than 255 bytes are cut to `application/octet-stream`.
pub(super) fn write(content_type: &HeaderValue, body: &[u8]) -> Bytes {
    let content_type = content_type.as_bytes();
    let content_type = if content_type.len() > 255 { b"application/octet-stream" } else { content_type };
    let mut file = BytesMut::with_capacity(HEADER_BYTES + content_type.len() + body.len());
    file.put_slice(MAGIC);
    file.put_bytes(0, HASH_BYTES);
    file.put_u8(content_type.len() as u8);
    file.put_slice(content_type);
    file.put_slice(body);
    let hash = blake3::hash(&file[MAGIC.len() + HASH_BYTES..]);
    file[MAGIC.len()..MAGIC.len() + HASH_BYTES].copy_from_slice(hash.as_bytes());
    file.freeze()
}

/// The content type and body; `None` for a torn, altered or foreign file.
pub(super) fn read(file: &Bytes) -> Option<(HeaderValue, Bytes)> {
    let sealed = file.strip_prefix(MAGIC)?.get(HASH_BYTES..)?;
    let hash = &file[MAGIC.len()..MAGIC.len() + HASH_BYTES];
    if blake3::hash(sealed).as_bytes() != hash {
        return None;
    }
    let length = usize::from(*sealed.first()?);
    let content_type = HeaderValue::from_bytes(sealed.get(1..=length)?).ok()?;
    Some((content_type, file.slice(HEADER_BYTES + length..)))
}

/// Bytes from which [`described`] tells everything.
pub(super) const HEAD_BYTES: u64 = HEADER_BYTES as u64 + 255;

/// The content type, and the bytes before the body, from the file's beginning; the rest is not looked at.
pub(super) fn described(head: &[u8]) -> Option<(&str, u64)> {
    let length = usize::from(*head.strip_prefix(MAGIC)?.get(HASH_BYTES)?);
    let content_type = std::str::from_utf8(head.get(HEADER_BYTES..HEADER_BYTES + length)?).ok()?;
    Some((content_type, (HEADER_BYTES + length) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_or_changed_byte_is_noticed() {
        let file = write(&HeaderValue::from_static("image/webp"), b"the picture");
        let (content_type, body) = read(&file).unwrap();
        assert_eq!((content_type.as_bytes(), &body[..]), (&b"image/webp"[..], &b"the picture"[..]));
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
}
