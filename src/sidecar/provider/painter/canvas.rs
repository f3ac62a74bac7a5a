//! Pixels, and how shapes get there: each pixel is covered by how far its middle lies inside.

use super::colours::Colour;
use super::shape::Shape;

/// Units of a picture's side, in which every shape is told.
const UNITS: f32 = 1024.0;

/// What a shape is filled with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Paint {
    Flat(Colour),
    /// From one height to another.
    Down {
        from: (f32, Colour),
        to: (f32, Colour),
    },
    /// From the middle to a radius.
    Out {
        middle: (f32, f32),
        inner: Colour,
        radius: f32,
        outer: Colour,
    },
}

impl From<Colour> for Paint {
    fn from(colour: Colour) -> Self {
        Self::Flat(colour)
    }
}

impl Paint {
    fn at(self, x: f32, y: f32) -> Colour {
        match self {
            Self::Flat(colour) => colour,
            Self::Down { from, to } => {
                let share = ((y - from.0) / (to.0 - from.0)).clamp(0.0, 1.0);
                from.1.mixed(to.1, share)
            }
            Self::Out { middle, inner, radius, outer } => {
                let (dx, dy) = (x - middle.0, y - middle.1);
                inner.mixed(outer, ((dx * dx + dy * dy).sqrt() / radius).min(1.0))
            }
        }
    }
}

/// Side of the blocks that are looked at as a whole, in pixels.
const BLOCK: usize = 16;

/// Where a block lies: all of it outside a shape, all of it inside, or neither.
enum Place {
    Outside,
    Inside,
    Edge,
}

/// Columns and rows.
type Block = [std::ops::Range<usize>; 2];

/// A square of RGB.
pub(super) struct Canvas {
    side: usize,
    /// Units a pixel.
    unit: f32,
    pixels: Vec<[f32; 3]>,
}

impl Canvas {
    pub(super) fn new(side: u32) -> Self {
        let side = side as usize;
        Self { side, unit: UNITS / side as f32, pixels: vec![[0.0; 3]; side * side] }
    }

    pub(super) fn fill(&mut self, shape: &Shape, paint: impl Into<Paint>) {
        self.brush(shape, None, paint.into(), 1.0, 0.0);
    }

    /// `alpha` 0 to 1.
    pub(super) fn glaze(&mut self, shape: &Shape, paint: impl Into<Paint>, alpha: f32) {
        self.brush(shape, None, paint.into(), alpha, 0.0);
    }

    /// Within another shape only.
    pub(super) fn glaze_in(&mut self, within: &Shape, shape: &Shape, paint: impl Into<Paint>, alpha: f32) {
        self.brush(shape, Some(within), paint.into(), alpha, 0.0);
    }

    /// Within another shape, the edge `softness` units wide.
    pub(super) fn shade(&mut self, within: &Shape, shape: &Shape, colour: Colour, alpha: f32, softness: f32) {
        self.brush(shape, Some(within), colour.into(), alpha, softness);
    }

    fn brush(&mut self, shape: &Shape, within: Option<&Shape>, paint: Paint, alpha: f32, softness: f32) {
        let edge = softness.max(self.unit);
        let bounds = within.map_or(shape.bounds, |within| within.bounds);
        let [left, top, right, bottom] = shape.grown(edge).bounds;
        let [columns, rows] = [
            [left.max(bounds[0] - edge), right.min(bounds[2] + edge)],
            [top.max(bounds[1] - edge), bottom.min(bounds[3] + edge)],
        ]
        .map(|[from, to]| self.span(from, to));
        for top in rows.clone().step_by(BLOCK) {
            for left in columns.clone().step_by(BLOCK) {
                let block = [left..(left + BLOCK).min(columns.end), top..(top + BLOCK).min(rows.end)];
                match self.place(shape, &block, edge) {
                    Place::Outside => {}
                    Place::Inside if within.is_none() => self.flood(paint, alpha, block),
                    Place::Inside | Place::Edge => self.brush_block(shape, within, paint, alpha, edge, block),
                }
            }
        }
    }

    /// Where a whole block lies, judged by its middle. Distances to some shapes are told too large by up to a half.
    fn place(&self, shape: &Shape, [columns, rows]: &Block, edge: f32) -> Place {
        let middle = |range: &std::ops::Range<usize>| (range.start + range.end) as f32 / 2.0 * self.unit;
        let distance = shape.at(middle(columns), middle(rows));
        let reach = BLOCK as f32 * self.unit * 0.75 * 1.5 + edge;
        if distance > reach {
            Place::Outside
        } else if distance < -reach {
            Place::Inside
        } else {
            Place::Edge
        }
    }

    fn flood(&mut self, paint: Paint, alpha: f32, [columns, rows]: Block) {
        for row in rows {
            let y = (row as f32 + 0.5) * self.unit;
            for column in columns.clone() {
                let x = (column as f32 + 0.5) * self.unit;
                let pixel = &mut self.pixels[row * self.side + column];
                *pixel = Colour(*pixel).mixed(paint.at(x, y), alpha).0;
            }
        }
    }

    fn brush_block(
        &mut self,
        shape: &Shape,
        within: Option<&Shape>,
        paint: Paint,
        alpha: f32,
        edge: f32,
        [columns, rows]: Block,
    ) {
        for row in rows {
            let y = (row as f32 + 0.5) * self.unit;
            for column in columns.clone() {
                let x = (column as f32 + 0.5) * self.unit;
                let mut cover = coverage(shape.at(x, y), edge);
                if cover > 0.0
                    && let Some(within) = within
                {
                    cover *= coverage(within.at(x, y), self.unit);
                }
                if cover > 0.0 {
                    let pixel = &mut self.pixels[row * self.side + column];
                    *pixel = Colour(*pixel).mixed(paint.at(x, y), cover * alpha).0;
                }
            }
        }
    }

    /// The pixels between two places.
    fn span(&self, from: f32, to: f32) -> std::ops::Range<usize> {
        let pixel = |place: f32| (place / self.unit).clamp(0.0, self.side as f32);
        pixel(from) as usize..pixel(to).ceil() as usize
    }

    /// 8 bits a channel.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let channels = self.pixels.iter().flatten();
        channels.map(|channel| (channel * 255.0 + 0.5).clamp(0.0, 255.0) as u8).collect()
    }
}

/// 1 inside, 0 outside, a smooth step between, `edge` wide.
fn coverage(distance: f32, edge: f32) -> f32 {
    let share = (0.5 - distance / edge).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}
