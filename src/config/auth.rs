//! Keys: of signed URLs, and of those who call.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{SecretList, TextList};
use crate::secret::Secret;

/// Keys for buckets with `transforms = "signed"`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Signing {
    /// Key id to secret; several for rotation.
    pub keys: BTreeMap<String, Secret>,
}

/// Whose tokens and keys are believed, beside those that `jwt_secret` signs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AuthConfig {
    /// URL of the identity provider's JSON Web Key Set. Asked every 10 minutes, and when a token names an unknown key.
    pub jwks_url: Option<Url>,
    /// In place of `auth.jwks_url`: a JSON Web Key Set, or the path of a file that holds one. Its symmetric keys count too.
    pub jwks: Option<Secret>,
    /// Accepted values of a token's `iss`; none: not looked at. `tintype keys` writes the first.
    pub issuer: TextList,
    /// Accepted values of a token's `aud`; none: not looked at. `tintype keys` writes the first.
    pub audience: TextList,
    /// Keys `sb_publishable_…`, each as good as an anon token.
    pub publishable_keys: SecretList,
    /// Keys `sb_secret_…`, each as good as a service_role token.
    pub secret_keys: SecretList,
}
