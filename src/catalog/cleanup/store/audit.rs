//! The log of what went by itself.

macro_rules! audit {
    ($database:ident) => {
        use sqlx::AssertSqlSafe;
        use time::OffsetDateTime;

        use crate::catalog::cleanup::{Audit, AuditAction, AuditQuery, NewAudit, rows};
        use crate::catalog::columns::micros;
        use crate::catalog::{CatalogError, now, $database};
        use crate::object::{BucketName, ObjectKey};

        type Connection = <sqlx::$database as sqlx::Database>::Connection;

        impl $database {
            pub(in crate::catalog) async fn note_audit(&self, entries: &[NewAudit]) -> Result<(), CatalogError> {
                let mut tx = self.begin().await?;
                for entry in entries {
                    log(&mut tx, entry).await?;
                    let count = match (entry.action, entry.run) {
                        (AuditAction::Listed, Some(run)) => Some(("listed = listed + 1", run)),
                        (AuditAction::Refused, Some(run)) if entry.name.is_none() => {
                            Some(("refused = refused + 1", run))
                        }
                        _ => None,
                    };
                    if let Some((change, run)) = count {
                        let update = format!("UPDATE cleanup_runs SET {change} WHERE id = $1");
                        sqlx::query(AssertSqlSafe(update)).bind(run).execute(&mut *tx).await?;
                    }
                }
                Ok(tx.commit().await?)
            }

            pub(in crate::catalog) async fn audit(&self, query: &AuditQuery) -> Result<Vec<Audit>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let select = "SELECT a.*, (SELECT r.restorable_until FROM removed_objects AS r \
                    WHERE a.action = 'removed' AND r.bucket_id = a.bucket_id AND r.version = a.version \
                    AND r.run = a.run AND r.restored_at IS NULL AND r.restorable_until > $5) AS restorable_until \
                    FROM audit AS a WHERE ($1 IS NULL OR a.run = $1) AND ($2 IS NULL OR a.bucket_id = $2) \
                    AND ($3 IS NULL OR a.ordinal < $3) ORDER BY a.ordinal DESC LIMIT $4";
                let query = sqlx::query(select)
                    .bind(query.run)
                    .bind(query.bucket.as_ref().map(BucketName::as_str))
                    .bind(query.before)
                    .bind(i64::from(query.limit))
                    .bind(micros(now()));
                query.fetch_all(&mut *tx).await?.iter().map(rows::audit).collect()
            }

            pub(in crate::catalog) async fn prune_audit(&self, before: OffsetDateTime) -> Result<(), CatalogError> {
                let mut tx = self.begin().await?;
                sqlx::query("DELETE FROM audit WHERE at < $1").bind(micros(before)).execute(&mut *tx).await?;
                Ok(tx.commit().await?)
            }
        }

        pub(super) async fn log(connection: &mut Connection, entry: &NewAudit) -> Result<(), CatalogError> {
            let insert = "INSERT INTO audit (at, actor, action, run, bucket_id, name, version, size, reason) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
            sqlx::query(insert)
                .bind(micros(now()))
                .bind(entry.actor.as_str())
                .bind(entry.action.as_str())
                .bind(entry.run)
                .bind(entry.bucket.as_ref().map(BucketName::as_str))
                .bind(entry.name.as_ref().map(ObjectKey::as_str))
                .bind(entry.version)
                .bind(entry.size.map(|size| size as i64))
                .bind(&entry.reason)
                .execute(connection)
                .await?;
            Ok(())
        }
    };
}

pub(in crate::catalog) use audit;
