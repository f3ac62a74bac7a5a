//! Who asks.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

/// What a caller is, as the `role` claim says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Nobody in particular: the publishable key, or no key at all.
    Anon,
    /// A signed-in user.
    Authenticated,
    /// The operator: no rule applies.
    Service,
    /// Any other role, known to the rules or to the database.
    Custom(Arc<str>),
}

impl Role {
    /// The role of a claim; none is `anon`.
    pub fn parse(claim: Option<&str>) -> Self {
        match claim {
            None | Some("" | "anon") => Self::Anon,
            Some("authenticated") => Self::Authenticated,
            Some("service_role") => Self::Service,
            Some(other) => Self::Custom(other.into()),
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Anon => "anon",
            Self::Authenticated => "authenticated",
            Self::Service => "service_role",
            Self::Custom(name) => name,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A caller whose token was verified, or who has none.
#[derive(Clone, Debug)]
pub struct Caller {
    pub role: Role,
    /// `sub`: the owner of what this caller writes, and the folder that is theirs.
    pub subject: Option<Arc<str>>,
    /// `exp` in Unix seconds; `None` for keys that do not expire.
    pub expires: Option<u64>,
    /// Every claim as it was signed: what Postgres sees as `request.jwt.claims`.
    pub claims: Arc<Map<String, Value>>,
}

impl Caller {
    /// The caller that these verified claims describe.
    pub fn from_claims(claims: Map<String, Value>) -> Self {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        Self {
            role: Role::parse(text("role")),
            subject: text("sub").filter(|subject| !subject.is_empty()).map(Arc::from),
            expires: claims.get("exp").and_then(Value::as_f64).map(|seconds| seconds.max(0.0) as u64),
            claims: Arc::new(claims),
        }
    }

    /// A caller of this role and nobody in particular.
    pub fn of_role(role: Role) -> Self {
        let claims = Map::from_iter([("role".to_owned(), Value::from(role.as_str()))]);
        Self { role, subject: None, expires: None, claims: Arc::new(claims) }
    }

    pub fn anon() -> Self {
        Self::of_role(Role::Anon)
    }

    /// Ourselves, or the holder of a service key.
    pub fn service() -> Self {
        Self::of_role(Role::Service)
    }

    pub fn is_service(&self) -> bool {
        self.role == Role::Service
    }
}
