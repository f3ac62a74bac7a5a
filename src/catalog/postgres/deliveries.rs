//! Messages to webhooks, sent by whichever node takes them.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Postgres, rows};
use crate::catalog::deliveries::{Backlog, Delivery, HandOver, NewDelivery};
use crate::catalog::{CatalogError, now};

/// How long a taken message is its node's alone: longer than an attempt.
const LEASE: Duration = Duration::from_secs(30);

impl Postgres {
    pub(in crate::catalog) async fn hand_over(&self, events: &[HandOver]) -> Result<HashSet<Uuid>, CatalogError> {
        let mut tx = self.begin().await?;
        let ids: Vec<Uuid> = events.iter().map(|event| event.event).collect();
        let delete = sqlx::query_scalar("DELETE FROM outbox WHERE id = ANY ($1) RETURNING id").bind(ids);
        let handed: HashSet<Uuid> = delete.fetch_all(&mut *tx).await?.into_iter().collect();
        let mut new = Vec::new();
        for event in events.iter().filter(|event| handed.contains(&event.event)) {
            new.extend(&event.deliveries);
        }
        add(&mut tx, &new).await?;
        tx.commit().await?;
        Ok(handed)
    }

    pub(in crate::catalog) async fn add_deliveries(&self, deliveries: &[NewDelivery]) -> Result<(), CatalogError> {
        let mut tx = self.begin().await?;
        add(&mut tx, &deliveries.iter().collect::<Vec<_>>()).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::catalog) async fn take_deliveries(
        &self,
        hook: &str,
        at: OffsetDateTime,
        busy: &[String],
        limit: u32,
    ) -> Result<Vec<Delivery>, CatalogError> {
        // Another node's message is not the head of its subject any more, or its row is locked.
        let update = "WITH taken AS (SELECT id FROM deliveries AS due \
            WHERE hook = $1 AND dead_at IS NULL AND due_at <= $2 AND subject <> ALL ($3) \
            AND NOT EXISTS (SELECT FROM deliveries AS older WHERE older.hook = due.hook \
            AND md5(older.subject) = md5(due.subject) AND older.subject = due.subject \
            AND older.dead_at IS NULL AND older.ordinal < due.ordinal) \
            ORDER BY due_at, ordinal LIMIT $4 FOR UPDATE SKIP LOCKED) \
            UPDATE deliveries SET due_at = $2 + $5 FROM taken WHERE deliveries.id = taken.id RETURNING deliveries.*";
        let mut tx = self.begin().await?;
        let query = sqlx::query(update).bind(hook).bind(at).bind(busy).bind(i64::from(limit)).bind(LEASE);
        let mut taken: Vec<(i64, Delivery)> = Vec::new();
        for row in query.fetch_all(&mut *tx).await? {
            taken.push((row.try_get("ordinal")?, delivery(&row)?));
        }
        tx.commit().await?;
        taken.sort_by_key(|(ordinal, _)| *ordinal);
        Ok(taken.into_iter().map(|(_, delivery)| delivery).collect())
    }

    pub(in crate::catalog) async fn next_due(
        &self,
        hook: &str,
        after: OffsetDateTime,
    ) -> Result<Option<OffsetDateTime>, CatalogError> {
        let mut tx = self.begin().await?;
        let select = "SELECT min(due_at) FROM deliveries WHERE hook = $1 AND dead_at IS NULL AND due_at > $2";
        Ok(sqlx::query_scalar(select).bind(hook).bind(after).fetch_one(&mut *tx).await?)
    }

    pub(in crate::catalog) async fn finish_delivery(&self, id: Uuid) -> Result<(), CatalogError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM deliveries WHERE id = $1").bind(id).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
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
        let update = "UPDATE deliveries SET due_at = $3 \
            WHERE hook = $1 AND md5(subject) = md5($2) AND subject = $2 AND dead_at IS NULL";
        sqlx::query(update).bind(&delivery.hook).bind(&delivery.subject).bind(until).execute(&mut *tx).await?;
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
        sqlx::query(update).bind(id).bind(reason).bind(now()).execute(&mut *tx).await?;
        forget_oldest(&mut tx, keep).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::catalog) async fn bury_hook(&self, hook: &str, reason: &str, keep: u32) -> Result<u64, CatalogError> {
        let mut tx = self.begin().await?;
        let update = "UPDATE deliveries SET reason = $2, dead_at = $3 WHERE hook = $1 AND dead_at IS NULL";
        let query = sqlx::query(update).bind(hook).bind(reason).bind(now());
        let buried = query.execute(&mut *tx).await?.rows_affected();
        forget_oldest(&mut tx, keep).await?;
        tx.commit().await?;
        Ok(buried)
    }

    pub(in crate::catalog) async fn waiting_hooks(&self) -> Result<Vec<String>, CatalogError> {
        let mut tx = self.begin().await?;
        let select = "SELECT DISTINCT hook FROM deliveries WHERE dead_at IS NULL ORDER BY hook";
        Ok(sqlx::query_scalar(select).fetch_all(&mut *tx).await?)
    }

    pub(in crate::catalog) async fn dead_letters(&self, limit: u32) -> Result<Vec<Delivery>, CatalogError> {
        let mut tx = self.begin().await?;
        let select = "SELECT * FROM deliveries WHERE dead_at IS NOT NULL ORDER BY ordinal DESC LIMIT $1";
        let query = sqlx::query(select).bind(i64::from(limit));
        query.fetch_all(&mut *tx).await?.iter().map(delivery).collect()
    }

    pub(in crate::catalog) async fn revive_delivery(
        &self,
        id: Uuid,
        hooks: &[String],
    ) -> Result<Option<String>, CatalogError> {
        let mut tx = self.begin().await?;
        let update = "UPDATE deliveries SET attempts = 0, since = $2, due_at = $2, dead_at = NULL, reason = NULL \
            WHERE id = $1 AND dead_at IS NOT NULL AND hook = ANY ($3) RETURNING hook";
        let query = sqlx::query_scalar(update).bind(id).bind(now()).bind(hooks);
        let revived = query.fetch_optional(&mut *tx).await?;
        tx.commit().await?;
        Ok(revived)
    }

    pub(in crate::catalog) async fn backlog(&self) -> Result<Backlog, CatalogError> {
        let mut tx = self.begin().await?;
        let select = "SELECT (SELECT count(*) FROM outbox) AS events, (SELECT min(at) FROM outbox) AS oldest, \
            (SELECT count(*) FROM deliveries WHERE dead_at IS NULL) AS deliveries, \
            (SELECT count(*) FROM deliveries WHERE dead_at IS NOT NULL) AS dead_letters";
        let row = sqlx::query(select).fetch_one(&mut *tx).await?;
        Ok(Backlog {
            events: rows::count(&row, "events")?,
            oldest: row.try_get("oldest")?,
            deliveries: rows::count(&row, "deliveries")?,
            dead_letters: rows::count(&row, "dead_letters")?,
        })
    }
}

/// In their order, which their ordinals then have.
async fn add(connection: &mut PgConnection, deliveries: &[&NewDelivery]) -> Result<(), CatalogError> {
    let insert = "INSERT INTO deliveries (id, hook, message, subject, body, since, due_at) \
        SELECT id, hook, message, subject, body, $6, $6 \
        FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[]) WITH ORDINALITY \
        AS new(id, hook, message, subject, body, place) ORDER BY place ON CONFLICT DO NOTHING";
    sqlx::query(insert)
        .bind(deliveries.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>())
        .bind(deliveries.iter().map(|new| new.hook.as_str()).collect::<Vec<_>>())
        .bind(deliveries.iter().map(|new| new.message).collect::<Vec<_>>())
        .bind(deliveries.iter().map(|new| new.subject.as_str()).collect::<Vec<_>>())
        .bind(deliveries.iter().map(|new| new.body.as_str()).collect::<Vec<_>>())
        .bind(now())
        .execute(connection)
        .await?;
    Ok(())
}

async fn forget_oldest(connection: &mut PgConnection, keep: u32) -> Result<(), CatalogError> {
    let delete = "DELETE FROM deliveries WHERE dead_at IS NOT NULL AND ordinal <= \
        (SELECT ordinal FROM deliveries WHERE dead_at IS NOT NULL ORDER BY ordinal DESC LIMIT 1 OFFSET $1)";
    sqlx::query(delete).bind(i64::from(keep)).execute(connection).await?;
    Ok(())
}

fn delivery(row: &PgRow) -> Result<Delivery, CatalogError> {
    Ok(Delivery {
        id: row.try_get("id")?,
        hook: row.try_get("hook")?,
        message: row.try_get("message")?,
        subject: row.try_get("subject")?,
        body: row.try_get("body")?,
        attempts: row.try_get::<i32, _>("attempts")? as u32,
        since: row.try_get("since")?,
        due_at: row.try_get("due_at")?,
        dead_at: row.try_get("dead_at")?,
        reason: row.try_get("reason")?,
    })
}
