//! What a pixel's colour adds to its brightness.

use crate::imaging::resize::Kernel;

use super::Planes;

/// What is added to the brightness of each pixel of a row, for red, green and blue; and what it is made of.
#[derive(Debug)]
pub struct Tints {
    width: usize,
    colours: [Vec<i16>; 3],
    /// A row of each colour, of as many samples as there are pixels.
    smoothed: [Vec<u8>; 2],
    sums: Vec<u16>,
}

impl Tints {
    pub fn new(planes: &Planes) -> Self {
        let [width, _, samples, _] = planes.sides();
        Self {
            width: planes.size.width as usize,
            colours: std::array::from_fn(|_| vec![0; width]),
            smoothed: std::array::from_fn(|_| vec![0; width]),
            sums: vec![0; samples + 2],
        }
    }

    /// Of each pixel of the row.
    pub fn of_pixels(&self) -> [&[i16]; 3] {
        self.colours.each_ref().map(|tints| &tints[..self.width])
    }
}

/// The tints of a row of colour, the same for all pixels that share a sample.
pub fn tint(planes: &Planes, row: usize, tints: &mut Tints) {
    Kernel::best().tint(planes.chroma(row), planes.halved.across, &mut tints.colours);
}

/// The tints of a row of pixels, each between those of the samples around it: three parts of the near one and one of the far
/// one along each halved side. libjpeg calls it fancy upsampling.
pub fn upsample(planes: &Planes, row: usize, tints: &mut Tints) {
    let halved = planes.halved;
    if !halved.across {
        let near = if halved.down { row / 2 } else { row };
        return tint(planes, near, tints);
    }
    let kernel = Kernel::best();
    let (near, far) = if halved.down {
        let far = if row % 2 == 1 { row / 2 + 1 } else { (row / 2).saturating_sub(1) };
        (planes.chroma(row / 2), Some(planes.chroma(far)))
    } else {
        (planes.chroma(row), None)
    };
    for (colour, smoothed) in tints.smoothed.iter_mut().enumerate() {
        kernel.smooth(near[colour], far.map(|far| far[colour]), &mut tints.sums, smoothed);
    }
    let [blue, red] = &tints.smoothed;
    kernel.tint([blue, red], false, &mut tints.colours);
}
