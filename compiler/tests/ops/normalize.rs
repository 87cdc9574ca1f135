//! Normalisation, weights and attention.

use crate::battery::check_gradient;
use crate::compiled::{assert_agrees, assert_agrees_for_any_batch, assert_gradient_agrees};
use crate::support::{Numbers, apply, assert_close, f64s, i32s, one, refused, values};
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::{DType, ops};
use tracelift_runtime::Array;

fn random(shape: &[usize]) -> Array {
    Numbers(shape.iter().sum::<usize>() as u64).array(DType::F64, shape, 0.5, 3.0)
}

fn check(op: &'static OpDef, attrs: Attrs, operands: &[Array]) {
    assert_agrees_for_any_batch(op, attrs.clone(), operands);
    assert_gradient_agrees(op, attrs.clone(), operands);
    check_gradient(op, attrs, operands);
}

/// As [`check`], where sizes must be known.
fn check_known(op: &'static OpDef, attrs: Attrs, operands: &[Array]) {
    assert_agrees(op, attrs.clone(), operands);
    assert_gradient_agrees(op, attrs.clone(), operands);
    check_gradient(op, attrs, operands);
}

#[test]
fn normalised_by_channel() {
    let x = f64s(&[2, 2], &[1.0, 10.0, 3.0, 30.0]);
    let one_each = |a: f64, b: f64| f64s(&[2], &[a, b]);
    let attrs = Attrs::new().with("epsilon", 0.0);
    let operands = [x.clone(), one_each(1.0, 2.0), one_each(0.5, 0.0), one_each(1.0, 10.0), one_each(4.0, 100.0)];
    assert_eq!(values(&ops::BATCH_NORM, attrs.clone(), &operands), [0.5, 0.0, 1.5, 4.0]);
    let results = apply(&ops::BATCH_NORM_TRAINING, attrs.clone(), &operands[..3]).unwrap();
    assert_eq!(results[0].as_slice::<f64>(), [-0.5, -2.0, 1.5, 2.0]);
    assert_eq!((results[1].as_slice::<f64>(), results[2].as_slice::<f64>()), (&[2.0, 20.0][..], &[1.0, 100.0][..]));
    let results = apply(&ops::FUSED_BATCH_NORM, attrs.clone(), &operands).unwrap();
    assert_eq!(results[2].as_slice::<f64>(), [2.0, 200.0]);
    let averaged = attrs.clone().with("exponential_avg_factor", 0.25);
    let results = apply(&ops::FUSED_BATCH_NORM, averaged, &operands).unwrap();
    assert_eq!(results[1].as_slice::<f64>(), [1.25, 12.5]);
    let kept = apply(&ops::FUSED_BATCH_NORM, attrs.with("is_training", false), &operands).unwrap();
    assert_eq!(kept[0].as_slice::<f64>(), [0.5, 0.0, 1.5, 4.0]);

    let channels = [3].map(|c| random(&[c]));
    let [c] = &channels;
    for (shape, axis) in [(&[4, 3][..], -1i64), (&[2, 3, 4], 1)] {
        let attrs = Attrs::new().with("axis", axis).with("epsilon", 0.1);
        check(&ops::BATCH_NORM, attrs.clone(), &[random(shape), c.clone(), c.clone(), c.clone(), c.clone()]);
        check(&ops::BATCH_NORM_TRAINING, attrs.clone(), &[random(shape), c.clone(), c.clone()]);
        check(&ops::INSTANCE_NORM, attrs, &[random(&[2, 3, 3]), c.clone(), c.clone()]);
    }
    check(&ops::FUSED_BATCH_NORM, Attrs::new(), &[random(&[2, 2, 3]), c.clone(), c.clone(), c.clone(), c.clone()]);
    let given = [random(&[2, 3]), random(&[4]), random(&[4]), f64s(&[], &[0.0]), f64s(&[], &[1.0])];
    let error = refused(&ops::BATCH_NORMALIZATION, Attrs::new().with("variance_epsilon", 1e-3), &given);
    assert!(error.contains("broadcast"), "{error}");
    check(
        &ops::BATCH_NORMALIZATION,
        Attrs::new().with("variance_epsilon", 1e-3),
        &[random(&[2, 3]), random(&[3]), random(&[3]), random(&[1]), random(&[3])],
    );
}

#[test]
fn normalised_by_group() {
    let attrs = |groups: i64| Attrs::new().with("groups", groups);
    let x = f64s(&[1, 1, 4], &[1.0, 3.0, 10.0, 30.0]);
    let (ones, zeros) = (f64s(&[4], &[1.0; 4]), f64s(&[4], &[0.0; 4]));
    let operands = [x, ones, zeros];
    assert_eq!(values(&ops::GROUP_NORM, attrs(2).with("epsilon", 0.0), &operands), [-1.0, 1.0, -1.0, 1.0]);
    assert!(refused(&ops::GROUP_NORM, attrs(3), &operands).contains("divide the 4 channels"));
    assert!(refused(&ops::GROUP_NORM, attrs(0), &operands).contains("groups = 0"));
    for axis in [1i64, -1] {
        let shape = if axis == 1 { [2, 4, 3] } else { [2, 3, 4] };
        let operands = [random(&shape), random(&[4]), random(&[4])];
        check(&ops::GROUP_NORM, attrs(2).with("axis", axis), &operands);
    }
}

#[test]
fn normalised_by_neighbours() {
    let x = f64s(&[1, 3], &[1.0, 2.0, 3.0]);
    let attrs = Attrs::new().with("size", 2i64).with("alpha", 2.0).with("beta", 1.0).with("k", 1.0);
    let expected = [1.0 / 2.0, 2.0 / 6.0, 3.0 / 14.0];
    assert_close(&values(&ops::LOCAL_RESPONSE_NORM, attrs, std::slice::from_ref(&x)), &expected, 1e-15, "size 2");
    let attrs = Attrs::new().with("depth_radius", 1i64).with("alpha", 1.0).with("beta", 1.0);
    let expected = [1.0 / 6.0, 2.0 / 15.0, 3.0 / 14.0];
    assert_close(&values(&ops::LOCAL_RESPONSE_NORMALIZATION, attrs, &[x]), &expected, 1e-15, "radius 1");
    check(&ops::LOCAL_RESPONSE_NORM, Attrs::new().with("size", 3i64), &[random(&[2, 2, 5])]);
    check(&ops::LOCAL_RESPONSE_NORM, Attrs::new().with("size", 2i64).with("axis", 1i64), &[random(&[2, 4, 3])]);
    assert!(refused(&ops::LOCAL_RESPONSE_NORM, Attrs::new().with("size", 0i64), &[random(&[2, 2])]).contains("size"));
}

#[test]
fn weights_and_rows() {
    check(&ops::DENSE, Attrs::new(), &[random(&[2, 3, 4]), random(&[4, 5])]);
    check_known(&ops::DENSE, Attrs::new(), &[random(&[4]), random(&[4, 5])]);
    assert!(refused(&ops::DENSE, Attrs::new(), &[random(&[2, 3]), random(&[4, 5])]).contains("kernel [3, units]"));
    assert_eq!(values(&ops::DENSE, Attrs::new(), &[random(&[2, 0]), random(&[0, 2])]), [0.0; 4]);
    check(&ops::BIAS_ADD, Attrs::new(), &[random(&[2, 3]), random(&[3])]);
    assert!(refused(&ops::BIAS_ADD, Attrs::new(), &[random(&[2, 3]), random(&[1])]).contains("length 3"));
    check_known(&ops::EMBEDDING_LOOKUP, Attrs::new(), &[random(&[3, 2]), i32s(&[2, 2], &[2, 0, 0, 1])]);
    let far = [random(&[3, 2]), i32s(&[1], &[7])];
    assert!(refused(&ops::EMBEDDING_LOOKUP, Attrs::new(), &far).contains("index 7 is out of range"));
    let predictions = f64s(&[3, 3], &[0.1, 0.8, 0.8, 0.3, 0.2, 0.1, f64::NAN, 0.5, 0.1]);
    let hits = |targets: &[i32], k: i64| {
        let attrs = Attrs::new().with("k", k);
        one(&ops::IN_TOP_K, attrs, &[i32s(&[3], targets), predictions.clone()]).as_slice::<bool>().to_vec()
    };
    assert_eq!(hits(&[2, 2, 1], 1), [true, false, true]);
    assert_eq!(hits(&[0, 1, 0], 2), [false, true, false]);
    assert_eq!(hits(&[0, 9, 2], 3), [true, false, true]);
}

#[test]
fn attention() {
    let (q, k, v) = (random(&[2, 3, 4]), random(&[2, 5, 4]), random(&[2, 5, 2]));
    let qkv = [q, k, v];
    for attrs in [Attrs::new(), Attrs::new().with("is_causal", true), Attrs::new().with("scale", 0.3)] {
        check_known(&ops::SCALED_DOT_PRODUCT_ATTENTION, attrs.clone(), &qkv);
        let masked = [qkv[0].clone(), qkv[1].clone(), qkv[2].clone(), random(&[3, 5])];
        check_known(&ops::MASKED_DOT_PRODUCT_ATTENTION, attrs, &masked);
    }
    // The first query sees the first key alone.
    let causal = values(&ops::SCALED_DOT_PRODUCT_ATTENTION, Attrs::new().with("is_causal", true), &qkv);
    assert_close(&causal[..2], &qkv[2].as_slice::<f64>()[..2], 1e-15, "the first row");
    let seen = Array::from_slice(&[5], &[false, true, false, false, false]);
    let masked = [qkv[0].clone(), qkv[1].clone(), qkv[2].clone(), seen];
    let rows = values(&ops::MASKED_DOT_PRODUCT_ATTENTION, Attrs::new(), &masked);
    assert_close(&rows[..2], &qkv[2].as_slice::<f64>()[2..4], 1e-15, "the second key");
    let wrong = [qkv[0].clone(), qkv[1].clone(), qkv[2].clone(), random(&[2, 5])];
    let error = refused(&ops::MASKED_DOT_PRODUCT_ATTENTION, Attrs::new(), &wrong);
    assert!(error.contains("a mask that broadcasts to [2, 3, 5]"), "{error}");
}
