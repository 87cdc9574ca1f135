//! Elements moved: where they go, and the way back of their gradients.

use crate::battery::check_gradient;
use crate::support::{apply, apply_as, counted, dims, f64s, one, refused, values};
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::ops::movement::slice::range;
use tracelift_compiler::ops::{self, eval};
use tracelift_compiler::{DType, Dim, TensorSpec};

#[test]
fn reshape_finds_the_missing_length() {
    let x = counted(&[2, 6]);
    let to = |sizes: &[i64]| Attrs::new().with("dims", dims(sizes));
    assert_eq!(one(&ops::RESHAPE, to(&[3, -1]), std::slice::from_ref(&x)).shape(), [3, 4]);
    check_gradient(&ops::RESHAPE, to(&[3, -1]), std::slice::from_ref(&x));
    let text = refused(&ops::RESHAPE, to(&[5, 2]), std::slice::from_ref(&x));
    assert!(text.contains("cannot reshape f64[2, 6] (12 elements) to [5, 2] (10 elements)"), "{text}");
    assert!(refused(&ops::RESHAPE, to(&[-1, -1]), std::slice::from_ref(&x)).contains("at most one -1"));
    assert!(refused(&ops::RESHAPE, to(&[-1, 5]), &[x]).contains("does not provably divide"));
    let unknown = TensorSpec::new(DType::F64, [Dim::sym(0), Dim::from(4i64)]);
    let y = apply_as(&ops::RESHAPE, to(&[-1, 2]), &[counted(&[3, 4])], &[unknown]).unwrap();
    assert_eq!(y[0].shape(), [6, 2]);
}

#[test]
fn axes_reordered() {
    let x = counted(&[2, 3, 4]);
    let y = one(&ops::TRANSPOSE, Attrs::new().with("perm", vec![2i64, 0, 1]), std::slice::from_ref(&x));
    assert_eq!((y.shape(), &y.as_slice::<f64>()[..7]), (&[4, 2, 3][..], &[0.0, 4.0, 8.0, 12.0, 16.0, 20.0, 1.0][..]));
    assert_eq!(one(&ops::TRANSPOSE, Attrs::new(), std::slice::from_ref(&x)).shape(), [4, 3, 2]);
    check_gradient(&ops::TRANSPOSE, Attrs::new().with("perm", vec![2i64, 0, -2]), std::slice::from_ref(&x));
    let reversed = Attrs::new().with("axes", vec![-1i64]);
    assert_eq!(values(&ops::REVERSE, reversed.clone(), std::slice::from_ref(&x))[..4], [3.0, 2.0, 1.0, 0.0]);
    check_gradient(&ops::REVERSE, reversed, &[x]);
}

#[test]
fn axes_of_length_one_come_and_go() {
    let x = counted(&[2, 1, 3]);
    assert_eq!(one(&ops::SQUEEZE, Attrs::new(), std::slice::from_ref(&x)).shape(), [2, 3]);
    assert_eq!(
        one(&ops::EXPAND_DIMS, Attrs::new().with("axis", -1i64), std::slice::from_ref(&x)).shape(),
        [2, 1, 3, 1]
    );
    let text = refused(&ops::SQUEEZE, Attrs::new().with("axes", vec![0i64]), std::slice::from_ref(&x));
    assert!(text.contains("length 2 of axis 0"), "{text}");
    check_gradient(&ops::SQUEEZE, Attrs::new().with("axes", vec![1i64]), &[x]);
}

#[test]
fn stretching_and_repeating() {
    let x = counted(&[2, 1]);
    check_gradient(&ops::BROADCAST_TO, Attrs::new().with("dims", dims(&[3, 2, 4])), std::slice::from_ref(&x));
    let tiled = Attrs::new().with("multiples", vec![2i64, 3]);
    assert_eq!(
        values(&ops::TILE, tiled.clone(), std::slice::from_ref(&x)),
        [0., 0., 0., 1., 1., 1., 0., 0., 0., 1., 1., 1.]
    );
    check_gradient(&ops::TILE, tiled, std::slice::from_ref(&x));
    let repeated = Attrs::new().with("repeats", vec![2i64]);
    assert_eq!(values(&ops::REPEAT, repeated.clone(), std::slice::from_ref(&x)), [0.0, 0.0, 1.0, 1.0]);
    check_gradient(&ops::REPEAT, repeated, &[x]);
    let filled = Attrs::new().with("dims", dims(&[2]));
    assert_eq!(values(&ops::FILL, filled.clone(), &[f64s(&[], &[7.0])]), [7.0, 7.0]);
    assert_eq!(values(&ops::ONES, filled.clone().with("dtype", DType::I8), &[]), [1.0, 1.0]);
    assert_eq!(one(&ops::ZEROS, filled, &[]).as_slice::<f32>(), [0.0, 0.0]);
}

#[test]
fn parts() {
    let x = counted(&[4, 5]);
    for (begin, strides, size) in
        [([1, 0], [1, 2], [2, 3]), ([3, 4], [-1, -2], [4, 3]), ([0, 1], [3, 1], [2, 4]), ([2, 3], [-2, -3], [2, 1])]
    {
        let attrs =
            Attrs::new().with("begin", dims(&begin)).with("strides", strides.to_vec()).with("dims", dims(&size));
        let y = one(&ops::SLICE, attrs.clone(), std::slice::from_ref(&x));
        let at = |i: usize, j: usize| {
            let row = begin[0] + i as i64 * strides[0];
            (row * 5 + begin[1] + j as i64 * strides[1]) as f64
        };
        let expected: Vec<f64> = eval::indices(y.shape()).map(|index| at(index[0], index[1])).collect();
        assert_eq!(y.as_slice::<f64>(), expected);
        check_gradient(&ops::SLICE, attrs, std::slice::from_ref(&x));
    }
    let outside = Attrs::new().with("begin", dims(&[1, 0])).with("dims", dims(&[4, 5]));
    assert!(refused(&ops::SLICE, outside, &[x]).contains("reach outside axis 0 of length 4"));
}

/// Against the definition of Python's slices, for constant and for symbolic lengths.
#[test]
fn ranges_are_those_of_python() {
    let bounds = [None, Some(-7), Some(-5), Some(-2), Some(-1), Some(0), Some(1), Some(3), Some(5), Some(9)];
    for len in [0i64, 1, 2, 5] {
        for stride in [1i64, 2, 3, -1, -2, -3] {
            for first in bounds {
                for last in bounds {
                    let clamp = |p: i64, low: i64, high: i64| (if p < 0 { p + len } else { p }).clamp(low, high);
                    let (low, high) = if stride > 0 { (0, len) } else { (-1, len - 1) };
                    let start = first.map_or(if stride > 0 { low } else { high }, |p| clamp(p, low, high));
                    let stop = last.map_or(if stride > 0 { high } else { low }, |p| clamp(p, low, high));
                    let count = ((stop - start) * stride.signum()).max(0);
                    let count = (count + stride.abs() - 1) / stride.abs();
                    let (begin, size) = range(first, last, stride, &Dim::from(len));
                    assert_eq!(size.as_const(), Some(count), "[{first:?}:{last:?}:{stride}] of {len}");
                    let (begin_n, size_n) = range(first, last, stride, &Dim::sym(0));
                    assert_eq!(size_n.eval(&[len], &[]).unwrap(), count, "[{first:?}:{last:?}:{stride}] of n0 = {len}");
                    if count > 0 {
                        assert_eq!(begin.as_const(), Some(start));
                        assert_eq!(begin_n.eval(&[len], &[]).unwrap(), start);
                    }
                }
            }
        }
    }
}

#[test]
fn slices_of_unknown_length_are_proved_inside() {
    let unknown = TensorSpec::new(DType::F64, [Dim::sym(0)]);
    for (begin, end, stride) in
        [(0, 3, 1), (1, 100, 1), (-3, 100, 1), (0, -1, 1), (0, 100, 2), (1, 100, 3), (-1, -100, -1), (100, -100, -2)]
    {
        let attrs = Attrs::new().with("begin", vec![begin]).with("end", vec![end]).with("strides", vec![stride]);
        for len in [0, 1, 2, 5] {
            let x = counted(&[len]);
            let known =
                apply(&ops::STRIDED_SLICE, attrs.clone(), std::slice::from_ref(&x)).unwrap_or_else(|e| panic!("{e}"));
            let y = apply_as(&ops::STRIDED_SLICE, attrs.clone(), &[x], std::slice::from_ref(&unknown));
            let y = y.unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(y[0].as_slice::<f64>(), known[0].as_slice::<f64>(), "[{begin}:{end}:{stride}] of {len}");
        }
    }
}

#[test]
fn single_elements() {
    let x = counted(&[3, 4]);
    let pick = |at: i64| Attrs::new().with("begin", vec![at]).with("end", vec![0i64]).with("shrink_axis_mask", 1i64);
    assert_eq!(values(&ops::STRIDED_SLICE, pick(-1), std::slice::from_ref(&x)), [8.0, 9.0, 10.0, 11.0]);
    check_gradient(&ops::STRIDED_SLICE, pick(1), std::slice::from_ref(&x));
    assert!(refused(&ops::STRIDED_SLICE, pick(3), &[x]).contains("index 3 is out of range for axis 0 of length 3"));
}

#[test]
fn padding() {
    let x = counted(&[2, 3]);
    let attrs = Attrs::new().with("before", dims(&[1, 0])).with("after", dims(&[0, 2]));
    let operands = [x.clone(), f64s(&[], &[7.0])];
    let expected = [7., 7., 7., 7., 7., 0., 1., 2., 7., 7., 3., 4., 5., 7., 7.];
    assert_eq!(values(&ops::PAD, attrs.clone(), &operands), expected);
    check_gradient(&ops::PAD, attrs, &operands);
    let mirrored = Attrs::new().with("paddings", vec![0i64, 0, 2, 1]);
    assert_eq!(values(&ops::PAD_REFLECT, mirrored.clone(), std::slice::from_ref(&x))[..6], [2., 1., 0., 1., 2., 1.]);
    assert_eq!(values(&ops::PAD_SYMMETRIC, mirrored.clone(), std::slice::from_ref(&x))[..6], [1., 0., 0., 1., 2., 2.]);
    check_gradient(&ops::PAD_REFLECT, mirrored, std::slice::from_ref(&x));
    let wide = Attrs::new().with("paddings", vec![2i64, 0, 0, 0]);
    assert!(refused(&ops::PAD_REFLECT, wide, &[x]).contains("at most 1 along axis 0"));
}

#[test]
fn joining_and_parting() {
    let (x, y) = (counted(&[2, 2]), f64s(&[2, 1], &[8.0, 9.0]));
    let along = |axis: i64| Attrs::new().with("axis", axis);
    assert_eq!(values(&ops::CONCAT, along(-1), &[x.clone(), y.clone()]), [0.0, 1.0, 8.0, 2.0, 3.0, 9.0]);
    check_gradient(&ops::CONCAT, along(1), &[x.clone(), y.clone()]);
    assert!(refused(&ops::CONCAT, along(0), &[x.clone(), y]).contains("shapes equal but for axis 0"));
    let stacked = one(&ops::STACK, along(2), &[x.clone(), x.clone()]);
    assert_eq!((stacked.shape(), &stacked.as_slice::<f64>()[..4]), (&[2, 2, 2][..], &[0.0, 0.0, 1.0, 1.0][..]));
    check_gradient(&ops::STACK, along(1), &[x.clone(), x.clone()]);
    let parts = apply(&ops::SPLIT, along(1).with("num", 2i64), std::slice::from_ref(&x)).unwrap();
    assert_eq!((parts.len(), parts[1].as_slice::<f64>()), (2, &[1.0, 3.0][..]));
    check_gradient(&ops::SPLIT, along(0).with("sizes", vec![2i64, 0]), std::slice::from_ref(&x));
    assert_eq!(apply(&ops::UNSTACK, along(1), std::slice::from_ref(&x)).unwrap()[0].as_slice::<f64>(), [0.0, 2.0]);
    assert!(refused(&ops::SPLIT, along(0).with("num", 3i64), &[x]).contains("a length of axis 0 that 3 divides"));
}
