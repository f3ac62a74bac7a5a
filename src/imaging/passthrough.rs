//! Originals without their EXIF, XMP and comments: for the dialect that passes animations and icons through, and for
//! uploads that are normalised.

use crate::transform::SourceFormat;

use super::Probe;
use super::probe::{gif, jpeg, png, webp};

/// The picture as it is, less the blocks that tell of its making. A part whose structure breaks is kept as it is.
pub fn passthrough(bytes: &[u8], probe: &Probe) -> Vec<u8> {
    match probe.natural.format {
        SourceFormat::WebP => without_webp_metadata(bytes),
        SourceFormat::Png => without_png_metadata(bytes),
        SourceFormat::Gif => without_gif_metadata(bytes),
        SourceFormat::Jpeg => jpeg::without_metadata(bytes),
        SourceFormat::Avif | SourceFormat::Ico => bytes.to_vec(),
    }
}

fn without_webp_metadata(bytes: &[u8]) -> Vec<u8> {
    /// EXIF and XMP in the flags of `VP8X`.
    const METADATA: u8 = 0x08 | 0x04;
    let mut kept = bytes[..webp::FILE_HEADER.min(bytes.len())].to_vec();
    for chunk in webp::chunks(bytes) {
        let start = kept.len();
        match &chunk.kind {
            b"EXIF" | b"XMP " => {}
            b"VP8X" if !chunk.data.is_empty() => {
                kept.extend_from_slice(chunk.whole);
                kept[start + 8] &= !METADATA;
            }
            _ => kept.extend_from_slice(chunk.whole),
        }
    }
    let size = (kept.len().saturating_sub(8) as u32).to_le_bytes();
    if let Some(field) = kept.get_mut(4..8) {
        field.copy_from_slice(&size);
    }
    kept
}

fn without_png_metadata(bytes: &[u8]) -> Vec<u8> {
    let mut kept = bytes[..png::SIGNATURE.min(bytes.len())].to_vec();
    let chunks =
        png::chunks(bytes).filter(|chunk| !matches!(&chunk.kind, b"eXIf" | b"tEXt" | b"zTXt" | b"iTXt" | b"tIME"));
    chunks.for_each(|chunk| kept.extend_from_slice(chunk.whole));
    kept
}

fn without_gif_metadata(bytes: &[u8]) -> Vec<u8> {
    let Some(mut at) = gif::preamble(bytes) else { return bytes.to_vec() };
    let mut kept = bytes[..at].to_vec();
    while let Some(block) = gif::block(bytes, at) {
        let (whole, keep) = match block {
            gif::Block::Extension { label: gif::COMMENT, whole, .. } => (whole, false),
            gif::Block::Extension { label: gif::APPLICATION, payload, whole } => (whole, is_animation(payload)),
            gif::Block::Extension { whole, .. } | gif::Block::Image { whole, .. } => (whole, true),
            gif::Block::Trailer => (&bytes[at..=at], true),
        };
        at += whole.len();
        if keep {
            kept.extend_from_slice(whole);
        }
    }
    kept
}

/// Of the application extensions only the loop counts are needed to show the picture, and the colour profile.
fn is_animation(payload: &[u8]) -> bool {
    [b"\x0bNETSCAPE2.0", b"\x0bANIMEXTS1.0", b"\x0bICCRGBG1012"].iter().any(|name| payload.starts_with(*name))
}
