//! [`Auc`]: the area under a curve of rates over thresholds.

use super::confusion::{Counts, Selection, even_thresholds, share};
use super::{Metric, choice_tree, metric_tree};
use crate::error::Result;
use crate::tensor::Tensor;
use tracelift_runtime::DType;

/// Which curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Curve {
    /// Recall over the rate of false positives (receiver operating characteristic).
    #[default]
    Roc,
    /// Precision over recall.
    Pr,
    /// Both as gains over always answering yes (Flach and Kull, 2015).
    PrGain,
}

choice_tree! { Curve }

/// How the area between two thresholds is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Summation {
    /// By the mean height; for [`Curve::Pr`] by interpolating the counts (Davis and Goadrich, 2006).
    #[default]
    Interpolation,
    /// By the lower height.
    Minoring,
    /// By the greater height.
    Majoring,
}

choice_tree! { Summation }

/// The area under a curve of rates, one point a threshold. Labels are 0 or 1, predictions from 0 to 1.
///
/// ```
/// use tracelift as tl;
/// use tl::metrics::{Auc, Metric};
/// use tl::prelude::*;
///
/// let auc = Auc::new().num_thresholds(3);
/// auc.update_state(&constant([0, 0, 1, 1]), &constant([0.0, 0.5, 0.3, 0.9]));
/// assert_eq!(auc.result(), 0.75);
/// ```
pub struct Auc {
    counts: Counts,
    thresholds: Vec<f64>,
    curve: Curve,
    summation_method: Summation,
    multi_label: bool,
    label_weights: Option<Vec<f64>>,
    from_logits: bool,
}

metric_tree! { Auc { counts, thresholds, curve, summation_method, multi_label, label_weights, from_logits } }

impl Auc {
    /// Under the ROC curve, by interpolation over 200 thresholds.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Auc {
        let (curve, summation_method) = (Curve::default(), Summation::default());
        let counts = Counts::new(Vec::new(), false);
        let (multi_label, label_weights, from_logits) = (false, None, false);
        Auc { counts, thresholds: Vec::new(), curve, summation_method, multi_label, label_weights, from_logits }
            .num_thresholds(200)
    }

    /// Over more or fewer thresholds; at least 2.
    #[track_caller]
    pub fn num_thresholds(self, count: usize) -> Auc {
        let even = even_thresholds(count.max(2));
        let inner = even[1..even.len() - 1].to_vec();
        self.thresholds(&inner)
    }

    /// Over these thresholds, and one below 0 and one above 1.
    pub fn thresholds(mut self, thresholds: &[f64]) -> Auc {
        const BEYOND: f64 = 1e-7;
        let mut inner = thresholds.to_vec();
        inner.sort_by(f64::total_cmp);
        self.thresholds = [&[-BEYOND], &inner[..], &[1.0 + BEYOND]].concat();
        self.recounted()
    }

    /// Under another curve.
    pub fn curve(self, curve: Curve) -> Auc {
        Auc { curve, ..self }
    }

    /// Summed up otherwise.
    pub fn summation_method(self, summation_method: Summation) -> Auc {
        Auc { summation_method, ..self }
    }

    /// Whether each label, of the last of two axes, has a curve of its own; the result is the mean area.
    pub fn multi_label(mut self, multi_label: bool) -> Auc {
        self.multi_label = multi_label;
        self.recounted()
    }

    /// Weights of the labels.
    pub fn label_weights(self, weights: &[f64]) -> Auc {
        Auc { label_weights: Some(weights.to_vec()), ..self }
    }

    /// Whether predictions are logits.
    pub fn from_logits(self, from_logits: bool) -> Auc {
        Auc { from_logits, ..self }
    }

    fn recounted(mut self) -> Auc {
        self.counts = Counts::new(self.thresholds.clone(), self.multi_label);
        self
    }

    fn labels(&self) -> Option<Tensor> {
        self.label_weights.clone().map(Tensor::from)
    }

    /// The areas between neighbouring points of the curve.
    fn areas(&self) -> Result<Tensor> {
        let [tp, fp, tn, fn_] = self.counts.values()?;
        if self.curve == Curve::Pr && self.summation_method == Summation::Interpolation {
            return Ok(self.interpolated(&tp, &(&tp + &fp), &fn_));
        }
        let recall = share(&tp, &fn_);
        let (x, y) = match self.curve {
            Curve::Roc => (share(&fp, &tn), recall),
            Curve::Pr => (recall, share(&tp, &fp)),
            Curve::PrGain => {
                let scale = crate::divide_no_nan(&tp + &fn_, tn + &fp);
                let gain = |wrong: &Tensor| 1.0 - &scale * crate::divide_no_nan(wrong, &tp);
                let none = tp.equal(0.0);
                let recall = crate::where_(&none, 0.0, gain(&fn_)).maximum(0.0);
                (recall, crate::where_(&none, 1.0, gain(&fp)))
            }
        };
        let (left, right) = self.neighbours(&y);
        let heights = match self.summation_method {
            Summation::Interpolation => (left + right) / 2.0,
            Summation::Minoring => left.minimum(right),
            Summation::Majoring => left.maximum(right),
        };
        let (left, right) = self.neighbours(&x);
        Ok((left - right) * heights)
    }

    /// Davis and Goadrich's areas: between two thresholds, counts are interpolated instead of rates.
    fn interpolated(&self, tp: &Tensor, positive: &Tensor, fn_: &Tensor) -> Tensor {
        let (tp_before, tp_after) = self.neighbours(tp);
        let (before, after) = self.neighbours(positive);
        let (_, missed) = self.neighbours(fn_);
        let gained = tp_before - &tp_after;
        let slope = crate::divide_no_nan(&gained, (&before - &after).maximum(0.0));
        let intercept = &tp_after - &slope * &after;
        let both = before.greater(0.0).logical_and(after.greater(0.0));
        let ratio = crate::where_(both, crate::divide_no_nan(before, after.maximum(0.0)), 1.0);
        let part = slope * (gained + intercept * ratio.log());
        crate::divide_no_nan(part, (tp_after + missed).maximum(0.0))
    }

    /// All but the last threshold's, all but the first's.
    fn neighbours(&self, x: &Tensor) -> (Tensor, Tensor) {
        let n = self.thresholds.len();
        let part = |from: usize| {
            let places: Vec<i32> = (from as i32..(from + n - 1) as i32).collect();
            crate::gather_with(x, Tensor::from(places), 0, 0)
        };
        (part(0), part(1))
    }
}

impl Metric for Auc {
    fn update(&self, y_true: &Tensor, y_pred: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        let y_pred = if self.from_logits { y_pred.sigmoid() } else { y_pred.clone() };
        let labels = self.labels().filter(|_| !self.multi_label);
        self.counts.update(y_true, &y_pred, weights, labels.as_ref(), Selection::default())
    }

    fn try_result(&self) -> Result<Tensor> {
        let areas = self.areas()?;
        let area = match (self.multi_label, self.labels()) {
            (false, _) => areas.sum(),
            (true, None) => areas.sum_axis(0).mean(),
            (true, Some(weights)) => crate::divide_no_nan((areas.sum_axis(0) * &weights).sum(), weights.sum()),
        };
        Ok(area.cast(DType::F32))
    }
}
