//! ISO base media files (ISO/IEC 14496-12): AVIF and HEIC are told apart by the brands of their `ftyp` box.

use super::Numbers;

pub(super) enum Container {
    Avif,
    Heic,
}

/// The kind of picture in the container, if it is one.
pub(super) fn kind(bytes: &[u8]) -> Option<Container> {
    let length = bytes.big32(0)? as usize;
    if bytes.get(4..8)? != b"ftyp" || !(16..=bytes.len()).contains(&length) {
        return None;
    }
    // Bytes 12..16 are the minor version.
    let major = std::iter::once(&bytes[8..12]);
    let brands = || major.clone().chain(bytes[16..length].chunks_exact(4));
    if brands().any(|brand| matches!(brand, b"avif" | b"avis")) {
        return Some(Container::Avif);
    }
    let heic =
        |brand: &[u8]| matches!(brand, b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1");
    brands().any(heic).then_some(Container::Heic)
}
