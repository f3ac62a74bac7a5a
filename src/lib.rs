//! tintype: one binary in front of an image bucket.

pub mod error;
pub mod imaging;
pub mod object;
pub mod source;
pub mod transform;
