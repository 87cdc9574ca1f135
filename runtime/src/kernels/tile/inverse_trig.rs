//! Inverse trigonometric functions: asin, acos, atan, atan2, in f64 lanes.

use std::f64::consts::{FRAC_PI_2, PI};

use super::functions::{Acos, Asin, Atan, Atan2};
use super::lanes::{Binary, Lanes, Unary};

/// (atan(z) / z - 1) / z² as a polynomial in z² on |z| <= 1; relative error of atan 2^-33.
const ATAN: [f64; 11] = [
    -0.33333332694913514,
    0.19999947710828472,
    -0.14284420813284293,
    0.11095998264411402,
    -0.089901253215756,
    0.07267116606578496,
    -0.05456056586816529,
    0.034423932012687834,
    -0.016190656116748706,
    0.004854113135385712,
    -0.0006804972861609016,
];

/// (asin(s) / s - 1) / s² as a polynomial in s² on |s| <= 1/2; relative error of asin 2^-34.9.
const ASIN: [f64; 7] = [
    0.16666666974473796,
    0.0749995964999785,
    0.04465825784224829,
    0.030122622502014987,
    0.02459525431935672,
    0.007409727788179903,
    0.03488789296961683,
];

/// atan(z) for 0 <= z <= 1.
#[inline(always)]
fn atan_unit<V: Lanes>(z: V) -> V {
    let square = z * z;
    (z * square).mul_add(square.polynomial(&ATAN), z)
}

/// Whether |x| > 1/2, and p with asin|x| = p if not, π/2 - 2p if so. NaN where |x| > 1.
#[inline(always)]
fn asin_parts<V: Lanes>(x: V) -> (V::Mask, V) {
    let (a, half) = (x.abs(), V::splat(0.5));
    let large = half.lt(a);
    let z = V::select(large, a.neg_mul_add(half, half), a * a);
    let s = V::select(large, z.sqrt(), a);
    (large, (s * z).mul_add(z.polynomial(&ASIN), s))
}

impl Unary for Asin {
    const WIDE: bool = true;
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let (large, p) = asin_parts(x);
        V::select(large, V::splat(FRAC_PI_2) - (p + p), p).mul_sign(x)
    }
}

impl Unary for Acos {
    const WIDE: bool = true;
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let (large, p) = asin_parts(x);
        let twice = p + p;
        let far = V::select(x.lt(V::splat(0.0)), V::splat(PI) - twice, twice);
        V::select(large, far, V::splat(FRAC_PI_2) - p.mul_sign(x))
    }
}

impl Unary for Atan {
    const WIDE: bool = true;
    /// Of 1 / x where |x| > 1.
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let (a, one) = (x.abs(), V::splat(1.0));
        let large = one.lt(a);
        let p = atan_unit(V::select(large, one, a) / V::select(large, a, one));
        V::select(large, V::splat(FRAC_PI_2) - p, p).mul_sign(x)
    }
}

impl Binary for Atan2 {
    /// The first operand is y, the second x.
    #[inline(always)]
    fn eval<V: Lanes>(y: V, x: V) -> V {
        let (ay, ax) = (y.abs(), x.abs());
        let steep = ax.lt(ay);
        let (low, high) = (V::select(steep, ax, ay), V::select(steep, ay, ax));
        // 0/0 counts as 0, inf/inf as 1.
        let zero = high.eq(V::splat(0.0));
        let infinite = low.eq(V::splat(f64::INFINITY));
        let ratio = V::select(infinite, V::splat(1.0), V::select(zero, high, low / high));
        let p = atan_unit(ratio);
        let p = V::select(steep, V::splat(FRAC_PI_2) - p, p);
        let negative = V::splat(1.0).mul_sign(x).lt(V::splat(0.0));
        let angle = V::select(negative, V::splat(PI) - p, p).mul_sign(y);
        V::select(V::either(x.is_nan(), y.is_nan()), V::splat(f64::NAN), angle)
    }
}
