//! Request bodies: small JSON documents, and what the schema says of their fields.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde_json::{Map, Value};

use super::Fault;

/// Largest JSON body in bytes: a thousand keys of a thousand bytes, and what surrounds them.
const JSON_BYTES: usize = 2 << 20;

/// Reads a JSON object; an empty body is an empty one.
pub(super) async fn json(body: Body, patience: Duration) -> Result<Fields, Fault> {
    let bytes = tokio::time::timeout(patience, gathered(body)).await.map_err(|_| Fault::TooSlow)??;
    if bytes.is_empty() {
        return Ok(Fields(Map::new()));
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(fields)) => Ok(Fields(fields)),
        Ok(_) => Err(Fault::schema("body must be object")),
        Err(error) => Err(Fault::schema(format!("the body is no JSON: {error}"))),
    }
}

async fn gathered(body: Body) -> Result<Bytes, Fault> {
    let (mut parts, mut stream) = (BytesMut::new(), body.into_data_stream());
    while let Some(part) = stream.next().await {
        parts.extend_from_slice(&part.map_err(|_| Fault::schema("the body ended early"))?);
        if parts.len() > JSON_BYTES {
            return Err(Fault::TooLarge);
        }
    }
    Ok(parts.freeze())
}

/// The fields of a body, read by their schema's rules.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Whether the field is there, even as `null`.
    pub fn names(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub fn text(&self, name: &str) -> Result<Option<String>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(Fault::schema(format!("body/{name} must be string"))),
        }
    }

    pub fn required_text(&self, name: &str) -> Result<String, Fault> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(Fault::schema(format!("body/{name} must be boolean"))),
        }
    }

    /// A whole number of at least `minimum`.
    pub fn number(&self, name: &str, minimum: u64) -> Result<Option<u64>, Fault> {
        let Some(value) = self.get(name) else { return Ok(None) };
        // A fraction or a text of digits is taken as the validator's coercion takes it.
        let number = value.as_f64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
        match number.filter(|number| number.is_finite()) {
            Some(number) if number >= minimum as f64 => Ok(Some(number as u64)),
            Some(_) => Err(Fault::schema(format!("body/{name} must be >= {minimum}"))),
            None => Err(Fault::schema(format!("body/{name} must be integer"))),
        }
    }

    pub fn required_number(&self, name: &str, minimum: u64) -> Result<u64, Fault> {
        self.number(name, minimum)?.ok_or_else(|| missing(name))
    }

    /// A list of 1 to `most` texts.
    pub fn required_texts(&self, name: &str, most: usize) -> Result<Vec<String>, Fault> {
        let wrong = || Fault::schema(format!("body/{name} must be array"));
        let items = self.get(name).ok_or_else(|| missing(name))?.as_array().ok_or_else(wrong)?;
        match items.len() {
            0 => return Err(Fault::schema(format!("body/{name} must NOT have fewer than 1 items"))),
            count if count > most => {
                return Err(Fault::schema(format!("body/{name} must NOT have more than {most} items")));
            }
            _ => {}
        }
        let text = |(index, item): (usize, &Value)| {
            let text = item.as_str().map(str::to_owned);
            text.ok_or_else(|| Fault::schema(format!("body/{name}/{index} must be string")))
        };
        items.iter().enumerate().map(text).collect()
    }

    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Fault> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let wrong = || Fault::schema(format!("body/{name} must be array"));
        let items = value.as_array().ok_or_else(wrong)?.iter();
        let texts: Option<Vec<String>> = items.map(|item| item.as_str().map(str::to_owned)).collect();
        texts.map(Some).ok_or_else(|| Fault::schema(format!("body/{name}/0 must be string")))
    }

    pub fn object(&self, name: &str) -> Result<Option<Fields>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self(fields.clone()))),
            Some(_) => Err(Fault::schema(format!("body/{name} must be object"))),
        }
    }

    /// A JSON object as it stands.
    pub fn map(&self, name: &str) -> Result<Option<Map<String, Value>>, Fault> {
        Ok(self.object(name)?.map(|Self(fields)| fields))
    }

    /// `null` or a number of bytes, or a text such as `20mb` in decimal units.
    pub fn size(&self, name: &str) -> Result<Option<u64>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => {
                let whole = number.as_u64().or_else(|| number.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64));
                whole.map(Some).ok_or_else(|| Fault::schema(format!("body/{name} must be >= 0")))
            }
            Some(Value::String(text)) => text
                .parse::<crate::config::ByteSize>()
                .map(|size| Some(size.0))
                .map_err(|_| Fault::schema(format!("body/{name} is no size"))),
            Some(_) => Err(Fault::schema(format!("body/{name} must be integer"))),
        }
    }
}

fn missing(name: &str) -> Fault {
    Fault::schema(format!("body must have required property '{name}'"))
}
