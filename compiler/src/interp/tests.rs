//! Binding of sizes, composites, and results that are not what their op or graph promises.

use super::{bind_symbols, run};
use crate::base::{DType, Dim, Kind, Loc, TensorSpec};
use crate::graph::opdef::{Domain, Effects, EvalCx, Grad, Lower, OpDef, Operands, SpecCx};
use crate::graph::parse::parse;
use crate::graph::{Attrs, Graph, GraphBuilder};
use smallvec::smallvec;
use tracelift_runtime::Array;

fn halves() -> Graph {
    let mut b = GraphBuilder::new("f");
    let (n, m) = (Dim::sym(0), Dim::sym(1));
    let x = b.parameter("x", TensorSpec::new(DType::F32, [n.clone() * 2i64.into(), m.clone()]));
    let y = b.parameter("y", TensorSpec::new(DType::F32, [n, m]));
    b.finish(vec![y, x])
}

#[test]
fn symbols_are_bound_and_checked() {
    assert_eq!(bind_symbols(&halves(), &[&[6, 5], &[3, 5]]).unwrap(), [3, 5]);
    let e = bind_symbols(&halves(), &[&[7, 5], &[3, 5]]).unwrap_err();
    assert_eq!(e.message(), "input 0 `x` of `f` must be f32[2*n0, n1]; received shape [7, 5], where 2*n0 is 6");
    let e = bind_symbols(&halves(), &[&[6, 5], &[3, 4]]).unwrap_err();
    assert!(e.message().contains("input 1 `y`"), "{e}");
    assert_eq!(bind_symbols(&halves(), &[&[6, 5]]).unwrap_err().kind(), Kind::Value);
    let e = bind_symbols(&halves(), &[&[6], &[3, 5]]).unwrap_err();
    assert_eq!(e.message(), "input 0 `x` of `f` must be f32[2*n0, n1]; received shape [6]");
}

#[test]
fn dtypes_are_checked() {
    let x = Array::from_slice(&[2, 1], &[1f32, 2.0]);
    let e = run(&halves(), &[x.clone(), Array::from_slice(&[1, 1], &[1i32])]).unwrap_err();
    assert_eq!(e.message(), "input 1 `y` of `f` must be f32[n0, n1]; received i32[1, 1]");
    let out = run(&halves(), &[x, Array::from_slice(&[1, 1], &[7f32])]).unwrap();
    assert_eq!(out[0].as_slice::<f32>(), [7.0]);
}

#[test]
fn symbolic_attributes_and_composites() {
    let graph = parse(
        "graph @f(%0: f64[n0, n1], %1: f64[n1]) {
           %2 = broadcast_to %1 {dims = dims[n0, n1]}
           %3 = add %0, %2
           %4 = softmax %3
           %5 = reshape %4 {dims = dims[n0*n1]}
           %6 = size_of {dims = dims[2*n0 + n1]}
           return %5, %6
         }",
    )
    .unwrap();
    let x = Array::from_slice(&[2, 2], &[0.0, 0.0, 1.0, 1.0]);
    let out = run(&graph, &[x, Array::from_slice(&[2], &[0.0, 3f64.ln()])]).unwrap();
    let near = |got: &[f64], want: &[f64]| got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(near(out[0].as_slice(), &[0.25, 0.75, 0.25, 0.75]), "{:?}", out[0].as_slice::<f64>());
    assert_eq!(out[1].as_slice::<i64>(), [6]);
}

#[test]
fn an_input_may_be_an_output_and_a_result_may_be_used_often() {
    let graph = parse("graph @f(%0: f32[2]) { %1 = add %0, %0 %2 = multiply %1, %1 return %0, %2, %2, %1 }").unwrap();
    let out = run(&graph, &[Array::from_slice(&[2], &[1f32, 2.0])]).unwrap();
    let out: Vec<&[f32]> = out.iter().map(|a| a.as_slice()).collect();
    assert_eq!(out, [[1.0, 2.0], [4.0, 16.0], [4.0, 16.0], [2.0, 4.0]]);
}

/// An op of this rule and evaluation.
const fn op(
    spec: fn(&SpecCx<'_>) -> crate::base::Result<crate::graph::opdef::Specs>,
    eval: fn(&EvalCx<'_>) -> crate::base::Result<Vec<Array>>,
) -> OpDef {
    OpDef {
        name: "special",
        doc: "",
        inputs: Operands::Named(&["x"]),
        attrs: &[],
        spec,
        grad: Grad::None("it is for tests"),
        lower: Lower::Contraction,
        eval,
        domain: Domain::Special("interp::tests"),
        effects: Effects::Pure,
    }
}

/// Says that it keeps the shape, and gives a scalar.
static LIAR: OpDef = op(|c| Ok(smallvec![c.inputs[0].clone()]), |_| Ok(vec![Array::from_slice(&[], &[1f32])]));

/// The positive elements: as many as there are, at most the operand's length.
static POSITIVE: OpDef = op(
    |c| Ok(smallvec![TensorSpec::new(DType::F32, [Dim::slot(0, c.inputs[0].numel())])]),
    |c| {
        let found: Vec<f32> = c.inputs[0].as_slice::<f32>().iter().copied().filter(|v| *v > 0.0).collect();
        Ok(vec![Array::from_slice(&[found.len()], &found)])
    },
);

#[test]
fn a_result_that_breaks_its_ops_promise_is_an_internal_error() {
    let mut b = GraphBuilder::new("f");
    let x = b.parameter("x", TensorSpec::new(DType::F32, [2i64]));
    let y = b.apply_at(&LIAR, Attrs::new(), &[x], Loc::default()).unwrap()[0];
    let e = run(&b.finish(vec![y]), &[Array::from_slice(&[2], &[1f32, 2.0])]).unwrap_err();
    assert_eq!(e.kind(), Kind::Internal);
    assert_eq!(e.message(), "`special`: the op promises [f32[2]]; its evaluation gave [f32[]]\n  operands: x: f32[2]");
}

#[test]
fn a_slot_takes_the_length_that_the_evaluation_gives() {
    let mut b = GraphBuilder::new("f");
    let x = b.parameter("x", TensorSpec::new(DType::F32, [Dim::sym(0)]));
    let some = b.apply_at(&POSITIVE, Attrs::new(), &[x], Loc::default()).unwrap()[0];
    let slot = b.graph().spec(some).dims[0].clone();
    let size = Attrs::new().with("dims", vec![slot * 2i64.into()]);
    let twice = b.apply_at(&crate::ops::SIZE_OF, size, &[], Loc::default()).unwrap()[0];
    let graph = b.finish(vec![some, twice]);
    let out = run(&graph, &[Array::from_slice(&[4], &[1f32, -1.0, 2.0, 3.0])]).unwrap();
    assert_eq!(out[0].as_slice::<f32>(), [1.0, 2.0, 3.0]);
    assert_eq!(out[1].as_slice::<i64>(), [6]);
}
