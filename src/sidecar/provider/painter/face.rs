//! Neck, head and what is in the face.

use super::Look;
use super::canvas::{Canvas, Paint};
use super::colours::{Colour, INK, WHITE};
use super::dice::Dice;
use super::shape::Shape;

/// Height of the eyes.
pub(super) const EYES: f32 = 462.0;

/// The outline of a head.
pub(super) struct Head {
    pub shape: Shape,
    /// The skull alone, round which hair lies.
    pub skull: Shape,
    /// Half the distance between the eyes.
    apart: f32,
}

impl Head {
    pub(super) fn choose(dice: &mut Dice) -> Self {
        let width = dice.between(176.0, 200.0);
        let skull = Shape::ellipse(512.0, 424.0, width, 204.0);
        let (jaw, chin) = (dice.between(112.0, 160.0), dice.between(528.0, 560.0));
        let jaw = Shape::ellipse(512.0, chin, jaw, 142.0);
        Self { shape: skull.melted(&jaw, 90.0), skull, apart: dice.between(74.0, 88.0) }
    }
}

pub(super) fn draw_neck(canvas: &mut Canvas, look: &Look) {
    let neck = Shape::block(512.0, 760.0, 84.0, 150.0, 40.0).melted(&Shape::ellipse(512.0, 900.0, 190.0, 70.0), 90.0);
    canvas.fill(&neck, look.skin.darker(0.1));
    let under_chin = Shape::ellipse(512.0, 672.0, 150.0, 70.0);
    canvas.shade(&neck, &under_chin, look.skin.darker(0.45), 0.6, 60.0);
}

pub(super) fn draw(canvas: &mut Canvas, look: &Look, head: &Head, dice: &mut Dice) {
    let skin = look.skin;
    draw_ears(canvas, look, dice);
    let light = Paint::Down { from: (230.0, skin.lighter(0.1)), to: (690.0, skin) };
    canvas.fill(&head.shape, light);
    let side = Shape::everywhere().without(&Shape::ellipse(478.0, 440.0, 205.0, 290.0));
    canvas.shade(&head.shape, &side, skin.darker(0.35), 0.42, 90.0);
    let warmth = Colour([skin.0[0], skin.0[1] * 0.62, skin.0[2] * 0.62]);
    let cheek = Shape::ellipse(512.0 - head.apart - 36.0, 540.0, 38.0, 27.0).twice();
    canvas.shade(&head.shape, &cheek, warmth, dice.between(0.12, 0.36), 44.0);
    if dice.chance(22) {
        freckles(canvas, look, dice);
    }
    draw_beard(canvas, look, head, dice);
    draw_eyes(canvas, look, head, dice);
    draw_nose(canvas, skin, dice);
    draw_mouth(canvas, skin, dice);
}

fn draw_ears(canvas: &mut Canvas, look: &Look, dice: &mut Dice) {
    let ear = Shape::ellipse(324.0, 478.0, 34.0, 50.0).twice();
    canvas.fill(&ear, look.skin.darker(0.08));
    canvas.glaze(&Shape::ellipse(326.0, 480.0, 17.0, 28.0).twice(), look.skin.darker(0.3), 0.5);
    match dice.below(5) {
        0 => canvas.fill(&Shape::circle(314.0, 532.0, 11.0).twice(), Colour::hex(0xf3_cf_6b)),
        1 => canvas.fill(&Shape::circle(312.0, 548.0, 24.0).outline(7.0).twice(), Colour::hex(0xf3_cf_6b)),
        2 => canvas.fill(&Shape::circle(314.0, 534.0, 10.0), look.palette.accent),
        _ => {}
    }
}

fn freckles(canvas: &mut Canvas, look: &Look, dice: &mut Dice) {
    let ink = look.skin.darker(0.45);
    for _ in 0..9 {
        let (x, y) = (dice.between(372.0, 480.0), dice.between(505.0, 556.0));
        canvas.glaze(&Shape::circle(x, y, dice.between(2.5, 4.5)).twice(), ink, 0.5);
    }
}

fn draw_eyes(canvas: &mut Canvas, look: &Look, head: &Head, dice: &mut Dice) {
    let left = 512.0 - head.apart;
    let iris = look.hints.eyes.unwrap_or_else(|| *dice.pick(&IRISES));
    let gaze = dice.between(-6.0, 6.0);
    let lid = look.skin.darker(0.55);
    match dice.below(6) {
        // Closed, smiling.
        0 if look.hints.eyes.is_none() => {
            let arc = Shape::curve((left - 34.0, EYES + 8.0), (left, EYES - 30.0), (left + 34.0, EYES + 8.0), 9.0);
            canvas.fill(&arc.twice(), INK);
        }
        // Dots, as in a drawing.
        1 if look.hints.eyes.is_none() => {
            canvas.fill(&Shape::ellipse(left, EYES, 15.0, 19.0).twice(), INK);
            for x in [left, 1024.0 - left] {
                canvas.fill(&Shape::circle(x + 5.0, EYES - 7.0, 5.0), WHITE);
            }
        }
        style => {
            let height = if style % 2 == 0 { 27.0 } else { 22.0 };
            let white = Shape::ellipse(left, EYES, 38.0, height);
            for (x, white) in [(left, white.clone()), (1024.0 - left, white.moved(1024.0 - 2.0 * left, 0.0))] {
                eye(canvas, &white, (x + gaze, EYES + 1.0), iris);
            }
            let lash = Shape::curve(
                (left - 42.0, EYES + 3.0),
                (left - 4.0, EYES - height * 2.15),
                (left + 38.0, EYES + 1.0),
                8.0,
            );
            canvas.fill(&lash.twice(), INK);
            canvas.glaze(&lash.moved(0.0, -12.0).twice(), lid, 0.3);
            if dice.chance(35) {
                let wing = Shape::line(&[(left - 40.0, EYES), (left - 58.0, EYES - 14.0)], 7.0);
                canvas.fill(&wing.twice(), INK);
            }
        }
    }
    draw_brows(canvas, look, left, dice);
}

fn eye(canvas: &mut Canvas, white: &Shape, at: (f32, f32), iris: Colour) {
    canvas.fill(white, Colour::hex(0xfd_fb_f7));
    let ball = Shape::circle(at.0, at.1, 20.0);
    let ring =
        Paint::Out { middle: (at.0, at.1 + 6.0), inner: iris.lighter(0.35), radius: 22.0, outer: iris.darker(0.35) };
    canvas.glaze_in(white, &ball, ring, 1.0);
    canvas.glaze_in(white, &Shape::circle(at.0, at.1, 9.5), INK, 1.0);
    canvas.glaze_in(white, &Shape::circle(at.0 + 7.0, at.1 - 8.0, 5.5), WHITE, 0.95);
    let under_lid = white.without(&white.moved(0.0, 11.0));
    canvas.glaze_in(white, &under_lid, INK, 0.22);
}

fn draw_brows(canvas: &mut Canvas, look: &Look, left: f32, dice: &mut Dice) {
    let (lift, tilt, width) = (dice.between(-8.0, 10.0), dice.between(-10.0, 12.0), dice.between(10.0, 20.0));
    let y = EYES - 62.0 - lift;
    let colour = if look.hair.luminance() > 0.75 { look.hair.darker(0.4) } else { look.hair.darker(0.25) };
    let brow =
        Shape::curve((left - 46.0, y + 8.0 - tilt / 2.0), (left - 6.0, y - 20.0), (left + 40.0, y + tilt), width);
    canvas.glaze(&brow.twice(), colour, 0.95);
}

fn draw_nose(canvas: &mut Canvas, skin: Colour, dice: &mut Dice) {
    let (width, low) = (dice.between(20.0, 32.0), dice.between(548.0, 566.0));
    let shade = skin.darker(0.38);
    match dice.below(3) {
        0 => canvas.glaze(
            &Shape::curve((512.0 - width, low), (512.0, low + 22.0), (512.0 + width, low), 8.0),
            shade,
            0.8,
        ),
        1 => {
            let bridge = Shape::curve((520.0, EYES + 10.0), (544.0, low - 6.0), (514.0, low + 6.0), 7.0);
            canvas.glaze(&bridge, shade, 0.55);
            canvas.glaze(
                &Shape::curve((512.0 - width, low), (512.0, low + 18.0), (512.0 + width, low), 7.0),
                shade,
                0.7,
            );
        }
        _ => {
            canvas.shade(&Shape::everywhere(), &Shape::ellipse(518.0, low, width, 14.0), shade, 0.6, 16.0);
            canvas.shade(
                &Shape::everywhere(),
                &Shape::ellipse(508.0, low - 18.0, 11.0, 15.0),
                skin.lighter(0.5),
                0.5,
                16.0,
            );
        }
    }
}

fn draw_mouth(canvas: &mut Canvas, skin: Colour, dice: &mut Dice) {
    let (width, y) = (dice.between(42.0, 66.0), dice.between(612.0, 626.0));
    let lip = skin.mixed(Colour::hex(0xb8_2e_48), dice.between(0.3, 0.62));
    let smile = dice.between(8.0, 40.0);
    let (left, right) = ((512.0 - width, y), (512.0 + width, y));
    match dice.below(4) {
        // Laughing: a half moon with teeth.
        0 => {
            let open = Shape::ellipse(512.0, y - 4.0, width, 44.0).and(&Shape::half(y - 4.0, true));
            canvas.fill(&open, Colour::hex(0x6e_1f_33));
            canvas.glaze_in(&open, &Shape::block(512.0, y, width - 8.0, 12.0, 8.0), WHITE, 0.96);
            canvas.glaze_in(&open, &Shape::ellipse(512.0, y + 42.0, 30.0, 18.0), Colour::hex(0xe0_6a_78), 1.0);
        }
        // Lips.
        1 => {
            let middle = Shape::curve(left, (512.0, y + smile), right, 6.0);
            canvas.fill(
                &Shape::curve(
                    (512.0 - width * 0.8, y + 6.0),
                    (512.0, y + smile + 26.0),
                    (512.0 + width * 0.8, y + 6.0),
                    17.0,
                ),
                lip,
            );
            canvas.fill(
                &Shape::curve((512.0 - width * 0.86, y), (512.0, y + smile - 12.0), (512.0 + width * 0.86, y), 13.0),
                lip.darker(0.12),
            );
            canvas.fill(&middle, lip.darker(0.45));
        }
        // A smile to one side.
        2 => canvas.fill(
            &Shape::curve(left, (512.0 + width * 0.5, y + smile + 16.0), (right.0, y - 14.0), 9.0),
            lip.darker(0.35),
        ),
        _ => canvas.fill(&Shape::curve(left, (512.0, y + smile + 14.0), right, 9.0), lip.darker(0.35)),
    }
}

fn draw_beard(canvas: &mut Canvas, look: &Look, head: &Head, dice: &mut Dice) {
    let rolled = dice.chance(26);
    if !look.hints.beard.unwrap_or(rolled) {
        return;
    }
    let colour = look.hair.darker(0.1);
    let mouth = Shape::ellipse(512.0, 622.0, 62.0, 30.0);
    let cheeks = Shape::ellipse(512.0, 470.0, 178.0, 128.0);
    let lower = head.shape.grown(7.0).and(&Shape::half(500.0, true)).without(&cheeks);
    let moustache = Shape::curve((432.0, 612.0), (500.0, 566.0), (516.0, 590.0), 24.0).twice();
    match dice.below(4) {
        0 => canvas.glaze(&lower.without(&mouth), colour, 0.32),
        1 => {
            let chin = Shape::ellipse(512.0, 668.0, 62.0, 44.0).and(&head.shape.grown(22.0));
            canvas.fill(&chin, colour);
            canvas.fill(&moustache, colour);
        }
        2 => canvas.fill(&moustache, colour),
        _ => {
            let long = dice.between(0.0, 70.0);
            let full = lower.melted(&Shape::ellipse(512.0, 660.0 + long / 2.0, 120.0, 60.0 + long / 2.0), 60.0);
            let full = full.without(&cheeks).or(&moustache).without(&mouth.grown(-6.0));
            canvas.fill(&full, Paint::Down { from: (520.0, colour.lighter(0.06)), to: (760.0, colour.darker(0.3)) });
        }
    }
}

const IRISES: [Colour; 6] = [
    Colour::hex(0x5b_3a_24),
    Colour::hex(0x7a_52_2c),
    Colour::hex(0x3f_7d_52),
    Colour::hex(0x3d_78_b4),
    Colour::hex(0x6b_7d_8c),
    Colour::hex(0x8a_6d_2f),
];
