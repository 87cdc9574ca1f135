//! Functions of the normal distribution and of its tail.

use super::{exp_square, polynomial, series};
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// e^(x²) erfc(x): the tail of the error function without its decay.
///
/// By its definition up to 12, by the asymptotic series (DLMF 7.12.1) beyond.
pub fn erfcx(x: f64) -> f64 {
    if x < 12.0 {
        // Where erfc is 2, the square alone overflows.
        return if x < -27.0 { f64::INFINITY } else { exp_square(x, 1.0) * libm::erfc(x) };
    }
    let z = 0.5 / x / x;
    let sum = series(1.0, 14, |k, term| -term * (2.0 * k - 1.0) * z);
    sum / (x * PI.sqrt())
}

/// log Φ(x), the logarithm of the normal distribution function, without underflow on the left or cancellation on the
/// right.
pub fn log_ndtr(x: f64) -> f64 {
    let t = x * FRAC_1_SQRT_2;
    match x {
        _ if x < -1.0 => libm::log(0.5 * erfcx(-t)) - 0.5 * x * x,
        // Here the rounding of t would count 2t² times.
        _ if x > 1.0 => libm::log1p(-0.5 * erfcx(t) * exp_square(x, -0.5)),
        _ => libm::log1p(-0.5 * libm::erfc(t)),
    }
}

/// The coefficients of a quotient of polynomials.
struct Quotient {
    above: [f64; 8],
    below: [f64; 8],
}

impl Quotient {
    fn at(&self, x: f64) -> f64 {
        polynomial(x, &self.above) / polynomial(x, &self.below)
    }
}

/// In `0.180625 - (p - 1/2)²`, for |p - 1/2| <= 0.425.
const CENTER: Quotient = Quotient {
    above: [
        3.3871328727963665,
        133.14166789178438,
        1971.5909503065513,
        13731.69376550946,
        45921.95393154987,
        67265.7709270087,
        33430.57558358813,
        2509.0809287301227,
    ],
    below: [
        1.0,
        42.31333070160091,
        687.1870074920579,
        5394.196021424751,
        21213.794301586597,
        39307.89580009271,
        28729.085735721943,
        5226.495278852854,
    ],
};

/// In `√(-log p) - 1.6`, up to √(-log p) = 5.
const TAIL: Quotient = Quotient {
    above: [
        1.4234371107496835,
        4.630337846156546,
        5.769497221460691,
        3.6478483247632045,
        1.2704582524523684,
        0.2417807251774506,
        0.022723844989269184,
        0.0007745450142783414,
    ],
    below: [
        1.0,
        2.053191626637759,
        1.6763848301838038,
        0.6897673349851,
        0.14810397642748008,
        0.015198666563616457,
        0.0005475938084995345,
        1.0507500716444169e-09,
    ],
};

/// In `√(-log p) - 5`, beyond.
const FAR: Quotient = Quotient {
    above: [
        6.657904643501103,
        5.463784911164114,
        1.7848265399172913,
        0.29656057182850487,
        0.026532189526576124,
        0.0012426609473880784,
        2.7115555687434876e-05,
        2.0103343992922881e-07,
    ],
    below: [
        1.0,
        0.599832206555888,
        0.1369298809227358,
        0.014875361290850615,
        0.0007868691311456133,
        1.8463183175100548e-05,
        1.421511758316446e-07,
        2.0442631033899397e-15,
    ],
};

/// The inverse of the normal distribution function: ∓∞ at 0 and 1, NaN outside.
///
/// Wichura, "Algorithm AS 241: the percentage points of the normal distribution", 1988, with its coefficients.
pub fn ndtri(p: f64) -> f64 {
    let from_middle = p - 0.5;
    if from_middle.abs() <= 0.425 {
        return from_middle * CENTER.at(0.180625 - from_middle * from_middle);
    }
    let tail = if from_middle < 0.0 { p } else { 1.0 - p };
    if tail == 0.0 {
        return f64::INFINITY.copysign(from_middle);
    }
    // NaN below 0.
    let r = (-libm::log(tail)).sqrt();
    let distance = if r <= 5.0 { TAIL.at(r - 1.6) } else { FAR.at(r - 5.0) };
    distance.copysign(from_middle)
}
