//! Whose a kinkster is, for those who want to hear of its avatar.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::realtime::rules::Ownership;
use crate::realtime::{Owners, OwnersUnavailable};
use crate::sidecar::home::Home;

/// Asks whoever keeps them.
#[derive(Clone, Debug)]
pub struct KinksterOwners(Arc<Home>);

impl KinksterOwners {
    pub fn new(home: Arc<Home>) -> Self {
        Self(home)
    }
}

#[async_trait]
impl Owners for KinksterOwners {
    async fn owner_of(&self, kinkster: &str) -> Result<Ownership, OwnersUnavailable> {
        let Ok(id) = Uuid::parse_str(kinkster) else { return Ok(Ownership::Nobody) };
        match self.0.owner_of(id, None).await {
            Ok(Some(user)) => Ok(Ownership::Owner(user.into())),
            Ok(None) => Ok(Ownership::Nobody),
            Err(error) => {
                tracing::warn!(%error, "a kinkster's owner cannot be asked for");
                Err(OwnersUnavailable)
            }
        }
    }
}
