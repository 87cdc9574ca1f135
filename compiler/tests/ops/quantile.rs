//! Quantiles, and reductions of the elements that are numbers. Literal numbers are NumPy's.

use crate::battery::check_gradient;
use crate::compiled::{assert_agrees, assert_agrees_as, assert_gradient_agrees};
use crate::support::{Numbers, assert_close, f64s, i32s, one, refused, values};
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::{DType, Dim, TensorSpec, ops};
use tracelift_runtime::Array;

const NAN: f64 = f64::NAN;

fn y() -> Array {
    f64s(&[2, 3], &[7.0, 2.0, 5.0, 1.0, 9.0, 4.0])
}

fn x() -> Array {
    f64s(&[2, 4], &[3.0, 1.0, NAN, 2.0, 5.0, -1.0, 4.0, 0.5])
}

/// By row, with these further attributes.
fn by_row(attrs: Attrs) -> Attrs {
    attrs.with("axes", vec![-1i64])
}

#[track_caller]
fn gives(op: &'static OpDef, attrs: Attrs, x: &Array, expected: &[f64]) {
    let what = format!("{} {attrs:?}", op.name);
    assert_close(&values(op, attrs.clone(), std::slice::from_ref(x)), expected, 1e-15, &what);
    assert_agrees(op, attrs.clone(), std::slice::from_ref(x));
    let specs = [TensorSpec::new(DType::F64, (0..x.shape().len()).map(|axis| Dim::sym(axis as u32)))];
    assert_agrees_as(op, attrs, std::slice::from_ref(x), &specs);
}

#[test]
fn medians() {
    gives(&ops::MEDIAN, Attrs::new(), &y(), &[4.5]);
    gives(&ops::MEDIAN, by_row(Attrs::new()), &y(), &[5.0, 4.0]);
    gives(&ops::MEDIAN, by_row(Attrs::new()), &x(), &[NAN, 2.25]);
    gives(&ops::NANMEDIAN, by_row(Attrs::new()), &x(), &[2.0, 2.25]);
    gives(&ops::NANMEDIAN, Attrs::new(), &x(), &[2.0]);
    // No axis leaves every element alone, and of none there is no median.
    gives(&ops::MEDIAN, Attrs::new().with("axes", vec![0i64; 0]), &y(), y().as_slice::<f64>());
    for op in [&ops::MEDIAN, &ops::NANMEDIAN] {
        gives(op, by_row(Attrs::new()), &f64s(&[2, 0], &[]), &[NAN; 2]);
        gives(op, Attrs::new().with("axes", vec![0i64]), &f64s(&[2, 0], &[]), &[]);
        gives(op, Attrs::new(), &f64s(&[], &[3.0]), &[3.0]);
        gives(op, Attrs::new(), &f64s(&[2], &[NAN; 2]), &[NAN]);
        gives(op, Attrs::new(), &f64s(&[4], &[f64::INFINITY, 1.0, f64::MAX, f64::MAX]), &[f64::MAX]);
    }
}

#[test]
fn quantiles_between_elements() {
    let methods: [(&str, f64, [f64; 2], [f64; 2]); 5] = [
        ("linear", 3.0, [3.8, 2.8], [1.6, 0.34999999999999987]),
        ("lower", 2.0, [2.0, 1.0], [1.0, -1.0]),
        ("higher", 4.0, [5.0, 4.0], [2.0, 0.5]),
        ("nearest", 4.0, [5.0, 4.0], [2.0, 0.5]),
        ("midpoint", 3.0, [3.5, 2.5], [1.5, -0.25]),
    ];
    for (method, whole, rows, of_numbers) in methods {
        let attrs = Attrs::new().with("q", 0.3).with("method", method);
        gives(&ops::QUANTILE, attrs.clone(), &y(), &[whole]);
        gives(&ops::QUANTILE, by_row(attrs.clone()), &y(), &rows);
        gives(&ops::NANQUANTILE, by_row(attrs.clone()), &x(), &of_numbers);
        gives(&ops::QUANTILE, by_row(attrs), &x(), &[NAN, of_numbers[1]]);
    }
    let percent = Attrs::new().with("q", 90.0).with("axes", vec![0i64]).with("keepdims", true);
    gives(&ops::PERCENTILE, percent.clone(), &y(), &[6.4, 8.3, 4.9]);
    gives(&ops::NANPERCENTILE, percent.clone(), &y(), &[6.4, 8.3, 4.9]);
    assert_eq!(one(&ops::PERCENTILE, percent, &[y()]).shape(), [1, 3]);
    // A half of the way goes to the even place.
    let nearest = |q: f64| Attrs::new().with("q", q).with("method", "nearest");
    gives(&ops::QUANTILE, nearest(0.25), &f64s(&[3], &[1.0, 2.0, 3.0]), &[1.0]);
    gives(&ops::QUANTILE, nearest(0.75), &f64s(&[3], &[1.0, 2.0, 3.0]), &[3.0]);
}

#[test]
fn quantiles_of_infinities() {
    let q = |q: f64| Attrs::new().with("q", q);
    let (one, inf) = (1.0, f64::INFINITY);
    gives(&ops::QUANTILE, q(0.3), &f64s(&[2], &[inf, inf]), &[inf]);
    gives(&ops::QUANTILE, q(0.0), &f64s(&[2], &[inf, one]), &[one]);
    gives(&ops::QUANTILE, q(1.0), &f64s(&[2], &[inf, one]), &[inf]);
    gives(&ops::QUANTILE, q(0.3), &f64s(&[2], &[inf, one]), &[inf]);
    gives(&ops::QUANTILE, q(0.5), &f64s(&[2], &[inf, -inf]), &[NAN]);
}

#[test]
fn quantiles_have_gradients() {
    let x = Numbers(4).array(DType::F64, &[3, 5, 2], -2.0, 2.0);
    for (q, method) in [(0.3, "linear"), (0.5, "linear"), (1.0, "linear"), (0.4, "lower"), (0.35, "midpoint")] {
        let attrs = Attrs::new().with("q", q).with("method", method).with("axes", vec![1i64, 0]);
        for op in [&ops::QUANTILE, &ops::NANQUANTILE] {
            check_gradient(op, attrs.clone(), std::slice::from_ref(&x));
            assert_gradient_agrees(op, attrs.clone(), std::slice::from_ref(&x));
        }
    }
    // Ties share as the two elements that are interpolated do.
    let tied = f64s(&[3], &[2.0, 2.0, 1.0]);
    let gradient = assert_gradient_agrees(&ops::QUANTILE, Attrs::new().with("q", 0.75), &[tied]);
    assert_eq!(gradient[0].as_slice::<f64>(), [0.5, 0.5, 0.0]);
}

#[test]
fn bad_quantiles_are_refused() {
    let says = |op, attrs, x: &Array, words: &str| {
        let text = refused(op, attrs, std::slice::from_ref(x));
        assert!(text.contains(words), "{text}");
    };
    says(&ops::QUANTILE, Attrs::new().with("q", 1.5), &y(), "`q` between 0 and 1, received 1.5");
    says(&ops::QUANTILE, Attrs::new().with("q", NAN), &y(), "`q` between 0 and 1");
    says(&ops::NANPERCENTILE, Attrs::new().with("q", -1.0), &y(), "`q` between 0 and 100");
    let method = Attrs::new().with("q", 0.5).with("method", "hazen");
    says(&ops::QUANTILE, method, &y(), "`method` linear, midpoint, lower, higher or nearest, received \"hazen\"");
    says(&ops::MEDIAN, Attrs::new(), &i32s(&[2], &[1, 2]), "a float tensor");
    says(&ops::MEDIAN, Attrs::new().with("axes", vec![2i64]), &y(), "axis 2 is out of range");
}

#[test]
fn what_is_no_number_does_not_count() {
    let rows = || by_row(Attrs::new());
    gives(&ops::NANMAX, rows(), &x(), &[3.0, 5.0]);
    gives(&ops::NANMIN, rows(), &x(), &[1.0, -1.0]);
    gives(&ops::NANPROD, rows(), &x(), &[6.0, -10.0]);
    gives(&ops::NANVAR, rows(), &x(), &[0.6666666666666666, 6.046875]);
    gives(&ops::NANSTD, rows().with("ddof", 1.0), &x(), &[1.0, 2.839454172900137]);
    gives(&ops::NANSTD, rows().with("ddof", 4.0), &x(), &[NAN, NAN]);
    gives(&ops::PTP, rows(), &x(), &[NAN, 6.0]);
    let none = f64s(&[2, 2], &[NAN, NAN, NAN, f64::NEG_INFINITY]);
    gives(&ops::NANMAX, rows(), &none, &[NAN, f64::NEG_INFINITY]);
    gives(&ops::NANMIN, rows(), &f64s(&[2, 0], &[]), &[NAN; 2]);
    gives(&ops::NANPROD, rows(), &none, &[1.0, f64::NEG_INFINITY]);
    gives(&ops::NANVAR, Attrs::new(), &f64s(&[2], &[NAN; 2]), &[NAN]);
    // Places; the first of equal ones, but never that of what is no number.
    gives(&ops::NANARGMAX, Attrs::new().with("axis", 0i64), &x(), &[1.0, 0.0, 1.0, 0.0]);
    gives(&ops::NANARGMIN, Attrs::new().with("axis", 1i64), &x(), &[1.0, 1.0]);
    gives(&ops::NANARGMAX, Attrs::new().with("axis", 1i64), &none, &[-1.0, 1.0]);
    let integers = i32s(&[2, 2], &[3, -7, 2, 9]);
    assert_eq!(values(&ops::NANMAX, Attrs::new(), std::slice::from_ref(&integers)), [9.0]);
    assert_eq!(values(&ops::PTP, rows(), std::slice::from_ref(&integers)), [10.0, 7.0]);
    assert_eq!(values(&ops::NANARGMIN, Attrs::new(), &[integers]), [1.0, 0.0]);
}

#[test]
fn gradients_go_to_numbers_alone() {
    for op in [&ops::NANMAX, &ops::NANPROD, &ops::NANVAR, &ops::NANSUM, &ops::NANMEDIAN] {
        let gradient = assert_gradient_agrees(op, by_row(Attrs::new()), &[x()]);
        assert_eq!(gradient[0].as_slice::<f64>()[2], 0.0, "{}", op.name);
        assert!(gradient[0].as_slice::<f64>().iter().all(|slope| slope.is_finite()), "{}", op.name);
    }
}
