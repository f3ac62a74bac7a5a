//! One scale of quality for all encoders: libwebp's, at the effort of a first answer.
//!
//! [`ROWS`] holds what the others need to look the same, as `benches/calibrate` measured it. Between two rows it is a straight
//! line. Whoever changes a row changes pixels: raise [`super::super::REVISION`].

use crate::transform::Format;

use super::table::ROWS;
use super::{Effort, Setting};

/// What each encoder needs to look like libwebp at `quality` and [`Effort::Fast`]; each on its own scale of 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    pub quality: f32,
    pub webp_small: f32,
    pub jpeg: f32,
    pub avif_fast: f32,
    pub avif_small: f32,
}

/// The encoder's own setting for a quality on libwebp's scale.
pub fn setting(format: Format, quality: f32, effort: Effort) -> Setting {
    let at = |column: fn(&Row) -> f32| interpolated(quality, column);
    match (format, effort) {
        (Format::Avif, Effort::Fast) => Setting::Avif { quality: at(|row| row.avif_fast) },
        (Format::Avif, Effort::Small) => Setting::Avif { quality: at(|row| row.avif_small) },
        (Format::WebP, effort) => Setting::WebP { quality: webp(quality, effort) },
        (Format::Jpeg, _) => Setting::Jpeg { quality: at(|row| row.jpeg).round() as u8 },
        (Format::Png, _) => Setting::Png,
    }
}

/// The same for libwebp alone.
pub(super) fn webp(quality: f32, effort: Effort) -> f32 {
    match effort {
        Effort::Fast => quality,
        Effort::Small => interpolated(quality, |row| row.webp_small),
    }
}

fn interpolated(quality: f32, column: fn(&Row) -> f32) -> f32 {
    let above = ROWS.iter().position(|row| row.quality >= quality).unwrap_or(ROWS.len() - 1).max(1);
    let (low, high) = (&ROWS[above - 1], &ROWS[above]);
    let share = ((quality - low.quality) / (high.quality - low.quality)).clamp(0.0, 1.0);
    let value = column(low) + (column(high) - column(low)) * share;
    value.clamp(1.0, 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(setting: Setting) -> f32 {
        match setting {
            Setting::Avif { quality } | Setting::WebP { quality } => quality,
            Setting::Jpeg { quality } => f32::from(quality),
            Setting::Png => 0.0,
        }
    }

    #[test]
    fn more_quality_is_never_less_in_any_encoder() {
        for format in [Format::Avif, Format::WebP, Format::Jpeg] {
            for effort in [Effort::Fast, Effort::Small] {
                let levels: Vec<f32> =
                    (1..=100).map(|quality| level(setting(format, f32::from(quality as u8), effort))).collect();
                assert!(levels.is_sorted(), "{format:?} {effort:?}: {levels:?}");
                assert!(levels.iter().all(|level| (1.0..=100.0).contains(level)), "{format:?} {effort:?}");
                assert!(levels[99] > levels[0] + 40.0, "{format:?} {effort:?}: it spans the scale");
            }
        }
    }

    #[test]
    fn the_table_s_own_rows_are_what_is_set() {
        for row in &ROWS {
            let set = |format, effort| level(setting(format, row.quality, effort));
            assert!((set(Format::WebP, Effort::Fast) - row.quality).abs() < 1e-6);
            assert!((set(Format::WebP, Effort::Small) - row.webp_small).abs() < 1e-4);
            assert!((set(Format::Avif, Effort::Fast) - row.avif_fast).abs() < 1e-4);
            assert!((set(Format::Avif, Effort::Small) - row.avif_small).abs() < 1e-4);
            assert!((set(Format::Jpeg, Effort::Fast) - row.jpeg.round()).abs() < 1e-6);
        }
        assert_eq!(setting(Format::Png, 75.0, Effort::Fast), Setting::Png);
    }

    #[test]
    fn the_table_is_as_its_tool_writes_it() {
        let lines = include_str!("table.rs").lines().filter_map(|line| line.trim().strip_prefix("Row { "));
        let written: Vec<String> = ROWS
            .iter()
            .map(|row| {
                let Row { quality, webp_small, jpeg, avif_fast, avif_small } = row;
                format!(
                    "quality: {quality:.1}, webp_small: {webp_small:.1}, jpeg: {jpeg:.1}, avif_fast: {avif_fast:.1}, \
                     avif_small: {avif_small:.1} }},"
                )
            })
            .collect();
        assert_eq!(lines.collect::<Vec<_>>(), written);
    }
}
