//! The sidecar: avatars painted from a description.
//!
//! A request's fields are parsed at the edge ([`field`], [`character`]); [`prompt::PromptBook`] makes the prompt of them;
//! a [`provider::Provider`] paints it; [`studio::Studio`] holds them together. [`jobs`] takes it on,
//! has it painted, stores it where avatars live ([`home`]) and tells of it. Nothing here knows HTTP's server side.

pub mod avatar_url;
pub mod backfill;
pub mod character;
pub mod field;
pub mod home;
pub mod jobs;
pub mod prompt;
#[cfg(test)]
mod prompt_tests;
pub mod provider;
pub mod studio;
mod template;
