//! Short notes between the nodes that share a catalogue. Whoever does not listen misses them: they say sooner what the
//! tables say as well.

use super::{Catalog, CatalogError, Notes};

/// Longest note, in bytes: what Postgres takes.
pub const NOTE_BYTES: usize = 7999;

impl Catalog {
    /// Whether other nodes may share it.
    pub const fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Sends notes to every node, this one too, in this order. None may be longer than [`NOTE_BYTES`].
    pub async fn send_notes(&self, notes: &[String]) -> Result<(), CatalogError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => Box::pin(postgres.send_notes(notes)).await,
        }
    }

    /// The notes of every node from now on; `None` where there are no others.
    pub async fn notes(&self) -> Result<Option<Notes>, CatalogError> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(postgres) => Box::pin(postgres.notes()).await.map(Some),
        }
    }
}
