//! The scalar definition of every math function, in f64.
//!
//! It is the oracle of the f32 routines, and the f64 routine of the functions that have no vector form.

use super::MathFn;
use super::functions::for_each_function;
use crate::kernels::special;

macro_rules! reference {
    ($($(#[$meta:meta])* $name:ident($first:ident $(, $second:ident)?): $single:ident, $double:ident => $scalar:expr;)*) => {
        /// `f(x)`, or `f(x, y)` for the functions with two operands, in f64: within about 1 ulp for those of `libm`,
        /// and as `kernels::special` says for the others.
        ///
        /// `y` is ignored by functions with one operand. [`MathFn::Atan2`] takes its y coordinate as `x`, as the
        /// routine does.
        #[inline(always)]
        pub fn reference(f: MathFn, x: f64, y: f64) -> f64 {
            match f {
                $(MathFn::$name => {
                    let $first = x;
                    $(let $second = y;)?
                    $scalar
                })*
            }
        }
    };
}
for_each_function!(reference);

/// 1 / (1 + e^-x) without overflow: the exponential's argument is never positive.
fn sigmoid(x: f64) -> f64 {
    let e = libm::exp(-x.abs());
    let numerator = if x < 0.0 { e } else { 1.0 };
    numerator / (1.0 + e)
}

/// log(1 + e^x) = max(x, 0) + log1p(e^-|x|).
fn softplus(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}
