//! What kind of avatar a URL shows. Pure, and the same as `tintype.avatar_url_kind` of `deploy/supabase`: a test runs both
//! over the same URLs.

/// What a URL shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AvatarUrl {
    /// A public object of the bucket, as it is or rendered.
    Stored,
    /// What a provider has painted, for an hour or two.
    Temporary,
}

impl AvatarUrl {
    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Temporary => "temporary",
        }
    }
}

/// Where avatars are seen: origins as browsers write them, `https://a.example` or `http://a.example:8080`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AvatarOrigins {
    pub stored: Vec<String>,
    pub temporary: Vec<String>,
}

/// Longest URL in bytes.
const LONGEST: usize = 2048;

impl AvatarOrigins {
    /// `None`: no avatar of ours. Strict: what two readers could take for different URLs is none.
    pub fn kind(&self, url: &str) -> Option<AvatarUrl> {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !br#""<>\^`{|}#"#.contains(&byte);
        if url.len() > LONGEST || !url.bytes().all(is_plain) {
            return None;
        }
        let (scheme, rest) = url.split_once("://")?;
        let slash = rest.find('/')?;
        let (authority, rest) = rest.split_at(slash);
        let origin = origin(scheme, authority)?;
        let path = rest.split_once('?').map_or(rest, |(path, _)| path);
        if !is_unambiguous(path) {
            return None;
        }
        let is_one_of = |origins: &[String]| origins.contains(&origin);
        if is_supabase(&origin) || is_one_of(&self.stored) {
            return is_public_avatar(path).then_some(AvatarUrl::Stored);
        }
        (is_one_of(&self.temporary) && path != "/").then_some(AvatarUrl::Temporary)
    }
}

/// In lower case, without the scheme's own port. `None`: it names a user, or is none.
fn origin(scheme: &str, authority: &str) -> Option<String> {
    let (host, port) = match authority.rsplit_once(':') {
        // The last colon of a bare `[::1]` belongs to the address.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_name = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let is_address = |host: &str| host.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':');
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => !address.is_empty() && is_address(address),
        None => !host.is_empty() && is_name(host),
    };
    let is_port = port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphabetic());
    if !(is_host && is_port && is_scheme) {
        return None;
    }
    let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    let port = port.filter(|port| !matches!((scheme.as_str(), *port), ("https", "443") | ("http", "80")));
    Some(port.map_or_else(|| format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}")))
}

/// Every percent sign begins a byte, and none of them a slash, a backslash, a dot or a control character; no segment is
/// empty but the last, and none climbs.
fn is_unambiguous(path: &str) -> bool {
    let is_byte = |digits: &str| {
        let byte = digits.get(..2).filter(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = byte.and_then(|two| u8::from_str_radix(two, 16).ok());
        byte.is_some_and(|byte| !matches!(byte, b'/' | b'\\' | b'.' | 0..=0x1f | 0x7f))
    };
    let climbs = path.split('/').any(|segment| matches!(segment, "." | ".."));
    path.split('%').skip(1).all(is_byte) && !path.contains("//") && !climbs
}

/// Every project of Supabase's own cloud.
fn is_supabase(origin: &str) -> bool {
    let label = origin.strip_prefix("https://").and_then(|host| host.strip_suffix(".supabase.co"));
    label.is_some_and(|label| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

fn is_public_avatar(path: &str) -> bool {
    let prefixes = ["/storage/v1/object/public/kinkster-avatars/", "/storage/v1/render/image/public/kinkster-avatars/"];
    let key = prefixes.iter().find_map(|prefix| path.strip_prefix(prefix));
    key.is_some_and(|key| !key.is_empty() && !key.ends_with('/'))
}
