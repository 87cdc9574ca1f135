//! The math functions as types, so that drivers and tables are generic in the function.
//!
//! A function's vector algorithm is its [`Unary`] or [`Binary`] implementation, in the file of its subject
//! (`exp.rs`, `log.rs`, …), written once over [`Lanes`].

use super::MathFn;

/// A math function as a type.
pub(super) trait Function {
    /// Which one.
    const FN: MathFn;
}

macro_rules! functions {
    ($($name:ident)*) => {$(
        #[doc = concat!("[`MathFn::", stringify!($name), "`].")]
        pub(super) struct $name;
        impl Function for $name {
            const FN: MathFn = MathFn::$name;
        }
    )*};
}

functions! {
    Exp Exp2 Expm1 Log Log2 Log10 Log1p Rsqrt Cbrt Tanh Sigmoid Softplus Erf Erfc Sin Cos Tan Sinh Cosh
    Asin Acos Atan Asinh Acosh Atanh Ndtr Pow Atan2 Rem
}
