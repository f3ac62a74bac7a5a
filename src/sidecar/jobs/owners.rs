//! Whose a kinkster is, for those who want to hear of its avatar.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::catalog::Catalog;
use crate::realtime::rules::Ownership;
use crate::realtime::{Owners, OwnersUnavailable};

/// Asks the catalogue.
#[derive(Clone, Debug)]
pub struct KinksterOwners(Arc<Catalog>);

impl KinksterOwners {
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self(catalog)
    }
}

#[async_trait]
impl Owners for KinksterOwners {
    async fn owner_of(&self, kinkster: &str) -> Result<Ownership, OwnersUnavailable> {
        let Ok(id) = Uuid::parse_str(kinkster) else { return Ok(Ownership::Nobody) };
        match self.0.kinkster(id).await {
            Ok(Some(row)) => Ok(Ownership::Owner(row.user.into())),
            Ok(None) => Ok(Ownership::Nobody),
            Err(error) => {
                tracing::warn!(%error, "a kinkster's owner cannot be asked for");
                Err(OwnersUnavailable)
            }
        }
    }
}
