//! Reductions and scans over chosen axes.

use crate::battery::{check_first_order, check_gradient};
use crate::compiled::compare_with;
use crate::support::{assert_close, counted, f64s, i32s, one, values};
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::ops;
use tracelift_runtime::Array;

fn over(axes: &[i64]) -> Attrs {
    Attrs::new().with("axes", axes)
}

#[test]
fn axes_may_be_negative_and_kept() {
    let x = counted(&[2, 3]);
    assert_eq!(values(&ops::REDUCE_SUM, over(&[-1]), std::slice::from_ref(&x)), [3.0, 12.0]);
    assert_eq!(values(&ops::REDUCE_MEAN, over(&[0]), std::slice::from_ref(&x)), [1.5, 2.5, 3.5]);
    let kept = one(&ops::REDUCE_MAX, over(&[0, 1]).with("keepdims", true), std::slice::from_ref(&x));
    assert_eq!((kept.shape(), kept.as_slice::<f64>()), (&[1, 1][..], &[5.0][..]));
    assert_eq!(values(&ops::REDUCE_SUM, over(&[]), &[x]), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
}

#[test]
fn gradients_over_some_axes() {
    let x = f64s(&[2, 3, 2], &[0.5, -1.0, 2.0, 0.3, 1.7, -0.2, 0.9, 1.1, -0.7, 0.4, 1.3, -1.9]);
    for op in ops::all().iter().filter(|op| op.name.starts_with("reduce_") && op.attrs.len() == 2) {
        if matches!(op.grad, tracelift_compiler::graph::opdef::Grad::Zero(_)) {
            continue;
        }
        for axes in [&[1][..], &[0, 2], &[-1]] {
            check_gradient(op, over(axes), std::slice::from_ref(&x));
            check_gradient(op, over(axes).with("keepdims", true), std::slice::from_ref(&x));
        }
    }
}

#[test]
fn product_gradient_with_zeros() {
    // The second derivative is that of cumulative products, which divides by the factors, as TensorFlow's.
    let x = f64s(&[3, 3], &[1.0, 2.0, 3.0, 0.0, 2.0, 3.0, 0.0, 0.0, 5.0]);
    check_first_order(&ops::REDUCE_PROD, over(&[1]), &[x]);
}

#[test]
fn empty_axes() {
    let x = Array::from_slice::<f32>(&[0, 3], &[]);
    assert_eq!(values(&ops::REDUCE_SUM, over(&[0]), std::slice::from_ref(&x)), [0.0; 3]);
    assert_eq!(values(&ops::REDUCE_PROD, over(&[0]), std::slice::from_ref(&x)), [1.0; 3]);
    assert!(values(&ops::REDUCE_MEAN, over(&[0]), std::slice::from_ref(&x)).iter().all(|v| v.is_nan()));
    let ints = Array::from_slice::<i64>(&[2, 0], &[]);
    for (op, float, int) in
        [(&ops::REDUCE_MAX, f64::NEG_INFINITY, i64::MIN), (&ops::REDUCE_MIN, f64::INFINITY, i64::MAX)]
    {
        assert_eq!(values(op, over(&[0]), std::slice::from_ref(&x)), [float; 3]);
        assert_eq!(one(op, over(&[1]), std::slice::from_ref(&ints)).as_slice::<i64>(), [int; 2]);
        for (axes, x) in [(over(&[0]), &x), (over(&[1]), &ints)] {
            compare_with(op, &axes, std::slice::from_ref(x)).unwrap_or_else(|e| panic!("{e}"));
        }
    }
    assert_eq!(values(&ops::REDUCE_LOGSUMEXP, over(&[0]), std::slice::from_ref(&x)), [f64::NEG_INFINITY; 3]);
    assert_eq!(values(&ops::REDUCE_MAX, over(&[1]), &[x]), [0.0; 0]);
}

#[test]
fn ties_share_the_gradient_of_the_maximum() {
    let mut b = tracelift_compiler::graph::GraphBuilder::new("max");
    let x = f64s(&[4], &[1.0, 3.0, 3.0, 2.0]);
    let p = b.parameter("x", crate::support::spec_of(&x));
    let y = b.apply_at(&ops::REDUCE_MAX, Attrs::new(), &[p], tracelift_compiler::Loc::default()).unwrap()[0];
    let g = tracelift_compiler::grad::gradient(&mut b, &[(y, None)], &[p]).unwrap()[0].unwrap();
    let g = tracelift_compiler::interp::run(&b.finish(vec![g]), &[x]).unwrap();
    assert_eq!(g[0].as_slice::<f64>(), [0.0, 0.5, 0.5, 0.0]);
}

#[test]
fn running_sums() {
    let x = f64s(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let along = Attrs::new().with("axis", 1i64);
    assert_eq!(values(&ops::CUMSUM, along.clone(), std::slice::from_ref(&x)), [1.0, 3.0, 6.0, 4.0, 9.0, 15.0]);
    let flags = along.with("exclusive", true).with("reverse", true);
    assert_eq!(values(&ops::CUMSUM, flags.clone(), std::slice::from_ref(&x)), [5.0, 3.0, 0.0, 11.0, 6.0, 0.0]);
    assert_eq!(values(&ops::CUMPROD, flags.clone(), std::slice::from_ref(&x)), [6.0, 3.0, 1.0, 30.0, 6.0, 1.0]);
    for attrs in [Attrs::new(), flags] {
        check_gradient(&ops::CUMSUM, attrs.clone(), std::slice::from_ref(&x));
        check_gradient(&ops::CUMPROD, attrs, std::slice::from_ref(&x));
    }
}

#[test]
fn running_products_have_gradients_at_zeros() {
    for zeros in [&[2usize][..], &[0, 3], &[1, 2, 4]] {
        let mut x = [1.5, -2.0, 0.5, 3.0, -1.0];
        zeros.iter().for_each(|&k| x[k] = 0.0);
        for (exclusive, reverse) in [(false, false), (true, false), (false, true), (true, true)] {
            let attrs = Attrs::new().with("exclusive", exclusive).with("reverse", reverse);
            check_gradient(&ops::CUMPROD, attrs, &[f64s(&[5], &x)]);
        }
    }
    let a = f64s(&[2, 3], &[9.0, 2.0, 0.0, 7.0, -1.0, 3.0]);
    let b = f64s(&[2, 3], &[1.0, 3.0, 5.0, 2.0, 0.5, 1.0]);
    let along = Attrs::new().with("axis", 1i64);
    let both = [a, b];
    assert_eq!(values(&ops::LINEAR_RECURRENCE, along.clone(), &both), [1.0, 5.0, 5.0, 2.0, -1.5, -3.5]);
    let back = along.with("reverse", true);
    assert_eq!(values(&ops::LINEAR_RECURRENCE, back.clone(), &both), [118.0, 13.0, 5.0, -1.5, -0.5, 1.0]);
    check_gradient(&ops::LINEAR_RECURRENCE, back, &both);
}

#[test]
fn indices_of_extremes_are_the_first() {
    let x = i32s(&[2, 3], &[3, 9, 9, 1, 0, 0]);
    let along = Attrs::new().with("axis", -1i64);
    assert_eq!(one(&ops::ARGMAX, along.clone(), std::slice::from_ref(&x)).as_slice::<i64>(), [1, 0]);
    assert_eq!(one(&ops::ARGMIN, along.clone(), &[x]).as_slice::<i64>(), [0, 1]);
    let nan = f64s(&[1, 3], &[1.0, f64::NAN, f64::NAN]);
    assert_eq!(one(&ops::ARGMIN, along, &[nan]).as_slice::<i64>(), [1]);
}

#[test]
fn logsumexp_at_the_ends() {
    let inf = f64::INFINITY;
    let x = f64s(&[3, 2], &[-inf, -inf, 1e4, 1e4, -inf, 3.0]);
    let y = values(&ops::REDUCE_LOGSUMEXP, over(&[1]), &[x]);
    assert_close(&y, &[-inf, 1e4 + std::f64::consts::LN_2, 3.0], 1e-15, "logsumexp");
}

#[test]
fn moments() {
    let x = f64s(&[2, 2], &[1.0, 3.0, 2.0, 2.0]);
    let results = crate::support::apply(&ops::MOMENTS, over(&[1]), std::slice::from_ref(&x)).unwrap();
    assert_eq!(results[0].as_slice::<f64>(), [2.0, 2.0]);
    assert_eq!(results[1].as_slice::<f64>(), [1.0, 0.0]);
    check_gradient(&ops::MOMENTS, over(&[1]), &[x]);
}
