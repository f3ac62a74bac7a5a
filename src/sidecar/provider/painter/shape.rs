//! Shapes as signed distances: below 0 inside, above it outside, in units of which a picture has 1024 a side.
//!
//! Only sums, products, quotients and square roots are used: they are exact to the last bit on every machine.

use std::rc::Rc;

/// Left, top, right, bottom.
pub(super) type Bounds = [f32; 4];

/// The circle in 24 steps: cosine and sine of 15 degrees.
const STEP: (f32, f32) = (0.965_925_8, 0.258_819_05);

/// A shape and the box outside of which it has nothing.
#[derive(Clone)]
pub(super) struct Shape {
    pub bounds: Bounds,
    distance: Rc<dyn Fn(f32, f32) -> f32>,
}

fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

impl Shape {
    fn new(bounds: Bounds, distance: impl Fn(f32, f32) -> f32 + 'static) -> Self {
        Self { bounds, distance: Rc::new(distance) }
    }

    pub(super) fn at(&self, x: f32, y: f32) -> f32 {
        (self.distance)(x, y)
    }

    pub(super) fn everywhere() -> Self {
        Self::new([0.0, 0.0, 1024.0, 1024.0], |_, _| -1000.0)
    }

    pub(super) fn circle(x: f32, y: f32, radius: f32) -> Self {
        Self::new([x - radius, y - radius, x + radius, y + radius], move |px, py| length(px - x, py - y) - radius)
    }

    pub(super) fn ellipse(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self::new([x - width, y - height, x + width, y + height], move |px, py| {
            let (px, py) = (px - x, py - y);
            let near = length(px / width, py / height);
            let slope = length(px / (width * width), py / (height * height));
            if slope > 0.0 { near * (near - 1.0) / slope } else { -width.min(height) }
        })
    }

    /// Half the width, half the height, radius of the corners.
    pub(super) fn block(x: f32, y: f32, width: f32, height: f32, corner: f32) -> Self {
        Self::new([x - width, y - height, x + width, y + height], move |px, py| {
            let (dx, dy) = ((px - x).abs() - width + corner, (py - y).abs() - height + corner);
            length(dx.max(0.0), dy.max(0.0)) + dx.max(dy).min(0.0) - corner
        })
    }

    /// A line through these points with round ends, half of `width` on each side.
    pub(super) fn line(points: &[(f32, f32)], width: f32) -> Self {
        let radius = width / 2.0;
        let mut bounds = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        for (x, y) in points {
            bounds = around(&bounds, &[x - radius, y - radius, x + radius, y + radius]);
        }
        let points = points.to_vec();
        Self::new(bounds, move |px, py| {
            let legs = points.windows(2).map(|leg| to_segment(px, py, leg[0], leg[1]));
            legs.fold(f32::MAX, f32::min) - radius
        })
    }

    /// A curve from one point to another, drawn towards a third.
    pub(super) fn curve(from: (f32, f32), towards: (f32, f32), to: (f32, f32), width: f32) -> Self {
        let points: Vec<_> = (0..=16)
            .map(|step| {
                let (after, before) = (step as f32 / 16.0, 1.0 - step as f32 / 16.0);
                let along = |a: f32, b: f32, c: f32| before * before * a + 2.0 * before * after * b + after * after * c;
                (along(from.0, towards.0, to.0), along(from.1, towards.1, to.1))
            })
            .collect();
        Self::line(&points, width)
    }

    /// The convex shape between these corners, given clockwise as the eye sees it.
    pub(super) fn polygon(corners: &[(f32, f32)]) -> Self {
        let line = Self::line(corners, 0.0);
        let corners = corners.to_vec();
        Self::new(line.bounds, move |px, py| {
            let next = corners.iter().skip(1).chain(corners.first());
            let sides = corners.iter().zip(next).map(|(from, to)| {
                let (dx, dy) = (to.0 - from.0, to.1 - from.1);
                ((px - from.0) * dy - (py - from.1) * dx) / length(dx, dy).max(1e-6)
            });
            sides.fold(f32::MIN, f32::max)
        })
    }

    /// Everything above (`below` = false) or below a height.
    pub(super) fn half(height: f32, below: bool) -> Self {
        let bounds = if below { [0.0, height, 1024.0, 1024.0] } else { [0.0, 0.0, 1024.0, height] };
        Self::new(bounds, move |_, y| if below { height - y } else { y - height })
    }

    pub(super) fn or(&self, other: &Self) -> Self {
        let (one, two) = (self.clone(), other.clone());
        Self::new(around(&self.bounds, &other.bounds), move |x, y| one.at(x, y).min(two.at(x, y)))
    }

    /// As [`Shape::or`], the corner between both filled smoothly.
    pub(super) fn melted(&self, other: &Self, radius: f32) -> Self {
        let (one, two) = (self.clone(), other.clone());
        let [left, top, right, bottom] = around(&self.bounds, &other.bounds);
        let swell = radius / 4.0;
        Self::new([left - swell, top - swell, right + swell, bottom + swell], move |x, y| {
            let (one, two) = (one.at(x, y), two.at(x, y));
            let near = (radius - (one - two).abs()).max(0.0) / radius;
            one.min(two) - near * near * swell
        })
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        let (one, two) = (self.clone(), other.clone());
        let [left, top, right, bottom] = self.bounds;
        let [left2, top2, right2, bottom2] = other.bounds;
        let bounds = [left.max(left2), top.max(top2), right.min(right2), bottom.min(bottom2)];
        Self::new(bounds, move |x, y| one.at(x, y).max(two.at(x, y)))
    }

    pub(super) fn without(&self, other: &Self) -> Self {
        let (one, two) = (self.clone(), other.clone());
        Self::new(self.bounds, move |x, y| one.at(x, y).max(-two.at(x, y)))
    }

    /// Larger by so much on every side, or smaller.
    pub(super) fn grown(&self, by: f32) -> Self {
        let shape = self.clone();
        let [left, top, right, bottom] = self.bounds;
        Self::new([left - by, top - by, right + by, bottom + by], move |x, y| shape.at(x, y) - by)
    }

    pub(super) fn moved(&self, right: f32, down: f32) -> Self {
        let shape = self.clone();
        let [left, top, end, bottom] = self.bounds;
        Self::new([left + right, top + down, end + right, bottom + down], move |x, y| shape.at(x - right, y - down))
    }

    /// The shape and its mirror image about the middle of the picture.
    pub(super) fn twice(&self) -> Self {
        let shape = self.clone();
        let [left, top, right, bottom] = self.bounds;
        let reach = (512.0 - left).max(right - 512.0);
        Self::new([512.0 - reach, top, 512.0 + reach, bottom], move |x, y| shape.at(x, y).min(shape.at(1024.0 - x, y)))
    }

    /// Its outline.
    pub(super) fn outline(&self, width: f32) -> Self {
        let shape = self.clone();
        let grown = self.grown(width / 2.0);
        Self::new(grown.bounds, move |x, y| shape.at(x, y).abs() - width / 2.0)
    }
}

fn around(one: &Bounds, two: &Bounds) -> Bounds {
    [one[0].min(two[0]), one[1].min(two[1]), one[2].max(two[2]), one[3].max(two[3])]
}

fn to_segment(x: f32, y: f32, from: (f32, f32), to: (f32, f32)) -> f32 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (px, py) = (x - from.0, y - from.1);
    let along = ((px * dx + py * dy) / (dx * dx + dy * dy).max(1e-6)).clamp(0.0, 1.0);
    length(px - dx * along, py - dy * along)
}

/// The 24 points of a circle, beginning at its right and going down.
pub(super) fn round(x: f32, y: f32, radius: f32) -> [(f32, f32); 24] {
    let mut points = [(0.0, 0.0); 24];
    let (mut dx, mut dy) = (1.0_f32, 0.0_f32);
    for point in &mut points {
        *point = (x + dx * radius, y + dy * radius);
        (dx, dy) = (dx * STEP.0 - dy * STEP.1, dx * STEP.1 + dy * STEP.0);
    }
    points
}
