//! How far results are from exact ones, in units in the last place (ulp) of an f32 of the exact result's size.
//!
//! A missing NaN, one too many, and a zero of the wrong sign count as infinitely far. Start with [`Worst`].

use super::safe::map_at;
use super::{Level, MathFn};

/// 2^128, the number after the largest finite f32: what infinity counts as.
const OVERFLOW: f64 = f64::from_bits((1023 + 128) << 52);

/// Results that are looked at together.
const RUN: usize = 64;

/// The largest error among the results seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Worst {
    /// In units in the last place.
    pub ulps: f64,
    /// The operands; the second is 0 for functions of one.
    pub at: [f32; 2],
    /// What the routine gives.
    pub got: f32,
    /// The exact value.
    pub exact: f64,
}

impl Worst {
    /// Takes one more result into account.
    #[inline]
    pub fn see(&mut self, at: [f32; 2], got: f32, exact: f64) {
        if self.may_be_exceeded(got, exact) {
            let ulps = ulps(got, exact);
            if ulps > self.ulps {
                *self = Worst { ulps, at, got, exact };
            }
        }
    }

    /// Whether the error of a result may be larger. Billions come here: no branch, and no division, as bits of 2^n and
    /// of 2^-n add up to a constant.
    #[inline(always)]
    fn may_be_exceeded(&self, got: f32, exact: f64) -> bool {
        let (number, wanted) = (f64::from(got).clamp(-OVERFLOW, OVERFLOW), exact.clamp(-OVERFLOW, OVERFLOW));
        let error = (number - wanted).abs() * f64::from_bits((2046 << 52) - spacing_of(wanted).to_bits());
        let zeros_differ = (got == 0.0) & (exact == 0.0) & (got.is_sign_negative() != exact.is_sign_negative());
        let are_nan = got.is_nan() & exact.is_nan();
        !((error <= self.ulps) | are_nan) | zeros_differ
    }

    /// The larger of two.
    pub fn or(self, other: Worst) -> Worst {
        if other.ulps > self.ulps { other } else { self }
    }
}

/// The largest errors of the routines of a function of one operand at the operands `x`, one for each of `levels`, which
/// the CPU must have. `exact` is what the function itself gives, in f64.
///
/// # Panics
/// If the CPU lacks a level, `f` takes two operands, or the lengths differ.
pub fn largest_errors(f: MathFn, levels: &[Level], x: &[f32], exact: &[f64]) -> Vec<Worst> {
    assert_eq!(x.len(), exact.len());
    let mut got = vec![0.0; x.len()];
    let measure = |&level: &Level| {
        assert!(level.is_available(), "this CPU has no {}", level.name());
        map_at(level, f, &mut got, x);
        let mut worst = Worst::default();
        // Runs without a larger error, nearly all, are vector code.
        for (run, x) in x.chunks(RUN).enumerate() {
            let (got, exact) = (&got[run * RUN..][..x.len()], &exact[run * RUN..][..x.len()]);
            let exceeds = |any, (&got, &exact)| any | worst.may_be_exceeded(got, exact);
            if got.iter().zip(exact).fold(false, exceeds) {
                (0..x.len()).for_each(|i| worst.see([x[i], 0.0], got[i], exact[i]));
            }
        }
        worst
    };
    levels.iter().map(measure).collect()
}

/// The distance of `got` from `exact`. Infinity counts as the number after the largest finite one.
pub fn ulps(got: f32, exact: f64) -> f64 {
    if got.is_nan() || exact.is_nan() {
        return if got.is_nan() && exact.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if got == 0.0 && exact == 0.0 && got.is_sign_negative() != exact.is_sign_negative() {
        return f64::INFINITY;
    }
    let (got, exact) = (f64::from(got).clamp(-OVERFLOW, OVERFLOW), exact.clamp(-OVERFLOW, OVERFLOW));
    (got - exact).abs() / spacing_of(exact)
}

/// The distance between neighbouring f32 around `x`.
fn spacing_of(x: f64) -> f64 {
    const BIAS: u64 = 1023;
    let exponent = (x.to_bits() >> 52 & 0x7FF).clamp(BIAS - 126, BIAS + 127);
    f64::from_bits((exponent - 23) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_in_last_places() {
        assert_eq!(ulps(1.0, 1.0), 0.0);
        assert_eq!(ulps(1.0 + f32::EPSILON, 1.0), 1.0);
        assert_eq!(ulps(f32::from_bits(3), f64::from(f32::from_bits(1))), 2.0);
        assert_eq!(ulps(f32::INFINITY, f64::from(f32::MAX)), 1.0);
        assert_eq!(ulps(-0.0, 0.0), f64::INFINITY);
        assert_eq!(ulps(f32::NAN, 0.0), f64::INFINITY);
        assert_eq!(ulps(f32::NAN, f64::NAN), 0.0);
    }

    #[test]
    fn rounded_results_do_not_hide_a_larger_error() {
        let mut worst = Worst::default();
        worst.see([1.0, 0.0], 1.0, 1.0 + 2f64.powi(-25));
        assert_eq!(worst.ulps, 0.25);
        worst.see([2.0, 0.0], 2.0, 2.0 + 2f64.powi(-21));
        assert_eq!((worst.ulps, worst.at[0]), (2.0, 2.0));
        worst.see([3.0, 0.0], f32::INFINITY, 1e300);
        worst.see([3.0, 0.0], f32::NAN, f64::NAN);
        assert_eq!(worst.at[0], 2.0);
        worst.see([4.0, 0.0], f32::INFINITY, f64::from(f32::MAX) - 2f64.powi(105));
        assert_eq!((worst.ulps, worst.at[0]), (3.0, 4.0));
        worst.see([0.0, 0.0], -0.0, 0.0);
        assert_eq!(worst.ulps, f64::INFINITY);
        let mut worst = Worst::default();
        worst.see([5.0, 0.0], 1.0, f64::NAN);
        assert_eq!((worst.ulps, worst.at[0]), (f64::INFINITY, 5.0));
    }
}
