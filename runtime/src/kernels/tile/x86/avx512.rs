//! AVX-512 (F, DQ, BW, VL): 512-bit vectors with masks.

use std::arch::x86_64::*;

use super::{float_vector, int_vector};
use crate::kernels::tile::fold::FoldLanes;
use crate::kernels::tile::lanes::{Lanes, MAX_LANES, Memory};

/// The mask of the first `n` of 16 lanes.
#[inline(always)]
fn first16(n: usize) -> __mmask16 {
    ((1u32 << n) - 1) as __mmask16
}

/// The mask of the first `n` of 8 lanes.
#[inline(always)]
fn first8(n: usize) -> __mmask8 {
    ((1u32 << n) - 1) as __mmask8
}

float_vector! {
    /// Sixteen f32.
    F32x16(__m512): 16 of f32, mask __mmask16, rounder 12582912.0;
    _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_div_ps _mm512_sqrt_ps _mm512_fmadd_ps _mm512_fnmadd_ps
    _mm512_min_ps _mm512_max_ps _mm512_set1_ps _mm512_and_ps _mm512_andnot_ps _mm512_xor_ps
    _mm512_loadu_ps _mm512_storeu_ps;

    #[inline(always)]
    fn reciprocal_estimate(self) -> Self {
        unsafe { Self(_mm512_rcp14_ps(self.0)) }
    }
    #[inline(always)]
    fn floor(self) -> Self {
        unsafe { Self(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    fn scale2(self, n: Self) -> Self {
        unsafe { Self(_mm512_scalef_ps(self.0, n.0)) }
    }
    #[inline(always)]
    fn scale2_normal(self, n: Self) -> Self {
        self.scale2(n)
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        unsafe {
            let m = _mm512_getmant_ps::<_MM_MANT_NORM_P75_1P5, _MM_MANT_SIGN_SRC>(self.0);
            let one = _mm512_set1_ps(1.0);
            // getexp counts from mantissas in 1..2: one less than ours where the mantissa is below 1.
            let e = _mm512_getexp_ps(self.0);
            let e = _mm512_mask_add_ps(e, _mm512_cmp_ps_mask::<_CMP_LT_OQ>(m, one), e, one);
            (Self(e), Self(m))
        }
    }
    #[inline(always)]
    fn lt(self, other: Self) -> __mmask16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn le(self, other: Self) -> __mmask16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn eq(self, other: Self) -> __mmask16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn is_nan(self) -> __mmask16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0) }
    }
    #[inline(always)]
    fn either(a: __mmask16, b: __mmask16) -> __mmask16 {
        a | b
    }
    #[inline(always)]
    fn both(a: __mmask16, b: __mmask16) -> __mmask16 {
        a & b
    }
    #[inline(always)]
    fn bits(mask: __mmask16) -> u32 {
        mask as u32
    }
    #[inline(always)]
    fn select(mask: __mmask16, then: Self, other: Self) -> Self {
        unsafe { Self(_mm512_mask_blend_ps(mask, other.0, then.0)) }
    }
}

float_vector! {
    /// Eight f64.
    F64x8(__m512d): 8 of f64, mask __mmask8, rounder 6755399441055744.0;
    _mm512_add_pd _mm512_sub_pd _mm512_mul_pd _mm512_div_pd _mm512_sqrt_pd _mm512_fmadd_pd _mm512_fnmadd_pd
    _mm512_min_pd _mm512_max_pd _mm512_set1_pd _mm512_and_pd _mm512_andnot_pd _mm512_xor_pd
    _mm512_loadu_pd _mm512_storeu_pd;

    #[inline(always)]
    fn reciprocal_estimate(self) -> Self {
        unsafe { Self(_mm512_rcp14_pd(self.0)) }
    }
    #[inline(always)]
    fn floor(self) -> Self {
        unsafe { Self(_mm512_roundscale_pd::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    fn scale2(self, n: Self) -> Self {
        unsafe { Self(_mm512_scalef_pd(self.0, n.0)) }
    }
    #[inline(always)]
    fn scale2_normal(self, n: Self) -> Self {
        self.scale2(n)
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        unsafe {
            let m = _mm512_getmant_pd::<_MM_MANT_NORM_P75_1P5, _MM_MANT_SIGN_SRC>(self.0);
            let one = _mm512_set1_pd(1.0);
            // getexp counts from mantissas in 1..2: one less than ours where the mantissa is below 1.
            let e = _mm512_getexp_pd(self.0);
            let e = _mm512_mask_add_pd(e, _mm512_cmp_pd_mask::<_CMP_LT_OQ>(m, one), e, one);
            (Self(e), Self(m))
        }
    }
    #[inline(always)]
    fn lt(self, other: Self) -> __mmask8 {
        unsafe { _mm512_cmp_pd_mask::<_CMP_LT_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn le(self, other: Self) -> __mmask8 {
        unsafe { _mm512_cmp_pd_mask::<_CMP_LE_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn eq(self, other: Self) -> __mmask8 {
        unsafe { _mm512_cmp_pd_mask::<_CMP_EQ_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn is_nan(self) -> __mmask8 {
        unsafe { _mm512_cmp_pd_mask::<_CMP_UNORD_Q>(self.0, self.0) }
    }
    #[inline(always)]
    fn either(a: __mmask8, b: __mmask8) -> __mmask8 {
        a | b
    }
    #[inline(always)]
    fn both(a: __mmask8, b: __mmask8) -> __mmask8 {
        a & b
    }
    #[inline(always)]
    fn bits(mask: __mmask8) -> u32 {
        mask as u32
    }
    #[inline(always)]
    fn select(mask: __mmask8, then: Self, other: Self) -> Self {
        unsafe { Self(_mm512_mask_blend_pd(mask, other.0, then.0)) }
    }
}

int_vector! {
    /// Sixteen i32.
    I32x16(__m512i): 16 of i32;
    _mm512_add_epi32 _mm512_mullo_epi32 _mm512_max_epi32 _mm512_min_epi32 _mm512_set1_epi32
    _mm512_loadu_si512 _mm512_storeu_si512 load_i32_filled;
}

int_vector! {
    /// Eight i64.
    I64x8(__m512i): 8 of i64;
    _mm512_add_epi64 _mm512_mullo_epi64 _mm512_max_epi64 _mm512_min_epi64 _mm512_set1_epi64
    _mm512_loadu_si512 _mm512_storeu_si512 load_i64_filled;
}

// SAFETY of the blocks below: the CPU has the instructions (see `x86`), and as the caller promises. Masked-off
// elements are not accessed.

#[inline(always)]
unsafe fn load_i32_filled(p: *const i32, n: usize, fill: __m512i) -> __m512i {
    unsafe { _mm512_mask_loadu_epi32(fill, first16(n), p) }
}

#[inline(always)]
unsafe fn load_i64_filled(p: *const i64, n: usize, fill: __m512i) -> __m512i {
    unsafe { _mm512_mask_loadu_epi64(fill, first8(n), p) }
}

impl F32x16 {
    #[inline(always)]
    unsafe fn load_filled(p: *const f32, n: usize, fill: Self) -> Self {
        unsafe { Self(_mm512_mask_loadu_ps(fill.0, first16(n), p)) }
    }
}

impl F64x8 {
    #[inline(always)]
    unsafe fn load_filled(p: *const f64, n: usize, fill: Self) -> Self {
        unsafe { Self(_mm512_mask_loadu_pd(fill.0, first8(n), p)) }
    }
}

impl Memory<f32> for F32x16 {
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        unsafe { Self(_mm512_loadu_ps(p)) }
    }
    #[inline(always)]
    unsafe fn load_partial(p: *const f32, n: usize) -> Self {
        unsafe { Self(_mm512_maskz_loadu_ps(first16(n), p)) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        unsafe { _mm512_storeu_ps(p, self.0) }
    }
    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f32, n: usize) {
        unsafe { _mm512_mask_storeu_ps(p, first16(n), self.0) }
    }
}

impl Memory<f64> for F64x8 {
    #[inline(always)]
    unsafe fn load(p: *const f64) -> Self {
        unsafe { Self(_mm512_loadu_pd(p)) }
    }
    #[inline(always)]
    unsafe fn load_partial(p: *const f64, n: usize) -> Self {
        unsafe { Self(_mm512_maskz_loadu_pd(first8(n), p)) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f64) {
        unsafe { _mm512_storeu_pd(p, self.0) }
    }
    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f64, n: usize) {
        unsafe { _mm512_mask_storeu_pd(p, first8(n), self.0) }
    }
}

/// Widened on load, rounded on store.
impl Memory<f32> for F64x8 {
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        unsafe { Self(_mm512_cvtps_pd(_mm256_loadu_ps(p))) }
    }
    #[inline(always)]
    unsafe fn load_partial(p: *const f32, n: usize) -> Self {
        unsafe { Self(_mm512_cvtps_pd(_mm256_maskz_loadu_ps(first8(n), p))) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        unsafe { _mm256_storeu_ps(p, _mm512_cvtpd_ps(self.0)) }
    }
    #[inline(always)]
    unsafe fn store_partial(self, p: *mut f32, n: usize) {
        unsafe { _mm256_mask_storeu_ps(p, first8(n), _mm512_cvtpd_ps(self.0)) }
    }
}

/// Elements that one call of the conversions takes.
pub(in crate::kernels::tile) const CONVERTED: usize = 16;

/// Converts 16 f16 to f32.
#[inline(always)]
pub(in crate::kernels::tile) unsafe fn widen_f16(dst: *mut f32, src: *const u16) {
    unsafe { _mm512_storeu_ps(dst, _mm512_cvtph_ps(_mm256_loadu_si256(src.cast()))) }
}

/// Converts 16 bf16 to f32.
#[inline(always)]
pub(in crate::kernels::tile) unsafe fn widen_bf16(dst: *mut f32, src: *const u16) {
    unsafe {
        let bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256(src.cast()));
        _mm512_storeu_si512(dst.cast(), _mm512_slli_epi32::<16>(bits));
    }
}

/// Converts 16 f32 to f16.
#[inline(always)]
pub(in crate::kernels::tile) unsafe fn narrow_f16(dst: *mut u16, src: *const f32) {
    unsafe { _mm256_storeu_si256(dst.cast(), _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm512_loadu_ps(src))) }
}

/// Converts 16 f32 to bf16: adds half of the last place, less one if that place is even; NaN becomes quiet.
#[inline(always)]
pub(in crate::kernels::tile) unsafe fn narrow_bf16(dst: *mut u16, src: *const f32) {
    unsafe {
        let bits = _mm512_loadu_si512(src.cast());
        let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
        let rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
        let float = _mm512_castsi512_ps(bits);
        let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(float, float);
        let rounded = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x40_0000));
        _mm256_storeu_si256(dst.cast(), _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(rounded)));
    }
}
