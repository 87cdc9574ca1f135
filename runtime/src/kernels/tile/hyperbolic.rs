//! Hyperbolic functions and their inverses: tanh, sinh, cosh, asinh, acosh, atanh.

use super::exp::{exp_normal, expm1};
use super::functions::{Acosh, Asinh, Atanh, Cosh, Sinh, Tanh};
use super::lanes::{Lanes, Unary};
use super::log::log1p_wide;

/// (tanh(x) / x - 1) / x² as a polynomial in x² on |x| <= 0.55; relative error of tanh 2^-29.
const TANH: [f64; 5] =
    [-0.3333332082439602, 0.133326252820521, -0.05385164964571925, 0.021055804776052112, -0.006238845482522366];

/// Where tanh changes from the polynomial to the exponential, which loses no bits from here on.
const TANH_SMALL: f64 = 0.55;

impl Unary for Tanh {
    const WIDE: bool = false;
    /// An odd polynomial near 0, 1 - 2 / (e^2|x| + 1) beyond.
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let a = x.abs();
        let z = a * a;
        let small = (a * z).mul_add(z.polynomial(&TANH), a);
        let one = V::splat(1.0);
        // tanh(10) rounds to 1.
        let limited = a.at_most(V::splat(10.0));
        let inverse = (exp_normal(limited + limited) + one).reciprocal();
        let large = inverse.neg_mul_add(V::splat(2.0), one);
        V::select(a.lt(V::splat(TANH_SMALL)), small, large).mul_sign(x)
    }
}

/// Beyond this sinh and cosh overflow f32, not f64.
const OVERFLOW: f64 = 100.0;

impl Unary for Sinh {
    const WIDE: bool = true;
    /// (m + m / (m + 1)) / 2 with m = e^|x| - 1.
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let m = expm1(x.abs().at_most(V::splat(OVERFLOW)));
        (V::splat(0.5) * (m + m / (m + V::splat(1.0)))).mul_sign(x)
    }
}

impl Unary for Cosh {
    const WIDE: bool = true;
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let e = exp_normal(x.abs().at_most(V::splat(OVERFLOW)));
        V::splat(0.5) * (e + V::splat(1.0) / e)
    }
}

impl Unary for Asinh {
    const WIDE: bool = true;
    /// log1p(a + a² / (1 + sqrt(1 + a²))) with a = |x|.
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let (a, one) = (x.abs(), V::splat(1.0));
        let square = a * a;
        let log = log1p_wide(a + square / (one + (one + square).sqrt()));
        V::select(a.lt(V::splat(f64::INFINITY)), log, a).mul_sign(x)
    }
}

impl Unary for Acosh {
    const WIDE: bool = true;
    /// log1p(t + sqrt(t (x + 1))) with t = x - 1.
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let one = V::splat(1.0);
        let t = x - one;
        let log = log1p_wide(t + (t * (x + one)).sqrt());
        V::select(one.le(x), log, V::splat(f64::NAN))
    }
}

impl Unary for Atanh {
    const WIDE: bool = true;
    /// log1p(2a / (1 - a)) / 2 with a = |x|.
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        let a = x.abs();
        (V::splat(0.5) * log1p_wide((a + a) / (V::splat(1.0) - a))).mul_sign(x)
    }
}
