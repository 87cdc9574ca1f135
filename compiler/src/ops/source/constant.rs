//! Graph inputs and constants.

use crate::ops::entry::*;

/// A graph input.
pub static PARAMETER: OpDef = OpDef {
    name: "parameter",
    doc: "A graph input of dtype `dtype` and shape `dims`.",
    inputs: NOTHING,
    attrs: &[required("dtype", AttrKind::DType), required("dims", AttrKind::Dims)],
    spec: |c| infer::one(c.attrs.dtype("dtype").unwrap_or(DType::F32), infer::lengths(c.attrs)?),
    grad: Grad::Zero("it has no operands"),
    lower: Lower::Parameter,
    eval: |_| Err(Error::new(Kind::Internal, "an input was evaluated instead of bound")),
    domain: Domain::Special("bound by the caller"),
    ..BASE
};

/// A value known while compiling.
pub static CONSTANT: OpDef = OpDef {
    name: "constant",
    doc: "The elements of attribute `value`.",
    inputs: NOTHING,
    attrs: &[required("value", AttrKind::Data)],
    spec: |c| {
        let value = c.attrs.data("value").ok_or_else(|| infer::wrong(Kind::Value, "attribute `value`", "none"))?;
        Ok(smallvec::smallvec![TensorSpec::new(value.dtype(), value.shape().iter().copied())])
    },
    grad: Grad::Zero("it has no operands"),
    lower: Lower::Source(Source::Constant),
    eval: |c| Ok(c.attrs.data("value").cloned().into_iter().collect()),
    domain: Domain::Special("tests/ops/indexing.rs"),
    ..BASE
};
