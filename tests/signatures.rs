//! Which calls share a trace, and which must not: whatever a trace bakes in is told apart by its signature.

use tl::metrics::{MeanOf, Metric};
use tl::optimizers::Sgd;
use tl::optimizers::schedule::Schedule;
use tl::prelude::*;
use tracelift as tl;
use tracelift_runtime::Array;
use tracelift_runtime::exec::{Arg, Executable};

#[test]
fn one_tensor_in_two_arguments_is_two_inputs() {
    #[function]
    fn sub(a: &Tensor, b: &Tensor) -> Tensor {
        a - b
    }
    let (x, y) = (constant([5.0, 7.0]), constant([1.0, 2.0]));
    assert_eq!(sub(&x, &x).to_vec::<f32>(), [0.0, 0.0]);
    assert_eq!(sub(&x, &y).to_vec::<f32>(), [4.0, 5.0]);
    assert_eq!(sub(&y, &x).to_vec::<f32>(), [-4.0, -5.0]);
    assert_eq!(sub(&y, &y).to_vec::<f32>(), [0.0, 0.0]);
    assert_eq!(sub::trace_count(), 1);
    sub::clear();
    let z = tl::zeros(&[2]);
    sub::warm_up(&z, &z).unwrap();
    assert_eq!((sub(&x, &y).to_vec::<f32>(), sub::trace_count()), (vec![4.0, 5.0], 1));
}

#[test]
fn one_tensor_twice_in_a_tree_is_two_inputs() {
    #[derive(Tree, Clone)]
    struct Pair {
        left: Tensor,
        right: Vec<Tensor>,
    }
    #[function]
    fn by_value(pair: Pair, more: (&Tensor, Option<&Tensor>)) -> Tensor {
        pair.left * 1000.0 + &pair.right[0] * 100.0 + more.0 * 10.0 + more.1.unwrap()
    }
    #[function]
    fn by_reference(pairs: &[Pair]) -> Tensor {
        &pairs[0].left * 100.0 + &pairs[0].right[0] * 10.0 + &pairs[1].left
    }
    let (x, y, z) = (constant(1.0), constant(2.0), constant(3.0));
    let same = Pair { left: x.clone(), right: vec![x.clone()] };
    let other = Pair { left: y.clone(), right: vec![z.clone()] };
    assert_eq!(by_value(same.clone(), (&x, Some(&x))), 1111.0);
    assert_eq!(by_value(other.clone(), (&x, Some(&y))), 2312.0);
    assert_eq!(by_reference(&[same.clone(), same.clone()]), 111.0);
    assert_eq!(by_reference(&[other, same]), 231.0);
    assert_eq!((by_value::trace_count(), by_reference::trace_count()), (1, 1));
}

#[derive(Layer)]
struct Tables {
    first: Tensor,
    second: Tensor,
}

#[test]
fn one_tensor_in_two_fields_of_an_object_is_another_trace() {
    #[function]
    fn sub(tables: &Tables, x: &Tensor) -> Tensor {
        &tables.first - &tables.second + x
    }
    let (a, b, zero) = (constant(1.0), constant(3.0), constant(0.0));
    let same = Tables { first: a.clone(), second: a.clone() };
    let apart = Tables { first: b.clone(), second: a.clone() };
    assert_eq!(sub(&same, &zero), 0.0);
    assert_eq!(sub(&apart, &zero), 2.0);
    assert_eq!(sub(&Tables { first: b.clone(), second: b.clone() }, &zero), 0.0);
    assert_eq!(sub(&Tables { first: a.clone(), second: b.clone() }, &zero), -2.0);
    assert_eq!(sub(&apart, &a), 3.0, "data that is a part of the object too");
    assert_eq!(sub::trace_count(), 2);
}

#[test]
fn a_tensor_of_an_object_may_be_the_result() {
    #[function]
    fn parts(tables: &Tables) -> (Tensor, Vec<Tensor>) {
        (tables.first.clone(), vec![tables.second.clone(), &tables.first + 1.0])
    }
    for k in [1.0f32, 5.0] {
        let (first, rest) = parts(&Tables { first: constant(k), second: constant(-k) });
        assert_eq!((first.item(), rest[0].item(), rest[1].item()), (f64::from(k), f64::from(-k), f64::from(k) + 1.0));
    }
    assert_eq!(parts::trace_count(), 1);
}

#[derive(Layer)]
struct Scale {
    by: Variable,
}
impl Layer for Scale {
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        x * &self.by
    }
}
#[derive(Layer)]
struct Shift {
    by: Variable,
}
impl Layer for Shift {
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        x + &self.by
    }
}

#[test]
fn trait_objects_are_told_apart_by_type() {
    #[function]
    fn run(layer: &dyn Layer, x: &Tensor) -> Tensor {
        layer.call(x, Mode::Infer)
    }
    #[function]
    fn run_all(layers: &Vec<Box<dyn Layer>>, x: &Tensor) -> Tensor {
        layers.iter().fold(x.clone(), |x, layer| layer.call(&x, Mode::Infer))
    }
    let x = constant(5.0);
    let (scale, shift) = (|| Scale { by: Variable::new(2.0) }, || Shift { by: Variable::new(2.0) });
    assert_eq!(run(&scale(), &x), 10.0);
    assert_eq!(run(&shift(), &x), 7.0);
    assert_eq!(run(&scale(), &x), 10.0);
    let stack = |first: Box<dyn Layer>, second: Box<dyn Layer>| vec![first, second];
    assert_eq!(run_all(&stack(Box::new(scale()), Box::new(shift())), &x), 12.0);
    assert_eq!(run_all(&stack(Box::new(shift()), Box::new(scale())), &x), 14.0);
    assert_eq!((run::trace_count(), run_all::trace_count()), (2, 2));
}

#[test]
fn layers_without_variables_are_told_apart_by_type() {
    macro_rules! plain_layer {
        ($name:ident, $op:ident) => {
            #[derive(Layer)]
            struct $name {}
            impl Layer for $name {
                fn call(&self, x: &Tensor, _: Mode) -> Tensor {
                    x.$op()
                }
            }
        };
    }
    plain_layer!(Square, square);
    plain_layer!(Absolute, abs);
    #[function]
    fn run(layers: &[Box<dyn Layer>], x: &Tensor) -> Tensor {
        layers.iter().fold(x.clone(), |x, layer| layer.call(&x, Mode::Infer))
    }
    let x = constant(-3.0);
    assert_eq!(run(&[Box::new(Square {}) as Box<dyn Layer>], &x), 9.0);
    assert_eq!(run(&[Box::new(Absolute {}) as Box<dyn Layer>], &x), 3.0);
}

#[test]
fn a_captured_variable_that_is_an_argument_too() {
    for captured_first in [false, true] {
        let (w, other, third) = (Variable::new(0.0), Variable::new(0.0), Variable::new(0.0));
        let c = w.clone();
        let f = tl::function(move |v: &Variable| {
            c.assign_add(1.0);
            v.assign_add(10.0);
        });
        let calls = if captured_first { [&w, &other, &w, &third] } else { [&other, &w, &third, &w] };
        calls.iter().for_each(|v| f.call(v));
        let values = [&w, &other, &third].map(|v| v.value().item());
        assert_eq!(values, [24.0, 10.0, 10.0], "captured first: {captured_first}");
        assert_eq!(f.trace_count(), 2, "{}", f.explain());
    }
}

#[test]
fn a_static_variable_that_is_an_argument_too() {
    static SHARED: std::sync::LazyLock<Variable> = std::sync::LazyLock::new(|| Variable::new(0.0));
    #[function]
    fn f(v: &Variable) {
        SHARED.assign_add(1.0);
        v.assign_add(10.0);
    }
    let other = Variable::new(0.0);
    f(&SHARED);
    f(&other);
    assert_eq!((SHARED.value().item(), other.value().item()), (12.0, 10.0));
}

#[test]
fn a_kernel_that_reads_a_variable_of_its_call_is_an_error() {
    let w = Variable::new(1.0);
    let read = w.clone();
    let op = tl::CustomOp::new("peek", move |x| Ok(vec![&x[0] + read.value()]));
    let f = tl::function(move |v: &Variable, x: &Tensor| {
        let y = op.call(&[x])[0].clone();
        v.assign_add(&y);
    });
    let error = f.try_call(&w, &constant(1.0)).unwrap_err().to_string();
    assert!(error.contains("held by the call"), "{error}");
    assert_eq!(w.value(), 1.0);
}

#[test]
fn a_saved_program_holds_the_variables_of_its_own_call() {
    #[function]
    fn predict(w: &Variable, x: &Tensor) -> Tensor {
        w * x
    }
    let (a, b, x) = (Variable::new(2.0), Variable::new(5.0), constant([1.0, 2.0]));
    predict(&a, &x);
    let path = std::env::temp_dir().join(format!("tracelift-own-variables-{}.tlp", std::process::id()));
    let run = || {
        let input = Array::from_slice(&[2], &[1f32, 2.0]);
        let results = Executable::load(&path).unwrap().run(&mut [Arg::Ref(&input)]).unwrap();
        results[0].as_slice::<f32>().to_vec()
    };
    predict::concrete(&b, &x).unwrap().save(&path).unwrap();
    assert_eq!(run(), [5.0, 10.0]);
    predict::save(&path).unwrap();
    assert_eq!(run(), [2.0, 4.0]);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn the_last_trace_is_saved() {
    #[function]
    fn double(x: &Tensor) -> Tensor {
        x * 2.0
    }
    let path = std::env::temp_dir().join(format!("tracelift-last-trace-{}.tlp", std::process::id()));
    let length = || Executable::load(&path).unwrap().program().signature().to_string();
    // The second trace is for all sizes; the third is another dtype and goes before it in the book.
    double(&tl::ones(&[2]));
    double(&tl::ones(&[3]));
    double(&tl::ones(&[2]).cast(DType::F64));
    double::save(&path).unwrap();
    assert!(length().contains("f64"), "{}", length());
    std::fs::remove_file(path).unwrap();
}

#[test]
fn freezing_a_variable_is_another_trace() {
    #[function]
    fn step(model: &Scale, x: &Tensor) {
        let variables = model.trainable_variables();
        let tape = GradientTape::new();
        let loss = model.call(x, Mode::Train);
        let gradients = tape.gradient(&loss, &variables);
        variables.iter().zip(gradients).for_each(|(v, g)| {
            v.assign_sub(g);
        });
    }
    let (model, x) = (Scale { by: Variable::new(5.0) }, constant(1.0));
    step(&model, &x);
    assert_eq!(model.by.value(), 4.0);
    let _ = model.by.clone().trainable(false);
    step(&model, &x);
    assert_eq!(model.by.value(), 4.0);
    let frozen = Scale { by: Variable::new(5.0).trainable(false) };
    step(&frozen, &x);
    assert_eq!((frozen.by.value().item(), step::trace_count()), (5.0, 2));
    let _ = model.by.clone().trainable(true);
    step(&model, &x);
    assert_eq!((model.by.value().item(), step::trace_count()), (3.0, 2));
}

#[test]
fn freezing_a_captured_variable_is_another_trace() {
    let w = Variable::new(2.0);
    let captured = w.clone();
    let f = tl::function(move |x: &Tensor| match captured.is_trainable() {
        true => x * &captured,
        false => x + &captured,
    });
    assert_eq!(f.call(&constant(5.0)), 10.0);
    let _ = w.trainable(false);
    assert_eq!(f.call(&constant(5.0)), 7.0);
}

#[test]
fn metrics_of_other_functions_are_told_apart() {
    type Of = fn(&Tensor, &Tensor) -> Tensor;
    #[function]
    fn update(metric: &MeanOf<Of>, y: &Tensor) {
        metric.update_state(y, y);
    }
    let (sum, product): (MeanOf<Of>, MeanOf<Of>) = (MeanOf::new(|a, b| a + b), MeanOf::new(|a, b| a * b));
    let y = constant([3.0]);
    update(&sum, &y);
    update(&product, &y);
    assert_eq!((sum.result().item(), product.result().item()), (6.0, 9.0));
}

#[test]
fn schedules_are_told_apart_by_type() {
    macro_rules! constant_schedule {
        ($name:ident, $rate:expr) => {
            struct $name;
            impl Schedule for $name {
                fn value(&self, step: &Tensor) -> Tensor {
                    step * 0.0 + $rate
                }
                fn numbers(&self) -> smallvec::SmallVec<[f64; 8]> {
                    Default::default()
                }
            }
        };
    }
    constant_schedule!(Slow, 1.0);
    constant_schedule!(Fast, 10.0);
    #[function]
    fn step(w: &Variable, optimizer: &Sgd) {
        optimizer.apply(&[constant(1.0)], std::slice::from_ref(w));
    }
    let after = |optimizer: Sgd| {
        let w = Variable::new(0.0);
        step(&w, &optimizer);
        w.value().item()
    };
    assert_eq!(after(Sgd::new(Slow)), -1.0);
    assert_eq!(after(Sgd::new(Fast)), -10.0);
    assert_eq!(after(Sgd::new(100.0)), -100.0);
}

#[test]
fn decay_by_name_is_told_apart() {
    #[function]
    fn step(w: &Variable, optimizer: &Sgd) {
        optimizer.apply(&[constant(0.0)], std::slice::from_ref(w));
    }
    let after = |name: &str| {
        let optimizer = Sgd::new(1.0).weight_decay(0.5).exclude_from_weight_decay(&["bias"]);
        let w = Variable::new(8.0).named(name);
        step(&w, &optimizer);
        step(&w, &optimizer);
        w.value().item()
    };
    assert_eq!((after("kernel"), after("bias"), after("kernel")), (2.0, 8.0, 2.0));
}

#[test]
fn type_parameters_are_told_apart() {
    trait Apply {
        fn apply(x: &Tensor) -> Tensor;
    }
    #[function]
    fn run<A: Apply>(x: &Tensor) -> Tensor {
        A::apply(x)
    }
    // Two types of one name.
    fn double(x: &Tensor) -> (Tensor, Tensor) {
        let first = {
            struct Local;
            impl Apply for Local {
                fn apply(x: &Tensor) -> Tensor {
                    x * 2.0
                }
            }
            run::<Local>(x)
        };
        struct Local;
        impl Apply for Local {
            fn apply(x: &Tensor) -> Tensor {
                x * 3.0
            }
        }
        (first, run::<Local>(x))
    }
    let (first, second) = double(&constant(1.0));
    assert_eq!((first.item(), second.item()), (2.0, 3.0));

    // A parameter of the trait that the method's own generics do not show.
    struct Outer;
    trait On<A> {
        fn on(x: &Tensor) -> Tensor;
    }
    impl<A: Apply> On<A> for Outer {
        #[function(method)]
        fn on(x: &Tensor) -> Tensor {
            A::apply(x)
        }
    }
    struct Plus;
    impl Apply for Plus {
        fn apply(x: &Tensor) -> Tensor {
            x + 1.0
        }
    }
    struct Minus;
    impl Apply for Minus {
        fn apply(x: &Tensor) -> Tensor {
            x - 1.0
        }
    }
    #[function]
    fn by_constants<const UP: bool, const N: u8, const C: char>(x: &Tensor) -> Tensor {
        let sign = if UP { 1.0 } else { -1.0 };
        x * sign * f32::from(N) + f32::from(C as u8)
    }
    let x = constant(1.0);
    let all = [
        by_constants::<true, 2, 'a'>(&x),
        by_constants::<false, 2, 'a'>(&x),
        by_constants::<true, 3, 'a'>(&x),
        by_constants::<true, 2, 'b'>(&x),
    ];
    assert_eq!(all.map(|y| y.item()), [99.0, 95.0, 100.0, 100.0]);
    by_constants::warm_up::<false, 3, 'c'>(&x).unwrap();
    assert_eq!((by_constants::<false, 3, 'c'>(&x).item(), by_constants::trace_count()), (96.0, 5));
    assert_eq!(<Outer as On<Plus>>::on(&x), 2.0);
    assert_eq!(<Outer as On<Minus>>::on(&x), 0.0);
}

#[test]
fn a_kernel_may_use_ops_that_run_now() {
    let op =
        tl::CustomOp::new("by sign", |x| Ok(vec![if x[0].sum() > 0.0 { tl::exp(&x[0]) } else { tl::log1p(-&x[0]) }]));
    let nested = tl::CustomOp::new("outer", {
        let op = op.clone();
        move |x| Ok(op.call(&[&x[0]]))
    });
    for x in [[1.0f32, 2.0], [-1.0, -2.0], [3.0, 1.0]] {
        let expected: Vec<f32> = x.iter().map(|v| if x[0] > 0.0 { v.exp() } else { (-v).ln_1p() }).collect();
        for op in [&op, &nested] {
            tl::testing::assert_all_close(&op.call(&[&constant(x)])[0], &Tensor::from(expected.clone()));
        }
    }
}

#[test]
fn a_shape_rule_may_use_tensors() {
    let op = tl::CustomOp::with_shape(
        "repeat",
        |operands| {
            #[function]
            fn twice(n: &Tensor) -> Tensor {
                n * 2
            }
            let n = twice(&Tensor::from(vec![operands[0].1[0] as i32])).to_vec::<i32>()[0];
            Ok(vec![(operands[0].0, vec![n as usize])])
        },
        |x| Ok(vec![tl::concat(&[&x[0], &x[0]], 0)]),
    );
    let x = constant([1.0, 2.0]);
    assert_eq!(op.call(&[&x])[0].to_vec::<f32>(), [1.0, 2.0, 1.0, 2.0]);
    let f = tl::function(move |x: &Tensor| op.call(&[x])[0].clone() + 1.0);
    assert_eq!(f.call(&x).to_vec::<f32>(), [2.0, 3.0, 2.0, 3.0]);
}

#[test]
fn a_thread_that_compiles_takes_up_nothing_else() {
    use std::cell::Cell;
    thread_local! {
        static BUSY: Cell<bool> = const { Cell::new(false) };
    }
    // Many kernels each, none equal to another function's.
    let inputs: Vec<Tensor> = (2..8usize).map(|n| tl::ones(&[n, 3])).collect();
    let first_call = &|round: usize| {
        let f = tl::function(move |xs: &Vec<Tensor>| {
            xs.iter().map(|x| (x * (round + 2) as f32).softmax() + x.sum()).collect::<Vec<_>>()
        });
        assert!(!BUSY.replace(true), "a task began inside another one's call");
        assert_eq!(f.call(&inputs).len(), inputs.len());
        BUSY.set(false);
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    // All tasks wait at one thread, so that the others look for work everywhere.
    pool.scope(|scope| (0..32).for_each(|round| scope.spawn(move |_| first_call(round))));
    // Outside a pool.
    first_call(32);
}

#[test]
fn variables_made_inside_keep_dtype_and_shape() {
    #[function]
    fn make(n: usize) -> Tensor {
        Variable::new(tl::zeros(&[n])).value()
    }
    assert_eq!(make(2).shape().to_vec(), [2]);
    let error = make::try_call(3).unwrap_err().to_string();
    assert!(error.contains("f32[2]") && error.contains("f32[3]"), "{error}");
    assert_eq!(make(2).shape().to_vec(), [2]);
}
