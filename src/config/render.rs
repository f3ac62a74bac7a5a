//! How pictures are made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::transform::Dialect;

/// What is made of pictures beside the first answer, in the time that requests leave.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RenderConfig {
    /// Who gets AVIF that names no format but accepts it, once it has been made while nothing else was to do: `off` nobody, `refined` native URLs, and those of Next where `next.formats` lists it, `everywhere` Supabase's too. A named AVIF is made at once.
    pub avif: AvifUse,
    /// Whether variants that are asked for again are made smaller while nothing else is to do, at the same visible quality.
    pub refine: bool,
    /// Most of one core in percent that this takes.
    pub refine_percent: u32,
    /// Variants that wait for it; others wait until they are asked for again.
    pub refine_entries: usize,
}

/// Who gets AVIF without naming it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AvifUse {
    Off,
    #[default]
    Refined,
    Everywhere,
}

impl AvifUse {
    /// Whether the URLs of a dialect may be answered with AVIF that they do not name. (Next's say by their own list whether
    /// they want it.)
    pub const fn allows(self, dialect: Dialect) -> bool {
        match (self, dialect) {
            (Self::Off, _) | (Self::Refined, Dialect::Supabase) => false,
            (Self::Refined, Dialect::Native | Dialect::Next) | (Self::Everywhere, _) => true,
        }
    }
}

impl Default for RenderConfig {
    fn default() -> Self {
        Self { avif: AvifUse::default(), refine: true, refine_percent: 50, refine_entries: 4096 }
    }
}
