//! Ops on indices, and the order of elements.

use crate::battery::check_gradient;
use crate::compiled::assert_agrees;
use crate::support::{apply, counted, dims, f64s, i32s, one, refused, values};
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::{DType, ops};

#[test]
fn gathering() {
    let x = counted(&[3, 2]);
    let picked = [x.clone(), i32s(&[2, 2], &[2, 0, 1, 2])];
    assert_eq!(values(&ops::GATHER, Attrs::new(), &picked), [4., 5., 0., 1., 2., 3., 4., 5.]);
    check_gradient(&ops::GATHER, Attrs::new(), &picked);
    let along = [x.clone(), i32s(&[3], &[1, 1, 0])];
    let attrs = Attrs::new().with("axis", 1i64);
    assert_eq!(values(&ops::GATHER, attrs.clone(), &along), [1., 1., 0., 3., 3., 2., 5., 5., 4.]);
    check_gradient(&ops::GATHER, attrs, &along);
    let together = [x.clone(), i32s(&[3, 1], &[1, 0, 1])];
    let attrs = Attrs::new().with("axis", 1i64).with("batch_dims", 1i64);
    assert_eq!(values(&ops::GATHER, attrs.clone(), &together), [1.0, 2.0, 5.0]);
    check_gradient(&ops::GATHER, attrs, &together);
    for bad in [3, -1] {
        let text = refused(&ops::GATHER, Attrs::new(), &[x.clone(), i32s(&[], &[bad])]);
        assert!(text.contains(&format!("index {bad} is out of range for axis 0 of length 3")), "{text}");
    }
    assert!(refused(&ops::GATHER, Attrs::new(), &[x, f64s(&[], &[0.0])]).contains("indices of dtype i32 or i64"));
}

#[test]
fn scattering_adds_up() {
    let operands = [f64s(&[3, 2], &[1., 2., 3., 4., 5., 6.]), i32s(&[3], &[1, 0, 1])];
    let attrs = Attrs::new().with("dims", dims(&[4, 2]));
    assert_eq!(values(&ops::SCATTER_ADD, attrs.clone(), &operands), [3., 4., 6., 8., 0., 0., 0., 0.]);
    check_gradient(&ops::SCATTER_ADD, attrs, &operands);
}

#[test]
fn elements_taken_one_by_one() {
    let operands = [counted(&[2, 3]), i32s(&[2, 3], &[0, 1, 0, 1, 1, 0])];
    let attrs = Attrs::new().with("axis", 0i64);
    assert_eq!(values(&ops::TAKE_ALONG_AXIS, attrs.clone(), &operands), [0., 4., 2., 3., 4., 2.]);
    check_gradient(&ops::TAKE_ALONG_AXIS, attrs.clone(), &operands);
    let stretched = [counted(&[2, 3]), i32s(&[2, 1], &[-1, 0])];
    assert_eq!(values(&ops::TAKE_ALONG_AXIS, attrs.clone(), &stretched), [3., 4., 5., 0., 1., 2.]);
    check_gradient(&ops::TAKE_ALONG_AXIS, attrs, &stretched);
}

#[test]
fn one_hot_rows() {
    let attrs = Attrs::new().with("depth", 3i64);
    let labels = i32s(&[3], &[1, -1, 2]);
    assert_eq!(
        values(&ops::ONE_HOT, attrs.clone(), std::slice::from_ref(&labels)),
        [0., 1., 0., 0., 0., 0., 0., 0., 1.]
    );
    let first = attrs.with("axis", 0i64).with("on_value", 5.0).with("dtype", DType::I32);
    assert_eq!(one(&ops::ONE_HOT, first, &[labels]).as_slice::<i32>(), [0, 0, 0, 5, 0, 0, 0, 0, 5]);
}

#[test]
fn sorting() {
    let x = f64s(&[2, 4], &[3.0, 1.0, 3.0, 2.0, f64::NAN, -1.0, 0.0, f64::INFINITY]);
    let up = one(&ops::SORT, Attrs::new(), std::slice::from_ref(&x));
    assert_eq!(up.as_slice::<f64>()[..7], [1.0, 2.0, 3.0, 3.0, -1.0, 0.0, f64::INFINITY]);
    assert!(up.as_slice::<f64>()[7].is_nan());
    let down = Attrs::new().with("descending", true);
    assert_eq!(one(&ops::ARGSORT, down.clone(), std::slice::from_ref(&x)).as_slice::<i32>(), [0, 2, 3, 1, 0, 3, 2, 1]);
    let best = apply(&ops::TOP_K, Attrs::new().with("k", 2i64), &[x]).unwrap();
    assert_eq!(best[1].as_slice::<i32>(), [0, 2, 0, 3]);
    assert_eq!(best[0].as_slice::<f64>()[..2], [3.0, 3.0]);

    let distinct = f64s(&[2, 3], &[0.3, -1.0, 2.0, 5.0, 4.0, 4.5]);
    for attrs in [Attrs::new(), down, Attrs::new().with("axis", 0i64)] {
        check_gradient(&ops::SORT, attrs, std::slice::from_ref(&distinct));
    }
    check_gradient(&ops::TOP_K, Attrs::new().with("k", 2i64), std::slice::from_ref(&distinct));
    assert!(refused(&ops::TOP_K, Attrs::new().with("k", 4i64), &[distinct]).contains("k between 0 and the length 3"));
}

#[test]
fn sources() {
    let range = |start: f64, limit: f64, delta: f64| {
        let attrs = Attrs::new().with("start", start).with("limit", limit).with("delta", delta);
        values(&ops::RANGE, attrs.with("dtype", DType::F64), &[])
    };
    assert_eq!(range(1.0, 7.0, 2.5), [1.0, 3.5, 6.0]);
    assert_eq!(range(3.0, 0.0, -1.0), [3.0, 2.0, 1.0]);
    assert_eq!(range(3.0, 0.0, 1.0), [0.0; 0]);
    let spaced = |num: i64| {
        let attrs = Attrs::new().with("start", -1.0).with("stop", 1.0).with("num", num);
        values(&ops::LINSPACE, attrs.with("dtype", DType::F64), &[])
    };
    assert_eq!(spaced(5), [-1.0, -0.5, 0.0, 0.5, 1.0]);
    assert_eq!(spaced(1), [-1.0]);
    let iota = Attrs::new().with("dims", dims(&[2, 2])).with("axis", 1i64).with("dtype", DType::I64);
    assert_eq!(one(&ops::IOTA, iota, &[]).as_slice::<i64>(), [0, 1, 0, 1]);
    assert_eq!(values(&ops::SIZE_OF, Attrs::new().with("dims", dims(&[7])), &[]), [7.0]);
    assert_eq!(values(&ops::EYE, Attrs::new().with("dims", dims(&[2, 3])), &[]), [1., 0., 0., 0., 1., 0.]);
    let zero_step = Attrs::new().with("start", 0.0).with("limit", 1.0).with("delta", 0.0);
    assert!(refused(&ops::RANGE, zero_step, &[]).contains("steps that are not 0"));
}

#[test]
fn bands() {
    let x = counted(&[3, 3]);
    let lower = Attrs::new().with("upper", 0i64);
    assert_eq!(values(&ops::BAND_PART, lower.clone(), std::slice::from_ref(&x)), [0., 0., 0., 3., 4., 0., 6., 7., 8.]);
    check_gradient(&ops::BAND_PART, lower, &[x]);
}

#[test]
fn one_element_of_an_order() {
    let x = f64s(&[2, 3], &[3.0, 1.0, 2.0, 5.0, 6.0, 4.0]);
    let nth = |n: i64| Attrs::new().with("n", n);
    assert_eq!(values(&ops::NTH_ELEMENT, nth(1), std::slice::from_ref(&x)), [2.0, 5.0]);
    assert_eq!(values(&ops::NTH_ELEMENT, nth(0).with("reverse", true), std::slice::from_ref(&x)), [3.0, 6.0]);
    assert_agrees(&ops::NTH_ELEMENT, nth(2), std::slice::from_ref(&x));
    check_gradient(&ops::NTH_ELEMENT, nth(1), std::slice::from_ref(&x));
    for n in [-1, 3] {
        let text = refused(&ops::NTH_ELEMENT, nth(n), std::slice::from_ref(&x));
        assert!(text.contains("`nth_element`: expected `n` from 0 to less than the length 3"), "{text}");
    }
}

#[test]
fn bands_within_a_matrix() {
    for (attrs, text) in [(("lower", 3i64), "at most 2"), (("upper", 4), "at most 3")] {
        let found = refused(&ops::BAND_PART, Attrs::new().with(attrs.0, attrs.1), &[counted(&[2, 3])]);
        assert!(found.contains(text), "{found}");
    }
}
