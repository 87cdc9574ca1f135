//! Axes moved, elements moved along them, space cut into blocks, continued edges, triangles.

use crate::battery::check_gradient;
use crate::compiled::compare_with;
use crate::support::{apply, counted, f64s, i32s, one, refused, values};
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::ops;
use tracelift_runtime::Array;

/// The one result, which the compiled program gives too; the gradient is checked.
#[track_caller]
fn checked(op: &'static OpDef, attrs: &Attrs, x: &Array) -> Array {
    let operands = std::slice::from_ref(x);
    compare_with(op, attrs, operands).unwrap_or_else(|e| panic!("{e}"));
    check_gradient(op, attrs.clone(), operands);
    one(op, attrs.clone(), operands)
}

#[test]
fn axes_move() {
    let x = counted(&[2, 3, 4]);
    let moved = checked(&ops::MOVEAXIS, &Attrs::new().with("source", vec![0, -1]).with("destination", vec![-1, 0]), &x);
    assert_eq!(moved.shape(), [4, 3, 2]);
    assert_eq!(moved.as_slice::<f64>()[..3], [0.0, 12.0, 4.0]);
    let swapped = checked(&ops::SWAPAXES, &Attrs::new().with("axis1", 0i64).with("axis2", 1i64), &x);
    assert_eq!(swapped.shape(), [3, 2, 4]);
    let twice = Attrs::new().with("source", vec![0, 0]).with("destination", vec![1, 2]);
    assert!(refused(&ops::MOVEAXIS, twice, &[x]).contains("each axis once"));
}

#[test]
fn elements_roll_and_turn() {
    let x = counted(&[2, 3]);
    let attrs = Attrs::new().with("shift", vec![1, -1]).with("axes", vec![0, 1]);
    assert_eq!(checked(&ops::ROLL, &attrs, &x).as_slice::<f64>(), [4.0, 5.0, 3.0, 1.0, 2.0, 0.0]);
    let flat = Attrs::new().with("shift", vec![-8i64]);
    assert_eq!(checked(&ops::ROLL, &flat, &x).as_slice::<f64>(), [2.0, 3.0, 4.0, 5.0, 0.0, 1.0]);
    for (k, expected) in
        [(1i64, [2., 5., 1., 4., 0., 3.]), (-2, [5., 4., 3., 2., 1., 0.]), (7, [3., 0., 4., 1., 5., 2.])]
    {
        let turned = checked(&ops::ROT90, &Attrs::new().with("k", k), &x);
        assert_eq!(turned.as_slice::<f64>(), expected, "k = {k}");
    }
}

#[test]
fn edges_are_continued() {
    let x = counted(&[1, 3]);
    let attrs = Attrs::new().with("paddings", vec![0, 1, 4, 2]);
    let wrapped = [2., 0., 1., 2., 0., 1., 2., 0., 1.];
    assert_eq!(checked(&ops::PAD_WRAP, &attrs, &x).as_slice::<f64>(), [wrapped, wrapped].concat());
    let edged = [0., 0., 0., 0., 0., 1., 2., 2., 2.];
    assert_eq!(checked(&ops::PAD_EDGE, &attrs, &x).as_slice::<f64>(), [edged, edged].concat());
    let none = Attrs::new().with("paddings", vec![0, 0, 1, 0]);
    assert!(
        refused(&ops::PAD_EDGE, none.clone(), &[f64s(&[2, 0], &[])]).contains("something to continue along axis 1")
    );
    let empty = one(&ops::PAD_WRAP, none, &[f64s(&[0, 2], &[])]);
    assert_eq!(empty.shape(), [0, 3]);
}

#[test]
fn grids_have_an_axis_for_each_list() {
    let lists = [counted(&[2]), counted(&[3]), counted(&[1])];
    for (indexing, shape) in [("xy", [3, 2, 1]), ("ij", [2, 3, 1])] {
        let grid = apply(&ops::MESHGRID, Attrs::new().with("indexing", indexing), &lists).unwrap();
        assert!(grid.len() == 3 && grid.iter().all(|part| part.shape() == shape));
    }
    assert!(refused(&ops::MESHGRID, Attrs::new().with("indexing", "yx"), &lists).contains("\"xy\" or \"ij\""));
}

#[test]
fn blocks_and_their_inverses() {
    let x = counted(&[1, 4, 2, 2]);
    let size = Attrs::new().with("block_size", 2i64);
    let deep = checked(&ops::SPACE_TO_DEPTH, &size, &x);
    assert_eq!(deep.shape(), [1, 2, 1, 8]);
    assert_eq!(deep.as_slice::<f64>()[..8], [0., 1., 2., 3., 4., 5., 6., 7.]);
    assert_eq!(checked(&ops::DEPTH_TO_SPACE, &size, &deep).as_slice::<f64>(), x.as_slice::<f64>());

    let around = |name| Attrs::new().with("block_shape", vec![2, 3]).with(name, vec![0, 0, 1, 0]);
    let batch = checked(&ops::SPACE_TO_BATCH, &around("paddings"), &x);
    assert_eq!(batch.shape(), [6, 2, 1, 2]);
    assert_eq!(batch.as_slice::<f64>()[..8], [0., 0., 0., 0., 0., 1., 8., 9.]);
    assert_eq!(checked(&ops::BATCH_TO_SPACE, &around("crops"), &batch).as_slice::<f64>(), x.as_slice::<f64>());

    assert!(refused(&ops::SPACE_TO_DEPTH, size, &[counted(&[1, 3, 3, 1])]).contains("that 2 divides"));
    let zero = Attrs::new().with("block_shape", vec![0, 2]).with("paddings", vec![0; 4]);
    assert!(refused(&ops::SPACE_TO_BATCH, zero, &[x]).contains("block lengths of at least 1"));
}

#[test]
fn triangles() {
    let x = counted(&[2, 3]);
    let k = |k: i64| Attrs::new().with("k", k);
    assert_eq!(checked(&ops::TRIL, &k(-1), &x).as_slice::<f64>(), [0., 0., 0., 3., 0., 0.]);
    assert_eq!(checked(&ops::TRIU, &k(1), &x).as_slice::<f64>(), [0., 1., 2., 0., 0., 5.]);
    assert_eq!(checked(&ops::TRIU, &k(-9), &x).as_slice::<f64>(), x.as_slice::<f64>());
}

#[test]
fn repeats_by_number_or_list() {
    let x = counted(&[2, 2]);
    let attrs = |repeats: &[i64]| Attrs::new().with("repeats", repeats).with("axis", 1i64);
    assert_eq!(checked(&ops::REPEAT, &attrs(&[2]), &x).as_slice::<f64>(), [0., 0., 1., 1., 2., 2., 3., 3.]);
    assert_eq!(checked(&ops::REPEAT, &attrs(&[0, 3]), &x).as_slice::<f64>(), [1., 1., 1., 3., 3., 3.]);
    for bad in [&[-1, 2][..], &[1, 2, 3], &[1 << 40, 1]] {
        refused(&ops::REPEAT, attrs(bad), std::slice::from_ref(&x));
    }
    assert_eq!(values(&ops::INVERT_PERMUTATION, Attrs::new(), &[i32s(&[3], &[2, 0, 1])]), [1.0, 2.0, 0.0]);
}
