//! Rust types that can be elements.

use super::DType;
use half::{bf16, f16};

/// A Rust type with a [`DType`]: `f32`, `i64`, `bool`, …
///
/// # Safety
/// `DTYPE` describes the type's layout, and every bit pattern that Tracelift writes for it is valid
/// (`bool` is only ever 0 or 1).
pub unsafe trait Element: Copy + Send + Sync + 'static + std::fmt::Debug + PartialEq {
    /// The dtype of arrays of this type.
    const DTYPE: DType;
}

macro_rules! element {
    ($($t:ty => $d:ident),*) => {$(
        // SAFETY: the dtype's size is the type's; all bit patterns are valid, or (bool) only 0 and 1 are written.
        unsafe impl Element for $t { const DTYPE: DType = DType::$d; }
    )*};
}

element!(f32 => F32, f64 => F64, f16 => F16, bf16 => BF16, i8 => I8, i16 => I16, i32 => I32, i64 => I64,
         u8 => U8, u16 => U16, u32 => U32, u64 => U64, bool => Bool, [f32; 2] => Complex64);
