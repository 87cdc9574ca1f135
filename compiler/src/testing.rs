//! What the crate's tests share: samples and comparison of arrays.

use crate::base::DType;
use half::f16;
use tracelift_runtime::{Array, Element};

/// Floats that rules tend to forget.
const SPECIAL: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    0.5,
    -2.0,
    3.0,
    1e-3,
    -1e4,
    6e-5,
    6e4,
    1e30,
    -1e-30,
];

/// An array of samples: special values first, then pseudo-random ones; `ordinary` leaves positive numbers near 1.
pub fn samples(dtype: DType, shape: &[usize], ordinary: bool) -> Array {
    let count: usize = shape.iter().product();
    let mut state = 0x9e37_79b9_7f4a_7c15u64 ^ count as u64;
    let numbers: Vec<f64> = (0..count)
        .map(|k| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let random = (state >> 40) as f64 / f64::from(1 << 24);
            match SPECIAL.get(k) {
                _ if ordinary => 0.25 + 2.0 * random,
                Some(&special) => special,
                None => 8.0 * random - 4.0,
            }
        })
        .collect();
    match dtype {
        DType::F32 => filled(shape, &numbers, |v| v as f32),
        DType::F64 => filled(shape, &numbers, |v| v),
        DType::F16 => filled(shape, &numbers, f16::from_f64),
        DType::I32 => filled(shape, &numbers, |v| v as i32),
        DType::I64 => filled(shape, &numbers, |v| v as i64),
        DType::U8 => filled(shape, &numbers, |v| v as u8),
        DType::Bool => filled(shape, &numbers, |v| v > 0.5),
        other => panic!("no samples of {other}"),
    }
}

fn filled<T: Element>(shape: &[usize], numbers: &[f64], convert: impl Fn(f64) -> T) -> Array {
    Array::from_slice(shape, &numbers.iter().map(|&v| convert(v)).collect::<Vec<T>>())
}

/// What differs, if anything does: by bits (all NaNs being one), or by more than `ulps` units in the last place, zeros
/// and subnormals being equal.
pub fn difference(expected: &Array, actual: &Array, ulps: Option<u32>) -> Option<String> {
    if (expected.dtype(), expected.shape()) != (actual.dtype(), actual.shape()) {
        return Some(format!("expected {expected:?}, received {actual:?}"));
    }
    let (epsilon, smallest) = match expected.dtype() {
        DType::F32 => (f64::from(f32::EPSILON), f64::from(f32::MIN_POSITIVE)),
        DType::F16 => (f16::EPSILON.to_f64(), f16::MIN_POSITIVE.to_f64()),
        _ => (f64::EPSILON, f64::MIN_POSITIVE),
    };
    let (a, b) = (numbers(expected), numbers(actual));
    a.iter().zip(&b).enumerate().find_map(|(k, (&a, &b))| {
        let close = ulps.is_some_and(|u| a == b || (a - b).abs() <= f64::from(u) * epsilon * a.abs() + smallest);
        let same = a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
        (!same && !close).then(|| {
            format!("element {k} of {}{:?}: expected {a:?}, received {b:?}", expected.dtype(), expected.shape())
        })
    })
}

/// The elements as f64, exactly but for the largest integers.
fn numbers(array: &Array) -> Vec<f64> {
    fn all<T: Element>(array: &Array, convert: impl Fn(T) -> f64) -> Vec<f64> {
        array.as_slice::<T>().iter().map(|&v| convert(v)).collect()
    }
    match array.dtype() {
        DType::F32 => all(array, |v: f32| v.into()),
        DType::F64 => all(array, |v: f64| v),
        DType::F16 => all(array, |v: f16| v.into()),
        DType::I32 => all(array, |v: i32| v.into()),
        DType::I64 => all(array, |v: i64| v as f64),
        DType::U8 => all(array, |v: u8| v.into()),
        DType::Bool => all(array, |v: bool| v.into()),
        other => panic!("no comparison of {other}"),
    }
}
