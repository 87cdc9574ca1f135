//! Bessel functions of order 0 and 1: J and Y (those of libm), and the modified ones, I and K.
//!
//! I: up to 20 by the power series, whose terms are all positive (DLMF 10.25.2); beyond by the asymptotic series
//! (10.40.1). K: up to 2 by the series with the logarithm (10.31), beyond by Steed's continued fraction (Temme, "On the
//! numerical evaluation of the modified Bessel function of the third kind", 1975).

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

/// J₀(x).
pub fn bessel_j0(x: f64) -> f64 {
    libm::j0(x)
}

/// J₁(x).
pub fn bessel_j1(x: f64) -> f64 {
    libm::j1(x)
}

/// Y₀(x); -∞ at 0, NaN below.
pub fn bessel_y0(x: f64) -> f64 {
    libm::y0(x)
}

/// Y₁(x); -∞ at 0, NaN below.
pub fn bessel_y1(x: f64) -> f64 {
    libm::y1(x)
}

/// K₀(x); ∞ at 0, NaN below.
pub fn bessel_k0(x: f64) -> f64 {
    modified(x, 0, false)
}

/// e^x K₀(x).
pub fn bessel_k0e(x: f64) -> f64 {
    modified(x, 0, true)
}

/// K₁(x); ∞ at 0, NaN below.
pub fn bessel_k1(x: f64) -> f64 {
    modified(x, 1, false)
}

/// e^x K₁(x).
pub fn bessel_k1e(x: f64) -> f64 {
    modified(x, 1, true)
}

/// K of this order, times e^x if `scaled`.
fn modified(x: f64, order: usize, scaled: bool) -> f64 {
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    match x {
        0.0 => f64::INFINITY,
        f64::INFINITY => 0.0,
        x if x <= 2.0 => [k0_near, k1_near][order](x) * if scaled { libm::exp(x) } else { 1.0 },
        x => k_far(x)[order] * if scaled { 1.0 } else { libm::exp(-x) },
    }
}

/// Euler's constant.
const GAMMA: f64 = 0.577_215_664_901_532_9;

/// `-(log(x / 2) + γ) I₀(x) + Σ H(k) (x²/4)^k / k!²`
fn k0_near(x: f64) -> f64 {
    let quarter = 0.25 * x * x;
    let (mut term, mut harmonic, mut sum) = (1.0, 0.0, 0.0);
    for k in 1..30 {
        let k = f64::from(k);
        term *= quarter / (k * k);
        harmonic += 1.0 / k;
        sum += harmonic * term;
    }
    sum - (libm::log(0.5 * x) + GAMMA) * bessel_i0(x)
}

/// `1 / x + log(x / 2) I₁(x) - x/4 Σ (ψ(k + 1) + ψ(k + 2)) (x²/4)^k / (k! (k + 1)!)`
fn k1_near(x: f64) -> f64 {
    let quarter = 0.25 * x * x;
    let (mut term, mut harmonic) = (1.0, -2.0 * GAMMA + 1.0);
    let mut sum = harmonic;
    for k in 1..30 {
        let k = f64::from(k);
        term *= quarter / (k * (k + 1.0));
        harmonic += 1.0 / k + 1.0 / (k + 1.0);
        sum += harmonic * term;
    }
    1.0 / x + libm::log(0.5 * x) * bessel_i1(x) - 0.25 * x * sum
}

/// `e^x K₀(x)` and `e^x K₁(x)`.
fn k_far(x: f64) -> [f64; 2] {
    // Numerical Recipes, 6.7: the second continued fraction and Temme's sum along with it, of order 0.
    let (a1, mut b) = (0.25, 2.0 * (1.0 + x));
    let mut d = 1.0 / b;
    let (mut h, mut delta) = (d, d);
    let (mut q1, mut q2, mut q, mut c, mut a) = (0.0, 1.0, a1, a1, -a1);
    let mut sum = 1.0 + q * delta;
    for i in 2..10_000 {
        let i = f64::from(i);
        a -= 2.0 * (i - 1.0);
        c = -a * c / i;
        let next = (q1 - b * q2) / a;
        (q1, q2) = (q2, next);
        q += c * next;
        b += 2.0;
        d = 1.0 / (b + a * d);
        delta *= b * d - 1.0;
        h += delta;
        let more = q * delta;
        sum += more;
        if (more / sum).abs() < f64::EPSILON / 4.0 {
            break;
        }
    }
    let k0 = (PI / (2.0 * x)).sqrt() / sum;
    [k0, k0 * (x + 0.5 - a1 * h) / x]
}
