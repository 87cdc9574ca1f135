//! Bad input and hard use of the safe API: each mistake has its message or value, and nothing ends the process.
//!
//! What the compiler refuses (a tape used twice, an argument that is no tree) is in `ui/`; calls taken from security
//! advisories are in `conformance/bad_inputs.rs`; tensors that leave their trace are in `trace.rs`.

#[allow(dead_code)] // Only messages are compared.
mod support;

use support::{bless, diff, root};
use tl::prelude::*;
use tracelift as tl;

/// What calls are refused with, in order: compared with a file, which `TRACELIFT_BLESS=1` writes.
#[derive(Default)]
struct Messages(String);

impl Messages {
    #[track_caller]
    fn add<T>(&mut self, outcome: tl::Result<T>) {
        self.0.push_str(&message(outcome));
        self.0.push_str("\n\n");
    }

    #[track_caller]
    fn compare(&self, name: &str) {
        let path = root().join("tests/messages").join(name).with_extension("txt");
        if bless() {
            std::fs::write(&path, &self.0).expect("the messages can be written");
        }
        let known = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(self.0 == known, "bless with TRACELIFT_BLESS=1\n{}", diff(&known, &self.0));
    }
}

/// The error's text without the line, which must be in this file.
#[track_caller]
fn message<T>(outcome: tl::Result<T>) -> String {
    let text = outcome.err().expect("this must be refused").to_string();
    let line = text.lines().find(|line| line.starts_with("  at "));
    assert!(line.is_some_and(|line| line.starts_with("  at tests/bad_input.rs:")), "{text}");
    text.lines().filter(|line| !line.starts_with("  at ")).collect::<Vec<_>>().join("\n")
}

fn rows() -> Tensor {
    constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
}

#[test]
fn shapes_that_do_not_match() {
    let mut said = Messages::default();
    let x = rows();
    said.add(x.try_add(constant([1.0, 2.0])));
    said.add(x.try_matmul(&x));
    said.add(x.try_reshape([4, 2]));
    said.add(tl::try_concat(&[&x, &constant([[1.0]])], 0));
    let v = Variable::new([1.0, 2.0]);
    said.add(v.try_assign(&x));
    assert_eq!(v.value(), constant([1.0, 2.0]));
    said.compare("shapes_that_do_not_match");
}

#[test]
fn dtypes_that_do_not_match() {
    let mut said = Messages::default();
    let x = rows();
    said.add(x.try_add(constant([1, 2, 3])));
    said.add(constant([1, 2]).try_add(0.5));
    said.add(constant([1, 2]).try_exp());
    said.add(Tensor::from([1u8]).try_add(300));
    said.compare("dtypes_that_do_not_match");
}

#[test]
fn axes_out_of_range() {
    let mut said = Messages::default();
    let x = rows();
    said.add(x.try_reduce_sum_axis(2));
    said.add(x.try_softmax_with(-3));
    said.add(x.try_transpose_with([0, 2]));
    said.add(x.try_reduce_sum_axis([0, -2]));
    said.add(x.try_expand_dims(i64::MIN));
    said.add(x.try_at(i64::MAX));
    said.compare("axes_out_of_range");
}

#[test]
fn sizes_that_overflow() {
    let mut said = Messages::default();
    let x = rows();
    said.add(tl::try_zeros([1i64 << 40, 1 << 40]));
    said.add(x.try_tile([i64::MAX, 2]));
    said.add(x.try_reshape([i64::MAX, -1]));
    said.add(x.try_broadcast_to([i64::MAX, 2, 3]));
    said.add(constant([0, 1]).try_one_hot(i64::MAX));
    said.add(tl::try_range(0.0, 1e18));
    said.add(tl::try_range(0.0, f64::NAN));
    said.add(tl::try_split(tl::zeros([0, 1]), 1i64 << 32, 0));
    said.add(tl::try_hann_window(1 << 40));
    said.add(tl::try_eye([i64::MAX, i64::MAX]));
    said.compare("sizes_that_overflow");
}

#[test]
fn values_that_make_no_sense() {
    let mut said = Messages::default();
    let x = rows();
    let (three, one) = (constant(3.0), constant(1.0));
    said.add(tl::try_histogram_fixed_width(&x, constant([2.0, 0.0])));
    said.add(tl::try_quantize(&x, &three, &one));
    said.add(tl::try_fake_quant_with_min_max_vars(&x, &three, &one));
    let images = tl::zeros(&[1, 4, 4, 1]);
    said.add(tl::try_crop_and_resize(&images, constant([[f32::NAN, 0.0, 1.0, 1.0]]), constant([0]), [2, 2]));
    said.add(tl::try_max_pool_between(&images, [0, 9, 4], [0, 4]));
    said.add(x.try_nth_element(3));
    said.add(x.try_unique());
    said.add(x.try_band_part_with(3, 0));
    said.add(tl::attempt(|| tl::image::random_contrast(&images, 2.0, 1.0)));
    said.compare("values_that_make_no_sense");
}

#[test]
fn parameters_that_contradict() {
    let mut said = Messages::default();
    let x = rows();
    said.add(tl::try_bias_add(constant([1.0]), constant([1.0])));
    said.add(x.try_strided_slice_with([0, 0], [1, 3], [-1, 1], 0, 0, 1));
    let (image, filter) = (tl::zeros(&[1, 4, 4, 2]), tl::zeros(&[2, 2, 3, 2]));
    let none: [i64; 0] = [];
    said.add(tl::try_conv2d_transpose_with(&image, &filter, 1, "SAME", none, none, none, 1, "NHWC"));
    said.add(tl::try_lu_reconstruct(tl::eye([2, 2]), constant([0, 0])));
    let classes = constant([[0], [1]]).cast(DType::I64);
    said.add(tl::attempt(|| tl::random::log_uniform_candidate_sampler(&classes, 9, true, 4)));
    said.add(tl::attempt(|| tl::random::uniform_candidate_sampler(constant([0.5]), 2, true, 4)));
    said.add(tl::attempt(|| tl::random::stateless_normal(&[2], [1, 2, 3])));
    said.add(tl::attempt(|| tl::image::stateless_random_hue(tl::zeros(&[2, 2, 3]), 0.1, constant([1.0, 2.0]))));
    said.compare("parameters_that_contradict");
}

#[test]
fn gradients_that_are_not_there() {
    let mut said = Messages::default();
    let (x, y) = (constant([1.0, 2.0]), constant([3.0]));
    let tape = GradientTape::new();
    tape.watch(&x);
    said.add(tape.try_gradient(&(&x * 2.0), &y));
    let tape = GradientTape::new();
    said.add(tape.try_gradient(&constant([1, 2]), &x));
    let tape = GradientTape::new();
    let counts = constant([1, 2]);
    tape.watch(&x);
    said.add(tape.try_gradient(&(&x * 2.0), &counts));
    let v = Variable::new(1.0).named("bias");
    let tape = GradientTape::new();
    said.add(tape.try_gradient(&x.sum(), &[&v]));
    said.compare("gradients_that_are_not_there");
}

#[test]
fn nothing_at_all() {
    let mut said = Messages::default();
    let none = tl::zeros(&[0, 3]);
    assert_eq!(none.sum(), 0.0);
    assert_eq!(none.mean().item().to_string(), "NaN");
    assert_eq!(none.prod_axis(0), tl::ones(&[3]));
    assert_eq!(none.max_axis(0), constant([f32::NEG_INFINITY; 3]));
    assert_eq!(none.matmul(tl::ones(&[3, 2])).shape(), [0, 2]);
    assert_eq!(tl::zeros(&[2, 0]).matmul(tl::zeros(&[0, 3])), tl::zeros(&[2, 3]));
    assert_eq!(none.softmax().shape(), [0, 3]);
    assert_eq!(tl::concat(&[&none, &rows()], 0), rows());
    assert_eq!(none.sort().shape(), [0, 3]);
    said.add(none.try_argmax_with(0, DType::I64));
    let tape = GradientTape::new();
    tape.watch(&none);
    assert_eq!(tape.gradient(&tl::exp(&none).sum(), &none).shape(), [0, 3]);
    let mut doubled = tl::zeros(&[0, 1]);
    for _ in 0..40 {
        doubled = tl::concat(&[&doubled, &doubled], 1);
    }
    assert_eq!(doubled.shape(), [0, 1usize << 40]);
    let f = tl::function(|x: &Tensor| (0..40).fold(x.clone(), |x, _| tl::concat(&[&x, &x], 1)));
    assert_eq!(f.call(&tl::zeros(&[0, 1])).shape(), [0, 1usize << 40]);
    said.compare("nothing_at_all");
}

#[test]
fn numbers_that_are_none() {
    let nan = constant([f32::NAN, 1.0, -1.0]);
    let is_nan = |x: Tensor| x.item().is_nan();
    assert!(is_nan(nan.sum()) && is_nan(nan.max()) && is_nan(nan.min()) && is_nan(nan.mean()));
    assert!(is_nan(tl::maximum(nan.at(0), 1.0)) && is_nan(tl::minimum(1.0, nan.at(0))));
    assert_eq!(nan.argmax(), constant(0).cast(DType::I64));
    assert_eq!(nan.greater(0.0).to_vec::<bool>(), [false, true, false]);
    assert_eq!(nan.not_equal(&nan).to_vec::<bool>(), [true, false, false]);
    assert!(nan.sort().at(-1).item().is_nan());
    assert!(nan != nan);
    let extreme = constant([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.5]);
    assert_eq!(extreme.cast(DType::I32).to_vec::<i32>(), [0, i32::MAX, i32::MIN, -1]);
    assert_eq!(extreme.cast(DType::U8).to_vec::<u8>(), [0, 255, 0, 0]);
    assert_eq!(extreme.cast(DType::Bool).to_vec::<bool>(), [true; 4]);
}

#[test]
fn integers_at_their_ends() {
    let mut said = Messages::default();
    let x = constant([i32::MIN, 7, -7]);
    assert_eq!(tl::floordiv(&x, -1).to_vec::<i32>(), [i32::MIN, -7, 7]);
    assert_eq!(tl::floormod(&x, -1).to_vec::<i32>(), [0, 0, 0]);
    assert_eq!(tl::truncatediv(&x, -1).to_vec::<i32>(), [i32::MIN, -7, 7]);
    assert_eq!((x.abs().to_vec::<i32>(), (-&x).to_vec::<i32>()), (vec![i32::MIN, 7, 7], vec![i32::MIN, -7, 7]));
    assert_eq!((&x - 1).to_vec::<i32>(), [i32::MAX, 6, -8]);
    said.add(x.try_floordiv(constant([0, 1, 1])));
    // Each shift is defined: no operand makes generated code trap.
    for count in [-1, 31, 32, 100] {
        assert_eq!(x.left_shift(count).shape(), [3]);
        assert_eq!(x.right_shift(count).shape(), [3]);
    }
    said.compare("integers_at_their_ends");
}

#[test]
fn long_chains() {
    const LONG: usize = 20_000;
    let x = constant(1.0);
    let tape = GradientTape::new();
    tape.watch(&x);
    let y = (0..LONG).fold(x.clone(), |y, _| y + &x);
    assert_eq!(tape.gradient(&y, &x), (LONG + 1) as f64);
    drop(y);
    let grown = tl::function(|x: &Tensor| {
        let tape = GradientTape::new();
        tape.watch(x);
        let y = (0..4000).fold(x.clone(), |y, _| y + x);
        tape.gradient(&y, x)
    });
    assert_eq!(grown.call(&x), 4001.0);
    let square = constant([[1.0, 2.0], [3.0, 4.0]]);
    let moved = tl::function(|x: &Tensor| {
        (0..3000).fold(x.clone(), |y, i| if i % 2 == 0 { y.transpose() } else { y.reverse() })
    });
    assert_eq!(moved.call(&square).sum(), 10.0);
    let cut = tl::function(|x: &Tensor| (0..1500).fold(x.clone(), |y, _| tl::concat(&[&y, &y], 0).at(1..3)));
    assert_eq!(cut.call(&square).sum(), 10.0);
}

#[test]
fn a_tape_that_outlives_its_trace() {
    thread_local! {
        static KEPT: std::cell::RefCell<Option<tl::PersistentTape>> = const { std::cell::RefCell::new(None) };
    }
    #[function]
    fn keeps(x: &Tensor, _again: i32) -> Tensor {
        let tape = GradientTape::persistent();
        tape.watch(x);
        KEPT.set(Some(tape));
        x * 2.0
    }
    let x = constant([1.0]);
    assert_eq!(keeps(&x, 0), constant([2.0]));
    assert_eq!(keeps(&x, 1), constant([2.0]));
    let tape = KEPT.take().expect("the trace left it");
    let y = &x * 3.0;
    assert!(message(tape.try_gradient(&y, &x)).starts_with("gradient: source 0 (f32[1]) does not affect the target"));
    drop(tape);
    let tape = GradientTape::new();
    tape.watch(&x);
    assert_eq!(tape.gradient(&(&x * 3.0), &x), constant([3.0]));
}

#[test]
fn functions_and_tapes_within_each_other() {
    #[function]
    fn slope(x: &Tensor) -> Tensor {
        let tape = GradientTape::new();
        tape.watch(x);
        let y = x * x * x;
        tape.gradient(&y.sum(), x)
    }
    #[function]
    fn curvature(x: &Tensor) -> Tensor {
        let tape = GradientTape::new();
        tape.watch(x);
        let y = slope(x);
        tape.gradient(&y.sum(), x)
    }
    let x = constant([1.0, 2.0]);
    let tape = GradientTape::new();
    tape.watch(&x);
    let y = curvature(&x);
    assert_eq!(tape.gradient(&y.sum(), &x), constant([6.0, 6.0]));

    #[function]
    fn factorial(x: &Tensor, n: i32) -> Tensor {
        if n == 0 { x.clone() } else { factorial(x, n - 1) * f64::from(n) }
    }
    assert_eq!((factorial(&constant(1.0), 5), factorial(&constant(1.0), 6)), (constant(120.0), constant(720.0)));
}

#[test]
fn threads_that_share_functions_and_variables() {
    #[function]
    fn even(x: &Tensor, n: i32) -> Tensor {
        if n > 0 { odd(x, n - 1) + 1.0 } else { x.clone() }
    }
    #[function]
    fn odd(x: &Tensor, n: i32) -> Tensor {
        if n > 0 { even(x, n - 1) + 1.0 } else { x.clone() }
    }
    #[function]
    fn swap(a: &Variable, b: &Variable) {
        let (old_a, old_b) = (a.value(), b.value());
        a.assign(old_b);
        b.assign(old_a);
    }
    let (a, b) = (Variable::new(1.0), Variable::new(2.0));
    std::thread::scope(|scope| {
        for k in 0..4 {
            let (a, b) = (&a, &b);
            scope.spawn(move || {
                for n in 0..4 {
                    let traced = if k % 2 == 0 { even(&constant(0.0), n) } else { odd(&constant(0.0), n) };
                    assert_eq!(traced, f64::from(n));
                    // Locks are taken in one order, whatever the order of the arguments.
                    if k % 2 == 0 {
                        swap(a, b)
                    } else {
                        swap(b, a)
                    }
                    tl::random::set_seed(n as u64);
                    assert_eq!(tl::random::normal(&[3]).shape(), [3]);
                }
            });
        }
    });
    assert_eq!(a.value() + b.value(), 3.0);
}
