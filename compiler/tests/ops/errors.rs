//! What a wrong call is told: what was expected, what was received, and what to do.

use crate::support::{dims, f64s, i32s, refused};
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::{DType, ops};

#[test]
fn axes_out_of_range() {
    let x = f64s(&[2, 2], &[0.0; 4]);
    for axis in [2i64, -3, i64::MAX, i64::MIN] {
        let says = format!("axis {axis} is out of range for rank 2");
        let along = Attrs::new().with("axis", axis);
        let over = Attrs::new().with("axes", vec![axis]);
        for (op, attrs) in [
            (&ops::SOFTMAX, &along),
            (&ops::CUMSUM, &along),
            (&ops::ARGMAX, &along),
            (&ops::SORT, &along),
            (&ops::REDUCE_MEAN, &over),
        ] {
            let text = refused(op, attrs.clone(), std::slice::from_ref(&x));
            assert!(text.contains(&says), "{text}");
        }
    }
    let twice = Attrs::new().with("axes", vec![0i64, -2]);
    assert!(refused(&ops::REDUCE_SUM, twice, &[x]).contains("expected each axis once, received axis 0 twice"));
}

#[test]
fn dtypes_never_mix() {
    let text = refused(&ops::ADD, Attrs::new(), &[f64s(&[1], &[0.0]), i32s(&[1], &[0])]);
    assert!(text.contains("expected operands of one dtype (f64), received i32"), "{text}");
    assert!(text.contains("hint: dtypes never mix by themselves; convert one with `.cast(..)`"), "{text}");
    let text = refused(&ops::EXP, Attrs::new(), &[i32s(&[1], &[0])]);
    assert!(text.contains("expected a float tensor, received i32[1]") && text.contains("cast(DType::F32)"), "{text}");
}

#[test]
fn shapes_that_do_not_broadcast() {
    let text = refused(&ops::MULTIPLY, Attrs::new(), &[f64s(&[2, 3], &[0.0; 6]), f64s(&[2], &[0.0; 2])]);
    assert!(text.contains("expected shapes that broadcast, received [2, 3] and [2]"), "{text}");
    assert!(text.contains("hint: axis 1 has lengths 3 and 2; they must be equal, or one of them 1"), "{text}");
}

#[test]
fn sizes_that_overflow() {
    for sizes in [[1 << 40, 1 << 40], [i64::MAX, 2]] {
        let attrs = Attrs::new().with("dims", dims(&sizes)).with("dtype", DType::F32);
        let text = refused(&ops::ZEROS, attrs, &[]);
        assert!(text.contains("overflow"), "{text}");
    }
    let negative = Attrs::new().with("dims", dims(&[-2]));
    assert!(refused(&ops::ZEROS, negative, &[]).contains("-2"));
}

#[test]
fn integers_divided_by_zero() {
    let (x, y) = (i32s(&[2], &[7, -7]), i32s(&[2], &[2, 0]));
    for op in [&ops::FLOORDIV, &ops::FLOORMOD, &ops::TRUNCATEDIV, &ops::TRUNCATEMOD] {
        let text = refused(op, Attrs::new(), &[x.clone(), y.clone()]);
        assert!(text.contains("integer division by zero"), "{text}");
        // Where nothing is divided there is no error.
        let empty = crate::support::one(op, Attrs::new(), &[i32s(&[0], &[]), i32s(&[1], &[0])]);
        assert_eq!(empty.shape(), [0]);
    }
}

#[test]
fn indices_out_of_range_of_an_empty_tensor() {
    // Although nothing would be moved.
    let text = refused(&ops::GATHER, Attrs::new(), &[f64s(&[0, 0], &[]), i32s(&[], &[0])]);
    assert!(text.contains("index 0 is out of range for axis 0 of length 0"), "{text}");
}
