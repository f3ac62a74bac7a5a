//! What is asked of [`super::Deliver`], and what comes of it.

use std::sync::Arc;
use std::time::Duration;

use crate::cache::CacheStatus;
use crate::clients::Client;
use crate::imaging::Effort;
use crate::object::ObjectId;
use crate::render::{Priority, Timings};
use crate::transform::{Dialect, Want};
use crate::variants::{Made, Variant};
use crate::versions::Record;

/// What is asked for, by whom.
#[derive(Clone, Debug)]
pub struct Ask {
    pub object: ObjectId,
    pub want: Want,
    pub dialect: Dialect,
    /// Who is limited; `None` is exempt.
    pub client: Option<Client>,
    pub purpose: Purpose,
}

/// Why a variant is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Someone waits for it.
    Request,
    /// It is made before anyone asks: in the background, small, and kept at once.
    Warm,
    /// The same, but somebody will ask in a moment: it waits with the requests.
    WarmFirst,
}

impl Purpose {
    pub(super) const fn priority(self, client: Option<Client>) -> Priority {
        match self {
            Self::Request | Self::WarmFirst => Priority::Request(client),
            Self::Warm => Priority::Background,
        }
    }

    pub(super) const fn effort(self) -> Effort {
        match self {
            Self::Request => Effort::Fast,
            Self::Warm | Self::WarmFirst => Effort::Small,
        }
    }
}

/// A variant, and what is known of its original.
#[derive(Clone, Debug)]
pub struct Delivered {
    pub variant: Arc<Variant>,
    pub record: Arc<Record>,
    pub made: Made,
    pub status: CacheStatus,
    /// Time since the version was confirmed with its source; zero for folders and for our own buckets.
    pub age: Duration,
    /// Set where this request had the work done.
    pub timings: Option<Timings>,
}
