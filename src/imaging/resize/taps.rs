//! Which source samples make an output sample, and with which weights.

use std::f64::consts::PI;

/// Half the width of the Lanczos3 kernel, in output samples.
const LOBES: f64 = 3.0;

/// One axis: for each output sample the first source sample that it sums, and as many weights as every other has.
pub(super) struct Taps {
    pub firsts: Vec<usize>,
    /// `count` for each output sample; those of one output sample sum to 1.
    weights: Vec<f32>,
    /// Source samples summed for one output sample, those of weight 0 at the edges among them.
    pub count: usize,
}

impl Taps {
    /// From `length` source samples, the last of which may be cut short at `exact`, to `outputs`. Both at least 1.
    pub fn lanczos3(length: usize, exact: f64, outputs: usize) -> Self {
        let ratio = exact / outputs as f64;
        let stretch = ratio.max(1.0);
        let radius = LOBES * stretch;
        let count = ((2.0 * radius).ceil() as usize + 1).min(length);
        let mut firsts = Vec::with_capacity(outputs);
        let mut weights = Vec::with_capacity(outputs * count);
        for output in 0..outputs {
            let centre = (output as f64 + 0.5) * ratio;
            let first = ((centre - radius).floor().max(0.0) as usize).min(length - count);
            let kernel = (first..first + count).map(|sample| lanczos3((sample as f64 + 0.5 - centre) / stretch));
            let kernel: Vec<f64> = kernel.collect();
            let sum: f64 = kernel.iter().sum();
            firsts.push(first);
            weights.extend(kernel.iter().map(|weight| (weight / sum) as f32));
        }
        Self { firsts, weights, count }
    }

    /// Of one output sample.
    pub fn weights(&self, output: usize) -> &[f32] {
        &self.weights[output * self.count..(output + 1) * self.count]
    }
}

fn lanczos3(distance: f64) -> f64 {
    let turn = PI * distance;
    if distance == 0.0 {
        1.0
    } else if distance.abs() >= LOBES {
        0.0
    } else {
        LOBES * turn.sin() * (turn / LOBES).sin() / (turn * turn)
    }
}
