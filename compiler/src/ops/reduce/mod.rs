//! Reductions over axes, and scans along one.

pub mod arg_extrema;
pub mod cumulative;
pub mod extrema;
pub mod logic;
pub mod nan;
pub mod quantile;
pub mod stats;
pub mod sum;
pub mod trapezoid;
pub mod weighted;

use crate::ops::entry::*;

/// Attributes of every reduction: over `axes` (absent: all), which stay with length 1 if `keepdims`.
pub(super) const AXES: &[AttrDef] = &[optional("axes", AttrKind::Ints), optional("keepdims", AttrKind::Bool)];

/// The reduced shape.
pub(super) fn spec(c: &SpecCx<'_>, class: Class) -> Result<crate::graph::opdef::Specs> {
    let x = &c.inputs[0];
    class.check(x)?;
    let axes = infer::axes(c.attrs, x.rank())?;
    infer::one(x.dtype, infer::reduced(&x.dims, &axes, c.attrs.bool("keepdims")))
}

/// For each element of the result, the elements of `x` that it comes from, in order.
pub(super) fn groups<T: Copy>(c: &EvalCx<'_>, read: fn(&tracelift_runtime::Array) -> Vec<T>) -> Result<Vec<Vec<T>>> {
    let x = &c.inputs[0];
    let axes = infer::axes(c.attrs, x.shape().len())?;
    let kept: Vec<usize> = (0..x.shape().len()).filter(|i| !axes.contains(i)).collect();
    let shape: Vec<usize> = kept.iter().map(|&i| x.shape()[i]).collect();
    let mut groups = vec![Vec::new(); shape.iter().product()];
    for (index, element) in eval::indices(x.shape()).zip(read(x)) {
        let at: Vec<usize> = kept.iter().map(|&i| index[i]).collect();
        groups[eval::offset(&shape, &at)].push(element);
    }
    Ok(groups)
}

/// Evaluates a reduction: `float` for floats, `int` for integers and bool.
pub(super) fn evaluate(
    c: &EvalCx<'_>,
    float: impl Fn(&[f64]) -> f64,
    int: impl Fn(&[i128]) -> i128,
) -> Result<Vec<tracelift_runtime::Array>> {
    let (dtype, shape) = (c.outputs[0].dtype, eval::shape_of(c, 0)?);
    Ok(vec![if c.inputs[0].dtype().is_float() {
        let values: Vec<f64> = groups(c, eval::floats)?.iter().map(|g| float(g)).collect();
        eval::from_floats(dtype, &shape, &values)?
    } else {
        let values: Vec<i128> = groups(c, eval::ints)?.iter().map(|g| int(g)).collect();
        eval::from_ints(dtype, &shape, &values)?
    }])
}

/// The reduced axes of the op that is differentiated or expanded, as attribute values.
pub(super) fn axes_of(attrs: &Attrs, x: Expr<'_>) -> Result<(infer::Axes, Vec<i64>)> {
    let axes = infer::axes(attrs, x.rank()?)?;
    let plain = axes.iter().map(|&a| a as i64).collect();
    Ok((axes, plain))
}
