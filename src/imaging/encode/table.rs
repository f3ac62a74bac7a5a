//! Written by `benches/calibrate`: `cargo run --profile quick --example calibrate -- table`.

use super::scale::Row;

/// By quality, the medians of 29 pictures.
#[rustfmt::skip]
pub(super) const ROWS: [Row; 15] = [
    Row { quality: 1.0, webp_small: 1.7, jpeg: 12.3, avif_fast: 14.9, avif_small: 14.2 },
    Row { quality: 10.0, webp_small: 12.1, jpeg: 21.8, avif_fast: 26.5, avif_small: 24.9 },
    Row { quality: 20.0, webp_small: 24.2, jpeg: 28.4, avif_fast: 37.8, avif_small: 36.3 },
    Row { quality: 30.0, webp_small: 34.0, jpeg: 35.1, avif_fast: 48.1, avif_small: 45.9 },
    Row { quality: 40.0, webp_small: 43.5, jpeg: 42.3, avif_fast: 53.9, avif_small: 50.7 },
    Row { quality: 50.0, webp_small: 52.5, jpeg: 49.7, avif_fast: 60.3, avif_small: 58.5 },
    Row { quality: 60.0, webp_small: 61.7, jpeg: 58.7, avif_fast: 65.6, avif_small: 65.0 },
    Row { quality: 65.0, webp_small: 66.7, jpeg: 62.5, avif_fast: 68.8, avif_small: 68.1 },
    Row { quality: 70.0, webp_small: 71.1, jpeg: 65.4, avif_fast: 72.3, avif_small: 69.4 },
    Row { quality: 75.0, webp_small: 75.3, jpeg: 68.2, avif_fast: 76.3, avif_small: 73.7 },
    Row { quality: 80.0, webp_small: 79.9, jpeg: 77.0, avif_fast: 82.7, avif_small: 80.8 },
    Row { quality: 85.0, webp_small: 84.3, jpeg: 83.0, avif_fast: 85.1, avif_small: 84.3 },
    Row { quality: 90.0, webp_small: 89.2, jpeg: 89.2, avif_fast: 87.9, avif_small: 87.3 },
    Row { quality: 95.0, webp_small: 93.9, jpeg: 93.7, avif_fast: 92.0, avif_small: 91.4 },
    Row { quality: 100.0, webp_small: 99.7, jpeg: 96.3, avif_fast: 94.2, avif_small: 93.8 },
];
