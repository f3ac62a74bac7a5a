mod deflate;
mod unfilter;
mod whole;

use std::io::Cursor;

use png::{ColorType, DecodingError, Reader, Transformations};

use crate::transform::SourceFormat;

use super::{Decoded, Layout};
use crate::imaging::{ImagingError, Probe};

/// What ancillary chunks may inflate to, and every other buffer of the decoder's own but the rows.
const ANCILLARY_BYTES: usize = 16 << 20;

pub(super) type PngReader<'a> = Reader<Cursor<&'a [u8]>>;

pub(super) fn corrupt(error: &DecodingError) -> ImagingError {
    ImagingError::corrupt(SourceFormat::Png, error.to_string())
}

/// A reader that answers 8 bits a channel, palettes and `tRNS` expanded.
pub(super) fn reader<'a>(bytes: &'a [u8], probe: &Probe) -> Result<PngReader<'a>, ImagingError> {
    // One row of 16-bit RGBA and its predecessor are needed, whatever the limit.
    let rows = (probe.stored.width as usize).saturating_mul(64);
    let limits = png::Limits { bytes: ANCILLARY_BYTES.saturating_add(rows) };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.read_info().map_err(|error| corrupt(&error))
}

pub(super) fn layout(reader: &PngReader<'_>) -> Layout {
    match reader.output_color_type().0 {
        ColorType::Grayscale => Layout::Gray,
        ColorType::GrayscaleAlpha => Layout::GrayAlpha,
        ColorType::Rgb | ColorType::Indexed => Layout::Rgb,
        ColorType::Rgba => Layout::Rgba,
    }
}

pub(super) fn profile(reader: &PngReader<'_>) -> Option<Vec<u8>> {
    let info = reader.info();
    // sRGB says that the picture needs no profile.
    info.icc_profile.as_ref().filter(|_| info.srgb.is_none()).map(|profile| profile.to_vec())
}

pub(super) fn decode(bytes: &[u8], probe: &Probe) -> Result<Decoded, ImagingError> {
    let mut reader = reader(bytes, probe)?;
    let layout = layout(&reader);
    if reader.output_buffer_size() != super::length(probe.stored, layout).ok() {
        return Err(ImagingError::corrupt(SourceFormat::Png, "the header's size is not the decoder's"));
    }
    let data = match whole::decode(bytes, reader.info()) {
        Some(data) => data,
        None => by_rows(&mut reader, super::buffer(probe.stored, layout)?)?,
    };
    Ok(Decoded::still(probe, layout, data, profile(&reader)))
}

/// Fills `data`.
fn by_rows(reader: &mut PngReader<'_>, mut data: Vec<u8>) -> Result<Vec<u8>, ImagingError> {
    reader.next_frame(&mut data).map_err(|error| corrupt(&error))?;
    // A file that ends before its IEND is cut off.
    reader.finish().map_err(|error| corrupt(&error))?;
    Ok(data)
}

#[cfg(test)]
mod tests {
    use png::{BitDepth, Encoder, Filter};
    use proptest::prelude::*;

    use super::*;
    use crate::imaging::probe;

    /// What each of the two ways makes of the file.
    fn both(bytes: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let Ok(probe) = probe(bytes) else { return (None, None) };
        let Ok(mut reader) = reader(bytes, &probe) else { return (None, None) };
        let length = reader.output_buffer_size().unwrap();
        let at_once = whole::decode(bytes, reader.info());
        (at_once, by_rows(&mut reader, vec![0; length]).ok())
    }

    fn encoded(pixels: &[u8], width: u32, colour: ColorType, filter: Filter) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, width, (pixels.len() / colour.samples()) as u32 / width);
        encoder.set_color(colour);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_filter(filter);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(pixels).unwrap();
        writer.finish().unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn at_once_is_what_row_by_row_is(
            seed in prop::collection::vec(any::<u8>(), 64..6000), width in 1_u32..70, filter in 0_usize..6, alpha: bool
        ) {
            let filters = [
                Filter::NoFilter, Filter::Sub, Filter::Up, Filter::Avg, Filter::Paeth, Filter::Adaptive,
            ];
            let colour = if alpha { ColorType::Rgba } else { ColorType::Rgb };
            let stride = width as usize * colour.samples();
            prop_assume!(seed.len() >= stride);
            // Neighbours that are alike make the filters differ.
            let smooth: Vec<u8> = seed.iter().scan(0_u8, |sum, step| { *sum = sum.wrapping_add(step % 7); Some(*sum) }).collect();
            let bytes = encoded(&smooth[..smooth.len() / stride * stride], width, colour, filters[filter]);
            let (at_once, by_rows) = both(&bytes);
            prop_assert!(at_once.is_some() == whole::is_possible());
            prop_assert!(at_once.is_none() || at_once == by_rows);
        }

        #[test]
        fn what_row_by_row_refuses_is_never_taken_at_once(at in 0_usize..4000, value: u8, cut in 0_usize..4000) {
            let pixels: Vec<u8> = (0..40 * 30 * 3).map(|at| (at * at / 7) as u8).collect();
            let mut bytes = encoded(&pixels, 40, ColorType::Rgb, Filter::Adaptive);
            let place = at % bytes.len();
            bytes[place] = value;
            bytes.truncate(bytes.len() - cut % 3 * (cut % bytes.len()) / 2);
            let (at_once, by_rows) = both(&bytes);
            prop_assert!(at_once.is_none() || at_once == by_rows);
        }
    }

    #[test]
    fn fixtures_are_the_same_both_ways() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
        let mut taken = 0;
        for entry in ["photos", "formats", "hostile"]
            .iter()
            .flat_map(|name| std::fs::read_dir(format!("{folder}/{name}")).unwrap())
        {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "png") {
                let (at_once, by_rows) = both(&std::fs::read(&path).unwrap());
                taken += usize::from(at_once.is_some());
                assert!(at_once.is_none() || at_once == by_rows, "{}", path.display());
            }
        }
        assert!(taken >= 5 || !whole::is_possible(), "only {taken} fixtures are ordinary");
    }
}
