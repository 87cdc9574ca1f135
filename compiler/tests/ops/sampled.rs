//! Losses by samples, isotonic regression, moments with weights: numbers of TensorFlow 2.21, gradients against
//! differences, machine code against `eval`.

use crate::battery::check_gradient;
use crate::compiled::{assert_agrees, assert_gradient_agrees};
use crate::support::{apply, assert_close, f64s, i32s, refused, values};
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::ops::{self, eval};
use tracelift_runtime::Array;

fn check(op: &'static tracelift_compiler::graph::OpDef, attrs: Attrs, operands: &[Array]) {
    assert_agrees(op, attrs.clone(), operands);
    assert_gradient_agrees(op, attrs.clone(), operands);
    check_gradient(op, attrs, operands);
}

/// Seven classes in three dimensions, two examples, four samples.
fn operands(labels: &Array, expected: &[f64]) -> Vec<Array> {
    let weights = [
        1.76, 0.4, 0.98, 2.24, 1.87, -0.98, 0.95, -0.15, -0.1, 0.41, 0.14, 1.45, 0.76, 0.12, 0.44, 0.33, 1.49, -0.21,
        0.31, -0.85, -2.55,
    ];
    vec![
        f64s(&[7, 3], &weights),
        f64s(&[7], &[0.65, 0.86, -0.74, 2.27, -1.45, 0.05, -0.19]),
        labels.clone(),
        f64s(&[2, 3], &[1.53, 1.47, 0.15, 0.38, -0.89, -1.98]),
        i32s(&[4], &[0, 4, 5, 2]),
        f64s(labels.shape(), expected),
        f64s(&[4], &[0.6, 0.4, 0.3, 0.2]),
    ]
}

#[test]
fn losses_by_samples() {
    let hits = |removed: bool| Attrs::new().with("remove_accidental_hits", removed);
    let single = operands(&i32s(&[2, 1], &[1, 4]), &[0.5, 0.3]);
    let double = operands(&i32s(&[2, 2], &[1, 0, 4, 2]), &[0.5, 0.6, 0.3, 0.2]);
    let softmax = |attrs, x: &[Array]| values(&ops::SAMPLED_SOFTMAX_LOSS, attrs, x);
    let nce = |attrs, x: &[Array]| values(&ops::NCE_LOSS, attrs, x);
    assert_close(&softmax(Attrs::new(), &single), &[0.07792963, 2.9348247], 1e-6, "softmax");
    assert_close(&softmax(hits(false), &single), &[0.07792963, 2.973906], 1e-6, "softmax with hits");
    assert_close(&softmax(Attrs::new(), &double), &[1.5747404, 1.6862421], 1e-6, "softmax of two");
    assert_close(&nce(hits(true), &single), &[11.96192, 4.46035], 1e-6, "nce");
    assert_close(&nce(Attrs::new(), &single), &[11.96192, 4.718376], 1e-6, "nce with hits");
    assert_close(&nce(Attrs::new(), &double), &[18.057472, 5.222128], 1e-6, "nce of two");
    check(&ops::SAMPLED_SOFTMAX_LOSS, Attrs::new(), &single);
    check(&ops::NCE_LOSS, hits(true), &double);
    let mut wrong = single;
    wrong[5] = f64s(&[2], &[0.5, 0.3]);
    assert!(refused(&ops::NCE_LOSS, Attrs::new(), &wrong).contains("expected counts of the shapes"));
}

#[test]
fn nearest_monotone_sequences() {
    let x = f64s(&[2, 5], &[3.0, 1.0, 2.0, 2.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let of = |attrs: Attrs, x: &Array| {
        let both = apply(&ops::ISOTONIC_REGRESSION, attrs, std::slice::from_ref(x)).unwrap();
        (eval::floats(&both[0]), both[1].as_slice::<i32>().to_vec())
    };
    let (falls, runs) = of(Attrs::new(), &x);
    let mean = 5.0 / 3.0;
    assert_close(&falls, &[3.0, mean, mean, mean, 0.0, 3.0, 3.0, 3.0, 3.0, 3.0], 1e-12, "falling");
    assert_eq!(runs, [0, 1, 1, 1, 2, 0, 0, 0, 0, 0]);
    let rising = Attrs::new().with("decreasing", false);
    let (rises, runs) = of(rising.clone(), &x);
    assert_close(&rises, &[1.6, 1.6, 1.6, 1.6, 1.6, 1.0, 2.0, 3.0, 4.0, 5.0], 1e-12, "rising");
    assert_eq!(runs, [0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
    let equal = f64s(&[5], &[2.0, 2.0, 1.0, 1.0, 3.0]);
    assert_eq!(of(Attrs::new(), &equal).1, [0, 1, 2, 2, 2]);
    let apart = f64s(&[2, 4], &[3.0, 1.0, 2.5, 2.2, 0.1, 1.3, -2.0, 4.0]);
    check(&ops::ISOTONIC_REGRESSION, Attrs::new(), std::slice::from_ref(&apart));
    check(&ops::ISOTONIC_REGRESSION, rising.with("axis", 0i64), std::slice::from_ref(&apart));
    assert_agrees(&ops::ISOTONIC_REGRESSION, Attrs::new(), &[f64s(&[2, 0], &[])]);
    assert_agrees(&ops::ISOTONIC_REGRESSION, Attrs::new(), &[i32s(&[3], &[1, 3, 2])]);
    assert!(refused(&ops::ISOTONIC_REGRESSION, Attrs::new(), &[f64s(&[], &[1.0])]).contains("axis"));
}

#[test]
fn moments_of_parts() {
    let x = f64s(&[2, 3, 4], &(0..24).map(|i| f64::from(i % 7)).collect::<Vec<_>>());
    let axes = || Attrs::new().with("axes", vec![0i64, 2]);
    let (mean, variance) = ([2.25, 3.625, 2.375], [4.4375, 3.234375, 3.234375]);
    let weighted = apply(&ops::WEIGHTED_MOMENTS, axes(), &[x.clone(), f64s(&[3, 1], &[1.0, 2.0, 3.0])]).unwrap();
    assert_close(&eval::floats(&weighted[0]), &mean, 1e-12, "mean");
    assert_close(&eval::floats(&weighted[1]), &variance, 1e-12, "variance");
    let sums = apply(&ops::SUFFICIENT_STATISTICS, axes(), &[x.clone(), f64s(&[], &[2.0])]).unwrap();
    assert_eq!(
        sums.iter().map(eval::floats).collect::<Vec<_>>(),
        [vec![8.0], vec![2.0, 13.0, 3.0], vec![36.0, 47.0, 27.0]]
    );
    let operands: Vec<Array> = sums.into_iter().chain([f64s(&[], &[2.0])]).collect();
    let moments = apply(&ops::NORMALIZE_MOMENTS, Attrs::new(), &operands).unwrap();
    assert_close(&eval::floats(&moments[0]), &mean, 1e-12, "mean");
    assert_close(&eval::floats(&moments[1]), &variance, 1e-12, "variance");
    check(&ops::NORMALIZE_MOMENTS, Attrs::new(), &operands);
    let weights = f64s(&[2, 1, 4], &[1.0, 0.5, 2.0, 1.5, 0.3, 0.7, 1.1, 0.9]);
    check(&ops::WEIGHTED_MOMENTS, axes().with("keepdims", true), &[x.clone(), weights]);
    check(&ops::SUFFICIENT_STATISTICS, axes(), &[x.clone(), f64s(&[3, 1], &[1.0, 2.0, 3.0])]);
    let wide = [x, f64s(&[2, 2, 3, 4], &[0.0; 48])];
    assert!(refused(&ops::SUFFICIENT_STATISTICS, axes(), &wide).contains("a shift that broadcasts"));
}
