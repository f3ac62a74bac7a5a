//! What is done to many numbers at once, in two ways that come to the same numbers: for any processor, and for AVX2.

#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "AVX2 is called where it was found"))]

#[cfg(target_arch = "x86_64")]
mod avx2;
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
pub(super) enum Kernel {
    Plain,
    /// Only ever made where the processor has AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
}

/// Proof that the processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Avx2(());

/// Calls the function of this name, with the same arguments, in the way that `self` says.
macro_rules! either {
    ($self:expr, $name:ident $(::<$count:ident>)? ($($argument:expr),*)) => {
        match $self {
            Kernel::Plain => plain::$name $(::<$count>)? ($($argument),*),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the proof is made in `best` alone, where the processor has AVX2, the only thing that is asked for.
            Kernel::Avx2(_) => unsafe { avx2::$name $(::<$count>)? ($($argument),*) },
        }
    };
}

impl Kernel {
    /// The fastest that the processor can.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            return Self::Avx2(Avx2(()));
        }
        Self::Plain
    }

    /// Linear light of 15 bits of each byte; `row` may be longer.
    pub fn widen(self, bytes: &[u8], row: &mut [i16]) {
        either!(self, widen(bytes, row));
    }

    /// The same of pixels with alpha, by which their colours are multiplied.
    pub fn widen_premultiplied(self, bytes: &[u8], row: &mut [i16]) {
        either!(self, widen_premultiplied(bytes, row));
    }

    /// Lays two rows side by side, as [`Self::sum_rows`] wants them.
    pub fn pair(self, upper: &[Lanes], lower: &[Lanes], lanes: &mut [[Lanes; 2]]) {
        either!(self, pair(upper, lower, lanes));
    }

    /// The weighted sums of the pairs of rows that begin in `lanes` at `begins`, rounded and less `shift` bits.
    pub fn sum_rows(self, lanes: &[[Lanes; 2]], begins: &[usize], weights: &[Pair], shift: u32, line: &mut [Lanes]) {
        either!(self, sum_rows(lanes, begins, weights, shift, line));
    }

    /// Turns rows of pixels of `N` channels so that the same column of all of them lies together. Each row has room for
    /// eight values from the last pixel on.
    pub fn turn<const N: usize>(self, rows: &[Vec<Lanes>; ROWS], turned: &mut [Turned<N>]) {
        either!(self, turn::<N>(rows, turned));
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

    proptest! {
        #[test]
        fn every_processor_comes_to_the_same_numbers(
            seed in proptest::collection::vec(any::<u8>(), 2 * 4 * 37),
            width in 3_usize..37,
            weights in proptest::collection::vec([-9000_i16..22_000, -9000_i16..22_000], 2),
        ) {
            let cut = |channels: usize| -> Vec<Vec<u8>> {
                seed.chunks(4 * 37).map(|row| row[..width * channels].to_vec()).collect()
            };
            prop_assert_eq!(walk::<3>(Kernel::best(), &cut(3), &weights), walk::<3>(Kernel::Plain, &cut(3), &weights));
            prop_assert_eq!(walk::<4>(Kernel::best(), &cut(4), &weights), walk::<4>(Kernel::Plain, &cut(4), &weights));
        }
    }
}
