//! Rows brought together by segment, and other counts by index.

use crate::battery::check_gradient;
use crate::compiled::compare_with;
use crate::support::{counted, f64s, i32s, one, refused};
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::{DType, ops};
use tracelift_runtime::Array;

#[track_caller]
fn checked(op: &'static OpDef, attrs: &Attrs, operands: &[Array]) -> Vec<f64> {
    compare_with(op, attrs, operands).unwrap_or_else(|e| panic!("{e}"));
    check_gradient(op, attrs.clone(), operands);
    one(op, attrs.clone(), operands).as_slice::<f64>().to_vec()
}

#[test]
fn unsorted_segments() {
    let operands = [f64s(&[4, 1], &[1., 2., 4., 8.]), i32s(&[4], &[2, 0, 2, -1])];
    let attrs = Attrs::new().with("num_segments", 3i64);
    assert_eq!(checked(&ops::UNSORTED_SEGMENT_SUM, &attrs, &operands), [2., 0., 5.]);
    assert_eq!(checked(&ops::UNSORTED_SEGMENT_MEAN, &attrs, &operands), [2., 0., 2.5]);
    assert_eq!(checked(&ops::UNSORTED_SEGMENT_SQRT_N, &attrs, &operands), [2., 0., 5. / 2f64.sqrt()]);
    assert_eq!(checked(&ops::UNSORTED_SEGMENT_PROD, &attrs, &operands), [2., 1., 4.]);
    let full = [operands[0].clone(), i32s(&[4], &[2, 0, 2, 1])];
    assert_eq!(checked(&ops::UNSORTED_SEGMENT_MAX, &attrs, &full), [2., 8., 4.]);
    assert_eq!(checked(&ops::UNSORTED_SEGMENT_MIN, &attrs, &full), [2., 8., 1.]);
    assert_eq!(one(&ops::UNSORTED_SEGMENT_MAX, attrs.clone(), &operands).as_slice::<f64>(), [2., f64::MIN, 4.]);
    let ints = [i32s(&[2], &[-5, 7]), i32s(&[2], &[1, 1])];
    let two = Attrs::new().with("num_segments", 2i64);
    assert_eq!(one(&ops::UNSORTED_SEGMENT_MAX, two.clone(), &ints).as_slice::<i32>(), [i32::MIN, 7]);
    assert_eq!(one(&ops::UNSORTED_SEGMENT_MIN, two.clone(), &ints).as_slice::<i32>(), [i32::MAX, -5]);
    // Ids of rank 2 take two axes of the data.
    let square = [counted(&[2, 2]), i32s(&[2, 2], &[1, 0, 1, 1])];
    assert_eq!(checked(&ops::UNSORTED_SEGMENT_SUM, &two, &square), [1., 5.]);
    let text = refused(&ops::UNSORTED_SEGMENT_SUM, two, &operands);
    assert!(text.contains("index 2 is out of range for axis 0 of length 2"), "{text}");
}

#[test]
fn sequences_are_reversed() {
    let operands = [counted(&[2, 3]), i32s(&[2], &[2, 3])];
    let attrs = Attrs::new().with("seq_axis", 1i64);
    assert_eq!(checked(&ops::REVERSE_SEQUENCE, &attrs, &operands), [1., 0., 2., 5., 4., 3.]);
    let other = [counted(&[3, 2]), i32s(&[2], &[0, 3])];
    let attrs = Attrs::new().with("seq_axis", 0i64).with("batch_axis", 1i64);
    assert_eq!(checked(&ops::REVERSE_SEQUENCE, &attrs, &other), [0., 5., 2., 3., 4., 1.]);
    let text = refused(&ops::REVERSE_SEQUENCE, attrs, &[counted(&[3, 2]), i32s(&[2], &[4, 1])]);
    assert!(text.contains("index 4 is out of range"), "{text}");
}

#[test]
fn counts_by_class_and_length() {
    let attrs = Attrs::new().with("num_classes", 2i64);
    let lists = [i32s(&[4], &[0, 1, 1, 1]), i32s(&[4], &[0, 0, 1, 1])];
    compare_with(&ops::CONFUSION_MATRIX, &attrs, &lists).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(one(&ops::CONFUSION_MATRIX, attrs.clone(), &lists).as_slice::<i32>(), [1, 0, 1, 2]);
    refused(&ops::CONFUSION_MATRIX, attrs, &[i32s(&[1], &[2]), i32s(&[1], &[0])]);
    let longest = one(&ops::SEQUENCE_MASK, Attrs::new(), &[i32s(&[2], &[1, 2])]);
    assert_eq!(longest.as_slice::<bool>(), [true, false, true, true]);
    let attrs = Attrs::new().with("maxlen", 3i64).with("dtype", DType::I32);
    assert_eq!(
        one(&ops::SEQUENCE_MASK, attrs, &[i32s(&[3], &[1, 0, 5])]).as_slice::<i32>(),
        [1, 0, 0, 0, 0, 0, 1, 1, 1]
    );
}
