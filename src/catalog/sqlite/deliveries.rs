//! Messages to webhooks.

use std::collections::HashSet;

use sqlx::sqlite::SqliteRow;
use sqlx::types::Json;
use sqlx::{Row, SqliteConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Sqlite;
use crate::catalog::columns::{Columns, micros};
use crate::catalog::deliveries::{Backlog, Delivery, HandOver, NewDelivery};
use crate::catalog::{CatalogError, now};

impl Sqlite {
    pub(in crate::catalog) async fn hand_over(&self, events: &[HandOver]) -> Result<HashSet<Uuid>, CatalogError> {
        let mut tx = self.begin().await?;
        let mut handed = HashSet::new();
        for HandOver { event, deliveries } in events {
            let delete = sqlx::query("DELETE FROM outbox WHERE id = $1").bind(*event);
            if delete.execute(&mut *tx).await?.rows_affected() == 1 {
                handed.insert(*event);
                add(&mut tx, deliveries).await?;
            }
        }
        tx.commit().await?;
        Ok(handed)
    }

    pub(in crate::catalog) async fn add_deliveries(&self, deliveries: &[NewDelivery]) -> Result<(), CatalogError> {
        let mut tx = self.begin().await?;
        add(&mut tx, deliveries).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::catalog) async fn take_deliveries(
        &self,
        hook: &str,
        at: OffsetDateTime,
        busy: &[String],
        limit: u32,
    ) -> Result<Vec<Delivery>, CatalogError> {
        let select = "SELECT * FROM deliveries AS due WHERE hook = $1 AND dead_at IS NULL AND due_at <= $2 \
            AND subject NOT IN (SELECT value FROM json_each($3)) \
            AND NOT EXISTS (SELECT 1 FROM deliveries AS older WHERE older.hook = due.hook \
            AND older.subject = due.subject AND older.dead_at IS NULL AND older.ordinal < due.ordinal) \
            ORDER BY due_at, ordinal LIMIT $4";
        let query = sqlx::query(select).bind(hook).bind(micros(at)).bind(Json(busy)).bind(limit);
        query.fetch_all(&self.readers).await?.iter().map(delivery).collect()
    }

    pub(in crate::catalog) async fn next_due(
        &self,
        hook: &str,
        after: OffsetDateTime,
    ) -> Result<Option<OffsetDateTime>, CatalogError> {
        let select = "SELECT min(due_at) AS due_at FROM deliveries \
            WHERE hook = $1 AND dead_at IS NULL AND due_at > $2";
        let row = sqlx::query(select).bind(hook).bind(micros(after)).fetch_one(&self.readers).await?;
        row.optional_time("due_at")
    }

    pub(in crate::catalog) async fn finish_delivery(&self, id: Uuid) -> Result<(), CatalogError> {
        sqlx::query("DELETE FROM deliveries WHERE id = $1").bind(id).execute(&self.writer).await?;
        Ok(())
    }

    pub(in crate::catalog) async fn postpone_delivery(
        &self,
        delivery: &Delivery,
        until: OffsetDateTime,
        reason: &str,
    ) -> Result<(), CatalogError> {
        let mut tx = self.begin().await?;
        let update = "UPDATE deliveries SET attempts = attempts + 1, reason = $2 WHERE id = $1";
        sqlx::query(update).bind(delivery.id).bind(reason).execute(&mut *tx).await?;
        let update = "UPDATE deliveries SET due_at = $3 WHERE hook = $1 AND subject = $2 AND dead_at IS NULL";
        let query = sqlx::query(update).bind(&delivery.hook).bind(&delivery.subject).bind(micros(until));
        query.execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::catalog) async fn bury_delivery(
        &self,
        id: Uuid,
        reason: &str,
        keep: u32,
    ) -> Result<(), CatalogError> {
        let mut tx = self.begin().await?;
        let update = "UPDATE deliveries SET attempts = attempts + 1, reason = $2, dead_at = $3 WHERE id = $1";
        let query = sqlx::query(update).bind(id).bind(reason).bind(micros(now()));
        query.execute(&mut *tx).await?;
        forget_oldest(&mut tx, keep).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::catalog) async fn bury_hook(&self, hook: &str, reason: &str, keep: u32) -> Result<u64, CatalogError> {
        let mut tx = self.begin().await?;
        let update = "UPDATE deliveries SET reason = $2, dead_at = $3 WHERE hook = $1 AND dead_at IS NULL";
        let query = sqlx::query(update).bind(hook).bind(reason).bind(micros(now()));
        let buried = query.execute(&mut *tx).await?.rows_affected();
        forget_oldest(&mut tx, keep).await?;
        tx.commit().await?;
        Ok(buried)
    }

    pub(in crate::catalog) async fn waiting_hooks(&self) -> Result<Vec<String>, CatalogError> {
        let select = "SELECT DISTINCT hook FROM deliveries WHERE dead_at IS NULL ORDER BY hook";
        Ok(sqlx::query_scalar(select).fetch_all(&self.readers).await?)
    }

    pub(in crate::catalog) async fn dead_letters(&self, limit: u32) -> Result<Vec<Delivery>, CatalogError> {
        let select = "SELECT * FROM deliveries WHERE dead_at IS NOT NULL ORDER BY ordinal DESC LIMIT $1";
        sqlx::query(select).bind(limit).fetch_all(&self.readers).await?.iter().map(delivery).collect()
    }

    pub(in crate::catalog) async fn revive_delivery(
        &self,
        id: Uuid,
        hooks: &[String],
    ) -> Result<Option<String>, CatalogError> {
        let update = "UPDATE deliveries SET attempts = 0, since = $2, due_at = $2, dead_at = NULL, reason = NULL \
            WHERE id = $1 AND dead_at IS NOT NULL AND hook IN (SELECT value FROM json_each($3)) RETURNING hook";
        let query = sqlx::query_scalar(update).bind(id).bind(micros(now())).bind(Json(hooks));
        Ok(query.fetch_optional(&self.writer).await?)
    }

    pub(in crate::catalog) async fn backlog(&self) -> Result<Backlog, CatalogError> {
        let select = "SELECT (SELECT count(*) FROM outbox) AS events, (SELECT min(at) FROM outbox) AS oldest, \
            (SELECT count(*) FROM deliveries WHERE dead_at IS NULL) AS deliveries, \
            (SELECT count(*) FROM deliveries WHERE dead_at IS NOT NULL) AS dead_letters";
        let row = sqlx::query(select).fetch_one(&self.readers).await?;
        Ok(Backlog {
            events: row.count("events")?,
            oldest: row.optional_time("oldest")?,
            deliveries: row.count("deliveries")?,
            dead_letters: row.count("dead_letters")?,
        })
    }
}

async fn add(connection: &mut SqliteConnection, deliveries: &[NewDelivery]) -> Result<(), CatalogError> {
    let insert = "INSERT INTO deliveries (id, hook, message, subject, body, since, due_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING";
    for new in deliveries {
        sqlx::query(insert)
            .bind(Uuid::now_v7())
            .bind(&new.hook)
            .bind(new.message)
            .bind(&new.subject)
            .bind(&new.body)
            .bind(micros(now()))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn forget_oldest(connection: &mut SqliteConnection, keep: u32) -> Result<(), CatalogError> {
    let delete = "DELETE FROM deliveries WHERE dead_at IS NOT NULL AND ordinal <= \
        (SELECT ordinal FROM deliveries WHERE dead_at IS NOT NULL ORDER BY ordinal DESC LIMIT 1 OFFSET $1)";
    sqlx::query(delete).bind(keep).execute(connection).await?;
    Ok(())
}

fn delivery(row: &SqliteRow) -> Result<Delivery, CatalogError> {
    Ok(Delivery {
        id: row.try_get("id")?,
        hook: row.try_get("hook")?,
        message: row.try_get("message")?,
        subject: row.try_get("subject")?,
        body: row.try_get("body")?,
        attempts: row.try_get("attempts")?,
        since: row.time("since")?,
        due_at: row.time("due_at")?,
        dead_at: row.optional_time("dead_at")?,
        reason: row.try_get("reason")?,
    })
}
