//! The scalar definition of every math function, in f64.
//!
//! It is the oracle of the f32 routines, and the f64 routine of the functions that have no vector form.

use super::MathFn;

/// `f(x)`, or `f(x, y)` for the functions with two operands, in f64: within about 1 ulp.
///
/// `y` is ignored by functions with one operand. [`MathFn::Atan2`] takes its y coordinate as `x`, as the routine does.
#[inline(always)]
pub fn reference(f: MathFn, x: f64, y: f64) -> f64 {
    match f {
        MathFn::Exp => libm::exp(x),
        MathFn::Exp2 => libm::exp2(x),
        MathFn::Expm1 => libm::expm1(x),
        MathFn::Log => libm::log(x),
        MathFn::Log2 => libm::log2(x),
        MathFn::Log10 => libm::log10(x),
        MathFn::Log1p => libm::log1p(x),
        MathFn::Rsqrt => 1.0 / libm::sqrt(x),
        MathFn::Cbrt => libm::cbrt(x),
        MathFn::Tanh => libm::tanh(x),
        MathFn::Sigmoid => sigmoid(x),
        MathFn::Softplus => softplus(x),
        MathFn::Erf => libm::erf(x),
        MathFn::Erfc => libm::erfc(x),
        MathFn::Sin => libm::sin(x),
        MathFn::Cos => libm::cos(x),
        MathFn::Tan => libm::tan(x),
        MathFn::Sinh => libm::sinh(x),
        MathFn::Cosh => libm::cosh(x),
        MathFn::Asin => libm::asin(x),
        MathFn::Acos => libm::acos(x),
        MathFn::Atan => libm::atan(x),
        MathFn::Asinh => libm::asinh(x),
        // `libm::acosh` is finite for some numbers below -1.
        MathFn::Acosh => libm::acosh(if x < 1.0 { f64::NAN } else { x }),
        MathFn::Atanh => libm::atanh(x),
        MathFn::Ndtr => 0.5 * libm::erfc(-std::f64::consts::FRAC_1_SQRT_2 * x),
        MathFn::Pow => libm::pow(x, y),
        MathFn::Atan2 => libm::atan2(x, y),
        MathFn::Rem => libm::fmod(x, y),
    }
}

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
