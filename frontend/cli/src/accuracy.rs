//! How exact the f32 functions of compiled code are: every one of the 2^32 inputs, or some of them, against libm in f64.
//!
//! The error of a result is its distance from the exact value in units in the last place of an f32 of that size. A NaN
//! where there should be none, a missing one, and a zero of the wrong sign count as infinite.

use tracelift_runtime::kernels::tile::{self, MathFn};

/// Inputs that a routine gets at once.
const RUN: u64 = 1 << 14;

/// The largest error of a function.
#[derive(Clone, Copy, Debug)]
pub struct Worst {
    /// In units in the last place.
    pub ulps: f64,
    /// The input.
    pub at: f32,
    /// What the routine gives.
    pub got: f32,
    /// The exact value.
    pub exact: f64,
}

/// The functions of one operand.
pub fn functions() -> impl Iterator<Item = MathFn> {
    MathFn::ALL.into_iter().filter(|f| f.arity() == 1)
}

/// The largest error over `count` inputs, spread evenly over all bit patterns; at most 2^32.
pub fn worst(f: MathFn, count: u64) -> Worst {
    let count = count.clamp(1, 1 << 32);
    let mut worst = Worst { ulps: 0.0, at: 0.0, got: 0.0, exact: 0.0 };
    let mut results = vec![0f32; RUN as usize];
    for begin in (0..count).step_by(RUN as usize) {
        let inputs: Vec<f32> =
            (begin..count.min(begin + RUN)).map(|i| f32::from_bits(((i << 32) / count) as u32)).collect();
        let results = &mut results[..inputs.len()];
        tile::map(f, results, &inputs);
        for (&at, &got) in inputs.iter().zip(results.iter()) {
            let exact = tile::reference(f, f64::from(at), 0.0);
            let ulps = error(got, exact);
            if ulps > worst.ulps {
                worst = Worst { ulps, at, got, exact };
            }
        }
    }
    worst
}

/// The distance of `got` from `exact` in units in the last place of `exact` as an f32.
pub fn error(got: f32, exact: f64) -> f64 {
    if got.is_nan() || exact.is_nan() {
        return if got.is_nan() && exact.is_nan() { 0.0 } else { f64::INFINITY };
    }
    let got = f64::from(got);
    if got == exact {
        let same_zero = got != 0.0 || got.is_sign_negative() == exact.is_sign_negative();
        return if same_zero { 0.0 } else { f64::INFINITY };
    }
    // Infinity counts as the number after the largest finite one.
    let overflow = 2f64.powi(128);
    let (got, exact) = (got.clamp(-overflow, overflow), exact.clamp(-overflow, overflow));
    (got - exact).abs() / spacing(exact.abs())
}

/// The distance between neighbouring f32 around `x`, which is not negative.
fn spacing(x: f64) -> f64 {
    let exponent = ((x.to_bits() >> 52) as i32 - 1023).clamp(-126, 127);
    2f64.powi(exponent - 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_in_last_places() {
        assert_eq!(error(1.0, 1.0), 0.0);
        assert_eq!(error(1.0 + f32::EPSILON, 1.0), 1.0);
        assert_eq!(error(f32::from_bits(3), f64::from(f32::from_bits(1))), 2.0);
        assert_eq!(error(f32::INFINITY, f64::from(f32::MAX)), 1.0);
        assert_eq!(error(-0.0, 0.0), f64::INFINITY);
        assert_eq!(error(f32::NAN, 0.0), f64::INFINITY);
        assert_eq!(error(f32::NAN, f64::NAN), 0.0);
    }

    #[test]
    fn every_function_is_within_its_bound_on_some_inputs() {
        for f in functions() {
            let worst = worst(f, 1 << 12);
            assert!(worst.ulps <= 8.0, "{f:?}: {worst:?}");
        }
    }
}
