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

/// What a source affects through steps alone does not ask the ops behind for derivatives: draws have none.
#[test]
fn steps_end_the_way_back() {
    let x = constant([1.5, 4.0]);
    let tape = GradientTape::persistent();
    tape.watch(&x);
    let draws = tl::random::stateless_poisson([2], tl::round(&x), 1);
    assert!(tape.gradient_or_none(&draws, &x).is_none());
    let whole = x.cast(tl::DType::I32).cast(tl::DType::F32);
    let draws = tl::random::stateless_poisson([2], whole, 1);
    assert!(tape.gradient_or_none(&draws, &x).is_none());
    let orthogonal = |x: &Tensor| tl::linalg::qr_full(tl::reshape(x, &[2, 1])).0;
    assert!(tape.gradient_or_none(&orthogonal(&tl::round(&x)), &x).is_none());
    let direct = orthogonal(&x);
    assert!(attempt(|| tape.gradient_or_none(&direct, &x)).is_err());
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

#[test]
fn tangents_agree_with_the_jacobian() {
    let f = |x: &Tensor| tl::softmax(tl::matmul(x, x)) * tl::tanh(x);
    let x = constant([[0.5, -1.0], [2.0, 0.25]]);
    let v = constant([[1.0, -2.0], [0.5, 3.0]]);
    let (y, dy) = tl::jvp(f)(&x, &v);
    assert_all_close(&y, f(&x));
    let j = tl::jacobian(f)(&x).reshape([4, 4]);
    let product = tl::matmul(j, v.reshape([4, 1])).reshape([2, 2]);
    assert_all_close(&dy, &product);
    // What does not depend on x does not move; neither does what jumps.
    assert_eq!(tl::jvp(|_| constant([1.0]))(&x, &v).1, constant([0.0]));
    assert_eq!(tl::jvp(Tensor::round)(&x, &v).1, tl::zeros(&[2, 2]));
    let wrong = attempt(|| tl::jvp(f)(&x, &constant(1.0))).unwrap_err().to_string();
    assert!(wrong.starts_with("jvp: source 0 is f32[2, 2], its tangent f32[]\n"), "{wrong}");
}

#[test]
fn tangents_compose_with_gradients() {
    let f = |x: &Tensor| tl::sin(x) * x;
    let (x, one) = (constant(2.0), constant(1.0));
    let second = 2.0 * tl::cos(&x) - &x * tl::sin(&x);
    assert_all_close(tl::jvp(grad(f))(&x, &one).1, &second);
    assert_all_close(grad(|x| tl::jvp(f)(x, &constant(1.0)).1)(&x), &second);
    let again = |x: &Tensor| tl::jvp(|x| tl::jvp(f)(x, &constant(1.0)).1)(x, &constant(1.0)).1;
    assert_all_close(again(&x), &second);
    let (x, v) = (constant([1.0, 2.0, 3.0]), constant([1.0, 0.0, -2.0]));
    let g = |x: &Tensor| (tl::sin(x) * x * x.sum()).sum();
    let product = tl::matmul(tl::hessian(g)(&x), v.reshape([3, 1])).reshape([3]);
    crate::testing::assert_close_within(tl::hvp(g)(&x, &v), product, 1e-4, 1e-4);
}

#[test]
fn losses_of_sequences_curve() {
    let labels = constant([[1, 2], [2, 2]]);
    let f = move |x: &Tensor| tl::square(tl::ctc_loss(&labels, x, constant([2, 1]), constant([3, 2]))).sum();
    let x =
        constant([[[0.5, -1.0, 0.2], [1.0, 0.1, -0.3]], [[0.0, 0.7, 0.4], [0.2, 0.9, -0.5]], [[-0.6, 0.3, 1.1]; 2]]);
    let v = tl::sin(3.0 * &x);
    let hessian = tl::hessian(&f)(&x).reshape([18, 18]);
    crate::testing::assert_close_within(&hessian, hessian.transpose(), 1e-5, 1e-5);
    let product = tl::matmul(hessian, v.reshape([18, 1])).reshape([3, 2, 3]);
    crate::testing::assert_close_within(tl::hvp(&f)(&x, &v), &product, 1e-5, 1e-5);
    let traced = tl::function(move |x: &Tensor, v: &Tensor| tl::hvp(&f)(x, v));
    crate::testing::assert_close_within(traced.call(&x, &v), product, 1e-5, 1e-5);
}

#[test]
fn an_accumulator_follows_tensors_and_variables() {
    let (x, w) = (constant([1.0, 2.0]), Variable::new([3.0, 4.0]));
    let acc = tl::ForwardAccumulator::new(&[&x], &[constant([1.0, 10.0])]);
    let (y, z) = (&x * &w, tl::square(&x));
    assert_eq!(acc.jvp(&y), constant([3.0, 40.0]));
    assert_eq!(acc.jvp(&z), constant([2.0, 40.0]));
    assert_eq!(acc.jvp(&x), constant([1.0, 10.0]));
    assert_eq!(acc.jvp(&w.value()), constant([0.0, 0.0]));
    drop(acc);
    let acc = tl::ForwardAccumulator::new(&w, &constant([1.0, 1.0]));
    assert_eq!(acc.jvp(&(&x * &w * &w)), constant([6.0, 16.0]));
    drop(acc);
    assert!(!tape::is_recording());
}

#[test]
fn a_jacobian_of_each_example() {
    let w = constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let f = |x: &Tensor| tl::tanh(tl::matmul(x, &w));
    let x = constant([[0.1, 0.2], [0.3, -0.4], [0.5, 0.0], [0.0, 1.0]]);
    let all = tl::batch_jacobian(f)(&x);
    assert_eq!(all.shape(), [4, 3, 2]);
    for i in 0..4 {
        let own = tl::jacobian(|x| f(&x.reshape([1, 2])).reshape([3]))(&x.at(i));
        assert_all_close(all.at(i), own);
    }
    let tape = GradientTape::new();
    tape.watch(&x);
    let y = f(&x);
    assert_all_close(tape.batch_jacobian(&y, &x), all);
    let wrong = attempt(|| tl::batch_jacobian(|x| x.sum())(&x)).unwrap_err().to_string();
    assert!(wrong.starts_with("batch_jacobian: the target is f32[], the source f32[4, 2]\n"), "{wrong}");
}

#[test]
fn recomputed_gradients_are_the_same() {
    use std::cell::Cell;
    use std::rc::Rc;
    let calls = Rc::new(Cell::new(0));
    let (w, captured) = (Variable::new([2.0, 3.0]), constant([0.5, -0.5]));
    let f = {
        let (calls, w, captured) = (calls.clone(), w.clone(), captured.clone());
        move |x: &Tensor| {
            calls.set(calls.get() + 1);
            tl::sin(x * &w) * &captured
        }
    };
    let x = constant([1.0, 2.0]);
    let slopes = |f: &dyn Fn(&Tensor) -> Tensor| {
        let tape = GradientTape::new();
        tape.watch(&(&x, &captured));
        let y = f(&x) * &x;
        tape.gradient(&y, &(&x, &w, &captured))
    };
    let expected = slopes(&f);
    assert_eq!(calls.get(), 1);
    let light = tl::recompute_grad(f);
    assert_eq!(slopes(&light), expected);
    assert_eq!(calls.get(), 3, "once forwards, once backwards");
    let second = |f: &dyn Fn(&Tensor) -> Tensor| grad(|x| grad(|x| f(x))(x))(&x);
    assert_all_close(second(&light), -tl::square(&w) * tl::sin(&x * &w) * &captured);
    // Nobody watches: nothing is computed twice.
    let before = calls.get();
    light(&x);
    assert_eq!(calls.get(), before + 1);

    let tape = GradientTape::new();
    tape.watch(&x);
    let y = light(&x);
    w.assign(constant([0.0, 0.0]));
    let error = tape.try_gradient(&y, &x).unwrap_err().to_string();
    assert!(
        error.starts_with("recompute_grad: the function read a value f32[2] that it does not read any more"),
        "{error}"
    );
}

#[test]
fn derivative_forms_are_traced() {
    let x = constant([[0.5, -1.0], [0.25, 2.0]]);
    let forms: [fn(&Tensor) -> Tensor; 6] = [
        |x| tl::jvp(|x| tl::tanh(tl::square(x)))(x, &(2.0 * x)).1,
        |x| tl::hvp(|x| tl::tanh(tl::square(x)).sum())(x, &(2.0 * x)),
        |x| tl::jacobian(|x| tl::tanh(tl::square(x)))(x),
        |x| tl::batch_jacobian(|x| tl::tanh(tl::square(x)))(x),
        |x| tl::hessian(|x| tl::tanh(tl::square(x)).sum())(x),
        |x| grad(tl::recompute_grad(|x| tl::tanh(tl::square(x))))(x),
    ];
    for form in forms {
        let traced = tl::function(move |x: &Tensor| form(x));
        assert_close_within(traced.call(&x), form(&x), 1e-5, 1e-6);
    }
}
