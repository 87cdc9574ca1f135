//! Functions that are integrals: Dawson's, the exponential, Fresnel's, and Spence's.

use super::{exp_square, polynomial, series, square};
use std::f64::consts::{FRAC_PI_2, PI};

/// `e^(-x²) ∫ e^(t²) dt` from 0 to x.
///
/// By the power series of the integral, whose terms are all positive, up to 7; by the asymptotic series (DLMF 7.12.1 at
/// ix) beyond.
pub fn dawsn(x: f64) -> f64 {
    let a = x.abs();
    if a > 7.0 {
        let z = 0.5 / a / a;
        return series(1.0, 40, |k, term| term * (2.0 * k - 1.0) * z) * 0.5 / x;
    }
    // Terms x^(2k+1) / k! / (2k + 1).
    let (mut power, mut sum) = (1.0, 1.0);
    for k in 1..300 {
        let k = f64::from(k);
        power *= x * x / k;
        let term = power / (2.0 * k + 1.0);
        sum += term;
        if term <= sum * (f64::EPSILON / 4.0) {
            break;
        }
    }
    exp_square(x, -1.0) * x * sum
}

/// Euler's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// The exponential integral Ei(x) for x > 0; -∞ at 0, NaN below.
///
/// By DLMF 6.6.2 up to 40, by the asymptotic series (6.12.2) beyond.
pub fn expint(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x.is_infinite() {
        return x;
    }
    if x > 40.0 {
        // In two factors, because the power overflows before the quotient does.
        let half = libm::exp(0.5 * x);
        return half / x * series(1.0, 50, |k, term| term * k / x) * half;
    }
    let (mut power, mut sum) = (1.0, 0.0);
    for k in 1..300 {
        let k = f64::from(k);
        power *= x / k;
        let term = power / k;
        sum += term;
        if term <= sum * (f64::EPSILON / 4.0) {
            break;
        }
    }
    EULER + libm::log(x) + sum
}

/// `∫ sin(πt²/2) dt` from 0 to x.
pub fn fresnel_sin(x: f64) -> f64 {
    fresnel(x).1
}

/// `∫ cos(πt²/2) dt` from 0 to x.
pub fn fresnel_cos(x: f64) -> f64 {
    fresnel(x).0
}

/// Both of Fresnel's integrals, cosine first.
///
/// By their power series (DLMF 7.6.4, 7.6.6) up to 1.6. Beyond, they are the parts of (1 + i)/2 erf(z) with
/// z = (1 - i)/2 √π x, and erfc(z) has a continued fraction (DLMF 7.9.1), taken from its tail.
fn fresnel(x: f64) -> (f64, f64) {
    let a = x.abs();
    if a.is_nan() {
        return (x, x);
    }
    let (cosine, sine) = if a < 1.6 {
        let angle = FRAC_PI_2 * a * a;
        let odd_even = |start: u32| {
            // Σ (-1)^m angle^n / n! / (2n + 1) over n = start, start + 2, …
            let mut power = if start == 0 { 1.0 } else { angle };
            let (mut sum, mut n) = (0.0, f64::from(start));
            for _ in 0..30 {
                sum += power / (2.0 * n + 1.0);
                power *= -angle * angle / ((n + 1.0) * (n + 2.0));
                n += 2.0;
            }
            a * sum
        };
        (odd_even(0), odd_even(1))
    } else if a > 1e8 {
        // The oscillation is below half a unit in the last place.
        (0.5, 0.5)
    } else {
        large_fresnel(a)
    };
    (cosine.copysign(x), sine.copysign(x))
}

fn large_fresnel(a: f64) -> (f64, f64) {
    // √π e^(z²) erfc(z) = 1/(z + (1/2)/(z + 1/(z + (3/2)/(z + …)))), where z² = -iπx²/2.
    let z = (0.5 * PI.sqrt() * a, -0.5 * PI.sqrt() * a);
    let divide = |by: (f64, f64), number: f64| {
        let norm = by.0 * by.0 + by.1 * by.1;
        (number * by.0 / norm, -number * by.1 / norm)
    };
    let mut tail = z;
    for k in (1..=160).rev() {
        let part = divide(tail, 0.5 * f64::from(k));
        tail = (z.0 + part.0, z.1 + part.1);
    }
    let w = divide(tail, 1.0 / PI.sqrt());
    // erfc = w e^(-z²) = w e^(iπa²/2); a² is reduced before it is multiplied by π/2.
    let (high, low) = square(a);
    let turns = high % 4.0 + low % 4.0;
    let (s, c) = (libm::sin(FRAC_PI_2 * turns), libm::cos(FRAC_PI_2 * turns));
    let erf = (1.0 - (w.0 * c - w.1 * s), -(w.0 * s + w.1 * c));
    // C + iS = (1 + i)/2 erf(z)
    (0.5 * (erf.0 - erf.1), 0.5 * (erf.0 + erf.1))
}

/// `-∫ log(t) / (t - 1) dt` from 1 to x: the dilogarithm of 1 - x. NaN below 0.
///
/// By the series in -log(1 - z) (with Bernoulli's numbers), after reflection and inversion (DLMF 25.12.4, 25.12.6) have
/// brought z = 1 - x to -1 … 1/2.
pub fn spence(x: f64) -> f64 {
    const ZETA_2: f64 = PI * PI / 6.0;
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return ZETA_2;
    }
    if x.is_infinite() {
        return f64::NEG_INFINITY;
    }
    if x > 2.0 {
        // z below -1.
        let log = libm::log(x - 1.0);
        return -ZETA_2 - 0.5 * log * log - dilogarithm(1.0 / (1.0 - x), x / (x - 1.0));
    }
    if x < 0.5 {
        // z above 1/2.
        return ZETA_2 - libm::log(x) * libm::log1p(-x) - dilogarithm(x, 1.0 - x);
    }
    dilogarithm(1.0 - x, x)
}

/// Li₂(z) for z in -1 … 1/2, given 1 - z too.
fn dilogarithm(z: f64, one_minus: f64) -> f64 {
    /// B₂ₖ / (2k + 1)!
    const BERNOULLI: [f64; 10] = [
        1.0 / 36.0,
        -1.0 / 3600.0,
        1.0 / 211680.0,
        -1.0 / 10886400.0,
        1.0 / 526901760.0,
        -4.064_761_645_144_226e-11,
        8.921_691_020_456_453e-13,
        -1.993_929_586_072_107_4e-14,
        4.518_980_029_619_918e-16,
        -1.035_651_761_218_125e-17,
    ];
    let u = if z.abs() < 0.5 { -libm::log1p(-z) } else { -libm::log(one_minus) };
    let u_square = u * u;
    u - 0.25 * u_square + u * u_square * polynomial(u_square, &BERNOULLI)
}
