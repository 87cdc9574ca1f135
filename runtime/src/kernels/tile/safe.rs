//! Tile routines as safe functions over slices, for Rust callers.
//!
//! They call the same addresses as generated code does.

use super::{FoldFn, Level, MathFn, Routine, level};
use crate::array::{DType, Element};

mod sealed {
    pub trait Float {}
    pub trait Number {}
}

/// An element type with math routines: `f32` or `f64`.
pub trait Float: Element + sealed::Float {}

/// An element type with folds: `f32`, `f64`, `i32` or `i64`.
pub trait Number: Element + sealed::Number {}

macro_rules! seal {
    ($($private:ident $public:ident: $($t:ty)*;)*) => {$($(
        impl sealed::$private for $t {}
        impl $public for $t {}
    )*)*};
}

seal! {
    Float Float: f32 f64;
    Number Number: f32 f64 i32 i64;
}

/// `dst[i] = f(x[i])`.
///
/// # Panics
/// If the lengths differ or `f` takes two operands.
pub fn map<T: Float>(f: MathFn, dst: &mut [T], x: &[T]) {
    map_at(level(), f, dst, x);
}

/// `x[i] = f(x[i])`.
///
/// # Panics
/// If `f` takes two operands.
pub fn map_in_place<T: Float>(f: MathFn, x: &mut [T]) {
    assert_eq!(f.arity(), 1, "{f:?} takes two operands");
    // SAFETY: the run is x itself, and the routine has one operand.
    unsafe { unary_routine::<T>(level(), f)(x.as_mut_ptr(), x.as_ptr(), x.len()) };
}

/// `dst[i] = f(x[i], y[i])`.
///
/// # Panics
/// If the lengths differ or `f` takes one operand.
pub fn map2<T: Float>(f: MathFn, dst: &mut [T], x: &[T], y: &[T]) {
    map2_at(level(), f, dst, x, y);
}

/// The fold of all elements; 0, 1, the lowest or the highest value if there are none (infinities for floats).
pub fn fold<T: Number>(f: FoldFn, x: &[T]) -> T {
    fold_at(level(), f, x)
}

/// [`fold`] of any element type; none if there is no routine for it.
pub fn fold_of<T: Element>(f: FoldFn, x: &[T]) -> Option<T> {
    let has_folds = matches!(T::DTYPE, DType::F32 | DType::F64 | DType::I32 | DType::I64);
    // SAFETY: it is one of them.
    has_folds.then(|| unsafe { fold_unchecked(level(), f, x) })
}

/// Converts the bits of f16 or bf16 to f32.
///
/// # Panics
/// If the lengths differ or `from` is another dtype.
pub fn widen(from: DType, dst: &mut [f32], src: &[u16]) {
    widen_at(level(), from, dst, src);
}

/// Converts f32 to the bits of f16 or bf16, rounding to nearest even.
///
/// # Panics
/// If the lengths differ or `to` is another dtype.
pub fn narrow(to: DType, dst: &mut [u16], src: &[f32]) {
    narrow_at(level(), to, dst, src);
}

type UnaryRoutine<T> = unsafe extern "C" fn(*mut T, *const T, usize);
type BinaryRoutine<T> = unsafe extern "C" fn(*mut T, *const T, *const T, usize);

/// The routine of a function with one operand; the caller checks the arity.
pub(super) fn unary_routine<T: Float>(level: Level, f: MathFn) -> UnaryRoutine<T> {
    let address = Routine::Math(f, T::DTYPE).address(level);
    // SAFETY: the entries of functions with one operand have this signature.
    unsafe { std::mem::transmute::<*const u8, UnaryRoutine<T>>(address) }
}

pub(super) fn map_at<T: Float>(level: Level, f: MathFn, dst: &mut [T], x: &[T]) {
    assert_eq!(f.arity(), 1, "{f:?} takes two operands");
    assert_eq!(dst.len(), x.len());
    // SAFETY: the lengths agree, and the routine has one operand.
    unsafe { unary_routine::<T>(level, f)(dst.as_mut_ptr(), x.as_ptr(), x.len()) };
}

pub(super) fn map2_at<T: Float>(level: Level, f: MathFn, dst: &mut [T], x: &[T], y: &[T]) {
    assert_eq!(f.arity(), 2, "{f:?} takes one operand");
    assert_eq!((dst.len(), x.len()), (x.len(), y.len()));
    let address = Routine::Math(f, T::DTYPE).address(level);
    // SAFETY: the entries of functions with two operands have this signature; the lengths agree.
    unsafe {
        let routine = std::mem::transmute::<*const u8, BinaryRoutine<T>>(address);
        routine(dst.as_mut_ptr(), x.as_ptr(), y.as_ptr(), x.len());
    }
}

pub(super) fn fold_at<T: Number>(level: Level, f: FoldFn, x: &[T]) -> T {
    // SAFETY: these types have folds.
    unsafe { fold_unchecked(level, f, x) }
}

/// # Safety
/// T is f32, f64, i32 or i64.
unsafe fn fold_unchecked<T: Element>(level: Level, f: FoldFn, x: &[T]) -> T {
    let address = Routine::Fold(f, T::DTYPE).address(level);
    // SAFETY: the entries of folds over T have this signature.
    unsafe {
        let routine: unsafe extern "C" fn(*const T, usize) -> T = std::mem::transmute(address);
        routine(x.as_ptr(), x.len())
    }
}

pub(super) fn widen_at(level: Level, from: DType, dst: &mut [f32], src: &[u16]) {
    assert_eq!(dst.len(), src.len());
    let address = Routine::Widen(from).address(level);
    // SAFETY: the entries of widening conversions have this signature; the lengths agree.
    unsafe {
        let routine: unsafe extern "C" fn(*mut f32, *const u16, usize) = std::mem::transmute(address);
        routine(dst.as_mut_ptr(), src.as_ptr(), src.len());
    }
}

pub(super) fn narrow_at(level: Level, to: DType, dst: &mut [u16], src: &[f32]) {
    assert_eq!(dst.len(), src.len());
    let address = Routine::Narrow(to).address(level);
    // SAFETY: the entries of narrowing conversions have this signature; the lengths agree.
    unsafe {
        let routine: unsafe extern "C" fn(*mut u16, *const f32, usize) = std::mem::transmute(address);
        routine(dst.as_mut_ptr(), src.as_ptr(), src.len());
    }
}
