//! Elements read and written by index, diagonals, searching.

use crate::battery::{check_first_order, check_gradient};
use crate::compiled::compare_with;
use crate::support::{counted, dims, f64s, i32s, one, refused};
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::{DType, ops};
use tracelift_runtime::Array;

/// The one result as numbers, which the compiled program gives too; the gradient is checked.
#[track_caller]
fn checked(op: &'static OpDef, attrs: &Attrs, operands: &[Array]) -> Vec<f64> {
    compare_with(op, attrs, operands).unwrap_or_else(|e| panic!("{e}"));
    check_gradient(op, attrs.clone(), operands);
    one(op, attrs.clone(), operands).as_slice::<f64>().to_vec()
}

#[test]
fn tuples_of_indices() {
    let x = counted(&[2, 3, 2]);
    let none = Attrs::new();
    assert_eq!(checked(&ops::GATHER_ND, &none, &[x.clone(), i32s(&[2, 2], &[1, 0, 0, 2])]), [6., 7., 4., 5.]);
    assert_eq!(checked(&ops::GATHER_ND, &none, &[x.clone(), i32s(&[1, 3], &[1, 2, 1])]), [11.]);
    assert_eq!(checked(&ops::GATHER_ND, &none, &[counted(&[2]), i32s(&[3, 0], &[])]), [0., 1., 0., 1., 0., 1.]);
    let batch = Attrs::new().with("batch_dims", 1i64);
    assert_eq!(checked(&ops::GATHER_ND, &batch, &[x.clone(), i32s(&[2, 1], &[2, 0])]), [4., 5., 6., 7.]);
    // Each index is checked on its own, although the flat place would be there.
    let text = refused(&ops::GATHER_ND, none.clone(), &[x.clone(), i32s(&[1, 2], &[0, 3])]);
    assert!(text.contains("index 3 is out of range for axis 1 of length 3"), "{text}");
    assert!(refused(&ops::GATHER_ND, none, &[x, i32s(&[4], &[0; 4])]).contains("a constant length of at most 3"));
}

#[test]
fn slices_are_updated() {
    let x = f64s(&[3, 2], &[1., 2., 3., 4., 5., 6.]);
    let operands = [x.clone(), i32s(&[3, 1], &[2, 0, 2]), f64s(&[3, 2], &[0.5, 9., 3., 1., 7., -1.])];
    let none = Attrs::new();
    let update = one(&ops::TENSOR_SCATTER_ND_UPDATE, none.clone(), &operands);
    assert_eq!(update.as_slice::<f64>(), [3., 1., 3., 4., 7., -1.]);
    assert_eq!(checked(&ops::TENSOR_SCATTER_ND_ADD, &none, &operands), [4., 3., 3., 4., 12.5, 14.]);
    assert_eq!(checked(&ops::TENSOR_SCATTER_ND_SUB, &none, &operands), [-2., 1., 3., 4., -2.5, -2.]);
    assert_eq!(checked(&ops::TENSOR_SCATTER_ND_MAX, &none, &operands), [3., 2., 3., 4., 7., 9.]);
    assert_eq!(checked(&ops::TENSOR_SCATTER_ND_MIN, &none, &operands), [1., 1., 3., 4., 0.5, -1.]);
    let into = Attrs::new().with("dims", dims(&[4, 2]));
    assert_eq!(checked(&ops::SCATTER_ND, &into, &operands[1..]), [3., 1., 0., 0., 7.5, 8., 0., 0.]);
    let text = refused(&ops::TENSOR_SCATTER_ND_ADD, none.clone(), &[x.clone(), i32s(&[1, 1], &[0]), f64s(&[1], &[1.])]);
    assert!(text.contains("updates of shape [1, 2]"), "{text}");
    let text = refused(&ops::TENSOR_SCATTER_ND_UPDATE, none, &[x, i32s(&[1, 1], &[9]), f64s(&[1, 2], &[1., 1.])]);
    assert!(text.contains("index 9 is out of range for axis 0 of length 3"), "{text}");
}

#[test]
fn elements_one_by_one() {
    let x = counted(&[3, 2]);
    let along = Attrs::new().with("axis", 1i64);
    // The other axis of the indices may be shorter.
    assert_eq!(
        checked(&ops::GATHER_ELEMENTS, &along, &[x.clone(), i32s(&[2, 3], &[0, -1, 0, 1, 1, 0])]),
        [0., 1., 0., 3., 3., 2.]
    );
    let operands = [f64s(&[2, 2], &[2., 0., -1., 3.]), i32s(&[2, 2], &[0, 0, -1, 0]), f64s(&[2, 2], &[3., 5., 4., 0.])];
    for (reduction, expected) in [("add", [10., 0., -1., 7.]), ("max", [5., 0., 0., 4.]), ("min", [2., 0., -1., 3.])] {
        let attrs = along.clone().with("reduction", reduction);
        assert_eq!(checked(&ops::SCATTER_ELEMENTS, &attrs, &operands), expected, "{reduction}");
    }
    assert_eq!(one(&ops::SCATTER_ELEMENTS, along.clone(), &operands).as_slice::<f64>(), [5., 0., 0., 4.]);
    // Where a factor is 0 the gradient of a product is right, but the gradient's own is not there.
    let product = along.clone().with("reduction", "mul");
    compare_with(&ops::SCATTER_ELEMENTS, &product, &operands).unwrap_or_else(|e| panic!("{e}"));
    check_first_order(&ops::SCATTER_ELEMENTS, product.clone(), &operands);
    assert_eq!(one(&ops::SCATTER_ELEMENTS, product.clone(), &operands).as_slice::<f64>(), [30., 0., 0., 12.]);
    let factors = f64s(&[2, 2], &[3., 5., 4., -2.]);
    let nonzero = [f64s(&[2, 2], &[2., 7., -1., 3.]), operands[1].clone(), factors];
    assert_eq!(checked(&ops::SCATTER_ELEMENTS, &product, &nonzero), [30., 7., 2., 12.]);
    assert!(
        refused(&ops::SCATTER_ELEMENTS, along.with("reduction", "sum"), &operands).contains("add, mul, max or min")
    );
    let rows = [counted(&[3, 2]), i32s(&[2], &[2, 0]), f64s(&[2, 2], &[1., 1., 2., 2.])];
    assert_eq!(checked(&ops::INDEX_ADD, &Attrs::new().with("alpha", -1.0), &rows), [-2., -1., 2., 3., 3., 4.]);
}

#[test]
fn nan_wins_over_every_number() {
    let operands = [f64s(&[2], &[f64::NAN, 1.0]), i32s(&[2, 1], &[0, 1]), f64s(&[2], &[2.0, f64::NAN])];
    for op in [&ops::TENSOR_SCATTER_ND_MAX, &ops::TENSOR_SCATTER_ND_MIN] {
        compare_with(op, &Attrs::new(), &operands).unwrap_or_else(|e| panic!("{e}"));
        assert!(one(op, Attrs::new(), &operands).as_slice::<f64>().iter().all(|v| v.is_nan()));
    }
}

#[test]
fn diagonals() {
    let x = counted(&[2, 3]);
    let none = Attrs::new();
    assert_eq!(checked(&ops::DIAGONAL, &Attrs::new().with("offset", 1i64), std::slice::from_ref(&x)), [1., 5.]);
    assert_eq!(checked(&ops::DIAG_PART, &Attrs::new().with("k", vec![-1i64]), std::slice::from_ref(&x)), [3.]);
    let band = Attrs::new().with("k", vec![-1i64, 1]);
    let rows = checked(&ops::DIAG_PART, &band, &[counted(&[3, 3])]);
    assert_eq!(rows, [0., 1., 5., 0., 4., 8., 3., 7., 0.]);
    assert_eq!(checked(&ops::DIAG, &band, &[f64s(&[3, 3], &rows)]), [0., 1., 0., 3., 4., 5., 0., 7., 8.]);
    assert_eq!(
        checked(&ops::DIAG, &Attrs::new().with("k", vec![-1i64]), &[f64s(&[2], &[1., 2.])]),
        [0., 0., 0., 1., 0., 0., 0., 2., 0.]
    );
    assert_eq!(checked(&ops::SET_DIAG, &none, &[x.clone(), f64s(&[2], &[8., 9.])]), [8., 1., 2., 3., 9., 5.]);
    let set = checked(&ops::SET_DIAG, &band, &[counted(&[3, 3]), f64s(&[3, 3], &[0., 9., 9., 8., 8., 8., 7., 7., 0.])]);
    assert_eq!(set, [8., 9., 2., 7., 8., 9., 6., 7., 8.]);
    assert!(
        refused(&ops::DIAG, Attrs::new().with("k", vec![2i64, 1]), std::slice::from_ref(&x)).contains("low <= high")
    );
    assert!(
        refused(&ops::SET_DIAG, none, &[counted(&[3, 3]), f64s(&[2], &[1., 1.])]).contains("a diagonal of shape [3]")
    );
    assert!(refused(&ops::DIAG_PART, Attrs::new().with("k", vec![7i64]), &[x]).contains("k = 7"));
}

#[test]
fn values_are_searched() {
    let sorted = f64s(&[4], &[1., 2., 2., 3.]);
    let found = |right: bool| {
        let attrs = Attrs::new().with("right", right);
        let operands = [sorted.clone(), f64s(&[2, 2], &[2., 0., 9., f64::NAN])];
        compare_with(&ops::SEARCHSORTED, &attrs, &operands).unwrap_or_else(|e| panic!("{e}"));
        one(&ops::SEARCHSORTED, attrs, &operands).as_slice::<i32>().to_vec()
    };
    assert_eq!((found(false), found(true)), (vec![1, 0, 4, 4], vec![3, 0, 4, 4]));
    let rows = Attrs::new().with("dtype", DType::I64);
    assert!(refused(&ops::SEARCHSORTED, rows, &[counted(&[2, 3]), counted(&[3, 3])]).contains("rows that agree"));
}

#[test]
fn flat_places_have_coordinates() {
    let attrs = Attrs::new().with("dims", vec![2i64, 3]);
    let places = [i32s(&[2], &[4, 2])];
    compare_with(&ops::UNRAVEL_INDEX, &attrs, &places).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(one(&ops::UNRAVEL_INDEX, attrs.clone(), &places).as_slice::<i32>(), [1, 0, 1, 2]);
    assert!(refused(&ops::UNRAVEL_INDEX, attrs, &[i32s(&[1], &[6])]).contains("index 6 is out of range"));
    assert!(refused(&ops::UNRAVEL_INDEX, Attrs::new().with("dims", vec![0i64, 3]), &places).contains("at least 1"));
}

#[test]
fn diagonals_in_matrices_of_a_given_size() {
    let attrs = |k: &[i64]| Attrs::new().with("k", k).with("padding_value", 9.0);
    let rows = f64s(&[2], &[1., 2.]);
    let wide = attrs(&[1]).with("num_rows", 2i64).with("num_cols", 3i64);
    assert_eq!(checked(&ops::DIAG, &wide, std::slice::from_ref(&rows)), [9., 1., 9., 9., 9., 2.]);
    let tall = attrs(&[-1]).with("num_rows", -1i64).with("num_cols", 2i64);
    assert_eq!(checked(&ops::DIAG, &tall, std::slice::from_ref(&rows)), [9., 9., 1., 9., 9., 2.]);
    let two = attrs(&[0, 1]).with("num_cols", 3i64);
    let both = f64s(&[2, 2], &[1., 2., 3., 4.]);
    assert_eq!(checked(&ops::DIAG, &two, &[both]), [3., 1., 9., 9., 4., 2.]);
    let taken = checked(&ops::DIAG_PART, &attrs(&[-1, 1]), &[counted(&[3, 3])]);
    assert_eq!(taken, [9., 1., 5., 0., 4., 8., 3., 7., 9.]);
    for (name, n) in [("num_rows", 1i64), ("num_cols", -5)] {
        let text = refused(&ops::DIAG, Attrs::new().with(name, n), std::slice::from_ref(&rows));
        assert!(text.contains("2 rows, or 2 columns"), "{text}");
    }
}
