//! The portable level: scalar Rust that runs on every CPU.
//!
//! Functions are evaluated in f64 by [`reference`] and rounded once, so this level is slow and accurate; the
//! routines of the other levels come from here where they have no vector form.

use super::functions::Function;
use super::reference::reference;

/// `dst[i] = f(x[i])` for f32.
///
/// # Safety
/// The contract of [`Routine::Math`](super::Routine::Math).
pub(super) unsafe extern "C" fn unary<F: Function>(dst: *mut f32, x: *const f32, n: usize) {
    for i in 0..n {
        // SAFETY: i < n.
        unsafe { dst.add(i).write_unaligned(reference(F::FN, x.add(i).read_unaligned() as f64, 0.0) as f32) };
    }
}

/// `dst[i] = f(x[i], y[i])` for f32.
///
/// # Safety
/// The contract of [`Routine::Math`](super::Routine::Math).
pub(super) unsafe extern "C" fn binary<F: Function>(dst: *mut f32, x: *const f32, y: *const f32, n: usize) {
    for i in 0..n {
        // SAFETY: i < n.
        unsafe {
            let (x, y) = (x.add(i).read_unaligned(), y.add(i).read_unaligned());
            dst.add(i).write_unaligned(reference(F::FN, x as f64, y as f64) as f32);
        }
    }
}

/// `dst[i] = f(x[i])` for f64.
///
/// # Safety
/// The contract of [`Routine::Math`](super::Routine::Math).
pub(super) unsafe extern "C" fn unary_f64<F: Function>(dst: *mut f64, x: *const f64, n: usize) {
    for i in 0..n {
        // SAFETY: i < n.
        unsafe { dst.add(i).write_unaligned(reference(F::FN, x.add(i).read_unaligned(), 0.0)) };
    }
}

pub(super) use binary as binary_scalar;
pub(super) use unary as unary_scalar;
pub(super) use unary_f64 as unary_double;

/// `dst[i] = f(x[i], y[i])` for f64.
///
/// # Safety
/// The contract of [`Routine::Math`](super::Routine::Math).
pub(super) unsafe extern "C" fn binary_f64<F: Function>(dst: *mut f64, x: *const f64, y: *const f64, n: usize) {
    for i in 0..n {
        // SAFETY: i < n.
        unsafe {
            let (x, y) = (x.add(i).read_unaligned(), y.add(i).read_unaligned());
            dst.add(i).write_unaligned(reference(F::FN, x, y));
        }
    }
}

/// Folds f32, f64, i32 or i64.
///
/// # Safety
/// The contract of [`Routine::Fold`](super::Routine::Fold).
pub(super) unsafe extern "C" fn fold<T: super::fold::Number, Op: super::fold::FoldOp>(x: *const T, n: usize) -> T {
    // SAFETY: as promised by the caller; scalars need no CPU feature.
    unsafe { super::fold::fold::<T, T, Op>(x, n) }
}

/// Asks for the cache lines of a run of bytes, where the instruction set has a stable form of that.
///
/// # Safety
/// None is needed: a prefetch of an address that is not mapped does nothing.
pub(super) unsafe extern "C" fn fetch(p: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for offset in (0..bytes).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(p.wrapping_add(offset).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (p, bytes);
}

macro_rules! convert {
    ($widen:ident $narrow:ident $half:path) => {
        /// `dst[i]` = `src[i]` as f32.
        ///
        /// # Safety
        /// The contract of [`Routine::Widen`](super::Routine::Widen).
        pub(super) unsafe extern "C" fn $widen(dst: *mut f32, src: *const u16, n: usize) {
            use $half as Half;
            for i in 0..n {
                // SAFETY: i < n.
                unsafe { dst.add(i).write_unaligned(Half::from_bits(src.add(i).read_unaligned()).to_f32()) };
            }
        }

        /// `dst[i]` = `src[i]` rounded to nearest even.
        ///
        /// # Safety
        /// The contract of [`Routine::Narrow`](super::Routine::Narrow).
        pub(super) unsafe extern "C" fn $narrow(dst: *mut u16, src: *const f32, n: usize) {
            use $half as Half;
            for i in 0..n {
                // SAFETY: i < n.
                unsafe { dst.add(i).write_unaligned(Half::from_f32(src.add(i).read_unaligned()).to_bits()) };
            }
        }
    };
}

convert!(widen_f16 narrow_f16 half::f16);
convert!(widen_bf16 narrow_bf16 half::bf16);
