//! THE TABLE of math functions, and each of them as a type, so that drivers and tables are generic in the function.
//!
//! A function's vector algorithm is its [`Unary`](super::lanes::Unary) or [`Binary`](super::lanes::Binary)
//! implementation, in the file of its subject (`exp.rs`, `log.rs`, …), written once over
//! [`Lanes`](super::lanes::Lanes). A function without one is computed by its scalar definition on every level.

use super::MathFn;

/// Calls `$callback!` with one line a function: `Name(operands): routine of f32, routine of f64 => scalar definition;`
///
/// Routines are those of a level: `unary` and `binary` in vectors for f32 results, `unary_double` in vectors for f64,
/// `…_scalar` and `…_f64` by the scalar definition. Ids follow the order of the lines.
macro_rules! for_each_function {
    ($($callback:ident)::+) => {
        $($callback)::+! {
            Exp(x): unary, unary_double => libm::exp(x);
            Exp2(x): unary, unary_f64 => libm::exp2(x);
            Expm1(x): unary, unary_f64 => libm::expm1(x);
            Log(x): unary, unary_double => libm::log(x);
            Log2(x): unary, unary_f64 => libm::log2(x);
            Log10(x): unary, unary_f64 => libm::log10(x);
            Log1p(x): unary, unary_f64 => libm::log1p(x);
            Rsqrt(x): unary, unary_f64 => 1.0 / libm::sqrt(x);
            Cbrt(x): unary, unary_f64 => libm::cbrt(x);
            Tanh(x): unary, unary_double => libm::tanh(x);
            Sigmoid(x): unary, unary_double => sigmoid(x);
            Softplus(x): unary, unary_f64 => softplus(x);
            Erf(x): unary, unary_f64 => libm::erf(x);
            Erfc(x): unary, unary_f64 => libm::erfc(x);
            /// The distribution function of the standard normal.
            Ndtr(x): unary, unary_f64 => 0.5 * libm::erfc(-std::f64::consts::FRAC_1_SQRT_2 * x);
            Sin(x): unary, unary_f64 => libm::sin(x);
            Cos(x): unary, unary_f64 => libm::cos(x);
            Tan(x): unary, unary_f64 => libm::tan(x);
            Sinh(x): unary, unary_f64 => libm::sinh(x);
            Cosh(x): unary, unary_f64 => libm::cosh(x);
            Asin(x): unary, unary_f64 => libm::asin(x);
            Acos(x): unary, unary_f64 => libm::acos(x);
            Atan(x): unary, unary_f64 => libm::atan(x);
            Asinh(x): unary, unary_f64 => libm::asinh(x);
            // `libm::acosh` is finite for some numbers below -1.
            Acosh(x): unary, unary_f64 => libm::acosh(if x < 1.0 { f64::NAN } else { x });
            Atanh(x): unary, unary_f64 => libm::atanh(x);
            Lgamma(x): unary_scalar, unary_f64 => special::lgamma(x);
            Digamma(x): unary_scalar, unary_f64 => special::digamma(x);
            BesselI0(x): unary_scalar, unary_f64 => special::bessel_i0(x);
            BesselI0e(x): unary_scalar, unary_f64 => special::bessel_i0e(x);
            BesselI1(x): unary_scalar, unary_f64 => special::bessel_i1(x);
            BesselI1e(x): unary_scalar, unary_f64 => special::bessel_i1e(x);
            BesselJ0(x): unary_scalar, unary_f64 => special::bessel_j0(x);
            BesselJ1(x): unary_scalar, unary_f64 => special::bessel_j1(x);
            BesselY0(x): unary_scalar, unary_f64 => special::bessel_y0(x);
            BesselY1(x): unary_scalar, unary_f64 => special::bessel_y1(x);
            BesselK0(x): unary_scalar, unary_f64 => special::bessel_k0(x);
            BesselK0e(x): unary_scalar, unary_f64 => special::bessel_k0e(x);
            BesselK1(x): unary_scalar, unary_f64 => special::bessel_k1(x);
            BesselK1e(x): unary_scalar, unary_f64 => special::bessel_k1e(x);
            Erfcx(x): unary_scalar, unary_f64 => special::erfcx(x);
            LogNdtr(x): unary_scalar, unary_f64 => special::log_ndtr(x);
            Ndtri(x): unary_scalar, unary_f64 => special::ndtri(x);
            Dawsn(x): unary_scalar, unary_f64 => special::dawsn(x);
            Expint(x): unary_scalar, unary_f64 => special::expint(x);
            FresnelSin(x): unary_scalar, unary_f64 => special::fresnel_sin(x);
            FresnelCos(x): unary_scalar, unary_f64 => special::fresnel_cos(x);
            Spence(x): unary_scalar, unary_f64 => special::spence(x);
            Pow(x, y): binary, binary_f64 => libm::pow(x, y);
            /// The y coordinate comes first.
            Atan2(y, x): binary, binary_f64 => libm::atan2(y, x);
            /// The remainder of x / y with the sign of x (C's `fmod`); exact.
            Rem(x, y): binary, binary_f64 => libm::fmod(x, y);
            Hypot(x, y): binary_scalar, binary_f64 => libm::hypot(x, y);
            Polygamma(n, x): binary_scalar, binary_f64 => special::polygamma(n, x);
            Zeta(s, q): binary_scalar, binary_f64 => special::zeta(s, q);
            Igamma(a, x): binary_scalar, binary_f64 => special::igamma(a, x);
            Igammac(a, x): binary_scalar, binary_f64 => special::igammac(a, x);
            /// The derivative of `Igamma` with respect to its first operand.
            IgammaGradA(a, x): binary_scalar, binary_f64 => special::igamma_grad_a(a, x);
        }
    };
}
pub(super) use for_each_function;

/// A math function as a type.
pub(super) trait Function {
    /// Which one.
    const FN: MathFn;
}

macro_rules! types {
    ($($(#[$meta:meta])* $name:ident($($operand:ident),+): $single:ident, $double:ident => $scalar:expr;)*) => {$(
        #[doc = concat!("[`MathFn::", stringify!($name), "`].")]
        pub(super) struct $name;
        impl Function for $name {
            const FN: MathFn = MathFn::$name;
        }
    )*};
}
for_each_function!(types);
