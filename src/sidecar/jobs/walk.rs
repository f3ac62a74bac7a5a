//! Walk B from a claimed job to its end: provider → fetch → ingest → bucket → warm → finish, each step recorded.

use time::OffsetDateTime;
use uuid::Uuid;

use super::trouble::{Again, Trouble};
use super::{Jobs, Kept};
use crate::auth::Caller;
use crate::bucket::BucketError;
use crate::catalog::{Answered, AvatarWrite, Begun, CatalogError, Job, JobStep, Lease};
use crate::object::{ObjectId, ObjectKey};
use crate::sidecar::provider::{Painted, Picture, ProviderError};

/// How many names are tried: another picture of the same user may have been stored in the same millisecond.
const NAMES: i64 = 5;

impl Jobs {
    /// Resumes after whatever was recorded.
    pub(super) async fn walk(&self, job: &Job, lease: Lease) -> Result<Job, Trouble> {
        let stored = if job.stored.is_some() {
            job.clone()
        } else {
            let painted = self.painted(job, lease).await?;
            let bytes = self.fetched(lease, &painted).await?;
            self.stored(job, lease, &painted, bytes).await?
        };
        // The commit point is passed: from here on only warnings.
        self.fill_first_views(&stored).await;
        let finished = held(self.catalog.finish_job(lease).await?)?;
        if let Err(error) = self.answers.remove(job.id).await {
            tracing::warn!(job = %job.id, %error, "a provider's answer is left for later");
        }
        Ok(finished)
    }

    /// The provider's answer: the one that is kept, or a new one, which is kept before anything else.
    async fn painted(&self, job: &Job, lease: Lease) -> Result<Painted, Trouble> {
        match self.answers.find(job.id).await {
            Ok(Some(painted)) => {
                if job.answered.is_none() {
                    self.note_answer(lease, &painted).await?;
                }
                return Ok(painted);
            }
            Ok(None) => {}
            // Unreadable is not missing: asking again would be paying again.
            Err(error) => {
                tracing::warn!(job = %job.id, %error, "a provider's answer cannot be read");
                return Err(Trouble::new(
                    "internal",
                    "Something went wrong here; please try again",
                    Again::Later(None),
                ));
            }
        }
        let painted = self.paint(job, lease).await?;
        if let Err(error) = self.answers.keep(job.id, &painted).await {
            tracing::warn!(job = %job.id, %error, "a provider's answer could not be kept; a crash now would cost it");
        }
        self.note_answer(lease, &painted).await?;
        Ok(painted)
    }

    async fn paint(&self, job: &Job, lease: Lease) -> Result<Painted, Trouble> {
        let disabled = || Trouble::new("disabled", "Avatars are switched off; please try again later", Again::Never);
        let late = || Trouble::new("deadline", "It was not painted in time; please try again", Again::Never);
        if !self.settings.enabled {
            return Err(disabled());
        }
        let kept: Kept = serde_json::from_value(job.request.clone()).map_err(|_| unreadable())?;
        let request = kept.request().map_err(|_| unreadable())?;
        let left = job.deadline_at - OffsetDateTime::now_utc();
        let left = left.try_into().map_err(|_| late())?;
        match self.catalog.begin_paint(lease, &self.settings.budget).await? {
            Begun::Job(begun) => self.announcer.announce(&begun),
            Begun::Lost => return Err(Trouble::Lost),
            Begun::Refused(refused) => {
                self.metrics.refuse(refused.quota);
                let text = "Today's budget for avatars is used up; please try again later";
                return Err(Trouble::new("budget", text, Again::Never));
            }
        }
        let began = std::time::Instant::now();
        let painted = tokio::time::timeout(left, self.studio.provider.paint(&request)).await;
        self.metrics.record_paint(began.elapsed());
        match painted {
            Ok(Ok(painted)) => Ok(painted),
            Ok(Err(error)) => {
                tracing::info!(job = %job.id, provider = self.studio.provider.name(), %error, "nothing was painted");
                self.metrics.count_provider_error(error.code());
                if was_free(&error) {
                    held(self.catalog.forgive_paint(lease).await?)?;
                }
                Err(Trouble::painting(&error))
            }
            Err(_) => Err(late()),
        }
    }

    async fn note_answer(&self, lease: Lease, painted: &Painted) -> Result<(), Trouble> {
        let provider_url = match &painted.picture {
            Picture::Url(url) => Some(url.to_string()),
            Picture::Bytes(_) => None,
        };
        let config = serde_json::to_value(&painted.config).unwrap_or_default();
        let cost = painted.cost.map(|cost| cost.0);
        let noted = self.catalog.note_answer(lease, &Answered { config, provider_url, cost }).await?;
        self.metrics.spend(cost.unwrap_or_default());
        held(noted).map(drop)
    }

    async fn fetched(&self, lease: Lease, painted: &Painted) -> Result<bytes::Bytes, Trouble> {
        self.advance(lease, JobStep::Downloading).await?;
        self.studio.pictures.fetch_painted(&painted.picture).await.map_err(|error| Trouble::fetching(&error))
    }

    /// Picture, row and the character's columns, at once or not at all.
    async fn stored(&self, job: &Job, lease: Lease, painted: &Painted, bytes: bytes::Bytes) -> Result<Job, Trouble> {
        // Told before it begins.
        self.advance(lease, JobStep::Uploading).await?;
        let config = serde_json::to_value(&painted.config).unwrap_or_default();
        let prompt = job.request["prompt"].as_str().map(str::to_owned);
        let avatar =
            NewAvatar { user: &job.user, kinkster: job.kinkster, lease: Some(lease), prompt, config: Some(config) };
        self.store(avatar, bytes).await?;
        held(self.catalog.job(job.id).await?)
    }

    /// Stores a picture as somebody's avatar: the end of a job, or of a stored URL.
    pub(super) async fn store(&self, avatar: NewAvatar<'_>, bytes: bytes::Bytes) -> Result<Written, BucketError> {
        let door = self.buckets.door(&self.settings.bucket).await?;
        let now = (OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000) as i64;
        for later in 0..NAMES {
            let ready = self.buckets.treat_avatar(&door, bytes.clone()).await?;
            let key = avatar.key(now + later, &ready.mime_type)?;
            let object = ObjectId::new(self.settings.bucket.clone(), key);
            let url = self.public_url(&object);
            let write = avatar.write(url.clone());
            let caller = on_behalf_of(avatar.user);
            match self.buckets.put_avatar(&caller, object, &self.settings.cache_control, ready, write).await {
                Err(BucketError::Catalog(CatalogError::ObjectExists)) => {}
                put => return Ok(Written { url, object: put?.object }),
            }
        }
        Err(CatalogError::ObjectExists.into())
    }

    /// The public URL of an object.
    fn public_url(&self, object: &ObjectId) -> String {
        let mut url = self.settings.public_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["storage", "v1", "object", "public", object.bucket.as_str()]);
            segments.extend(object.key.as_str().split('/'));
        }
        url.into()
    }

    async fn advance(&self, lease: Lease, step: JobStep) -> Result<(), Trouble> {
        let advanced = held(self.catalog.advance_job(lease, step).await?)?;
        self.announcer.announce(&advanced);
        Ok(())
    }
}

/// A picture to be stored for somebody.
#[derive(Clone, Debug)]
pub(super) struct NewAvatar<'a> {
    pub user: &'a str,
    pub kinkster: Option<Uuid>,
    pub lease: Option<Lease>,
    pub prompt: Option<String>,
    pub config: Option<serde_json::Value>,
}

/// What was stored, and where it is seen.
#[derive(Clone, Debug)]
pub struct Written {
    pub url: String,
    pub object: crate::catalog::Object,
}

impl NewAvatar<'_> {
    /// `{user}/kinksters/avatar_{unix_ms}[_{kinkster}].{ext}`.
    fn key(&self, milliseconds: i64, mime_type: &str) -> Result<ObjectKey, BucketError> {
        let extension = match mime_type {
            "image/jpeg" => "jpg",
            "image/webp" => "webp",
            _ => "png",
        };
        let kinkster = self.kinkster.map(|kinkster| format!("_{kinkster}")).unwrap_or_default();
        let key = format!("{}/kinksters/avatar_{milliseconds}{kinkster}.{extension}", self.user);
        ObjectKey::parse(&key).map_err(|error| CatalogError::Broken(error.to_string()).into())
    }

    fn write(&self, url: String) -> AvatarWrite {
        AvatarWrite {
            lease: self.lease,
            kinkster: self.kinkster,
            user: self.user.to_owned(),
            url,
            prompt: self.prompt.clone(),
            config: self.config.clone(),
        }
    }
}

/// We write, and the picture is theirs.
fn on_behalf_of(user: &str) -> Caller {
    let claims = [("role", "service_role"), ("sub", user)].map(|(name, value)| (name.to_owned(), value.into()));
    Caller::from_claims(claims.into_iter().collect())
}

/// What a worker that still has its lease gets back.
fn held(job: Option<Job>) -> Result<Job, Trouble> {
    job.ok_or(Trouble::Lost)
}

fn unreadable() -> Trouble {
    Trouble::new("internal", "The request cannot be read any more; please send it again", Again::Never)
}

/// Whether the provider said itself that it painted nothing. What broke off, or made no sense, may be on the bill.
fn was_free(error: &ProviderError) -> bool {
    !matches!(error, ProviderError::Timeout | ProviderError::Unreachable(_) | ProviderError::Nonsense(_))
}
