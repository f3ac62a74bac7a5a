//! What is behind the person: a gradient, a pattern, a glow.

use super::Look;
use super::canvas::{Canvas, Paint};
use super::colours::{Colour, WHITE};
use super::dice::Dice;
use super::shape::{Shape, round};

pub(super) fn draw(canvas: &mut Canvas, look: &Look, dice: &mut Dice) {
    let (top, bottom) = match look.hints.background {
        Some(named) => (named.lighter(dice.between(0.05, 0.25)), named.darker(dice.between(0.0, 0.2))),
        None => (look.palette.top, look.palette.bottom),
    };
    let down = Paint::Down { from: (dice.between(-100.0, 250.0), top), to: (dice.between(700.0, 1000.0), bottom) };
    canvas.fill(&Shape::everywhere(), down);
    let light = top.mixed(look.palette.accent, 0.35).lighter(0.25);
    match dice.below(8) {
        0 => dots(canvas, light, dice),
        1 => rings(canvas, light, dice),
        2 => stripes(canvas, light, dice),
        3 => rays(canvas, light, dice),
        4 => hills(canvas, bottom, look.palette.accent, dice),
        5 => confetti(canvas, &[light, look.palette.accent, look.palette.trim], dice),
        6 => bubbles(canvas, light, dice),
        _ => lattice(canvas, light, dice),
    }
    halo(canvas, look, dice);
    let rim = Shape::everywhere().without(&Shape::circle(512.0, 480.0, 560.0));
    canvas.shade(&Shape::everywhere(), &rim, bottom.darker(0.8), 0.28, 420.0);
}

fn dots(canvas: &mut Canvas, light: Colour, dice: &mut Dice) {
    let gap = dice.between(64.0, 110.0);
    let radius = gap * dice.between(0.1, 0.22);
    let (shift, mut row, mut y) = (dice.between(0.0, gap), 0, -gap);
    while y < 1024.0 + gap {
        let mut x = shift - 2.0 * gap + if row % 2 == 0 { 0.0 } else { gap / 2.0 };
        while x < 1024.0 + gap {
            canvas.glaze(&Shape::circle(x, y + shift / 2.0, radius), light, 0.3);
            x += gap;
        }
        (row, y) = (row + 1, y + gap * 0.866);
    }
}

fn rings(canvas: &mut Canvas, light: Colour, dice: &mut Dice) {
    let (x, y) = (dice.between(300.0, 724.0), dice.between(280.0, 520.0));
    let (gap, width) = (dice.between(58.0, 96.0), dice.between(8.0, 26.0));
    for ring in 3..16 {
        let fade = 0.34 - ring as f32 * 0.016;
        canvas.glaze(&Shape::circle(x, y, gap * ring as f32).outline(width), light, fade.max(0.06));
    }
}

fn stripes(canvas: &mut Canvas, light: Colour, dice: &mut Dice) {
    let (gap, lean) = (dice.between(80.0, 150.0), dice.between(-500.0, 500.0));
    let width = gap * dice.between(0.3, 0.55);
    let mut x = -600.0 - dice.between(0.0, gap);
    while x < 1624.0 {
        canvas.glaze(&Shape::line(&[(x, -80.0), (x + lean, 1104.0)], width), light, 0.2);
        x += gap;
    }
}

fn rays(canvas: &mut Canvas, light: Colour, dice: &mut Dice) {
    let (x, y) = (512.0 + dice.between(-60.0, 60.0), dice.between(420.0, 560.0));
    let first = dice.below(2);
    let (rim, lean) = (round(x, y, 1500.0), dice.between(0.0, 1.0));
    for ray in (first..24).step_by(2) {
        let (from, to) = (rim[ray], rim[(ray + 1) % 24]);
        let next = rim[(ray + 2) % 24];
        let turned = |a: (f32, f32), b: (f32, f32)| (a.0 + (b.0 - a.0) * lean, a.1 + (b.1 - a.1) * lean);
        canvas.glaze(&Shape::polygon(&[(x, y), turned(from, to), turned(to, next)]), light, 0.24);
    }
}

fn hills(canvas: &mut Canvas, ground: Colour, sun: Colour, dice: &mut Dice) {
    let sun_at = Shape::circle(dice.between(140.0, 884.0), dice.between(150.0, 330.0), dice.between(70.0, 130.0));
    canvas.shade(&Shape::everywhere(), &sun_at.grown(40.0), sun.lighter(0.3), 0.35, 120.0);
    canvas.glaze(&sun_at, sun.lighter(0.2), 0.85);
    for layer in 0..3_u8 {
        let depth = f32::from(layer);
        let colour = ground.darker(0.12 + depth * 0.14);
        for _ in 0..3 {
            let (x, width) = (dice.between(-100.0, 1124.0), dice.between(320.0, 620.0));
            let y = 720.0 + depth * 95.0 + dice.between(0.0, 90.0);
            canvas.glaze(&Shape::ellipse(x, y + 260.0, width, 300.0), colour, 0.8);
        }
    }
}

fn confetti(canvas: &mut Canvas, colours: &[Colour], dice: &mut Dice) {
    for _ in 0..90 {
        let (x, y, size) = (dice.between(0.0, 1024.0), dice.between(0.0, 1024.0), dice.between(7.0, 20.0));
        let colour = *dice.pick(colours);
        let (dx, dy) = (dice.between(-28.0, 28.0), dice.between(-28.0, 28.0));
        let piece = match dice.below(3) {
            0 => Shape::circle(x, y, size),
            1 => Shape::circle(x, y, size).outline(size * 0.45),
            _ => Shape::line(&[(x, y), (x + dx, y + dy)], size * 0.7),
        };
        canvas.glaze(&piece, colour, dice.between(0.3, 0.75));
    }
}

fn bubbles(canvas: &mut Canvas, light: Colour, dice: &mut Dice) {
    for _ in 0..22 {
        let radius = dice.between(24.0, 150.0);
        let bubble = Shape::circle(dice.between(0.0, 1024.0), dice.between(0.0, 1024.0), radius);
        canvas.glaze(&bubble, light, 0.13);
        canvas.glaze(&bubble.outline(3.0), WHITE, 0.16);
    }
}

fn lattice(canvas: &mut Canvas, light: Colour, dice: &mut Dice) {
    let (gap, width) = (dice.between(90.0, 150.0), dice.between(4.0, 12.0));
    let mut at = -1024.0 + dice.between(0.0, gap);
    while at < 2048.0 {
        canvas.glaze(&Shape::line(&[(at, -20.0), (at + 1064.0, 1044.0)], width), light, 0.24);
        canvas.glaze(&Shape::line(&[(at, 1044.0), (at + 1064.0, -20.0)], width), light, 0.24);
        at += gap;
    }
}

/// A disc or a glow that sets the head off from what is behind it.
fn halo(canvas: &mut Canvas, look: &Look, dice: &mut Dice) {
    let (y, radius) = (dice.between(430.0, 500.0), dice.between(330.0, 400.0));
    let disc = Shape::circle(512.0, y, radius);
    let accent = look.palette.accent;
    match dice.below(4) {
        0 => canvas.glaze(&disc, accent, 0.85),
        1 => {
            canvas.glaze(&disc, accent, 0.35);
            canvas.glaze(&disc.outline(10.0), accent.lighter(0.3), 0.8);
        }
        _ => canvas.shade(&Shape::everywhere(), &disc, accent.lighter(0.35), 0.5, 380.0),
    }
}
