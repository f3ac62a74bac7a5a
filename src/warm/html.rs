//! Reads the pictures out of a page: `<img>`, `<source>` and preloads, with every candidate of their `srcset`s.

use std::convert::Infallible;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};
use url::Url;

/// Longest attribute value in bytes that is looked at.
const VALUE_BYTES: usize = 65_536;

/// Absolute URLs of a page's pictures in their order, at most `most`; `data:` and other schemes are left out.
///
/// Pages are tokenized as browsers do, without a tree; what scripts would add is not seen.
pub fn images(html: &[u8], page: &Url, most: usize) -> Vec<Url> {
    let mut reading = Reading { base: None, candidates: Vec::new(), most };
    // Without scripts the content of `noscript` is a page like any other.
    for fragment in reading.tokenize(html) {
        reading.tokenize(&fragment);
    }
    let base = reading.base.and_then(|base| page.join(&base).ok());
    let base = base.as_ref().unwrap_or(page);
    let urls = reading.candidates.iter().filter_map(|text| base.join(text).ok());
    urls.filter(|url| matches!(url.scheme(), "http" | "https")).collect()
}

struct Reading {
    /// The first `<base href>`.
    base: Option<String>,
    candidates: Vec<String>,
    most: usize,
}

#[derive(Default)]
struct Tag {
    name: Vec<u8>,
    attribute: Vec<u8>,
    /// The attributes that matter, as far as they are given.
    src: Option<String>,
    srcset: Option<String>,
    href: Option<String>,
    rel: Option<String>,
    kind: Option<String>,
}

impl Reading {
    /// Takes the pictures of this text; returns the contents of its `noscript` elements.
    fn tokenize(&mut self, html: &[u8]) -> Vec<Vec<u8>> {
        let mut tag = Tag::default();
        let mut fragments = Vec::new();
        let callback = |event: CallbackEvent<'_>, _: Span<()>| -> Option<Infallible> {
            match event {
                CallbackEvent::OpenStartTag { name } => tag = Tag { name: name.to_owned(), ..Tag::default() },
                CallbackEvent::AttributeName { name } => name.clone_into(&mut tag.attribute),
                CallbackEvent::AttributeValue { value } => tag.give(value),
                CallbackEvent::CloseStartTag { .. } => self.take(&tag),
                CallbackEvent::String { value } if tag.name == b"noscript" => fragments.push(value.to_owned()),
                CallbackEvent::EndTag { .. } => tag = Tag::default(),
                _ => {}
            }
            None
        };
        let mut emitter = CallbackEmitter::new(callback);
        emitter.naively_switch_states(true);
        let Ok(()) = Tokenizer::new_with_emitter(html, emitter).try_for_each(|token| token.map(|never| match never {}));
        fragments
    }

    fn take(&mut self, tag: &Tag) {
        let preload = || tag.rel.as_deref().is_some_and(|rel| words(rel).any(|word| word == "preload"));
        let (single, set) = match &*tag.name {
            b"img" => (tag.src.as_deref(), tag.srcset.as_deref()),
            b"source" => (None, tag.srcset.as_deref()),
            b"link" if preload() && tag.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("image")) => {
                (tag.href.as_deref(), tag.srcset.as_deref())
            }
            b"base" if self.base.is_none() => {
                self.base.clone_from(&tag.href);
                (None, None)
            }
            _ => return,
        };
        let set = set.into_iter().flat_map(Candidates);
        for url in single.into_iter().map(str::trim).filter(|url| !url.is_empty()).chain(set) {
            if self.candidates.len() < self.most {
                self.candidates.push(url.to_owned());
            }
        }
    }
}

impl Tag {
    /// The first of several attributes with one name counts.
    fn give(&mut self, value: &[u8]) {
        let slot = match &*self.attribute {
            b"src" => &mut self.src,
            b"srcset" | b"imagesrcset" => &mut self.srcset,
            b"href" => &mut self.href,
            b"rel" => &mut self.rel,
            b"as" => &mut self.kind,
            _ => return,
        };
        if slot.is_none() && value.len() <= VALUE_BYTES {
            *slot = Some(String::from_utf8_lossy(value).into_owned());
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_ascii_whitespace().map(str::to_ascii_lowercase)
}

/// The URLs of a `srcset` (HTML, "parse a srcset attribute"): a URL may hold commas, but neither begins nor ends with one.
struct Candidates<'a>(&'a str);

impl<'a> Iterator for Candidates<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let url = word.trim_end_matches(',');
        // A comma at the end of the URL ends the candidate: it has no descriptors.
        self.0 = if url.len() < word.len() { after } else { &after[descriptors(after)..] };
        (!url.is_empty()).then_some(url)
    }
}

/// Length of the descriptors: up to the first comma outside parentheses.
fn descriptors(text: &str) -> usize {
    let mut within = false;
    let end = text.find(|c: char| {
        within = (within || c == '(') && c != ')';
        c == ',' && !within
    });
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(html: &str) -> Vec<String> {
        let page = Url::parse("https://www.example.com/a/b.html").unwrap();
        images(html.as_bytes(), &page, 1000).into_iter().map(Into::into).collect()
    }

    #[test]
    fn every_place_of_a_picture_is_read() {
        for (html, expected, why) in [
            ("<img src=/image/p/a.jpg>", vec!["https://www.example.com/image/p/a.jpg"], "unquoted src"),
            ("<IMG SRC='c.jpg' SRC='d.jpg'>", vec!["https://www.example.com/a/c.jpg"], "the first attribute counts"),
            (
                "<img srcset=\"/x?w=1&amp;q=2 1x, /x?w=2&amp;q=2 2x\" src=\"/x\"/>",
                vec![
                    "https://www.example.com/x",
                    "https://www.example.com/x?w=1&q=2",
                    "https://www.example.com/x?w=2&q=2",
                ],
                "entities are resolved",
            ),
            (
                "<picture><source type=image/webp srcset='https://i.example/a 640w'></picture>",
                vec!["https://i.example/a"],
                "source",
            ),
            (
                "<link rel='Preload' as=image imagesrcset='/a 1x, /b 2x' href='/c'>",
                vec!["https://www.example.com/c", "https://www.example.com/a", "https://www.example.com/b"],
                "preload",
            ),
            ("<link rel=preload as=script href=/a.js><link rel=icon href=/i.png>", vec![], "other links"),
            ("<video><source src=/a.mp4></video>", vec![], "a film"),
            ("<img src='data:image/gif;base64,AAAA'><img src='javascript:x'><img src=''>", vec![], "no http URL"),
            ("<base href='https://cdn.example/x/'><img src=a>", vec!["https://cdn.example/x/a"], "base"),
            (
                "<img src=a><base href='https://cdn.example/x/'>",
                vec!["https://cdn.example/x/a"],
                "base counts before it too",
            ),
            ("<!-- <img src=a> --><script>'<img src=b>'</script><style><img src=c></style>", vec![], "no elements"),
            (
                "<noscript><img src=a></noscript><img src=b>",
                vec!["https://www.example.com/a/b", "https://www.example.com/a/a"],
                "noscript",
            ),
            ("<img src=//cdn.example/a>", vec!["https://cdn.example/a"], "protocol-relative"),
        ] {
            assert_eq!(found(html), expected, "{why}: {html}");
        }
    }

    #[test]
    fn srcsets_are_split_as_browsers_split_them() {
        for (set, expected) in [
            ("a 1x, b 2x", vec!["a", "b"]),
            ("a,b 1x", vec!["a,b"]),
            ("a, b", vec!["a", "b"]),
            (",, a 1x ,, b", vec!["a", "b"]),
            ("/image/p/a.jpg?g=fp:0.1,0.2&w=64 64w,\n\t/b 128w", vec!["/image/p/a.jpg?g=fp:0.1,0.2&w=64", "/b"]),
            ("a (x, y) 1x, b", vec!["a", "b"]),
            ("a (x, b", vec!["a"]),
            ("", vec![]),
            (" , ", vec![]),
        ] {
            assert_eq!(Candidates(set).collect::<Vec<_>>(), expected, "{set:?}");
        }
    }

    #[test]
    fn hostile_pages_are_bounded() {
        let page = Url::parse("https://www.example.com/").unwrap();
        assert_eq!(images("<img src=a>".repeat(5000).as_bytes(), &page, 100).len(), 100);
        assert_eq!(found(&format!("<img srcset='{}'>", "x".repeat(VALUE_BYTES + 1))), Vec::<String>::new());
        let attributes = (0..100_000).map(|number| format!("a{number}=1")).collect::<Vec<_>>().join(" ");
        assert_eq!(found(&format!("<img {attributes} src=z>")), ["https://www.example.com/a/z"]);
        assert_eq!(images(b"\xff\xfe<img src=\xff\xc3>\0<img src=", &page, 10).len(), 1);
        assert_eq!(found(&"<noscript>".repeat(10_000)), Vec::<String>::new());
        assert_eq!(found(&"<div ".repeat(100_000)), Vec::<String>::new());
    }
}
