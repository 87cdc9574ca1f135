//! From one number an example to a loss: weights, masks, [`Reduction`].

use crate::tensor::Tensor;
use tracelift_runtime::DType;

/// What becomes of the examples' numbers, each multiplied by its weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Their sum over their number, whatever the weights.
    #[default]
    SumOverBatchSize,
    /// Their sum.
    Sum,
    /// As [`SumOverBatchSize`](Self::SumOverBatchSize).
    Mean,
    /// Their sum over the sum of weights.
    MeanWithSampleWeight,
    /// Themselves.
    None,
}

/// Weighs and reduces. Only examples where the mask is true count; a mean is over those alone.
pub(crate) fn reduce(values: Tensor, weights: Option<&Tensor>, mask: Option<Tensor>, reduction: Reduction) -> Tensor {
    let dtype = values.dtype();
    let is_mean = matches!(reduction, Reduction::SumOverBatchSize | Reduction::Mean);
    let mask = mask.map(|mask| {
        let ones = mask.cast(dtype);
        match is_mean {
            true => crate::divide_no_nan(count(&mask, dtype), crate::reduce_sum(&ones)) * ones,
            false => ones,
        }
    });
    let weights = weights.map(|weights| weights.cast(dtype));
    let weights = match (weights, mask) {
        (Some(weights), Some(mask)) => {
            let (mask, weights) = same_rank(mask, weights);
            Some(weights * mask)
        }
        (weights, mask) => weights.or(mask),
    };
    let (values, weights) = match weights {
        Some(weights) => {
            let (values, weights) = same_rank(values, weights);
            (values * &weights, Some(weights))
        }
        None => (values, None),
    };
    if reduction == Reduction::None || values.rank() == 0 {
        return values;
    }
    let sum = crate::reduce_sum(&values);
    match (reduction, weights) {
        (Reduction::Sum, _) => sum,
        (Reduction::MeanWithSampleWeight, Some(weights)) => crate::divide_no_nan(sum, crate::reduce_sum(weights)),
        _ => crate::divide_no_nan(sum, count(&values, dtype)),
    }
}

/// The number of elements, which may be symbolic.
fn count(x: &Tensor, dtype: DType) -> Tensor {
    crate::reduce_sum(x.equal(x).logical_or(true).cast(dtype))
}

/// Both with one number of axes: a last axis of length 1 more is taken from the one, or (at rank 1) given to the other,
/// as Keras does with labels `[batch, 1]` and predictions `[batch]`.
pub(crate) fn same_rank(a: Tensor, b: Tensor) -> (Tensor, Tensor) {
    fn fit(long: Tensor, short: Tensor) -> (Tensor, Tensor) {
        let last = long.spec().dims.last().and_then(|n| n.as_const());
        match (last, short.rank()) {
            (Some(1), 1) => (long, short.expand_dims(-1)),
            (Some(1), _) => (long.squeeze_with([-1]), short),
            _ => (long, short),
        }
    }
    match (a.rank(), b.rank()) {
        (m, n) if m == n + 1 => fit(a, b),
        (m, n) if n == m + 1 => {
            let (b, a) = fit(b, a);
            (a, b)
        }
        _ => (a, b),
    }
}
