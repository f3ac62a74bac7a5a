//! The turn: one run at a time in the whole fleet. Whoever dies over it loses it after the lease.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::task::AbortHandle;
use uuid::Uuid;

use crate::catalog::{Actor, Catalog, CatalogError, NewRun, RunState};

/// The turn of this process. It is prolonged as long as this is held.
#[derive(Debug)]
pub(super) struct Turn {
    pub run: Uuid,
    pub actor: Actor,
    catalog: Arc<Catalog>,
    lease: Duration,
    beating: AbortHandle,
}

impl Turn {
    /// `None`: somebody else has it, or the schedule, which begins at `due`, says that it is not time.
    pub(super) async fn take(
        catalog: &Arc<Catalog>,
        actor: Actor,
        lease: Duration,
        due: Option<OffsetDateTime>,
    ) -> Result<Option<Self>, CatalogError> {
        let run = Uuid::now_v7();
        let new = NewRun { id: run, actor, until: OffsetDateTime::now_utc() + lease, first_due: due };
        if !catalog.begin_run(&new).await? {
            return Ok(None);
        }
        let beating = tokio::spawn(beat(Arc::clone(catalog), run, lease)).abort_handle();
        Ok(Some(Self { run, actor, catalog: Arc::clone(catalog), lease, beating }))
    }

    /// Until when it is held from now on.
    pub(super) fn until(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + self.lease
    }

    pub(super) async fn end(self, is_done: bool, due: Option<OffsetDateTime>) -> Result<(), CatalogError> {
        self.beating.abort();
        let state = if is_done { RunState::Ended } else { RunState::Failed };
        self.catalog.end_run(self.run, state, due).await
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.beating.abort();
    }
}

/// Reading a large bucket may take longer than the lease.
async fn beat(catalog: Arc<Catalog>, run: Uuid, lease: Duration) {
    loop {
        tokio::time::sleep(lease / 3).await;
        match catalog.renew_run(run, OffsetDateTime::now_utc() + lease).await {
            Ok(true) => {}
            // Its next batch is refused.
            Ok(false) => return,
            Err(error) => tracing::warn!(%error, "the turn of a cleanup could not be prolonged"),
        }
    }
}
