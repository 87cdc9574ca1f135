//! Variance and norms.

use super::{AXES, axes_of};
use crate::ops::entry::*;

composite! {
    /// The mean square distance from the mean.
    REDUCE_VARIANCE, (b, x) => Ok(vec![variance(b, x[0])?]),
    name: "reduce_variance",
    doc: "The mean of `(x - mean)^2` over `axes`.",
    attrs: AXES,
}

composite! {
    /// The root of the variance.
    REDUCE_STD, (b, x) => Ok(vec![variance(b, x[0])?.sqrt()]),
    name: "reduce_std",
    doc: "The square root of the variance over `axes`.",
    attrs: AXES,
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
    let centered = x - x.mean_keep(&axes);
    Ok(b.apply(&super::sum::REDUCE_MEAN, b.attrs().clone(), &[centered.square()]))
}
