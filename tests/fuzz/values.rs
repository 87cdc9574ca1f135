//! Elements of arguments: small exact numbers mostly, so that equal results are equal bits, and now and then others.

use crate::random::Random;
use tracelift_compiler::graph::opdef::Domain;
use tracelift_compiler::ops::eval;
use tracelift_compiler::{DType, Result};
use tracelift_runtime::Array;

/// Floats that rules tend to forget.
const SPECIAL: &[f64] = &[0.0, -0.0, 1.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-30, 1e30, 2.0, 1e-45];

/// An argument of this dtype and shape for an operand of an op with this domain.
pub fn sample(random: &mut Random, dtype: DType, shape: &[usize], domain: Domain) -> Result<Array> {
    let kind = random.below(20);
    let len = shape.iter().product();
    let numbers: Vec<f64> = (0..len).map(|_| element(random, dtype, domain, kind)).collect();
    eval::from_floats(dtype, shape, &numbers)
}

fn element(random: &mut Random, dtype: DType, domain: Domain, kind: usize) -> f64 {
    let eighths = |random: &mut Random, low: f64, high: f64| (random.unit() * (high - low) * 8.0).round() / 8.0 + low;
    match (domain, kind) {
        _ if dtype == DType::Bool => f64::from(u8::from(random.chance(50))),
        _ if dtype.is_unsigned_int() => random.within(0, if kind == 0 { 255 } else { 4 }) as f64,
        // Small and not negative: what indices, labels and counts are.
        _ if dtype.is_int() => match kind {
            0 => random.within(-100, 100) as f64,
            1..=6 => random.within(-4, 4) as f64,
            _ => random.within(0, 2) as f64,
        },
        (_, 0) => *random.pick(SPECIAL),
        (_, 1) if random.chance(10) => *random.pick(SPECIAL),
        (Domain::Between(low, high), 2..) => low + random.unit() * (high - low),
        (_, 2..6) => random.unit() * 6.0 - 3.0,
        (_, 6) => (random.unit() * 6.0 - 3.0).exp(),
        (_, 7..10) => eighths(random, 0.0, 2.0),
        (_, 10) => random.within(-3, 3) as f64,
        _ => eighths(random, -3.0, 3.0),
    }
}
