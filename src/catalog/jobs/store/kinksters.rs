//! Characters.

macro_rules! kinksters {
    ($database:ident) => {
        use serde_json::Value;
        use uuid::Uuid;

        use crate::catalog::columns::micros;
        use crate::catalog::jobs::rows::kinkster;
        use crate::catalog::jobs::{Kinkster, KinksterChange, KinksterMatch};
        use crate::catalog::{CatalogError, now, $database};

        type Connection = <sqlx::$database as sqlx::Database>::Connection;

        impl $database {
            pub(in crate::catalog) async fn kinkster(&self, id: Uuid) -> Result<Option<Kinkster>, CatalogError> {
                let mut tx = self.begin_read().await?;
                find_kinkster(&mut tx, id).await
            }

            pub(in crate::catalog) async fn kinksters(
                &self,
                user: &str,
                limit: u32,
                offset: u32,
            ) -> Result<Vec<Kinkster>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let select =
                    "SELECT * FROM kinksters WHERE user_id = $1 ORDER BY created_at DESC, id LIMIT $2 OFFSET $3";
                let query = sqlx::query(select).bind(user).bind(i64::from(limit)).bind(i64::from(offset));
                query.fetch_all(&mut *tx).await?.iter().map(kinkster).collect()
            }

            pub(in crate::catalog) async fn pictured_kinksters(
                &self,
                after: Option<Uuid>,
                limit: u32,
            ) -> Result<Vec<Kinkster>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let select = "SELECT * FROM kinksters WHERE avatar_url IS NOT NULL AND ($1 IS NULL OR id > $1) \
                    ORDER BY id LIMIT $2";
                let query = sqlx::query(select).bind(after).bind(i64::from(limit));
                query.fetch_all(&mut *tx).await?.iter().map(kinkster).collect()
            }

            pub(in crate::catalog) async fn put_kinkster(
                &self,
                id: Uuid,
                user: &str,
                change: &KinksterChange,
            ) -> Result<Kinkster, CatalogError> {
                let mut tx = self.begin().await?;
                if !claim_kinkster(&mut tx, id, user).await? {
                    return Err(CatalogError::Denied);
                }
                let old = find_kinkster(&mut tx, id).await?.unwrap_or_else(|| Kinkster::new(id, user, now()));
                let changed = old.changed(change, now());
                write_kinkster(&mut tx, &changed).await?;
                tx.commit().await?;
                Ok(changed)
            }

            pub(in crate::catalog) async fn change_kinkster(
                &self,
                matching: KinksterMatch<'_>,
                change: &KinksterChange,
            ) -> Result<Option<Kinkster>, CatalogError> {
                let mut tx = self.begin().await?;
                // Written to before it is read: nobody else changes it in between.
                let hold = "UPDATE kinksters SET updated_at = $4 WHERE id = $1 AND ($2 IS NULL OR user_id = $2) \
                    AND ($3 IS NULL OR avatar_url = $3)";
                let query = sqlx::query(hold).bind(matching.id).bind(matching.user).bind(matching.avatar_url);
                if query.bind(micros(now())).execute(&mut *tx).await?.rows_affected() == 0 {
                    return Ok(None);
                }
                let Some(old) = find_kinkster(&mut tx, matching.id).await? else { return Ok(None) };
                let changed = old.changed(change, now());
                write_kinkster(&mut tx, &changed).await?;
                tx.commit().await?;
                Ok(Some(changed))
            }

            pub(in crate::catalog) async fn remove_kinkster(
                &self,
                id: Uuid,
                user: Option<&str>,
            ) -> Result<bool, CatalogError> {
                let mut tx = self.begin().await?;
                let delete = "DELETE FROM kinksters WHERE id = $1 AND ($2 IS NULL OR user_id = $2)";
                let removed = sqlx::query(delete).bind(id).bind(user).execute(&mut *tx).await?.rows_affected() == 1;
                tx.commit().await?;
                Ok(removed)
            }
        }

        /// Whether the kinkster is this user's; one that nobody has becomes so.
        pub(super) async fn claim_kinkster(
            connection: &mut Connection,
            id: Uuid,
            user: &str,
        ) -> Result<bool, CatalogError> {
            let insert = "INSERT INTO kinksters (id, user_id, is_active, created_at, updated_at) \
                VALUES ($1, $2, $3, $4, $4) ON CONFLICT (id) DO NOTHING";
            let query = sqlx::query(insert).bind(id).bind(user).bind(true).bind(micros(now()));
            query.execute(&mut *connection).await?;
            let owner = sqlx::query_scalar("SELECT user_id FROM kinksters WHERE id = $1").bind(id);
            let owner: Option<String> = owner.fetch_optional(&mut *connection).await?;
            Ok(owner.as_deref() == Some(user))
        }

        async fn find_kinkster(connection: &mut Connection, id: Uuid) -> Result<Option<Kinkster>, CatalogError> {
            let query = sqlx::query("SELECT * FROM kinksters WHERE id = $1").bind(id);
            query.fetch_optional(connection).await?.as_ref().map(kinkster).transpose()
        }

        async fn write_kinkster(connection: &mut Connection, row: &Kinkster) -> Result<(), CatalogError> {
            let update = "UPDATE kinksters SET name = $2, avatar_url = $3, avatar_prompt = $4, \
                avatar_generation_config = $5, is_active = $6, updated_at = $7 WHERE id = $1";
            sqlx::query(update)
                .bind(row.id)
                .bind(&row.name)
                .bind(&row.avatar_url)
                .bind(&row.avatar_prompt)
                .bind(row.avatar_generation_config.as_ref().map(Value::to_string))
                .bind(row.is_active)
                .bind(micros(row.updated_at))
                .execute(connection)
                .await?;
            Ok(())
        }
    };
}

pub(in crate::catalog) use kinksters;
