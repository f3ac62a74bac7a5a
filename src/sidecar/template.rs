//! Texts with holes, and what may fill them. Filled in one pass: a value that looks like a hole stays what it is.

/// A text such as `Hair: {hair}.`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Hole(String),
}

impl Template {
    /// Parses a text whose holes must be among `names`.
    pub(super) fn parse(text: &str, names: &[&str]) -> Result<Self, String> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((literal, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(|| format!("`{text}` has a `{{` without its `}}`"))?;
            if !names.contains(&name) {
                return Err(format!("`{{{name}}}` is none of {}", names.join(", ")));
            }
            pieces.extend([Piece::Literal(literal.to_owned()), Piece::Hole(name.to_owned())]);
            rest = after;
        }
        pieces.push(Piece::Literal(rest.to_owned()));
        Ok(Self(pieces))
    }

    /// The text with its holes filled; `None` where one of them has no value.
    pub(super) fn fill<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Hole(name) => text.push_str(value(name).filter(|value| !value.is_empty())?),
                // A value that ends its own sentence needs no second full stop.
                Piece::Literal(literal) if text.ends_with(['.', '!', '?', '…']) => {
                    text.push_str(literal.strip_prefix('.').unwrap_or(literal));
                }
                Piece::Literal(literal) => text.push_str(literal),
            }
        }
        Some(text)
    }
}

/// The first of the alternatives whose holes can all be filled.
pub(super) fn first_filled<'a>(alternatives: &[Template], value: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    alternatives.iter().find_map(|template| template.fill(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_once_and_a_missing_value_leaves_the_part_out() {
        let template = Template::parse("{a} and {b}.", &["a", "b"]).unwrap();
        let filled = |b| template.fill(|name| if name == "a" { Some("{b}") } else { b });
        assert_eq!(filled(Some("c!")).unwrap(), "{b} and c!");
        assert_eq!(filled(None), None);
        assert_eq!(filled(Some("")), None);
        assert!(Template::parse("{c}", &["a"]).unwrap_err().contains("`{c}` is none of a"));
        assert!(Template::parse("{a", &["a"]).is_err());
    }
}
