//! Colours that go together.

use super::dice::Dice;

/// sRGB, each channel 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Colour(pub [f32; 3]);

impl Colour {
    pub(super) const fn hex(code: u32) -> Self {
        let [_, red, green, blue] = code.to_be_bytes();
        Self([red as f32 / 255.0, green as f32 / 255.0, blue as f32 / 255.0])
    }

    /// `share` of the other colour.
    pub(super) fn mixed(self, other: Self, share: f32) -> Self {
        let mut mixed = self.0;
        for (own, other) in mixed.iter_mut().zip(other.0) {
            *own += (other - *own) * share;
        }
        Self(mixed)
    }

    pub(super) fn lighter(self, share: f32) -> Self {
        self.mixed(WHITE, share)
    }

    /// Towards a deep violet rather than black: shadows stay alive.
    pub(super) fn darker(self, share: f32) -> Self {
        self.mixed(SHADE, share)
    }

    pub(super) fn luminance(self) -> f32 {
        let [red, green, blue] = self.0;
        red * 0.3 + green * 0.59 + blue * 0.11
    }
}

pub(super) const WHITE: Colour = Colour::hex(0xff_ff_ff);
pub(super) const INK: Colour = Colour::hex(0x24_1c_2c);
const SHADE: Colour = Colour::hex(0x1e_12_2e);

/// The colours of one picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    pub top: Colour,
    pub bottom: Colour,
    pub accent: Colour,
    pub cloth: Colour,
    pub trim: Colour,
}

impl Palette {
    const fn of([top, bottom, accent, cloth, trim]: [u32; 5]) -> Self {
        Self {
            top: Colour::hex(top),
            bottom: Colour::hex(bottom),
            accent: Colour::hex(accent),
            cloth: Colour::hex(cloth),
            trim: Colour::hex(trim),
        }
    }

    /// The same palette, a little off, so that no two pictures have quite the same colours.
    pub(super) fn varied(self, dice: &mut Dice) -> Self {
        let (top, bottom) = if dice.chance(30) { (self.bottom, self.top) } else { (self.top, self.bottom) };
        let (cloth, trim) = if dice.chance(35) { (self.trim, self.cloth) } else { (self.cloth, self.trim) };
        let tilt = dice.between(0.0, 0.22);
        Self {
            top: top.mixed(self.accent, tilt),
            bottom: bottom.mixed(self.accent, dice.between(0.0, 0.12)),
            cloth: cloth.mixed(bottom, dice.between(0.0, 0.15)),
            trim,
            ..self
        }
    }
}

pub(super) const PALETTES: [Palette; 14] = [
    Palette::of([0xff_9a_76, 0xff_6f_91, 0xff_d1_6f, 0x4b_3f_72, 0x8e_6c_c4]),
    Palette::of([0x2b_58_76, 0x4e_9f_a8, 0xf6_d3_65, 0x1b_3a_4b, 0xee_96_4b]),
    Palette::of([0xa8_e6_cf, 0x56_c5_96, 0xff_d3_b6, 0x20_50_72, 0xff_8b_94]),
    Palette::of([0xc3_ae_d6, 0x86_75_a9, 0xff_d5_cd, 0x3d_2c_8d, 0xef_bb_cf]),
    Palette::of([0xff_e5_d9, 0xff_b5_a7, 0xf8_ed_eb, 0x6d_59_7a, 0xe5_6b_6f]),
    Palette::of([0x1d_2b_53, 0x35_57_7d, 0xf2_c1_4e, 0xd1_49_5b, 0xed_ae_49]),
    Palette::of([0x35_5c_4a, 0x7f_b6_85, 0xf4_e2_85, 0xbc_4b_51, 0xf4_a2_59]),
    Palette::of([0x8e_c5_fc, 0xe0_c3_fc, 0xff_f6_e5, 0x27_46_90, 0xff_8f_a3]),
    Palette::of([0xf6_bd_60, 0xf2_84_82, 0xf7_ed_e2, 0x3d_5a_80, 0x84_a5_9d]),
    Palette::of([0x00_6d_77, 0x83_c5_be, 0xff_dd_d2, 0xe2_95_78, 0xed_f6_f9]),
    Palette::of([0x5f_0f_40, 0x9a_03_1e, 0xfb_8b_24, 0x0f_4c_5c, 0xe3_64_14]),
    Palette::of([0xd8_e2_dc, 0x9d_b4_ab, 0xff_e5_d9, 0x34_4e_41, 0xf4_ac_b7]),
    Palette::of([0xff_c8_dd, 0xa2_d2_ff, 0xff_ff_f0, 0x5e_54_8e, 0xbd_e0_fe]),
    Palette::of([0xe9_c4_6a, 0x2a_9d_8f, 0xfe_fa_e0, 0x26_46_53, 0xe7_6f_51]),
];

const SKINS: [Colour; 9] = [
    Colour::hex(0xfb_e0_cb),
    Colour::hex(0xf5_cd_ae),
    Colour::hex(0xec_ba_93),
    Colour::hex(0xdc_a2_76),
    Colour::hex(0xc4_89_5c),
    Colour::hex(0xa8_6c_44),
    Colour::hex(0x8a_54_34),
    Colour::hex(0x6b_3e_27),
    Colour::hex(0x4e_2c_1e),
];

const HAIRS: [Colour; 10] = [
    Colour::hex(0x20_1c_26),
    Colour::hex(0x33_24_20),
    Colour::hex(0x4d_30_22),
    Colour::hex(0x6f_45_2b),
    Colour::hex(0x96_63_37),
    Colour::hex(0xc7_90_52),
    Colour::hex(0xe6_c6_82),
    Colour::hex(0xb2_4a_2c),
    Colour::hex(0x8d_8b_93),
    Colour::hex(0xde_da_d6),
];

const DYED: [Colour; 6] = [
    Colour::hex(0x3d_6f_b8),
    Colour::hex(0x2f_9e_8f),
    Colour::hex(0xd7_5b_8c),
    Colour::hex(0x7c_52_c8),
    Colour::hex(0xe2_69_3e),
    Colour::hex(0x5f_a0_55),
];

/// The skin that the prompt names, 0 the lightest and 1 the darkest, or any.
pub(super) fn skin(named: Option<f32>, dice: &mut Dice) -> Colour {
    let rolled = dice.between(0.0, 1.0);
    let at = named.unwrap_or(rolled) * (SKINS.len() - 1) as f32;
    let below = (at as usize).min(SKINS.len() - 2);
    SKINS[below].mixed(SKINS[below + 1], at - below as f32)
}

/// The hair that the prompt names, or any: mostly a natural one.
pub(super) fn hair(named: Option<Colour>, dice: &mut Dice) -> Colour {
    let rolled = if dice.chance(16) { *dice.pick(&DYED) } else { *dice.pick(&HAIRS) };
    let shift = dice.between(0.0, 0.12);
    let lean = if dice.chance(50) { WHITE } else { SHADE };
    named.unwrap_or(rolled).mixed(lean, shift)
}
