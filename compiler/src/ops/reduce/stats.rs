//! Variance and norms.

use super::{AXES, axes_of};
use crate::ops::entry::*;

/// As [`AXES`], and by how much the divisor is less than the number of elements.
pub(super) const AXES_AND_DDOF: &[AttrDef] = &[AXES[0], AXES[1], optional("ddof", AttrKind::Float)];

composite! {
    /// The mean square distance from the mean.
    REDUCE_VARIANCE, (b, x) => Ok(vec![variance(b, x[0])?]),
    name: "reduce_variance",
    doc: "The sum of `(x - mean)^2` over `axes`, divided by the number of elements minus `ddof` (default 0, the \
          divisor at least 0).",
    attrs: AXES_AND_DDOF,
}

composite! {
    /// The root of the variance.
    REDUCE_STD, (b, x) => Ok(vec![variance(b, x[0])?.sqrt()]),
    name: "reduce_std",
    doc: "The square root of `reduce_variance` with the same attributes.",
    attrs: AXES_AND_DDOF,
}

composite! {
    /// The root of the sum of squares.
    REDUCE_EUCLIDEAN_NORM, (b, x) => Ok(vec![b.apply(&super::sum::REDUCE_SUM, b.attrs().clone(), &[x[0].square()]).sqrt()]),
    name: "reduce_euclidean_norm",
    doc: "`sqrt(sum(x^2))` over `axes`.",
    attrs: AXES,
}

composite! {
    /// Mean and variance.
    MOMENTS, (b, x) => Ok(vec![b.apply(&super::sum::REDUCE_MEAN, b.attrs().clone(), &[x[0]]), variance(b, x[0])?]),
    name: "moments",
    doc: "Mean and variance over `axes`.",
    attrs: AXES,
}

composite! {
    /// How many are not zero.
    COUNT_NONZERO, (b, x) => {
        let spec = x[0].spec()?;
        let on = if spec.dtype == DType::Bool { x[0] } else { x[0].ne(0.0) };
        Ok(vec![b.apply(&super::sum::REDUCE_SUM, b.attrs().clone(), &[on.cast(DType::I64)])])
    },
    name: "count_nonzero",
    doc: "How many elements over `axes` are not 0 (or are true), as i64.",
    attrs: AXES,
    grad: DISCRETE,
}

fn variance<'b>(b: build::Builder<'b>, x: Expr<'b>) -> Result<Expr<'b>> {
    let (_, axes) = axes_of(b.attrs(), x)?;
    let (dims, square) = (x.dims()?, (x - x.mean_keep(&axes)).square());
    let count = axes.iter().map(|&i| &dims[i as usize]).product::<Dim>();
    let divisor = match b.attrs().float("ddof").unwrap_or(0.0) {
        0.0 => b.size(&count, x.dtype()),
        ddof => (b.size(&count, x.dtype()) - ddof).max(0.0),
    };
    Ok(over_axes(b, square) / divisor)
}

/// The sum over attribute `axes`, with attribute `keepdims`.
pub(super) fn over_axes<'b>(b: build::Builder<'b>, x: Expr<'b>) -> Expr<'b> {
    let mut attrs = Attrs::new().with("keepdims", b.attrs().bool("keepdims"));
    if let Some(axes) = b.attrs().ints("axes") {
        attrs.set("axes", axes);
    }
    b.apply(&super::sum::REDUCE_SUM, attrs, &[x])
}
