//! Folds: sum, product, maximum and minimum of a run of elements.
//!
//! The algorithm is written once, over [`FoldLanes`]; each instruction set supplies its vectors. A run is cut into
//! blocks. A block is folded into [`ACCUMULATORS`] independent vectors (the latency of one addition hides behind the
//! others) of [`STEPS`] elements a lane, those are combined pairwise, then their lanes; the blocks are combined
//! pairwise too, as a binary counter. So the order depends on the length (and the level) only, and the rounding
//! error of a sum grows with the logarithm of the length. Start with [`fold`].

/// Elements that a lane folds one after the other before all is combined pairwise.
const STEPS: usize = 32;

/// Independent vectors in a block: addition has a latency of 4 cycles and two ports.
const ACCUMULATORS: usize = 8;

/// Enough pending blocks for any run that fits in memory: one for each bit of the block count.
const PENDING: usize = usize::BITS as usize;

/// No vector has more elements.
const MAX_LANES: usize = 16;

/// A vector of `LANES` elements of type `T`, or `T` itself with one lane.
pub(super) trait FoldLanes<T>: Copy {
    /// Elements of the vector: a power of two, at most [`MAX_LANES`].
    const LANES: usize;
    fn splat(x: T) -> Self;
    /// # Safety
    /// `LANES` elements can be read at `p`.
    unsafe fn load(p: *const T) -> Self;
    /// The first `n < LANES` elements at `p`, then those of `fill`.
    /// # Safety
    /// `n` elements can be read at `p`.
    unsafe fn load_partial(p: *const T, n: usize, fill: Self) -> Self;
    /// # Safety
    /// `LANES` elements can be written at `p`.
    unsafe fn store(self, p: *mut T);
    /// The sum; integers wrap.
    fn add(self, other: Self) -> Self;
    /// The product; integers wrap.
    fn mul(self, other: Self) -> Self;
    /// The larger; NaN if either is NaN.
    fn max(self, other: Self) -> Self;
    /// The smaller; NaN if either is NaN.
    fn min(self, other: Self) -> Self;
}

/// An element type that can be folded.
pub(super) trait Number: FoldLanes<Self> {
    const ZERO: Self;
    const ONE: Self;
    /// Identity of the maximum.
    const LOWEST: Self;
    /// Identity of the minimum.
    const HIGHEST: Self;
}

/// One of the four folds.
pub(super) trait FoldOp {
    fn identity<T: Number>() -> T;
    fn combine<T, V: FoldLanes<T>>(a: V, b: V) -> V;
}

macro_rules! fold_op {
    ($($name:ident $identity:ident $combine:ident)*) => {$(
        pub(super) struct $name;
        impl FoldOp for $name {
            #[inline(always)]
            fn identity<T: Number>() -> T { T::$identity }
            #[inline(always)]
            fn combine<T, V: FoldLanes<T>>(a: V, b: V) -> V { a.$combine(b) }
        }
    )*};
}

fold_op! {
    Sum ZERO add
    Prod ONE mul
    Max LOWEST max
    Min HIGHEST min
}

/// Folds the `n` elements at `x`; the identity if there are none.
///
/// # Safety
/// `n` elements can be read at `x`; the CPU has the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn fold<T: Number, V: FoldLanes<T>, Op: FoldOp>(x: *const T, n: usize) -> T {
    let full = STEPS * ACCUMULATORS * V::LANES;
    if n <= full {
        // SAFETY: as promised by the caller.
        return unsafe { fold_block::<T, V, Op>(x, n) };
    }
    // `pending[k]` holds the fold of 2^k blocks when bit k of the number of blocks done is set.
    let mut pending = [Op::identity::<T>(); PENDING];
    let blocks = n.div_ceil(full);
    for block in 0..blocks {
        let begin = block * full;
        // SAFETY: begin < n, and the length is cut at n.
        let mut value = unsafe { fold_block::<T, V, Op>(x.add(begin), full.min(n - begin)) };
        let mut bit = 0;
        while block >> bit & 1 == 1 {
            value = Op::combine::<T, T>(pending[bit], value);
            bit += 1;
        }
        pending[bit] = value;
    }
    let mut total = Op::identity::<T>();
    for (bit, &value) in pending.iter().enumerate() {
        if blocks >> bit & 1 == 1 {
            total = Op::combine::<T, T>(value, total);
        }
    }
    total
}

/// Folds one block: `n` is at most `STEPS * ACCUMULATORS * LANES`.
///
/// # Safety
/// As for [`fold`].
#[inline(always)]
unsafe fn fold_block<T: Number, V: FoldLanes<T>, Op: FoldOp>(x: *const T, n: usize) -> T {
    let identity = V::splat(Op::identity::<T>());
    let mut acc = [identity; ACCUMULATORS];
    let mut rest = identity;
    let mut at = 0;
    // SAFETY: every load below stays within the n elements.
    unsafe {
        while at + ACCUMULATORS * V::LANES <= n {
            for (k, a) in acc.iter_mut().enumerate() {
                *a = Op::combine::<T, V>(*a, V::load(x.add(at + k * V::LANES)));
            }
            at += ACCUMULATORS * V::LANES;
        }
        // What is left of the groups: fewer than `ACCUMULATORS` vectors and a part of one.
        while at + V::LANES <= n {
            rest = Op::combine::<T, V>(rest, V::load(x.add(at)));
            at += V::LANES;
        }
        if at < n {
            rest = Op::combine::<T, V>(rest, V::load_partial(x.add(at), n - at, identity));
        }
    }
    let mut width = ACCUMULATORS / 2;
    while width > 0 {
        for k in 0..width {
            acc[k] = Op::combine::<T, V>(acc[k], acc[k + width]);
        }
        width /= 2;
    }
    let total = Op::combine::<T, V>(acc[0], rest);
    let mut lanes = [Op::identity::<T>(); MAX_LANES];
    // SAFETY: LANES <= MAX_LANES.
    unsafe { total.store(lanes.as_mut_ptr()) };
    let mut width = V::LANES / 2;
    while width > 0 {
        for k in 0..width {
            lanes[k] = Op::combine::<T, T>(lanes[k], lanes[k + width]);
        }
        width /= 2;
    }
    lanes[0]
}

macro_rules! scalar_lanes {
    ($($t:ident: $add:path, $mul:path, |$a:ident, $b:ident| $max:expr, $min:expr; $zero:expr, $one:expr, $lowest:expr, $highest:expr;)*) => {$(
        impl FoldLanes<$t> for $t {
            const LANES: usize = 1;
            #[inline(always)]
            fn splat(x: $t) -> Self { x }
            #[inline(always)]
            unsafe fn load(p: *const $t) -> Self {
                // SAFETY: as promised by the caller.
                unsafe { p.read_unaligned() }
            }
            #[inline(always)]
            unsafe fn load_partial(_: *const $t, _: usize, fill: Self) -> Self { fill }
            #[inline(always)]
            unsafe fn store(self, p: *mut $t) {
                // SAFETY: as promised by the caller.
                unsafe { p.write_unaligned(self) }
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self { $add(self, other) }
            #[inline(always)]
            fn mul(self, other: Self) -> Self { $mul(self, other) }
            #[inline(always)]
            fn max(self, other: Self) -> Self { let ($a, $b) = (self, other); $max }
            #[inline(always)]
            fn min(self, other: Self) -> Self { let ($a, $b) = (self, other); $min }
        }
        impl Number for $t {
            const ZERO: Self = $zero;
            const ONE: Self = $one;
            const LOWEST: Self = $lowest;
            const HIGHEST: Self = $highest;
        }
    )*};
}

scalar_lanes! {
    f32: std::ops::Add::add, std::ops::Mul::mul,
        |a, b| if a > b || a.is_nan() { a } else { b }, if a < b || a.is_nan() { a } else { b };
        0.0, 1.0, f32::NEG_INFINITY, f32::INFINITY;
    f64: std::ops::Add::add, std::ops::Mul::mul,
        |a, b| if a > b || a.is_nan() { a } else { b }, if a < b || a.is_nan() { a } else { b };
        0.0, 1.0, f64::NEG_INFINITY, f64::INFINITY;
    i32: i32::wrapping_add, i32::wrapping_mul, |a, b| Ord::max(a, b), Ord::min(a, b); 0, 1, i32::MIN, i32::MAX;
    i64: i64::wrapping_add, i64::wrapping_mul, |a, b| Ord::max(a, b), Ord::min(a, b); 0, 1, i64::MIN, i64::MAX;
}
