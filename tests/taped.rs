//! A compiled function called under an open tape: one step of the tape, with the gradients of its body.

use tl::losses;
use tl::optimizers::Sgd;
use tl::prelude::*;
use tl::testing::assert_all_close;
use tracelift as tl;

fn wave(n: usize, seed: f64) -> Tensor {
    tl::sin(tl::range_with(0.0, n as f64, 1.0, F32) * 0.7 + seed)
}

/// The gradients of `f(x, w)` (summed) with respect to both, by a tape around it.
fn gradients(f: impl Fn(&Tensor, &Variable) -> Tensor, x: &Tensor, w: &Variable) -> (Tensor, Tensor, Tensor) {
    let tape = GradientTape::persistent();
    tape.watch(x);
    let y = f(x, w);
    (y.clone(), tape.gradient(&y, x), tape.gradient(&y, w))
}

#[test]
fn gradients_equal_those_op_by_op() {
    #[function]
    fn f(x: &Tensor, w: &Variable) -> Tensor {
        let h = tl::tanh(tl::matmul(x, w));
        tl::softmax(&h) * tl::exp(&h * 0.3) + tl::reduce_mean_keepdims(&h, 1)
    }
    let x = tl::reshape(wave(12, 0.1), &[4, 3]);
    let w = Variable::new(tl::reshape(wave(15, 0.9), &[3, 5]));
    let compiled = gradients(f, &x, &w);
    let eager = gradients(f::eager, &x, &w);
    assert_all_close(&compiled.0, &eager.0);
    assert_all_close(&compiled.1, &eager.1);
    assert_all_close(&compiled.2, &eager.2);
    assert_eq!(f::trace_count(), 1);
}

/// The tape stands around a compiled forward pass, and the step goes on forever without another trace.
#[test]
fn training_with_the_tape_outside_does_not_retrace() {
    #[function]
    fn forward(x: &Tensor, w: &Variable, b: &Variable) -> Tensor {
        tl::relu(tl::matmul(x, w) + b)
    }
    let train = |f: &dyn Fn(&Tensor, &Variable, &Variable) -> Tensor| {
        let (x, y) = (tl::reshape(wave(40, 0.3), &[8, 5]), tl::reshape(wave(16, 0.5), &[8, 2]));
        let (w, b) = (Variable::new(tl::reshape(wave(10, 1.1), &[5, 2])), Variable::new([0.1, 0.2]));
        let optimizer = Sgd::new(0.1);
        let mut loss = constant(0.0);
        for _ in 0..10 {
            let tape = GradientTape::new();
            loss = tl::reduce_mean(losses::mean_squared_error(&y, f(&x, &w, &b)));
            let variables = [w.clone(), b.clone()];
            optimizer.apply(&tape.gradient(&loss, &variables), &variables);
        }
        (loss, w.value(), b.value())
    };
    let compiled = train(&forward);
    assert_eq!((forward::trace_count(), forward::compile_count()), (1, 1));
    let eager = train(&forward::eager);
    assert_all_close(&compiled.0, &eager.0);
    assert_all_close(&compiled.1, &eager.1);
    assert_all_close(&compiled.2, &eager.2);
}

#[test]
fn a_later_size_reuses_the_derivative() {
    #[function]
    fn f(x: &Tensor) -> Tensor {
        tl::reduce_sum(tl::square(tl::log_softmax(x)))
    }
    for rows in [4usize, 6, 7, 9] {
        let x = tl::reshape(wave(rows * 3, 0.2), &[rows as i64, 3]);
        let slope = |f: &dyn Fn(&Tensor) -> Tensor| {
            let tape = GradientTape::new();
            tape.watch(&x);
            let y = f(&x);
            tape.gradient(&y, &x)
        };
        assert_all_close(slope(&f), slope(&f::eager));
    }
    assert_eq!(f::trace_count(), 2);
}

/// The backward pass is a step that outer tapes see, residuals included.
#[test]
fn second_and_third_derivatives() {
    #[function]
    fn f(x: &Tensor) -> Tensor {
        tl::sin(x) * tl::exp(x * 0.5)
    }
    let x = constant([0.3, -0.8, 1.7]);
    let first = |g: fn(&Tensor) -> Tensor| tl::grad(g)(&x);
    let second = |g: fn(&Tensor) -> Tensor| tl::grad(tl::grad(g))(&x);
    let third = |g: fn(&Tensor) -> Tensor| tl::grad(tl::grad(tl::grad(g)))(&x);
    for derivative in [&first as &dyn Fn(fn(&Tensor) -> Tensor) -> Tensor, &second, &third] {
        assert_all_close(derivative(f), derivative(f::eager));
    }
    assert_eq!(f::trace_count(), 1);
}

#[test]
fn several_results_some_unused() {
    #[function]
    fn f(x: &Tensor) -> (Tensor, Tensor, Tensor) {
        (tl::exp(x), tl::argmax(x), tl::square(x))
    }
    let x = constant([0.5, 2.0, -1.0]);
    let tape = GradientTape::persistent();
    tape.watch(&x);
    let (a, index, b) = f(&x);
    assert_eq!(index.to_vec::<i64>(), [1]);
    assert_all_close(tape.gradient(&a, &x), tl::exp(&x));
    assert_all_close(tape.gradient(&b, &x), &x * 2.0);
    assert_all_close(tape.gradient(&(a * b), &x), tl::exp(&x) * (&x * &x + 2.0 * &x));
}

/// What is computed from a result belongs to the same tape; what is not watched costs nothing.
#[test]
fn captured_tensors_and_variables_are_sources_too() {
    let big = wave(40, 0.4);
    let small = constant([2.0, 3.0]);
    let v = Variable::new(1.5);
    let f = {
        let (big, small, v) = (big.clone(), small.clone(), v.clone());
        tl::function(move |x: &Tensor| (x * &big).sum() * &v + tl::reduce_prod(&small))
    };
    let x = wave(40, 0.8);
    let tape = GradientTape::persistent();
    tape.watch(&big);
    tape.watch(&small);
    let y = f.call(&x);
    assert_all_close(tape.gradient(&y, &big), &x * 1.5);
    assert_all_close(tape.gradient(&y, &small), constant([3.0, 2.0]));
    assert_all_close(tape.gradient(&y, &v), (&x * &big).sum());
    drop(tape);
    let tape = GradientTape::new();
    tape.watch(&x);
    let y = f.call(&x);
    assert_all_close(tape.gradient(&y, &x), &big * 1.5);
    assert_eq!(f.trace_count(), 1);
}

/// A custom gradient inside, and a variable that is read after it was assigned: as the body says, op by op.
#[test]
fn bodies_whose_graph_does_not_tell_the_gradient() {
    #[function]
    fn clipped(x: &Tensor) -> Tensor {
        tl::custom_gradient(x, |x| (x * 2.0, |dy: &Tensor| tl::clip_by_value(dy, -0.5, 0.5))) * 3.0
    }
    let x = constant([1.0, 2.0]);
    assert_eq!(clipped(&x), constant([6.0, 12.0]));
    assert_eq!(tl::grad(clipped)(&x).to_vec::<f32>(), [0.5, 0.5]);

    #[function]
    fn assigns(x: &Tensor, v: &Variable) -> Tensor {
        v.assign(x * 2.0);
        v.value() * v.value()
    }
    let v = Variable::new(0.0);
    let x = constant(3.0);
    let tape = GradientTape::new();
    tape.watch(&x);
    let y = assigns(&x, &v);
    assert_eq!((y.item(), v.value().item()), (36.0, 6.0));
    assert!(tape.gradient_or_none(&y, &x).is_none());
}

/// The jacobian and a traced outer function go through the same derivative.
#[test]
fn jacobians_and_traced_callers() {
    #[function]
    fn inner(x: &Tensor) -> Tensor {
        tl::tanh(x) * 2.0
    }
    #[function]
    fn outer(x: &Tensor) -> Tensor {
        let tape = GradientTape::new();
        tape.watch(x);
        let y = tl::reduce_sum(inner(x));
        tape.gradient(&y, x)
    }
    let x = constant([0.2, -0.4]);
    let want = 2.0 * (1.0 - tl::square(tl::tanh(&x)));
    assert_all_close(outer(&x), &want);
    let jacobian = tl::jacobian(inner)(&x);
    assert_all_close(jacobian.at((0, 0)), want.at(0));
    assert_eq!(jacobian.at((0, 1)), 0.0);
}

#[test]
fn what_has_no_derivative_is_an_error_of_the_tape() {
    #[function]
    fn f(x: &Tensor) -> Tensor {
        tl::cast(tl::argmax(x), F32) + 1.0
    }
    let x = constant([1.0, 4.0]);
    let tape = GradientTape::new();
    tape.watch(&x);
    let y = f(&x);
    assert!(tape.try_gradient(&y, &x).is_err());
}

/// Recomputed gradients and forward mode see a compiled call as what it computes.
#[test]
fn recomputation_and_forward_mode() {
    #[function]
    fn f(x: &Tensor, w: &Variable) -> Tensor {
        tl::sin(x) * w
    }
    let w = Variable::new(2.0);
    let x = constant([0.4, 1.2]);
    let inner = w.clone();
    let again = tl::recompute_grad(move |x| f(x, &inner));
    let tape = GradientTape::persistent();
    tape.watch(&x);
    let y = again(&x);
    assert_all_close(tape.gradient(&y, &x), tl::cos(&x) * 2.0);
    assert_all_close(tape.gradient(&y, &w), tl::reduce_sum(tl::sin(&x)));
    drop(tape);
    let (value, slope) = tl::jvp(|x| f(x, &w))(&x, &constant([1.0, 10.0]));
    assert_all_close(value, tl::sin(&x) * 2.0);
    assert_all_close(slope, tl::cos(&x) * 2.0 * constant([1.0, 10.0]));
    let product = tl::hvp(|x| tl::reduce_sum(f(x, &w)))(&x, &constant([1.0, 10.0]));
    assert_all_close(product, tl::sin(&x) * -2.0 * constant([1.0, 10.0]));
}
