//! Losses: against their definitions, and at logits of ±1e4.

use crate::battery::check_gradient;
use crate::support::{assert_close, f64s, i32s, refused, values};
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::ops;
use tracelift_runtime::Array;

fn from_logits() -> Attrs {
    Attrs::new().with("from_logits", true)
}

#[test]
fn probabilities_and_logits_agree() {
    let logits = f64s(&[2, 3], &[0.5, -1.0, 2.0, 0.1, 0.2, -0.7]);
    let labels = f64s(&[2, 3], &[0.0, 0.3, 0.7, 1.0, 0.0, 0.0]);
    let p = crate::support::one(&ops::SIGMOID, Attrs::new(), std::slice::from_ref(&logits));
    let by_p = values(&ops::BINARY_CROSSENTROPY, Attrs::new(), &[labels.clone(), p]);
    let by_logits = values(&ops::BINARY_CROSSENTROPY, from_logits(), &[labels.clone(), logits.clone()]);
    assert_close(&by_p, &by_logits, 1e-9, "binary");
    let p = crate::support::one(&ops::SOFTMAX, Attrs::new(), std::slice::from_ref(&logits));
    let by_p = values(&ops::CATEGORICAL_CROSSENTROPY, Attrs::new(), &[labels.clone(), p.clone()]);
    let by_logits = values(&ops::CATEGORICAL_CROSSENTROPY, from_logits(), &[labels.clone(), logits.clone()]);
    assert_close(&by_p, &by_logits, 1e-9, "categorical");
    let classes = i32s(&[2], &[2, 0]);
    let by_p = values(&ops::SPARSE_CATEGORICAL_CROSSENTROPY, Attrs::new(), &[classes.clone(), p]);
    let by_logits = values(&ops::SPARSE_CATEGORICAL_CROSSENTROPY, from_logits(), &[classes.clone(), logits.clone()]);
    assert_close(&by_p, &by_logits, 1e-9, "sparse");

    check_gradient(
        &ops::BINARY_CROSSENTROPY,
        from_logits().with("label_smoothing", 0.1),
        &[labels.clone(), logits.clone()],
    );
    check_gradient(
        &ops::CATEGORICAL_CROSSENTROPY,
        from_logits().with("label_smoothing", 0.1),
        &[labels, logits.clone()],
    );
    check_gradient(&ops::SPARSE_CATEGORICAL_CROSSENTROPY, from_logits(), &[classes.clone(), logits.clone()]);
    check_gradient(&ops::SPARSE_SOFTMAX_CROSS_ENTROPY, Attrs::new(), &[classes, logits]);
}

#[test]
fn huge_logits() {
    let logits = Array::from_slice(&[2, 2], &[1e4f32, -1e4, 1e4, -1e4]);
    let hot = Array::from_slice(&[2, 2], &[1f32, 0.0, 0.0, 1.0]);
    let both = [hot, logits.clone()];
    assert_eq!(values(&ops::SOFTMAX_CROSS_ENTROPY, Attrs::new(), &both), [0.0, 2e4]);
    assert_eq!(values(&ops::CATEGORICAL_CROSSENTROPY, from_logits(), &both), [0.0, 2e4]);
    assert_eq!(values(&ops::BINARY_CROSSENTROPY, from_logits(), &both), [0.0, 1e4]);
    let classes = i32s(&[2], &[0, 1]);
    assert_eq!(values(&ops::SPARSE_SOFTMAX_CROSS_ENTROPY, Attrs::new(), &[classes, logits]), [0.0, 2e4]);
    // Gradients at ±1e4, away from kinks.
    let wide = f64s(&[2, 2], &[1e4, -1e4, 1e4, -1e4]);
    let hot = f64s(&[2, 2], &[1.0, 0.0, 0.0, 1.0]);
    check_by_logits(&[hot.clone(), wide.clone()], &ops::SOFTMAX_CROSS_ENTROPY, Attrs::new());
    check_by_logits(&[hot.clone(), wide.clone()], &ops::SIGMOID_CROSS_ENTROPY, Attrs::new());
    check_by_logits(&[hot, wide], &ops::CATEGORICAL_CROSSENTROPY, from_logits());
}

/// The gradient by the logits is finite and within ±1 where differences would need more digits than there are.
fn check_by_logits(inputs: &[Array], op: &'static tracelift_compiler::graph::OpDef, attrs: Attrs) {
    let mut b = tracelift_compiler::graph::GraphBuilder::new(op.name);
    let operands: Vec<_> = inputs.iter().map(|x| b.parameter("x", crate::support::spec_of(x))).collect();
    let y = b.apply_at(op, attrs, &operands, tracelift_compiler::Loc::default()).unwrap()[0];
    let g = tracelift_compiler::grad::gradient(&mut b, &[(y, None)], &operands[1..]).unwrap()[0].expect("connected");
    let g = tracelift_compiler::interp::run(&b.finish(vec![g]), inputs).unwrap();
    let expected = match op.name {
        "sigmoid_cross_entropy_with_logits" => [0.0, 0.0, 1.0, -1.0],
        _ => [0.0, 0.0, 1.0, -1.0],
    };
    assert_close(g[0].as_slice::<f64>(), &expected, 1e-12, op.name);
}

#[test]
fn labels_must_be_classes() {
    let logits = f64s(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    for op in [&ops::SPARSE_SOFTMAX_CROSS_ENTROPY, &ops::SPARSE_CATEGORICAL_CROSSENTROPY] {
        for bad in [2, -1] {
            let text = refused(op, Attrs::new(), &[i32s(&[3], &[0, bad, 1]), logits.clone()]);
            assert!(text.contains(&format!("index {bad} is out of range")), "{text}");
        }
    }
}

#[test]
fn regression_losses() {
    let (y, p) = (f64s(&[2, 2], &[0.0, 1.0, 2.0, 3.0]), f64s(&[2, 2], &[1.0, 1.0, -1.0, 3.5]));
    let both = [y, p];
    assert_eq!(values(&ops::MEAN_SQUARED_ERROR, Attrs::new(), &both), [0.5, 4.625]);
    assert_eq!(values(&ops::MEAN_ABSOLUTE_ERROR, Attrs::new(), &both), [0.5, 1.75]);
    assert_eq!(values(&ops::HUBER, Attrs::new(), &both), [0.25, 1.3125]);
    assert_eq!(values(&ops::HUBER, Attrs::new().with("delta", 0.5), &both), [0.1875, 0.75]);
}

#[test]
fn normalisation() {
    let x = f64s(&[2, 3], &[1.0, 2.0, 3.0, -1.0, 0.0, 4.0]);
    let ones = f64s(&[3], &[1.0; 3]);
    let zeros = f64s(&[3], &[0.0; 3]);
    let attrs = Attrs::new().with("epsilon", 0.0);
    let y = values(&ops::LAYER_NORM, attrs, &[x.clone(), ones, zeros]);
    assert_close(&y[..3], &[-1.5f64.sqrt(), 0.0, 1.5f64.sqrt()], 1e-12, "layer_norm");
    let unit = values(&ops::L2_NORMALIZE, Attrs::new().with("axes", vec![1i64]), &[x]);
    assert_close(&[unit.iter().map(|v| v * v).sum()], &[2.0], 1e-12, "l2_normalize");
}
