//! The same elements in the same order under another shape.

use crate::base::spec::Dims;
use crate::ops::entry::*;

/// Another shape.
pub static RESHAPE: OpDef = OpDef {
    name: "reshape",
    doc: "The same elements in row-major order under the shape `dims`; one length may be -1 and is then what is left.",
    attrs: &[required("dims", AttrKind::Dims)],
    spec: |c| {
        let dims = target(&c.inputs[0], c.attrs.dims("dims").unwrap_or_default())?;
        infer::one(c.inputs[0].dtype, dims)
    },
    grad: rule!(v => Ok(vec![Some(v.g().reshape(&v.x().dims()?))])),
    lower: Lower::Movement(Movement::Reshape),
    eval: |c| Ok(vec![c.inputs[0].reshaped(&eval::shape_of(c, 0)?)?]),
    domain: Domain::Special("tests/ops/movement.rs"),
    ..BASE
};

composite! {
    /// An axis of length 1 put in.
    EXPAND_DIMS, (b, x) => {
        let mut dims = x[0].dims()?;
        let axis = infer::axis(b.attrs(), -1, dims.len() + 1)?;
        dims.insert(axis, Dim::ONE);
        Ok(vec![b.apply(&RESHAPE, Attrs::new().with("dims", &dims[..]), &[x[0]])])
    },
    name: "expand_dims",
    doc: "An axis of length 1 put in at `axis` of the result.",
    attrs: &[required("axis", AttrKind::Int)],
    domain: Domain::Special("tests/ops/movement.rs"),
}

composite! {
    /// Axes of length 1 taken out.
    SQUEEZE, (b, x) => {
        let dims = x[0].dims()?;
        let axes = match b.attrs().ints("axes") {
            Some(axes) => infer::distinct(axes, dims.len())?,
            None => (0..dims.len()).filter(|&i| dims[i] == Dim::ONE).collect(),
        };
        if let Some(&long) = axes.iter().find(|&&i| dims[i] != Dim::ONE) {
            let found = format_args!("length {} of axis {long}", dims[long]).to_string();
            return Err(infer::wrong(Kind::Shape, "axes of length 1 to squeeze", found));
        }
        Ok(vec![x[0].reshape(&infer::reduced(&dims, &axes, false))])
    },
    name: "squeeze",
    doc: "Without the axes `axes`, which must have length 1; absent: without every axis of constant length 1.",
    attrs: &[optional("axes", AttrKind::Ints)],
    domain: Domain::Special("tests/ops/movement.rs"),
}

/// The shape that reshaping to `dims` gives, or why it cannot.
fn target(x: &TensorSpec, dims: &[Dim]) -> Result<Dims> {
    let unknown = Dim::from(-1i64);
    let holes: Vec<usize> = (0..dims.len()).filter(|&i| dims[i] == unknown).collect();
    if holes.len() > 1 {
        return Err(infer::wrong(Kind::Shape, "at most one -1", format_args!("dims {}", infer::shape(dims))));
    }
    if let Some(bad) = dims.iter().find(|d| **d != unknown && d.as_const().is_some_and(|c| c < 0)) {
        return Err(infer::wrong(Kind::Shape, "lengths of at least 0 (or one -1)", format_args!("{bad}")));
    }
    let total = x.numel();
    let mut result: Dims = dims.iter().cloned().collect();
    if let [hole] = holes[..] {
        let known = dims.iter().enumerate().filter(|&(i, _)| i != hole).map(|(_, d)| d).product::<Dim>();
        let left = (known != Dim::ZERO).then(|| total.div_exact(&known)).flatten();
        result[hole] = left.ok_or_else(|| {
            Error::new(
                Kind::Shape,
                format!(
                    "cannot reshape {x} ({total} elements) to {}: {known} does not provably divide {total}",
                    infer::shape(dims)
                ),
            )
        })?;
        return Ok(result);
    }
    let wanted = dims.iter().product::<Dim>();
    if wanted == total {
        return Ok(result);
    }
    Err(Error::new(
        Kind::Shape,
        format!("cannot reshape {x} ({total} elements) to {} ({wanted} elements)", infer::shape(dims)),
    )
    .hint("the number of elements must stay the same; one length may be -1"))
}
