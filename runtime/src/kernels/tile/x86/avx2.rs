//! AVX2 with FMA and F16C: 256-bit vectors, whose masks are vectors.

use std::arch::x86_64::*;

use super::{float_vector, int_vector};
use crate::kernels::tile::fold::FoldLanes;
use crate::kernels::tile::lanes::{Lanes, MAX_LANES, Memory};

/// Eight words of ones, then eight of zeros: a window of it is the mask of the first lanes.
static FIRST: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

// SAFETY of the blocks in this file: the CPU has the instructions (see `x86`), and as the caller promises.
// Masked-off elements are not accessed.

/// The mask of the first `n < 8` of 8 words.
#[inline(always)]
unsafe fn first8(n: usize) -> __m256i {
    unsafe { _mm256_loadu_si256(FIRST.as_ptr().add(8 - n).cast()) }
}

/// The mask of the first `n < 4` of 4 words.
#[inline(always)]
unsafe fn first4(n: usize) -> __m128i {
    unsafe { _mm_loadu_si128(FIRST.as_ptr().add(8 - n).cast()) }
}

/// The mask of the first `n < 4` of 4 double words.
#[inline(always)]
unsafe fn first4_wide(n: usize) -> __m256i {
    unsafe { _mm256_cvtepi32_epi64(first4(n)) }
}

float_vector! {
    /// Eight f32.
    F32x8(__m256): 8 of f32, mask __m256, rounder 12582912.0;
    _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_div_ps _mm256_sqrt_ps _mm256_fmadd_ps _mm256_fnmadd_ps
    _mm256_min_ps _mm256_max_ps _mm256_set1_ps _mm256_and_ps _mm256_andnot_ps _mm256_xor_ps
    _mm256_loadu_ps _mm256_storeu_ps;

    /// The instruction gives 12 bits; one step of Newton's method doubles them.
    #[inline(always)]
    fn reciprocal_estimate(self) -> Self {
        let y = unsafe { Self(_mm256_rcp_ps(self.0)) };
        y.mul_add(y.neg_mul_add(self, Lanes::splat(1.0)), y)
    }
    #[inline(always)]
    fn floor(self) -> Self {
        unsafe { Self(_mm256_floor_ps(self.0)) }
    }
    /// By two powers of two, because one may be out of range; only the second product rounds.
    #[inline(always)]
    fn scale2(self, n: Self) -> Self {
        unsafe {
            let n = _mm256_cvtps_epi32(n.0);
            let first = _mm256_srai_epi32::<1>(n);
            let second = _mm256_sub_epi32(n, first);
            let power = |k| {
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(k, _mm256_set1_epi32(127))))
            };
            Self(_mm256_mul_ps(_mm256_mul_ps(self.0, power(first)), power(second)))
        }
    }
    #[inline(always)]
    fn scale2_normal(self, n: Self) -> Self {
        unsafe {
            let shift = _mm256_slli_epi32::<23>(_mm256_cvtps_epi32(n.0));
            Self(_mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(self.0), shift)))
        }
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        unsafe {
            // Subnormal numbers are scaled up first.
            let tiny = self.lt(Lanes::splat(f32::MIN_POSITIVE as f64));
            let scaled = Lanes::select(tiny, self * Lanes::splat(8388608.0), self);
            let offset = Lanes::select(tiny, <Self as Lanes>::splat(-23.0), Lanes::splat(0.0));
            let bits = _mm256_castps_si256(scaled.0);
            let e = _mm256_srai_epi32::<23>(_mm256_sub_epi32(bits, _mm256_set1_epi32(0.75f32.to_bits() as i32)));
            let m = _mm256_sub_epi32(bits, _mm256_slli_epi32::<23>(e));
            (Self(_mm256_cvtepi32_ps(e)) + offset, Self(_mm256_castsi256_ps(m)))
        }
    }
    #[inline(always)]
    fn lt(self, other: Self) -> __m256 {
        unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn le(self, other: Self) -> __m256 {
        unsafe { _mm256_cmp_ps::<_CMP_LE_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn eq(self, other: Self) -> __m256 {
        unsafe { _mm256_cmp_ps::<_CMP_EQ_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn is_nan(self) -> __m256 {
        unsafe { _mm256_cmp_ps::<_CMP_UNORD_Q>(self.0, self.0) }
    }
    #[inline(always)]
    fn either(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_or_ps(a, b) }
    }
    #[inline(always)]
    fn both(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_and_ps(a, b) }
    }
    #[inline(always)]
    fn bits(mask: __m256) -> u32 {
        unsafe { _mm256_movemask_ps(mask) as u32 }
    }
    #[inline(always)]
    fn select(mask: __m256, then: Self, other: Self) -> Self {
        unsafe { Self(_mm256_blendv_ps(other.0, then.0, mask)) }
    }
}

float_vector! {
    /// Four f64.
    F64x4(__m256d): 4 of f64, mask __m256d, rounder 6755399441055744.0;
    _mm256_add_pd _mm256_sub_pd _mm256_mul_pd _mm256_div_pd _mm256_sqrt_pd _mm256_fmadd_pd _mm256_fnmadd_pd
    _mm256_min_pd _mm256_max_pd _mm256_set1_pd _mm256_and_pd _mm256_andnot_pd _mm256_xor_pd
    _mm256_loadu_pd _mm256_storeu_pd;

    #[inline(always)]
    fn reciprocal_estimate(self) -> Self {
        <Self as Lanes>::splat(1.0) / self
    }
    #[inline(always)]
    fn floor(self) -> Self {
        unsafe { Self(_mm256_floor_pd(self.0)) }
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
            // The low bits of the sum are n as an integer: there is no conversion instruction.
            let low = _mm256_castpd_si256((n + Lanes::splat(Self::ROUNDER)).0);
            let shift = _mm256_slli_epi64::<52>(low);
            Self(_mm256_castsi256_pd(_mm256_add_epi64(_mm256_castpd_si256(self.0), shift)))
        }
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        unsafe {
            const BIAS: i64 = 1023;
            const TWO_52: f64 = 4503599627370496.0;
            let bits = _mm256_castpd_si256(self.0);
            // The exponent plus the bias, which is positive: there is no arithmetic shift.
            let offset = _mm256_set1_epi64x((BIAS << 52) - 0.75f64.to_bits() as i64);
            let biased = _mm256_srli_epi64::<52>(_mm256_add_epi64(bits, offset));
            let float = _mm256_or_si256(biased, _mm256_set1_epi64x(TWO_52.to_bits() as i64));
            let e = Self(_mm256_castsi256_pd(float)) - Lanes::splat(TWO_52 + BIAS as f64);
            let m = _mm256_sub_epi64(bits, _mm256_slli_epi64::<52>(biased));
            (e, Self(_mm256_castsi256_pd(_mm256_add_epi64(m, _mm256_set1_epi64x(BIAS << 52)))))
        }
    }
    #[inline(always)]
    fn lt(self, other: Self) -> __m256d {
        unsafe { _mm256_cmp_pd::<_CMP_LT_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn le(self, other: Self) -> __m256d {
        unsafe { _mm256_cmp_pd::<_CMP_LE_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn eq(self, other: Self) -> __m256d {
        unsafe { _mm256_cmp_pd::<_CMP_EQ_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn is_nan(self) -> __m256d {
        unsafe { _mm256_cmp_pd::<_CMP_UNORD_Q>(self.0, self.0) }
    }
    #[inline(always)]
    fn either(a: __m256d, b: __m256d) -> __m256d {
        unsafe { _mm256_or_pd(a, b) }
    }
    #[inline(always)]
    fn both(a: __m256d, b: __m256d) -> __m256d {
        unsafe { _mm256_and_pd(a, b) }
    }
    #[inline(always)]
    fn bits(mask: __m256d) -> u32 {
        unsafe { _mm256_movemask_pd(mask) as u32 }
    }
    #[inline(always)]
    fn select(mask: __m256d, then: Self, other: Self) -> Self {
        unsafe { Self(_mm256_blendv_pd(other.0, then.0, mask)) }
    }
}

int_vector! {
    /// Eight i32.
    I32x8(__m256i): 8 of i32;
    _mm256_add_epi32 _mm256_mullo_epi32 _mm256_max_epi32 _mm256_min_epi32 _mm256_set1_epi32
    _mm256_loadu_si256 _mm256_storeu_si256 load_i32_filled;
}

int_vector! {
    /// Four i64.
    I64x4(__m256i): 4 of i64;
    _mm256_add_epi64 mul_i64 max_i64 min_i64 _mm256_set1_epi64x
    _mm256_loadu_si256 _mm256_storeu_si256 load_i64_filled;
}

/// The low halves of the products, from 32-bit products.
#[inline(always)]
unsafe fn mul_i64(a: __m256i, b: __m256i) -> __m256i {
    unsafe {
        let cross = _mm256_mullo_epi32(a, _mm256_shuffle_epi32::<0b10_11_00_01>(b));
        let cross = _mm256_add_epi32(cross, _mm256_srli_epi64::<32>(cross));
        _mm256_add_epi64(_mm256_mul_epu32(a, b), _mm256_slli_epi64::<32>(cross))
    }
}

#[inline(always)]
unsafe fn max_i64(a: __m256i, b: __m256i) -> __m256i {
    unsafe { _mm256_blendv_epi8(b, a, _mm256_cmpgt_epi64(a, b)) }
}

#[inline(always)]
unsafe fn min_i64(a: __m256i, b: __m256i) -> __m256i {
    unsafe { _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(a, b)) }
}

#[inline(always)]
unsafe fn load_i32_filled(p: *const i32, n: usize, fill: __m256i) -> __m256i {
    unsafe { _mm256_blendv_epi8(fill, _mm256_maskload_epi32(p, first8(n)), first8(n)) }
}

#[inline(always)]
unsafe fn load_i64_filled(p: *const i64, n: usize, fill: __m256i) -> __m256i {
    unsafe { _mm256_blendv_epi8(fill, _mm256_maskload_epi64(p, first4_wide(n)), first4_wide(n)) }
}

impl F32x8 {
    #[inline(always)]
    unsafe fn load_filled(p: *const f32, n: usize, fill: Self) -> Self {
        unsafe {
            let mask = first8(n);
            Self(_mm256_blendv_ps(fill.0, _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask)))
        }
    }
}

impl F64x4 {
    #[inline(always)]
    unsafe fn load_filled(p: *const f64, n: usize, fill: Self) -> Self {
        unsafe {
            let mask = first4_wide(n);
            Self(_mm256_blendv_pd(fill.0, _mm256_maskload_pd(p, mask), _mm256_castsi256_pd(mask)))
        }
    }
}

impl Memory<f32> for F32x8 {
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        unsafe { Self(_mm256_loadu_ps(p)) }
    }
    #[inline(always)]
    unsafe fn load_partial(p: *const f32, n: usize) -> Self {
        unsafe { Self(_mm256_maskload_ps(p, first8(n))) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        unsafe { _mm256_storeu_ps(p, self.0) }
    }
    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f32, n: usize) {
        unsafe { _mm256_maskstore_ps(p, first8(n), self.0) }
    }
}

impl Memory<f64> for F64x4 {
    #[inline(always)]
    unsafe fn load(p: *const f64) -> Self {
        unsafe { Self(_mm256_loadu_pd(p)) }
    }
    #[inline(always)]
    unsafe fn load_partial(p: *const f64, n: usize) -> Self {
        unsafe { Self(_mm256_maskload_pd(p, first4_wide(n))) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f64) {
        unsafe { _mm256_storeu_pd(p, self.0) }
    }
    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f64, n: usize) {
        unsafe { _mm256_maskstore_pd(p, first4_wide(n), self.0) }
    }
}

/// Widened on load, rounded on store.
impl Memory<f32> for F64x4 {
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        unsafe { Self(_mm256_cvtps_pd(_mm_loadu_ps(p))) }
    }
    #[inline(always)]
    unsafe fn load_partial(p: *const f32, n: usize) -> Self {
        unsafe { Self(_mm256_cvtps_pd(_mm_maskload_ps(p, first4(n)))) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        unsafe { _mm_storeu_ps(p, _mm256_cvtpd_ps(self.0)) }
    }
    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f32, n: usize) {
        unsafe { _mm_maskstore_ps(p, first4(n), _mm256_cvtpd_ps(self.0)) }
    }
}

/// Elements that one call of the conversions takes.
pub(in crate::kernels::tile) const CONVERTED: usize = 8;

/// Converts 8 f16 to f32.
#[inline(always)]
pub(in crate::kernels::tile) unsafe fn widen_f16(dst: *mut f32, src: *const u16) {
    unsafe { _mm256_storeu_ps(dst, _mm256_cvtph_ps(_mm_loadu_si128(src.cast()))) }
}

/// Converts 8 bf16 to f32.
#[inline(always)]
pub(in crate::kernels::tile) unsafe fn widen_bf16(dst: *mut f32, src: *const u16) {
    unsafe {
        let bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(src.cast()));
        _mm256_storeu_si256(dst.cast(), _mm256_slli_epi32::<16>(bits));
    }
}

/// Converts 8 f32 to f16.
#[inline(always)]
pub(in crate::kernels::tile) unsafe fn narrow_f16(dst: *mut u16, src: *const f32) {
    unsafe { _mm_storeu_si128(dst.cast(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm256_loadu_ps(src))) }
}

/// Converts 8 f32 to bf16: adds half of the last place, less one if that place is even; NaN becomes quiet.
#[inline(always)]
pub(in crate::kernels::tile) unsafe fn narrow_bf16(dst: *mut u16, src: *const f32) {
    unsafe {
        let bits = _mm256_loadu_si256(src.cast());
        let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
        let rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
        let float = _mm256_castsi256_ps(bits);
        let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(float, float));
        let quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x40_0000));
        let words = _mm256_srli_epi32::<16>(_mm256_blendv_epi8(rounded, quiet, nan));
        let half = _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
        _mm_storeu_si128(dst.cast(), half);
    }
}
