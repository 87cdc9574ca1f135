//! Metrics that are means of one number an example: accuracies, and the losses as metrics.
//!
//! `mean_metrics!` has one entry a metric: its arguments and the formula of an example's number.

use super::sums::Sums;
use super::{Metric, metric_tree};
use crate::error::Result;
use crate::losses::elementwise::{self, EPSILON};
use crate::losses::reduction::same_rank;
use crate::tensor::Tensor;
use crate::trace::key::CallableKey;
use tracelift_runtime::DType;

/// A weighted mean over batches: `Σ w x / Σ w`, 0 before the first.
pub struct Mean {
    sums: Sums<2>,
}

metric_tree! { Mean { sums } }

impl Mean {
    /// Of nothing yet.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Mean {
        Mean { sums: Sums::of(["total", "count"], &[]) }
    }

    /// Adds values: the first axis is the examples', others are averaged over. Weights have the values' first axes.
    pub fn add(&self, values: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        let (values, weights) = by_example(values, weights, |x, axes| x.mean_axis(axes));
        let count = weights.unwrap_or_else(|| values.equal(&values).logical_or(true).cast(DType::F64));
        self.sums.add([values.sum(), count.sum()])
    }
}

impl Metric for Mean {
    /// The mean of the predictions; there is no truth.
    fn update(&self, _: &Tensor, values: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        self.add(values, weights)
    }
    fn try_result(&self) -> Result<Tensor> {
        let [total, count] = self.sums.values()?;
        Ok(crate::divide_no_nan(total, count).cast(DType::F32))
    }
}

/// A weighted sum over batches.
pub struct Sum {
    sums: Sums<1>,
}

metric_tree! { Sum { sums } }

impl Sum {
    /// Of nothing yet.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Sum {
        Sum { sums: Sums::of(["total"], &[]) }
    }

    /// Adds values.
    pub fn add(&self, values: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        let (values, _) = by_example(values, weights, |x, axes| x.sum_axis(axes));
        self.sums.add([values.sum()])
    }
}

impl Metric for Sum {
    /// The sum of the predictions; there is no truth.
    fn update(&self, _: &Tensor, values: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        self.add(values, weights)
    }
    fn try_result(&self) -> Result<Tensor> {
        let [total] = self.sums.values()?;
        Ok(total.cast(DType::F32))
    }
}

/// The mean of a function's values, one or more an example.
///
/// ```
/// use tracelift as tl;
/// use tl::metrics::{MeanOf, Metric};
/// use tl::prelude::*;
///
/// let bias = MeanOf::new(|y_true, y_pred| y_pred - y_true);
/// bias.update_state(&constant([1.0, 2.0]), &constant([1.5, 2.5]));
/// assert_eq!(bias.result(), 0.5);
/// ```
pub struct MeanOf<F> {
    values: F,
    key: CallableKey,
    mean: Mean,
}

metric_tree! { [F: Fn(&Tensor, &Tensor) -> Tensor] MeanOf<F> { key, mean } }

impl<F: Fn(&Tensor, &Tensor) -> Tensor> MeanOf<F> {
    /// Of this function of truth and prediction.
    pub fn new(values: F) -> Self {
        MeanOf { values, key: CallableKey::new::<F>(), mean: Mean::new() }
    }
}

impl<F: Fn(&Tensor, &Tensor) -> Tensor> Metric for MeanOf<F> {
    fn update(&self, y_true: &Tensor, y_pred: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        self.mean.add(&(self.values)(y_true, y_pred), weights)
    }
    fn try_result(&self) -> Result<Tensor> {
        self.mean.try_result()
    }
}

/// `mean_metrics! { /// doc  Name { field: type = default } |metric, y_true, y_pred| values; }`
macro_rules! mean_metrics {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $t:ty = $default:expr),* $(,)? }
        |$this:pat_param, $y_true:ident, $y_pred:ident| $values:expr $(, masked by $mask:expr)?;)*) => {$(
        $(#[$doc])*
        pub struct $name {
            $($field: $t,)*
            mean: Mean,
        }

        metric_tree! { $name { $($field,)* mean } }

        impl $name {
            /// With Keras's defaults.
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                $name { $($field: $default,)* mean: Mean::new() }
            }

            $(
                $(#[$field_doc])*
                pub fn $field(mut self, $field: $t) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }

        impl Metric for $name {
            fn update(&self, $y_true: &Tensor, $y_pred: &Tensor, weights: Option<&Tensor>) -> Result<()> {
                let $this = self;
                let values = $values;
                $(
                    let mask: fn(&Self, &Tensor) -> Option<Tensor> = $mask;
                    // As in Keras, what is masked leaves the mean only if there are weights.
                    let masked = weights.and_then(|weights| {
                        let (mask, weights) = same_rank(mask(self, $y_true)?.cast(DType::F64), weights.cast(DType::F64));
                        Some(mask * weights)
                    });
                    let weights = masked.as_ref().or(weights);
                )?
                self.mean.add(&values, weights)
            }
            fn try_result(&self) -> Result<Tensor> {
                self.mean.try_result()
            }
        }
    )*};
}

mean_metrics! {
    /// How often prediction and truth are equal.
    Accuracy {} |_, y_true, y_pred| {
        let (y_true, y_pred) = elementwise::aligned(y_true, y_pred);
        matches(&y_true, &y_pred)
    };

    /// How often predictions above a threshold are 1, and others 0.
    BinaryAccuracy {
        /// Above it a prediction is 1.
        threshold: f64 = 0.5,
    } |metric, y_true, y_pred| {
        let (y_true, y_pred) = same_rank(y_true.clone(), y_pred.clone());
        matches(&y_true, &y_pred.greater(metric.threshold).cast(y_true.dtype()))
    };

    /// How often the greatest prediction is at the greatest truth, along the last axis.
    CategoricalAccuracy {} |_, y_true, y_pred| {
        matches(&crate::argmax_with(y_true, -1, DType::I64), &crate::argmax_with(y_pred, -1, DType::I64))
    };

    /// How often the greatest prediction is that of the true class, a number.
    SparseCategoricalAccuracy {} |_, y_true, y_pred| {
        let labels = elementwise::labels(y_true, y_pred).cast(DType::I64);
        matches(&labels, &crate::argmax_with(y_pred, -1, DType::I64))
    };

    /// How often the true class, where the truth is greatest, is among the `k` greatest predictions.
    TopKCategoricalAccuracy {
        /// How many predictions count.
        k: i64 = 5,
    } |metric, y_true, y_pred| in_top_k(&crate::argmax_with(y_true, -1, DType::I32), y_pred, metric.k);

    /// How often the true class, a number, is among the `k` greatest predictions.
    SparseTopKCategoricalAccuracy {
        /// How many predictions count.
        k: i64 = 5,
        /// Whether predictions are class numbers, the most probable first.
        from_sorted_ids: bool = false,
    } |metric, y_true, y_pred| {
        let labels = elementwise::labels(y_true, y_pred);
        match metric.from_sorted_ids {
            true => ids_contain(&labels, y_pred, metric.k),
            false => in_top_k(&labels, y_pred, metric.k),
        }
    };

    /// The mean of [`mean_squared_error`](elementwise::mean_squared_error).
    MeanSquaredError {} |_, y_true, y_pred| elementwise::mean_squared_error(y_true, y_pred);

    /// The mean of [`mean_absolute_error`](elementwise::mean_absolute_error).
    MeanAbsoluteError {} |_, y_true, y_pred| elementwise::mean_absolute_error(y_true, y_pred);

    /// The mean of [`mean_absolute_percentage_error`](elementwise::mean_absolute_percentage_error).
    MeanAbsolutePercentageError {} |_, y_true, y_pred| elementwise::mean_absolute_percentage_error(y_true, y_pred);

    /// The mean of [`mean_squared_logarithmic_error`](elementwise::mean_squared_logarithmic_error).
    MeanSquaredLogarithmicError {} |_, y_true, y_pred| elementwise::mean_squared_logarithmic_error(y_true, y_pred);

    /// The mean of [`log_cosh`](elementwise::log_cosh).
    LogCoshError {} |_, y_true, y_pred| elementwise::log_cosh(y_true, y_pred);

    /// The mean of [`cosine_similarity`](elementwise::cosine_similarity): 1 if all point in one direction.
    CosineSimilarity {
        /// Along which axis the vectors lie.
        axis: i64 = -1,
    } |metric, y_true, y_pred| elementwise::cosine_similarity(y_true, y_pred, metric.axis);

    /// The mean of [`hinge`](elementwise::hinge).
    Hinge {} |_, y_true, y_pred| elementwise::hinge(y_true, y_pred);

    /// The mean of [`squared_hinge`](elementwise::squared_hinge).
    SquaredHinge {} |_, y_true, y_pred| elementwise::squared_hinge(y_true, y_pred);

    /// The mean of [`categorical_hinge`](elementwise::categorical_hinge).
    CategoricalHinge {} |_, y_true, y_pred| elementwise::categorical_hinge(y_true, y_pred);

    /// The mean of [`kl_divergence`](elementwise::kl_divergence).
    KlDivergence {} |_, y_true, y_pred| elementwise::kl_divergence(y_true, y_pred);

    /// The mean of [`poisson`](elementwise::poisson).
    Poisson {} |_, y_true, y_pred| elementwise::poisson(y_true, y_pred);

    /// The mean of [`binary_crossentropy`](elementwise::binary_crossentropy).
    BinaryCrossentropy {
        /// Whether predictions are logits.
        from_logits: bool = false,
        /// How far labels move towards 0.5.
        label_smoothing: f64 = 0.0,
    } |metric, y_true, y_pred| {
        elementwise::binary_crossentropy(y_true, y_pred, metric.from_logits, metric.label_smoothing, -1)
    };

    /// The mean of [`categorical_crossentropy`](elementwise::categorical_crossentropy).
    CategoricalCrossentropy {
        /// Whether predictions are logits.
        from_logits: bool = false,
        /// How far labels move towards a uniform distribution.
        label_smoothing: f64 = 0.0,
        /// The classes' axis.
        axis: i64 = -1,
    } |metric, y_true, y_pred| {
        let smoothing = metric.label_smoothing;
        elementwise::categorical_crossentropy(y_true, y_pred, metric.from_logits, smoothing, metric.axis)
    };

    /// The mean of [`sparse_categorical_crossentropy`](elementwise::sparse_categorical_crossentropy).
    SparseCategoricalCrossentropy {
        /// Whether predictions are logits.
        from_logits: bool = false,
        /// A class whose examples do not count.
        ignore_class: Option<i64> = None,
        /// The classes' axis.
        axis: i64 = -1,
    } |metric, y_true, y_pred| {
        let (logits, ignored) = (metric.from_logits, metric.ignore_class);
        elementwise::sparse_categorical_crossentropy(y_true, y_pred, logits, ignored, metric.axis)
    }, masked by |metric, y_true| Some(y_true.cast(DType::I64).not_equal(metric.ignore_class?));

    /// The mean of Pearson's coefficient of correlation along an axis.
    PearsonCorrelation {
        /// Along which axis.
        axis: i64 = -1,
    } |metric, y_true, y_pred| {
        let (y_true, y_pred) = elementwise::aligned(y_true, y_pred);
        let standard = |x: Tensor| {
            let centered = &x - x.mean_keepdims(metric.axis);
            &centered / centered.std_keepdims(metric.axis)
        };
        (standard(y_true) * standard(y_pred)).mean_axis(metric.axis)
    };

    /// The mean of Lin's coefficient of concordance along an axis.
    ConcordanceCorrelation {
        /// Along which axis.
        axis: i64 = -1,
    } |metric, y_true, y_pred| {
        let (y_true, y_pred) = elementwise::aligned(y_true, y_pred);
        let axis = metric.axis;
        let (mean_true, mean_pred) = (y_true.mean_keepdims(axis), y_pred.mean_keepdims(axis));
        let spread = y_true.variance_keepdims(axis) + y_pred.variance_keepdims(axis);
        let norm = spread + (&mean_true - &mean_pred).square();
        let together = (y_true - &mean_pred) * (y_pred - &mean_pred);
        (together * 2.0 / (norm + EPSILON)).mean_axis(axis)
    };
}

/// One number an example: values and weights without axes but the first, the values weighted.
fn by_example(
    values: &Tensor,
    weights: Option<&Tensor>,
    reduce: fn(&Tensor, Vec<i64>) -> Tensor,
) -> (Tensor, Option<Tensor>) {
    let axes = |from: usize, to: usize| (from as i64..to as i64).collect::<Vec<i64>>();
    let values = values.cast(DType::F64);
    let Some(weights) = weights else {
        let rank = values.rank();
        return (if rank > 1 { reduce(&values, axes(1, rank)) } else { values }, None);
    };
    let (mut values, weights) = same_rank(values, weights.cast(DType::F64));
    let rank = weights.rank();
    if values.rank() > rank {
        values = reduce(&values, axes(rank, values.rank()));
    }
    let ones = values.equal(&values).logical_or(true).cast(DType::F64);
    let (mut weights, mut values) = (&weights * ones, values * &weights);
    if rank > 1 {
        weights = reduce(&weights, axes(1, rank));
    }
    if values.rank() > 1 {
        values = reduce(&values, axes(1, values.rank()));
    }
    (values, Some(weights))
}

fn matches(a: &Tensor, b: &Tensor) -> Tensor {
    a.equal(b).cast(DType::F32)
}

/// Whether fewer than `k` predictions are greater than the labelled one. A prediction that is not finite matches none.
fn in_top_k(labels: &Tensor, y_pred: &Tensor, k: i64) -> Tensor {
    let here = crate::take_along_axis_with(y_pred, labels.expand_dims(-1), -1);
    let greater = y_pred.greater(&here).cast(DType::I32).sum_axis(-1);
    greater.less(k).logical_and(here.squeeze_with([-1]).is_finite()).cast(DType::F32)
}

/// Whether the label is among the first `k` ids.
fn ids_contain(labels: &Tensor, ids: &Tensor, k: i64) -> Tensor {
    let place = crate::cumsum_with(ids.equal(ids).logical_or(true).cast(DType::I32), -1, true, false);
    let equal = ids.cast(DType::I32).equal(labels.cast(DType::I32).expand_dims(-1));
    equal.logical_and(place.less(k)).any_axis(-1).cast(DType::F32)
}
