//! The incomplete gamma and beta functions, regularised.
//!
//! P(a, x) and Q = 1 - P are computed where they do not cancel: P by its power series left of the transition x = a, Q
//! by its continued fraction right of it, both by Temme's uniform expansion near it if a is large.

use super::gamma::digamma;
use super::{polynomial, series};
use std::f64::consts::{FRAC_1_SQRT_2, PI};
use std::ops::{Add, Mul};

/// From here on, the neighbourhood of x = a is left to the uniform expansion.
const LARGE: f64 = 200.0;
/// How far it reaches, relative to a.
const NEAR: f64 = 0.3;

/// P(a, x): the lower incomplete gamma function over Γ(a). NaN for negative a or x.
pub fn igamma(a: f64, x: f64) -> f64 {
    if let Some(p) = special_p(a, x) {
        p
    } else if is_near(a, x) {
        uniform(a, x, -1.0)
    } else if x > 1.0 && x > a {
        1.0 - igammac(a, x)
    } else {
        p_series(a, x)
    }
}

/// Q(a, x): the upper incomplete gamma function over Γ(a). NaN for negative a or x.
pub fn igammac(a: f64, x: f64) -> f64 {
    if let Some(p) = special_p(a, x) {
        return 1.0 - p;
    }
    if is_near(a, x) {
        return uniform(a, x, 1.0);
    }
    // Where Q is small enough to be computed itself (the bounds of Cephes' igam.c).
    let is_direct = match x {
        _ if x > 1.1 => x >= a,
        _ if x <= 0.5 => -0.4 / libm::log(x) >= a,
        _ => 0.75 * x >= a,
    };
    match (is_direct, x > 1.1) {
        (false, _) => 1.0 - p_series(a, x),
        (true, true) => q_fraction(a, x).value,
        (true, false) => q_series(a, x),
    }
}

/// The derivative of P(a, x) with respect to a.
pub fn igamma_grad_a(a: f64, x: f64) -> f64 {
    if let Some(p) = special_p(a, x) {
        return if p.is_nan() { p } else { 0.0 };
    }
    if is_near(a, x) && a > 1e4 {
        // Five-point differences: P is smooth on the scale √a.
        let h = 0.005 * a.sqrt();
        let p = |k: f64| igamma(a + k * h, x);
        return (8.0 * (p(1.0) - p(-1.0)) - (p(2.0) - p(-2.0))) / (12.0 * h);
    }
    if x > 1.0 && x > a && !is_near(a, x) {
        return -q_fraction(a, x).slope;
    }
    // Of x^a e^-x / Γ(a+1) Σ x^n / ((a+1) … (a+n)), factor by factor.
    let (mut sum, mut slope, mut term, mut logarithmic) = (1.0, 0.0, 1.0, 0.0);
    for n in 1..20_000 {
        let next = a + f64::from(n);
        term *= x / next;
        logarithmic -= 1.0 / next;
        sum += term;
        slope += term * logarithmic;
        if term * (1.0 - logarithmic) <= f64::EPSILON / 4.0 * sum && x < next {
            break;
        }
    }
    prefactor(a, x) * ((libm::log(x) - digamma(a + 1.0)) * sum + slope)
}

/// P(a, x) at the ends of its domain.
fn special_p(a: f64, x: f64) -> Option<f64> {
    let undefined = !(a >= 0.0 && x >= 0.0) || (a == 0.0 && x == 0.0) || (a.is_infinite() && x.is_infinite());
    match (a, x) {
        _ if undefined => Some(f64::NAN),
        (_, 0.0) => Some(0.0),
        (0.0, _) => Some(1.0),
        _ if a.is_infinite() => Some(0.0),
        _ if x.is_infinite() => Some(1.0),
        _ => None,
    }
}

fn is_near(a: f64, x: f64) -> bool {
    a >= LARGE && (x - a).abs() <= NEAR * a
}

/// x^a e^-x / Γ(a + 1). For large a by Stirling's formula, so that only the distance from the peak is exponentiated.
fn prefactor(a: f64, x: f64) -> f64 {
    if a < 10.0 {
        return if x > 700.0 {
            libm::exp(a * libm::log(x) - x - libm::lgamma(a + 1.0))
        } else {
            libm::pow(x, a) * libm::exp(-x) / libm::tgamma(a + 1.0)
        };
    }
    /// The coefficients of log Γ's asymptotic series, DLMF 5.11.1.
    const STIRLING: [f64; 6] = [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360360.0];
    let correction = polynomial(1.0 / (a * a), &STIRLING) / a;
    libm::exp(-a * excess((x - a) / a, x / a) - correction) / (2.0 * PI * a).sqrt()
}

/// μ - log(1 + μ), given 1 + μ too, without cancellation near 0.
fn excess(mu: f64, ratio: f64) -> f64 {
    if mu.abs() > 0.35 {
        return mu - libm::log(ratio);
    }
    // log(1 + μ) = 2 artanh(s) with s = μ / (2 + μ), and μ - 2s = sμ.
    let s = mu / (2.0 + mu);
    let z = s * s;
    let tail = (0..12).rev().fold(0.0, |sum, k| sum * z + 1.0 / f64::from(2 * k + 3));
    s * mu - 2.0 * s * z * tail
}

/// P by DLMF 8.11.4.
fn p_series(a: f64, x: f64) -> f64 {
    prefactor(a, x) * series(1.0, 2000, |n, term| term * x / (a + n))
}

/// Q for small x: 1 - P with the leading terms of both taken together (DLMF 8.7.1).
fn q_series(a: f64, x: f64) -> f64 {
    let logarithm = a * libm::log(x) - lgamma_1p(a);
    let mut power = 1.0;
    let mut sum = 0.0;
    for n in 1..100 {
        let n = f64::from(n);
        power *= -x / n;
        let term = power / (a + n);
        sum += term;
        if term.abs() <= f64::EPSILON / 4.0 * sum.abs() {
            break;
        }
    }
    -libm::expm1(logarithm) - libm::exp(logarithm) * a * sum
}

/// log Γ(1 + a), exact near 0: what the sum rounds off counts by the derivative.
fn lgamma_1p(a: f64) -> f64 {
    let sum = 1.0 + a;
    libm::lgamma(sum) + digamma(sum) * (a - (sum - 1.0))
}

/// Q and its derivative with respect to a, by the continued fraction DLMF 8.9.2 after Lentz (as modified by Thompson
/// and Barnett).
fn q_fraction(a: f64, x: f64) -> Dual {
    let variable = Dual { value: a, slope: 1.0 };
    let mut b = variable * -1.0 + (x + 1.0);
    let mut d = b.reciprocal();
    let (mut c, mut h) = (Dual::constant(1e300), d);
    for i in 1..2000 {
        let i = f64::from(i);
        let numerator = (variable + -i) * i;
        b = b + 2.0;
        d = (b + numerator * d).reciprocal();
        c = b + numerator * c.reciprocal();
        let factor = c * d;
        h = h * factor;
        if (factor.value - 1.0).abs() <= f64::EPSILON && factor.slope.abs() * h.value.abs() <= 1e-16 * h.slope.abs() {
            break;
        }
    }
    let power = a * prefactor(a, x);
    h * Dual { value: power, slope: power * (libm::log(x) - digamma(a)) }
}

/// The coefficients of c_k(η) in powers of η, for the uniform expansion; from the recurrence DLMF 8.12.10 in 60 digits.
const UNIFORM: [&[f64]; 6] = [
    &[
        -0.3333333333333333,
        0.08333333333333333,
        -0.014814814814814815,
        0.0011574074074074073,
        0.0003527336860670194,
        -0.0001787551440329218,
        3.919263178522438e-05,
        -2.185448510679992e-06,
        -1.85406221071516e-06,
        8.296711340953087e-07,
        -1.7665952736826078e-07,
        6.707853543401498e-09,
        1.0261809784240309e-08,
        -4.382036018453353e-09,
        9.14769958223679e-10,
        -2.5514193994946248e-11,
        -5.830772132550426e-11,
    ],
    &[
        -0.001851851851851852,
        -0.003472222222222222,
        0.0026455026455026454,
        -0.0009902263374485596,
        0.00020576131687242798,
        -4.018775720164609e-07,
        -1.8098550334489977e-05,
        7.64916091608111e-06,
        -1.6120900894563446e-06,
        4.647127802807434e-09,
        1.378633446915721e-07,
        -5.752545603517705e-08,
        1.1951628599778148e-08,
    ],
    &[
        0.004133597883597883,
        -0.0026813271604938273,
        0.0007716049382716049,
        2.0093878600823047e-06,
        -0.0001073665322636516,
        5.2923448829120125e-05,
        -1.2760635188618728e-05,
        3.423578734096138e-08,
        1.3721957309062934e-06,
        -6.298992138380055e-07,
        1.4280614206064242e-07,
    ],
    &[
        0.0006494341563786008,
        0.00022947209362139917,
        -0.0004691894943952557,
        0.00026772063206283885,
        -7.561801671883977e-05,
        -2.396505113867297e-07,
        1.1082654115347302e-05,
        -5.6749528269915965e-06,
        1.4230900732435883e-06,
    ],
    &[
        -0.0008618882909167117,
        0.0007840392217200666,
        -0.0002990724803031902,
        -1.4638452578843418e-06,
        6.641498215465122e-05,
        -3.968365047179435e-05,
        1.1375726970678419e-05,
    ],
    &[
        -0.00033679855336635813,
        -6.972813758365857e-05,
        0.0002772753244959392,
        -0.00019932570516188847,
        6.797780477937208e-05,
    ],
];

/// Q for `side` 1, P for -1, near x = a: Temme, "The asymptotic expansion of the incomplete gamma functions", 1979
/// (DLMF 8.12.3, 8.12.4, 8.12.8).
fn uniform(a: f64, x: f64, side: f64) -> f64 {
    let mu = (x - a) / a;
    let half_square = excess(mu, x / a);
    let eta = (2.0 * half_square).sqrt().copysign(mu);
    let coefficients = UNIFORM.map(|c| polynomial(eta, c));
    let rest = libm::exp(-a * half_square) / (2.0 * PI * a).sqrt() * polynomial(1.0 / a, &coefficients);
    0.5 * libm::erfc(side * eta * a.sqrt() * FRAC_1_SQRT_2) + side * rest
}

/// I_x(a, b): the incomplete beta function over B(a, b). NaN unless a, b > 0 and 0 <= x <= 1.
///
/// By the continued fraction DLMF 8.17.22 after Lentz, on the side where it converges quickly.
pub fn betainc(a: f64, b: f64, x: f64) -> f64 {
    if !(a > 0.0 && b > 0.0 && (0.0..=1.0).contains(&x)) || a.is_infinite() || b.is_infinite() {
        return f64::NAN;
    }
    if x == 0.0 || x == 1.0 {
        return x;
    }
    if x > (a + 1.0) / (a + b + 2.0) { 1.0 - beta_fraction(b, a, 1.0 - x, x) } else { beta_fraction(a, b, x, 1.0 - x) }
}

fn beta_fraction(a: f64, b: f64, x: f64, rest: f64) -> f64 {
    let log_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let power = libm::exp(a * libm::log(x) + b * libm::log(rest) - log_beta) / a;
    let away = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let (mut c, mut h) = (1.0, d);
    for m in 1..5000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut last = 1.0;
        for numerator in [even, odd] {
            d = 1.0 / away(1.0 + numerator * d);
            c = away(1.0 + numerator / c);
            last = c * d;
            h *= last;
        }
        if (last - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    power * h
}

/// A number and its derivative.
#[derive(Clone, Copy)]
struct Dual {
    value: f64,
    slope: f64,
}

impl Dual {
    fn constant(value: f64) -> Dual {
        Dual { value, slope: 0.0 }
    }

    fn reciprocal(self) -> Dual {
        let value = 1.0 / if self.value.abs() < 1e-300 { 1e-300 } else { self.value };
        Dual { value, slope: -self.slope * value * value }
    }
}

impl Add for Dual {
    type Output = Dual;
    fn add(self, other: Dual) -> Dual {
        Dual { value: self.value + other.value, slope: self.slope + other.slope }
    }
}

impl Add<f64> for Dual {
    type Output = Dual;
    fn add(self, other: f64) -> Dual {
        self + Dual::constant(other)
    }
}

impl Mul for Dual {
    type Output = Dual;
    fn mul(self, other: Dual) -> Dual {
        Dual { value: self.value * other.value, slope: self.slope * other.value + self.value * other.slope }
    }
}

impl Mul<f64> for Dual {
    type Output = Dual;
    fn mul(self, other: f64) -> Dual {
        self * Dual::constant(other)
    }
}
