#![allow(unused, clippy::all, clippy::pedantic)]
use super::*;
use crate::config::Secret;
use crate::object::*;
use http::HeaderMap;
use std::collections::HashMap;
#[derive(Clone, Debug, Default)]
pub struct RuleBook {
    pub default: RuleSet,
    pub buckets: HashMap<BucketName, RuleSet>,
}
#[derive(Debug)]
pub struct Keys;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct TokenError;
impl TokenError {
    pub fn is_missing(&self) -> bool {
        todo!()
    }
}
#[derive(Debug, thiserror::Error)]
pub enum SignedTokenError {
    #[error("{0}")]
    InvalidJwt(String),
    #[error("{0}")]
    InvalidSignature(String),
}
#[derive(Debug, Clone, Copy)]
pub enum Scope {
    Download,
    Upload,
}
#[derive(Debug)]
pub struct ObjectToken {
    pub url: String,
    pub scope: Option<Scope>,
    pub transformations: Option<String>,
    pub format: Option<String>,
    pub owner: Option<String>,
    pub upsert: Option<bool>,
    pub iat: u64,
    pub exp: u64,
}
pub struct Issued {
    pub iat: u64,
    pub exp: u64,
}
pub fn stable_issue_time(now: u64, lifetime: u64) -> Issued {
    todo!()
}
impl Keys {
    pub fn new(s: &Secret) -> Self {
        todo!()
    }
    pub fn caller(&self, h: &HeaderMap) -> Result<Caller, TokenError> {
        todo!()
    }
    pub fn sign_object(&self, t: &ObjectToken) -> String {
        todo!()
    }
    pub fn verify_object(&self, t: &str, u: &str, s: Scope, now: u64) -> Result<ObjectToken, SignedTokenError> {
        todo!()
    }
}
