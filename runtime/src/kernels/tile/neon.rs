//! NEON: 128-bit vectors of aarch64, whose masks are integer vectors.
//!
//! Every aarch64 CPU has them. There are no masked loads, so partial vectors go through an array.

use std::arch::aarch64::*;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::fold::FoldLanes;
use super::lanes::{Lanes, MAX_LANES, Memory};

// SAFETY of the blocks in this file: aarch64 has the instructions, and as the caller promises.

/// Defines a vector of floats: operators, what is one intrinsic, and loads and stores.
macro_rules! float_vector {
    (
        $(#[$doc:meta])* $name:ident($raw:ty): $lanes:literal of $elem:ty, mask $mask:ty, rounder $rounder:expr;
        $add:ident $sub:ident $mul:ident $div:ident $neg:ident $sqrt:ident $fma:ident $fms:ident $abs:ident
        $min:ident $max:ident $floor:ident $dup:ident $load:ident $store:ident $lt:ident $le:ident $eq:ident
        $select:ident $and:ident $or:ident $xor:ident $not:ident $to_bits:ident $from_bits:ident $dup_bits:ident
        sign $sign:expr;
        $($rest:tt)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $name($raw);

        impl Add for $name {
            type Output = Self;
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                unsafe { Self($add(self.0, other.0)) }
            }
        }
        impl Sub for $name {
            type Output = Self;
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                unsafe { Self($sub(self.0, other.0)) }
            }
        }
        impl Mul for $name {
            type Output = Self;
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                unsafe { Self($mul(self.0, other.0)) }
            }
        }
        impl Div for $name {
            type Output = Self;
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                unsafe { Self($div(self.0, other.0)) }
            }
        }
        impl Neg for $name {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                unsafe { Self($neg(self.0)) }
            }
        }

        impl Lanes for $name {
            const LANES: usize = $lanes;
            const ROUNDER: f64 = $rounder;
            type Mask = $mask;

            #[inline(always)]
            fn splat(x: f64) -> Self {
                unsafe { Self($dup(x as $elem)) }
            }
            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                unsafe { Self($fma(c.0, self.0, b.0)) }
            }
            #[inline(always)]
            fn neg_mul_add(self, b: Self, c: Self) -> Self {
                unsafe { Self($fms(c.0, self.0, b.0)) }
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                unsafe { Self($sqrt(self.0)) }
            }
            #[inline(always)]
            fn abs(self) -> Self {
                unsafe { Self($abs(self.0)) }
            }
            #[inline(always)]
            fn mul_sign(self, sign: Self) -> Self {
                unsafe {
                    let negative = $and($to_bits(sign.0), $dup_bits($sign));
                    Self($from_bits($xor($to_bits(self.0), negative)))
                }
            }
            // These instructions give NaN if either operand is NaN.
            #[inline(always)]
            fn at_most(self, limit: Self) -> Self {
                unsafe { Self($min(self.0, limit.0)) }
            }
            #[inline(always)]
            fn at_least(self, limit: Self) -> Self {
                unsafe { Self($max(self.0, limit.0)) }
            }
            #[inline(always)]
            fn floor(self) -> Self {
                unsafe { Self($floor(self.0)) }
            }
            #[inline(always)]
            fn lt(self, other: Self) -> $mask {
                unsafe { $lt(self.0, other.0) }
            }
            #[inline(always)]
            fn le(self, other: Self) -> $mask {
                unsafe { $le(self.0, other.0) }
            }
            #[inline(always)]
            fn eq(self, other: Self) -> $mask {
                unsafe { $eq(self.0, other.0) }
            }
            #[inline(always)]
            fn is_nan(self) -> $mask {
                unsafe { $not($eq(self.0, self.0)) }
            }
            #[inline(always)]
            fn either(a: $mask, b: $mask) -> $mask {
                unsafe { $or(a, b) }
            }
            #[inline(always)]
            fn both(a: $mask, b: $mask) -> $mask {
                unsafe { $and(a, b) }
            }
            #[inline(always)]
            fn select(mask: $mask, then: Self, other: Self) -> Self {
                unsafe { Self($select(mask, then.0, other.0)) }
            }
            #[inline(always)]
            fn to_array(self) -> [f64; MAX_LANES] {
                let mut lanes = [0 as $elem; MAX_LANES];
                unsafe { $store(lanes.as_mut_ptr(), self.0) };
                lanes.map(|x| x as f64)
            }
            #[inline(always)]
            fn from_array(lanes: [f64; MAX_LANES]) -> Self {
                let lanes = lanes.map(|x| x as $elem);
                unsafe { Self($load(lanes.as_ptr())) }
            }
            $($rest)*
        }

        impl_fold!($name $lanes of $elem; $add $mul $max $min $dup $load $store);
    };
}

/// Implements [`FoldLanes`]; the float maximum and minimum of NEON propagate NaN.
macro_rules! impl_fold {
    ($name:ident $lanes:literal of $elem:ty; $add:ident $mul:ident $max:ident $min:ident $dup:ident $load:ident $store:ident) => {
        impl FoldLanes<$elem> for $name {
            const LANES: usize = $lanes;
            #[inline(always)]
            fn splat(x: $elem) -> Self {
                unsafe { Self($dup(x)) }
            }
            #[inline(always)]
            unsafe fn load(p: *const $elem) -> Self {
                unsafe { Self($load(p)) }
            }
            #[inline(always)]
            unsafe fn load_partial(p: *const $elem, n: usize, fill: Self) -> Self {
                let mut lanes = [<$elem>::default(); $lanes];
                unsafe {
                    $store(lanes.as_mut_ptr(), fill.0);
                    copy(p, lanes.as_mut_ptr(), n);
                    Self($load(lanes.as_ptr()))
                }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $elem) {
                unsafe { $store(p, self.0) }
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                unsafe { Self($add(self.0, other.0)) }
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                unsafe { Self($mul(self.0, other.0)) }
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                unsafe { Self($max(self.0, other.0)) }
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                unsafe { Self($min(self.0, other.0)) }
            }
        }
    };
}

/// Copies `n` elements of any alignment.
#[inline(always)]
unsafe fn copy<T>(from: *const T, to: *mut T, n: usize) {
    unsafe { from.cast::<u8>().copy_to_nonoverlapping(to.cast(), n * size_of::<T>()) }
}

float_vector! {
    /// Four f32.
    F32x4(float32x4_t): 4 of f32, mask uint32x4_t, rounder 12582912.0;
    vaddq_f32 vsubq_f32 vmulq_f32 vdivq_f32 vnegq_f32 vsqrtq_f32 vfmaq_f32 vfmsq_f32 vabsq_f32
    vminq_f32 vmaxq_f32 vrndmq_f32 vdupq_n_f32 vld1q_f32 vst1q_f32 vcltq_f32 vcleq_f32 vceqq_f32
    vbslq_f32 vandq_u32 vorrq_u32 veorq_u32 vmvnq_u32 vreinterpretq_u32_f32 vreinterpretq_f32_u32 vdupq_n_u32
    sign 1 << 31;

    /// The instruction gives 8 bits; one step of Newton's method doubles them.
    #[inline(always)]
    fn reciprocal_estimate(self) -> Self {
        let y = unsafe { Self(vrecpeq_f32(self.0)) };
        y.mul_add(y.neg_mul_add(self, Lanes::splat(1.0)), y)
    }
    /// By two powers of two, because one may be out of range; only the second product rounds.
    #[inline(always)]
    fn scale2(self, n: Self) -> Self {
        unsafe {
            let n = vcvtq_s32_f32(n.0);
            let first = vshrq_n_s32::<1>(n);
            let second = vsubq_s32(n, first);
            self * power_of_two(first) * power_of_two(second)
        }
    }
    #[inline(always)]
    fn scale2_normal(self, n: Self) -> Self {
        unsafe {
            let shift = vshlq_n_s32::<23>(vcvtq_s32_f32(n.0));
            Self(vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(self.0), shift)))
        }
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        unsafe {
            // Subnormal numbers are scaled up first.
            let tiny = self.lt(Lanes::splat(f32::MIN_POSITIVE as f64));
            let scaled = Lanes::select(tiny, self * Lanes::splat(8388608.0), self);
            let offset = Lanes::select(tiny, <Self as Lanes>::splat(-23.0), Lanes::splat(0.0));
            let bits = vreinterpretq_s32_f32(scaled.0);
            let e = vshrq_n_s32::<23>(vsubq_s32(bits, vdupq_n_s32(0.75f32.to_bits() as i32)));
            let m = vsubq_s32(bits, vshlq_n_s32::<23>(e));
            (Self(vcvtq_f32_s32(e)) + offset, Self(vreinterpretq_f32_s32(m)))
        }
    }
    #[inline(always)]
    fn bits(mask: uint32x4_t) -> u32 {
        let mut lanes = [0u32; 4];
        unsafe { vst1q_u32(lanes.as_mut_ptr(), mask) };
        (0..4).map(|i| (lanes[i] & 1) << i).sum()
    }
}

/// 2^n for -126 <= n <= 127.
#[inline(always)]
unsafe fn power_of_two(n: int32x4_t) -> F32x4 {
    unsafe { F32x4(vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(n, vdupq_n_s32(127))))) }
}

float_vector! {
    /// Two f64.
    F64x2(float64x2_t): 2 of f64, mask uint64x2_t, rounder 6755399441055744.0;
    vaddq_f64 vsubq_f64 vmulq_f64 vdivq_f64 vnegq_f64 vsqrtq_f64 vfmaq_f64 vfmsq_f64 vabsq_f64
    vminq_f64 vmaxq_f64 vrndmq_f64 vdupq_n_f64 vld1q_f64 vst1q_f64 vcltq_f64 vcleq_f64 vceqq_f64
    vbslq_f64 vandq_u64 vorrq_u64 veorq_u64 not_u64 vreinterpretq_u64_f64 vreinterpretq_f64_u64 vdupq_n_u64
    sign 1 << 63;

    #[inline(always)]
    fn reciprocal_estimate(self) -> Self {
        <Self as Lanes>::splat(1.0) / self
    }
    #[inline(always)]
    fn scale2(self, n: Self) -> Self {
        let one = <Self as Lanes>::splat(1.0);
        let first = n.mul_round(0.5);
        self * one.scale2_normal(first) * one.scale2_normal(n - first)
    }
    #[inline(always)]
    fn scale2_normal(self, n: Self) -> Self {
        unsafe {
            let shift = vshlq_n_s64::<52>(vcvtq_s64_f64(n.0));
            Self(vreinterpretq_f64_s64(vaddq_s64(vreinterpretq_s64_f64(self.0), shift)))
        }
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        unsafe {
            let bits = vreinterpretq_s64_f64(self.0);
            let e = vshrq_n_s64::<52>(vsubq_s64(bits, vdupq_n_s64(0.75f64.to_bits() as i64)));
            let m = vsubq_s64(bits, vshlq_n_s64::<52>(e));
            (Self(vcvtq_f64_s64(e)), Self(vreinterpretq_f64_s64(m)))
        }
    }
    #[inline(always)]
    fn bits(mask: uint64x2_t) -> u32 {
        let mut lanes = [0u64; 2];
        unsafe { vst1q_u64(lanes.as_mut_ptr(), mask) };
        (lanes[0] & 1) as u32 | ((lanes[1] & 1) << 1) as u32
    }
}

#[inline(always)]
unsafe fn not_u64(mask: uint64x2_t) -> uint64x2_t {
    unsafe { veorq_u64(mask, vdupq_n_u64(u64::MAX)) }
}

/// Four i32.
#[derive(Clone, Copy)]
pub(super) struct I32x4(int32x4_t);
impl_fold!(I32x4 4 of i32; vaddq_s32 vmulq_s32 vmaxq_s32 vminq_s32 vdupq_n_s32 vld1q_s32 vst1q_s32);

/// Two i64.
#[derive(Clone, Copy)]
pub(super) struct I64x2(int64x2_t);
impl_fold!(I64x2 2 of i64; vaddq_s64 mul_i64 max_i64 min_i64 vdupq_n_s64 vld1q_s64 vst1q_s64);

/// The low halves of the products; there is no instruction.
#[inline(always)]
unsafe fn mul_i64(a: int64x2_t, b: int64x2_t) -> int64x2_t {
    unsafe {
        let low = vgetq_lane_s64::<0>(a).wrapping_mul(vgetq_lane_s64::<0>(b));
        let high = vgetq_lane_s64::<1>(a).wrapping_mul(vgetq_lane_s64::<1>(b));
        vcombine_s64(vdup_n_s64(low), vdup_n_s64(high))
    }
}

#[inline(always)]
unsafe fn max_i64(a: int64x2_t, b: int64x2_t) -> int64x2_t {
    unsafe { vbslq_s64(vcgtq_s64(a, b), a, b) }
}

#[inline(always)]
unsafe fn min_i64(a: int64x2_t, b: int64x2_t) -> int64x2_t {
    unsafe { vbslq_s64(vcgtq_s64(a, b), b, a) }
}

impl Memory<f32> for F32x4 {
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        unsafe { Self(vld1q_f32(p)) }
    }
    #[inline(always)]
    unsafe fn load_partial(p: *const f32, n: usize) -> Self {
        let mut lanes = [0.0; 4];
        unsafe {
            copy(p, lanes.as_mut_ptr(), n);
            Self(vld1q_f32(lanes.as_ptr()))
        }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        unsafe { vst1q_f32(p, self.0) }
    }
    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f32, n: usize) {
        let mut lanes = [0.0; 4];
        unsafe {
            vst1q_f32(lanes.as_mut_ptr(), self.0);
            copy(lanes.as_ptr(), p, n);
        }
    }
}

impl Memory<f64> for F64x2 {
    #[inline(always)]
    unsafe fn load(p: *const f64) -> Self {
        unsafe { Self(vld1q_f64(p)) }
    }
    #[inline(always)]
    unsafe fn load_partial(p: *const f64, n: usize) -> Self {
        let mut lanes = [0.0; 2];
        unsafe {
            copy(p, lanes.as_mut_ptr(), n);
            Self(vld1q_f64(lanes.as_ptr()))
        }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f64) {
        unsafe { vst1q_f64(p, self.0) }
    }
    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f64, n: usize) {
        let mut lanes = [0.0; 2];
        unsafe {
            vst1q_f64(lanes.as_mut_ptr(), self.0);
            copy(lanes.as_ptr(), p, n);
        }
    }
}

/// Widened on load, rounded on store.
impl Memory<f32> for F64x2 {
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        unsafe { Self(vcvt_f64_f32(vld1_f32(p))) }
    }
    #[inline(always)]
    unsafe fn load_partial(p: *const f32, n: usize) -> Self {
        let mut lanes = [0.0; 2];
        unsafe {
            copy(p, lanes.as_mut_ptr(), n);
            Self(vcvt_f64_f32(vld1_f32(lanes.as_ptr())))
        }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        unsafe { vst1_f32(p, vcvt_f32_f64(self.0)) }
    }
    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f32, n: usize) {
        let mut lanes = [0.0; 2];
        unsafe {
            vst1_f32(lanes.as_mut_ptr(), vcvt_f32_f64(self.0));
            copy(lanes.as_ptr(), p, n);
        }
    }
}
