//! Clothes, glasses and what is worn on the head.

use super::Look;
use super::canvas::{Canvas, Paint};
use super::colours::{Colour, INK, WHITE};
use super::dice::Dice;
use super::face::{EYES, Head};
use super::hair::Style;
use super::shape::Shape;

/// One piece of clothing, and where it lies.
struct Garment {
    body: Shape,
    neckline: Shape,
    /// Height of the shoulders.
    high: f32,
    paint: Paint,
    cloth: Colour,
    trim: Colour,
}

pub(super) fn draw_clothes(canvas: &mut Canvas, look: &Look, dice: &mut Dice) {
    let (broad, high) = (dice.between(300.0, 360.0), dice.between(806.0, 836.0));
    let trunk = Shape::block(512.0, high + 260.0, broad, 260.0, 150.0);
    let slope = Shape::ellipse(512.0, high + 34.0, 190.0, 70.0);
    let cloth = look.hints.clothes.unwrap_or(look.palette.cloth);
    let garment = Garment {
        body: trunk.melted(&slope, 110.0),
        neckline: Shape::ellipse(512.0, high - 34.0, 112.0, 84.0),
        high,
        paint: Paint::Down { from: (high, cloth.lighter(0.1)), to: (1024.0, cloth.darker(0.22)) },
        cloth,
        trim: look.palette.trim,
    };
    match dice.below(6) {
        0 => garment.round_neck(canvas),
        1 => garment.pointed_neck(canvas),
        2 => garment.roll_neck(canvas),
        3 => garment.shirt(canvas),
        4 => garment.hood(canvas),
        _ => garment.stripes(canvas, dice),
    }
    let left = 512.0 - broad;
    let arm = Shape::curve((left + 92.0, high + 130.0), (left + 86.0, 980.0), (left + 108.0, 1040.0), 7.0);
    canvas.glaze(&arm.twice(), cloth.darker(0.5), 0.35);
}

impl Garment {
    fn round_neck(&self, canvas: &mut Canvas) {
        canvas.fill(&self.body.without(&self.neckline), self.paint);
        canvas.glaze_in(&self.body, &self.neckline.outline(18.0), self.trim, 0.9);
    }

    fn pointed_neck(&self, canvas: &mut Canvas) {
        let high = self.high;
        let point = Shape::polygon(&[(398.0, high - 60.0), (626.0, high - 60.0), (512.0, high + 130.0)]);
        canvas.fill(&self.body.without(&point), self.paint);
        canvas.glaze_in(&self.body, &point.outline(16.0), self.trim, 0.85);
    }

    fn roll_neck(&self, canvas: &mut Canvas) {
        let (high, cloth) = (self.high, self.cloth);
        canvas.fill(&self.body, self.paint);
        canvas.shade(&self.body, &Shape::ellipse(512.0, high + 26.0, 128.0, 18.0), cloth.darker(0.5), 0.5, 30.0);
        let roll = Shape::block(512.0, high - 26.0, 112.0, 56.0, 30.0);
        canvas.fill(
            &roll,
            Paint::Down { from: (high - 80.0, cloth.lighter(0.16)), to: (high + 30.0, cloth.darker(0.06)) },
        );
        let fold = Shape::curve((396.0, high - 34.0), (512.0, high - 2.0), (628.0, high - 34.0), 7.0);
        canvas.glaze_in(&roll, &fold, cloth.darker(0.35), 0.5);
    }

    fn shirt(&self, canvas: &mut Canvas) {
        let (high, cloth, trim) = (self.high, self.cloth, self.trim);
        canvas.fill(&self.body.without(&self.neckline), self.paint);
        let flap = [(394.0, high - 66.0), (512.0, high + 52.0), (430.0, high + 128.0), (352.0, high + 6.0)];
        canvas.fill(&Shape::polygon(&flap).grown(4.0).twice(), trim.lighter(0.25));
        canvas.glaze(&Shape::polygon(&flap).grown(4.0).outline(4.0).twice(), cloth.darker(0.4), 0.35);
        canvas.glaze(&Shape::line(&[(512.0, high + 80.0), (512.0, 1024.0)], 5.0), cloth.darker(0.5), 0.6);
        for button in [150.0, 214.0] {
            canvas.fill(&Shape::circle(526.0, high + button - 40.0, 8.0), trim.lighter(0.45));
        }
    }

    fn hood(&self, canvas: &mut Canvas) {
        let (high, cloth, trim) = (self.high, self.cloth, self.trim);
        let throat = Shape::ellipse(512.0, high - 44.0, 86.0, 84.0);
        let hood = Shape::ellipse(512.0, high - 4.0, 214.0, 104.0).without(&throat);
        canvas.fill(&self.body.without(&throat), self.paint);
        canvas.fill(
            &hood,
            Paint::Down { from: (high - 100.0, cloth.darker(0.2)), to: (high + 100.0, cloth.lighter(0.08)) },
        );
        canvas.glaze_in(&hood, &throat.outline(14.0), cloth.darker(0.4), 0.6);
        let fold = Shape::curve((330.0, high + 20.0), (512.0, high + 130.0), (694.0, high + 20.0), 8.0);
        canvas.glaze_in(&self.body, &fold, cloth.darker(0.4), 0.35);
        let string = Shape::line(&[(452.0, high + 60.0), (446.0, high + 150.0)], 9.0).twice();
        canvas.fill(&string, trim.lighter(0.4));
    }

    fn stripes(&self, canvas: &mut Canvas, dice: &mut Dice) {
        let (high, cloth, trim) = (self.high, self.cloth, self.trim);
        let jumper = self.body.without(&self.neckline);
        canvas.fill(&jumper, self.paint);
        let (mut y, gap) = (high + 66.0, dice.between(46.0, 70.0));
        while y < 1040.0 {
            canvas.glaze_in(
                &jumper,
                &Shape::curve((120.0, y + 30.0), (512.0, y - 26.0), (904.0, y + 30.0), gap * 0.42),
                trim,
                0.9,
            );
            y += gap;
        }
        canvas.glaze_in(&self.body, &self.neckline.outline(18.0), cloth.darker(0.3), 0.9);
    }
}

pub(super) fn draw_worn(canvas: &mut Canvas, look: &Look, head: &Head, dice: &mut Dice) {
    let rolled = dice.chance(28);
    if look.hints.glasses.unwrap_or(rolled) {
        glasses(canvas, look, dice);
    }
    if look.hat {
        hat(canvas, look, head, dice);
    } else if dice.chance(12) && !matches!(look.style, Style::None | Style::Buzz | Style::Mohawk) {
        flower(canvas, look, dice);
    }
}

fn glasses(canvas: &mut Canvas, look: &Look, dice: &mut Dice) {
    let frame = if dice.chance(60) { INK } else { look.palette.accent.darker(0.2) };
    let left = 431.0;
    let lens = match dice.below(3) {
        0 => Shape::circle(left, EYES + 2.0, 60.0),
        1 => Shape::block(left, EYES + 2.0, 63.0, 46.0, 18.0),
        _ => Shape::block(left, EYES - 6.0, 62.0, 40.0, 14.0)
            .melted(&Shape::ellipse(left, EYES + 12.0, 54.0, 48.0), 20.0),
    };
    let tint = if dice.chance(18) { 0.72 } else { 0.1 };
    canvas.glaze(&lens.twice(), if tint > 0.5 { INK } else { WHITE }, tint);
    for x in [0.0, 162.0] {
        let glint = Shape::line(&[(left + x - 30.0, EYES + 20.0), (left + x + 4.0, EYES - 28.0)], 11.0);
        canvas.glaze_in(&lens.moved(x, 0.0), &glint, WHITE, 0.3);
    }
    canvas.fill(&lens.outline(11.0).twice(), frame);
    canvas.fill(&Shape::curve((488.0, EYES - 4.0), (512.0, EYES - 22.0), (536.0, EYES - 4.0), 11.0), frame);
    canvas.fill(&Shape::line(&[(372.0, EYES - 8.0), (322.0, EYES - 18.0)], 10.0).twice(), frame);
}

fn hat(canvas: &mut Canvas, look: &Look, head: &Head, dice: &mut Dice) {
    let kind = match look.hints.hat {
        Some(true) if look.hints.crown => 3,
        Some(true) => dice.below(3),
        _ => dice.below(4),
    };
    match kind {
        0 | 1 => beanie(canvas, look, head, dice),
        2 => peaked_cap(canvas, look, head),
        _ => crown(canvas, look),
    }
}

/// What lies round the top of a head.
fn cover(head: &Head) -> Shape {
    head.skull.grown(34.0).moved(0.0, -14.0).and(&Shape::half(338.0, false))
}

fn woven(cloth: Colour) -> Paint {
    Paint::Down { from: (170.0, cloth.lighter(0.15)), to: (360.0, cloth.darker(0.2)) }
}

fn beanie(canvas: &mut Canvas, look: &Look, head: &Head, dice: &mut Dice) {
    let (cloth, trim) = (look.palette.accent.darker(0.1), look.palette.trim);
    canvas.fill(&cover(head), woven(cloth));
    let fold = Shape::block(512.0, 322.0, 222.0, 36.0, 26.0);
    canvas.fill(&fold, cloth.darker(0.12));
    for rib in 0..13_u8 {
        let x = 308.0 + f32::from(rib) * 34.0;
        canvas.glaze_in(&fold, &Shape::line(&[(x, 296.0), (x, 348.0)], 4.0), cloth.darker(0.5), 0.35);
    }
    if dice.chance(60) {
        canvas.fill(&Shape::circle(512.0, 176.0, 42.0), trim.lighter(0.2));
        canvas.glaze(&Shape::circle(500.0, 164.0, 18.0), WHITE, 0.3);
    }
}

fn peaked_cap(canvas: &mut Canvas, look: &Look, head: &Head) {
    let (cloth, trim, crown) = (look.palette.accent.darker(0.1), look.palette.trim, cover(head));
    canvas.fill(&crown, woven(cloth));
    canvas.glaze_in(&crown, &Shape::line(&[(512.0, 180.0), (512.0, 340.0)], 5.0), cloth.darker(0.45), 0.4);
    canvas.fill(&Shape::circle(512.0, 192.0, 13.0), cloth.darker(0.3));
    let peak = Shape::ellipse(512.0, 344.0, 214.0, 46.0).and(&Shape::half(366.0, false));
    canvas.fill(&peak, trim.darker(0.1));
    canvas.shade(&head.shape, &Shape::ellipse(512.0, 380.0, 170.0, 26.0), look.skin.darker(0.5), 0.4, 34.0);
}

fn crown(canvas: &mut Canvas, look: &Look) {
    let gold = Colour::hex(0xf2_c1_4e);
    let band = Shape::block(512.0, 284.0, 168.0, 26.0, 10.0);
    let mut points = band.clone();
    for point in 0..5_u8 {
        let x = 372.0 + f32::from(point) * 70.0;
        points = points.or(&Shape::polygon(&[(x - 28.0, 272.0), (x, 168.0), (x + 28.0, 272.0)]));
    }
    canvas.fill(&points, Paint::Down { from: (160.0, gold.lighter(0.4)), to: (310.0, gold.darker(0.2)) });
    for point in 0..5_u8 {
        let x = 372.0 + f32::from(point) * 70.0;
        canvas.fill(&Shape::circle(x, 168.0, 13.0), gold.lighter(0.3));
        canvas
            .fill(&Shape::circle(x, 282.0, 11.0), if point % 2 == 0 { look.palette.trim } else { look.palette.cloth });
    }
}

fn flower(canvas: &mut Canvas, look: &Look, dice: &mut Dice) {
    let (x, y) = (if dice.chance(50) { 352.0 } else { 672.0 }, 330.0);
    for petal in super::shape::round(x, y, 26.0).into_iter().step_by(4) {
        canvas.fill(&Shape::circle(petal.0, petal.1, 19.0), look.palette.trim.lighter(0.3));
    }
    canvas.fill(&Shape::circle(x, y, 17.0), Colour::hex(0xf6_d0_5c));
}
