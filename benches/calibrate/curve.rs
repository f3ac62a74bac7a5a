//! What a score needs, from scores that were measured at some qualities.

use crate::Done;

/// Where an encoder is measured, on its own scale: also where its scale has a bend (libwebp 75, libjpeg 50, ravif 25 and 82).
const MEASURED: [f32; 12] = [1.0, 12.0, 25.0, 40.0, 50.0, 60.0, 70.0, 75.0, 82.0, 88.0, 94.0, 100.0];

/// Scores by quality, never falling.
pub struct Curve(Vec<(f64, f64)>);

impl Curve {
    pub fn measured(score: impl Fn(f32) -> Done<f64>) -> Done<Self> {
        let mut highest = f64::NEG_INFINITY;
        let mut points = Vec::new();
        for quality in MEASURED {
            highest = score(quality)?.max(highest);
            points.push((f64::from(quality), highest));
        }
        Ok(Self(points))
    }

    /// The quality that reaches a score, the nearest that there is where none does.
    pub fn quality(&self, score: f64) -> f64 {
        let above = self.0.iter().position(|(_, reached)| *reached >= score);
        match above {
            None => self.0[self.0.len() - 1].0,
            Some(0) => self.0[0].0,
            Some(index) => {
                let ((low, below), (high, reached)) = (self.0[index - 1], self.0[index]);
                low + (high - low) * (score - below) / (reached - below)
            }
        }
    }
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count.is_multiple_of(2) => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

/// Least squares of a value by three others: the normal equations, by Cramer's rule.
pub fn plane(rows: impl Iterator<Item = ([f64; 3], f64)>) -> [f64; 3] {
    let (mut left, mut right) = ([[0.0; 3]; 3], [0.0; 3]);
    for (factors, value) in rows {
        for (row, factor) in factors.iter().enumerate() {
            for (column, other) in factors.iter().enumerate() {
                left[row][column] += factor * other;
            }
            right[row] += factor * value;
        }
    }
    let whole = determinant(&left);
    [0, 1, 2].map(|column| {
        let mut replaced = left;
        for (row, value) in replaced.iter_mut().zip(right) {
            row[column] = value;
        }
        determinant(&replaced) / whole
    })
}

fn determinant(rows: &[[f64; 3]; 3]) -> f64 {
    let [first, second, third] = rows;
    let minor = |left: usize, right: usize| second[left] * third[right] - second[right] * third[left];
    first[0] * minor(1, 2) - first[1] * minor(0, 2) + first[2] * minor(0, 1)
}
