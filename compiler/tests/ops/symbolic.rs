//! Ops along an axis whose length only the call knows: one program for all lengths gives what programs of constant
//! lengths give, values and gradients, in the interpreter and in machine code at every level.

use crate::support::{Numbers, apply, assert_close, counted};
use tracelift_compiler::graph::{Attrs, Graph, GraphBuilder, OpDef};
use tracelift_compiler::ops::{self, eval};
use tracelift_compiler::options::{Level, Options};
use tracelift_compiler::{DType, Dim, Loc, TensorSpec, compile, grad, interp};
use tracelift_runtime::Array;
use tracelift_runtime::exec::Executable;

/// The op's first result for rows of two, and the gradient of the sum of its squares.
fn graph(op: &'static OpDef, attrs: &Attrs, rows: Dim) -> tracelift_compiler::Result<Graph> {
    let mut builder = GraphBuilder::new(op.name);
    let x = builder.parameter("x", TensorSpec::new(DType::F64, [rows, Dim::from(2i64)]));
    let y = builder.apply_at(op, attrs.clone(), &[x], Loc::default())?[0];
    let square = builder.apply_at(&ops::SQUARE, Attrs::new(), &[y], Loc::default())?[0];
    let gradient = grad::gradient(&mut builder, &[(square, None)], &[x])?[0].expect("the op depends on x");
    Ok(builder.finish(vec![y, square, gradient]))
}

/// Compares for these lengths; those that a constant length refuses must fail in a call too.
fn check(op: &'static OpDef, attrs: Attrs, lengths: &[usize]) {
    let any = graph(op, &attrs, Dim::sym(0)).unwrap_or_else(|e| panic!("{e}"));
    let programs: Vec<Executable> = (Level::ALL.into_iter())
        .map(|level| compile(&any, &Options { debug_bounds: true, ..Options::at(level) }).expect("it compiles").program)
        .map(|program| Executable::new(program).expect("it loads"))
        .collect();
    for &length in lengths {
        let what = format!("{} {attrs:?} of length {length}", op.name);
        let x = Numbers(3).array(DType::F64, &[length, 2], 1.0, 2.0);
        let Ok(known) = graph(op, &attrs, Dim::from(length)) else {
            assert!(interp::run(&any, std::slice::from_ref(&x)).is_err(), "{what}, interpreted");
            programs.iter().for_each(|program| assert!(program.call(&[&x]).is_err(), "{what}"));
            continue;
        };
        let wanted = interp::run(&known, std::slice::from_ref(&x)).unwrap_or_else(|e| panic!("{what}: {e}"));
        let same = |got: &[Array], engine: &str| {
            for (got, wanted) in got.iter().zip(&wanted) {
                assert_eq!(got.shape(), wanted.shape(), "{what}, {engine}");
                assert_close(&eval::floats(got), &eval::floats(wanted), 1e-12, &what);
            }
        };
        same(&interp::run(&any, std::slice::from_ref(&x)).unwrap_or_else(|e| panic!("{what}: {e}")), "interpreted");
        for (program, level) in programs.iter().zip(Level::ALL) {
            same(&program.call(&[&x]).unwrap_or_else(|e| panic!("{what}: {e}")), &format!("{level:?}"));
        }
    }
}

#[test]
fn ranges_are_clamped_when_the_length_is_known() {
    let ranges = [
        (Some(1), Some(3), 1),
        (None, Some(-1), 1),
        (Some(1), Some(-1), 1),
        (Some(-3), None, 1),
        (Some(-3), Some(-1), 1),
        (Some(3), Some(1), 1),
        (Some(2), Some(2), 1),
        (None, None, 2),
        (Some(1), None, 2),
        (Some(1), Some(7), 3),
        (None, None, -1),
        (None, None, -2),
        (Some(3), Some(0), -2),
        (Some(-1), Some(-4), -2),
        (Some(-2), Some(0), -1),
        (Some(i64::MIN), Some(i64::MAX), 1),
        (Some(i64::MAX), Some(i64::MIN), -1),
        (None, None, 1000),
    ];
    for (first, last, stride) in ranges {
        let attrs = Attrs::new()
            .with("begin", vec![first.unwrap_or(0)])
            .with("end", vec![last.unwrap_or(0)])
            .with("strides", vec![stride])
            .with("begin_mask", i64::from(first.is_none()))
            .with("end_mask", i64::from(last.is_none()));
        check(&ops::STRIDED_SLICE, attrs, &[0, 1, 2, 3, 4, 7, 8]);
    }
}

#[test]
fn elements_are_checked_when_the_length_is_known() {
    for at in [0i64, 1, 3, -1, -2, -4] {
        let attrs = Attrs::new().with("begin", vec![at]).with("end", vec![0i64]).with("shrink_axis_mask", 1i64);
        check(&ops::STRIDED_SLICE, attrs, &[0, 1, 2, 3, 4, 7]);
    }
    let outside = Attrs::new().with("begin", vec![2i64]).with("end", vec![0i64]).with("shrink_axis_mask", 1i64);
    let any = graph(&ops::STRIDED_SLICE, &outside, Dim::sym(0)).unwrap();
    let program = Executable::new(compile(&any, &Options::default()).unwrap().program).unwrap();
    let text = program.call(&[&counted(&[2, 2])]).unwrap_err().to_string();
    assert!(text.contains("expected shape [1, 2], received [0, 2]"), "{text}");
    assert!(text.contains("hint: a length of 0 where 1 is expected is that of an index outside its axis"), "{text}");
}

#[test]
fn edges_and_turns() {
    let lengths = [0, 1, 2, 3, 5];
    for (before, after) in [(1i64, 1i64), (2, 0), (0, 2), (2, 3)] {
        let attrs = Attrs::new().with("paddings", vec![before, after, 0, 1]);
        check(&ops::PAD_REFLECT, attrs.clone(), &lengths);
        check(&ops::PAD_SYMMETRIC, attrs.clone(), &lengths);
        check(&ops::PAD_EDGE, attrs, &lengths[1..]);
    }
    for shift in [1i64, -2, 7] {
        check(&ops::ROLL, Attrs::new().with("shift", vec![shift]).with("axes", vec![0i64]), &lengths);
    }
    check(&ops::FFTSHIFT, Attrs::new(), &lengths);
    check(&ops::IFFTSHIFT, Attrs::new(), &lengths);
    check(&ops::REVERSE, Attrs::new().with("axes", vec![0i64]), &lengths);
    check(&ops::TILE, Attrs::new().with("multiples", vec![3i64, 2]), &lengths);
}

#[test]
fn gradients_of_factors_need_not_know_which_side_is_longer() {
    let lengths = [0, 1, 2, 3, 5];
    check(&ops::QR, Attrs::new(), &lengths);
    check(&ops::PINV, Attrs::new(), &lengths);
}

#[test]
fn the_greatest_elements_need_as_many() {
    let mut builder = GraphBuilder::new("top");
    let x = builder.parameter("x", TensorSpec::new(DType::F64, [Dim::sym(0)]));
    let top = builder.apply_at(&ops::TOP_K, Attrs::new().with("k", 2i64), &[x], Loc::default()).unwrap();
    let any = builder.finish(top.to_vec());
    let program = Executable::new(compile(&any, &Options::default()).unwrap().program).unwrap();
    assert_eq!(program.call(&[&counted(&[3])]).unwrap()[0].as_slice::<f64>(), [2.0, 1.0]);
    let (run, interpreted) = (program.call(&[&counted(&[1])]), interp::run(&any, &[counted(&[1])]));
    assert!(run.unwrap_err().to_string().contains("k is 2, but the last axis has length 1"));
    assert!(interpreted.unwrap_err().to_string().contains("k between 0 and the length 1 of the last axis"));
}

#[test]
fn the_length_after_the_first_is_the_length_before_the_last() {
    let x = TensorSpec::new(DType::F64, [Dim::sym(0), Dim::from(2i64)]);
    let mut builder = GraphBuilder::new("difference");
    let x = builder.parameter("x", x);
    let part = |builder: &mut GraphBuilder, begin_mask: i64, end_mask: i64| {
        let attrs = Attrs::new().with("begin", vec![1i64]).with("end", vec![-1i64]);
        let attrs = attrs.with("begin_mask", begin_mask).with("end_mask", end_mask);
        builder.apply_at(&ops::STRIDED_SLICE, attrs, &[x], Loc::default()).unwrap()[0]
    };
    let (later, earlier) = (part(&mut builder, 0, 1), part(&mut builder, 1, 0));
    let difference = builder.apply_at(&ops::SUBTRACT, Attrs::new(), &[later, earlier], Loc::default()).unwrap()[0];
    let graph = builder.finish(vec![difference]);
    let y = interp::run(&graph, &[counted(&[4, 2])]).unwrap();
    assert_eq!(y[0].as_slice::<f64>(), [2.0; 6]);
}

#[test]
fn shapes_as_tensors() {
    let x = counted(&[3, 2]);
    let any = [TensorSpec::new(DType::F64, [Dim::sym(0), Dim::sym(1)])];
    for specs in [vec![crate::support::spec_of(&x)], any.to_vec()] {
        let run = |op, attrs| crate::support::apply_as(op, attrs, std::slice::from_ref(&x), &specs).unwrap().remove(0);
        assert_eq!(run(&ops::SHAPE, Attrs::new()).as_slice::<i32>(), [3, 2]);
        assert_eq!(run(&ops::SIZE, Attrs::new().with("dtype", DType::I64)).as_slice::<i64>(), [6]);
        assert_eq!(run(&ops::ZEROS_LIKE, Attrs::new()).as_slice::<f64>(), [0.0; 6]);
        assert_eq!(run(&ops::ONES_LIKE, Attrs::new().with("dtype", DType::I32)).as_slice::<i32>(), [1; 6]);
    }
    assert_eq!(apply(&ops::SHAPE, Attrs::new(), &[counted(&[])]).unwrap()[0].shape(), [0]);
    let refused = crate::support::refused(&ops::SIZE, Attrs::new().with("dtype", DType::F32), &[x]);
    assert!(refused.contains("`dtype` i32 or i64, received f32"), "{refused}");
}
