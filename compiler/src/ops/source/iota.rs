//! Element indices and sizes as tensors.

use crate::ops::entry::*;

/// Element indices along an axis.
pub static IOTA: OpDef = OpDef {
    name: "iota",
    doc: "A tensor of shape `dims` whose elements are their index along `axis` (default 0).",
    inputs: NOTHING,
    attrs: &[required("dtype", AttrKind::DType), required("dims", AttrKind::Dims), optional("axis", AttrKind::Int)],
    spec: |c| {
        let (dtype, dims) = (c.attrs.dtype("dtype").unwrap_or(DType::I32), infer::lengths(c.attrs)?);
        Class::Number.check(&TensorSpec::scalar(dtype))?;
        infer::axis(c.attrs, 0, dims.len())?;
        infer::one(dtype, dims)
    },
    grad: Grad::Zero("it has no operands"),
    lower: Lower::Source(Source::Iota),
    eval: |c| {
        let shape = eval::shape_of(c, 0)?;
        let axis = infer::axis(c.attrs, 0, shape.len())?;
        let values: Vec<i128> = eval::indices(&shape).map(|index| index[axis] as i128).collect();
        Ok(vec![eval::from_ints(c.outputs[0].dtype, &shape, &values)?])
    },
    domain: Domain::Special("tests/ops/indexing.rs"),
    ..BASE
};

/// A size as a number.
pub static SIZE_OF: OpDef = OpDef {
    name: "size_of",
    doc: "The one size in attribute `dims`, as an i64 of rank 0.",
    inputs: NOTHING,
    attrs: &[required("dims", AttrKind::Dims)],
    spec: |c| match c.attrs.dims("dims") {
        Some([_]) => Ok(smallvec::smallvec![TensorSpec::scalar(DType::I64)]),
        other => Err(infer::wrong(Kind::Shape, "one size", other.map_or(0, <[Dim]>::len))),
    },
    grad: Grad::Zero("it has no operands"),
    lower: Lower::Source(Source::Size),
    eval: |c| Ok(vec![eval::from_ints(DType::I64, &[], &[eval::const_dims(c.attrs, "dims")?[0].into()])?]),
    domain: Domain::Special("tests/ops/indexing.rs"),
    ..BASE
};
