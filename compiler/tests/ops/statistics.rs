//! Weighted means, covariances, histograms, places among bounds, and tensors made of powers. Literal numbers are NumPy's.

use crate::battery::check_gradient;
use crate::compiled::{assert_agrees, assert_agrees_as, assert_gradient_agrees};
use crate::support::{Numbers, apply, assert_close, f64s, i32s, one, refused, values};
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::{DType, Dim, TensorSpec, ops};
use tracelift_runtime::Array;

const NAN: f64 = f64::NAN;

fn y() -> Array {
    f64s(&[2, 3], &[7.0, 2.0, 5.0, 1.0, 9.0, 4.0])
}

fn list(values: &[f64]) -> Array {
    f64s(&[values.len()], values)
}

fn random(shape: &[usize]) -> Array {
    Numbers(shape.iter().sum::<usize>() as u64).array(DType::F64, shape, 0.5, 3.0)
}

#[track_caller]
fn gives(op: &'static OpDef, attrs: Attrs, operands: &[Array], expected: &[f64]) {
    let what = format!("{} {attrs:?}", op.name);
    assert_close(&values(op, attrs.clone(), operands), expected, 1e-14, &what);
    assert_agrees(op, attrs, operands);
}

/// [`gives`], with sizes that only the call knows, too: one symbol for each.
#[track_caller]
fn gives_for_any_sizes(op: &'static OpDef, attrs: Attrs, operands: &[Array], expected: &[f64]) {
    gives(op, attrs.clone(), operands, expected);
    let specs: Vec<TensorSpec> = (operands.iter())
        .map(|x| TensorSpec::new(x.dtype(), x.shape().iter().map(|&n| Dim::sym(n as u32)).collect::<Vec<_>>()))
        .collect();
    assert_agrees_as(op, attrs, operands, &specs);
}

#[track_caller]
fn differentiates(op: &'static OpDef, attrs: Attrs, operands: &[Array]) {
    check_gradient(op, attrs.clone(), operands);
    assert_gradient_agrees(op, attrs, operands);
}

#[test]
fn means_with_weights() {
    let rows = || Attrs::new().with("axes", vec![1i64]);
    let average = [4.333333333333333, 5.166666666666667];
    gives_for_any_sizes(&ops::AVERAGE, rows(), &[y(), list(&[1.0, 2.0, 3.0])], &average);
    let each = f64s(&[2, 3], &[1.0, 0.0, 2.0, 3.0, 1.0, 1.0]);
    gives_for_any_sizes(&ops::AVERAGE, Attrs::new(), &[y(), each.clone()], &[4.125]);
    // The weights' axes are in the order in which the axes are named.
    let turned = f64s(&[3, 2], &[1.0, 3.0, 0.0, 1.0, 2.0, 1.0]);
    gives(&ops::AVERAGE, Attrs::new().with("axes", vec![-1i64, 0]), &[y(), turned], &[4.125]);
    gives(&ops::AVERAGE, rows(), &[y(), list(&[0.0; 3])], &[NAN; 2]);
    differentiates(&ops::AVERAGE, rows().with("keepdims", true), &[y(), list(&[1.0, 2.0, 3.0])]);
    differentiates(&ops::AVERAGE, Attrs::new(), &[y(), each]);
    let error = refused(&ops::AVERAGE, rows(), &[y(), list(&[1.0, 2.0])]);
    assert!(error.contains("weights of the shape of f64[2, 3], or of its axes that are averaged over"), "{error}");
}

#[test]
fn integrals() {
    gives_for_any_sizes(&ops::TRAPEZOID, Attrs::new(), &[y(), f64s(&[], &[0.5])], &[4.0, 5.75]);
    gives_for_any_sizes(&ops::TRAPEZOID, Attrs::new(), &[y(), list(&[0.0, 1.0, 4.0])], &[15.0, 24.5]);
    gives_for_any_sizes(&ops::TRAPEZOID, Attrs::new().with("axis", 0i64), &[y(), y()], &[-24.0, 38.5, -4.5]);
    for count in [0, 1] {
        let sample = list(&vec![2.0; count]);
        gives_for_any_sizes(&ops::TRAPEZOID, Attrs::new(), &[sample.clone(), f64s(&[], &[1.0])], &[0.0]);
        gives_for_any_sizes(&ops::TRAPEZOID, Attrs::new(), &[sample.clone(), sample], &[0.0]);
    }
    differentiates(&ops::TRAPEZOID, Attrs::new(), &[y(), list(&[0.0, 1.0, 4.0])]);
    let error = refused(&ops::TRAPEZOID, Attrs::new(), &[y(), list(&[1.0, 2.0])]);
    assert!(error.contains("one distance, 3 points, or points for each of f64[2, 3], received f64[2]"), "{error}");
}

#[test]
fn covariances() {
    let (a, b) = (6.333333333333333, -10.166666666666666);
    gives_for_any_sizes(&ops::COV, Attrs::new(), &[y()], &[a, b, b, 16.333333333333332]);
    let columns = Attrs::new().with("rowvar", false).with("ddof", 0.0);
    let expected = [9.0, -10.5, 1.5, -10.5, 12.25, -1.75, 1.5, -1.75, 0.25];
    gives_for_any_sizes(&ops::COV, columns, &[y()], &expected);
    gives_for_any_sizes(&ops::COV, Attrs::new(), &[list(&[7.0, 2.0, 5.0])], &[a]);
    assert_eq!(one(&ops::COV, Attrs::new(), &[f64s(&[1, 2], &[1.0, 3.0])]).shape(), [0; 0]);
    gives(&ops::COV, Attrs::new(), &[list(&[3.0])], &[NAN]);
    let r = -0.9995971261503048;
    gives_for_any_sizes(&ops::CORRCOEF, Attrs::new(), &[y()], &[1.0, r, r, 1.0]);
    gives(&ops::CORRCOEF, Attrs::new(), &[list(&[7.0, 2.0])], &[1.0]);
    differentiates(&ops::COV, Attrs::new(), &[random(&[3, 4])]);
    differentiates(&ops::COV, Attrs::new().with("rowvar", false), &[random(&[3, 2])]);
    let error = refused(&ops::COV, Attrs::new(), &[random(&[2, 2, 2])]);
    assert!(error.contains("variables [variable, observation]"), "{error}");
}

#[test]
fn sequences_that_slide_along_each_other() {
    let (long, short) = (list(&[1.0, 2.0, 3.0, 4.0]), list(&[0.5, -1.0]));
    let modes: [(&str, &[f64], &[f64]); 3] = [
        ("valid", &[-1.5, -2.0, -2.5], &[-2.5, -2.0, -1.5]),
        ("same", &[-1.0, -1.5, -2.0, -2.5], &[-2.5, -2.0, -1.5, -1.0]),
        ("full", &[-1.0, -1.5, -2.0, -2.5, 2.0], &[2.0, -2.5, -2.0, -1.5, -1.0]),
    ];
    for (mode, forth, back) in modes {
        let attrs = Attrs::new().with("mode", mode);
        gives(&ops::CORRELATE, attrs.clone(), &[long.clone(), short.clone()], forth);
        gives(&ops::CORRELATE, attrs.clone(), &[short.clone(), long.clone()], back);
        differentiates(&ops::CORRELATE, attrs, &[random(&[5]), random(&[3])]);
    }
    let full = Attrs::new().with("mode", "full");
    gives_for_any_sizes(&ops::CORRELATE, full, &[long.clone(), short.clone()], modes[2].1);
    let error = refused(&ops::CORRELATE, Attrs::new(), &[long.clone(), list(&[])]);
    assert!(error.contains("two lists that are not empty"), "{error}");
    assert!(refused(&ops::CORRELATE, Attrs::new().with("mode", "some"), &[long, short]).contains("`mode`"));
}

#[test]
fn places_among_bounds() {
    let x = list(&[0.5, 1.0, 2.5, 4.0, -1.0, NAN]);
    let (rising, falling) = (list(&[1.0, 2.0, 4.0]), list(&[4.0, 2.0, 1.0]));
    let right = || Attrs::new().with("right", true);
    gives_for_any_sizes(&ops::DIGITIZE, Attrs::new(), &[x.clone(), rising.clone()], &[0.0, 1.0, 2.0, 3.0, 0.0, 3.0]);
    gives_for_any_sizes(&ops::DIGITIZE, right(), &[x.clone(), rising], &[0.0, 0.0, 2.0, 2.0, 0.0, 3.0]);
    let x = list(&[0.5, 1.0, 2.5, 4.0, -1.0]);
    gives_for_any_sizes(&ops::DIGITIZE, Attrs::new(), &[x.clone(), falling.clone()], &[3.0, 2.0, 1.0, 0.0, 3.0]);
    gives_for_any_sizes(&ops::DIGITIZE, right(), &[x.clone(), falling], &[3.0, 3.0, 1.0, 1.0, 3.0]);
    gives_for_any_sizes(&ops::DIGITIZE, right(), &[x.clone(), list(&[])], &[0.0; 5]);
    assert!(refused(&ops::DIGITIZE, Attrs::new(), &[x, y()]).contains("a list of bounds"));

    let operands = [list(&[1.0, 5.0, 2.0, NAN]), list(&[2.0, NAN, 1.0])];
    gives_for_any_sizes(&ops::ISIN, Attrs::new(), &operands, &[1.0, 0.0, 1.0, 0.0]);
    gives_for_any_sizes(&ops::ISIN, Attrs::new().with("invert", true), &operands, &[0.0, 1.0, 0.0, 1.0]);
    gives_for_any_sizes(
        &ops::ISIN,
        Attrs::new(),
        &[i32s(&[3], &[1, 5, 2]), i32s(&[2, 2], &[2, 2, 7, 5])],
        &[0.0, 1.0, 1.0],
    );
    gives_for_any_sizes(&ops::ISIN, Attrs::new(), &[list(&[1.0]), list(&[])], &[0.0]);
}

#[test]
fn histograms() {
    let counted = |attrs: Attrs, x: &Array| {
        assert_agrees(&ops::HISTOGRAM, attrs.clone(), std::slice::from_ref(x));
        let specs = [TensorSpec::new(DType::F64, (0..x.shape().len()).map(|axis| Dim::sym(axis as u32)))];
        assert_agrees_as(&ops::HISTOGRAM, attrs.clone(), std::slice::from_ref(x), &specs);
        apply(&ops::HISTOGRAM, attrs, std::slice::from_ref(x)).unwrap_or_else(|e| panic!("{e}"))
    };
    let x = list(&[1.0, 2.0, 1.0, 4.0, 3.5, 0.0]);
    let bins = |bins: i64| Attrs::new().with("bins", bins);
    let found = counted(bins(4), &x);
    assert_eq!(
        (found[0].as_slice::<i64>(), found[1].as_slice::<f64>()),
        (&[1, 2, 1, 2][..], &[0.0, 1.0, 2.0, 3.0, 4.0][..])
    );
    let attrs = bins(3).with("low", 1.0).with("high", 4.0).with("density", true);
    assert_eq!(counted(attrs, &x)[0].as_slice::<f64>(), [0.4, 0.2, 0.4]);
    let found = counted(bins(2), &f64s(&[1, 2], &[2.0, 2.0]));
    assert_eq!((found[0].as_slice::<i64>(), found[1].as_slice::<f64>()), (&[0, 2][..], &[1.5, 2.0, 2.5][..]));
    let found = counted(bins(2), &list(&[]));
    assert_eq!((found[0].as_slice::<i64>(), found[1].as_slice::<f64>()), (&[0, 0][..], &[0.0, 0.5, 1.0][..]));
    let found = counted(bins(2).with("low", 0.0).with("high", 2.0), &list(&[NAN, -1.0, 1.0, f64::INFINITY]));
    assert_eq!(found[0].as_slice::<i64>(), [0, 1]);
    let says = |attrs: Attrs, words: &str| {
        let text = refused(&ops::HISTOGRAM, attrs, std::slice::from_ref(&x));
        assert!(text.contains(words), "{text}");
    };
    says(bins(0), "`bins` between 1 and");
    says(Attrs::new().with("low", 1.0), "both of `low` and `high`, or none");
    says(Attrs::new().with("low", 1.0).with("high", 0.0), "a `high` that is not less");
}

#[test]
fn powers_in_columns() {
    let x = list(&[2.0, -3.0, 5.0]);
    let columns = |n: i64| Attrs::new().with("n", n);
    let powers = [8.0, 4.0, 2.0, 1.0, -27.0, 9.0, -3.0, 1.0, 125.0, 25.0, 5.0, 1.0];
    gives_for_any_sizes(&ops::VANDER, columns(4), std::slice::from_ref(&x), &powers);
    let rising = Attrs::new().with("increasing", true);
    gives_for_any_sizes(&ops::VANDER, rising.clone(), &[list(&[2.0, -3.0])], &[1.0, 2.0, 1.0, -3.0]);
    gives_for_any_sizes(&ops::VANDER, rising, &[i32s(&[2], &[2, -3])], &[1.0, 2.0, 1.0, -3.0]);
    gives_for_any_sizes(&ops::VANDER, columns(0), std::slice::from_ref(&x), &[]);
    differentiates(&ops::VANDER, columns(4), &[x]);
    // No power of 0 has an infinite slope.
    let gradient = assert_gradient_agrees(&ops::VANDER, columns(3), &[list(&[0.0])]);
    assert_eq!(gradient[0].as_slice::<f64>(), [1.0]);
    assert!(refused(&ops::VANDER, Attrs::new(), &[y()]).contains("a list"));
    assert!(refused(&ops::VANDER, columns(-1), &[list(&[1.0])]).contains("`n` of at least 0"));
}

#[test]
fn spaced_by_a_factor() {
    let attrs = |start: f64, stop: f64, num: i64| {
        Attrs::new().with("start", start).with("stop", stop).with("num", num).with("dtype", DType::F64)
    };
    let powers = [1.0, 3.1622776601683795, 10.0, 31.622776601683793, 100.0];
    gives(&ops::LOGSPACE, attrs(0.0, 2.0, 5), &[], &powers);
    gives(&ops::LOGSPACE, attrs(1.0, 3.0, 2).with("base", 2.0).with("endpoint", false), &[], &[2.0, 4.0]);
    gives(&ops::GEOMSPACE, attrs(1.0, 1000.0, 4), &[], &[1.0, 10.0, 100.0, 1000.0]);
    gives(&ops::GEOMSPACE, attrs(-16.0, -1.0, 5), &[], &[-16.0, -8.0, -4.0, -2.0, -1.0]);
    gives(&ops::GEOMSPACE, attrs(0.1, 9.0, 1), &[], &[0.1]);
    for op in [&ops::LOGSPACE, &ops::GEOMSPACE] {
        gives(op, attrs(1.0, 2.0, 0), &[], &[]);
        assert!(refused(op, attrs(1.0, 2.0, -1), &[]).contains("`num` of at least 0"));
        assert!(refused(op, attrs(1.0, 2.0, 2).with("dtype", DType::I32), &[]).contains("a float tensor"));
    }
    for stop in [0.0, -1.0, f64::INFINITY] {
        assert!(refused(&ops::GEOMSPACE, attrs(1.0, stop, 3), &[]).contains("of one sign that are not 0"));
    }
    let below = Attrs::new().with("n", 3i64).with("m", 4i64).with("k", 1i64);
    gives(&ops::TRI, below, &[], &[1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
    gives(&ops::TRI, Attrs::new().with("n", 2i64).with("dtype", DType::I32), &[], &[1.0, 0.0, 1.0, 1.0]);
    assert!(refused(&ops::TRI, Attrs::new().with("n", -2i64), &[]).contains("`n` and `m` of at least 0"));
}

#[test]
fn products_with_powers_of_two_are_rounded_once() {
    let x = list(&[1.5, -3.0, 1e-300, 1e300, 5e-324, 1.7, 3.0, 1.0 + f64::EPSILON, f64::INFINITY, NAN]);
    let exponents = [3, -2, -30, 40, 2000, -1073, -1074, -1023, -5000, 1];
    let inf = f64::INFINITY;
    let expected = [
        12.0,
        -0.75,
        9.3132257461548e-310,
        inf,
        5.67251933470834e278,
        1.5e-323,
        1.5e-323,
        1.1125369292536007e-308,
        inf,
        NAN,
    ];
    let operands = [x, i32s(&[10], &exponents)];
    assert_close(&values(&ops::LDEXP, Attrs::new(), &operands)[..5], &expected[..5], 1e-14, "ldexp");
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&values(&ops::LDEXP, Attrs::new(), &operands)[5..9]), bits(&expected[5..9]));
    assert_agrees(&ops::LDEXP, Attrs::new(), &operands);
    let single = [Array::from_slice(&[2], &[1.5f32, 3e38]), Array::from_slice(&[1], &[-127i64])];
    assert_eq!(
        values(&ops::LDEXP, Attrs::new(), &single),
        [1.5f32 * 2f32.powi(-127), 3e38 * 2f32.powi(-127)].map(f64::from)
    );
    differentiates(&ops::LDEXP, Attrs::new(), &[random(&[3]), i32s(&[3], &[2, -1, 0])]);
    assert!(refused(&ops::LDEXP, Attrs::new(), &[random(&[1]), random(&[1])]).contains("an integer tensor"));
}

#[test]
fn products_of_all_elements() {
    let (a, b) = (f64s(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), list(&[5.0, 6.0, 7.0, 8.0]));
    gives(&ops::VDOT, Attrs::new(), &[a.clone(), b], &[70.0]);
    let error = refused(&ops::VDOT, Attrs::new(), &[a, list(&[1.0])]);
    assert!(error.contains("tensors of as many elements, received f64[2, 2] and f64[1]"), "{error}");
    let complex = [[1.0f32, 2.0], [3.0, -1.0]].map(|z| Array::from_slice(&[1], &[z]));
    assert_eq!(one(&ops::VDOT, Attrs::new(), &complex).as_slice::<[f32; 2]>(), [[1.0, -7.0]]);
    let parts = [[2.0f32, 3.0], [0.0, std::f32::consts::FRAC_PI_2]].map(|part| Array::from_slice(&[2], &part));
    let z = one(&ops::POLAR, Attrs::new(), &parts).as_slice::<[f32; 2]>().to_vec();
    let close =
        [[2.0, 0.0], [0.0, 3.0]].iter().zip(&z).all(|(a, b)| (0..2).all(|k: usize| f32::abs(a[k] - b[k]) < 1e-6));
    assert!(close, "{z:?}");
    assert!(refused(&ops::POLAR, Attrs::new(), &[list(&[1.0]), list(&[1.0])]).contains("f32 parts"));
}
