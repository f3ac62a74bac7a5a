//! The three questions, asked until each has an answer.

use std::io::{BufRead, Write};
use std::net::SocketAddr;

use url::Url;

use super::answers::{Answers, Pictures};
use crate::cli::Failure;

const WHERE: &str =
    "Where are your pictures? A folder, s3://bucket/prefix, or your Supabase: https://your-project.supabase.co";
const ADDRESS: &str = "Where should it listen, or at which URL do people reach it? [127.0.0.1:8787]";
const USERS: &str = "Do apps upload, and users sign in? [y/N]";

/// An address and a URL; either may be unsaid.
pub(super) type Address = (Option<SocketAddr>, Option<Url>);

/// Asks for what is not known yet.
pub(super) fn ask(
    input: &mut impl BufRead,
    screen: &mut impl Write,
    pictures: Option<Pictures>,
    address: Address,
    users: Option<bool>,
) -> Result<Answers, Failure> {
    let pictures = match pictures {
        Some(pictures) => pictures,
        None => answer(input, screen, WHERE, |text| text.parse::<Pictures>()?.checked())?,
    };
    let (listen, public_url) = match address {
        (None, None) => answer(input, screen, ADDRESS, parse_address)?,
        known => known,
    };
    let users = match users {
        Some(users) => users,
        None => answer(input, screen, USERS, parse_yes)?,
    };
    Ok(Answers { pictures, listen, public_url, users })
}

fn answer<T>(
    input: &mut impl BufRead,
    screen: &mut impl Write,
    question: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    let failed = |error: std::io::Error| Failure::Other(format!("the terminal cannot be used: {error}"));
    loop {
        write!(screen, "{question}\n> ").and_then(|()| screen.flush()).map_err(failed)?;
        let mut line = String::new();
        if input.read_line(&mut line).map_err(failed)? == 0 {
            return Err(Failure::Usage("nothing was written: a question had no answer".to_owned()));
        }
        match parse(line.trim()) {
            Ok(answer) => return Ok(answer),
            Err(reason) => writeln!(screen, "  {reason}").map_err(failed)?,
        }
    }
}

fn parse_address(text: &str) -> Result<Address, String> {
    if text.is_empty() {
        return Ok((None, None));
    }
    if let Ok(listen) = text.parse() {
        return Ok((Some(listen), None));
    }
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok((None, Some(url))),
        _ => Err("an address is 0.0.0.0:8787, a URL https://images.example.com".to_owned()),
    }
}

fn parse_yes(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "" | "n" | "no" => Ok(false),
        "y" | "yes" => Ok(true),
        _ => Err("say y or n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_answers_are_told_and_asked_for_again() {
        let mut input = "/no/such/folder\n./fixtures\nnowhere\nhttps://images.example\nmaybe\ny\n".as_bytes();
        let mut screen = Vec::new();
        let answers = ask(&mut input, &mut screen, None, (None, None), None).unwrap();
        assert_eq!(answers.public_url.as_ref().map(Url::as_str), Some("https://images.example/"));
        assert!(answers.users && answers.listen.is_none());
        let screen = String::from_utf8(screen).unwrap();
        assert!(screen.contains("there is no folder /no/such/folder") && screen.contains("say y or n"), "{screen}");
        assert!(ask(&mut "./fixtures\n".as_bytes(), &mut Vec::new(), None, (None, None), None).is_err());
    }

    #[test]
    fn what_flags_say_is_not_asked() {
        let known = Some("./fixtures".parse().unwrap());
        let listen = Some("127.0.0.1:1".parse().unwrap());
        let answers = ask(&mut "".as_bytes(), &mut Vec::new(), known, (listen, None), Some(false)).unwrap();
        assert_eq!((answers.listen, answers.users), (listen, false));
    }
}
