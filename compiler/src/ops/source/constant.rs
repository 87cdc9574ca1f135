//! `parameter` (a graph's input) and `constant` (a value known while compiling).

use crate::base::{Error, Kind, Result, TensorSpec};
use crate::graph::AttrValue;
use crate::graph::opdef::{
    AttrDef, AttrKind, Domain, Effects, EvalCx, Grad, Lower, OpDef, Operands, Source, SpecCx, Specs,
};
use smallvec::smallvec;
use tracelift_runtime::Array;

/// A graph's input, of attribute `dtype` and shape `dims`.
pub static PARAMETER: OpDef = OpDef {
    name: "parameter",
    doc: "An input of the graph, of attribute `dtype` and shape `dims`. Made by the graph builder only.",
    inputs: Operands::Named(&[]),
    attrs: &[
        AttrDef { name: "dtype", kind: AttrKind::DType, optional: false },
        AttrDef { name: "dims", kind: AttrKind::Dims, optional: false },
    ],
    spec: parameter_spec,
    grad: Grad::Rule(|_| Ok(smallvec![])),
    lower: Lower::Parameter,
    eval: |_| Err(Error::new(Kind::Internal, "a parameter is bound by the interpreter, not evaluated")),
    domain: Domain::Special("tests of graph::builder"),
    effects: Effects::Pure,
};

/// The tensor in attribute `value`.
pub static CONSTANT: OpDef = OpDef {
    name: "constant",
    doc: "The tensor in attribute `value`.",
    inputs: Operands::Named(&[]),
    attrs: &[AttrDef { name: "value", kind: AttrKind::Data, optional: false }],
    spec: constant_spec,
    grad: Grad::Rule(|_| Ok(smallvec![])),
    lower: Lower::Source(Source::Constant),
    eval: constant_eval,
    domain: Domain::Special("tests of graph::builder"),
    effects: Effects::Pure,
};

fn parameter_spec(cx: &SpecCx<'_>) -> Result<Specs> {
    match (cx.attrs.dtype("dtype"), cx.attrs.dims("dims")) {
        (Some(dtype), Some(dims)) => Ok(smallvec![TensorSpec::new(dtype, dims.iter().cloned())]),
        _ => Err(Error::new(Kind::Internal, "a parameter needs attributes `dtype` and `dims`")),
    }
}

fn constant_spec(cx: &SpecCx<'_>) -> Result<Specs> {
    let value = constant_value(cx.attrs.get("value"))?;
    Ok(smallvec![TensorSpec::new(value.dtype(), value.shape().iter().copied())])
}

fn constant_eval(cx: &EvalCx<'_>) -> Result<Vec<Array>> {
    Ok(vec![constant_value(cx.attrs.get("value"))?.clone()])
}

fn constant_value(attr: Option<&AttrValue>) -> Result<&Array> {
    match attr {
        Some(AttrValue::Data(value)) => Ok(value),
        _ => Err(Error::new(Kind::Internal, "a constant needs attribute `value`")),
    }
}
