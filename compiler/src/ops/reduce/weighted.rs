//! Means and moments with weights, and moments made of sums that can be added up over parts.

use super::{AXES, axes_of};
use crate::ops::entry::*;

composite! {
    /// The mean with weights.
    AVERAGE, (b, x) => {
        let specs = [x[0].spec()?, x[1].spec()?];
        infer::same_dtype(&specs)?;
        Class::Float.check(&specs[0])?;
        let [values, weights] = specs;
        let (axes, _) = axes_of(b.attrs(), x[0])?;
        let all: Vec<i64> = (0..values.rank() as i64).collect();
        // In the order in which they are given, which is that of the weights' axes.
        let named = b.attrs().ints("axes").unwrap_or(&all);
        let named = named.iter().map(|&axis| infer::normalize(axis, values.rank())).collect::<Result<Vec<_>>>()?;
        let weights = if weights.dims == values.dims {
            x[1]
        } else if weights.dims.iter().eq(named.iter().map(|&axis| &values.dims[axis])) {
            let mut order: Vec<usize> = (0..named.len()).collect();
            order.sort_by_key(|&i| named[i]);
            let alone = |(i, length): (usize, &Dim)| if axes.contains(&i) { length.clone() } else { Dim::ONE };
            let along: Vec<Dim> = values.dims.iter().enumerate().map(alone).collect();
            x[1].transpose(&order).reshape(&along).broadcast_to(&values.dims)
        } else {
            let wanted = format!("weights of the shape of {values}, or of its axes that are averaged over");
            return Err(infer::wrong(Kind::Shape, wanted, weights));
        };
        let sum = |x| b.apply(&super::sum::REDUCE_SUM, b.attrs().clone(), &[x]);
        Ok(vec![sum(x[0] * weights) / sum(weights)])
    },
    name: "average",
    doc: "The mean over `axes` of `x`, whose elements count as often as `weights` say: one for each element, or for each place \
          along the axes, in their order. NaN or infinite if the weights' sum is 0.",
    inputs: Operands::Named(&["x", "weights"]),
    attrs: AXES,
    domain: Domain::Special("tests/ops/statistics.rs"),
}

composite! {
    /// Mean and variance with weights.
    WEIGHTED_MOMENTS, (b, x) => {
        let specs = [x[0].spec()?, x[1].spec()?];
        infer::same_dtype(&specs)?;
        Class::Float.check(&specs[0])?;
        let dims = infer::broadcast(&specs[0].dims, &specs[1].dims)?;
        let (values, weights) = (x[0].broadcast_to(&dims), x[1].broadcast_to(&dims));
        let (normal, axes) = axes_of(b.attrs(), values)?;
        let total = weights.sum_keep(&axes);
        let mean = (weights * values).sum_keep(&axes) / total;
        let variance = (weights * (values - mean).square()).sum_keep(&axes) / total;
        if b.attrs().bool("keepdims") {
            return Ok(vec![mean, variance]);
        }
        let left = infer::reduced(&dims, &normal, false);
        Ok(vec![mean.reshape(&left), variance.reshape(&left)])
    },
    name: "weighted_moments",
    doc: "Mean and variance over `axes` of `x`, whose elements count as often as `weights` say, which broadcast.",
    inputs: Operands::Named(&["x", "weights"]),
    attrs: AXES,
    domain: Domain::Special("tests/ops/sampled.rs"),
}

composite! {
    /// Sums that moments are made of.
    SUFFICIENT_STATISTICS, (b, x) => {
        let spec = x[0].spec()?;
        infer::same_dtype(&[spec.clone(), x[1].spec()?])?;
        Class::Float.check(&spec)?;
        let (normal, _) = axes_of(b.attrs(), x[0])?;
        let count = normal.iter().map(|&axis| &spec.dims[axis]).product::<Dim>();
        let far = x[0] - x[1];
        if far.dims()? != spec.dims {
            return Err(infer::wrong(Kind::Shape, format_args!("a shift that broadcasts to {spec}"), x[1].spec()?));
        }
        let sum = |x| b.apply(&super::sum::REDUCE_SUM, b.attrs().clone(), &[x]);
        Ok(vec![b.size(&count, spec.dtype), sum(far), sum(far.square())])
    },
    name: "sufficient_statistics",
    doc: "The number of elements over `axes`, the sum of `x - shift` and that of its squares: what `normalize_moments` makes \
          mean and variance of. A `shift` near the mean keeps digits; 0 is none.",
    inputs: Operands::Named(&["x", "shift"]),
    attrs: AXES,
    domain: Domain::Special("tests/ops/sampled.rs"),
}

composite! {
    /// Moments of sums.
    NORMALIZE_MOMENTS, (_b, x) => {
        let specs = x.iter().map(|x| x.spec()).collect::<Result<Vec<_>>>()?;
        infer::same_dtype(&specs)?;
        Class::Float.check(&specs[0])?;
        let far = x[1] / x[0];
        Ok(vec![far + x[3], x[2] / x[0] - far.square()])
    },
    name: "normalize_moments",
    doc: "Mean and variance of `counts` elements, from the sums `mean_ss` of `x - shift` and `variance_ss` of its squares, \
          which `sufficient_statistics` gives.",
    inputs: Operands::Named(&["counts", "mean_ss", "variance_ss", "shift"]),
    domain: Domain::Special("tests/ops/sampled.rs"),
}
