//! Results whose size depends on data, and what is computed from them.

use crate::battery::check_gradient;
use crate::compiled::compare_with;
use crate::support::{apply, counted, dims, f64s, i32s, one, refused};
use tracelift_compiler::graph::{Attrs, Graph, GraphBuilder, OpDef, ValueId};
use tracelift_compiler::options::{Level, Options};
use tracelift_compiler::{DType, Dim, Loc, TensorSpec, compile, grad, interp, ops};
use tracelift_runtime::Array;
use tracelift_runtime::exec::Executable;

fn bools(values: &[bool]) -> Array {
    Array::from_slice(&[values.len()], values)
}

/// The one result, which the compiled program gives too; the gradient is checked.
#[track_caller]
fn checked(op: &'static OpDef, attrs: &Attrs, operands: &[Array]) -> Vec<f64> {
    compare_with(op, attrs, operands).unwrap_or_else(|e| panic!("{e}"));
    check_gradient(op, attrs.clone(), operands);
    one(op, attrs.clone(), operands).as_slice::<f64>().to_vec()
}

#[test]
fn coordinates_of_what_is_not_zero() {
    for (x, shape, expected) in [
        (f64s(&[2, 3], &[0., 5., f64::NAN, -1., 0., 0.]), [3, 2], &[0, 1, 0, 2, 1, 0][..]),
        (f64s(&[3], &[0., 0., 2.]), [1, 1], &[2]),
        (f64s(&[3], &[0.; 3]), [0, 1], &[]),
        (f64s(&[0, 2], &[]), [0, 2], &[]),
        (f64s(&[], &[4.]), [1, 0], &[]),
        (f64s(&[], &[0.]), [0, 0], &[]),
    ] {
        compare_with(&ops::WHERE_INDICES, &Attrs::new(), std::slice::from_ref(&x)).unwrap_or_else(|e| panic!("{e}"));
        let found = one(&ops::NONZERO, Attrs::new(), &[x]);
        assert_eq!((found.shape(), found.as_slice::<i64>()), (&shape[..], expected));
    }
}

#[test]
fn numbers_are_counted_and_weighed() {
    let x = i32s(&[2, 3], &[1, 4, 1, 0, 4, 4]);
    let counts = |attrs: Attrs| {
        compare_with(&ops::BINCOUNT, &attrs, std::slice::from_ref(&x)).unwrap_or_else(|e| panic!("{e}"));
        let y = one(&ops::BINCOUNT, attrs, std::slice::from_ref(&x));
        (y.shape().to_vec(), y.as_slice::<i32>().to_vec())
    };
    let none = Attrs::new();
    assert_eq!(counts(none.clone()), (vec![5], vec![1, 2, 0, 0, 3]));
    assert_eq!(counts(none.clone().with("minlength", 7i64)).0, [7]);
    assert_eq!(counts(none.clone().with("maxlength", 2i64)), (vec![2], vec![1, 2]));
    assert_eq!(counts(none.clone().with("axis", -1i64)), (vec![2, 5], vec![0, 2, 0, 0, 1, 1, 0, 0, 0, 2]));
    assert_eq!(counts(none.clone().with("binary_output", true)).1, [1, 1, 0, 0, 1]);
    let weights = f64s(&[2, 3], &[0.5, 1.0, 2.0, -1.0, 4.0, 8.0]);
    assert_eq!(checked(&ops::WEIGHTED_BINCOUNT, &none, &[x.clone(), weights.clone()]), [-1.0, 2.5, 0.0, 0.0, 13.0]);
    let rows = none.clone().with("axis", -1i64).with("minlength", 2i64);
    checked(&ops::WEIGHTED_BINCOUNT, &rows, &[x.clone(), weights]);
    let empty = one(&ops::BINCOUNT, none.clone(), &[i32s(&[0], &[])]);
    assert_eq!(empty.shape(), [0]);
    assert!(refused(&ops::BINCOUNT, none.clone(), &[i32s(&[2], &[1, -1])]).contains("index -1"));
    let one_weight = [x.clone(), f64s(&[1], &[1.0])];
    assert!(refused(&ops::WEIGHTED_BINCOUNT, none.clone(), &one_weight).contains("weights of shape [2, 3]"));
    assert!(refused(&ops::BINCOUNT, none.with("minlength", -1i64), &[x]).contains("`minlength`"));
}

#[test]
fn masks_keep_what_is_true() {
    let x = counted(&[3, 2]);
    let none = Attrs::new();
    assert_eq!(checked(&ops::BOOLEAN_MASK, &none, &[x.clone(), bools(&[true, false, true])]), [0., 1., 4., 5.]);
    assert_eq!(
        checked(&ops::BOOLEAN_MASK, &Attrs::new().with("axis", 1i64), &[x.clone(), bools(&[false, true])]),
        [1., 3., 5.]
    );
    let every = Array::from_slice(&[3, 2], &[true, true, false, false, false, true]);
    assert_eq!(checked(&ops::BOOLEAN_MASK, &none, &[x.clone(), every]), [0., 1., 5.]);
    let nothing = one(&ops::BOOLEAN_MASK, none.clone(), &[x.clone(), bools(&[false; 3])]);
    assert_eq!(nothing.shape(), [0, 2]);
    assert!(refused(&ops::BOOLEAN_MASK, none, &[x, bools(&[true; 2])]).contains("a mask with the axes from axis 0 on"));
}

#[test]
fn shapes_may_be_known_better() {
    let x = counted(&[2, 3]);
    let shape = |sizes: &[i64]| Attrs::new().with("dims", dims(sizes));
    assert_eq!(checked(&ops::ENSURE_SHAPE, &shape(&[-1, 3]), std::slice::from_ref(&x)), [0., 1., 2., 3., 4., 5.]);
    assert!(refused(&ops::ENSURE_SHAPE, shape(&[2, 4]), std::slice::from_ref(&x)).contains("expected shape [2, 4]"));
    let mut b = GraphBuilder::new("kept");
    let x = b.parameter("x", TensorSpec::new(DType::F64, [3i64]));
    let mask = b.parameter("mask", TensorSpec::new(DType::Bool, [3i64]));
    let kept = apply_to(&mut b, &ops::BOOLEAN_MASK, Attrs::new(), &[x, mask]);
    let two = apply_to(&mut b, &ops::ENSURE_SHAPE, shape(&[2]), &[kept]);
    let graph = b.finish(vec![two]);
    let f = Executable::new(compile(&graph, &Options::default()).unwrap().program).unwrap();
    let x = f64s(&[3], &[1., 2., 3.]);
    assert_eq!(f.call(&[&x, &bools(&[true, false, true])]).unwrap()[0].as_slice::<f64>(), [1., 3.]);
    for run in [f.call(&[&x, &bools(&[true; 3])]), interp::run(&graph, &[x.clone(), bools(&[true; 3])])] {
        assert!(run.unwrap_err().to_string().contains("[2]"));
    }
}

#[test]
fn counts_say_how_often() {
    let x = counted(&[2, 2]);
    let along = Attrs::new().with("axis", 1i64);
    assert_eq!(checked(&ops::REPEAT_BY, &along, &[x.clone(), i32s(&[2], &[0, 3])]), [1., 1., 1., 3., 3., 3.]);
    assert_eq!(
        checked(&ops::REPEAT_BY, &Attrs::new(), &[x.clone(), i32s(&[], &[2])]),
        [0., 1., 0., 1., 2., 3., 2., 3.]
    );
    assert!(refused(&ops::REPEAT_BY, along.clone(), &[x.clone(), i32s(&[2], &[-1, 2])]).contains("at least 0"));
    assert!(refused(&ops::REPEAT_BY, along, &[x, i32s(&[2], &[i32::MAX, 2])]).contains("between 0 and 1073741824"));
}

#[test]
fn different_elements() {
    let x = f64s(&[6], &[3., 1., 3., 2., 1., 3.]);
    let ints = |op, k: usize| {
        compare_with(op, &Attrs::new(), std::slice::from_ref(&x)).unwrap_or_else(|e| panic!("{e}"));
        let results = apply(op, Attrs::new().with("slot", 4i64), std::slice::from_ref(&x)).unwrap();
        tracelift_compiler::ops::eval::ints(&results[k])
    };
    assert_eq!(ints(&ops::UNIQUE_SORTED, 1), [2, 0, 2, 1, 0, 2]);
    assert_eq!(ints(&ops::UNIQUE_SORTED, 2), [2, 1, 3]);
    assert_eq!(ints(&ops::UNIQUE, 1), [0, 1, 0, 2, 1, 0]);
    assert_eq!(ints(&ops::UNIQUE_WITH_COUNTS, 2), [3, 2, 1]);
    for (op, expected) in [(&ops::UNIQUE, [3., 1., 2.]), (&ops::UNIQUE_SORTED, [1., 2., 3.])] {
        assert_eq!(apply(op, Attrs::new(), std::slice::from_ref(&x)).unwrap()[0].as_slice::<f64>(), expected);
    }
    check_gradient(&ops::UNIQUE, Attrs::new(), &[f64s(&[3], &[3., 1., 2.])]);
    assert_eq!(apply(&ops::UNIQUE, Attrs::new(), &[f64s(&[0], &[])]).unwrap()[0].shape(), [0]);
}

#[test]
fn segments_in_order() {
    let operands = [f64s(&[4, 1], &[1., 2., 4., 8.]), i32s(&[4], &[0, 0, 1, 3])];
    let none = Attrs::new();
    for (op, expected) in [
        (&ops::SEGMENT_SUM, [3., 4., 0., 8.]),
        (&ops::SEGMENT_MEAN, [1.5, 4., 0., 8.]),
        (&ops::SEGMENT_PROD, [2., 4., 1., 8.]),
        (&ops::SEGMENT_MAX, [2., 4., 0., 8.]),
        (&ops::SEGMENT_MIN, [1., 4., 0., 8.]),
    ] {
        assert_eq!(checked(op, &none, &operands), expected, "{}", op.name);
    }
    for bad in [&[0, 2, 1, 2][..], &[-1, 0, 0, 1], &[0, 0, 0, i32::MAX]] {
        refused(&ops::SEGMENT_SUM, none.clone(), &[operands[0].clone(), i32s(&[4], bad)]);
    }
}

#[test]
fn parts_and_back() {
    let x = counted(&[4, 1]);
    let attrs = Attrs::new().with("num_partitions", 3i64);
    let operands = [x.clone(), i32s(&[4], &[2, 0, 2, 0])];
    compare_with(&ops::DYNAMIC_PARTITION, &attrs, &operands).unwrap_or_else(|e| panic!("{e}"));
    check_gradient(&ops::DYNAMIC_PARTITION, attrs.clone(), &operands);
    let parts = apply(&ops::DYNAMIC_PARTITION, attrs.clone(), &operands).unwrap();
    assert_eq!(parts.iter().map(|p| p.shape()[0]).collect::<Vec<_>>(), [2, 0, 2]);
    assert_eq!(parts[2].as_slice::<f64>(), [0., 2.]);
    assert!(refused(&ops::DYNAMIC_PARTITION, attrs, &[x, i32s(&[4], &[3, 0, 0, 0])]).contains("index 3"));

    let stitched = [i32s(&[2], &[1, 3]), i32s(&[2], &[2, 0]), parts[0].clone(), parts[2].clone()];
    assert_eq!(checked(&ops::DYNAMIC_STITCH, &Attrs::new(), &stitched), [2., 1., 0., 3.]);
    let wrong = [i32s(&[1], &[0]), i32s(&[1], &[5]), f64s(&[1], &[1.]), f64s(&[2], &[1., 1.])];
    assert!(refused(&ops::DYNAMIC_STITCH, Attrs::new(), &wrong).contains("as many indices as data"));
}

fn apply_to(b: &mut GraphBuilder, op: &'static OpDef, attrs: Attrs, operands: &[ValueId]) -> ValueId {
    b.apply_at(op, attrs, operands, Loc::default()).unwrap_or_else(|e| panic!("{e}"))[0]
}

/// `y = exp(x[mask]) * w[mask]` sorted, its mean, where it is large, and the gradient of its sum by `x`: two sizes that
/// depend on data, one on the other, and several values of one size.
fn masked_program() -> Graph {
    let mut b = GraphBuilder::new("masked");
    let n = Dim::sym(0);
    let [x, w] = ["x", "w"].map(|name| b.parameter(name, TensorSpec::new(DType::F64, [n.clone()])));
    let mask = b.parameter("mask", TensorSpec::new(DType::Bool, [n]));
    let kept = apply_to(&mut b, &ops::BOOLEAN_MASK, Attrs::new(), &[x, mask]);
    let weights = apply_to(&mut b, &ops::BOOLEAN_MASK, Attrs::new(), &[w, mask]);
    let grown = apply_to(&mut b, &ops::EXP, Attrs::new(), &[kept]);
    // One slot for both, so that the product is known to have one shape.
    let y = apply_to(&mut b, &ops::MULTIPLY, Attrs::new(), &[grown, weights]);
    let sorted = apply_to(&mut b, &ops::SORT, Attrs::new(), &[y]);
    let mean = apply_to(&mut b, &ops::REDUCE_MEAN, Attrs::new(), &[y]);
    let is_large = apply_to(&mut b, &ops::GREATER, Attrs::new(), &[y, mean]);
    let large = apply_to(&mut b, &ops::WHERE_INDICES, Attrs::new(), &[is_large]);
    let sum = apply_to(&mut b, &ops::REDUCE_SUM, Attrs::new(), &[y]);
    let size = b.graph().spec(y).dims[0].clone();
    let count = apply_to(&mut b, &ops::SIZE_OF, Attrs::new().with("dims", vec![size]), &[]);
    let gradient = grad::gradient(&mut b, &[(sum, None)], &[x]).unwrap()[0].unwrap();
    b.finish(vec![sorted, mean, large, count, gradient, x])
}

#[test]
fn programs_compute_on_sizes_that_they_learn() {
    let graph = masked_program();
    for level in [Level::O0, Level::O1, Level::O2] {
        let program = compile(&graph, &Options::at(level)).unwrap_or_else(|e| panic!("{level:?}: {e}")).program;
        // Saved and read again: a file knows such sizes too.
        let executable = Executable::from_bytes(&program.to_bytes()).unwrap();
        for n in [6usize, 3, 6, 1, 6] {
            let mask: Vec<bool> = (0..n).map(|i| (i * 5 + n) % 3 != 0).collect();
            let inputs = [
                f64s(&[n], &(0..n).map(|i| (i as f64 * 0.7).sin()).collect::<Vec<_>>()),
                f64s(&[n], &(0..n).map(|i| 1.0 + i as f64).collect::<Vec<_>>()),
                bools(&mask),
            ];
            let expected = interp::run(&graph, &inputs).unwrap();
            assert_eq!(expected[3].as_slice::<i64>()[0] as usize, mask.iter().filter(|m| **m).count());
            let actual =
                executable.call(&inputs.iter().collect::<Vec<_>>()).unwrap_or_else(|e| panic!("{level:?}: {e}"));
            for (k, (a, e)) in actual.iter().zip(&expected).enumerate() {
                assert_eq!(a.shape(), e.shape(), "{level:?}, n = {n}, result {k}");
                let (a, e) = (ops::eval::floats(a), ops::eval::floats(e));
                let close = |(a, e): (&f64, &f64)| a == e || a.is_nan() && e.is_nan() || (a - e).abs() < 1e-12;
                assert!(a.iter().zip(&e).all(close), "{level:?}, n = {n}, result {k}: {a:?} instead of {e:?}");
            }
        }
    }
}

#[test]
fn elements_that_another_list_has_not() {
    let (x, y) = (i32s(&[5], &[5, 1, 3, 1, 2]), i32s(&[2], &[3, 2]));
    for (y, values, places) in
        [(y, &[5, 1, 1][..], &[0, 1, 3][..]), (i32s(&[0], &[]), &[5, 1, 3, 1, 2], &[0, 1, 2, 3, 4])]
    {
        let operands = [x.clone(), y];
        compare_with(&ops::LIST_DIFF, &Attrs::new(), &operands).unwrap_or_else(|e| panic!("{e}"));
        let found = apply(&ops::LIST_DIFF, Attrs::new(), &operands).unwrap();
        assert_eq!((found[0].as_slice::<i32>(), found[1].as_slice::<i32>()), (values, places));
    }
    assert!(refused(&ops::LIST_DIFF, Attrs::new(), &[x, i32s(&[], &[1])]).contains("a list, of rank 1"));
}

#[test]
fn lists_have_one_axis() {
    let matrix = f64s(&[2, 2], &[1., 1., 2., 3.]);
    for op in [&ops::UNIQUE, &ops::UNIQUE_WITH_COUNTS] {
        assert!(refused(op, Attrs::new(), std::slice::from_ref(&matrix)).contains("a list, of rank 1"));
    }
}

#[test]
fn labels_without_repeats() {
    let operands = [i32s(&[2, 5], &[1, 1, 2, 2, 3, 4, 4, 4, 0, 0]), i32s(&[2], &[4, 3])];
    compare_with(&ops::COLLAPSE_REPEATED, &Attrs::new(), &operands).unwrap_or_else(|e| panic!("{e}"));
    let found = apply(&ops::COLLAPSE_REPEATED, Attrs::new(), &operands).unwrap();
    assert_eq!((found[0].shape(), found[0].as_slice::<i32>()), (&[2, 2][..], &[1, 2, 4, 0][..]));
    assert_eq!(found[1].as_slice::<i32>(), [2, 1]);
}
