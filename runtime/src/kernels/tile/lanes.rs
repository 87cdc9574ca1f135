//! What an algorithm needs of a vector of floats, and the loops that run it over memory.
//!
//! Every instruction set implements [`Lanes`] for a vector of f32 and for one of f64. The algorithms are written
//! once over it, for f32 results: in f32 lanes where that is accurate enough, in f64 lanes (`WIDE`) where not.
//! All is `#[inline(always)]`: it becomes code of the instruction set when a `#[target_feature]` routine calls it.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::functions::Function;

/// No vector of floats has more elements.
pub(super) const MAX_LANES: usize = 16;

/// A vector of f32 or of f64. Constants are given as f64 and rounded to the element type.
pub(super) trait Lanes:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// Elements of the vector.
    const LANES: usize;
    /// 1.5 · 2^(precision - 1): adding it rounds to an integer, to nearest even.
    const ROUNDER: f64;
    /// One truth value for each lane.
    type Mask: Copy;

    fn splat(x: f64) -> Self;
    /// `self * b + c`, rounded once.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// `c - self * b`, rounded once.
    fn neg_mul_add(self, b: Self, c: Self) -> Self;
    fn sqrt(self) -> Self;
    /// 1 / self to a relative error of 2^-14, for normal numbers whose reciprocal is normal.
    fn reciprocal_estimate(self) -> Self;
    fn abs(self) -> Self;
    /// Changes the sign where that of `sign` is negative (-0 included).
    fn mul_sign(self, sign: Self) -> Self;
    /// The smaller of self and `limit`; NaN stays NaN.
    fn at_most(self, limit: Self) -> Self;
    /// The larger of self and `limit`; NaN stays NaN.
    fn at_least(self, limit: Self) -> Self;
    fn floor(self) -> Self;
    /// `self * 2^n` for an integer n, rounded once. In f32 lanes |n| <= 250, in f64 lanes |n| <= 2000.
    fn scale2(self, n: Self) -> Self;
    /// `self * 2^n` for an integer n, where self and the result are normal numbers.
    fn scale2_normal(self, n: Self) -> Self;
    /// (e, m) with `self = m * 2^e` and 0.75 <= m < 1.5, for a positive number (in f64 lanes, a normal one).
    /// For 0, infinities, NaN and negative numbers the result is unspecified.
    fn split(self) -> (Self, Self);

    fn lt(self, other: Self) -> Self::Mask;
    fn le(self, other: Self) -> Self::Mask;
    fn eq(self, other: Self) -> Self::Mask;
    fn is_nan(self) -> Self::Mask;
    fn either(a: Self::Mask, b: Self::Mask) -> Self::Mask;
    fn both(a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// Bit i is the truth of lane i.
    fn bits(mask: Self::Mask) -> u32;
    /// `then` where the mask is true, `other` elsewhere.
    fn select(mask: Self::Mask, then: Self, other: Self) -> Self;

    /// The lanes, then zeros.
    fn to_array(self) -> [f64; MAX_LANES];
    fn from_array(lanes: [f64; MAX_LANES]) -> Self;

    /// The nearest integer to `self * factor`, where its magnitude is below 2^22 (f32) or 2^51 (f64).
    #[inline(always)]
    fn mul_round(self, factor: f64) -> Self {
        self.mul_add(Self::splat(factor), Self::splat(Self::ROUNDER)) - Self::splat(Self::ROUNDER)
    }

    /// 1 / self, for normal numbers whose reciprocal is normal: cheaper than a division, nearly as accurate; NaN stays
    /// NaN.
    #[inline(always)]
    fn reciprocal(self) -> Self {
        let y = self.reciprocal_estimate();
        y.mul_add(y.neg_mul_add(self, Self::splat(1.0)), y)
    }

    /// 1 / (self + low) likewise, where `low` is at most half a unit in the last place of self.
    #[inline(always)]
    fn reciprocal_with_low(self, low: Self) -> Self {
        let y = self.reciprocal_estimate();
        let residual = y.neg_mul_add(low, y.neg_mul_add(self, Self::splat(1.0)));
        y.mul_add(residual, y)
    }

    /// The polynomial with these coefficients, lowest power first.
    #[inline(always)]
    fn polynomial<const N: usize>(self, coefficients: &[f64; N]) -> Self {
        let mut p = Self::splat(coefficients[N - 1]);
        for &c in coefficients[..N - 1].iter().rev() {
            p = p.mul_add(self, Self::splat(c));
        }
        p
    }

    /// `f(x)` in the lanes of the mask, self elsewhere.
    #[inline(always)]
    fn patch(self, mask: Self::Mask, x: Self, f: fn(f64) -> f64) -> Self {
        let bits = Self::bits(mask);
        if bits == 0 {
            return self;
        }
        let mut lanes = self.to_array();
        patch_lanes(&mut lanes, bits, &x.to_array(), f);
        Self::from_array(lanes)
    }
}

/// Out of line, so that the loops stay small.
#[cold]
#[inline(never)]
fn patch_lanes(lanes: &mut [f64; MAX_LANES], bits: u32, x: &[f64; MAX_LANES], f: fn(f64) -> f64) {
    for i in 0..MAX_LANES {
        if bits >> i & 1 == 1 {
            lanes[i] = f(x[i]);
        }
    }
}

/// A vector that is loaded from and stored to elements of type `T`, with conversion if they are not its own.
pub(super) trait Memory<T>: Lanes {
    /// # Safety
    /// `LANES` elements can be read at `p`.
    unsafe fn load(p: *const T) -> Self;
    /// The first `n < LANES` elements; the rest are 0.
    /// # Safety
    /// `n` elements can be read at `p`.
    unsafe fn load_partial(p: *const T, n: usize) -> Self;
    /// # Safety
    /// `LANES` elements can be written at `p`.
    unsafe fn store(self, p: *mut T);
    /// Writes the first `n < LANES` elements.
    /// # Safety
    /// `n` elements can be written at `p`.
    unsafe fn store_partial(self, p: *mut T, n: usize);
}

/// A function of one operand, for f32 results.
pub(super) trait Unary: Function {
    /// Whether it must be evaluated in f64 lanes.
    const WIDE: bool;
    fn eval<V: Lanes>(x: V) -> V;
}

/// A function of one operand, for f64 results, in f64 lanes.
pub(super) trait UnaryDouble: Function {
    fn eval_double<V: Lanes>(x: V) -> V;
}

/// A function of two operands, for f32 results; evaluated in f64 lanes.
pub(super) trait Binary: Function {
    fn eval<V: Lanes>(x: V, y: V) -> V;
}

/// `dst[i] = F(x[i])`, two vectors at a time so that their latencies overlap.
///
/// # Safety
/// `n` elements can be read at `x` and written at `dst`, which is `x` or disjoint; the CPU has the instructions.
#[inline(always)]
pub(super) unsafe fn map<T, V: Memory<T>, F: Unary>(dst: *mut T, x: *const T, n: usize) {
    let mut at = 0;
    // SAFETY: every access stays within the n elements; both loads precede the stores.
    unsafe {
        while at + 2 * V::LANES <= n {
            let (a, b) = (V::load(x.add(at)), V::load(x.add(at + V::LANES)));
            let (a, b) = (F::eval(a), F::eval(b));
            a.store(dst.add(at));
            b.store(dst.add(at + V::LANES));
            at += 2 * V::LANES;
        }
        while at + V::LANES <= n {
            F::eval(V::load(x.add(at))).store(dst.add(at));
            at += V::LANES;
        }
        if at < n {
            F::eval(V::load_partial(x.add(at), n - at)).store_partial(dst.add(at), n - at);
        }
    }
}

/// `dst[i] = F(x[i])` for f64.
///
/// # Safety
/// As for [`map`].
#[inline(always)]
pub(super) unsafe fn map_double<V: Memory<f64>, F: UnaryDouble>(dst: *mut f64, x: *const f64, n: usize) {
    let mut at = 0;
    // SAFETY: every access stays within the n elements.
    unsafe {
        while at + V::LANES <= n {
            F::eval_double(V::load(x.add(at))).store(dst.add(at));
            at += V::LANES;
        }
        if at < n {
            F::eval_double(V::load_partial(x.add(at), n - at)).store_partial(dst.add(at), n - at);
        }
    }
}

/// `dst[i] = F(x[i], y[i])`.
///
/// # Safety
/// As for [`map`], with both operands.
#[inline(always)]
pub(super) unsafe fn map2<T, V: Memory<T>, F: Binary>(dst: *mut T, x: *const T, y: *const T, n: usize) {
    let mut at = 0;
    // SAFETY: every access stays within the n elements.
    unsafe {
        while at + V::LANES <= n {
            F::eval(V::load(x.add(at)), V::load(y.add(at))).store(dst.add(at));
            at += V::LANES;
        }
        if at < n {
            let (a, b) = (V::load_partial(x.add(at), n - at), V::load_partial(y.add(at), n - at));
            F::eval(a, b).store_partial(dst.add(at), n - at);
        }
    }
}
