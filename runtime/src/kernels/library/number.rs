//! What reductions, scans and sorts need to know of an element type.

use crate::array::Element;
use crate::kernels::tile::FoldFn;
use half::{bf16, f16};
use std::cmp::Ordering;

/// An element with sums, products and an order.
///
/// Sums and products of integers wrap. In the order NaN is greatest; `max` and `min` give NaN if either is NaN.
/// Truth values count as 0 and 1, `max` is or, `min` is and. Complex numbers are ordered by real, then imaginary
/// part, as NumPy orders them.
pub trait Number: Element {
    /// What it is accumulated in: f32 for half floats, else itself.
    type Acc: Copy + Send + Sync + 'static;
    /// The neutral element of the sum.
    const ZERO: Self::Acc;
    /// The neutral element of the product.
    const ONE: Self::Acc;
    /// The neutral element of `max`: negative infinity, or the least.
    const LEAST: Self::Acc;
    /// The neutral element of `min`: infinity, or the greatest.
    const GREATEST: Self::Acc;

    /// The value to accumulate.
    fn widen(self) -> Self::Acc;
    /// The accumulated value, rounded.
    fn narrow(value: Self::Acc) -> Self;
    /// `x + y`.
    fn add(x: Self::Acc, y: Self::Acc) -> Self::Acc;
    /// `x * y`.
    fn mul(x: Self::Acc, y: Self::Acc) -> Self::Acc;
    /// The place of `self` relative to `other`.
    fn order(self, other: Self) -> Ordering;
    /// Whether it is NaN.
    fn is_nan(self) -> bool;
    /// A number that compares as the element does in the order, so that sorting is compiled once.
    fn key(self) -> u64;

    /// The neutral element of a reduction.
    fn start(fold: FoldFn) -> Self::Acc {
        match fold {
            FoldFn::Sum => Self::ZERO,
            FoldFn::Prod => Self::ONE,
            FoldFn::Max => Self::LEAST,
            FoldFn::Min => Self::GREATEST,
        }
    }

    /// One step of a reduction. Loops with it are compiled once a dtype, and split by `fold` by the optimiser.
    #[inline(always)]
    fn combine(fold: FoldFn, x: Self::Acc, y: Self::Acc) -> Self::Acc {
        match fold {
            FoldFn::Sum => Self::add(x, y),
            FoldFn::Prod => Self::mul(x, y),
            FoldFn::Max => Self::max(x, y),
            FoldFn::Min => Self::min(x, y),
        }
    }

    /// The greater, or NaN.
    #[inline(always)]
    fn max(x: Self::Acc, y: Self::Acc) -> Self::Acc {
        // NaN is greatest in the order.
        if Self::narrow(y).order(Self::narrow(x)) == Ordering::Greater { y } else { x }
    }

    /// The lesser, or NaN.
    #[inline(always)]
    fn min(x: Self::Acc, y: Self::Acc) -> Self::Acc {
        let (a, b) = (Self::narrow(x), Self::narrow(y));
        if !a.is_nan() && (b.is_nan() || b.order(a) == Ordering::Less) { y } else { x }
    }
}

macro_rules! float {
    ($($t:ty),*) => {$(
        impl Number for $t {
            type Acc = $t;
            const ZERO: $t = 0.0;
            const ONE: $t = 1.0;
            const LEAST: $t = <$t>::NEG_INFINITY;
            const GREATEST: $t = <$t>::INFINITY;

            #[inline(always)]
            fn widen(self) -> $t {
                self
            }

            #[inline(always)]
            fn narrow(value: $t) -> $t {
                value
            }

            #[inline(always)]
            fn add(x: $t, y: $t) -> $t {
                x + y
            }

            #[inline(always)]
            fn mul(x: $t, y: $t) -> $t {
                x * y
            }

            #[inline(always)]
            fn order(self, other: Self) -> Ordering {
                self.partial_cmp(&other).unwrap_or_else(|| self.is_nan().cmp(&other.is_nan()))
            }

            #[inline(always)]
            fn is_nan(self) -> bool {
                self != self
            }

            #[inline(always)]
            fn key(self) -> u64 {
                float_key(self as f64)
            }
        }
    )*};
}

float!(f32, f64);

/// Bits of the float, arranged so that they compare as unsigned numbers; one key for all NaN, one for both zeros.
#[inline(always)]
fn float_key(x: f64) -> u64 {
    if x.is_nan() {
        return u64::MAX;
    }
    let bits = (x + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

macro_rules! half_float {
    ($($t:ty),*) => {$(
        impl Number for $t {
            type Acc = f32;
            const ZERO: f32 = 0.0;
            const ONE: f32 = 1.0;
            const LEAST: f32 = f32::NEG_INFINITY;
            const GREATEST: f32 = f32::INFINITY;

            #[inline(always)]
            fn widen(self) -> f32 {
                self.to_f32()
            }

            #[inline(always)]
            fn narrow(value: f32) -> $t {
                <$t>::from_f32(value)
            }

            #[inline(always)]
            fn add(x: f32, y: f32) -> f32 {
                x + y
            }

            #[inline(always)]
            fn mul(x: f32, y: f32) -> f32 {
                x * y
            }

            #[inline(always)]
            fn order(self, other: Self) -> Ordering {
                self.to_f32().order(other.to_f32())
            }

            #[inline(always)]
            fn is_nan(self) -> bool {
                <$t>::is_nan(self)
            }

            #[inline(always)]
            fn key(self) -> u64 {
                float_key(self.to_f64())
            }

            #[inline(always)]
            fn max(x: f32, y: f32) -> f32 {
                <f32 as Number>::max(x, y)
            }

            #[inline(always)]
            fn min(x: f32, y: f32) -> f32 {
                <f32 as Number>::min(x, y)
            }
        }
    )*};
}

half_float!(f16, bf16);

macro_rules! integer {
    ($($t:ty),*) => {$(
        impl Number for $t {
            type Acc = $t;
            const ZERO: $t = 0;
            const ONE: $t = 1;
            const LEAST: $t = <$t>::MIN;
            const GREATEST: $t = <$t>::MAX;

            #[inline(always)]
            fn widen(self) -> $t {
                self
            }

            #[inline(always)]
            fn narrow(value: $t) -> $t {
                value
            }

            #[inline(always)]
            fn add(x: $t, y: $t) -> $t {
                x.wrapping_add(y)
            }

            #[inline(always)]
            fn mul(x: $t, y: $t) -> $t {
                x.wrapping_mul(y)
            }

            #[inline(always)]
            fn order(self, other: Self) -> Ordering {
                self.cmp(&other)
            }

            #[inline(always)]
            fn is_nan(self) -> bool {
                false
            }

            #[inline(always)]
            fn key(self) -> u64 {
                // Counted from the least: signed numbers are shifted, unsigned ones are not.
                (self as i128 - <$t>::MIN as i128) as u64
            }
        }
    )*};
}

integer!(i8, i16, i32, i64, u8, u16, u32, u64);

impl Number for bool {
    type Acc = bool;
    const ZERO: bool = false;
    const ONE: bool = true;
    const LEAST: bool = false;
    const GREATEST: bool = true;

    #[inline(always)]
    fn widen(self) -> bool {
        self
    }

    #[inline(always)]
    fn narrow(value: bool) -> bool {
        value
    }

    #[inline(always)]
    fn add(x: bool, y: bool) -> bool {
        x | y
    }

    #[inline(always)]
    fn mul(x: bool, y: bool) -> bool {
        x & y
    }

    #[inline(always)]
    fn order(self, other: Self) -> Ordering {
        self.cmp(&other)
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        false
    }

    #[inline(always)]
    fn key(self) -> u64 {
        self as u64
    }
}

impl Number for [f32; 2] {
    type Acc = [f32; 2];
    const ZERO: [f32; 2] = [0.0, 0.0];
    const ONE: [f32; 2] = [1.0, 0.0];
    const LEAST: [f32; 2] = [f32::NEG_INFINITY; 2];
    const GREATEST: [f32; 2] = [f32::INFINITY; 2];

    #[inline(always)]
    fn widen(self) -> [f32; 2] {
        self
    }

    #[inline(always)]
    fn narrow(value: [f32; 2]) -> [f32; 2] {
        value
    }

    #[inline(always)]
    fn add(x: [f32; 2], y: [f32; 2]) -> [f32; 2] {
        [x[0] + y[0], x[1] + y[1]]
    }

    #[inline(always)]
    fn mul(x: [f32; 2], y: [f32; 2]) -> [f32; 2] {
        [x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0]]
    }

    #[inline(always)]
    fn order(self, other: Self) -> Ordering {
        if self.is_nan() || other.is_nan() {
            return self.is_nan().cmp(&other.is_nan());
        }
        self[0].order(other[0]).then(self[1].order(other[1]))
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        self[0].is_nan() || self[1].is_nan()
    }

    #[inline(always)]
    fn key(self) -> u64 {
        if self.is_nan() {
            return u64::MAX;
        }
        let part = |x: f32| {
            let bits = (x + 0.0).to_bits();
            if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
        };
        (part(self[0]) as u64) << 32 | part(self[1]) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys_follow_the_order<T: Number>(elements: &[T]) {
        for &a in elements {
            for &b in elements {
                assert_eq!(a.key().cmp(&b.key()), a.order(b), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn keys_compare_as_elements_do() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        let floats = [-inf, f64::MIN, -1.5, -1.0, -1e-300, -0.0, 0.0, 1e-300, 1.0, 1.5, f64::MAX, inf, nan, -nan];
        keys_follow_the_order(&floats);
        keys_follow_the_order(&floats.map(|x| x as f32));
        keys_follow_the_order(&floats.map(f16::from_f64));
        keys_follow_the_order(&[i64::MIN, -1, 0, 1, i64::MAX]);
        keys_follow_the_order(&[i8::MIN, -1, 0, 1, i8::MAX]);
        keys_follow_the_order(&[0, 1, u64::MAX]);
        keys_follow_the_order(&[false, true]);
        keys_follow_the_order(&[[0f32, 1.0], [-0.0, 1.0], [0.0, -1.0], [-2.0, 5.0], [f32::NAN, 0.0], [1.0, f32::NAN]]);
    }
}
