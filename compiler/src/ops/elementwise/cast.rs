//! Conversion between dtypes.

use crate::ops::entry::*;

/// Converted to another dtype.
pub static CAST: OpDef = OpDef {
    name: "cast",
    doc: "Converted to `dtype`. Floats are rounded; float to integer truncates and saturates (NaN gives 0); \
          an integer to a narrower one wraps; anything to bool is `!= 0`.",
    attrs: &[required("dtype", AttrKind::DType)],
    spec: |c| {
        let to = target(c)?;
        if to != c.inputs[0].dtype {
            Class::Real.check(&c.inputs[0])?;
            Class::Real.check(&TensorSpec::scalar(to))?;
        }
        infer::one(to, c.inputs[0].dims.clone())
    },
    grad: rule!(v => {
        let (from, to) = (v.x().dtype(), v.y().dtype());
        Ok(vec![(from.is_float() && to.is_float()).then(|| v.g().cast(from))])
    }),
    lower: Lower::Elementwise(|s| Ok(s.convert(s.inputs[0], s.dtype))),
    eval: |c| {
        let (x, to) = (&c.inputs[0], c.outputs[0].dtype);
        Ok(vec![if x.dtype() == to {
            x.clone()
        } else if x.dtype().is_float() {
            eval::from_floats(to, x.shape(), &eval::floats(x))?
        } else {
            eval::from_ints(to, x.shape(), &eval::ints(x))?
        }])
    },
    domain: Domain::Special("tests/ops/elementwise.rs"),
    ..BASE
};

fn target(c: &SpecCx<'_>) -> Result<DType> {
    c.attrs.dtype("dtype").ok_or_else(|| infer::wrong(Kind::DType, "attribute `dtype`", "none"))
}
