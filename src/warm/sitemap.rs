//! Reads sitemaps (sitemaps.org 0.9, with Google's image extension) and sitemap indexes.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

/// Open elements that a sitemap may have: its own depth is four.
const DEPTH: usize = 16;
/// Longest URL in bytes that is taken: what sitemaps.org allows.
const URL_BYTES: usize = 2048;

/// What a sitemap names. URLs are as they are written, entities resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Of a sitemap index.
    Sitemap(String),
    Page(String),
    Image(String),
}

/// Why a document is not read as a sitemap.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SitemapError {
    #[error("not a sitemap: {0}")]
    Xml(String),
    #[error("not a sitemap: its root is neither urlset nor sitemapindex")]
    Root,
    #[error("not a sitemap: more than {DEPTH} nested elements")]
    Depth,
    #[error("not a sitemap: it ends within an element")]
    Truncated,
}

/// An element that matters here, by its local name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Root,
    Sitemap,
    Url,
    Image,
    Loc,
    Other,
}

/// The first `most` entries of a sitemap in their order. Entities of a DTD are never expanded.
pub fn entries(xml: &[u8], most: usize) -> Result<Vec<Entry>, SitemapError> {
    let mut reader = Reader::from_reader(xml);
    let mut open: Vec<Element> = Vec::new();
    let mut text = String::new();
    let mut found = Vec::new();
    let mut rooted = false;
    while found.len() < most {
        match reader.read_event().map_err(|error| SitemapError::Xml(error.to_string()))? {
            Event::Start(start) => {
                open.push(element(start.local_name().as_ref(), &open)?);
                rooted = true;
                text.clear();
            }
            Event::End(_) => found.extend(entry(&mut open, &text)),
            Event::Text(part) if open.last() == Some(&Element::Loc) => text.push_str(&String::from_utf8_lossy(&part)),
            Event::CData(part) if open.last() == Some(&Element::Loc) => text.push_str(&String::from_utf8_lossy(&part)),
            Event::GeneralRef(reference) if open.last() == Some(&Element::Loc) => text.extend(resolved(&reference)),
            Event::Empty(start) => {
                element(start.local_name().as_ref(), &open)?;
                rooted = true;
            }
            Event::Eof if !rooted => return Err(SitemapError::Root),
            Event::Eof if open.is_empty() => break,
            Event::Eof => return Err(SitemapError::Truncated),
            _ => {}
        }
    }
    Ok(found)
}

fn element(name: &[u8], open: &[Element]) -> Result<Element, SitemapError> {
    if open.len() >= DEPTH {
        return Err(SitemapError::Depth);
    }
    match (name, open.last()) {
        (b"urlset" | b"sitemapindex", None) => Ok(Element::Root),
        (_, None) => Err(SitemapError::Root),
        (b"sitemap", Some(Element::Root)) => Ok(Element::Sitemap),
        (b"url", Some(Element::Root)) => Ok(Element::Url),
        (b"image", Some(Element::Url)) => Ok(Element::Image),
        (b"loc", Some(Element::Sitemap | Element::Url | Element::Image)) => Ok(Element::Loc),
        _ => Ok(Element::Other),
    }
}

/// Closes the innermost element; what it names if it is a `loc`.
fn entry(open: &mut Vec<Element>, text: &str) -> Option<Entry> {
    let closed = open.pop()?;
    let url = text.trim();
    if closed != Element::Loc || url.is_empty() || url.len() > URL_BYTES {
        return None;
    }
    match open.last()? {
        Element::Sitemap => Some(Entry::Sitemap(url.to_owned())),
        Element::Url => Some(Entry::Page(url.to_owned())),
        Element::Image => Some(Entry::Image(url.to_owned())),
        _ => None,
    }
}

/// The five predefined entities and character references; any other is nothing.
fn resolved(reference: &BytesRef<'_>) -> Option<char> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Some(character);
    }
    match &**reference {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(xml: &str) -> Result<Vec<Entry>, SitemapError> {
        entries(xml.as_bytes(), usize::MAX)
    }

    #[test]
    fn sitemaps_name_pages_and_images_and_indexes_name_sitemaps() {
        let page = |url: &str| Entry::Page(url.to_owned());
        let image = |url: &str| Entry::Image(url.to_owned());
        let sitemap = |url: &str| Entry::Sitemap(url.to_owned());
        for (xml, expected, why) in [
            (
                "<?xml version=\"1.0\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\
                 <url>\n <loc>\n https://a.example/x \n</loc><lastmod>2026-01-01</lastmod></url></urlset>",
                vec![page("https://a.example/x")],
                "whitespace around a URL does not count",
            ),
            (
                "<urlset xmlns:image=\"i\"><url><loc>https://a.example/</loc><image:image>\
                 <image:loc>https://a.example/image/p/a.jpg?w=64&amp;h=64</image:loc><image:title>t</image:title>\
                 </image:image></url></urlset>",
                vec![page("https://a.example/"), image("https://a.example/image/p/a.jpg?w=64&h=64")],
                "entities are resolved",
            ),
            (
                "<sitemapindex><sitemap><loc>https://a.example/1.xml</loc></sitemap></sitemapindex>",
                vec![sitemap("https://a.example/1.xml")],
                "an index",
            ),
            (
                "<urlset><url><loc><![CDATA[https://a.example/?a=1&b=2]]></loc></url></urlset>",
                vec![page("https://a.example/?a=1&b=2")],
                "CDATA",
            ),
            (
                "<urlset><url><loc>https://a.example/&#x61;&#98;</loc></url></urlset>",
                vec![page("https://a.example/ab")],
                "character references",
            ),
            (
                "<urlset xmlns:v=\"v\"><url><v:video><v:loc>https://a.example/v</v:loc></v:video><loc/>\
                 <xhtml:link href=\"https://a.example/de\"/></url></urlset>",
                vec![],
                "other elements and empty ones name nothing",
            ),
            ("<urlset></urlset>", vec![], "no page"),
            ("<urlset/>", vec![], "nothing at all"),
        ] {
            assert_eq!(all(xml), Ok(expected), "{why}");
        }
    }

    #[test]
    fn hostile_documents_are_refused_or_harmless() {
        assert_eq!(all("<html><body/></html>"), Err(SitemapError::Root));
        assert_eq!(all("<urlset><url>"), Err(SitemapError::Truncated));
        assert!(matches!(all("<urlset></url>"), Err(SitemapError::Xml(_))));
        assert_eq!(all(&format!("<urlset>{}", "<a>".repeat(100_000))), Err(SitemapError::Depth));
        let bomb = "<!DOCTYPE urlset [<!ENTITY a \"x\"><!ENTITY b \"&a;&a;\">]>\
                    <urlset><url><loc>https://a.example/&b;&c;</loc></url></urlset>";
        assert_eq!(all(bomb), Ok(vec![Entry::Page("https://a.example/".to_owned())]));
        let external = "<!DOCTYPE urlset SYSTEM \"file:///etc/passwd\"><urlset><url><loc>x</loc></url></urlset>";
        assert_eq!(all(external), Ok(vec![Entry::Page("x".to_owned())]));
        let long = format!("<urlset><url><loc>https://a.example/{}</loc></url></urlset>", "x".repeat(URL_BYTES));
        assert_eq!(all(&long), Ok(vec![]));
        for other in ["", "\u{1f}\u{8b}gzip", "https://a.example/"] {
            assert_eq!(all(other), Err(SitemapError::Root), "{other}");
        }
    }

    #[test]
    fn no_more_entries_are_taken_than_asked_for() {
        let xml = format!("<urlset>{}</urlset>", "<url><loc>https://a.example/</loc></url>".repeat(1000));
        assert_eq!(entries(xml.as_bytes(), 10).unwrap().len(), 10);
    }
}
