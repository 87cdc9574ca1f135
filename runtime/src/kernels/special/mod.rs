//! Special functions of one f64 at a time: what the tile routines of the same names, and through them the ops, mean.
//!
//! Each is computed from its series, continued fraction or asymptotic expansion, chosen so that terms do not cancel;
//! f32 results are these rounded once. Sources are given with the functions: NIST's Digital Library of Mathematical
//! Functions (<https://dlmf.nist.gov>, "DLMF") unless another is named. Every loop has a bound, whatever the operands.
//! Special values (poles, infinities, arguments out of the domain) are those of SciPy.
//!
//! Start with the function's file: `gamma.rs` for a simple one, `incomplete.rs` for the most involved.

mod bessel;
mod gamma;
mod incomplete;
mod integral;
mod normal;

pub use bessel::{
    bessel_i0, bessel_i0e, bessel_i1, bessel_i1e, bessel_j0, bessel_j1, bessel_k0, bessel_k0e, bessel_k1, bessel_k1e,
    bessel_y0, bessel_y1,
};
pub use gamma::{digamma, lgamma, polygamma, zeta};
pub use incomplete::{betainc, igamma, igamma_grad_a, igammac};
pub use integral::{dawsn, expint, fresnel_cos, fresnel_sin, spence};
pub use normal::{erfcx, log_ndtr, ndtri};

/// The sum of `first`, and of what `next` makes of the number of the term and the term before it, until terms no longer
/// count or there are `limit`.
fn series(first: f64, limit: u32, mut next: impl FnMut(f64, f64) -> f64) -> f64 {
    let (mut sum, mut term) = (first, first);
    for n in 1..limit {
        term = next(f64::from(n), term);
        sum += term;
        if term.abs() <= sum.abs() * (f64::EPSILON / 4.0) {
            break;
        }
    }
    sum
}

/// `coefficients[0] + coefficients[1] x + …`
fn polynomial(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// `e^(factor x²)`, without the error of rounding the square.
fn exp_square(x: f64, factor: f64) -> f64 {
    if x.is_infinite() {
        return libm::exp(factor * x * x);
    }
    let (high, low) = square(x);
    libm::exp(factor * high) * libm::exp(factor * low)
}

/// x² as a sum of two numbers, the first of them the exact square of the upper half of x's digits.
fn square(x: f64) -> (f64, f64) {
    let high = f64::from_bits(x.to_bits() & !0x7ff_ffff);
    (high * high, (x - high) * (x + high))
}
