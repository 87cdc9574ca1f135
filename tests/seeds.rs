//! What follows from `set_seed`, eagerly and traced.
//!
//! The generator is the process's, so tests that seed it live here, and each holds it alone.

use std::sync::{Mutex, MutexGuard, PoisonError};
use tl::prelude::*;
use tracelift as tl;

/// Keeps other tests from drawing until it is dropped.
fn alone() -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn dropout_is_the_same_traced_and_serves_every_batch_size() {
    #[function]
    fn drop_half(x: &Tensor) -> Tensor {
        tl::Dropout::new(0.5).call(x, Mode::Train)
    }
    let _alone = alone();
    for n in [100, 64, 32, 7] {
        tl::random::set_seed(5);
        let traced = drop_half(&tl::ones(&[n, 3]));
        tl::random::set_seed(5);
        assert_eq!(traced, drop_half::eager(&tl::ones(&[n, 3])));
    }
    assert_eq!(drop_half::trace_count(), 2);
}

#[test]
fn random_numbers_are_those_of_the_eager_body() {
    #[function]
    fn f(shift: f32) -> (Tensor, Tensor) {
        (tl::random::normal(&[3]) + shift, tl::random::uniform(&[2]))
    }
    let _alone = alone();
    tl::random::set_seed(7);
    let traced = [f(0.0), f(0.0)];
    tl::random::set_seed(7);
    let eager = [f::eager(0.0), f::eager(0.0)];
    assert_eq!(traced, eager);
    assert!(traced[0].1 != traced[1].1);
}

/// State is written once, and random draws take their ticks, under a tape as without.
#[test]
fn state_and_random_numbers() {
    #[function]
    fn step(x: &Tensor, count: &Variable) -> Tensor {
        count.assign_add(1.0);
        x * tl::random::uniform(&[3])
    }
    let _alone = alone();
    let run = |f: &dyn Fn(&Tensor, &Variable) -> Tensor| {
        tl::random::set_seed(7);
        let (x, count) = (constant([1.0, 2.0, 3.0]), Variable::new(0.0));
        let mut slopes = Vec::new();
        for _ in 0..3 {
            let tape = GradientTape::new();
            tape.watch(&x);
            let y = f(&x, &count);
            slopes.push(tape.gradient(&y, &x).to_vec::<f32>());
        }
        (slopes, count.value().item())
    };
    let compiled = run(&step);
    assert_eq!(compiled, run(&step::eager));
    assert_eq!(compiled.1, 3.0);
}

#[test]
fn methods_models_and_optimizers_bind_by_position() {
    use tl::optimizers::{Adam, Sgd};
    #[derive(Layer)]
    struct Model {
        hidden: tl::Dense,
        out: tl::Dense,
        table: Tensor,
        #[layer(skip)]
        #[allow(dead_code)]
        note: std::cell::Cell<u8>,
    }
    impl Layer for Model {
        fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
            self.out.call(&self.hidden.call(x, mode), mode) + &self.table
        }
    }
    #[function]
    fn step(model: &Model, adam: &Adam, sgd: &Sgd, x: &Tensor) -> Tensor {
        let tape = GradientTape::new();
        let loss = tl::reduce_mean(tl::square(model.call(x, Mode::Train)));
        let variables = model.trainable_variables();
        let gradients = tape.gradient(&loss, &variables);
        adam.apply(&gradients[..2], &variables[..2]);
        sgd.apply(&gradients[2..], &variables[2..]);
        loss
    }
    let _alone = alone();
    let make = || {
        let dense = |units: usize| tl::Dense::new(units).activation("tanh");
        let model = Model { hidden: dense(4), out: dense(2), table: tl::ones(&[2]), note: 0.into() };
        (model, Adam::new(0.05), Sgd::new(0.1).momentum(0.9))
    };
    let x = tl::ones(&[3, 5]);
    let run = |eager: bool| {
        tl::random::set_seed(3);
        let (model, adam, sgd) = make();
        let mut losses = Vec::new();
        for _ in 0..4 {
            let loss = if eager { step::eager(&model, &adam, &sgd, &x) } else { step(&model, &adam, &sgd, &x) };
            losses.push(loss.item());
        }
        (losses, model.named_variables())
    };
    let (traced, variables) = run(false);
    let (again, _) = run(false);
    let (eager, _) = run(true);
    // The second model makes its variables in a trace of its own, and then runs the first one's code.
    assert_eq!((step::trace_count(), step::compile_count()), (2, 1), "{}", step::explain());
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs());
    assert!(close(&traced, &eager) && close(&again, &eager), "{traced:?} {again:?} {eager:?}");
    assert!(traced[3] < traced[0]);
    let names: Vec<&str> = variables.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["hidden/kernel", "hidden/bias", "out/kernel", "out/bias"]);
}

#[test]
fn first_values_are_the_same_eagerly_and_traced() {
    #[derive(Layer)]
    struct Model {
        first: tl::Dense,
        second: tl::Dense,
    }
    #[function]
    fn noisy(model: &Model, x: &Tensor) -> Tensor {
        let x = x + tl::random::normal(&[2, 3]);
        let hidden = model.first.call(&x, Mode::Train) + tl::random::uniform(&[2, 4]);
        model.second.call(&hidden, Mode::Train)
    }
    let _alone = alone();
    let x = tl::ones(&[2, 3]);
    let run = |traced: bool| {
        tl::random::set_seed(11);
        let model = Model { first: tl::Dense::new(4), second: tl::Dense::new(2) };
        let y = [0, 1].map(|_| if traced { noisy(&model, &x) } else { noisy::eager(&model, &x) });
        let values = model.variables().iter().map(|v| v.value().to_vec::<f32>()).collect::<Vec<_>>();
        (values, y)
    };
    let ((eager, y), (traced, z)) = (run(false), run(true));
    assert_eq!(eager, traced);
    tl::testing::assert_all_close(&y[0], &z[0]);
    tl::testing::assert_all_close(&y[1], &z[1]);
    assert_ne!(eager[0][..4], eager[2][..4], "each layer has its own numbers");
}
