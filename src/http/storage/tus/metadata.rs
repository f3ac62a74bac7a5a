//! `Upload-Metadata`: what a client says about its upload, as `key base64` pairs. Pure.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;

use super::Refusal;
use crate::bucket::Upload;
use crate::catalog;
use crate::http::storage::uploads::{is_plain, max_age, user_metadata};
use crate::http::storage::{Fault, Storage};
use crate::object::{BucketName, ObjectId};

/// The pairs, decoded. Keys that mean nothing here are let be: clients add their own.
#[derive(Debug)]
pub(super) struct Metadata(HashMap<String, String>);

impl Metadata {
    pub fn parse(headers: &HeaderMap) -> Result<Self, Refusal> {
        let text = headers.get("upload-metadata").map(|value| value.to_str().map_err(|_| wrong("is no ASCII text")));
        let mut pairs = HashMap::new();
        for pair in text.transpose()?.unwrap_or_default().split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (key, encoded) = pair.split_once(' ').unwrap_or((pair, ""));
            let decoded = STANDARD.decode(encoded.trim()).map_err(|_| wrong("has a value that is no base64"))?;
            let value = String::from_utf8(decoded).map_err(|_| wrong("has a value that is no UTF-8"))?;
            if pairs.insert(key.to_owned(), value).is_some() {
                return Err(wrong("has a key twice"));
            }
        }
        Ok(Self(pairs))
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// What the upload is to become.
    pub fn object(&self, storage: &Storage) -> Result<ObjectId, Refusal> {
        let required = |key: &str| self.get(key).ok_or_else(|| wrong(&format!("must have `{key}`")));
        let bucket = BucketName::parse(required("bucketName")?).map_err(|_| Fault::NoBucket)?;
        Ok(ObjectId::new(bucket, storage.key(required("objectName")?)?))
    }

    pub fn upload(&self, object: ObjectId, upsert: bool) -> Result<Upload, Refusal> {
        let mime_type = self.get("contentType").unwrap_or("application/octet-stream");
        if !is_plain(mime_type) {
            return Err(Fault::MalformedType.into());
        }
        Ok(Upload {
            object,
            mime_type: mime_type.to_owned(),
            cache_control: max_age(self.get("cacheControl").unwrap_or_default())?,
            user_metadata: self.get("metadata").map(|text| user_metadata(text.as_bytes())).transpose()?,
            upsert,
        })
    }
}

fn wrong(what: &str) -> Refusal {
    Fault::schema(format!("headers/upload-metadata {what}")).into()
}

/// The metadata in force, for whoever asks where the upload stands.
pub(super) fn told(upload: &catalog::Upload) -> HeaderValue {
    let user_metadata = upload.user_metadata.as_ref().map(|fields| Value::Object(fields.clone()).to_string());
    let pairs = [
        ("bucketName", Some(upload.object.bucket.as_str())),
        ("objectName", Some(upload.object.key.as_str())),
        ("contentType", Some(upload.mime_type.as_str())),
        ("cacheControl", Some(upload.cache_control.as_str())),
        ("metadata", user_metadata.as_deref()),
    ];
    let encoded = pairs.iter().filter_map(|(key, value)| Some(format!("{key} {}", STANDARD.encode((*value)?))));
    let text = encoded.collect::<Vec<_>>().join(",");
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn parsed(text: &str) -> Result<Metadata, Refusal> {
        let name = HeaderName::from_static("upload-metadata");
        Metadata::parse(&HeaderMap::from_iter([(name, HeaderValue::from_str(text).unwrap())]))
    }

    #[test]
    fn pairs_are_decoded_and_a_key_may_have_no_value() {
        let metadata = parsed("objectName YS5wbmc=, empty,bucketName Yg==").unwrap();
        assert_eq!((metadata.get("objectName"), metadata.get("bucketName")), (Some("a.png"), Some("b")));
        assert_eq!((metadata.get("empty"), metadata.get("none")), (None, None));
        assert!(parsed("").is_ok() && parsed(",").is_ok());
    }

    #[test]
    fn what_is_no_list_of_base64_texts_is_refused() {
        for bad in ["a !", "a YQ", "a /w==", "a YQ==,a YQ==", "a YQ== YQ=="] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }
}
