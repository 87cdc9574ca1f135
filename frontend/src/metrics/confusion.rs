//! Metrics that count by thresholds: true and false positives and negatives, precision, recall, and one of a pair where
//! the other has at least some value.

use super::sums::Sums;
use super::{Metric, metric_tree};
use crate::engine::collect;
use crate::error::{Error, Kind, Result, unwrap};
use crate::losses::reduction::same_rank;
use crate::tensor::Tensor;
use tracelift_runtime::DType;

/// Counts for each threshold: true positives, false positives, true negatives, false negatives.
pub(super) struct Counts {
    thresholds: Vec<f64>,
    /// Whether labels (the last axis) are counted apart.
    by_label: bool,
    sums: Sums<4>,
}

metric_tree! { Counts { thresholds, by_label, sums } }

/// What is counted of a batch.
#[derive(Clone, Copy, Default)]
pub(super) struct Selection {
    /// Only the greatest predictions of an example can be positive.
    pub(super) top_k: Option<i64>,
    /// Only this class of the last axis.
    pub(super) class_id: Option<i64>,
}

impl Counts {
    pub(super) fn new(thresholds: Vec<f64>, by_label: bool) -> Counts {
        const NAMES: [&str; 4] = ["true_positives", "false_positives", "true_negatives", "false_negatives"];
        let sums = if by_label { Sums::new(NAMES) } else { Sums::of(NAMES, &[thresholds.len()]) };
        Counts { thresholds, by_label, sums }
    }

    /// Counts a batch. A prediction above a threshold is positive; `label_weights` are one a label.
    pub(super) fn update(
        &self,
        y_true: &Tensor,
        y_pred: &Tensor,
        weights: Option<&Tensor>,
        label_weights: Option<&Tensor>,
        selection: Selection,
    ) -> Result<()> {
        let (mut y_pred, mut y_true) = same_rank(y_pred.clone(), y_true.clone());
        if let Some(k) = selection.top_k {
            y_pred = only_top_k(&y_pred, k);
        }
        if let Some(class) = selection.class_id {
            if y_pred.rank() < 2 {
                let text = format!("class_id: expected predictions [.., classes], received {}", y_pred.spec());
                return Err(Error::new(Kind::Shape, text));
            }
            let only = |x: &Tensor| crate::gather_with(x, Tensor::from([class]), -1, 0);
            (y_pred, y_true) = (only(&y_pred), only(&y_true));
        }
        let ones = y_pred.equal(&y_pred).logical_or(true).cast(DType::F64);
        let mut each = match weights {
            Some(weights) => {
                let weights = weights.cast(DType::F64).expand_dims(-1);
                let is_column = weights.rank() == y_true.rank() + 1;
                (if is_column { weights.squeeze_with([-1]) } else { weights }) * ones
            }
            None => ones,
        };
        if let Some(labels) = label_weights {
            each *= labels.cast(DType::F64);
        }
        // Axis 0: thresholds; the axis to sum over: examples.
        let spread = |x: Tensor| if self.by_label { x.expand_dims(0) } else { x.reshape([1, -1]) };
        let thresholds = Tensor::from(self.thresholds.clone()).cast(y_pred.dtype());
        let shape: &[i64] = if self.by_label { &[-1, 1, 1] } else { &[-1, 1] };
        let positive = spread(y_pred).greater(thresholds.reshape(shape));
        let (truth, each) = (spread(y_true.cast(DType::Bool)), spread(each));
        let (negative, untruth) = (positive.logical_not(), truth.logical_not());
        let count = |truth: &Tensor, claim: &Tensor| crate::where_(truth.logical_and(claim), &each, 0.0).sum_axis(1);
        self.sums.add([
            count(&truth, &positive),
            count(&untruth, &positive),
            count(&untruth, &negative),
            count(&truth, &negative),
        ])
    }

    /// True positives, false positives, true negatives, false negatives.
    pub(super) fn values(&self) -> Result<[Tensor; 4]> {
        self.sums.values()
    }
}

/// `a / (a + b)`, 0 where both are 0.
pub(super) fn share(a: &Tensor, b: &Tensor) -> Tensor {
    crate::divide_no_nan(a, a + b)
}

/// Evenly from 0 to 1. Panics if there is no memory for so many.
#[track_caller]
pub(super) fn even_thresholds(count: usize) -> Vec<f64> {
    match count {
        0 | 1 => vec![0.5],
        _ => unwrap(collect(count, (0..).map(|i: u64| i as f64 / (count - 1) as f64))),
    }
}

/// What no prediction is below: the threshold where `top_k` alone decides.
const BELOW_ALL: f64 = -1e10;

/// Predictions that are not among the `k` greatest of their row fall below every threshold.
fn only_top_k(y_pred: &Tensor, k: i64) -> Tensor {
    // Descending and stable: of equal predictions the first are kept.
    let order = crate::argsort_with(y_pred, -1, true);
    let place = crate::argsort_with(order, -1, false);
    crate::where_(place.less(k), y_pred, BELOW_ALL)
}

/// A number instead of a list of one.
fn one_or_all(x: Tensor, thresholds: &[f64]) -> Tensor {
    let x = x.cast(DType::F32);
    if thresholds.len() == 1 { x.reshape([0i64; 0]) } else { x }
}

/// `counted! { /// doc  Name |tp, fp, tn, fn| value; }`
macro_rules! counted {
    ($($(#[$doc:meta])* $name:ident [$($selects:ident)?] |$tp:pat_param, $fp:pat_param, $tn:pat_param, $fn:pat_param|
        $value:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// A result is one number, or one for each threshold if there are several.
        pub struct $name {
            counts: Counts,
            /// Whether thresholds were asked for.
            is_told: bool,
            top_k: Option<i64>,
            class_id: Option<i64>,
        }

        metric_tree! { $name { counts, is_told, top_k, class_id } }

        impl $name {
            /// With the threshold 0.5.
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                $name { counts: Counts::new(vec![0.5], false), is_told: false, top_k: None, class_id: None }
            }

            /// With other thresholds: a prediction above is positive.
            pub fn thresholds(self, thresholds: &[f64]) -> Self {
                $name { counts: Counts::new(thresholds.to_vec(), false), is_told: true, ..self }
            }

            $(counted!(@$selects);)?
        }

        impl Metric for $name {
            fn update(&self, y_true: &Tensor, y_pred: &Tensor, weights: Option<&Tensor>) -> Result<()> {
                let selection = Selection { top_k: self.top_k, class_id: self.class_id };
                self.counts.update(y_true, y_pred, weights, None, selection)
            }
            fn try_result(&self) -> Result<Tensor> {
                let [$tp, $fp, $tn, $fn] = &self.counts.values()?;
                Ok(one_or_all($value, &self.counts.thresholds))
            }
        }
    )*};
    (@selects) => {
        /// Only the `k` greatest predictions of an example are positive, whatever they are; or, with thresholds, those
        /// of them above.
        pub fn top_k(mut self, k: i64) -> Self {
            if !self.is_told {
                self.counts = Counts::new(vec![BELOW_ALL], false);
            }
            self.top_k = Some(k);
            self
        }

        /// Only this class counts.
        pub fn class_id(mut self, class: i64) -> Self {
            self.class_id = Some(class);
            self
        }
    };
}

counted! {
    /// How many positives are true.
    TruePositives [] |tp, _, _, _| tp.clone();
    /// How many positives are false.
    FalsePositives [] |_, fp, _, _| fp.clone();
    /// How many negatives are true.
    TrueNegatives [] |_, _, tn, _| tn.clone();
    /// How many negatives are false.
    FalseNegatives [] |_, _, _, fn_| fn_.clone();
    /// Which part of the positives is true; 0 if there are none.
    Precision [selects] |tp, fp, _, _| share(tp, fp);
    /// Which part of the true ones is positive; 0 if there are none.
    Recall [selects] |tp, _, _, fn_| share(tp, fn_);
}

/// `constrained! { /// doc  Name(argument): |tp, fp, tn, fn| constrained, dependent; }`
macro_rules! constrained {
    ($($(#[$doc:meta])* $name:ident($least:ident): |$tp:ident, $fp:pat_param, $tn:pat_param, $fn:pat_param|
        $constrained:expr, $dependent:expr;)*) => {$(
        $(#[$doc])*
        pub struct $name {
            counts: Counts,
            $least: f64,
            class_id: Option<i64>,
        }

        metric_tree! { $name { counts, $least, class_id } }

        impl $name {
            /// Over 200 thresholds from 0 to 1.
            pub fn new($least: f64) -> Self {
                $name { counts: Counts::new(even_thresholds(200), false), $least, class_id: None }
            }

            /// Over more or fewer thresholds.
            #[track_caller]
            pub fn num_thresholds(self, count: usize) -> Self {
                $name { counts: Counts::new(even_thresholds(count), false), ..self }
            }

            /// Only this class counts.
            pub fn class_id(self, class: i64) -> Self {
                $name { class_id: Some(class), ..self }
            }
        }

        impl Metric for $name {
            fn update(&self, y_true: &Tensor, y_pred: &Tensor, weights: Option<&Tensor>) -> Result<()> {
                let selection = Selection { top_k: None, class_id: self.class_id };
                self.counts.update(y_true, y_pred, weights, None, selection)
            }
            fn try_result(&self) -> Result<Tensor> {
                let [$tp, $fp, $tn, $fn] = &self.counts.values()?;
                let feasible = $constrained.greater_equal(self.$least);
                Ok(crate::where_(feasible, $dependent, 0.0).max().maximum(0.0).cast(DType::F32))
            }
        }
    )*};
}

constrained! {
    /// The greatest sensitivity (recall) at thresholds where the specificity is at least this.
    SensitivityAtSpecificity(specificity): |tp, fp, tn, fn_| share(tn, fp), share(tp, fn_);
    /// The greatest specificity at thresholds where the sensitivity (recall) is at least this.
    SpecificityAtSensitivity(sensitivity): |tp, fp, tn, fn_| share(tp, fn_), share(tn, fp);
    /// The greatest precision at thresholds where the recall is at least this.
    PrecisionAtRecall(recall): |tp, fp, _, fn_| share(tp, fn_), share(tp, fp);
    /// The greatest recall at thresholds where the precision is at least this.
    RecallAtPrecision(precision): |tp, fp, _, fn_| share(tp, fp), share(tp, fn_);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{attempt, constant};

    #[test]
    fn more_thresholds_than_memory_are_an_error() {
        let metric = || PrecisionAtRecall::new(0.5);
        assert_eq!(attempt(|| metric().num_thresholds(1 << 45)).err().unwrap().kind(), Kind::Memory);
    }

    #[test]
    fn a_class_that_is_none_is_not_taken_for_another() {
        let metric = Precision::new().class_id(1 << 32);
        let outcome = metric.try_update_state(&constant([[1, 0]]), &constant([[0.9, 0.1]]), None);
        assert!(outcome.is_err() || metric.result() == 0.0);
    }
}
