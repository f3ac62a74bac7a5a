//! Which source samples make an output sample, and with which weights.

use std::f64::consts::PI;

/// Where a side shrinks by at least twice this, a box average goes first and leaves at least this much to Lanczos: the
/// kernel's rows would not fit into a cache.
const LEFT_TO_LANCZOS: usize = 4;

/// Half the width of the Lanczos3 kernel, in output samples.
const LOBES: f64 = 3.0;

/// Two neighbouring samples, or their weights, as one instruction multiplies and adds them.
pub(super) type Pair = [i16; 2];

/// One axis: for each output sample the first pair of source samples that it sums, and as many weights as every other has.
///
/// Pairs are of the samples 0 and 1, 2 and 3, and so on; the last may lack its second.
pub(super) struct Taps {
    pub firsts: Vec<usize>,
    /// `pairs` for each output sample; those of one output sample sum to 1 << [`Self::bits`].
    weights: Vec<Pair>,
    /// Pairs summed for one output sample, those of weight 0 at the edges among them.
    pub pairs: usize,
    /// Fraction bits of the weights: as many as the greatest of them leaves room for.
    pub bits: u32,
}

/// One axis of a picture.
pub(super) struct Axis {
    /// Samples that a box averages before, at most: 1 where there are no boxes.
    pub side: usize,
    pub taps: Taps,
}

impl Axis {
    /// From `length` samples to `outputs`. Both at least 1.
    pub fn new(length: u32, outputs: u32) -> Self {
        let (length, outputs) = (length as usize, outputs as usize);
        let side = (length / outputs / LEFT_TO_LANCZOS).max(1);
        Self { side, taps: Taps::lanczos3(length.div_ceil(side), length as f64 / side as f64, outputs) }
    }
}

impl Taps {
    /// From `length` source samples, the last of which may be cut short at `exact`, to `outputs`. Both at least 1.
    fn lanczos3(length: usize, exact: f64, outputs: usize) -> Self {
        let ratio = exact / outputs as f64;
        let stretch = ratio.max(1.0);
        let radius = LOBES * stretch;
        let count = ((2.0 * radius).ceil() as usize + 1).min(length);
        let all = length.div_ceil(2);
        let pairs = (count / 2 + 1).min(all);
        let bits = if stretch < 1.01 { 14 } else { 15 };
        let mut firsts = Vec::with_capacity(outputs);
        let mut weights = vec![[0; 2]; outputs * pairs];
        let mut kernel = vec![0.0; count];
        for (output, target) in weights.chunks_exact_mut(pairs).enumerate() {
            let centre = (output as f64 + 0.5) * ratio;
            let first = ((centre - radius).floor().max(0.0) as usize).min(length - count);
            lanczos3((first as f64 + 0.5 - centre) / stretch, 1.0 / stretch, &mut kernel);
            let pair = (first / 2).min(all - pairs);
            quantise(&kernel, bits, &mut target.as_flattened_mut()[first - pair * 2..][..count]);
            firsts.push(pair);
        }
        Self { firsts, weights, pairs, bits }
    }

    /// Of one output sample.
    pub fn weights(&self, output: usize) -> &[Pair] {
        &self.weights[output * self.pairs..(output + 1) * self.pairs]
    }
}

/// The kernel at `distance` and at as many steps from there as there is room for, not normalised.
///
/// Sines turn with the steps: to ask for each of them would cost more than a small picture's pixels.
fn lanczos3(distance: f64, step: f64, kernel: &mut [f64]) {
    let (mut fast, mut slow) =
        (Turn::new(PI * distance, PI * step), Turn::new(PI * distance / LOBES, PI * step / LOBES));
    for (place, weight) in kernel.iter_mut().enumerate() {
        let distance = distance + place as f64 * step;
        let turn = PI * distance;
        *weight = if distance.abs() < 1e-9 {
            1.0
        } else if distance.abs() >= LOBES {
            0.0
        } else {
            LOBES * fast.sine * slow.sine / (turn * turn)
        };
        fast.step();
        slow.step();
    }
}

/// An angle that grows by equal steps.
struct Turn {
    sine: f64,
    cosine: f64,
    by: (f64, f64),
}

impl Turn {
    fn new(angle: f64, step: f64) -> Self {
        let (sine, cosine) = angle.sin_cos();
        Self { sine, cosine, by: step.sin_cos() }
    }

    fn step(&mut self) {
        let (sine, cosine) = self.by;
        (self.sine, self.cosine) = (self.sine * cosine + self.cosine * sine, self.cosine * cosine - self.sine * sine);
    }
}

/// Weights that sum to exactly 1 << `bits`; what rounding leaves goes to the greatest.
fn quantise(kernel: &[f64], bits: u32, weights: &mut [i16]) {
    let one = 1 << bits;
    let scale = f64::from(one) / kernel.iter().sum::<f64>();
    let (mut left, mut greatest) = (one, 0);
    for (place, (weight, exact)) in weights.iter_mut().zip(kernel).enumerate() {
        *weight = (exact * scale).round() as i16;
        left -= i32::from(*weight);
        if *exact > kernel[greatest] {
            greatest = place;
        }
    }
    weights[greatest] = weights[greatest].saturating_add(left as i16);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_every_sample_sum_to_one_and_stay_within_the_source() {
        for (length, exact, outputs) in [
            (1024, 1024.0, 256),
            (1, 1.0, 5),
            (2, 2.0, 1),
            (3, 3.0, 2),
            (17, 16.25, 4),
            (640, 640.0, 639),
            (99, 99.0, 400),
        ] {
            let taps = Taps::lanczos3(length, exact, outputs);
            for output in 0..outputs {
                let sum: i32 = taps.weights(output).as_flattened().iter().map(|weight| i32::from(*weight)).sum();
                assert_eq!(sum, 1 << taps.bits, "{length} to {outputs}: {output}");
                let last = (taps.firsts[output] + taps.pairs) * 2;
                assert!(last <= length.next_multiple_of(2), "{length} to {outputs}: {output}");
                let beyond = last - length.min(last);
                assert!(taps.weights(output).as_flattened().iter().rev().take(beyond).all(|weight| *weight == 0));
            }
        }
    }

    #[test]
    fn a_turned_sine_is_the_sine() {
        let (mut kernel, step) = (vec![0.0; 600], 0.01);
        lanczos3(-3.0 + 0.005, step, &mut kernel);
        for (place, weight) in kernel.iter().enumerate() {
            let turn = PI * (-3.0 + 0.005 + place as f64 * step);
            assert!((weight - 3.0 * turn.sin() * (turn / 3.0).sin() / (turn * turn)).abs() < 1e-9, "{place}");
        }
    }
}
