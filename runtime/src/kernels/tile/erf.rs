//! The error function, its complement, and the normal distribution function.

use super::exp::{exp_minus_half_square, exp_normal};
use super::functions::{Erf, Erfc, Ndtr};
use super::lanes::{Lanes, Unary};

/// erf(x) / x - 1 as a polynomial in x² on |x| <= 0.93; relative error of erf 2^-31.
const ERF: [f64; 7] = [
    0.12837916658065887,
    -0.37612633193045636,
    0.11283687229478918,
    -0.02685894277183999,
    0.005199908240861125,
    -0.0008130018934203876,
    8.316768991346514e-05,
];

/// -log(erfc(x)) / x - 1 on 0.9 <= x <= 4; relative error of erf 2^-30.
const ERF_TAIL: [f64; 7] = [
    0.12863703369011475,
    0.6351982110262084,
    0.10615874366251582,
    -0.02369429238281493,
    0.0036102083014021443,
    -0.00031482443079686753,
    1.042970737336254e-05,
];

/// Where erf changes from the polynomial to the exponential.
const ERF_SMALL: f64 = 0.925;

/// x² + log(erfc(x) / t) as a polynomial in t = 2 / (2 + x) on 0 <= x <= 10.6; relative error of erfc 2^-32.9.
const ERFC: [f64; 14] = [
    -1.2655037160233908,
    0.9997062330980386,
    0.37957488110586063,
    0.04133242400387078,
    0.1672781098779901,
    -1.1993587518268447,
    3.0223659057067724,
    -6.488246137031128,
    9.629557653763102,
    -9.044266039409763,
    5.264980479630001,
    -1.8031138563301503,
    0.3125118631662395,
    -0.0168190496080198,
];

/// (Φ(x) - 1/2) / x as a polynomial in x² on |x| <= 1; relative error of Φ 2^-30.9.
const NDTR: [f64; 6] = [
    0.398942277677276,
    -0.06649031436206784,
    0.009973078380054672,
    -0.0011857849855446835,
    0.00011295217299402576,
    -7.462894652117319e-06,
];

/// Φ(-a) e^(a²/2) / t as a polynomial in t = 1 / (1 + 0.4 a) on 0.9 <= a <= 14.3; relative error 2^-27.
const NDTR_TAIL: [f64; 9] = [
    0.15957887111702673,
    0.15953648258808883,
    0.1343171979594169,
    0.08288586921510703,
    0.010219156793145553,
    0.01626813128360275,
    -0.19097523433419591,
    0.18231643324164956,
    -0.0542516017410395,
];

/// Where Φ changes from the polynomial to the exponential.
const NDTR_SMALL: f64 = 0.95;

impl Unary for Erf {
    const WIDE: bool = false;
    /// An odd polynomial near 0, 1 - e^(-polynomial) beyond.
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let a = x.abs();
        let small = a.mul_add((a * a).polynomial(&ERF), a);
        // erf(4) rounds to 1.
        let limited = a.at_most(V::splat(4.0));
        let large = V::splat(1.0) - exp_normal(-limited.mul_add(limited.polynomial(&ERF_TAIL), limited));
        V::select(a.lt(V::splat(ERF_SMALL)), small, large).mul_sign(x)
    }
}

impl Unary for Erfc {
    const WIDE: bool = true;
    /// t e^(polynomial(t) - x²) for positive x, reflected for negative.
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let two = V::splat(2.0);
        // erfc(10.6) is below half the smallest f32.
        let a = x.abs().at_most(V::splat(10.6));
        let t = two / (two + a);
        let tail = t * exp_normal(a.neg_mul_add(a, t.polynomial(&ERFC)));
        V::select(x.lt(V::splat(0.0)), two - tail, tail)
    }
}

impl Unary for Ndtr {
    const WIDE: bool = false;
    /// 1/2 plus an odd polynomial near 0; t polynomial(t) e^(-x²/2) in the lower tail, reflected in the upper.
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let small = x.mul_add((x * x).polynomial(&NDTR), V::splat(0.5));
        // Φ(-14.25) is below half the smallest f32.
        let a = x.abs().at_most(V::splat(14.25));
        let t = a.mul_add(V::splat(0.4), V::splat(1.0)).reciprocal();
        let lower = t * t.polynomial(&NDTR_TAIL) * exp_minus_half_square(a);
        let tail = V::select(x.lt(V::splat(0.0)), lower, V::splat(1.0) - lower);
        V::select(a.lt(V::splat(NDTR_SMALL)), small, tail)
    }
}
