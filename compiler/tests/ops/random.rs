//! Random ops: reproducible, within their bounds, with the moments of their distributions.

use crate::support::{dims, f64s, one, refused, spec_of, values};
use tracelift_compiler::graph::{Attrs, GraphBuilder, OpDef};
use tracelift_compiler::ops::eval;
use tracelift_compiler::{DType, Loc, grad, interp, ops};
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

/// The greatest distance between the samples' distribution and `below`, the probability of at most `x`, times the root
/// of their number: beyond 1.95 once in a thousand (Kolmogorov and Smirnov).
fn distance(mut samples: Vec<f64>, below: impl Fn(f64) -> f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let n = samples.len() as f64;
    let apart = |(i, &x): (usize, &f64)| (below(x) - i as f64 / n).abs().max((below(x) - (i + 1) as f64 / n).abs());
    samples.iter().enumerate().map(apart).fold(0.0, f64::max) * n.sqrt()
}

#[test]
fn continuous_distributions_by_kolmogorov_and_smirnov() {
    let normal = |x: f64| 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
    let within = libm::erf(std::f64::consts::SQRT_2);
    type Below<'a> = &'a dyn Fn(f64) -> f64;
    let known: [(&'static OpDef, Below<'_>); 8] = [
        (&ops::RANDOM_UNIFORM, &|x| x),
        (&ops::RANDOM_NORMAL, &normal),
        (&ops::TRUNCATED_NORMAL, &|x| (normal(x) - normal(-2.0)) / within),
        (&ops::RANDOM_EXPONENTIAL, &|x| -(-x).exp_m1()),
        (&ops::RANDOM_GUMBEL, &|x| (-(-x).exp()).exp()),
        (&ops::RANDOM_LOGISTIC, &|x| 1.0 / (1.0 + (-x).exp())),
        (&ops::RANDOM_LAPLACE, &|x| if x < 0.0 { 0.5 * x.exp() } else { 1.0 - 0.5 * (-x).exp() }),
        (&ops::RANDOM_CAUCHY, &|x| 0.5 + x.atan() / std::f64::consts::PI),
    ];
    for (op, below) in known {
        for dtype in [DType::F32, DType::F64] {
            let found = distance(draw(op, Attrs::new().with("dtype", dtype)), below);
            assert!(found < 1.95, "{} as {dtype}: {found}", op.name);
        }
    }
}

#[test]
fn wide_integers() {
    let attrs = Attrs::new().with("dtype", DType::I64).with("minval", i64::MIN).with("maxval", i64::MAX);
    let below = |x: f64| x / 2f64.powi(64) + 0.5;
    let found = distance(draw(&ops::RANDOM_INTEGERS, attrs), below);
    assert!(found < 1.95, "{found}");
}

#[test]
fn classes_by_their_weights() {
    let never = f32::NEG_INFINITY;
    let logits = Array::from_slice(&[2, 4], &[0.0f32, 1.0, never, 2.0, never, never, 700.0, 700.0]);
    let attrs = Attrs::new().with("num_samples", N as i64);
    let classes = one(&ops::RANDOM_CATEGORICAL, attrs, &[logits, state(0)]);
    assert_eq!((classes.dtype(), classes.shape()), (DType::I64, &[2, N][..]));
    let whole = 1.0 + 1f64.exp() + 2f64.exp();
    let wanted = [[1.0 / whole, 1f64.exp() / whole, 0.0, 2f64.exp() / whole], [0.0, 0.0, 0.5, 0.5]];
    for (row, wanted) in classes.as_slice::<i64>().chunks(N).zip(wanted) {
        for (class, p) in (0..).zip(wanted) {
            let share = row.iter().filter(|&&k| k == class).count() as f64 / N as f64;
            let error = 5.0 * (p * (1.0 - p) / N as f64).sqrt();
            assert!((share - p).abs() <= error, "class {class}: {share} instead of {p}");
        }
    }
    let text = refused(&ops::RANDOM_CATEGORICAL, Attrs::new(), &[Array::from_slice(&[2, 0], &[0f32; 0]), state(0)]);
    assert!(text.contains("at least one class"), "{text}");
}

#[test]
fn gamma_draws_move_with_their_parameter() {
    let alpha = f64s(&[4], &[0.7, 1.5, 4.0, 20.0]);
    let mut b = GraphBuilder::new("f");
    let inputs = [alpha.clone(), state(3)];
    let x: Vec<_> = inputs.iter().map(|a| b.parameter("x", spec_of(a))).collect();
    let y = b.apply_at(&ops::RANDOM_GAMMA, Attrs::new(), &x, Loc::default()).unwrap()[0];
    let g = grad::gradient(&mut b, &[(y, None)], &x[..1]).unwrap()[0].unwrap();
    let found = interp::run(&b.finish(vec![y, g]), &inputs).unwrap();
    for (i, &a) in eval::floats(&alpha).iter().enumerate() {
        // The value of the distribution function stays.
        let (y, slope) = (eval::floats(&found[0])[i], eval::floats(&found[1])[i]);
        let below = |a: f64, y: f64| values(&ops::IGAMMA, Attrs::new(), &[f64s(&[], &[a]), f64s(&[], &[y])])[0];
        let moved = below(a + 1e-5, y + slope * 1e-5) - below(a - 1e-5, y - slope * 1e-5);
        assert!(moved.abs() < 1e-10, "alpha {a}: {moved}");
    }
}

#[test]
fn dropped_elements_are_zero_and_the_others_greater() {
    let x = f64s(&[4, 50], &[3.0; 200]);
    let y = values(&ops::DROPOUT, Attrs::new().with("rate", 0.25), &[x.clone(), state(0)]);
    let dropped = y.iter().filter(|&&v| v == 0.0).count();
    assert!((30..70).contains(&dropped) && y.iter().all(|&v| v == 0.0 || v == 4.0), "{dropped}");
    let rows = Attrs::new().with("rate", 0.5).with("noise_shape", vec![-1i64, 1]);
    let y = values(&ops::DROPOUT, rows, &[x.clone(), state(1)]);
    assert!(y.chunks(50).all(|row| row.iter().all(|v| *v == row[0])));
    let refusal = refused(&ops::DROPOUT, Attrs::new().with("rate", 1.5), &[x, state(0)]);
    assert!(refusal.contains("a rate of at least 0 and less than 1"), "{refusal}");
}

#[test]
fn draws_with_parameters() {
    let n = 2000;
    let alpha = Array::from_slice(&[n], &vec![2.5f32; n]);
    let gamma = values(&ops::RANDOM_GAMMA, Attrs::new(), &[alpha.clone(), state(0)]);
    assert_moments(&gamma, 2.5, 2.5);
    assert_moments(&values(&ops::RANDOM_POISSON, Attrs::new(), &[alpha.clone(), state(0)]), 2.5, 2.5);
    let [counts, probs] = [20f64, 0.25].map(|v| f64s(&[n], &vec![v; n]));
    let binomial = values(&ops::RANDOM_BINOMIAL, Attrs::new(), &[counts.clone(), probs, state(0)]);
    assert_moments(&binomial, 5.0, 3.75);
    // The offset is a tick here too.
    let later = values(&ops::RANDOM_GAMMA, Attrs::new().with("offset", 3i64), &[alpha.clone(), state(4)]);
    assert_eq!(later, values(&ops::RANDOM_GAMMA, Attrs::new(), &[alpha.clone(), state(7)]));
    let once = Attrs::new().with("dims", dims(&[3, n as i64]));
    assert_eq!(one(&ops::RANDOM_BINOMIAL, once, &[counts.clone(), f64s(&[1], &[0.5]), state(0)]).shape(), [3, n]);
    let negative = Attrs::new().with("dims", dims(&[-2]));
    assert!(refused(&ops::RANDOM_GAMMA, negative, &[alpha.clone(), state(0)]).contains("at least 0"));
    let text = refused(&ops::RANDOM_BINOMIAL, Attrs::new(), &[counts, alpha, state(0)]);
    assert!(text.contains("operands of one dtype"), "{text}");
}
