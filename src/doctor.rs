//! Looks at everything a server needs and says what to do about each fault.

mod avatars;
mod budget;
mod database;
mod live;
mod shelf;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt;
use time::OffsetDateTime;

pub use crate::health::{Finding, Grade};

use crate::app::{App, AppError, CATALOG_FILE, Opening, Store, is_data_folder_used};
use crate::auth::{self, Caller};
use crate::catalog::{CatalogError, PageQuery};
use crate::config::{Access, Config};
use crate::deliver::{Ask, Purpose};
use crate::error::Code;
use crate::object::{BucketName, ObjectId, ObjectKey};
use crate::source::SourceError;
use crate::transform::{Dialect, Want, native};

/// Examines a configuration that [`crate::config::load`] found free of mistakes. Makes nothing but a temporary folder, and
/// works beside a running server.
pub async fn examine(config: &Config, scratch: &Path) -> Vec<Finding> {
    let mut findings = vec![Finding::ok("configuration: no mistakes")];
    findings.extend(data_folder(&config.data));
    findings.push(secret(config));
    findings.push(clock(scratch));
    let store = store(config).await;
    findings.extend(reach(config, store.as_ref()).await);
    findings.extend(told(store.as_ref()).await);
    match App::build_beside(&private_copy(config, scratch)).await {
        Ok(app) => {
            findings.extend(variant_store(config, &app).await);
            findings.extend(upstream(config, &app).await);
            findings.extend(buckets(config, &app, store.as_ref()).await);
            let painting = avatars::examine(config).await;
            let paints = !has_fault(&painting);
            findings.extend(painting);
            if let Some(Ok(store)) = &store {
                findings.extend(budget::examine(config, &store.catalog, paints).await);
                findings.extend(shelf::examine(config, &store.catalog).await);
            }
            findings.extend(database::examine(config).await);
            findings.extend(live::examine(config).await);
        }
        Err(error) => {
            findings.push(Finding::fault(error.to_string(), "mend what the message names, then run doctor again"));
        }
    }
    findings
}

/// The same with nothing of what is kept: the app that tries its pictures writes into the scratch folder alone.
fn private_copy(config: &Config, scratch: &Path) -> Config {
    let mut copy = Config { data: scratch.to_owned(), ..config.clone() };
    (copy.storage.database, copy.storage.url) = (None, None);
    copy
}

/// Writable, with room, and whether a server is using it.
fn data_folder(data: &Path) -> Vec<Finding> {
    let place = data.display();
    if !data.exists() {
        return vec![Finding::ok(format!("data folder {place}: not there yet, `tintype serve` makes it"))];
    }
    let allowed = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    if let Err(error) = rustix::fs::access(data, allowed) {
        return vec![Finding::fault(
            format!("the data folder {place} cannot be used: {error}"),
            format!("make it writable for this user, for instance `sudo chown $USER {place}`, or pass --data"),
        )];
    }
    let mut findings = vec![Finding::ok(if is_data_folder_used(data) {
        format!("data folder {place}: a server is using it")
    } else {
        format!("data folder {place}: writable, no server is using it")
    })];
    findings.extend(free_space(data));
    findings
}

/// Less room than this on the disk of the data folder is a warning.
const LITTLE_ROOM: u64 = 1_000_000_000;

fn free_space(data: &Path) -> Option<Finding> {
    let stat = rustix::fs::statvfs(data).ok()?;
    let free = stat.f_bavail * stat.f_frsize;
    let text = format!("disk: {:.1} GB free for variants", free as f64 / 1e9);
    Some(if free < LITTLE_ROOM {
        Finding::warning(text, "free some space, lower cache.variants, or move --data to a larger disk")
    } else {
        Finding::ok(text)
    })
}

fn secret(config: &Config) -> Finding {
    match auth::kept_secret(config.jwt_secret.as_ref(), &config.data) {
        Ok(_) if config.jwt_secret.is_some() => Finding::ok("secret: set in the configuration"),
        Ok(Some(_)) => Finding::ok("secret: kept in the data folder"),
        Ok(None) => Finding::ok("secret: none yet, `tintype serve` makes one in the data folder"),
        Err(error) => Finding::fault(error.to_string(), "mend the file, or set TINTYPE_JWT_SECRET to 32 bytes or more"),
    }
}

/// 2026-01-01: no clock that is right shows an earlier time.
const EARLIEST: Duration = Duration::from_secs(1_767_225_600);

/// The clock decides on freshness and on the expiry of signed URLs.
fn clock(scratch: &Path) -> Finding {
    let now = SystemTime::now();
    let remedy = "set the clock, for instance with `timedatectl set-ntp true`";
    if now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default() < EARLIEST {
        return Finding::fault("clock: it shows a time before 2026", remedy);
    }
    let written = std::fs::write(scratch.join("clock"), b"").and_then(|()| std::fs::metadata(scratch.join("clock")));
    let stamped = written.and_then(|meta| meta.modified()).unwrap_or(now);
    let apart = stamped.duration_since(now).unwrap_or_else(|error| error.duration());
    if apart > Duration::from_secs(5) {
        return Finding::warning(format!("clock: {} s apart from the disk's", apart.as_secs()), remedy);
    }
    Finding::ok("clock: plausible, and the disk agrees")
}

/// What the outside sees of the listening address.
async fn reach(config: &Config, store: Option<&Result<Store, AppError>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !config.is_loopback_only() && config.public_url.0.is_empty() {
        findings.push(Finding::warning(
            format!("public URL: not set, although {} can be reached from other machines", config.listen),
            "set public_url to the URL that clients use: without it their absolute URLs are not recognised as ours",
        ));
    }
    let needed = config.limits.connections as u64 + 256;
    match rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        Some(files) if files < needed => findings.push(Finding::warning(
            format!("open files: {files} allowed, limits.connections wants {needed}"),
            format!(
                "raise the limit (`ulimit -n {needed}`, or LimitNOFILE= of the service), or lower limits.connections"
            ),
        )),
        _ => findings.push(Finding::ok("open files: enough for limits.connections")),
    }
    if config.upstream.url.is_none() {
        findings.extend(own_buckets(store).await);
    }
    findings
}

/// Buckets of our own, named in the configuration or made since.
async fn own_buckets(store: Option<&Result<Store, AppError>>) -> Option<Finding> {
    match store {
        None => Some(Finding::ok("buckets: none of our own yet, `tintype serve` makes the first")),
        // What is wrong with the catalogue is told where it is looked at.
        Some(Err(_)) => None,
        Some(Ok(store)) => {
            let names = store.catalog.all_buckets().await.ok()?;
            let names: Vec<&str> = names.iter().map(|bucket| bucket.id.as_str()).collect();
            Some(if names.is_empty() {
                Finding::warning("buckets: none of our own", "POST /storage/v1/bucket makes one")
            } else {
                Finding::ok(format!("buckets of our own: {}", names.join(", ")))
            })
        }
    }
}

/// An event that waits for longer than this is stuck.
const STUCK: Duration = Duration::from_secs(60);

/// Events that are not acted upon, and messages that webhooks never got.
async fn told(store: Option<&Result<Store, AppError>>) -> Vec<Finding> {
    let backlog = match store {
        None => return Vec::new(),
        Some(Ok(store)) => store.catalog.backlog().await.map_err(|error| AppError::from(error).to_string()),
        Some(Err(AppError::Catalog(CatalogError::NotSetUp(what)))) => {
            return vec![Finding::ok(format!("catalogue: {what}, `tintype serve` sees to that"))];
        }
        Some(Err(error)) => Err(error.to_string()),
    };
    let backlog = match backlog {
        Ok(backlog) => backlog,
        Err(error) => {
            return vec![Finding::fault(format!("catalogue: {error}"), "check storage.database and the disk")];
        }
    };
    let mut findings = Vec::new();
    let age = backlog.oldest.map(|oldest| OffsetDateTime::now_utc() - oldest).unwrap_or_default();
    if age > STUCK {
        findings.push(Finding::warning(
            format!("events: {} wait, the oldest for {} s", backlog.events, age.whole_seconds()),
            "start the server; if it runs, look for `outbox` in its log",
        ));
    }
    if backlog.dead_letters > 0 {
        findings.push(Finding::warning(
            format!("webhooks: {} dead letters", backlog.dead_letters),
            "GET /admin/webhooks/dead tells why; POST /admin/webhooks/dead/{id}/retry sends one again",
        ));
    }
    if findings.is_empty() {
        let waiting = backlog.deliveries;
        findings.push(Finding::ok(format!("events: none is stuck, {waiting} messages wait for their webhook")));
    }
    findings
}

/// `None` where there is no catalogue yet: doctor makes none.
async fn store(config: &Config) -> Option<Result<Store, AppError>> {
    let is_there = config.storage.database.is_some() || config.data.join(CATALOG_FILE).exists();
    is_there.then_some(())?;
    Some(Store::open(config, Opening::Looking).await)
}

/// The store of `cache.variants_url`; the data folder was looked at already.
async fn variant_store(config: &Config, app: &App) -> Option<Finding> {
    let place = config.cache.variants_url.as_ref()?;
    let began = Instant::now();
    Some(match app.deliver.variants.check().await {
        Ok(()) => Finding::ok(format!(
            "variant store {place}: a file was written, read and removed in {} ms",
            began.elapsed().as_millis()
        )),
        Err(error) => Finding::fault(
            format!("variant store {place}: {error}"),
            "check cache.variants_options: endpoint, region and keys, which need to get, put, delete and list",
        ),
    })
}

/// The Supabase in front of which we stand.
async fn upstream(config: &Config, app: &App) -> Option<Finding> {
    let url = config.upstream.url.as_ref()?;
    let others = app.deliver.origins.others.as_ref()?;
    let began = Instant::now();
    Some(match others.source.check().await {
        Ok(()) => Finding::ok(format!("upstream {url}: answered in {} ms", began.elapsed().as_millis())),
        Err(error) => {
            Finding::fault(format!("upstream {url}: {error}"), "check upstream.url, the network and its certificate")
        }
    })
}

async fn buckets(config: &Config, app: &App, store: Option<&Result<Store, AppError>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, bucket) in config.named_buckets() {
        if bucket.url.is_some() || config.upstream.url.is_some() {
            findings.extend(examine_bucket(app, &name).await);
        } else if let Some(Ok(store)) = store {
            findings.push(own_bucket(store, &name).await);
        }
        if bucket.access == Access::Private {
            findings.push(Finding::ok(format!("bucket {name}: private, no public route answers for it")));
        }
    }
    findings
}

/// A bucket of our own: whether it was made, and whether the bytes of an object are where they belong.
async fn own_bucket(store: &Store, name: &BucketName) -> Finding {
    let looked = async {
        if store.catalog.find_bucket(name).await?.is_none() {
            let text = format!("bucket {name}: of our own, not made yet");
            return Ok(Finding::warning(text, "start the server, which makes what the configuration names"));
        }
        let first = PageQuery { limit: 1, ..PageQuery::default() };
        let page = store.catalog.list_pages(&Caller::service(), name, &first).await?;
        let Some(object) = page.objects.first() else {
            return Ok(Finding::ok(format!("bucket {name}: of our own, empty")));
        };
        Ok::<_, CatalogError>(match store.blobs.size(name, object.version).await {
            Ok(bytes) => Finding::ok(format!("bucket {name}: of our own; {} has its {bytes} bytes", object.id)),
            Err(error) => Finding::fault(
                format!("bucket {name}: the bytes of {}: {error}", object.id),
                "check storage.url and storage.options, or the folder `storage` of the data folder",
            ),
        })
    };
    looked.await.unwrap_or_else(|error| {
        Finding::fault(format!("bucket {name}: {error}"), "check storage.database and the disk")
    })
}

async fn examine_bucket(app: &App, name: &BucketName) -> Vec<Finding> {
    let Some(origin) = app.deliver.origins.get(name) else { return Vec::new() };
    let began = Instant::now();
    if let Err(error) = origin.source.check().await {
        let remedy = match error.code() {
            _ if matches!(error, SourceError::Denied(_)) => {
                "check the keys in `options` and the bucket's name; they need to read objects and to list the bucket, without which a missing object is denied too"
            }
            Code::OriginUnreachable | Code::OriginSlow => {
                "check the address, the network and, for a folder, its permissions; then the credentials in `options`"
            }
            Code::Forbidden => "check the credentials in `options` or `headers`",
            _ => "check the bucket's URL and its credentials",
        };
        return vec![Finding::fault(format!("bucket {name}: {error}"), remedy)];
    }
    let mut findings = vec![Finding::ok(format!("bucket {name}: reached in {} ms", began.elapsed().as_millis()))];
    match first_object(app, name).await {
        Ok(Some(key)) => findings.push(real_transform(app, name, key).await),
        Ok(None) => findings
            .push(Finding::warning(format!("bucket {name}: no object is listed"), "is it the right folder or prefix?")),
        // HTTP origins cannot be listed: there is no object to try.
        Err(()) => findings.push(Finding::ok(format!("bucket {name}: cannot be listed, so no picture was tried"))),
    }
    findings
}

/// Objects looked through for one that is a picture.
const TRIED: usize = 20;

async fn first_object(app: &App, name: &BucketName) -> Result<Option<ObjectKey>, ()> {
    let Some(origin) = app.deliver.origins.get(name) else { return Ok(None) };
    let mut listed = origin.source.list(name, "").take(TRIED);
    let mut first = None;
    while let Some(key) = listed.next().await {
        let key = key.map_err(|_| ())?;
        let lower = key.as_str().to_ascii_lowercase();
        if [".jpg", ".jpeg", ".png", ".webp", ".gif"].iter().any(|ending| lower.ends_with(ending)) {
            return Ok(Some(key));
        }
        first.get_or_insert(key);
    }
    Ok(first)
}

async fn real_transform(app: &App, name: &BucketName, key: ObjectKey) -> Finding {
    let object = ObjectId::new(name.clone(), key);
    let request = match native::parse("doctor/picture", "w=64&f=webp", None) {
        Ok(request) => request,
        Err(error) => return Finding::fault(error.to_string(), "report this: doctor's own URL is wrong"),
    };
    let want: Want = request.want;
    let ask = Ask { object: object.clone(), want, dialect: Dialect::Native, client: None, purpose: Purpose::Request };
    let began = Instant::now();
    match app.deliver.deliver(&ask).await {
        Ok(delivered) => {
            let own = delivered.record.cache_control.as_deref().unwrap_or_default().to_ascii_lowercase();
            if own.contains("private") || own.contains("no-store") {
                return Finding::warning(
                    format!(
                        "bucket {name}: the origin says `Cache-Control: {own}`, which is ignored for a public bucket"
                    ),
                    "set access = \"private\" if these pictures are not for everyone; else mend the origin's header",
                );
            }
            let bytes = delivered.variant.body.len();
            Finding::ok(format!("transform: {object} to 64 px, {bytes} bytes in {} ms", began.elapsed().as_millis()))
        }
        Err(error) => Finding::fault(
            format!("transform: {object}: {}", error.public_text()),
            "open the object itself; if it is a whole picture, run again with TINTYPE_LOG__LEVEL=debug",
        ),
    }
}

/// Whether anything is a fault.
pub fn has_fault(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.grade == Grade::Fault)
}
