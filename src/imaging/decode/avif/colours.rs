//! Planes of luma and chroma to interleaved 8-bit channels (ITU-T H.273 §8.3).

use super::Coding;
use super::av1::{Frame, Sampling};

/// How samples become 8-bit channels. Factors are in 65536ths.
struct Conversion {
    black: i32,
    centre: i32,
    luma: i32,
    red_from_cr: i32,
    green_from_cb: i32,
    green_from_cr: i32,
    blue_from_cb: i32,
    identity: bool,
}

impl Conversion {
    /// `None` for matrices that are not a plain product.
    fn new(coding: Coding, depth: u32) -> Option<Self> {
        let (red, blue) = match coding.matrix {
            0 | 1 => (0.2126, 0.0722),
            4 => (0.30, 0.11),
            // 2 is unspecified.
            2 | 5 | 6 => (0.299, 0.114),
            7 => (0.212, 0.087),
            9 => (0.2627, 0.0593),
            _ => return None,
        };
        let green = 1.0 - red - blue;
        let step = f64::from(1 << (depth - 8));
        let (black, luma, chroma) = if coding.full_range {
            (0.0, 256.0 * step - 1.0, 256.0 * step - 1.0)
        } else {
            (16.0 * step, 219.0 * step, 224.0 * step)
        };
        let factor = |weight: f64, range: f64| (weight * 255.0 * 65536.0 / range).round() as i32;
        Some(Self {
            black: black as i32,
            centre: 1 << (depth - 1),
            luma: factor(1.0, luma),
            red_from_cr: factor(2.0 * (1.0 - red), chroma),
            green_from_cb: factor(-2.0 * blue * (1.0 - blue) / green, chroma),
            green_from_cr: factor(-2.0 * red * (1.0 - red) / green, chroma),
            blue_from_cb: factor(2.0 * (1.0 - blue), chroma),
            identity: coding.matrix == 0,
        })
    }

    fn light(&self, sample: i32) -> i32 {
        (sample - self.black) * self.luma
    }

    fn colour(&self, luma: i32, cb: i32, cr: i32) -> [u8; 3] {
        if self.identity {
            return [cr, luma, cb].map(|sample| rounded(self.light(sample)));
        }
        let (light, cb, cr) = (self.light(luma), cb - self.centre, cr - self.centre);
        [
            rounded(light + cr * self.red_from_cr),
            rounded(light + cb * self.green_from_cb + cr * self.green_from_cr),
            rounded(light + cb * self.blue_from_cb),
        ]
    }
}

fn rounded(value: i32) -> u8 {
    ((value + 0x8000) >> 16).clamp(0, 255) as u8
}

/// Luma alone into the channel `offset` of every `channels`. `false` where that is not possible.
pub(super) fn fill_gray(frame: &Frame, coding: Coding, to: &mut [u8], channels: usize, offset: usize) -> bool {
    // Chroma plays no part, nor does the matrix.
    let Some(conversion) = Conversion::new(Coding { matrix: 1, ..coding }, frame.depth) else { return false };
    let mut luma = vec![0; frame.width];
    for (y, row) in to.chunks_exact_mut(frame.width * channels).enumerate() {
        samples(frame, 0, y, &mut luma);
        for (pixel, luma) in row.chunks_exact_mut(channels).zip(&luma) {
            pixel[offset] = rounded(conversion.light(*luma));
        }
    }
    true
}

/// Colours into the first three of every `channels`. `false` where the matrix is not known, or does not fit the sampling.
pub(super) fn fill_colours(frame: &Frame, coding: Coding, to: &mut [u8], channels: usize) -> bool {
    let Some(conversion) = Conversion::new(coding, frame.depth) else { return false };
    if conversion.identity && frame.sampling != Sampling::Full {
        return false;
    }
    let mut luma = vec![0; frame.width];
    let (mut cb, mut cr) = (Chroma::new(frame), Chroma::new(frame));
    for (y, row) in to.chunks_exact_mut(frame.width * channels).enumerate() {
        samples(frame, 0, y, &mut luma);
        cb.read(frame, 1, y);
        cr.read(frame, 2, y);
        let planes = luma.iter().zip(&cb.wide).zip(&cr.wide);
        for (pixel, ((luma, cb), cr)) in row.chunks_exact_mut(channels).zip(planes) {
            pixel[..3].copy_from_slice(&conversion.colour(*luma, *cb, *cr));
        }
    }
    true
}

fn samples(frame: &Frame, plane: usize, y: usize, to: &mut [i32]) {
    let row = frame.row(plane, y);
    if frame.depth > 8 {
        let row = row.as_chunks::<2>().0.iter();
        to.iter_mut().zip(row).for_each(|(to, sample)| *to = i32::from(u16::from_ne_bytes(*sample)));
    } else {
        to.iter_mut().zip(row).for_each(|(to, sample)| *to = i32::from(*sample));
    }
}

/// One row of chroma, spread to the width of luma. Missing samples are taken 3 to 1 from the two nearest.
struct Chroma {
    near: Vec<i32>,
    far: Vec<i32>,
    wide: Vec<i32>,
}

impl Chroma {
    fn new(frame: &Frame) -> Self {
        let across = frame.plane_size(1).0;
        Self { near: vec![0; across], far: vec![0; across], wide: vec![0; frame.width] }
    }

    fn read(&mut self, frame: &Frame, plane: usize, y: usize) {
        if frame.sampling == Sampling::Full {
            return samples(frame, plane, y, &mut self.wide);
        }
        let (across, down) = frame.plane_size(plane);
        let rows = if frame.sampling == Sampling::Quarter { neighbours(y, down) } else { (y, y) };
        samples(frame, plane, rows.0, &mut self.near);
        samples(frame, plane, rows.1, &mut self.far);
        self.near.iter_mut().zip(&self.far).for_each(|(near, far)| *near = *near * 3 + far);
        for (x, wide) in self.wide.iter_mut().enumerate() {
            let (near, far) = neighbours(x, across);
            *wide = (self.near[near] * 3 + self.near[far] + 8) >> 4;
        }
    }
}

/// Of the samples at half the distance: the one that covers `at`, and the next nearest.
fn neighbours(at: usize, count: usize) -> (usize, usize) {
    let near = at / 2;
    let far = if at.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(count - 1) };
    (near, far)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BT709: Coding = Coding { primaries: 1, transfer: 13, matrix: 1, full_range: true };

    #[test]
    fn black_and_white_are_exact_in_every_depth_and_range() {
        for (depth, full_range, black, white) in
            [(8, true, 0, 255), (8, false, 16, 235), (10, true, 0, 1023), (10, false, 64, 940), (12, true, 0, 4095)]
        {
            for matrix in [1, 2, 6, 9] {
                let conversion = Conversion::new(Coding { matrix, full_range, ..BT709 }, depth).unwrap();
                let gray = 1 << (depth - 1);
                assert_eq!(conversion.colour(black, gray, gray), [0; 3]);
                assert_eq!(conversion.colour(white, gray, gray), [255; 3]);
                assert_eq!(conversion.colour(2 * white, gray, gray), [255; 3], "beyond the range");
            }
        }
    }

    #[test]
    fn primaries_come_back_from_the_matrices_of_the_standards() {
        // Luma, Cb and Cr of (255, 0, 0).
        for (coding, [luma, cb, cr]) in [
            (BT709, [54, 99, 255]),
            (Coding { matrix: 6, ..BT709 }, [76, 85, 255]),
            (Coding { matrix: 6, full_range: false, ..BT709 }, [81, 90, 240]),
            (Coding { matrix: 9, ..BT709 }, [67, 92, 255]),
            (Coding { matrix: 0, ..BT709 }, [0, 0, 255]),
        ] {
            let [red, green, blue] = Conversion::new(coding, 8).unwrap().colour(luma, cb, cr);
            assert!(red >= 253 && green <= 2 && blue <= 2, "{coding:?}: {red} {green} {blue}");
        }
        assert!(Conversion::new(Coding { matrix: 14, ..BT709 }, 8).is_none());
    }

    #[test]
    fn chroma_is_taken_from_the_two_nearest() {
        let pairs: Vec<_> = (0..5).map(|at| neighbours(at, 3)).collect();
        assert_eq!(pairs, [(0, 0), (0, 1), (1, 0), (1, 2), (2, 1)]);
    }
}
