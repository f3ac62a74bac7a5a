//! A page of the documentation from its Markdown. Whatever is HTML in it becomes text, whatever leads nowhere known too.

use std::collections::HashMap;
use std::fmt::Write;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

use crate::http::pages::escaped;

/// A page as it is shown.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    pub title: String,
    pub html: String,
    /// In their order, the title first.
    pub sections: Vec<Section>,
}

/// A heading with what follows it, for the contents and for the search.
#[derive(Clone, Debug, Default)]
pub struct Section {
    pub level: u8,
    pub anchor: String,
    pub heading: String,
    /// Plain text, one space between words.
    pub text: String,
}

/// Renders one page. Links to other pages (`urls.md#placeholders`) become `/docs/urls#placeholders`.
pub fn render(markdown: &str) -> Rendered {
    let mut writer = Writer::default();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        writer.take(event);
    }
    let mut html = String::with_capacity(markdown.len() * 2);
    html::push_html(&mut html, writer.events.into_iter());
    let title = writer.sections.first().map(|section| section.heading.clone()).unwrap_or_default();
    Rendered { title, html, sections: writer.sections }
}

#[derive(Default)]
struct Writer<'text> {
    events: Vec<Event<'text>>,
    sections: Vec<Section>,
    /// Where the events of the heading that is being read begin.
    heading: Option<usize>,
    /// Markup as it stands in the page.
    markup: Option<String>,
    /// Whether the link that is being read leads somewhere.
    link: bool,
    anchors: HashMap<String, usize>,
}

impl<'text> Writer<'text> {
    fn take(&mut self, event: Event<'text>) {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                self.heading = Some(self.events.len());
                self.sections.push(Section::default());
            }
            Event::End(TagEnd::Heading(level)) => self.end_heading(level),
            Event::Start(Tag::HtmlBlock) => self.markup = Some(String::new()),
            Event::End(TagEnd::HtmlBlock) => self.end_markup(),
            Event::Html(text) => self.markup.get_or_insert_default().push_str(&text),
            Event::InlineHtml(text) => self.events.push(Event::Text(text)),
            Event::Start(Tag::Table(columns)) => {
                self.raw("<div class=\"scrolls\" tabindex=\"0\" role=\"region\" aria-label=\"Table\">");
                self.events.push(Event::Start(Tag::Table(columns)));
            }
            Event::End(TagEnd::Table) => {
                self.events.push(Event::End(TagEnd::Table));
                self.raw("</div>");
            }
            Event::Start(Tag::CodeBlock(kind)) => self.begin_code(&kind),
            Event::End(TagEnd::CodeBlock) => {
                self.note(&event);
                self.raw("</code></pre>\n");
            }
            Event::Start(Tag::Link { dest_url, .. }) => self.begin_link(&dest_url),
            Event::End(TagEnd::Link) => {
                if std::mem::take(&mut self.link) {
                    self.raw("</a>");
                }
            }
            // There are no pictures in the pages: an address that nobody looks at could be any.
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => {}
            other => {
                self.note(&other);
                self.events.push(other);
            }
        }
    }

    fn raw(&mut self, html: impl Into<CowStr<'text>>) {
        self.events.push(Event::Html(html.into()));
    }

    /// What is read is also searched.
    fn note(&mut self, event: &Event<'text>) {
        let Some(section) = self.sections.last_mut() else { return };
        let text = if self.heading.is_some() { &mut section.heading } else { &mut section.text };
        match event {
            Event::Text(words) | Event::Code(words) => text.push_str(words),
            Event::SoftBreak
            | Event::HardBreak
            | Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell | TagEnd::CodeBlock) => text.push(' '),
            _ => {}
        }
    }

    fn end_heading(&mut self, level: HeadingLevel) {
        let (Some(start), Some(section)) = (self.heading.take(), self.sections.last_mut()) else { return };
        let slug = slug(&section.heading);
        let seen = self.anchors.entry(slug.clone()).and_modify(|count| *count += 1).or_insert(0);
        section.anchor = if *seen == 0 { slug } else { format!("{slug}-{seen}") };
        section.level = level as u8;
        let (anchor, heading) = (escaped(&section.anchor), escaped(&section.heading));
        let opening = format!("<{level} id=\"{anchor}\">");
        self.events.insert(start, Event::Html(opening.into()));
        let closing = if level == HeadingLevel::H1 {
            format!("</{level}>\n")
        } else {
            format!(" <a class=\"here\" href=\"#{anchor}\" aria-label=\"Link to {heading}\">#</a></{level}>\n")
        };
        self.raw(closing);
    }

    fn end_markup(&mut self) {
        let text = self.markup.take().unwrap_or_default();
        // What only people who edit the page read.
        if text.trim_start().starts_with("<!--") && text.trim_end().ends_with("-->") {
            return;
        }
        self.raw(format!("<p>{}</p>\n", escaped(&text)));
    }

    fn begin_code(&mut self, kind: &CodeBlockKind<'text>) {
        let language = match kind {
            CodeBlockKind::Fenced(language) => escaped(language),
            CodeBlockKind::Indented => String::new(),
        };
        self.raw(format!("<pre tabindex=\"0\" data-language=\"{language}\"><code>"));
    }

    fn begin_link(&mut self, target: &str) {
        let Some(address) = address(target) else { return };
        let mut opening = "<a href=\"".to_owned();
        let _ = write!(opening, "{}\"", escaped(&address));
        if address.starts_with("http") {
            opening.push_str(" rel=\"noreferrer\"");
        }
        opening.push('>');
        self.link = true;
        self.raw(opening);
    }
}

/// Where a link of a page leads when it is served; `None`: nowhere that is served.
fn address(target: &str) -> Option<String> {
    let is_elsewhere = target.starts_with("https://") || target.starts_with("http://");
    if is_elsewhere || target.starts_with('#') || (target.starts_with('/') && !target.starts_with("//")) {
        return Some(target.to_owned());
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let page = file.strip_suffix(".md").filter(|page| !page.contains(['/', ':']))?;
    let path = if page == "index" { "/docs".to_owned() } else { format!("/docs/{page}") };
    Some(anchor.map_or_else(|| path.clone(), |anchor| format!("{path}#{anchor}")))
}

/// The anchor of a heading, as GitHub makes it.
fn slug(heading: &str) -> String {
    let letters = heading.trim().chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        letter if letter.is_alphanumeric() || letter == '-' || letter == '_' => Some(letter),
        _ => None,
    });
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_page_is_text() {
        let page = render("# A <b>title</b>\n\n<script>alert(1)</script>\n\ntext <img src=x onerror=alert(1)>\n");
        assert!(!page.html.contains("<script") && !page.html.contains("<img"), "{}", page.html);
        assert!(page.html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{}", page.html);
        assert!(page.html.contains("&lt;img src=x onerror=alert(1)&gt;"), "{}", page.html);
        assert_eq!(render("<!-- for editors -->\n\ntext").html, "<p>text</p>\n");
    }

    #[test]
    fn links_lead_to_pages_and_to_nothing_else_unknown() {
        let html = |text: &str| render(text).html;
        assert_eq!(html("[a](urls.md#placeholders)"), "<p><a href=\"/docs/urls#placeholders\">a</a></p>\n");
        assert_eq!(html("[a](index.md)"), "<p><a href=\"/docs\">a</a></p>\n");
        assert_eq!(html("[a](#here)"), "<p><a href=\"#here\">a</a></p>\n");
        for nowhere in ["javascript:alert(1)", "//evil.example", "../../Cargo.toml", "data:text/html,x", "a:b.md"] {
            assert_eq!(html(&format!("[a]({nowhere})")), "<p>a</p>\n", "{nowhere}");
        }
    }

    #[test]
    fn headings_have_anchors_as_elsewhere() {
        let page = render("# Title\n\n## `next/image`: the default loader\n\none\ntwo\n\n## Twice\n\n## Twice\n");
        let anchors: Vec<&str> = page.sections.iter().map(|section| section.anchor.as_str()).collect();
        assert_eq!(anchors, ["title", "nextimage-the-default-loader", "twice", "twice-1"]);
        assert_eq!((page.title.as_str(), page.sections[1].text.trim()), ("Title", "one two"));
    }

    #[test]
    fn code_is_escaped_once() {
        let page = render("```html\n<img src=\"/a?w=1&q=2\">\n```\n");
        assert!(page.html.contains("<pre tabindex=\"0\" data-language=\"html\"><code>&lt;img src="), "{}", page.html);
        assert!(page.html.contains("w=1&amp;q=2") && !page.html.contains("&amp;amp;"), "{}", page.html);
    }
}
