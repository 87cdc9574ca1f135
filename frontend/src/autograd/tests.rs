//! What tapes promise: API.md §5 as tests.

use super::*;
use crate::error::attempt;
use crate::tensor::{Tensor, constant};
use crate::testing::{assert_all_close, assert_close_within};
use crate::{self as tl, Variable};

#[test]
fn linear_regression_learns() {
    let x = tl::random::stateless_uniform([100], 1);
    let y = 0.1 * &x + 0.3;
    let (m, b) = (Variable::new(0.0), Variable::new(0.0));
    for _ in 0..200 {
        let tape = GradientTape::new();
        let loss = tl::reduce_mean(tl::square(&m * &x + &b - &y));
        let [dm, db] = tape.gradient(&loss, &[&m, &b]);
        m.assign_sub(0.5 * dm);
        b.assign_sub(0.5 * db);
    }
    assert_close_within(m.value(), 0.1, 0.0, 1e-2);
    assert_close_within(b.value(), 0.3, 0.0, 1e-2);
}

#[test]
fn gradients_undo_broadcasting_and_sum_targets() {
    let (x, b) = (constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), constant([1.0, 0.0, -1.0]));
    let tape = GradientTape::new();
    tape.watch(&(&x, &b));
    let y = &x * &b;
    let (dx, db) = tape.gradient(&y, &(&x, &b));
    assert_eq!(dx, constant([[1.0, 0.0, -1.0], [1.0, 0.0, -1.0]]));
    assert_eq!(db, constant([5.0, 7.0, 9.0]));
}

#[test]
fn composites_and_products_have_gradients() {
    let x = constant([[0.5, -1.0], [2.0, 0.25]]);
    let f = |x: &Tensor| tl::reduce_sum(tl::softmax(tl::matmul(x, x)) * tl::tanh(x));
    let analytic = grad(f)(&x).to_vec::<f32>();
    for (i, value) in analytic.into_iter().enumerate() {
        let mut step = vec![0.0f32; 4];
        step[i] = 1e-2;
        let step = Tensor::from(step).reshape([2, 2]);
        let numeric = (f(&(&x + &step)) - f(&(&x - &step))) / 2e-2;
        assert_close_within(numeric, value, 1e-2, 1e-3);
    }
}

#[test]
fn persistent_tapes_answer_often_and_do_not_record_themselves() {
    let x = constant(3.0);
    let tape = GradientTape::persistent();
    tape.watch(&x);
    let y = &x * &x;
    let z = &y * &x;
    assert_eq!(tape.gradient(&y, &x), 6.0);
    assert_eq!(tape.gradient(&z, &x), 27.0);
    assert_eq!(tape.gradient(&z, &y), 3.0);
    let slope = tape.gradient(&y, &x);
    assert!(tape.gradient_or_none(&slope, &x).is_none());
}

#[test]
fn tapes_nest_and_drop_in_any_order() {
    let x = constant(2.0);
    let outer = GradientTape::new();
    outer.watch(&x);
    let inner = GradientTape::new();
    inner.watch(&x);
    let y = &x * &x * &x;
    let first = inner.gradient(&y, &x);
    assert_eq!(first, 12.0);
    assert_eq!(outer.gradient(&first, &x), 12.0);

    let a = GradientTape::new();
    let b = GradientTape::new();
    b.watch(&x);
    drop(a);
    let y = &x + &x;
    assert_eq!(b.gradient(&y, &x), 2.0);
    assert!(!tape::is_recording());
}

#[test]
fn a_panic_closes_its_tapes() {
    let x = constant([1.0, 2.0]);
    let failed = attempt(|| {
        let tape = GradientTape::new();
        tape.watch(&x);
        let y = &x + constant([1.0, 2.0, 3.0]);
        tape.gradient(&y, &x)
    });
    assert!(failed.is_err());
    assert!(!tape::is_recording());
}

#[test]
fn recording_stops_and_gradients_stop() {
    let x = constant(3.0);
    let tape = GradientTape::persistent();
    tape.watch(&x);
    let hidden = tape.stop_recording(|| &x * &x);
    let seen = &x * tl::stop_gradient(&x);
    assert!(tape.gradient_or_none(&hidden, &x).is_none());
    assert_eq!(tape.gradient(&seen, &x), 3.0);
    assert_eq!(tape.gradient_or_zero(&hidden, &[&x])[0], 0.0);
}

#[test]
fn variables_are_watched_unless_not_trainable() {
    let (w, fixed) = (Variable::new(2.0), Variable::new(5.0).trainable(false));
    let tape = GradientTape::persistent();
    let y = &w * &fixed * &w;
    assert_eq!(tape.gradient(&y, &w), 20.0);
    assert!(tape.gradient_or_none(&y, &fixed).is_none());
    w.assign(3.0);
    let z = &w * &w + &y;
    assert_eq!(tape.gradient(&z, &w), 26.0);
}

#[test]
fn other_threads_are_not_recorded() {
    let x = constant(1.0);
    let tape = GradientTape::new();
    tape.watch(&x);
    let y = std::thread::scope(|s| s.spawn(|| &x * 2.0).join().unwrap());
    assert!(tape.gradient_or_none(&y, &x).is_none());
}

#[test]
fn unconnected_sources_are_named() {
    let (x, w) = (constant(1.0), Variable::new([1.0, 2.0]).named("w"));
    let message = |f: &dyn Fn(&PersistentTape) -> crate::Result<()>| {
        let tape = GradientTape::persistent();
        tape.watch(&x);
        let error = f(&tape).unwrap_err();
        assert_eq!(error.kind(), crate::Kind::Gradient);
        error.to_string().lines().next().unwrap_or_default().to_owned()
    };
    let y = || &x * 2.0;
    let text = message(&|t| t.try_gradient(&y(), &(&x, &w)).map(drop));
    assert_eq!(text, "gradient: source 1 (variable `w`, f32[2]) does not affect the target");
    let text = message(&|t| t.try_gradient(&tl::round(y()), &x).map(drop));
    assert!(text.starts_with("gradient: source 0 (f32[]) affects the target only through `round`: "), "{text}");
    let text = message(&|t| t.try_gradient(&y(), &constant([1, 2])).map(drop));
    assert_eq!(text, "gradient: source 0 (i32[2]) is not a float tensor; only float tensors have gradients");
    let text = message(&|t| t.try_gradient(&constant(1), &x).map(drop));
    assert_eq!(text, "gradient: the target is i32[]; only float tensors have gradients");
}

#[test]
fn cotangents_weigh_the_target() {
    let x = constant([1.0, 2.0]);
    let tape = GradientTape::persistent();
    tape.watch(&x);
    let y = tl::square(&x);
    assert_eq!(tape.gradient_with(&y, &constant([10.0, 100.0]), &x), constant([20.0, 400.0]));
    assert!(attempt(|| tape.gradient_with(&y, &constant(1.0), &x)).is_err());
}

#[test]
fn derivatives_are_functions() {
    let f = |x: &Tensor| tl::sin(x) * x;
    let x = constant(2.0);
    assert_all_close(grad(f)(&x), tl::sin(&x) + &x * tl::cos(&x));
    assert_all_close(grad(grad(f))(&x), 2.0 * tl::cos(&x) - &x * tl::sin(&x));
    // The inner derivative is by its own argument, although the outer x has the same value.
    let confused = grad(|x: &Tensor| x * grad(|y: &Tensor| x * y)(x))(&constant(3.0));
    assert_eq!(confused, 6.0);
    assert_eq!(grad(Tensor::exp)(&constant(0.0)), 1.0);
}

#[test]
fn custom_gradients_replace_and_differentiate_again() {
    fn log1pexp(x: &Tensor) -> Tensor {
        tl::custom_gradient(x, |x| {
            let e = tl::exp(x);
            (tl::log(1.0 + &e), move |dy| dy * (1.0 - 1.0 / (1.0 + &e)))
        })
    }
    assert_eq!(grad(log1pexp)(&constant(100.0)), 1.0);
    let s = 1.0 / (1.0 + (-1.0f32).exp());
    assert_all_close(grad(grad(log1pexp))(&constant(1.0)), s * (1.0 - s));
    let wrong = attempt(|| grad(|x| tl::custom_gradient(x, |x| (x.sum(), |_| constant([1.0]))))(&constant([1.0, 2.0])));
    let text = wrong.unwrap_err().to_string();
    assert!(text.starts_with("custom_gradient: the input is f32[2], its gradient f32[1]\n  at "), "{text}");
}

#[test]
fn program_six_of_the_contract_runs() {
    let f = |x: &Tensor| tl::sin(x) * x;
    let x = constant([1.0, 2.0, 3.0]);
    let slope = |x: f32| x.cos() * x + x.sin();
    let jacobian = tl::jacobian(f)(&x);
    let hessian = tl::hessian(move |x| f(x).sum())(&x);
    let tape = GradientTape::new();
    tape.watch(&x);
    let y = f(&x);
    assert_all_close(&jacobian, tape.jacobian(&y, &x));
    for (i, x) in [1.0f32, 2.0, 3.0].into_iter().enumerate() {
        for j in 0..3 {
            let at = |m: &Tensor| m.at((i, j));
            assert_close_within(at(&jacobian), if i == j { slope(x) } else { 0.0 }, 1e-5, 1e-5);
            let second = if i == j { 2.0 * x.cos() - x * x.sin() } else { 0.0 };
            assert_close_within(at(&hessian), second, 1e-5, 1e-5);
        }
    }
}
