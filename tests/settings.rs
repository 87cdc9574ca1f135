//! Settings of the process: each test holds the lock, for they are seen by all threads.

use std::sync::{Mutex, MutexGuard, PoisonError};
use tl::prelude::*;
use tracelift as tl;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Holds the lock; settings that the tests change are back at their defaults when it is dropped.
struct Alone(#[allow(dead_code)] MutexGuard<'static, ()>);

fn alone() -> Alone {
    Alone(ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Drop for Alone {
    fn drop(&mut self) {
        tl::config::check_numerics(false);
        tl::config::strict_math(false);
        tl::config::memory_limit(None);
    }
}

/// The text of the error, with lines of this file for lines of code.
fn text<T>(outcome: tl::Result<T>) -> String {
    outcome.err().expect("an error").to_string()
}

#[test]
fn a_compiled_call_names_the_op_that_made_a_nan() {
    let _alone = alone();
    #[function]
    fn risky(x: &Tensor, total: &Variable) -> Tensor {
        let shifted = x - 1.0;
        let logs = tl::log(&shifted); // made here
        let scaled = tl::exp(&logs * 0.5) * 2.0;
        total.assign_add(tl::reduce_sum(&logs));
        scaled + &logs
    }
    const MADE: u32 = line!() - 5;
    let total = Variable::new(0.5);
    let bad = constant([2.0, 0.5, 1.0]);
    assert!(risky(&bad, &total).to_vec::<f32>()[1].is_nan());
    total.assign(0.5);

    tl::config::check_numerics(true);
    let message = text(risky::try_call(&bad, &total));
    let want = format!(
        "`log`: element [1] of the result is NaN\n  at tests/settings.rs:{MADE}:20\n  hint: look at the operands just before this line"
    );
    assert_eq!(message, want);
    assert_eq!(total.value(), 0.5);
    assert_eq!(risky(&constant([2.0, 3.0, 4.0]), &total).shape(), [3]);
    assert_eq!(risky::trace_count(), 1);

    // The same message as eager code gives.
    assert_eq!(text(tl::attempt(|| risky::eager(&bad, &total))), want);
    // Under a tape, and with sizes that are symbols.
    for x in [bad.clone(), constant([2.0, 0.5])] {
        let tape = GradientTape::new();
        tape.watch(&x);
        assert_eq!(text(risky::try_call(&x, &total)), want);
    }
}

#[test]
fn an_infinity_that_only_a_variable_gets() {
    let _alone = alone();
    #[function]
    fn update(v: &Variable, by: &Tensor) -> Tensor {
        v.assign(1.0 / by);
        by + 1.0
    }
    tl::config::check_numerics(true);
    let v = Variable::new(3.0);
    let message = text(update::try_call(&v, &constant(0.0)));
    assert!(message.starts_with("`divide`: element [] of the result is inf\n  at tests/settings.rs:"), "{message}");
    assert_eq!(v.value(), 3.0);
    assert_eq!(update(&v, &constant(0.5)), 1.5);
    assert_eq!(v.value(), 2.0);
}

#[test]
fn both_parts_and_updates_in_place_are_checked() {
    let _alone = alone();
    tl::config::check_numerics(true);
    let message = text(tl::try_complex(constant([1.0, 2.0]), constant([0.0, f32::NAN])));
    assert!(
        message.starts_with("`complex`: element [1] of the result is (2.0, NaN)\n  at tests/settings.rs:"),
        "{message}"
    );
    let v = Variable::new([1.0, 2.0]);
    let message = text(v.try_assign_add(constant([f32::INFINITY, 0.0])));
    assert!(message.starts_with("`add`: element [0] of the result is inf\n  at tests/settings.rs:"), "{message}");
    assert_eq!(v.value(), constant([1.0, 2.0]));
}

#[test]
fn the_memory_limit_counts_for_vectors_of_tensors_too() {
    let _alone = alone();
    tl::config::memory_limit(Some(tl::config::memory_stats().live + (1 << 20)));
    assert_eq!(tl::TensorArray::try_new(F32, 1 << 20).err().unwrap().kind(), tl::Kind::Memory);
    tl::config::memory_limit(None);
    assert_eq!(tl::TensorArray::new(F32, 1 << 10).size(), 1 << 10);
    assert_eq!(tl::TensorArray::try_new(F32, 1 << 45).err().unwrap().kind(), tl::Kind::Memory);
}

fn chain(x: &Tensor, y: &Tensor) -> Tensor {
    let z = x / 3.0 + y * y * y - tl::sqrt(tl::abs(x)) / y;
    tl::where_(z.gt(0.5), tl::floor(&z * 7.0) / 7.0, z / 11.0)
}

/// Elementwise ops and reductions, in sizes of every way to reduce.
#[test]
fn strict_math_gives_eager_bits() {
    let _alone = alone();
    tl::config::strict_math(true);
    for (rows, columns) in [(3usize, 5usize), (40, 700), (300, 33), (2, 40_000), (700, 64)] {
        let wave = |seed: f64| {
            let flat = tl::range_with(0.0, (rows * columns) as f64, 1.0, F32);
            tl::reshape(tl::sin(flat * 0.37 + seed) + 1.5, &[rows as i64, columns as i64])
        };
        let (x, y) = (wave(0.1), wave(0.9));
        let f = move |x: &Tensor, y: &Tensor| {
            let z = chain(x, y);
            let sums = (tl::reduce_sum(&z), tl::reduce_sum_axis(&z, 0), tl::reduce_sum_axis(&z, 1));
            let moved = tl::reduce_sum(tl::transpose(&z)) + tl::reduce_sum(tl::slice(&z, [1, 0], [rows - 1, 3]));
            vec![
                z.clone(),
                sums.0,
                sums.1,
                sums.2,
                tl::reduce_max_axis(&z, 0),
                tl::reduce_mean(&z),
                moved,
                // Computed from constants alone.
                x + tl::reduce_sum(constant([0.1; 11])) + tl::exp(constant([0.3, 0.7, 1.1])).at(1),
                tl::softmax(z),
            ]
        };
        let compiled = tl::function(f).call(&x, &y);
        let eager = f(&x, &y);
        for (k, (compiled, eager)) in compiled.iter().zip(&eager).enumerate() {
            let bits = |t: &Tensor| t.to_vec::<f32>().into_iter().map(f32::to_bits).collect::<Vec<_>>();
            let differ = bits(compiled).iter().zip(&bits(eager)).filter(|(a, b)| a != b).count();
            assert_eq!(differ, 0, "result {k} of {rows} x {columns}: so many elements differ");
        }
    }
}

#[test]
fn a_function_is_traced_anew_under_strict_math() {
    let _alone = alone();
    let f = tl::function(|x: &Tensor| x / 3.0);
    let x = constant([1.0, 2.0]);
    f.call(&x);
    tl::config::strict_math(true);
    f.call(&x);
    f.call(&x);
    assert_eq!(f.trace_count(), 2);
    tl::config::strict_math(false);
    f.call(&x);
    assert_eq!(f.trace_count(), 2);
}

#[test]
fn past_the_memory_limit_is_an_error_that_names_op_and_sizes() {
    let _alone = alone();
    let x = tl::ones(&[1 << 20]);
    let _ = &x + 1.0;
    tl::config::memory_limit(Some(tl::config::memory_stats().live + (1 << 20)));
    let message = text(x.try_add(1.0));
    assert!(message.starts_with("`add`: no memory for f32[1048576]: 4194304 bytes more than the "), "{message}");
    assert!(message.contains("exceed the memory limit of"), "{message}");
    assert!(message.contains("\n  operands: x: f32[1048576], y: f32[]\n  at tests/settings.rs:"), "{message}");

    #[function]
    fn twice(x: &Tensor) -> Tensor {
        tl::exp(x * 2.0).sum() + tl::concat(&[x, x], 0)
    }
    let message = text(twice::try_call(&x));
    assert!(message.starts_with("`twice`: ") && message.contains("exceed the memory limit of"), "{message}");
    let largest = "\n  the largest value: `add` gives f32[2097152], 8388608 bytes\n  at tests/settings.rs:179:9\n";
    assert!(message.contains(largest), "{message}");
    assert!(message.contains("\n  arguments: f32[1048576]"), "{message}");
    #[function]
    fn repeated(x: &Tensor) -> Tensor {
        x.tile([8])
    }
    let message = text(repeated::try_call(&x));
    let largest = "`tile` gives f32[8388608], 33554432 bytes\n  attributes: multiples = [8]\n  at tests/settings.rs:";
    assert!(message.contains(largest), "{message}");
    tl::config::memory_limit(None);
    assert_eq!(twice(&x).shape(), [2 << 20]);
}

#[test]
fn errors_say_the_scope_path() {
    let _alone = alone();
    struct Model {
        first: tl::Dense,
        second: tl::Dense,
    }
    let model = Model { first: tl::Dense::new(4).named("hidden"), second: tl::Dense::new(2).named("head") };
    let call = |x: &Tensor| {
        tl::name_scope("model", || {
            let h = model.first.call(x, Mode::Infer);
            model.second.call(&h, Mode::Infer)
        })
    };
    call(&tl::zeros(&[2, 3]));
    let message = text(tl::attempt(|| call(&tl::zeros(&[2, 5]))));
    assert!(message.contains(" in model/hidden"), "{message}");
    // Traced, too; and the scope ends with the call.
    let f = tl::function(|x: &Tensor| tl::name_scope("block", || x + constant([1.0, 2.0])));
    assert!(text(f.try_call(&tl::zeros(&[3]))).contains(" in block"));
    assert!(!text(tl::zeros(&[3]).try_add(constant([1.0, 2.0]))).contains(" in "));
    // Unnamed ones are told apart.
    let (a, b) = (tl::Dense::new(1), tl::Dense::new(1));
    let name = |layer: &tl::Dense| {
        let message = text(tl::attempt(|| layer.call(&tl::zeros(&[3]), Mode::Infer)));
        message.split(" in ").nth(1).unwrap().lines().next().unwrap().to_owned()
    };
    assert!(name(&a).starts_with("dense") && name(&a) != name(&b), "{} {}", name(&a), name(&b));
}

#[test]
fn memory_is_counted_and_caches_are_cleared() {
    let _alone = alone();
    let x = tl::ones(&[1 << 18]);
    let during = tl::config::memory_stats();
    drop(x);
    assert!(during.live >= tl::config::memory_stats().live + (1 << 20) && during.peak >= during.live);
    tl::config::clear_caches();
    assert_eq!(constant([1.0, 2.0]) + 1.0, constant([2.0, 3.0]));
}

#[test]
fn warmed_up_functions_do_not_trace_again() {
    let _alone = alone();
    #[function]
    fn scale(x: &Tensor, by: f32) -> Tensor {
        x * by
    }
    scale::warm_up(&tl::zeros(&[4]), 2.0).unwrap();
    assert_eq!(scale::trace_count(), 1);
    assert_eq!(scale(&tl::ones(&[4]), 2.0), tl::ones(&[4]) * 2.0);
    let f = tl::function(|x: &Tensor| x + 1.0);
    f.warm_up(&tl::zeros(&[2])).unwrap();
    assert_eq!(f.call(&constant([1.0, 2.0])), constant([2.0, 3.0]));
    assert_eq!((scale::trace_count(), f.trace_count()), (1, 1));
}

#[test]
fn short_names_of_comparisons_are_elementwise() {
    let (x, y) = (constant([1.0, 2.0, 3.0]), constant([2.0, 2.0, 2.0]));
    let bools = |t: Tensor| t.to_vec::<bool>();
    assert_eq!(bools(x.lt(&y)), [true, false, false]);
    assert_eq!(bools(x.le(&y)), [true, true, false]);
    assert_eq!(bools(x.gt(&y)), [false, false, true]);
    assert_eq!(bools(x.ge(&y)), [false, true, true]);
    assert_eq!(bools(x.eq(&y)), [false, true, false]);
    assert_eq!(bools(x.ne(2.0)), [true, false, true]);
    assert!(x.try_gt(constant([1.0, 2.0])).is_err());
}

/// A layer that does not say otherwise takes one input.
#[test]
fn layers_of_several_inputs() {
    #[derive(Layer)]
    struct Join {
        by: Variable,
    }
    impl Layer for Join {
        fn call(&self, x: &Tensor, _: Mode) -> Tensor {
            x * &self.by
        }
        fn call_many(&self, inputs: &[&Tensor], _: Mode) -> Tensor {
            tl::concat(inputs, 0) * &self.by
        }
    }
    let join = Join { by: Variable::new(2.0) };
    let (a, b) = (constant([1.0]), constant([3.0]));
    assert_eq!(join.call_many(&[&a, &b], Mode::Infer).to_vec::<f32>(), [2.0, 6.0]);
    let dropout = tl::Dropout::new(0.5);
    assert_eq!(dropout.call_many(&[&a], Mode::Infer), a);
    let message = text(tl::attempt(|| dropout.call_many(&[&a, &b], Mode::Infer)));
    assert!(message.starts_with("this layer takes one input, received 2"), "{message}");
}
