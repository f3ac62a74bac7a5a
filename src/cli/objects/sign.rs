//! `tintype sign`: URLs that open an object, or let one be written, until they expire.

use clap::Args;
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Address, Failed, Reach, asked, explained};
use crate::cli::remote::{Refused, Server, with_json};
use crate::cli::{Done, Failure};

#[derive(Args, Debug)]
pub(in crate::cli) struct Options {
    /// Objects: task-proofs/ann/proof.png
    #[arg(value_name = "BUCKET/OBJECT", required = true)]
    addresses: Vec<Address>,
    /// How long the URL opens the object: 90s, 15m, 12h, 30d.
    #[arg(long, default_value = "1h", value_name = "TIME", value_parser = seconds)]
    expires: u64,
    /// Width of the picture that the URL shows.
    #[arg(long, value_name = "PIXELS")]
    width: Option<u32>,
    /// Height of the picture that the URL shows.
    #[arg(long, value_name = "PIXELS")]
    height: Option<u32>,
    /// Quality of the picture that the URL shows.
    #[arg(long, value_name = "1-100", value_parser = clap::value_parser!(u32).range(1..=100))]
    quality: Option<u32>,
    /// A URL to which the object may be uploaded, once, within two hours; with PUT.
    #[arg(long, conflicts_with_all = ["expires", "width", "height", "quality"])]
    upload: bool,
    #[command(flatten)]
    reach: Reach,
}

impl Options {
    /// The body of the request.
    fn body(&self) -> Value {
        let sizes = [("width", self.width), ("height", self.height), ("quality", self.quality)];
        let transform: Map<String, Value> =
            sizes.iter().filter_map(|(name, value)| Some(((*name).to_owned(), json!((*value)?)))).collect();
        let mut body = json!({"expiresIn": self.expires});
        if !transform.is_empty() {
            body["transform"] = Value::Object(transform);
        }
        body
    }
}

#[derive(Deserialize)]
struct Signed {
    #[serde(alias = "signedURL")]
    url: String,
}

pub(in crate::cli) fn run(options: &Options) -> Done {
    for address in &options.addresses {
        address.object().map_err(Failure::Usage)?;
    }
    let (output, failed) = (options.reach.output(), Failed::default());
    asked(&options.reach, async |server| {
        for address in &options.addresses {
            match signed(server, address, options).await? {
                Ok(url) if output.json => output.document(&json!({"object": address.to_string(), "url": url}))?,
                Ok(url) => output.line(url)?,
                Err(refused) if refused.is_no_bucket() => {
                    return Err(explained(server, address.bucket.as_str(), refused).await);
                }
                Err(refused) => failed.note(server, &address.to_string(), &refused)?,
            }
        }
        Ok(failed.code())
    })
}

async fn signed(server: &Server, address: &Address, options: &Options) -> Result<Result<String, Refused>, Failure> {
    let words = if options.upload { "/storage/v1/object/upload/sign" } else { "/storage/v1/object/sign" };
    let body = if options.upload { json!({}) } else { options.body() };
    let request = with_json(server.request(Method::POST, &address.path(words))?, &body)?;
    let signed: Signed = match server.ask(request).await {
        Ok(signed) => signed,
        Err(refused) => return Ok(Err(refused)),
    };
    let path = format!("/storage/v1{}", signed.url);
    let url = server.url().join(&path).map_err(|error| server.failed(&error.to_string()))?;
    Ok(Ok(url.to_string()))
}

/// `90`, `90s`, `15m`, `12h`, `30d`, in seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let (digits, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len()));
    let scale = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err("a time is a number and one of s, m, h, d: 15m".to_owned()),
    };
    let count: u64 = digits.parse().map_err(|_| "a time begins with a number: 15m".to_owned())?;
    count
        .checked_mul(scale)
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| "this time is too short or too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!((seconds("90"), seconds("15m"), seconds("30d")), (Ok(90), Ok(900), Ok(2_592_000)));
        for wrong in ["", "m", "0", "1w", "-1", "99999999999999999999", "18446744073709551615d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
