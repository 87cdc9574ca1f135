//! Metrics of regressions that are no plain means: [`RootMeanSquaredError`], [`R2Score`].

use super::mean::Mean;
use super::sums::Sums;
use super::{Metric, choice_tree, metric_tree};
use crate::error::{Error, Kind, Result};
use crate::losses::elementwise::aligned;
use crate::tensor::Tensor;
use tracelift_runtime::DType;

/// The root of the mean of squared errors.
pub struct RootMeanSquaredError {
    mean: Mean,
}

metric_tree! { RootMeanSquaredError { mean } }

impl RootMeanSquaredError {
    /// Of nothing yet.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        RootMeanSquaredError { mean: Mean::new() }
    }
}

impl Metric for RootMeanSquaredError {
    fn update(&self, y_true: &Tensor, y_pred: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        let (y_true, y_pred) = aligned(y_true, y_pred);
        self.mean.add(&crate::squared_difference(y_true, y_pred), weights)
    }
    fn try_result(&self) -> Result<Tensor> {
        Ok(self.mean.try_result()?.sqrt())
    }
}

/// How outputs are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Aggregation {
    /// The mean of their scores.
    #[default]
    UniformAverage,
    /// The mean of their scores, weighted by the variance of the truth.
    VarianceWeightedAverage,
    /// Not: one score an output.
    None,
}

choice_tree! { Aggregation }

/// `1 - Σ (y_true - y_pred)² / Σ (y_true - mean)²`, for truth and predictions `[examples, outputs]`.
pub struct R2Score {
    aggregation: Aggregation,
    num_regressors: u64,
    /// Sums of squares, of the truth, of squared errors, of weights.
    sums: Sums<4>,
    samples: Sums<1>,
}

metric_tree! { R2Score { aggregation, num_regressors, sums, samples } }

impl R2Score {
    /// The mean over outputs, not adjusted.
    #[allow(clippy::new_without_default)]
    pub fn new() -> R2Score {
        R2Score {
            aggregation: Aggregation::default(),
            num_regressors: 0,
            sums: Sums::new(["squared_sum", "sum", "residual", "count"]),
            samples: Sums::of(["num_samples"], &[]),
        }
    }

    /// With outputs put together otherwise.
    pub fn class_aggregation(self, aggregation: Aggregation) -> R2Score {
        R2Score { aggregation, ..self }
    }

    /// Adjusted for the number of independent variables: `1 - (1 - R²) (n - 1) / (n - p - 1)`; not if `p ≥ n - 1`.
    pub fn num_regressors(self, regressors: u64) -> R2Score {
        R2Score { num_regressors: regressors, ..self }
    }
}

impl Metric for R2Score {
    fn update(&self, y_true: &Tensor, y_pred: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        let (y_true, y_pred) = aligned(y_true, y_pred);
        if y_true.rank() != 2 || y_pred.rank() != 2 {
            let text = format!(
                "R2Score: expected truth and predictions [examples, outputs], received {} and {}",
                y_true.spec(),
                y_pred.spec()
            );
            return Err(Error::new(Kind::Shape, text));
        }
        let (y_true, y_pred) = (y_true.cast(DType::F64), y_pred.cast(DType::F64));
        let ones = y_true.equal(&y_true).logical_or(true).cast(DType::F64);
        let weights = match weights.map(|weights| weights.cast(DType::F64)) {
            Some(weights) if weights.rank() == 1 => weights.expand_dims(1) * &ones,
            Some(weights) => weights * &ones,
            None => ones.clone(),
        };
        let weighted = &y_true * &weights;
        let squares = (&y_true * &weighted).sum_axis(0);
        let errors = (crate::squared_difference(&y_true, &y_pred) * &weights).sum_axis(0);
        self.sums.add([squares, weighted.sum_axis(0), errors, weights.sum_axis(0)])?;
        self.samples.add([ones.sum()])
    }

    fn try_result(&self) -> Result<Tensor> {
        let [squares, sum, errors, count] = self.sums.values()?;
        let total = squares - &sum * (&sum / count);
        let scores = 1.0 - errors / &total;
        let scores = crate::where_(scores.is_inf(), 0.0, scores);
        let score = match self.aggregation {
            Aggregation::UniformAverage => scores.mean(),
            Aggregation::VarianceWeightedAverage => (&total * scores).sum() / total.sum(),
            Aggregation::None => scores,
        };
        let score = match self.num_regressors {
            0 => score,
            p => {
                let [samples] = self.samples.values()?;
                let free = &samples - (p as f64 + 1.0);
                let adjusted = 1.0 - (1.0 - &score) * (samples - 1.0) / &free;
                crate::where_(free.greater(0.0), adjusted, score)
            }
        };
        Ok(score.cast(DType::F32))
    }
}
