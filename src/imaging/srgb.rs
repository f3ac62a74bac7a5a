//! Tables between 8-bit sRGB and 16-bit linear light (IEC 61966-2-1).

use std::sync::LazyLock;

/// Linear light of each 8-bit value, 0..=65535.
pub(super) static LINEAR: LazyLock<[u16; 256]> = LazyLock::new(|| {
    std::array::from_fn(|value| {
        let encoded = value as f64 / 255.0;
        let linear = if encoded <= 0.040_45 { encoded / 12.92 } else { ((encoded + 0.055) / 1.055).powf(2.4) };
        (linear * 65535.0).round() as u16
    })
});

/// The 8-bit value nearest to each linear light.
pub(super) static ENCODED: LazyLock<Box<[u8; 65536]>> = LazyLock::new(|| {
    let mut table = Box::new([0; 65536]);
    for (light, value) in table.iter_mut().enumerate() {
        let linear = light as f64 / 65535.0;
        let encoded = if linear <= 0.003_130_8 { linear * 12.92 } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
        *value = (encoded * 255.0).round() as u8;
    }
    table
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives_the_way_to_linear_light_and_back() {
        for value in 0..=255_u8 {
            assert_eq!(ENCODED[usize::from(LINEAR[usize::from(value)])], value);
        }
    }
}
