//! How far results are from exact ones, in units in the last place (ulp) of an f32 of the exact result's size.
//!
//! A missing NaN, one too many, and a zero of the wrong sign count as infinitely far. Start with [`Worst`].

use super::safe::map_at;
use super::{Level, MathFn};

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
        // Billions come here: the usual one is decided without a branch inside, and without a division:
        // bits of 2^n and of 2^-n add up to a constant.
        let error = (f64::from(got) - exact).abs() * f64::from_bits((2046 << 52) - spacing_of(exact).to_bits());
        let zeros_differ = (got == 0.0) & (exact == 0.0) & (got.is_sign_negative() != exact.is_sign_negative());
        if (error <= self.ulps) & !zeros_differ {
            return;
        }
        let ulps = ulps(got, exact);
        if ulps > self.ulps {
            *self = Worst { ulps, at, got, exact };
        }
    }

    /// The larger of two.
    pub fn or(self, other: Worst) -> Worst {
        if other.ulps > self.ulps { other } else { self }
    }
}

/// The largest errors of the routines of a function of one operand at the operands `x`, one for each of `levels`, which
/// the CPU must have. `exact` is the function itself, in f64.
///
/// # Panics
/// If the CPU lacks a level, or `f` takes two operands.
pub fn largest_errors(f: MathFn, levels: &[Level], x: &[f32], exact: impl Fn(f64) -> f64) -> Vec<Worst> {
    let exact: Vec<f64> = x.iter().map(|&x| exact(f64::from(x))).collect();
    let mut got = vec![0.0; x.len()];
    let measure = |&level: &Level| {
        assert!(level.is_available(), "this CPU has no {}", level.name());
        map_at(level, f, &mut got, x);
        let mut worst = Worst::default();
        for ((&x, &got), &exact) in x.iter().zip(&got).zip(&exact) {
            worst.see([x, 0.0], got, exact);
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
    let overflow = 2f64.powi(128);
    let (got, exact) = (f64::from(got).clamp(-overflow, overflow), exact.clamp(-overflow, overflow));
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
        worst.see([0.0, 0.0], -0.0, 0.0);
        assert_eq!(worst.ulps, f64::INFINITY);
    }
}
