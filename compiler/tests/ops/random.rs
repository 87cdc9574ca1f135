//! Random ops: reproducible, within their bounds, with the moments of their distributions.

use crate::support::{dims, f64s, one, refused, values};
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::{DType, ops};
use tracelift_runtime::Array;

const N: usize = 20_000;

fn state(tick: u64) -> Array {
    Array::from_slice(&[2], &[42u64, tick])
}

fn draw(op: &'static OpDef, attrs: Attrs) -> Vec<f64> {
    values(op, attrs.with("dims", dims(&[N as i64])), &[state(0)])
}

fn mean_and_variance(x: &[f64]) -> (f64, f64) {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    (mean, x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / x.len() as f64)
}

#[track_caller]
fn assert_moments(x: &[f64], mean: f64, variance: f64) {
    // Five standard errors of either.
    let (m, v) = mean_and_variance(x);
    let error = 5.0 * (variance / x.len() as f64).sqrt();
    assert!((m - mean).abs() < error, "mean {m} instead of {mean}");
    assert!(
        (v - variance).abs() < 5.0 * variance * (2.0 / x.len() as f64).sqrt(),
        "variance {v} instead of {variance}"
    );
}

#[test]
fn offset_is_a_tick() {
    let attrs = Attrs::new().with("dims", dims(&[5]));
    let later = one(&ops::RANDOM_BITS, attrs.clone().with("offset", 3i64), &[state(4)]);
    let same = one(&ops::RANDOM_BITS, attrs.clone(), &[state(7)]);
    assert_eq!(later.as_slice::<u32>(), same.as_slice::<u32>());
    assert_ne!(same.as_slice::<u32>(), one(&ops::RANDOM_BITS, attrs.clone(), &[state(8)]).as_slice::<u32>());
    let text = refused(&ops::RANDOM_BITS, attrs, &[f64s(&[2], &[0.0, 0.0])]);
    assert!(text.contains("a random state u64[2] (seed, tick)"), "{text}");
}

#[test]
fn uniform() {
    for dtype in [DType::F32, DType::F64] {
        let x = draw(&ops::RANDOM_UNIFORM, Attrs::new().with("dtype", dtype));
        assert!(x.iter().all(|v| (0.0..1.0).contains(v)));
        assert_moments(&x, 0.5, 1.0 / 12.0);
    }
    let x = draw(&ops::RANDOM_UNIFORM, Attrs::new().with("minval", -1.0).with("maxval", 3.0));
    assert_moments(&x, 1.0, 16.0 / 12.0);
}

#[test]
fn normal() {
    let x = draw(&ops::RANDOM_NORMAL, Attrs::new().with("mean", 2.0).with("stddev", 3.0));
    assert_moments(&x, 2.0, 9.0);
    let outside = x.iter().filter(|v| (*v - 2.0).abs() > 6.0).count() as f64 / N as f64;
    assert!((outside - 0.0455).abs() < 0.008, "{outside} beyond two deviations");
}

#[test]
fn truncated() {
    let x = draw(&ops::TRUNCATED_NORMAL, Attrs::new());
    assert!(x.iter().all(|v| v.abs() <= 2.0));
    assert_moments(&x, 0.0, 0.774_1);
}

#[test]
fn yes_or_no() {
    let x = draw(&ops::RANDOM_BERNOULLI, Attrs::new().with("p", 0.3));
    assert_moments(&x, 0.3, 0.21);
    let bad = Attrs::new().with("p", 1.5).with("dims", dims(&[1]));
    assert!(refused(&ops::RANDOM_BERNOULLI, bad, &[state(0)]).contains("between 0 and 1"));
}

#[test]
fn integers() {
    let x = draw(&ops::RANDOM_INTEGERS, Attrs::new().with("minval", -2i64).with("maxval", 4i64));
    assert!(x.iter().all(|v| (-2.0..4.0).contains(v) && v.fract() == 0.0));
    assert_moments(&x, 0.5, 35.0 / 12.0);
    let none = Attrs::new().with("minval", 3i64).with("maxval", 3i64).with("dims", dims(&[1]));
    assert!(refused(&ops::RANDOM_INTEGERS, none, &[state(0)]).contains("received minval 3 and maxval 3"));
}

#[test]
fn shuffled() {
    let x = Array::from_slice(&[50], &(0..50).collect::<Vec<i32>>());
    let y = one(&ops::RANDOM_SHUFFLE, Attrs::new(), &[x.clone(), state(1)]);
    assert_ne!(y.as_slice::<i32>(), x.as_slice::<i32>());
    let mut sorted = y.as_slice::<i32>().to_vec();
    sorted.sort_unstable();
    assert_eq!(sorted, x.as_slice::<i32>());
}

#[test]
fn erfinv_inverts_erf() {
    let x: Vec<f64> = (-99..=99).map(|i| f64::from(i) / 100.0).chain([1e-12, 0.999_999, -0.999_999_999]).collect();
    let y = values(&ops::ERFINV, Attrs::new(), &[f64s(&[x.len()], &x)]);
    let back: Vec<f64> = y.iter().map(|&v| libm::erf(v)).collect();
    crate::support::assert_close(&back, &x, 1e-15, "erf(erfinv(x))");
    let ends = values(&ops::ERFINV, Attrs::new(), &[f64s(&[3], &[1.0, -1.0, 2.0])]);
    assert!(ends[0] == f64::INFINITY && ends[1] == f64::NEG_INFINITY && ends[2].is_nan());
}
