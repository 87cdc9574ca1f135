//! Logarithms: log, log2, log10, log1p, softplus.
//!
//! x = m 2^e with 0.75 <= m < 1.5, f = m - 1, and log x = e ln2 + log(1 + f). Near x = 1 the exponent is 0 and f is
//! exact, so the relative error stays small there.

use std::f64::consts::{LN_2, LOG2_E, LOG10_2};

use super::exp::exp_normal;
use super::functions::{Log, Log1p, Log2, Log10, Softplus};
use super::lanes::{Lanes, Unary};

/// (log(1 + f) - f) / f² on -1/4 <= f <= 1/2; relative error of log(1 + f) 2^-30.4.
const LOG: [f64; 10] = [
    -0.49999998436501486,
    0.333333421928625,
    -0.2500029103341746,
    0.1999962547311968,
    -0.1665226607328495,
    0.14271952001365917,
    -0.12750182958781417,
    0.11756465304818538,
    -0.09128339867793853,
    0.03732581476662799,
];

/// (atanh(s) / s - 1) / s² as a polynomial in s² on |s| <= 0.2; relative error of atanh(s) 2^-48.
const ATANH: [f64; 6] = [
    0.33333333333149157,
    0.20000000111597868,
    0.14285694607761001,
    0.11112617060503414,
    0.0903449737581327,
    0.08703488200461768,
];

/// ln2 to 9 bits, and the rest.
const LN_2_HIGH: f64 = 0.693359375;
const LN_2_LOW: f64 = LN_2 - LN_2_HIGH;

/// e ln2 + log(1 + f) in f32 lanes.
#[inline(always)]
fn log_parts<V: Lanes>(e: V, f: V) -> V {
    let small = e.mul_add(V::splat(LN_2_LOW), f * f * f.polynomial(&LOG));
    e.mul_add(V::splat(LN_2_HIGH), f + small)
}

/// log(1 + f) to a relative error of 2^-48, in f64 lanes.
#[inline(always)]
fn log_tail_wide<V: Lanes>(f: V) -> V {
    let s = f / (V::splat(2.0) + f);
    let z = s * s;
    let twice = s + s;
    (twice * z).mul_add(z.polynomial(&ATANH), twice)
}

/// Gives `log` its values at 0, infinity, negative numbers and NaN.
#[inline(always)]
pub(super) fn special_cases<V: Lanes>(x: V, log: V) -> V {
    let zero = V::splat(0.0);
    let log = V::select(x.lt(V::splat(f64::INFINITY)), log, x);
    let log = V::select(zero.le(x), log, V::splat(f64::NAN));
    V::select(x.eq(zero), V::splat(f64::NEG_INFINITY), log)
}

/// (e, f) with 1 + x = (1 + f) 2^e, where f carries what the sum 1 + x rounds off.
#[inline(always)]
fn split_1p<V: Lanes>(x: V) -> (V, V) {
    let one = V::splat(1.0);
    let sum = one + x;
    // The exact rounding error of the sum (Knuth).
    let back = sum - one;
    let lost = (one - (sum - back)) + (x - back);
    let (e, m) = sum.split();
    (e, (m - one) + lost.scale2(-e))
}

/// Values of log1p near 0, where the sum 1 + x loses x, and at the ends.
#[inline(always)]
fn special_cases_1p<V: Lanes>(x: V, log: V) -> V {
    let log = special_cases(V::splat(1.0) + x, log);
    V::select(x.abs().lt(V::splat(1e-8)), x, log)
}

/// log(1 + x) in f64 lanes.
#[inline(always)]
pub(super) fn log1p_wide<V: Lanes>(x: V) -> V {
    let (e, f) = split_1p(x);
    special_cases_1p(x, e.mul_add(V::splat(LN_2), log_tail_wide(f)))
}

/// log2(x) in f64 lanes to a relative error of about 2^-46.
#[inline(always)]
pub(super) fn log2_wide<V: Lanes>(x: V) -> V {
    let (e, m) = x.split();
    let log = log_tail_wide(m - V::splat(1.0)).mul_add(V::splat(LOG2_E), e);
    special_cases(x, log)
}

impl Unary for Log {
    const WIDE: bool = false;
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let (e, m) = x.split();
        special_cases(x, log_parts(e, m - V::splat(1.0)))
    }
}

impl Unary for Log2 {
    const WIDE: bool = true;
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        log2_wide(x)
    }
}

impl Unary for Log10 {
    const WIDE: bool = true;
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        log2_wide(x) * V::splat(LOG10_2)
    }
}

impl Unary for Log1p {
    const WIDE: bool = false;
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let (e, f) = split_1p(x);
        special_cases_1p(x, log_parts(e, f))
    }
}

impl Unary for Softplus {
    const WIDE: bool = true;
    /// max(x, 0) + log1p(e^-|x|).
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let e = exp_normal((-x.abs()).at_least(V::splat(-110.0)));
        x.at_least(V::splat(0.0)) + log1p_wide(e)
    }
}
