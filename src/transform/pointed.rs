//! Which objects texts point at: for those who must not remove what somebody shows.
//!
//! Every spelling of a URL counts, whatever its host: an object is behind names that we do not know of, of proxies and of
//! earlier servers. What is kept for nothing costs less than what is removed by mistake.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use url::{Url, form_urlencoded};

use crate::object::{BucketName, ObjectId, ObjectKey};

/// URLs in queries of URLs that are followed.
const DEPTH: u32 = 3;
/// How often a text may have been percent-encoded.
const DECODED: usize = 3;

/// Some objects, and which of them something points at.
#[derive(Clone, Debug, Default)]
pub struct Pointed {
    /// By bucket and key.
    objects: HashMap<String, HashMap<String, bool>>,
}

impl Pointed {
    /// Nothing points at any of these yet.
    pub fn among<'a>(bucket: &BucketName, keys: impl IntoIterator<Item = &'a ObjectKey>) -> Self {
        let keys = keys.into_iter().map(|key| (key.as_str().to_owned(), false)).collect();
        Self { objects: HashMap::from([(bucket.as_str().to_owned(), keys)]) }
    }

    /// Whether a text that was noted points at it.
    pub fn is_pointed_at(&self, id: &ObjectId) -> bool {
        let keys = self.objects.get(id.bucket.as_str());
        keys.and_then(|keys| keys.get(id.key.as_str())).copied().unwrap_or(false)
    }

    /// Notes a URL, a path, a name, or a list of them as arrays and JSON are written.
    pub fn note(&mut self, text: &str) {
        self.note_one(text.trim(), DEPTH);
        if text.contains(['"', '{', '[', '<', ',', ' ', '\n']) {
            let pieces = text.split(['"', '\'', '{', '}', '[', ']', '<', '>', ',', ' ', '\n', '\t', '(', ')']);
            for piece in pieces.filter(|piece| !piece.is_empty()) {
                self.note_one(piece, DEPTH);
            }
        }
    }

    fn note_one(&mut self, text: &str, depth: u32) {
        let (before, query) = text.split_once('?').unwrap_or((text, ""));
        let path = before.split('#').next().unwrap_or_default();
        // Unencoded, a question mark or a hash may be part of a name.
        for spelled in [path, before, text] {
            self.note_path(spelled);
        }
        if let Ok(url) = Url::parse(text) {
            self.note_path(url.path());
        }
        let query = query.split('#').next().unwrap_or_default();
        if depth > 0 && !query.is_empty() {
            for (_, value) in form_urlencoded::parse(query.as_bytes()) {
                self.note_one(&value, depth - 1);
            }
        }
    }

    /// A path, as it is and decoded, and behind whatever it begins with.
    fn note_path(&mut self, path: &str) {
        let mut path = path.replace('\\', "/");
        for _ in 0..=DECODED {
            self.note_segments(&path);
            match percent_decode_str(&path).decode_utf8() {
                Ok(decoded) if decoded != path => path = decoded.into_owned(),
                _ => return,
            }
        }
    }

    fn note_segments(&mut self, path: &str) {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        for (place, bucket) in segments.iter().enumerate() {
            if let Some(keys) = self.objects.get_mut(*bucket) {
                mark(keys, &segments[place + 1..]);
            }
        }
        // A bare name is one in any bucket.
        for keys in self.objects.values_mut() {
            mark(keys, &segments);
        }
    }
}

fn mark(keys: &mut HashMap<String, bool>, segments: &[&str]) {
    if let Some(is_pointed_at) = keys.get_mut(segments.join("/").as_str()) {
        *is_pointed_at = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "5f0c/kinksters/avatar_1700000000000_ä b.png";

    fn id(bucket: &str) -> ObjectId {
        ObjectId::new(BucketName::parse(bucket).unwrap(), ObjectKey::parse(NAME).unwrap())
    }

    fn points(text: &str) -> bool {
        let mut pointed = Pointed::among(&id("faces").bucket, [&id("faces").key]);
        pointed.note(text);
        assert!(!pointed.is_pointed_at(&id("other")));
        pointed.is_pointed_at(&id("faces"))
    }

    #[test]
    fn every_spelling_of_an_object_points_at_it() {
        let once = "5f0c/kinksters/avatar_1700000000000_%C3%A4%20b.png";
        let all = "%35f0c%2Fkinksters%2favatar%5F1700000000000_%c3%a4%20b%2Epng";
        for text in [
            format!("https://img.example.com/storage/v1/object/public/faces/{once}"),
            format!("https://img.example.com/storage/v1/object/public/faces/{NAME}"),
            format!("HTTPS://old.example.org:8443/cdn/storage/v1/object/public/faces/{once}?t=1#x"),
            format!("https://p.supabase.co/storage/v1/render/image/public/faces/{once}?width=64&quality=75"),
            format!("https://p.supabase.co/storage/v1/object/sign/faces/{once}?token=a.b.c"),
            format!("https://p.supabase.co/storage/v1/object/authenticated/faces/{once}"),
            format!("http://127.0.0.1:8787/image/faces/{once}?w=64&f=webp"),
            format!("//img.example.com/image/faces/{once}"),
            format!("/image/faces/{once}"),
            format!("/storage/v1/object/public/%66aces/{all}"),
            format!("https://img.example.com/storage//v1/object/public/faces/./x/../{once}"),
            format!("https://img.example.com/storage/v1/object/public/faces/{}", once.replace('%', "%25")),
            format!("faces/{NAME}"),
            NAME.to_owned(),
            format!("  {once}\n"),
            "/_next/image?w=64&url=%2Fimage%2Ffaces%2F5f0c%2Fkinksters%2Favatar_1700000000000_%25C3%25A4%2520b.png"
                .to_owned(),
            format!(
                "https://proxy.example/?u={}",
                "https%3A%2F%2Fa.example%2Fimage%2Ffaces%2F5f0c%2Fkinksters%2Favatar_1700000000000_%25C3%25A4%2Bb.png"
            )
            .replace("%2Bb", "%2520b"),
            format!("{{https://a.example/image/faces/{once},https://b.example/x.png}}"),
            format!(r#"["https://a.example/image/faces/{once}"]"#),
        ] {
            assert!(points(&text), "{text}");
        }
    }

    #[test]
    fn what_only_looks_alike_does_not() {
        let once = "5f0c/kinksters/avatar_1700000000000_%C3%A4%20b.png";
        for text in [
            String::new(),
            "https://".to_owned(),
            "%".to_owned(),
            format!("https://img.example.com/image/faces/{once}.bak"),
            format!("https://img.example.com/image/faces/x{once}"),
            format!("https://img.example.com/image/other-faces/{once}"),
            format!("https://img.example.com/image/other/{once}"),
            format!("https://img.example.com/image/FACES/{once}"),
            "https://img.example.com/image/faces/5f0c/kinksters/avatar_1700000000000_b.png".to_owned(),
            "https://oaidalleapiprodscus.blob.core.windows.net/private/org/img-a.png?st=1&sig=b".to_owned(),
        ] {
            assert!(!points(&text), "{text}");
        }
    }
}
