//! Where the most happens: edges and saturation of a small copy, summed over every place that the window can take.

use crate::transform::Size;

use super::Raster;

/// Longest side of the copy that is judged.
const SMALL: u32 = 96;

/// Left and top of the window of this size with the most events; of equals the one nearest the middle.
/// The window has the picture's full width or full height, so it slides along one side only.
pub(super) fn place(raster: &Raster, window: Size) -> (u32, u32) {
    let step = raster.width().max(raster.height()).div_ceil(SMALL).max(1);
    let energy = Energy::of(raster, step);
    let (free_x, free_y) = (raster.width() - window.width, raster.height() - window.height);
    if free_x >= free_y {
        (slide(&energy.columns(), step, window.width, free_x), 0)
    } else {
        (0, slide(&energy.rows(), step, window.height, free_y))
    }
}

/// Events of each cell of `step` × `step` pixels.
struct Energy {
    width: usize,
    cells: Vec<u64>,
}

impl Energy {
    fn of(raster: &Raster, step: u32) -> Self {
        let width = (raster.width() / step).max(1) as usize;
        let height = (raster.height() / step).max(1) as usize;
        let small: Vec<[i32; 2]> =
            (0..width * height).map(|cell| average(raster, cell % width, cell / width, step as usize)).collect();
        let cells = (0..width * height).map(|cell| {
            let [luma, saturation] = small[cell];
            let right = if cell % width + 1 < width { small[cell + 1][0] } else { luma };
            let below = small.get(cell + width).map_or(luma, |below| below[0]);
            u64::from((right - luma).unsigned_abs() + (below - luma).unsigned_abs()) * 4
                + saturation.unsigned_abs() as u64
        });
        Self { width, cells: cells.collect() }
    }

    fn columns(&self) -> Vec<u64> {
        (0..self.width).map(|x| self.cells.iter().skip(x).step_by(self.width).sum()).collect()
    }

    fn rows(&self) -> Vec<u64> {
        self.cells.chunks(self.width).map(|row| row.iter().sum()).collect()
    }
}

/// Mean luma and saturation of up to 4 × 4 pixels of a cell, weighted by their alpha.
fn average(raster: &Raster, cell_x: usize, cell_y: usize, step: usize) -> [i32; 2] {
    let channels = raster.channels().count();
    let stride = step.div_ceil(4);
    let (mut luma, mut saturation, mut samples) = (0, 0, 0);
    for y in (cell_y * step..(cell_y + 1) * step).step_by(stride) {
        for x in (cell_x * step..(cell_x + 1) * step).step_by(stride) {
            let Some(pixel) =
                raster.data().get(y * raster.stride() + x * channels..).and_then(|rest| rest.get(..channels))
            else {
                continue;
            };
            let alpha = pixel.get(3).map_or(255, |alpha| i32::from(*alpha));
            let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(|value| i32::from(value) * alpha / 255);
            luma += (red * 54 + green * 183 + blue * 19) / 256;
            saturation += red.max(green).max(blue) - red.min(green).min(blue);
            samples += 1;
        }
    }
    let samples = samples.max(1);
    [luma / samples, saturation / samples]
}

/// The start, in pixels, of the richest run of `window` pixels among sums of `step` pixels each.
fn slide(sums: &[u64], step: u32, window: u32, free: u32) -> u32 {
    let length = ((window / step) as usize).clamp(1, sums.len());
    let middle = (sums.len() - length) / 2;
    let best = (0..=sums.len() - length).max_by_key(|start| {
        let events: u64 = sums[*start..*start + length].iter().sum();
        (events, std::cmp::Reverse(start.abs_diff(middle)), std::cmp::Reverse(*start))
    });
    let cells = (sums.len() - length).max(1) as u64;
    // In proportion, so that the last place reaches the far edge whatever the division left over.
    (best.unwrap_or(middle) as u64 * u64::from(free) / cells) as u32
}
