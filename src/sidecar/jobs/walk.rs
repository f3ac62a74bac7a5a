//! Walk B from a claimed job to its end: provider → fetch → ingest → bucket → warm → finish, each step recorded.

use std::sync::Arc;

use time::OffsetDateTime;
use url::Url;

use super::trouble::{Again, Trouble};
use super::{Jobs, Kept};
use crate::catalog::{Answered, Begun, Catalog, Job, JobState, JobStep, Lease, Placed, Uploaded};
use crate::object::{ObjectId, ObjectKey};
use crate::sidecar::home::{Elsewhere, Home, NewAvatar, Treated, extension_of};
use crate::sidecar::provider::{Painted, Picture, ProviderError};

impl Jobs {
    /// Resumes after whatever was recorded.
    pub(super) async fn walk(&self, job: &Job, lease: Lease) -> Result<Job, Trouble> {
        let stored = match (&job.stored, self.home.elsewhere()) {
            (Some(_), _) => job.clone(),
            (None, Some(elsewhere)) if is_uploaded(job) => self.noted(job, lease, elsewhere).await?,
            (None, _) => {
                let painted = self.painted(job, lease).await?;
                let bytes = self.fetched(lease, &painted).await?;
                self.stored(job, lease, &painted, bytes).await?
            }
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
        if let Some(answered) = &job.answered {
            return left_behind(answered);
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
                return Err(Trouble::new("budget", text, Again::NotBefore(refused.retry_after)));
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

    /// Picture, row and the character's columns: at once or not at all, or step by step.
    async fn stored(&self, job: &Job, lease: Lease, painted: &Painted, bytes: bytes::Bytes) -> Result<Job, Trouble> {
        // Told before it begins.
        self.advance(lease, JobStep::Uploading).await?;
        self.announcer.told(job.id).await;
        if let Some(elsewhere) = self.home.elsewhere() {
            let uploaded = self.uploaded(job, lease, elsewhere, bytes).await?;
            return self.noted(&uploaded, lease, elsewhere).await;
        }
        let config = serde_json::to_value(&painted.config).unwrap_or_default();
        self.home.store(avatar_of(job, Some(lease), Some(config)), bytes).await?;
        held(self.catalog.job(job.id).await?)
    }

    /// The picture under a name that is chosen once: an upload that is done again replaces itself.
    async fn uploaded(
        &self,
        job: &Job,
        lease: Lease,
        elsewhere: &Elsewhere,
        bytes: bytes::Bytes,
    ) -> Result<Job, Trouble> {
        let picture = elsewhere.treated(bytes).await?;
        let (mime_type, size) = (picture.mime_type.clone(), picture.bytes.len() as u64);
        let known = job.placed.as_ref().and_then(|placed| ObjectKey::parse(&placed.path).ok());
        let fits = |key: &ObjectKey| key.as_str().ends_with(&format!(".{}", extension_of(&mime_type)));
        let key = match known.filter(fits) {
            Some(key) => key,
            None => avatar_of(job, None, None).key(elsewhere.moment(), &mime_type)?,
        };
        let placed = Placed { path: key.as_str().to_owned(), uploaded: None };
        held(self.catalog.note_place(lease, &placed, None).await?)?;
        let upload = Upload {
            object: self.home.object(key),
            picture,
            placed: Placed { uploaded: Some(Uploaded { mime_type, size }), ..placed },
            lease,
        };
        // Goes on if this walk is cut short: whoever began an upload is who knows when it can be taken back.
        let uploading = tokio::spawn(upload.through(Arc::clone(&self.home), Arc::clone(&self.catalog)));
        uploading.await.map_err(|error| {
            tracing::error!(job = %job.id, %error, "an upload broke off");
            Trouble::new("internal", "Something went wrong here; please try again", Again::Later(None))
        })?
    }

    /// The row of an uploaded picture; noting that it is written is the commit point.
    async fn noted(&self, job: &Job, lease: Lease, elsewhere: &Elsewhere) -> Result<Job, Trouble> {
        let Some(placed) = &job.placed else { return Err(unreadable()) };
        let key = ObjectKey::parse(&placed.path).map_err(|_| unreadable())?;
        let url = self.home.public_url(&self.home.object(key));
        let config = job.answered.as_ref().map(|answered| answered.config.clone());
        elsewhere.note_row(&avatar_of(job, None, config), &url).await?;
        held(self.catalog.note_place(lease, placed, Some(&url)).await?)
    }

    async fn advance(&self, lease: Lease, step: JobStep) -> Result<(), Trouble> {
        let advanced = held(self.catalog.advance_job(lease, step).await?)?;
        self.announcer.announce(&advanced);
        Ok(())
    }
}

/// A picture on its way to the project that keeps it.
struct Upload {
    object: ObjectId,
    picture: Treated,
    /// What is noted once it is there.
    placed: Placed,
    lease: Lease,
}

impl Upload {
    /// Uploads and notes it; a picture whose job was cancelled meanwhile is removed again. One that was revived since has
    /// another name, and whoever else took the job over has this one.
    async fn through(self, home: Arc<Home>, catalog: Arc<Catalog>) -> Result<Job, Trouble> {
        let Some(elsewhere) = home.elsewhere() else { return Err(unreadable()) };
        let uploaded = home.upload(elsewhere, &self.object, self.picture).await;
        if uploaded.is_ok()
            && let Some(noted) = catalog.note_place(self.lease, &self.placed, None).await?
        {
            return Ok(noted);
        }
        // A failure leaves in doubt whether it was stored.
        let job = catalog.job(self.lease.job).await?;
        let wants_it = |job: &Job| {
            job.state != JobState::Cancelled && job.placed.as_ref().is_some_and(|it| it.path == self.placed.path)
        };
        if !job.as_ref().is_some_and(wants_it) {
            elsewhere.take_back(&self.object).await;
            return Err(Trouble::Lost);
        }
        uploaded?;
        Err(Trouble::Lost)
    }
}

/// What a job's picture is stored as.
fn avatar_of(job: &Job, lease: Option<Lease>, config: Option<serde_json::Value>) -> NewAvatar<'_> {
    let prompt = job.request["prompt"].as_str().map(str::to_owned);
    NewAvatar {
        user: &job.user,
        kinkster: job.kinkster,
        claims_kinkster: false,
        lease,
        prompt,
        config,
        instead_of: None,
    }
}

/// Whether its picture lies in its bucket already.
fn is_uploaded(job: &Job) -> bool {
    job.placed.as_ref().is_some_and(|placed| placed.uploaded.is_some())
}

/// What a worker that still has its lease gets back.
fn held(job: Option<Job>) -> Result<Job, Trouble> {
    job.ok_or(Trouble::Lost)
}

/// An answer of which this node has the row alone, since another one had the bytes on its own disk: it was paid for. What the
/// provider left behind a URL can be fetched again; for the rest somebody has to ask anew.
fn left_behind(answered: &Answered) -> Result<Painted, Trouble> {
    let url = answered.provider_url.as_deref().and_then(|url| Url::parse(url).ok());
    if let (Some(url), Ok(config)) = (url, serde_json::from_value(answered.config.clone())) {
        return Ok(Painted { picture: Picture::Url(url), config, cost: None });
    }
    let text = "What was painted was lost with the server that had it; trying again has it painted anew";
    Err(Trouble::new("lost", text, Again::Anew))
}

fn unreadable() -> Trouble {
    Trouble::new("internal", "The request cannot be read any more; please send it again", Again::Never)
}

/// Whether the provider said itself that it painted nothing. What broke off, or made no sense, may be on the bill.
fn was_free(error: &ProviderError) -> bool {
    !matches!(error, ProviderError::Timeout | ProviderError::Unreachable(_) | ProviderError::Nonsense(_))
}
