//! [`with_element!`]: code for every dtype, written once.

/// Runs `$body` with `$T` the Rust type of the elements of a dtype.
macro_rules! with_element {
    ($dtype:expr, $T:ident => $body:expr) => {
        $crate::base::element::with_element!(@ $dtype, $T, $body;
            F32 f32, F64 f64, F16 half::f16, BF16 half::bf16, I8 i8, I16 i16, I32 i32, I64 i64,
            U8 u8, U16 u16, U32 u32, U64 u64, Bool bool, Complex64 [f32; 2])
    };
    (@ $dtype:expr, $T:ident, $body:expr; $($name:ident $t:ty),*) => {
        match $dtype {
            $($crate::base::DType::$name => {
                type $T = $t;
                $body
            })*
        }
    };
}
pub(crate) use with_element;
