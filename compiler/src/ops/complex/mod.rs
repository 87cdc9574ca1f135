//! Complex numbers: pairs of f32, real and imaginary part.
//!
//! Generated kernels compute with reals alone. [`BITCAST`] shows a complex tensor as f32 with one more axis of length
//! 2, and back; everything else is composed of it and real ops on the parts. Ops that take other dtypes too have a
//! *form* for complex operands ([`form`]), which takes their place in the graph.
//!
//! So gradients come from the real parts: the cotangent of `x + iy` is `gx + i gy`, TensorFlow's convention. It exists
//! between a real target and real sources only; complex targets and sources are refused.

pub mod forms;
pub mod parts;

use crate::ops::entry::*;

pub use forms::form;

/// The same bytes as another dtype.
pub static BITCAST: OpDef = OpDef {
    name: "bitcast",
    doc: "The same bytes as `dtype`. A wider dtype takes the last axis, whose length must be the ratio of the sizes; a \
          narrower one adds it. Complex numbers are pairs of f32.",
    attrs: &[required("dtype", AttrKind::DType)],
    spec: |c| {
        let (x, to) = (&c.inputs[0], c.attrs.dtype("dtype").unwrap_or(c.inputs[0].dtype));
        if (x.dtype == DType::Bool) != (to == DType::Bool) {
            return Err(infer::wrong(Kind::DType, "bool on both sides or on none", format_args!("{x} as {to}")));
        }
        let (from, into) = (x.dtype.size(), to.size());
        let mut dims = x.dims.clone();
        if into > from {
            let ratio = Dim::from(into / from);
            if dims.pop() != Some(ratio.clone()) {
                return Err(infer::wrong(Kind::Shape, format_args!("a last axis of length {ratio} for {to}"), x));
            }
        } else if into < from {
            dims.push(Dim::from(from / into));
        }
        infer::one(to, dims)
    },
    grad: rule!(v => {
        let (from, to) = (v.x().dtype(), v.y().dtype());
        match (from, to) {
            (DType::F32, DType::Complex64) | (DType::Complex64, DType::F32) => Ok(vec![Some(v.g().bitcast(from))]),
            _ if from == to => Ok(vec![Some(v.g())]),
            _ => Err(Error::new(Kind::Gradient, format!("there is no gradient of the bytes of {from} as {to}"))),
        }
    }),
    lower: Lower::Library(|_, _| Ok(LibraryCall { routine: "bitcast", params: Vec::new() })),
    eval: |c| {
        let (shape, bytes) = (eval::shape_of(c, 0)?, c.inputs[0].as_bytes());
        Ok(vec![tracelift_runtime::Array::from_bytes(c.outputs[0].dtype, &shape, bytes)?])
    },
    domain: Domain::Special("tests/ops/fourier.rs"),
    ..BASE
};

/// An error unless the tensor is complex.
fn expect_complex(x: &TensorSpec) -> Result<()> {
    match x.dtype {
        DType::Complex64 => Ok(()),
        _ => Err(infer::wrong(Kind::DType, "a complex64 tensor", x).hint("convert with `.cast(DType::Complex64)`")),
    }
}

impl<'b> Expr<'b> {
    /// The op [`BITCAST`].
    pub(in crate::ops) fn bitcast(self, dtype: DType) -> Self {
        self.b().apply(&BITCAST, Attrs::new().with("dtype", dtype), &[self])
    }

    /// A complex tensor as f32, real and imaginary parts along a last axis.
    pub(in crate::ops) fn pairs(self) -> Self {
        self.bitcast(DType::F32)
    }

    /// Real and imaginary part of a complex tensor.
    pub(in crate::ops) fn parts(self) -> Result<(Self, Self)> {
        expect_complex(&self.spec()?)?;
        let (dims, pairs) = (self.dims()?, self.pairs());
        let part = |k: usize| Ok(pairs.narrow(dims.len(), &Dim::from(k), &Dim::ONE)?.reshape(&dims));
        Ok((part(0)?, part(1)?))
    }

    /// The complex tensor of these parts, f32, which broadcast.
    pub(in crate::ops) fn with_imaginary(self, imaginary: Self) -> Result<Self> {
        let dims = infer::broadcast(&self.dims()?, &imaginary.dims()?)?;
        let [re, im] = [self, imaginary].map(|part| part.broadcast_to(&dims).unsqueeze(dims.len()));
        Ok(self.b().concat(&[re?, im?], dims.len()).bitcast(DType::Complex64))
    }

    /// A complex tensor times a real one.
    pub(in crate::ops) fn scaled(self, by: Self) -> Result<Self> {
        let (re, im) = self.parts()?;
        (re * by).with_imaginary(im * by)
    }
}
