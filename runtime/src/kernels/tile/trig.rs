//! Sine, cosine and tangent, in f64 lanes.
//!
//! x = n π/2 + r with |r| <= π/4. π/2 is subtracted in three parts whose products with n are exact, so that r has
//! full precision up to |x| = 2^28; beyond, `libm` reduces by Payne and Hanek's method.

use std::f64::consts::FRAC_2_PI;

use super::functions::{Cos, Sin, Tan};
use super::lanes::{Lanes, Unary};

/// (sin(r) / r - 1) / r² as a polynomial in r² on |r| <= π/4; relative error of sin 2^-36.9.
const SIN: [f64; 4] = [-0.16666666644202188, 0.008333329326706468, -0.00019839260753528942, 2.7173418372623916e-06];

/// (cos(r) - 1 + r²/2) / r⁴ as a polynomial in r² on |r| <= π/4; error of cos 2^-41.7.
const COS: [f64; 4] = [0.04166666664791958, -0.0013888885545465857, 2.4799910997407286e-05, -2.7237103466774883e-07];

/// π/2 in three parts: the first two have 25 bits each.
const HALF_PI: [f64; 3] = [HALF_PI_1, HALF_PI_2, HALF_PI_3];
const HALF_PI_1: f64 = f64::from_bits(0x3FF9_21FB_5000_0000);
const HALF_PI_2: f64 = f64::from_bits(0x3E51_10B4_6000_0000);
const HALF_PI_3: f64 = f64::from_bits(0x3C91_A626_3314_5C07);

/// Larger arguments are left to `libm`.
const LARGE: f64 = 268_435_456.0;

/// n mod 4 as needed: whether n is odd, and whether n mod 4 is 2 or 3.
struct Quadrant<V: Lanes> {
    odd: V::Mask,
    upper: V::Mask,
}

#[inline(always)]
fn quadrant<V: Lanes>(n: V) -> Quadrant<V> {
    let half = n * V::splat(0.5);
    let floor = half.floor();
    let quarter = floor * V::splat(0.5);
    Quadrant { odd: floor.lt(half), upper: quarter.floor().lt(quarter) }
}

/// (n, r) with x = n π/2 + r.
#[inline(always)]
fn reduce<V: Lanes>(x: V) -> (V, V) {
    let n = x.mul_round(FRAC_2_PI);
    let mut r = x;
    for part in HALF_PI {
        r = n.neg_mul_add(V::splat(part), r);
    }
    (n, r)
}

/// (sin r, cos r) for |r| <= π/4.
#[inline(always)]
fn sin_cos<V: Lanes>(r: V) -> (V, V) {
    let z = r * r;
    let sin = (r * z).mul_add(z.polynomial(&SIN), r);
    let cos = (z * z).mul_add(z.polynomial(&COS), z.neg_mul_add(V::splat(0.5), V::splat(1.0)));
    (sin, cos)
}

#[inline(always)]
fn negate_where<V: Lanes>(mask: V::Mask, x: V) -> V {
    V::select(mask, -x, x)
}

#[inline(always)]
fn large<V: Lanes>(x: V) -> V::Mask {
    V::splat(LARGE).lt(x.abs())
}

impl Unary for Sin {
    const WIDE: bool = true;
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        // By |x|, so that the sign of -0 survives the reduction.
        let (n, r) = reduce(x.abs());
        let (sin, cos) = sin_cos(r);
        let q = quadrant(n);
        let y = negate_where(q.upper, V::select(q.odd, cos, sin)).mul_sign(x);
        y.patch(large(x), x, libm::sin)
    }
}

impl Unary for Cos {
    const WIDE: bool = true;
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let (n, r) = reduce(x);
        let (sin, cos) = sin_cos(r);
        // cos(x) = sin(x + π/2).
        let q = quadrant(n + V::splat(1.0));
        let y = negate_where(q.upper, V::select(q.odd, cos, sin));
        y.patch(large(x), x, libm::cos)
    }
}

impl Unary for Tan {
    const WIDE: bool = true;
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let (n, r) = reduce(x.abs());
        let (sin, cos) = sin_cos(r);
        let q = quadrant(n);
        let y = V::select(q.odd, -cos, sin) / V::select(q.odd, sin, cos);
        y.mul_sign(x).patch(large(x), x, libm::tan)
    }
}
