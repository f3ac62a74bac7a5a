//! Making a [`StoreSource`] from a URL and options.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::{HttpClient, HttpConnector};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, ObjectStore, RetryConfig};
use url::Url;

use super::error::SetupError;
use super::store::StoreSource;

/// Options of the HTTP client that mean something here; the rest is ours to decide.
const CLIENT_OPTIONS: [&str; 3] = ["allow_http", "allow_invalid_certificates", "proxy_url"];

/// Opens a store by `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
///
/// `options` are `object_store`'s own names (`endpoint`, `region`, `access_key_id`, `secret_access_key`, `skip_signature`,
/// `allow_http`, `account_name`, `service_account`, …) in any case; what they leave out is taken from the environment
/// (`AWS_ACCESS_KEY_ID`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME`, …). Nothing is contacted.
///
/// # Errors
/// [`SetupError::StoreUrl`], [`SetupError::StoreOption`], or what the store itself finds missing.
pub fn store_from_url<'a>(
    url: &Url,
    options: impl IntoIterator<Item = (&'a str, &'a str)>,
    timeout: Duration,
) -> Result<StoreSource, SetupError> {
    // Bounded so that the second try can still succeed within the time that one object has.
    let retries = RetryConfig { max_retries: 2, retry_timeout: timeout, backoff: backoff() };
    macro_rules! build {
        ($builder:ty) => {{
            let builder = <$builder>::from_env().with_url(bare(url)).with_retry(retries).with_http_connector(Direct);
            let configure = |builder: $builder, (name, value): (&str, &str)| {
                Ok::<_, SetupError>(builder.with_config(option(name)?, value))
            };
            Arc::new(options.into_iter().try_fold(builder, configure)?.build()?) as Arc<dyn ObjectStore>
        }};
    }
    let store = match url.scheme() {
        _ if url.host_str().is_none_or(str::is_empty) => return Err(SetupError::StoreUrl),
        "s3" => build!(AmazonS3Builder),
        "gs" => build!(GoogleCloudStorageBuilder),
        "az" => build!(MicrosoftAzureBuilder),
        _ => return Err(SetupError::StoreUrl),
    };
    let prefix = Path::from_url_path(url.path()).map_err(|_| SetupError::StoreUrl)?;
    Ok(StoreSource::new(store, prefix, timeout))
}

fn backoff() -> BackoffConfig {
    BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(1), base: 2.0 }
}

/// The URL without its path, which is our prefix and not the builder's business.
fn bare(url: &Url) -> String {
    url[..url::Position::BeforePath].to_owned()
}

fn option<K: FromStr>(name: &str) -> Result<K, SetupError> {
    let lower = name.to_ascii_lowercase();
    let ignored = lower.parse::<ClientConfigKey>().is_ok() && !CLIENT_OPTIONS.contains(&lower.as_str());
    let key = lower.parse().ok().filter(|_| !ignored);
    key.ok_or_else(|| SetupError::StoreOption { name: name.to_owned() })
}

/// Connects without following redirects: trust ends at the endpoint that the operator configured.
#[derive(Debug)]
struct Direct;

impl HttpConnector for Direct {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let failed = |source: reqwest::Error| object_store::Error::Generic { store: "HTTP", source: source.into() };
        let is_on = |key| options.get_config_value(&key).is_some_and(|value| value == "true");
        let mut client = reqwest::Client::builder()
            .user_agent(concat!("tintype/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .https_only(!is_on(ClientConfigKey::AllowHttp))
            .tls_danger_accept_invalid_certs(is_on(ClientConfigKey::AllowInvalidCertificates))
            // Sizes are compared with what the store announces, which is the stored, coded size.
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_proxy();
        if let Some(proxy) = options.get_config_value(&ClientConfigKey::ProxyUrl) {
            client = client.proxy(reqwest::Proxy::all(proxy).map_err(failed)?);
        }
        Ok(HttpClient::new(client.build().map_err(failed)?))
    }
}
