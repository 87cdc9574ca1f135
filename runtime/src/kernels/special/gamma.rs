//! The gamma function's logarithm and derivatives, and Hurwitz's zeta function.

use super::polynomial;
use std::f64::consts::PI;

/// log|Γ(x)|; +∞ at 0 and the negative integers.
pub fn lgamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// -B₂ₖ / 2k for k = 1, 2, …: the coefficients of DLMF 5.11.2.
const DIGAMMA: [f64; 7] =
    [-1.0 / 12.0, 1.0 / 120.0, -1.0 / 252.0, 1.0 / 240.0, -1.0 / 132.0, 691.0 / 32760.0, -1.0 / 12.0];

/// Γ'(x) / Γ(x): ∓∞ at ±0, NaN at the negative integers.
///
/// By reflection (DLMF 5.5.4) for negative x, recurrence (5.5.2) up to 10, and the asymptotic series (5.11.2) beyond.
pub fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return f64::INFINITY.copysign(-x);
    }
    if x < 0.0 {
        // cot(πx) has period 1, and the distance to the nearest integer is exact.
        let r = x - x.round();
        return if r == 0.0 { f64::NAN } else { digamma(1.0 - x) - PI / libm::tan(PI * r) };
    }
    let (mut at, mut steps) = (x, 0.0);
    while at < 10.0 {
        steps += 1.0 / at;
        at += 1.0;
    }
    let z = 1.0 / (at * at);
    let tail = if at.is_infinite() { 0.0 } else { z * polynomial(z, &DIGAMMA) };
    libm::log(at) - 0.5 / at + tail - steps
}

/// The n-th derivative of [`digamma`], for whole n >= 0; NaN for other n. By [`zeta`], DLMF 5.15.1.
pub fn polygamma(n: f64, x: f64) -> f64 {
    if n == 0.0 {
        return digamma(x);
    }
    if n < 0.0 || n != n.floor() {
        return f64::NAN;
    }
    let magnitude = libm::tgamma(n + 1.0) * zeta(n + 1.0, x);
    if is_even(n) { -magnitude } else { magnitude }
}

/// B₂ₖ / (2k)! for k = 1, 2, …: the coefficients of the Euler-Maclaurin formula.
const EULER_MACLAURIN: [f64; 12] = [
    1.0 / 12.0,
    -1.0 / 720.0,
    1.0 / 30240.0,
    -1.0 / 1209600.0,
    1.0 / 47900160.0,
    -691.0 / 1307674368000.0,
    1.0 / 74724249600.0,
    -3617.0 / 10670622842880000.0,
    43867.0 / 5109094217170944000.0,
    -174611.0 / 802857662698291200000.0,
    77683.0 / 14101100039391805440000.0,
    -236364091.0 / 1693824136731743669452800000.0,
];

/// Below this, [`zeta`] folds a negative argument back instead of adding one term for each unit.
const FAR_LEFT: f64 = -30.0;

/// Hurwitz's zeta function `Σ (q + k)^-s` over k >= 0. +∞ for s = 1 and at the poles q = 0, -1, …; NaN for s < 1, and
/// for negative q unless s is whole.
///
/// Terms are added until `q + k >= 10 + s`, the rest is the Euler-Maclaurin formula (DLMF 25.11.7).
pub fn zeta(s: f64, q: f64) -> f64 {
    if s.is_nan() || q.is_nan() || s < 1.0 {
        return f64::NAN;
    }
    if s == 1.0 || (q <= 0.0 && q == q.floor()) {
        return f64::INFINITY;
    }
    if q < 0.0 && s != s.floor() {
        return f64::NAN;
    }
    if q.is_infinite() || s.is_infinite() {
        return if q > 1.0 { 0.0 } else { libm::pow(q, -s) };
    }
    if q < FAR_LEFT {
        // The sum over all k in Z has period 1 in q, and its parts left and right of 0 are zeta functions.
        let r = q - q.floor();
        let sign = if is_even(s) { 1.0 } else { -1.0 };
        return zeta(s, r) + sign * (zeta(s, 1.0 - r) - zeta(s, 1.0 - q));
    }
    let (mut at, mut sum) = (q, 0.0);
    // At most as many as there are up to 10 + s; if s is large, terms vanish much earlier.
    for _ in 0..400 {
        if at >= 10.0 + s {
            break;
        }
        let term = libm::pow(at, -s);
        sum += term;
        if at > 0.0 && term <= sum.abs() * (f64::EPSILON / 4.0) {
            return sum;
        }
        at += 1.0;
    }
    let power = libm::pow(at, -s);
    sum += power * (at / (s - 1.0) + 0.5);
    // s (s+1) … (s+2k-2) / at^(2k-1)
    let mut factor = power * (s / at);
    for (k, coefficient) in (1..).zip(EULER_MACLAURIN) {
        let term = coefficient * factor;
        sum += term;
        if term.abs() <= sum.abs() * (f64::EPSILON / 4.0) {
            break;
        }
        let k = 2.0 * f64::from(k);
        factor *= ((s + k - 1.0) / at) * ((s + k) / at);
    }
    sum
}

fn is_even(n: f64) -> bool {
    (0.5 * n).floor() == 0.5 * n
}
