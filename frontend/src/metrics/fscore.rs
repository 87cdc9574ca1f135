//! [`FBetaScore`] and [`F1Score`]: means of precision and recall by class.

use super::sums::Sums;
use super::{Metric, choice_tree, metric_tree};
use crate::error::{Error, Kind, Result};
use crate::losses::elementwise::EPSILON;
use crate::tensor::Tensor;
use tracelift_runtime::DType;

/// How classes are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Average {
    /// Not: one score a class.
    #[default]
    None,
    /// All answers are counted together.
    Micro,
    /// The mean of the classes' scores.
    Macro,
    /// The mean of the classes' scores, weighted by how often each is true.
    Weighted,
}

choice_tree! { Average }

/// `(1 + beta²) precision · recall / (beta² precision + recall)`, for truth and predictions `[examples, classes]`.
pub struct FBetaScore {
    beta: f64,
    average: Average,
    threshold: Option<f64>,
    /// True positives, false positives, false negatives, true ones.
    sums: Sums<4>,
}

metric_tree! { FBetaScore { beta, average, threshold, sums } }

impl FBetaScore {
    /// One score a class; an example's greatest prediction is its class.
    pub fn new(beta: f64) -> FBetaScore {
        const NAMES: [&str; 4] = ["true_positives", "false_positives", "false_negatives", "intermediate_weights"];
        FBetaScore { beta, average: Average::None, threshold: None, sums: Sums::new(NAMES) }
    }

    /// With classes put together.
    pub fn average(self, average: Average) -> FBetaScore {
        FBetaScore { average, ..self }
    }

    /// Every prediction above it is positive, so that an example may have several classes, or none.
    pub fn threshold(self, threshold: f64) -> FBetaScore {
        FBetaScore { threshold: Some(threshold), ..self }
    }
}

impl Metric for FBetaScore {
    fn update(&self, y_true: &Tensor, y_pred: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        if y_true.rank() != 2 || y_pred.rank() != 2 {
            let text = format!(
                "FBetaScore: expected truth and predictions [examples, classes], received {} and {}",
                y_true.spec(),
                y_pred.spec()
            );
            return Err(Error::new(Kind::Shape, text));
        }
        let positive = match self.threshold {
            Some(threshold) => y_pred.greater(threshold),
            // The greatest of a row, but for rows of zeros.
            None => y_pred.greater_equal(y_pred.max_keepdims(-1)).logical_and(y_pred.abs().greater(1e-9)),
        };
        let (positive, truth) = (positive.cast(DType::F64), y_true.cast(DType::F64));
        let sum = |x: Tensor| {
            let x = match weights {
                Some(weights) => x * weights.cast(DType::F64).expand_dims(1),
                None => x,
            };
            if self.average == Average::Micro { x.sum() } else { x.sum_axis(0) }
        };
        let (hits, wrong) = (&positive * &truth, &positive * (1.0 - &truth));
        let missed = (1.0 - positive) * &truth;
        self.sums.add([sum(hits), sum(wrong), sum(missed), sum(truth)])
    }

    fn try_result(&self) -> Result<Tensor> {
        let [hits, wrong, missed, truth] = self.sums.values()?;
        let precision = &hits / (&hits + wrong + EPSILON);
        let recall = &hits / (&hits + missed + EPSILON);
        let squared = self.beta * self.beta;
        let scores = &precision * &recall / (&precision * squared + &recall + EPSILON) * (1.0 + squared);
        let score = match self.average {
            Average::None => scores,
            Average::Weighted => (scores * (&truth / (truth.sum() + EPSILON))).sum(),
            Average::Micro | Average::Macro => scores.mean(),
        };
        Ok(score.cast(DType::F32))
    }
}

/// [`FBetaScore`] with `beta = 1`: the harmonic mean of precision and recall.
///
/// ```
/// use tracelift as tl;
/// use tl::metrics::{Average, F1Score, Metric};
/// use tl::prelude::*;
///
/// let score = F1Score::new().average(Average::Micro);
/// score.update_state(&constant([[1, 0], [0, 1]]), &constant([[0.9, 0.1], [0.8, 0.2]]));
/// assert!((score.result().item() - 0.5).abs() < 1e-6);
/// ```
pub struct F1Score {
    score: FBetaScore,
}

metric_tree! { F1Score { score } }

impl F1Score {
    /// One score a class; an example's greatest prediction is its class.
    #[allow(clippy::new_without_default)]
    pub fn new() -> F1Score {
        F1Score { score: FBetaScore::new(1.0) }
    }

    /// With classes put together.
    pub fn average(self, average: Average) -> F1Score {
        F1Score { score: self.score.average(average) }
    }

    /// Every prediction above it is positive.
    pub fn threshold(self, threshold: f64) -> F1Score {
        F1Score { score: self.score.threshold(threshold) }
    }
}

impl Metric for F1Score {
    fn update(&self, y_true: &Tensor, y_pred: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        self.score.update(y_true, y_pred, weights)
    }
    fn try_result(&self) -> Result<Tensor> {
        self.score.try_result()
    }
}
