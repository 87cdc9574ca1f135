//! Powers, roots and remainders: pow, cbrt, rsqrt, rem.

use super::exp::exp2_wide;
use super::functions::{Cbrt, Pow, Rem, Rsqrt};
use super::lanes::{Binary, Lanes, Unary};
use super::log::log2_wide;

/// 2^±200 is infinite or 0 in f32, and normal in f64.
const EXPONENT_LIMIT: f64 = 200.0;

/// 2^x in f64 lanes, such that it is right after rounding to f32; NaN stays NaN.
#[inline(always)]
fn exp2_limited<V: Lanes>(x: V) -> V {
    exp2_wide(x.at_most(V::splat(EXPONENT_LIMIT)).at_least(V::splat(-EXPONENT_LIMIT)))
}

impl Binary for Pow {
    /// 2^(y log2|x|), then the sign and the special cases of IEEE 754's pow.
    #[inline(always)]
    fn eval<V: Lanes>(x: V, y: V) -> V {
        let (zero, one, infinity) = (V::splat(0.0), V::splat(1.0), V::splat(f64::INFINITY));
        let a = x.abs();
        let power = exp2_limited(y * log2_wide(a));

        let half = y * V::splat(0.5);
        let is_integer = y.floor().eq(y);
        let is_odd = V::both(is_integer, half.floor().lt(half));
        let power = V::select(is_odd, power.mul_sign(x), power);
        // A negative number has a real power only for integers; infinity and 0 have all.
        let regular = V::both(zero.lt(a), a.lt(infinity));
        let root = V::both(V::both(x.lt(zero), regular), y.floor().lt(y));
        let power = V::select(root, V::splat(f64::NAN), power);

        let of_minus_one = V::both(a.eq(one), y.abs().eq(infinity));
        V::select(V::either(V::either(y.eq(zero), x.eq(one)), of_minus_one), one, power)
    }
}

impl Unary for Cbrt {
    const WIDE: bool = true;
    /// 2^(log2|x| / 3): f64 lanes have the precision to spare.
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        exp2_limited(log2_wide(x.abs()) * V::splat(1.0 / 3.0)).mul_sign(x)
    }
}

impl Unary for Rsqrt {
    const WIDE: bool = false;
    #[inline(always)]
    fn eval<V: Lanes>(x: V) -> V {
        V::splat(1.0) / x.sqrt()
    }
}

impl Binary for Rem {
    /// Lane by lane: an exact remainder takes as many steps as the quotient has bits. That of two f32 is an f32.
    #[inline(always)]
    fn eval<V: Lanes>(x: V, y: V) -> V {
        let (x, y) = (x.to_array(), y.to_array());
        V::from_array(std::array::from_fn(|i| x[i] % y[i]))
    }
}
