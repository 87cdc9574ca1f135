//! The matrix exponential by scaling and squaring: Higham, "The scaling and squaring method for the matrix
//! exponential revisited", 2005. Computed in f64 for either dtype.

use super::{Matrices, Real, for_each, is_finite, with_real};
use crate::array::DType;
use crate::error::{Kind, Result};
use crate::kernels::library::LibraryCx;
use faer::prelude::Solve;
use faer::{Mat, Scale};

/// Coefficients of the [13/13] Padé approximant of exp.
const PADE: [f64; 14] = [
    64_764_752_532_480_000.0,
    32_382_376_266_240_000.0,
    7_771_770_303_897_600.0,
    1_187_353_796_428_800.0,
    129_060_195_264_000.0,
    10_559_470_521_600.0,
    670_442_572_800.0,
    33_522_128_640.0,
    1_323_241_920.0,
    40_840_800.0,
    960_960.0,
    16_380.0,
    182.0,
    1.0,
];

/// The 1-norm up to which the approximant is exact to f64.
const NORM: f64 = 5.371_920_351_148_152;

/// See the table.
pub fn expm(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "linalg.expm";
    cx.expect(NAME, 1, 1, 0)?;
    let x = Matrices::square(cx, NAME, 0)?;
    cx.expect_same_dtype(NAME, &[cx.inputs[0].dtype(), cx.outputs[0].dtype()])?;
    cx.expect_shape(NAME, cx.inputs[0].dims())?;
    let n = x.rows;
    with_real!(cx, NAME, T => for_each(cx, NAME, x.count(), 20 * n * n * n, &|k, to| {
        let x = x.at::<T>(&cx.inputs[0], x.batch, k);
        if is_finite(x) {
            let y = exponential(&Mat::from_fn(n, n, |i, j| x[(i, j)].to_f64()));
            to.write(0, n, |i, j| T::from_f64(y[(i, j)]));
        } else {
            to.get::<T>(0).fill(T::NAN);
        }
        Ok(())
    }))
}

fn exponential(x: &Mat<f64>) -> Mat<f64> {
    let n = x.nrows();
    let norm = (0..n).map(|j| (0..n).map(|i| x[(i, j)].abs()).sum::<f64>()).fold(0.0, f64::max);
    let squarings = (norm / NORM).log2().ceil().clamp(0.0, 2000.0) as i32;
    // In two steps, for 2^-squarings alone may underflow.
    let x = x * Scale(2f64.powi(-(squarings / 2))) * Scale(2f64.powi(-(squarings - squarings / 2)));
    let one = Mat::<f64>::identity(n, n);
    let x2 = &x * &x;
    let x4 = &x2 * &x2;
    let x6 = &x4 * &x2;
    // The terms of one parity: those of degree 8 to 12 over x^6, and those below.
    let terms = |parity: usize| {
        let c = |degree: usize| Scale(PADE[degree + parity]);
        let high = &x6 * c(12) + &x4 * c(10) + &x2 * c(8);
        &x6 * high + &x6 * c(6) + &x4 * c(4) + &x2 * c(2) + &one * c(0)
    };
    let (even, odd) = (terms(0), &x * terms(1));
    let mut y = (&even - &odd).partial_piv_lu().solve(&even + &odd);
    for _ in 0..squarings {
        y = &y * &y;
    }
    y
}
