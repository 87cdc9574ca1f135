//! The operator matrix of API.md §2, weak numbers, comparisons, and the wording of errors.

use crate::config::Backend::Interpreter;
use crate::error::{Kind, attempt};
use crate::prelude::*;
use crate::{self as tl};
use std::panic::AssertUnwindSafe;
use tracelift_runtime::Array;

/// Every pair of left and right side that must compile, for one operator.
macro_rules! matrix {
    ($($op:tt)*) => {$({
        let (x, v) = (constant(6.0), Variable::new(6.0));
        let right = constant(3.0);
        let expected = &x $op &right;
        let w = Variable::new(3.0);
        let values = [
            x.clone() $op right.clone(), x.clone() $op &right, &x $op right.clone(), &x $op w.clone(), &x $op &w,
            x.clone() $op w.clone(), v.clone() $op right.clone(), v.clone() $op &right, &v $op &right, &v $op w.clone(),
            v.clone() $op &w, &v $op &w,
            &x $op 3.0, &x $op 3, &x $op 3.0f32, &x $op 3u8, &x $op 3usize, &x $op 3i64, x.clone() $op 3.0,
            &v $op 3.0, v.clone() $op 3,
            6.0 $op &right, 6.0 $op right.clone(), 6.0 $op &w, 6.0 $op w.clone(), 6 $op &right, 6i64 $op right.clone(),
            6 $op &w,
        ];
        for (i, value) in values.iter().enumerate() {
            assert_eq!(*value, expected, "case {i} of {}", stringify!($op));
        }
    })*};
}

#[test]
fn operators_take_every_pair_of_sides() {
    matrix!(+ - * / %);
    let (t, f) = (constant([true, false]), constant([true, true]));
    assert_eq!(&t & &f, constant([true, false]));
    assert_eq!(&t | &f, constant([true, true]));
    assert_eq!(&t ^ &f, constant([false, true]));
    assert_eq!(!&t, constant([false, true]));
    assert_eq!(&t & true, t);
    assert_eq!(constant([6, 5]) & 3, constant([2, 1]));
    assert_eq!(&constant([7, -7]) % Variable::new(3), constant([1, 2]));
    assert_eq!(7 % constant([4, 2]), constant([3, 1]));
    assert_eq!(-&constant([1.0, -2.0]), constant([-1.0, 2.0]));
    assert_eq!(-Variable::new(1.0), -1.0);
    assert_eq!(!constant([0, 1]), constant([-1, -2]));
}

#[test]
fn tensors_are_assigned_to_and_literals_infer() {
    let mut x = constant([1.0, 2.0]);
    x += 1.0;
    x *= &constant([2.0, 3.0]);
    x -= Variable::new(1.0);
    x /= 2;
    assert_eq!(x, constant([1.5, 4.0]));
    let a = 0.5 * &x;
    assert_eq!(a.sum().item() + (2.0 * &x).sum().item(), 13.75);
    assert_eq!(constant([7, -7]) % 3, constant([1, 2]));
}

#[test]
fn numbers_are_weak() {
    for (value, dtype) in [
        (Tensor::from(1.5f64) + 0.1, F64),
        (Tensor::from(1i64) + 1, I64),
        (Tensor::from(1u8) * 2usize, U8),
        (constant(1.0) + 1, F32),
    ] {
        assert_eq!(value.dtype(), dtype);
    }
    assert_eq!(tl::config::with_backend(Interpreter, || 0.5 + Tensor::from(half::f16::ONE)).dtype(), F16);
    assert_eq!((Tensor::from(0.0f64) + 0.1f32).item(), f64::from(0.1f32));
    assert_eq!(tl::square(3.0).dtype(), F32);
    assert_eq!(tl::where_(constant([true, false]), 1.0, 0.0), constant([1.0, 0.0]));
    assert_eq!(tl::maximum(constant([1, 5]), 3), constant([3, 5]));
}

// The reference forms and the redundant comparisons are what is tested.
#[allow(clippy::op_ref, clippy::nonminimal_bool, clippy::bool_comparison)]
#[test]
fn one_element_compares_as_a_number() {
    let (x, y, v) = (constant(0.1), constant([2.0]), Variable::new(3.0));
    assert!(x < 0.5 && x == 0.1 && x != 0.2 && 1.0 > x && 0.1 == x);
    assert!(x < y && &x < &y && x < &y && &x < y && y >= 2 && v > 2.5 && &v <= 3.0);
    assert!(constant(5) > 4 && 4 < constant(5) && constant(true) == true);
    assert!(constant([1.0, 2.0]) == constant([1.0, 2.0]));
    assert!(constant([1.0]) != constant([[1.0]]) && constant([1]) != Tensor::from(vec![1i64]));
    let text = attempt(|| constant([1.0, 2.0]) > 1.0).unwrap_err().to_string();
    assert!(text.starts_with("`>`: expected one element, got f32[2]\n  at "), "{text}");
}

/// The message with this file's line numbers taken out.
fn message<R>(f: impl FnOnce() -> R) -> String {
    let text = attempt(f).err().expect("an error").to_string();
    let here = text.lines().position(|l| l.starts_with("  at ") && l.contains("tests.rs:"));
    let place = here.unwrap_or_else(|| panic!("no line of this file in: {text}"));
    text.lines().enumerate().map(|(i, l)| if i == place { "  at HERE" } else { l }).collect::<Vec<_>>().join("\n")
}

#[test]
fn errors_name_op_operands_line_and_cure() {
    let x = constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let texts = [
        message(|| &x + constant([1.0, 2.0])),
        message(|| tl::matmul(&x, &x)),
        message(|| &x + constant([1, 2, 3])),
        message(|| constant([1, 2]) + 0.5),
        message(|| x.reshape([4])),
        message(|| x.transpose_with([0, 0])),
        message(|| Variable::new([1.0, 2.0]).named("w").assign(constant([1.0])) as *const Variable as usize),
        message(|| x.item()),
        message(|| x.to_vec::<f64>()),
    ];
    crate::testing::golden("errors.txt", &texts.join("\n\n"));
}

#[test]
fn twins_answer_and_panics_carry_the_same_text() {
    let (x, y) = (constant([1.0, 2.0]), constant([1.0, 2.0, 3.0]));
    let error = x.try_add(&y).unwrap_err();
    assert_eq!(error.kind(), Kind::Shape);
    assert!(x.try_add(1.0).is_ok() && tl::try_exp(&x).is_ok());
    let payload = std::panic::catch_unwind(AssertUnwindSafe(|| tl::add(&x, &y))).unwrap_err();
    let text = payload.downcast_ref::<String>().expect("a panic message");
    assert_eq!(text.lines().next(), error.to_string().lines().next());
}

#[test]
fn ops_come_in_all_forms() {
    let x = constant([[1.0, 2.0], [3.0, 5.0]]);
    assert_eq!(tl::reduce_sum(&x), 11.0);
    assert_eq!(x.sum_axis(0), constant([4.0, 7.0]));
    assert_eq!(x.mean_keepdims([-1]), constant([[1.5], [4.0]]));
    assert_eq!(x.reduce_max_axis([0, 1]).item(), 5.0);
    assert_eq!(x.transpose().at(0), constant([1.0, 3.0]));
    assert_eq!(x.matmul(&x), constant([[7.0, 12.0], [18.0, 31.0]]));
    assert_eq!(tl::concat(&[&x, &x], 0).shape(), [4, 2]);
    assert_eq!(x.cast(I32), constant([[1, 2], [3, 5]]));
    assert_eq!(tl::zeros([2, 3]).shape(), [2, 3]);
    assert_eq!(tl::unstack(&x)[1], constant([3.0, 5.0]));
}

#[test]
fn empty_tensors_may_have_axes_of_any_length() {
    for shape in [[0, 1 << 40, 1 << 40], [1 << 40, 1 << 40, 0]] {
        let x = Tensor::from(Array::zeros(F32, &shape).unwrap());
        assert_eq!((x.len(), x.to_string()), (0, "[]".to_owned()));
        assert!(x.to_vec::<f32>().is_empty() && x.clone() == x);
        assert_eq!(x.try_to_ndarray::<f32>().unwrap_err().kind(), Kind::Shape);
    }
}
