//! Jobs and kinksters. There is one writer: what it reads first nobody changes before it is done.

use sqlx::sqlite::SqliteTransaction;

use super::Sqlite;
use crate::catalog::CatalogError;

crate::catalog::jobs::store::job_store!(Sqlite, "");

impl Sqlite {
    pub(super) async fn begin_read(&self) -> Result<SqliteTransaction<'static>, CatalogError> {
        Ok(self.readers.begin().await?)
    }

    async fn begin_alone(&self) -> Result<SqliteTransaction<'static>, CatalogError> {
        self.begin().await
    }
}
