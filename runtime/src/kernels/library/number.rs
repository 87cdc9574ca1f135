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
    /// The place of `x` relative to `y`.
    fn compare(x: Self::Acc, y: Self::Acc) -> Ordering;
    /// Whether it is NaN.
    fn unordered(x: Self::Acc) -> bool;
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

    /// The place of `self` relative to `other`.
    #[inline(always)]
    fn order(self, other: Self) -> Ordering {
        Self::compare(self.widen(), other.widen())
    }

    /// Whether it is NaN.
    #[inline(always)]
    fn is_nan(self) -> bool {
        Self::unordered(self.widen())
    }

    /// The greater, or NaN.
    #[inline(always)]
    fn max(x: Self::Acc, y: Self::Acc) -> Self::Acc {
        // NaN is greatest in the order.
        if Self::compare(y, x) == Ordering::Greater { y } else { x }
    }

    /// The lesser, or NaN.
    #[inline(always)]
    fn min(x: Self::Acc, y: Self::Acc) -> Self::Acc {
        if !Self::unordered(x) && (Self::unordered(y) || Self::compare(y, x) == Ordering::Less) { y } else { x }
    }
}

/// Implements [`Number`]: the constants, then what each method gives for the names before it.
macro_rules! number {
    (
        $($t:ty),+ as $acc:ty: zero $zero:expr, one $one:expr, least $least:expr, greatest $greatest:expr;
        widen $v:ident $widen:expr;
        narrow $n:ident $narrow:expr;
        add $ax:ident $ay:ident $add:expr;
        mul $mx:ident $my:ident $mul:expr;
        compare $ox:ident $oy:ident $compare:expr;
        unordered $q:ident $unordered:expr;
        key $k:ident $key:expr;
    ) => {$(
        impl Number for $t {
            type Acc = $acc;
            const ZERO: $acc = $zero;
            const ONE: $acc = $one;
            const LEAST: $acc = $least;
            const GREATEST: $acc = $greatest;

            #[inline(always)]
            fn widen(self) -> $acc {
                let $v = self;
                $widen
            }

            #[inline(always)]
            fn narrow($n: $acc) -> $t {
                $narrow
            }

            #[inline(always)]
            fn add($ax: $acc, $ay: $acc) -> $acc {
                $add
            }

            #[inline(always)]
            fn mul($mx: $acc, $my: $acc) -> $acc {
                $mul
            }

            #[inline(always)]
            fn compare($ox: $acc, $oy: $acc) -> Ordering {
                $compare
            }

            #[inline(always)]
            fn unordered($q: $acc) -> bool {
                $unordered
            }

            #[inline(always)]
            fn key(self) -> u64 {
                let $k = self;
                $key
            }
        }
    )+};
}

number! {
    f32, f64 as Self: zero 0.0, one 1.0, least Self::NEG_INFINITY, greatest Self::INFINITY;
    widen x x;
    narrow x x;
    add x y x + y;
    mul x y x * y;
    compare x y x.partial_cmp(&y).unwrap_or_else(|| x.is_nan().cmp(&y.is_nan()));
    unordered x x.is_nan();
    key x float_key(x as f64);
}

number! {
    f16, bf16 as f32: zero 0.0, one 1.0, least f32::NEG_INFINITY, greatest f32::INFINITY;
    widen x x.to_f32();
    narrow x Self::from_f32(x);
    add x y x + y;
    mul x y x * y;
    compare x y x.order(y);
    unordered x x.is_nan();
    key x float_key(x.to_f64());
}

number! {
    i8, i16, i32, i64, u8, u16, u32, u64 as Self: zero 0, one 1, least Self::MIN, greatest Self::MAX;
    widen x x;
    narrow x x;
    add x y x.wrapping_add(y);
    mul x y x.wrapping_mul(y);
    compare x y x.cmp(&y);
    unordered _x false;
    // Counted from the least: signed numbers are shifted, unsigned ones are not.
    key x (x as i128 - Self::MIN as i128) as u64;
}

number! {
    bool as Self: zero false, one true, least false, greatest true;
    widen x x;
    narrow x x;
    add x y x | y;
    mul x y x & y;
    compare x y x.cmp(&y);
    unordered _x false;
    key x x as u64;
}

number! {
    [f32; 2] as Self: zero [0.0, 0.0], one [1.0, 0.0], least [f32::NEG_INFINITY; 2], greatest [f32::INFINITY; 2];
    widen x x;
    narrow x x;
    add x y [x[0] + y[0], x[1] + y[1]];
    mul x y [x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0]];
    compare x y match x.is_nan() || y.is_nan() {
        true => x.is_nan().cmp(&y.is_nan()),
        false => x[0].order(y[0]).then(x[1].order(y[1])),
    };
    unordered x x[0].is_nan() || x[1].is_nan();
    key x complex_key(x);
}

/// Bits of the float, arranged so that they compare as unsigned numbers; one key for all NaN, one for both zeros.
#[inline(always)]
fn float_key(x: f64) -> u64 {
    if x.is_nan() {
        return u64::MAX;
    }
    let bits = (x + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The keys of both parts.
#[inline(always)]
fn complex_key(x: [f32; 2]) -> u64 {
    if x.is_nan() {
        return u64::MAX;
    }
    let part = |x: f32| {
        let bits = (x + 0.0).to_bits();
        if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
    };
    (part(x[0]) as u64) << 32 | part(x[1]) as u64
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
