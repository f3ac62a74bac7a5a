//! Rows of `jobs` and `kinksters` to types.

use super::{Answered, Failure, Job, JobState, JobStep, Kinkster, Painted, Placed, Stored, Uploaded};
use crate::catalog::CatalogError;
use crate::catalog::columns::Columns;

pub(in crate::catalog) fn state(row: &impl Columns) -> Result<JobState, CatalogError> {
    let text = row.text("state")?;
    JobState::parse(&text).ok_or_else(|| CatalogError::Broken(format!("`{text}` is no state of a job")))
}

pub(in crate::catalog) fn job(row: &impl Columns) -> Result<Job, CatalogError> {
    let placed = placed(row)?;
    Ok(Job {
        id: row.id("id")?,
        user: row.text("user_id")?,
        kinkster: row.optional_id("kinkster_id")?,
        request: row.json("request")?,
        priority: row.number("priority")?,
        state: state(row)?,
        step: JobStep::parse(&row.text("step")?)?,
        seq: row.number("seq")?,
        attempts: row.number("attempts")? as u32,
        due_at: row.time("due_at")?,
        deadline_at: row.time("deadline_at")?,
        worker: row.optional_id("worker")?,
        paints: row.number("paints")? as u32,
        spent: row.count("spent")?,
        answered: answered(row)?,
        stored: stored(row, placed.as_ref())?,
        placed,
        failure: failure(row)?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        finished_at: row.optional_time("finished_at")?,
    })
}

fn answered(row: &impl Columns) -> Result<Option<Answered>, CatalogError> {
    let Some(config) = row.optional_json("config")? else { return Ok(None) };
    Ok(Some(Answered { config, provider_url: row.optional_text("provider_url")?, cost: None }))
}

fn placed(row: &impl Columns) -> Result<Option<Placed>, CatalogError> {
    let size = row.optional_count("size")?.unwrap_or(0);
    let uploaded = row.optional_text("mime_type")?.map(|mime_type| Uploaded { mime_type, size });
    Ok(row.optional_text("storage_path")?.map(|path| Placed { path, uploaded }))
}

/// Past the commit point: there is a URL.
fn stored(row: &impl Columns, placed: Option<&Placed>) -> Result<Option<Stored>, CatalogError> {
    let url = row.optional_text("storage_url")?;
    let (Some(url), Some(Placed { path, uploaded: Some(Uploaded { mime_type, size }) })) = (url, placed) else {
        return Ok(None);
    };
    Ok(Some(Stored { url, path: path.clone(), mime_type: mime_type.clone(), size: *size }))
}

fn failure(row: &impl Columns) -> Result<Option<Failure>, CatalogError> {
    let (code, text) = (row.optional_text("code")?, row.optional_text("error")?);
    Ok(code.zip(text).map(|(code, text)| Failure { code, text }))
}

pub(in crate::catalog) fn painted(row: &impl Columns) -> Result<Painted, CatalogError> {
    Ok(Painted {
        user: row.text("user_id")?,
        day: row.number("day")?,
        jobs: row.count("jobs")?,
        completed: row.count("completed")?,
        failed: row.count("failed")?,
        pictures: row.count("pictures")?,
        money: row.count("money")?,
    })
}

pub(in crate::catalog) fn kinkster(row: &impl Columns) -> Result<Kinkster, CatalogError> {
    Ok(Kinkster {
        id: row.id("id")?,
        user: row.text("user_id")?,
        name: row.optional_text("name")?,
        avatar_url: row.optional_text("avatar_url")?,
        avatar_prompt: row.optional_text("avatar_prompt")?,
        avatar_generation_config: row.optional_json("avatar_generation_config")?,
        is_active: row.flag("is_active")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
