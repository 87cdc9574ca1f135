//! Elementwise ops: the corners that samples do not hit.

use crate::battery::check_gradient;
use crate::support::{f64s, i32s, one, refused, values};
use tracelift_compiler::DType;
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::ops::{self, eval};
use tracelift_runtime::Array;

#[test]
fn integer_division_follows_python_and_c() {
    let (x, y) = (i32s(&[5], &[7, -7, 7, -7, i32::MIN]), i32s(&[5], &[2, 2, -2, -2, -1]));
    let both = [x, y];
    let of = |op| values(op, Attrs::new(), &both);
    assert_eq!(of(&ops::FLOORDIV), [3.0, -4.0, -4.0, 3.0, f64::from(i32::MIN)]);
    assert_eq!(of(&ops::FLOORMOD), [1.0, 1.0, -1.0, -1.0, 0.0]);
    assert_eq!(of(&ops::TRUNCATEDIV), [3.0, -3.0, -3.0, 3.0, f64::from(i32::MIN)]);
    assert_eq!(of(&ops::TRUNCATEMOD), [1.0, -1.0, 1.0, -1.0, 0.0]);
}

#[test]
fn integers_wrap() {
    let x = Array::from_slice(&[2], &[250u8, 3]);
    assert_eq!(one(&ops::ADD, Attrs::new(), &[x.clone(), x.clone()]).as_slice::<u8>(), [244, 6]);
    assert_eq!(one(&ops::NEGATIVE, Attrs::new(), &[x]).as_slice::<u8>(), [6, 253]);
    let y = Array::from_slice(&[1], &[i64::MAX]);
    assert_eq!(one(&ops::SQUARE, Attrs::new(), &[y]).as_slice::<i64>(), [1]);
}

#[test]
fn integer_powers() {
    let (x, y) = (i32s(&[4], &[3, -2, 0, -1]), i32s(&[4], &[4, 31, 0, 3]));
    assert_eq!(one(&ops::POW, Attrs::new(), &[x, y]).as_slice::<i32>(), [81, i32::MIN, 1, -1]);
    let text = refused(&ops::POW, Attrs::new(), &[i32s(&[], &[2]), i32s(&[], &[-1])]);
    assert!(text.starts_with("`pow`: an integer to a negative power"), "{text}");
}

#[test]
fn maximum_keeps_nan() {
    let (x, y) = (f64s(&[3], &[f64::NAN, 1.0, 2.0]), f64s(&[3], &[1.0, f64::NAN, 3.0]));
    let greatest = values(&ops::MAXIMUM, Attrs::new(), &[x, y]);
    assert!(greatest[0].is_nan() && greatest[1].is_nan() && greatest[2] == 3.0);
}

#[test]
fn cast() {
    let to = |dtype: DType| Attrs::new().with("dtype", dtype);
    let x = f64s(&[5], &[2.9, -2.9, f64::NAN, 1e20, -0.5]);
    assert_eq!(one(&ops::CAST, to(DType::I32), std::slice::from_ref(&x)).as_slice::<i32>(), [2, -2, 0, i32::MAX, 0]);
    assert_eq!(one(&ops::CAST, to(DType::U8), std::slice::from_ref(&x)).as_slice::<u8>(), [2, 0, 0, 255, 0]);
    assert_eq!(one(&ops::CAST, to(DType::Bool), &[x]).as_slice::<bool>(), [true; 5]);
    let wide = i32s(&[2], &[300, -1]);
    assert_eq!(one(&ops::CAST, to(DType::U8), std::slice::from_ref(&wide)).as_slice::<u8>(), [44, 255]);
    assert_eq!(one(&ops::CAST, to(DType::U64), &[wide]).as_slice::<u64>(), [300, u64::MAX]);
    check_gradient(&ops::CAST, to(DType::F64), &[f64s(&[2], &[0.5, 1.5])]);
}

#[test]
fn select() {
    let condition = Array::from_slice(&[2, 1], &[true, false]);
    let (x, y) = (f64s(&[3], &[1.0, 2.0, 3.0]), f64s(&[], &[9.0]));
    let operands = [condition, x, y];
    assert_eq!(values(&ops::SELECT, Attrs::new(), &operands), [1.0, 2.0, 3.0, 9.0, 9.0, 9.0]);
    check_gradient(&ops::SELECT, Attrs::new(), &operands);
}

#[test]
fn clip() {
    let operands = [f64s(&[4], &[-2.0, 0.5, 3.0, 1.5]), f64s(&[], &[-1.0]), f64s(&[4], &[2.0, 2.0, 2.0, 1.0])];
    assert_eq!(values(&ops::CLIP_BY_VALUE, Attrs::new(), &operands), [-1.0, 0.5, 2.0, 1.0]);
    check_gradient(&ops::CLIP_BY_VALUE, Attrs::new(), &operands);
    let crossed = [f64s(&[3], &[-2.0, 0.5, 3.0]), f64s(&[], &[1.0]), f64s(&[], &[0.0])];
    assert_eq!(values(&ops::CLIP_BY_VALUE, Attrs::new(), &crossed), [0.0; 3]);
    check_gradient(&ops::CLIP_BY_VALUE, Attrs::new(), &crossed);
}

#[test]
fn power_gradients_are_safe_at_zero_and_below() {
    // By differences at x = 0 and x < 0 nothing can be said about y; so only x is asked for there.
    let mut b = tracelift_compiler::graph::GraphBuilder::new("pow");
    let operands = [f64s(&[3], &[0.0, -2.0, 0.0]), f64s(&[3], &[2.0, 3.0, 0.0])];
    let [x, y] = [0, 1].map(|i: usize| b.parameter("x", crate::support::spec_of(&operands[i])));
    let z = b.apply_at(&ops::POW, Attrs::new(), &[x, y], tracelift_compiler::Loc::default()).unwrap()[0];
    let g = tracelift_compiler::grad::gradient(&mut b, &[(z, None)], &[x, y]).unwrap();
    let outputs = g.into_iter().map(|g| g.expect("connected")).collect();
    let g = tracelift_compiler::interp::run(&b.finish(outputs), &operands).unwrap();
    assert_eq!(eval::floats(&g[0]), [0.0, 12.0, 0.0]);
    assert_eq!(eval::floats(&g[1]), [0.0, 0.0, 0.0]);
}

#[test]
fn activations_do_not_overflow() {
    let x = Array::from_slice(&[4], &[-1e4f32, -100.0, 100.0, 1e4]);
    for (op, expected) in [
        (&ops::SOFTPLUS, [0.0, 3.783_505_9e-44, 100.0, 1e4]),
        (&ops::SIGMOID, [0.0, 3.783_505_9e-44, 1.0, 1.0]),
        (&ops::LOG_SIGMOID, [-1e4, -100.0, -3.783_505_9e-44, 0.0]),
        (&ops::SILU, [0.0, -3.783_506e-42, 100.0, 1e4]),
        (&ops::ELU, [-1.0, -1.0, 100.0, 1e4]),
    ] {
        crate::support::assert_close(&values(op, Attrs::new(), std::slice::from_ref(&x)), &expected, 1e-6, op.name);
        let wide = f64s(&[4], &[-1e4, -100.0, 100.0, 1e4]);
        check_gradient(op, Attrs::new(), &[wide]);
    }
}

#[test]
fn nothing_flows_through_stop_gradient() {
    let mut b = tracelift_compiler::graph::GraphBuilder::new("stop");
    let x = b.parameter("x", tracelift_compiler::TensorSpec::scalar(DType::F64));
    let loc = tracelift_compiler::Loc::default;
    let stopped = b.apply_at(&ops::STOP_GRADIENT, Attrs::new(), &[x], loc()).unwrap()[0];
    let y = b.apply_at(&ops::MULTIPLY, Attrs::new(), &[x, stopped], loc()).unwrap()[0];
    let g = tracelift_compiler::grad::gradient(&mut b, &[(y, None)], &[x]).unwrap()[0].expect("connected");
    let results = tracelift_compiler::interp::run(&b.finish(vec![y, g]), &[f64s(&[], &[3.0])]).unwrap();
    assert_eq!([results[0].as_slice::<f64>()[0], results[1].as_slice::<f64>()[0]], [9.0, 3.0]);
}
