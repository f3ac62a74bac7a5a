//! Hair: what lies behind the head, and what lies over it.

use super::Look;
use super::canvas::{Canvas, Paint};
use super::dice::Dice;
use super::face::Head;
use super::hints::Hints;
use super::shape::{Shape, round};

/// How hair is worn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    None,
    Buzz,
    Short,
    Quiff,
    Fringe,
    Bob,
    Long,
    Waves,
    Curls,
    Bun,
    Mohawk,
    Braids,
}

const STYLES: [Style; 11] = [
    Style::Buzz,
    Style::Short,
    Style::Quiff,
    Style::Fringe,
    Style::Bob,
    Style::Long,
    Style::Waves,
    Style::Curls,
    Style::Bun,
    Style::Mohawk,
    Style::Braids,
];

impl Style {
    pub(super) fn choose(hints: &Hints, dice: &mut Dice) -> Self {
        let rolled = *dice.pick(&STYLES);
        let is_bald = dice.chance(6) && hints.hair.is_none();
        // A hat needs hair that fits under it.
        let rolled = if hints.hat == Some(true) && !rolled.fits_a_hat() { Self::Short } else { rolled };
        hints.style.unwrap_or(if is_bald { Self::None } else { rolled })
    }

    pub(super) fn fits_a_hat(self) -> bool {
        !matches!(self, Self::Mohawk | Self::Bun | Self::Curls)
    }
}

fn sheen(look: &Look, from: f32, to: f32) -> Paint {
    Paint::Down { from: (from, look.hair.lighter(0.14)), to: (to, look.hair.darker(0.28)) }
}

pub(super) fn draw_behind(canvas: &mut Canvas, look: &Look, head: &Head, dice: &mut Dice) {
    let deep = look.hair.darker(0.3);
    let back = Paint::Down { from: (200.0, deep), to: (900.0, deep.darker(0.25)) };
    match look.style {
        Style::Bob => {
            let length = dice.between(600.0, 690.0);
            let bob = Shape::block(512.0, f32::midpoint(200.0, length), 244.0, (length - 200.0) / 2.0, 150.0);
            canvas.fill(&bob.melted(&Shape::block(512.0, length - 60.0, 252.0, 60.0, 44.0), 40.0), back);
        }
        Style::Long => {
            let length = dice.between(820.0, 940.0);
            canvas.fill(&Shape::block(512.0, f32::midpoint(190.0, length), 250.0, (length - 190.0) / 2.0, 190.0), back);
        }
        Style::Waves => {
            let mut waves = head.skull.grown(46.0);
            for step in 0..6_u8 {
                let (y, wide) = (360.0 + f32::from(step) * 88.0, 236.0 + f32::from(step % 2) * 34.0);
                waves = waves.melted(&Shape::circle(512.0 - wide + 70.0, y, 92.0).twice(), 40.0);
            }
            canvas.fill(&waves.melted(&Shape::block(512.0, 560.0, 200.0, 240.0, 80.0), 40.0), back);
        }
        Style::Curls => {
            let reach = dice.between(250.0, 300.0);
            for (x, y) in round(512.0, 410.0, reach - 62.0) {
                let curl = Shape::circle(x, y, dice.between(62.0, 92.0));
                canvas.fill(&curl, back);
            }
            canvas.fill(&Shape::circle(512.0, 410.0, reach - 40.0), back);
        }
        Style::Bun => {
            let (y, radius) = (dice.between(168.0, 204.0), dice.between(70.0, 98.0));
            let bun = Shape::circle(512.0, y, radius);
            canvas.fill(&bun, sheen(look, y - radius, y + radius));
            canvas.glaze_in(&bun, &Shape::circle(512.0, y, radius * 0.55).outline(7.0), look.hair.darker(0.4), 0.4);
            canvas.fill(&Shape::block(512.0, y + radius - 6.0, 58.0, 15.0, 15.0), look.palette.accent);
        }
        Style::Braids => {
            for step in 0..7_u8 {
                let size = 50.0 - f32::from(step) * 2.5;
                let plait = Shape::circle(300.0 - f32::from(step) * 3.0, 520.0 + f32::from(step) * 58.0, size).twice();
                canvas.fill(&plait, deep.mixed(look.hair, 0.4 + f32::from(step % 2) * 0.5));
            }
            canvas.fill(&Shape::block(282.0, 884.0, 30.0, 13.0, 12.0).twice(), look.palette.accent);
        }
        _ => {}
    }
}

/// The part of the face that hair leaves open.
fn window(middle: f32, top: f32, wide: f32) -> Shape {
    Shape::ellipse(middle, top + 250.0, wide, 250.0)
}

pub(super) fn draw_front(canvas: &mut Canvas, look: &Look, head: &Head, dice: &mut Dice) {
    let upper = Shape::half(500.0, false);
    let cap = head.skull.grown(20.0).moved(0.0, -8.0).and(&upper);
    let paint = sheen(look, 190.0, 480.0);
    let part = dice.between(-70.0, 70.0);
    match look.style {
        Style::Short | Style::Quiff if look.hat => canvas.fill(&cap.without(&window(512.0, 330.0, 170.0)), paint),
        Style::None => {
            canvas.shade(&head.skull, &Shape::ellipse(452.0, 282.0, 60.0, 26.0), look.skin.lighter(0.7), 0.5, 40.0);
        }
        Style::Buzz => {
            let close = head.skull.grown(7.0).without(&window(512.0, 318.0, 172.0)).and(&Shape::half(440.0, false));
            canvas.shade(&head.skull.grown(7.0), &close.grown(-4.0), look.hair.darker(0.1), 0.86, 18.0);
        }
        Style::Short => {
            let tuft = Shape::ellipse(512.0 + part, 238.0, 172.0, 66.0);
            let short = cap.melted(&tuft, 40.0).without(&window(512.0 - part * 0.3, 330.0, 170.0));
            canvas.fill(&short, paint);
            strands(canvas, look, &short, part, dice);
        }
        Style::Quiff => quiff(canvas, look, &cap, part, dice),
        Style::Fringe | Style::Bob => fringe(canvas, look, &cap, dice),
        Style::Curls => {
            for (x, y) in round(512.0, 420.0, 196.0).into_iter().filter(|(_, y)| *y < 372.0) {
                let size = dice.between(42.0, 62.0);
                canvas.fill(&Shape::circle(x, y - 14.0, size), look.hair.darker(0.12));
                canvas.glaze(&Shape::circle(x - 9.0, y - 26.0, size * 0.45), look.hair.lighter(0.3), 0.3);
            }
        }
        Style::Mohawk => mohawk(canvas, look, head, dice),
        Style::Long | Style::Waves | Style::Bun | Style::Braids => {
            falling(canvas, look, head, cap, part, dice);
        }
    }
}

fn quiff(canvas: &mut Canvas, look: &Look, cap: &Shape, part: f32, dice: &mut Dice) {
    let (side, height) = (if part > 0.0 { 1.0 } else { -1.0 }, dice.between(180.0, 212.0));
    let roll = Shape::ellipse(512.0 + side * 62.0, height + 40.0, 176.0, 92.0);
    let quiff = cap.melted(&roll, 50.0).without(&window(512.0 - side * 24.0, 336.0, 168.0));
    canvas.fill(&quiff, sheen(look, 190.0, 480.0));
    let sweep = Shape::curve((512.0 - side * 120.0, 318.0), (512.0, 200.0), (512.0 + side * 196.0, 236.0), 8.0);
    canvas.glaze_in(&quiff, &sweep, look.hair.lighter(0.4), 0.5);
    canvas.glaze_in(&quiff, &sweep.moved(6.0, 32.0), look.hair.darker(0.4), 0.4);
}

fn mohawk(canvas: &mut Canvas, look: &Look, head: &Head, dice: &mut Dice) {
    let sides = head.skull.grown(5.0).without(&window(512.0, 304.0, 176.0)).and(&Shape::half(430.0, false));
    canvas.shade(&head.skull.grown(5.0), &sides.grown(-4.0), look.hair.darker(0.3), 0.5, 18.0);
    let mut crest = Shape::ellipse(512.0, 292.0, 84.0, 64.0);
    let spikes = 5 + dice.below(3);
    for spike in 0..spikes {
        let at = spike as f32 / (spikes - 1) as f32 - 0.5;
        let (x, tip) = (512.0 + at * 116.0, 92.0 + at.abs() * 110.0 + dice.between(0.0, 24.0));
        let spike = Shape::polygon(&[(x - 34.0, 296.0), (x + at * 80.0, tip), (x + 34.0, 296.0)]);
        crest = crest.melted(&spike.grown(7.0), 16.0);
    }
    canvas.fill(&crest, sheen(look, 90.0, 380.0));
    for lock in 0..5_u8 {
        let at = f32::from(lock) - 2.0;
        let line =
            Shape::curve((512.0 + at * 26.0, 336.0), (512.0 + at * 26.0, 240.0), (512.0 + at * 40.0, 130.0), 5.0);
        canvas.glaze_in(&crest, &line, look.hair.darker(0.45), 0.3);
    }
}

/// Hair that falls on both sides of its parting.
fn falling(canvas: &mut Canvas, look: &Look, head: &Head, cap: Shape, part: f32, dice: &mut Dice) {
    let falling = Shape::block(512.0, 480.0, 224.0, 150.0, 90.0);
    let full = head.skull.grown(26.0).moved(0.0, -8.0).melted(&falling, 60.0);
    let shape = if look.style == Style::Bun { cap } else { full.and(&Shape::ellipse(512.0, 392.0, 252.0, 246.0)) };
    let shape = shape.without(&Shape::ellipse(512.0 - part * 0.45, 566.0, 172.0, 262.0));
    canvas.fill(&shape, sheen(look, 190.0, 660.0));
    strands(canvas, look, &shape, part, dice);
}

fn fringe(canvas: &mut Canvas, look: &Look, cap: &Shape, dice: &mut Dice) {
    let low = dice.between(378.0, 404.0);
    let sides = Shape::block(512.0, 470.0, 214.0, 160.0, 60.0).and(&Shape::half(250.0, true));
    let side = if look.style == Style::Bob { cap.melted(&sides, 30.0) } else { cap.clone() };
    let opening = Shape::block(512.0, low + 250.0, 168.0, 250.0, 46.0);
    let shape = side.without(&opening);
    canvas.fill(&shape, sheen(look, 190.0, 560.0));
    // Locks: the lower edge is not one straight line.
    for lock in 0..6_u8 {
        let x = 372.0 + f32::from(lock) * 56.0 + dice.between(-8.0, 8.0);
        let point = Shape::polygon(&[
            (x - 34.0, low - 26.0),
            (x + 34.0, low - 26.0),
            (x + dice.between(-16.0, 16.0), low + 26.0),
        ]);
        canvas.fill(&point.grown(5.0), look.hair.mixed(look.hair.darker(0.28), 0.5));
    }
    let band = Shape::curve((350.0, 330.0), (512.0, 250.0), (674.0, 330.0), 20.0);
    canvas.shade(&shape, &band, look.hair.lighter(0.55), 0.4, 26.0);
}

/// A few lighter and darker strands from the parting down.
fn strands(canvas: &mut Canvas, look: &Look, within: &Shape, part: f32, dice: &mut Dice) {
    for strand in 0..8_u8 {
        let side = if strand % 2 == 0 { -1.0 } else { 1.0 };
        let from = (512.0 + part * 0.6, 196.0 + dice.between(0.0, 30.0));
        let to = (512.0 + side * dice.between(170.0, 236.0), dice.between(360.0, 640.0));
        let towards = (512.0 + side * dice.between(120.0, 220.0), dice.between(190.0, 260.0));
        let colour = if strand < 5 { look.hair.darker(0.42) } else { look.hair.lighter(0.42) };
        canvas.glaze_in(within, &Shape::curve(from, towards, to, dice.between(3.0, 7.0)), colour, 0.34);
    }
}
