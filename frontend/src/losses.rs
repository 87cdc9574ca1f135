//! Losses: `loss(y_true, y_pred)`, the mean over all examples as a scalar (Keras's `sum_over_batch_size`).
//!
//! Cross-entropies take *logits*, the outputs of a last layer without activation: that form has a stable value and
//! gradient at any size of the logits. (Keras takes probabilities unless told `from_logits=True`; the ops of the same
//! names in the crate's root do as Keras's functions do, one number an example.)

use crate::tensor::{IntoTensor, Tensor};

/// The mean of `(y_true - y_pred)²`.
#[track_caller]
pub fn mean_squared_error(y_true: impl IntoTensor, y_pred: impl IntoTensor) -> Tensor {
    crate::reduce_mean(crate::squared_difference(y_true, y_pred))
}

/// The mean of `|y_true - y_pred|`.
#[track_caller]
pub fn mean_absolute_error(y_true: impl IntoTensor, y_pred: impl IntoTensor) -> Tensor {
    crate::reduce_mean(crate::abs(crate::subtract(y_true, y_pred)))
}

/// The mean of `d² / 2` where `d = |y_true - y_pred| ≤ delta`, of `delta · d - delta² / 2` elsewhere.
#[track_caller]
pub fn huber(y_true: impl IntoTensor, y_pred: impl IntoTensor, delta: f64) -> Tensor {
    crate::reduce_mean(crate::huber_with(y_true, y_pred, delta))
}

/// The mean of `log(cosh(y_pred - y_true))`, written so that it does not overflow.
#[track_caller]
pub fn log_cosh(y_true: impl IntoTensor, y_pred: impl IntoTensor) -> Tensor {
    let d = crate::subtract(y_pred, y_true);
    crate::reduce_mean(&d + crate::softplus(&d * -2.0) - std::f64::consts::LN_2)
}

/// The mean of `max(1 - y_true · y_pred, 0)` for labels -1 or 1.
#[track_caller]
pub fn hinge(y_true: impl IntoTensor, y_pred: impl IntoTensor) -> Tensor {
    crate::reduce_mean(crate::relu(1.0 - crate::multiply(y_true, y_pred)))
}

/// The mean cross-entropy between labels 0 or 1 (or probabilities) and the logit of 1, of equal shapes.
#[track_caller]
pub fn binary_crossentropy(y_true: impl IntoTensor, logits: impl IntoTensor) -> Tensor {
    crate::reduce_mean(crate::sigmoid_cross_entropy_with_logits(y_true, logits))
}

/// The mean cross-entropy between label distributions and logits, both `[.., classes]`.
#[track_caller]
pub fn categorical_crossentropy(y_true: impl IntoTensor, logits: impl IntoTensor) -> Tensor {
    crate::reduce_mean(crate::softmax_cross_entropy_with_logits(y_true, logits))
}

/// The mean cross-entropy between integer labels `[..]` and logits `[.., classes]`. A label outside `0..classes`
/// gives NaN.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let loss = tl::losses::sparse_categorical_crossentropy(constant([0]), constant([[0.0, 0.0]]));
/// assert!((loss.item() - 2f64.ln()).abs() < 1e-6);
/// ```
#[track_caller]
pub fn sparse_categorical_crossentropy(y_true: impl IntoTensor, logits: impl IntoTensor) -> Tensor {
    crate::reduce_mean(crate::sparse_softmax_cross_entropy_with_logits(y_true, logits))
}
