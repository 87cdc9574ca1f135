//! Exponentials: exp, exp2, expm1, sigmoid.
//!
//! x = n ln2 + r with |r| <= ln2 / 2, and e^x = 2^n e^r. The product n ln2 is subtracted in two parts, so that r is
//! exact to the precision of the lanes.

use std::f64::consts::{LN_2, LOG2_E};

use super::functions::{Exp, Exp2, Expm1, Sigmoid};
use super::lanes::{Lanes, Unary};

/// (e^r - 1 - r) / r² on |r| <= ln2 / 2; relative error of e^r 2^-28.
const EXP: [f64; 5] =
    [0.499999934478853, 0.16666520631777856, 0.041668388028863516, 0.008368716862580656, 0.0013814599342731972];

/// The same with one term more; relative error of e^r - 1 2^-31.9.
const EXPM1: [f64; 6] = [
    0.5000000044123928,
    0.16666666367207167,
    0.04166636094509814,
    0.008333389988193595,
    0.001394062794230639,
    0.000198455904738941,
];

/// ln2 to 16 bits, so that its product with an exponent is exact in f32, and the rest.
const LN_2_HIGH: f64 = 0.693145751953125;
const LN_2_LOW: f64 = LN_2 - LN_2_HIGH;

/// Beyond these e^x overflows, or is below half the smallest f32.
const EXP_LOWEST: f64 = -104.0;
const EXP_HIGHEST: f64 = 89.0;

/// (n, r) with x = n ln2 + r.
#[inline(always)]
fn reduce<V: Lanes>(x: V) -> (V, V) {
    let n = x.mul_round(LOG2_E);
    let r = n.neg_mul_add(V::splat(LN_2_HIGH), x);
    (n, n.neg_mul_add(V::splat(LN_2_LOW), r))
}

/// e^r for |r| <= ln2 / 2.
#[inline(always)]
fn exp_reduced<V: Lanes>(r: V) -> V {
    let one = V::splat(1.0);
    r.polynomial(&EXP).mul_add(r, one).mul_add(r, one)
}

/// e^x where the result is a normal number; NaN stays NaN.
#[inline(always)]
pub(super) fn exp_normal<V: Lanes>(x: V) -> V {
    let (n, r) = reduce(x);
    exp_reduced(r).scale2_normal(n)
}

/// e^(-a²/2), for 0 <= a <= 14.25 in f32 lanes; NaN stays NaN.
#[inline(always)]
pub(super) fn exp_minus_half_square<V: Lanes>(a: V) -> V {
    let square = a * a;
    // What the square lost in rounding is a relative error of the result as large as its size.
    let lost = a.mul_add(a, -square);
    let (n, r) = reduce(square * V::splat(-0.5));
    exp_reduced(lost.neg_mul_add(V::splat(0.5), r)).scale2(n)
}

/// 2^x to a relative error of 2^-33, in f64 lanes, where the result is a normal number.
#[inline(always)]
pub(super) fn exp2_wide<V: Lanes>(x: V) -> V {
    let n = x.mul_round(1.0);
    let r = (x - n) * V::splat(LN_2);
    ((r * r).mul_add(r.polynomial(&EXPM1), r) + V::splat(1.0)).scale2_normal(n)
}

/// e^x - 1 for x <= 709 in f64 lanes, x <= 89 in f32 lanes, to the precision of f32; NaN stays NaN.
#[inline(always)]
pub(super) fn expm1<V: Lanes>(x: V) -> V {
    // e^-20 - 1 rounds to -1.
    let (n, r) = reduce(x.at_least(V::splat(-20.0)));
    let p = (r * r).mul_add(r.polynomial(&EXPM1), r);
    // Half of the result, because 2^n itself may overflow.
    let scale = V::splat(0.5).scale2_normal(n);
    let half = p.mul_add(scale, scale - V::splat(0.5));
    // Keeps the sign of -0, and the last bit of subnormal numbers.
    V::select(x.abs().lt(V::splat(1e-8)), x, half + half)
}

impl Unary for Exp {
    const WIDE: bool = false;
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let (n, r) = reduce(x.at_most(V::splat(EXP_HIGHEST)).at_least(V::splat(EXP_LOWEST)));
        exp_reduced(r).scale2(n)
    }
}

impl Unary for Exp2 {
    const WIDE: bool = false;
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let x = x.at_most(V::splat(129.0)).at_least(V::splat(-151.0));
        let n = x.mul_round(1.0);
        exp_reduced((x - n) * V::splat(LN_2)).scale2(n)
    }
}

impl Unary for Expm1 {
    const WIDE: bool = false;
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        expm1(x.at_most(V::splat(EXP_HIGHEST)))
    }
}

impl Unary for Sigmoid {
    const WIDE: bool = false;
    /// e^-|x| / (1 + e^-|x|) for negative x, 1 / (1 + e^-|x|) else: nothing overflows, small results keep their
    /// precision.
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let one = V::splat(1.0);
        let (n, r) = reduce((-x.abs()).at_least(V::splat(EXP_LOWEST)));
        let e = (one + (r * r).mul_add(r.polynomial(&EXP), r)).scale2(n);
        let sum = one + e;
        let lost = e - (sum - one);
        V::select(x.lt(V::splat(0.0)), e, one) * sum.reciprocal_with_low(lost)
    }
}
