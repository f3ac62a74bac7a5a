//! Written by `benches/calibrate`: `cargo run --profile quick --example calibrate -- table`.

use super::scale::Row;

/// By quality, the medians of 29 pictures.
#[rustfmt::skip]
pub(super) const ROWS: [Row; 15] = [
    Row { quality: 1.0, webp_small: 1.7, jpeg: 12.3, avif_fast: 14.9, avif_small: 14.4 },
    Row { quality: 10.0, webp_small: 12.1, jpeg: 21.8, avif_fast: 26.5, avif_small: 24.4 },
    Row { quality: 20.0, webp_small: 24.2, jpeg: 28.4, avif_fast: 37.8, avif_small: 35.2 },
    Row { quality: 30.0, webp_small: 34.0, jpeg: 35.1, avif_fast: 48.1, avif_small: 45.0 },
    Row { quality: 40.0, webp_small: 43.5, jpeg: 42.3, avif_fast: 53.9, avif_small: 50.6 },
    Row { quality: 50.0, webp_small: 52.5, jpeg: 49.7, avif_fast: 60.3, avif_small: 57.0 },
    Row { quality: 60.0, webp_small: 61.7, jpeg: 58.7, avif_fast: 65.6, avif_small: 62.3 },
    Row { quality: 65.0, webp_small: 66.7, jpeg: 62.5, avif_fast: 68.8, avif_small: 65.0 },
    Row { quality: 70.0, webp_small: 71.1, jpeg: 65.4, avif_fast: 72.3, avif_small: 67.3 },
    Row { quality: 75.0, webp_small: 75.3, jpeg: 68.2, avif_fast: 76.3, avif_small: 70.9 },
    Row { quality: 80.0, webp_small: 79.9, jpeg: 77.0, avif_fast: 82.7, avif_small: 78.6 },
    Row { quality: 85.0, webp_small: 84.3, jpeg: 83.0, avif_fast: 85.1, avif_small: 83.3 },
    Row { quality: 90.0, webp_small: 89.2, jpeg: 89.2, avif_fast: 87.9, avif_small: 86.5 },
    Row { quality: 95.0, webp_small: 93.9, jpeg: 93.7, avif_fast: 92.0, avif_small: 89.3 },
    Row { quality: 100.0, webp_small: 99.7, jpeg: 96.3, avif_fast: 94.2, avif_small: 90.8 },
];
