//! The functions that have vector routines for f64 results: exp, log, tanh, sigmoid. The others are scalar.
//!
//! The methods are those of the f32 routines with polynomials of higher degree, in f64 lanes.

use std::f64::consts::{LN_2, LOG2_E};

use super::functions::{Exp, Log, Sigmoid, Tanh};
use super::lanes::{Lanes, UnaryDouble};
use super::log::special_cases;

/// (e^r - 1 - r) / r²: Taylor's series, whose error for |r| <= ln2 / 2 is 2^-57.
const EXP: [f64; 12] = [
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5040.0,
    1.0 / 40320.0,
    1.0 / 362880.0,
    1.0 / 3628800.0,
    1.0 / 39916800.0,
    1.0 / 479001600.0,
    1.0 / 6227020800.0,
];

/// (atanh(s) / s - 1) / s² as a polynomial in s² on |s| <= 0.2; relative error of atanh(s) 2^-55.
const ATANH: [f64; 7] = [
    0.33333333333335274,
    0.19999999998406034,
    0.1428571467015836,
    0.11111069802843113,
    0.09093203201403866,
    0.07623919966247333,
    0.07696934276791477,
];

/// ln2 to 32 bits, so that its product with an exponent is exact, and the rest.
const LN_2_HIGH: f64 = f64::from_bits(0x3FE6_2E42_FEE0_0000);
const LN_2_LOW: f64 = 1.9082149292705877e-10;

/// (n, e^r - 1) with x = n ln2 + r.
#[inline(always)]
fn expm1_reduced<V: Lanes>(x: V) -> (V, V) {
    let n = x.mul_round(LOG2_E);
    let r = n.neg_mul_add(V::splat(LN_2_LOW), n.neg_mul_add(V::splat(LN_2_HIGH), x));
    (n, (r * r).mul_add(r.polynomial(&EXP), r))
}

/// e^x; beyond the limits it overflows or is below half the smallest f64.
#[inline(always)]
fn exp<V: Lanes>(x: V) -> V {
    let (n, p) = expm1_reduced(x.at_most(V::splat(710.0)).at_least(V::splat(-746.0)));
    (V::splat(1.0) + p).scale2(n)
}

impl UnaryDouble for Exp {
    #[inline(always)]
    fn eval_double<V: Lanes>(x: V) -> V {
        exp(x)
    }
}

impl UnaryDouble for Sigmoid {
    #[inline(always)]
    fn eval_double<V: Lanes>(x: V) -> V {
        let (e, one) = (exp(-x.abs()), V::splat(1.0));
        V::select(x.lt(V::splat(0.0)), e, one) / (one + e)
    }
}

impl UnaryDouble for Tanh {
    /// t / (t + 2) with t = e^2|x| - 1.
    #[inline(always)]
    fn eval_double<V: Lanes>(x: V) -> V {
        let one = V::splat(1.0);
        // tanh(22) rounds to 1.
        let a = x.abs().at_most(V::splat(22.0));
        let (n, p) = expm1_reduced(a + a);
        let power = one.scale2_normal(n);
        let t = p.mul_add(power, power - one);
        (t / (t + V::splat(2.0))).mul_sign(x)
    }
}

impl UnaryDouble for Log {
    #[inline(always)]
    fn eval_double<V: Lanes>(x: V) -> V {
        // Subnormal numbers are scaled up first.
        let tiny = x.lt(V::splat(f64::MIN_POSITIVE));
        let (e, m) = V::select(tiny, x * V::splat(18014398509481984.0), x).split();
        let e = e - V::select(tiny, V::splat(54.0), V::splat(0.0));
        let f = m - V::splat(1.0);
        let s = f / (V::splat(2.0) + f);
        let z = s * s;
        // log(1 + f) = f - s (f - 2 z A(z)): f is exact, so the error is that of the small term.
        let series = (z + z) * z.polynomial(&ATANH);
        let tail = s.neg_mul_add(f - series, e * V::splat(LN_2 - LN_2_HIGH));
        special_cases(x, e.mul_add(V::splat(LN_2_HIGH), f + tail))
    }
}
