//! Rust types that can be elements, and dispatch from a [`DType`] to them.

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

/// `with_element!(dtype, T => expr)`: `expr` with `T` the element type of `dtype`.
macro_rules! with_element {
    ($dtype:expr, $t:ident => $body:expr) => {{
        use $crate::array::DType;
        match $dtype {
            DType::F32 => $crate::array::element::bind!($t = f32 => $body),
            DType::F64 => $crate::array::element::bind!($t = f64 => $body),
            DType::F16 => $crate::array::element::bind!($t = half::f16 => $body),
            DType::BF16 => $crate::array::element::bind!($t = half::bf16 => $body),
            DType::I8 => $crate::array::element::bind!($t = i8 => $body),
            DType::I16 => $crate::array::element::bind!($t = i16 => $body),
            DType::I32 => $crate::array::element::bind!($t = i32 => $body),
            DType::I64 => $crate::array::element::bind!($t = i64 => $body),
            DType::U8 => $crate::array::element::bind!($t = u8 => $body),
            DType::U16 => $crate::array::element::bind!($t = u16 => $body),
            DType::U32 => $crate::array::element::bind!($t = u32 => $body),
            DType::U64 => $crate::array::element::bind!($t = u64 => $body),
            DType::Bool => $crate::array::element::bind!($t = bool => $body),
            DType::Complex64 => $crate::array::element::bind!($t = [f32; 2] => $body),
        }
    }};
}

/// `with_bits!(dtype, T => expr)`: `expr` with `T` the unsigned integer as large as an element of `dtype`; for
/// kernels that only move elements.
macro_rules! with_bits {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype.size() {
            1 => $crate::array::element::bind!($t = u8 => $body),
            2 => $crate::array::element::bind!($t = u16 => $body),
            4 => $crate::array::element::bind!($t = u32 => $body),
            _ => $crate::array::element::bind!($t = u64 => $body),
        }
    };
}

/// `expr` with a type named.
macro_rules! bind {
    ($t:ident = $type:ty => $body:expr) => {{
        type $t = $type;
        $body
    }};
}

pub(crate) use {bind, with_bits, with_element};
