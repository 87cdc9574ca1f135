//! Modified Bessel functions of the first kind, of order 0 and 1.
//!
//! Up to 20 by the power series, whose terms are all positive (DLMF 10.25.2); beyond by the asymptotic series
//! (10.40.1).

use super::series;
use std::f64::consts::PI;

const SMALL: f64 = 20.0;

/// I₀(x); NaN at ±∞, as SciPy's and PyTorch's.
pub fn bessel_i0(x: f64) -> f64 {
    if x.abs() <= SMALL { power_series(x, 0.0) } else { grown(bessel_i0e(x), x) }
}

/// e^-|x| I₀(x).
pub fn bessel_i0e(x: f64) -> f64 {
    let a = x.abs();
    if a <= SMALL { libm::exp(-a) * power_series(a, 0.0) } else { asymptotic(a, 0.0) }
}

/// I₁(x); NaN at ±∞, as SciPy's and PyTorch's.
pub fn bessel_i1(x: f64) -> f64 {
    if x.abs() <= SMALL { 0.5 * x * power_series(x, 1.0) } else { grown(bessel_i1e(x), x) }
}

/// e^-|x| I₁(x).
pub fn bessel_i1e(x: f64) -> f64 {
    let a = x.abs();
    if a <= SMALL { libm::exp(-a) * 0.5 * x * power_series(a, 1.0) } else { asymptotic(a, 1.0).copysign(x) }
}

/// `Σ (x²/4)^k / (k! (k + order)!)`
fn power_series(x: f64, order: f64) -> f64 {
    let quarter = 0.25 * x * x;
    series(1.0, 100, |k, term| term * quarter / (k * (k + order)))
}

/// `1 / √(2πx) Σ (-1)^k a_k(order) / x^k`
fn asymptotic(x: f64, order: f64) -> f64 {
    if x.is_infinite() {
        return 0.0;
    }
    let sum = series(1.0, 40, |k, term| {
        let odd = 2.0 * k - 1.0;
        -term * (4.0 * order - odd * odd) / (8.0 * k * x)
    });
    sum / (2.0 * PI * x).sqrt()
}

/// `scaled e^|x|`, where the power alone may overflow.
fn grown(scaled: f64, x: f64) -> f64 {
    let half = libm::exp(0.5 * x.abs());
    scaled * half * half
}
