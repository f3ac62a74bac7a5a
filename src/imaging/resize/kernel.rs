//! What is done to many numbers at once, in ways that come to the same numbers: for any processor, for AVX2, and for AVX-512.

#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "AVX2 and AVX-512 are called where they were found"))]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod plain;

use super::taps::Pair;

/// Sixteen columns of one row: one register of AVX2.
pub(super) type Lanes = [i16; 16];

/// Output rows whose columns are summed together.
pub(super) const ROWS: usize = 8;

/// One pair of neighbouring columns of [`ROWS`] rows, by channel.
pub(super) type Turned<const N: usize> = [[Pair; ROWS]; N];

/// How it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::imaging) enum Kernel {
    Plain,
    /// Only ever made where the processor has AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// Only ever made where the processor has AVX-512BW, AVX-512VNNI and AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

/// Proof that the processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::imaging) struct Avx2(());

/// Proof that the processor has AVX-512BW, AVX-512VNNI and AVX2.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::imaging) struct Avx512(());

/// Calls the function of this name, with the same arguments, in the way that `self` says.
macro_rules! either {
    ($self:expr, $name:ident $(::<$count:ident>)? ($($argument:expr),*)) => {
        match $self {
            Kernel::Plain => plain::$name $(::<$count>)? ($($argument),*),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the proof is made in `best` alone, where the processor has AVX2, the only thing that is asked for.
            Kernel::Avx2(_) | Kernel::Avx512(_) => unsafe { avx2::$name $(::<$count>)? ($($argument),*) },
        }
    };
}

/// The same of three ways.
macro_rules! widest {
    ($self:expr, $name:ident ($($argument:expr),*)) => {
        match $self {
            // SAFETY: the proof is made in `best` alone, where the processor has all that the function asks for.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512(_) => unsafe { avx512::$name($($argument),*) },
            _ => either!($self, $name($($argument),*)),
        }
    };
}

impl Kernel {
    /// The fastest that the processor can.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            let is_wide = std::arch::is_x86_feature_detected!("avx512bw");
            if is_wide && std::arch::is_x86_feature_detected!("avx512vnni") {
                return Self::Avx512(Avx512(()));
            }
            return Self::Avx2(Avx2(()));
        }
        Self::Plain
    }

    /// All that the processor can.
    #[cfg(test)]
    fn every() -> Vec<Self> {
        let mut every = vec![Self::Plain, Self::best()];
        #[cfg(target_arch = "x86_64")]
        if matches!(Self::best(), Self::Avx512(_)) {
            every.push(Self::Avx2(Avx2(())));
        }
        every
    }

    /// Linear light of 15 bits of each byte; `row` may be longer.
    pub fn widen(self, bytes: &[u8], row: &mut [i16]) {
        widest!(self, widen(bytes, row));
    }

    /// The same of pixels with alpha, by which their colours are multiplied.
    pub fn widen_premultiplied(self, bytes: &[u8], row: &mut [i16]) {
        either!(self, widen_premultiplied(bytes, row));
    }

    /// What a row of colours, Cb and Cr, adds to the brightness: red, green, blue. `doubled`: for two pixels each.
    pub fn tint(self, chroma: [&[u8]; 2], doubled: bool, tints: &mut [Vec<i16>; 3]) {
        either!(self, tint(chroma, doubled, tints));
    }

    /// Twice as many samples as `near` has, each of three parts of the nearer and one of the farther; the same before that of
    /// `near` and `far`, a row beside it. `sums` has room for one more at both ends.
    pub fn smooth(self, near: &[u8], far: Option<&[u8]>, sums: &mut [u16], smoothed: &mut [u8]) {
        either!(self, smooth(near, far, sums, smoothed));
    }

    /// Linear light of 15 bits of each brightness with its tints; the rows may be longer.
    pub fn mix(self, luma: &[u8], tints: [&[i16]; 3], rows: [&mut [i16]; 3]) {
        widest!(self, mix(luma, tints, rows));
    }

    /// Lays two rows side by side, as [`Self::sum_rows`] wants them.
    pub fn pair(self, upper: &[Lanes], lower: &[Lanes], lanes: &mut [[Lanes; 2]]) {
        either!(self, pair(upper, lower, lanes));
    }

    /// The weighted sums of the pairs of rows that begin in `lanes` at `begins`, rounded and less `shift` bits.
    pub fn sum_rows(self, lanes: &[[Lanes; 2]], begins: &[usize], weights: &[Pair], shift: u32, line: &mut [Lanes]) {
        widest!(self, sum_rows(lanes, begins, weights, shift, line));
    }

    /// Turns rows of pixels of `N` channels so that the same column of all of them lies together. Each row has room for
    /// eight values from the last pixel on.
    pub fn turn<const N: usize>(self, rows: &[Vec<Lanes>; ROWS], turned: &mut [Turned<N>]) {
        either!(self, turn::<N>(rows, turned));
    }

    /// The same of rows of three planes, one after the other, each of twice as many values as `turned` is long: a multiple
    /// of sixteen.
    pub fn turn_planes(self, rows: &[Vec<Lanes>; ROWS], turned: &mut [Turned<3>]) {
        either!(self, turn_planes(rows, turned));
    }

    /// The weighted sums of pairs of columns, rounded and less `bits` bits, as places of the table of 8-bit values: what
    /// was driven out of 0 to 1 is taken for the nearer end.
    pub fn sum_columns<const N: usize>(self, columns: &[Turned<N>], weights: &[Pair], bits: u32) -> [[i32; ROWS]; N] {
        either!(self, sum_columns::<N>(columns, weights, bits))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lanes(values: &[i16]) -> Vec<Lanes> {
        values.as_chunks::<16>().0.to_vec()
    }

    /// What a kernel makes of two rows, all the way.
    fn walk<const N: usize>(
        kernel: Kernel,
        bytes: &[Vec<u8>],
        weights: &[Pair],
    ) -> (Vec<Lanes>, Vec<[[i32; ROWS]; N]>) {
        let width = bytes[0].len() / N;
        let chunks = (width * N + 8).div_ceil(16);
        let rows: Vec<Vec<Lanes>> = bytes
            .iter()
            .map(|bytes| {
                let mut row = vec![0; chunks * 16];
                if N == 4 {
                    kernel.widen_premultiplied(bytes, &mut row);
                } else {
                    kernel.widen(bytes, &mut row);
                }
                lanes(&row)
            })
            .collect();
        let mut paired = vec![[[0; 16]; 2]; 2 * chunks];
        kernel.pair(&rows[0], &rows[1], &mut paired[..chunks]);
        kernel.pair(&rows[1], &rows[0], &mut paired[chunks..]);
        let mut line = vec![[0; 16]; chunks];
        kernel.sum_rows(&paired, &[chunks, 0], &weights[..2], 16, &mut line);
        let summed: [Vec<Lanes>; ROWS] =
            std::array::from_fn(|row| if row == 0 { line.clone() } else { rows[row % 2].clone() });
        let mut turned = vec![[[[0; 2]; ROWS]; N]; width.div_ceil(2)];
        kernel.turn(&summed, &mut turned);
        let sums = turned.windows(2).map(|columns| kernel.sum_columns(columns, &weights[..2], 15)).collect();
        (line, sums)
    }

    /// What a kernel makes of a row of colours beside another one, and of the brightness of twice as many pixels.
    fn colours(kernel: Kernel, samples: &[Vec<u8>; 4], luma: &[u8]) -> (Vec<u8>, Vec<i16>, Vec<Turned<3>>) {
        let [blue, red, near, far] = samples;
        let width = luma.len();
        let mut smoothed = vec![0; blue.len() * 2];
        let mut sums = vec![0; blue.len() + 2];
        kernel.smooth(near, Some(far), &mut sums, &mut smoothed);
        let mut alone = smoothed.clone();
        kernel.smooth(near, None, &mut sums, &mut alone);
        let mut tints: [Vec<i16>; 3] = std::array::from_fn(|_| vec![0; blue.len() * 2]);
        kernel.tint([blue, red], true, &mut tints);
        let plane = width.next_multiple_of(16);
        let mut row = vec![0; plane * 3];
        let (first, rest) = row.split_at_mut(plane);
        let (second, third) = rest.split_at_mut(plane);
        kernel.mix(luma, tints.each_ref().map(|tints| &tints[..width]), [first, second, third]);
        kernel.tint([&smoothed, &alone], false, &mut tints);
        let rows: [Vec<Lanes>; ROWS] = std::array::from_fn(|at| {
            let mut row = row.clone();
            row.rotate_right(at);
            lanes(&row)
        });
        let mut turned = vec![[[[0; 2]; ROWS]; 3]; plane / 2];
        kernel.turn_planes(&rows, &mut turned);
        (smoothed, tints.concat(), turned)
    }

    #[test]
    fn columns_of_planes_lie_together() {
        let row: Vec<i16> = (0..96).collect();
        let rows: [Vec<Lanes>; ROWS] =
            std::array::from_fn(|at| lanes(&row.iter().map(|value| value + at as i16 * 100).collect::<Vec<_>>()));
        let mut turned = vec![[[[0; 2]; ROWS]; 3]; 16];
        Kernel::best().turn_planes(&rows, &mut turned);
        for (pair, channels) in turned.iter().enumerate() {
            for (channel, rows) in channels.iter().enumerate() {
                for (row, values) in rows.iter().enumerate() {
                    let first = (channel * 32 + pair * 2 + row * 100) as i16;
                    assert_eq!(*values, [first, first + 1]);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_processor_makes_the_same_of_planes(
            seed in proptest::collection::vec(any::<u8>(), 6 * 50),
            count in 8_usize..50,
            is_odd: bool,
        ) {
            let samples: [Vec<u8>; 4] = std::array::from_fn(|at| seed[at * 50..at * 50 + count].to_vec());
            let luma = &seed[200..200 + count * 2 - usize::from(is_odd)];
            for kernel in Kernel::every() {
                prop_assert_eq!(colours(kernel, &samples, luma), colours(Kernel::Plain, &samples, luma));
            }
        }

        #[test]
        fn every_processor_comes_to_the_same_numbers(
            seed in proptest::collection::vec(any::<u8>(), 2 * 4 * 87),
            width in 3_usize..87,
            weights in proptest::collection::vec([-9000_i16..22_000, -9000_i16..22_000], 2),
        ) {
            let cut = |channels: usize| -> Vec<Vec<u8>> {
                seed.chunks(4 * 87).map(|row| row[..width * channels].to_vec()).collect()
            };
            for kernel in Kernel::every() {
                prop_assert_eq!(walk::<3>(kernel, &cut(3), &weights), walk::<3>(Kernel::Plain, &cut(3), &weights));
                prop_assert_eq!(walk::<4>(kernel, &cut(4), &weights), walk::<4>(Kernel::Plain, &cut(4), &weights));
            }
        }
    }
}
