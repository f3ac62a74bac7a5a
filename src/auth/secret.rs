//! The HS256 secret: the one that the operator gave, else one that we make and keep in the data folder.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::secret::Secret;

/// Name of the secret's file in the data folder.
const SECRET_FILE: &str = "jwt-secret";
/// Shortest secret in bytes: the output size of HS256 (RFC 7518 section 3.2).
pub const SECRET_BYTES: usize = 32;

/// The secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the secret file {} cannot be used: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    #[error("the secret file {} may be read by others; run `chmod 600 {}`", path.display(), path.display())]
    Open { path: PathBuf },
    #[error("the secret file {} holds less than {SECRET_BYTES} bytes", path.display())]
    Short { path: PathBuf },
}

/// The configured secret, else the one kept in the data folder, made there if missing.
pub fn secret(configured: Option<&Secret>, data: &Path) -> Result<Secret, SecretError> {
    if let Some(secret) = configured {
        return Ok(secret.clone());
    }
    let path = data.join(SECRET_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => check_file(path, text.trim()),
        Err(error) if error.kind() == ErrorKind::NotFound => make_file(path),
        Err(error) => Err(SecretError::File { path, reason: error.to_string() }),
    }
}

fn check_file(path: PathBuf, text: &str) -> Result<Secret, SecretError> {
    let mode = match fs::metadata(&path) {
        Ok(meta) => meta.permissions().mode(),
        Err(error) => return Err(SecretError::File { path, reason: error.to_string() }),
    };
    if mode & 0o077 != 0 {
        Err(SecretError::Open { path })
    } else if text.len() < SECRET_BYTES {
        Err(SecretError::Short { path })
    } else {
        Ok(Secret::new(text))
    }
}

fn make_file(path: PathBuf) -> Result<Secret, SecretError> {
    let mut random = [0_u8; SECRET_BYTES];
    let made = aws_lc_rs::rand::fill(&mut random).map_err(|_| "no random bytes".to_owned()).and_then(|()| {
        let text = blake3::Hash::from_bytes(random).to_hex();
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| writeln!(file, "{text}").and_then(|()| file.sync_all()))
            .map(|()| text.to_string())
            .map_err(|error| error.to_string())
    });
    made.map(Secret::new).map_err(|reason| SecretError::File { path, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_made_once_readable_by_its_owner_alone() {
        let data = tempfile::tempdir().unwrap();
        let first = secret(None, data.path()).unwrap();
        assert_eq!(first, secret(None, data.path()).unwrap());
        let path = data.path().join(SECRET_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(secret(None, data.path()), Err(SecretError::Open { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "short").unwrap();
        assert!(matches!(secret(None, data.path()), Err(SecretError::Short { .. })));
    }
}
