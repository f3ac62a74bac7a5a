//! The sidecar: avatars painted from a description.
//!
//! A request's fields are parsed at the edge ([`field`], [`character`]); [`prompt::PromptBook`] makes the prompt of them;
//! a [`provider::Provider`] paints it; [`studio::Studio`] holds them together. Nothing here knows HTTP's server side, stores a picture or keeps a job.

pub mod character;
pub mod field;
pub mod prompt;
#[cfg(test)]
mod prompt_tests;
pub mod provider;
pub mod studio;
mod template;
