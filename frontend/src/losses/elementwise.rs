//! The formulas of the losses: one number an example, the mean (or sum) over the last axis. Shared by [`losses`](super)
//! and [`metrics`](crate::metrics).
//!
//! The truth is cast to the prediction's dtype; where one of both has a last axis of length 1 that the other has not, it
//! is dropped. Formulas and constants are Keras's.

use super::reduction::same_rank;
use crate::tensor::Tensor;
use tracelift_runtime::DType;

/// What keeps logarithms and quotients finite.
pub(crate) const EPSILON: f64 = 1e-7;

/// The mean of `(y_true - y_pred)²`.
pub fn mean_squared_error(y_true: &Tensor, y_pred: &Tensor) -> Tensor {
    let (y_true, y_pred) = aligned(y_true, y_pred);
    crate::mean_squared_error(y_true, y_pred)
}

/// The mean of `|y_true - y_pred|`.
pub fn mean_absolute_error(y_true: &Tensor, y_pred: &Tensor) -> Tensor {
    let (y_true, y_pred) = aligned(y_true, y_pred);
    crate::mean_absolute_error(y_true, y_pred)
}

/// `100 · mean |y_true - y_pred| / max(|y_true|, 1e-7)`.
pub fn mean_absolute_percentage_error(y_true: &Tensor, y_pred: &Tensor) -> Tensor {
    let (y_true, y_pred) = aligned(y_true, y_pred);
    let relative = (&y_true - y_pred) / y_true.abs().maximum(EPSILON);
    relative.abs().mean_axis(-1) * 100.0
}

/// The mean of `(log(1 + y_true) - log(1 + y_pred))²`, both kept above 1e-7.
pub fn mean_squared_logarithmic_error(y_true: &Tensor, y_pred: &Tensor) -> Tensor {
    let (y_true, y_pred) = aligned(y_true, y_pred);
    let log = |x: Tensor| (x.maximum(EPSILON) + 1.0).log();
    (log(y_pred) - log(y_true)).square().mean_axis(-1)
}

/// The mean of `d² / 2` where `d = |y_true - y_pred| ≤ delta`, of `delta · d - delta² / 2` elsewhere.
pub fn huber(y_true: &Tensor, y_pred: &Tensor, delta: f64) -> Tensor {
    let (y_true, y_pred) = aligned(y_true, y_pred);
    crate::huber_with(y_true, y_pred, delta)
}

/// The mean of `log(cosh(y_pred - y_true))`.
pub fn log_cosh(y_true: &Tensor, y_pred: &Tensor) -> Tensor {
    let (y_true, y_pred) = aligned(y_true, y_pred);
    log_cosh_of(&(y_pred - y_true)).mean_axis(-1)
}

/// `log(cosh(x))`, without overflow.
pub(crate) fn log_cosh_of(x: &Tensor) -> Tensor {
    x + crate::softplus(x * -2.0) - std::f64::consts::LN_2
}

/// The cosine of the angle between truth and prediction along an axis, from -1 to 1.
pub fn cosine_similarity(y_true: &Tensor, y_pred: &Tensor, axis: i64) -> Tensor {
    let (y_true, y_pred) = aligned(y_true, y_pred);
    let unit = |x: Tensor| crate::l2_normalize_with(x, [axis], 1e-12);
    (unit(y_true) * unit(y_pred)).sum_axis(axis)
}

/// The mean of `max(1 - y_true · y_pred, 0)`; labels 0 and 1 are taken for -1 and 1.
pub fn hinge(y_true: &Tensor, y_pred: &Tensor) -> Tensor {
    margin(y_true, y_pred).mean_axis(-1)
}

/// The mean of `max(1 - y_true · y_pred, 0)²`; labels 0 and 1 are taken for -1 and 1.
pub fn squared_hinge(y_true: &Tensor, y_pred: &Tensor) -> Tensor {
    margin(y_true, y_pred).square().mean_axis(-1)
}

/// `max(neg - pos + 1, 0)`: `pos` the prediction of the true class, `neg` the greatest other one.
pub fn categorical_hinge(y_true: &Tensor, y_pred: &Tensor) -> Tensor {
    let (y_true, y_pred) = aligned(y_true, y_pred);
    let of_truth = (&y_true * &y_pred).sum_axis(-1);
    let of_others = ((1.0 - y_true) * y_pred).max_axis(-1);
    (of_others - of_truth + 1.0).maximum(0.0)
}

/// `Σ y_true log(y_true / y_pred)` over the last axis, both kept within 1e-7 and 1.
pub fn kl_divergence(y_true: &Tensor, y_pred: &Tensor) -> Tensor {
    let within = |x: Tensor| x.maximum(EPSILON).minimum(1.0);
    let (y_true, y_pred) = aligned(y_true, y_pred);
    let (y_true, y_pred) = (within(y_true), within(y_pred));
    (&y_true * (&y_true / y_pred).log()).sum_axis(-1)
}

/// The mean of `y_pred - y_true log(y_pred)`.
pub fn poisson(y_true: &Tensor, y_pred: &Tensor) -> Tensor {
    let (y_true, y_pred) = aligned(y_true, y_pred);
    let log = (&y_pred + EPSILON).log();
    (y_pred - y_true * log).mean_axis(-1)
}

/// The mean cross-entropy of labels 0 or 1 and probabilities, or logits. Labels move towards 0.5 by `smoothing`.
pub fn binary_crossentropy(y_true: &Tensor, y_pred: &Tensor, from_logits: bool, smoothing: f64, axis: i64) -> Tensor {
    let (y_true, y_pred) = smooth_binary(y_true, y_pred, smoothing);
    binary_terms(&y_true, &y_pred, from_logits).mean_axis(axis)
}

/// Binary cross-entropy times `(1 - p)^gamma`, with `p` the probability of the true label, so that what is right
/// already counts little (Lin et al., "Focal loss", 2018). With `balance` labels 1 and 0 weigh `alpha` and `1 - alpha`.
pub fn binary_focal_crossentropy(
    y_true: &Tensor,
    y_pred: &Tensor,
    balance: Option<f64>,
    gamma: f64,
    from_logits: bool,
    smoothing: f64,
    axis: i64,
) -> Tensor {
    let (y_true, y_pred) = smooth_binary(y_true, y_pred, smoothing);
    let p = if from_logits { y_pred.sigmoid() } else { y_pred };
    let of_truth = &y_true * &p + (1.0 - &y_true) * (1.0 - &p);
    let focal = crate::pow(1.0 - of_truth, gamma) * binary_terms(&y_true, &p, false);
    let weighted = match balance {
        Some(alpha) => (&y_true * alpha + (1.0 - &y_true) * (1.0 - alpha)) * focal,
        None => focal,
    };
    weighted.mean_axis(axis)
}

/// Cross-entropy of label distributions and probabilities, or logits. Labels move towards uniform by `smoothing`.
pub fn categorical_crossentropy(
    y_true: &Tensor,
    y_pred: &Tensor,
    from_logits: bool,
    smoothing: f64,
    axis: i64,
) -> Tensor {
    let (y_true, y_pred) = smooth_categories(y_true, y_pred, smoothing);
    crate::categorical_crossentropy_with(y_true, y_pred, from_logits, 0.0, axis)
}

/// Categorical cross-entropy, each term times `alpha (1 - p)^gamma`.
pub fn categorical_focal_crossentropy(
    y_true: &Tensor,
    y_pred: &Tensor,
    alpha: f64,
    gamma: f64,
    from_logits: bool,
    smoothing: f64,
    axis: i64,
) -> Tensor {
    let (y_true, y_pred) = smooth_categories(y_true, y_pred, smoothing);
    let p = if from_logits { crate::softmax_with(y_pred, axis) } else { y_pred };
    let p = (&p / p.sum_keepdims(axis)).maximum(EPSILON).minimum(1.0 - EPSILON);
    let terms = crate::pow(1.0 - &p, gamma) * alpha * y_true * p.log();
    -terms.sum_axis(axis)
}

/// Cross-entropy of class numbers and probabilities, or logits. Examples of `ignored` class count 0.
pub fn sparse_categorical_crossentropy(
    y_true: &Tensor,
    y_pred: &Tensor,
    from_logits: bool,
    ignored: Option<i64>,
    axis: i64,
) -> Tensor {
    let rank = y_pred.rank() as i64;
    let axis = if axis < 0 { axis + rank } else { axis };
    // Classes last: that is where the op has them.
    let order: Vec<i64> = (0..rank).filter(|&k| k != axis).chain([axis]).collect();
    let y_pred = crate::transpose_with(y_pred, order);
    let labels = labels(y_true, &y_pred);
    let Some(ignored) = ignored else {
        return crate::sparse_categorical_crossentropy_with(labels, y_pred, from_logits);
    };
    let counts = labels.not_equal(ignored);
    let labels = crate::where_(&counts, labels, 0i64);
    let y_pred = crate::where_(counts.expand_dims(-1), y_pred, 0.0);
    let each = crate::sparse_categorical_crossentropy_with(labels, y_pred, from_logits);
    crate::where_(counts, each, 0.0)
}

/// Class numbers as integers, without a last axis of length 1 that the predictions' classes make up for.
pub(crate) fn labels(y_true: &Tensor, y_pred: &Tensor) -> Tensor {
    let is_column = y_true.rank() == y_pred.rank() && y_true.spec().dims.last().and_then(|n| n.as_const()) == Some(1);
    let labels = if is_column { y_true.squeeze_with([-1]) } else { y_true.clone() };
    if labels.dtype().is_int() { labels } else { labels.cast(DType::I32) }
}

/// `1 - 2 Σ y_true y_pred / (Σ y_true + Σ y_pred)` over these axes, all if none (Sørensen and Dice).
pub fn dice(y_true: &Tensor, y_pred: &Tensor, axes: Option<&[i64]>) -> Tensor {
    let (y_true, y_pred) = aligned(y_true, y_pred);
    let sum = |x: Tensor| sum_over(&x, axes);
    let common = sum(&y_true * &y_pred) * 2.0;
    1.0 - common / (sum(y_true) + sum(y_pred) + EPSILON)
}

/// `1 - tp / (tp + alpha · fp + beta · fn)` over these axes, all if none (Salehi, Erdogmus and Gholipour, 2017). As in
/// Keras, `fp` are the true ones that were not predicted, `fn` the others.
pub fn tversky(y_true: &Tensor, y_pred: &Tensor, alpha: f64, beta: f64, axes: Option<&[i64]>) -> Tensor {
    let (y_true, y_pred) = aligned(y_true, y_pred);
    let sum = |x: Tensor| sum_over(&x, axes);
    let common = sum(&y_true * &y_pred);
    let missed = sum((1.0 - &y_pred) * &y_true);
    let wrong = sum(&y_pred * (1.0 - &y_true));
    1.0 - &common / (&common + missed * alpha + wrong * beta + EPSILON)
}

/// Circle loss of unit vectors by class (Sun et al., 2020): examples of one class are to be alike, others not.
/// `softplus(logsumexp over the same class + logsumexp over others)`, an example's own place left out.
pub fn circle(y_true: &Tensor, y_pred: &Tensor, gamma: f64, margin: f64, remove_diagonal: bool) -> Tensor {
    let labels = y_true.cast(DType::I32).reshape([-1]);
    let distance = (1.0 - crate::matmul_with(y_pred, y_pred, false, true)).maximum(0.0);
    let is_same = crate::equal(labels.expand_dims(1), labels.expand_dims(0));
    let is_other = is_same.logical_not();
    let is_same = if remove_diagonal {
        let place = crate::cumsum(crate::where_(labels.equal(&labels), 1, 0));
        let elsewhere = crate::not_equal(place.expand_dims(1), place.expand_dims(0));
        is_same.logical_and(elsewhere)
    } else {
        is_same
    };
    let same = (&distance + margin).maximum(0.0) * (margin - &distance) * -gamma;
    let other = (1.0 + margin - &distance).maximum(0.0) * (1.0 - margin - &distance) * gamma;
    let over = |mask: Tensor, x: Tensor| crate::where_(mask, x, f64::NEG_INFINITY).logsumexp_axis(1);
    (over(is_same, same) + over(is_other, other)).softplus()
}

/// `(1 - p^q) / q` of the true class's probability `p` (Zhang and Sabuncu, 2018).
pub fn categorical_generalized_cross_entropy(y_true: &Tensor, y_pred: &Tensor, q: f64) -> Tensor {
    let labels = labels(y_true, y_pred);
    let p = crate::take_along_axis_with(y_pred, labels.expand_dims(-1), -1).squeeze_with([-1]);
    (1.0 - crate::pow(p, q)) / q
}

/// [`ctc_loss`](crate::ctc_loss()) of labels `[batch, label]`, where 0 is the blank and fills rows at their ends, under logits
/// `[batch, time, class]`.
pub fn ctc(y_true: &Tensor, y_pred: &Tensor) -> Tensor {
    let lengths = y_true.not_equal(0).cast(DType::I32).sum_axis(-1);
    let times = crate::shape(y_pred).at(1) * crate::ones_like(&lengths);
    crate::ctc_loss(y_true, crate::transpose_with(y_pred, [1, 0, 2]), lengths, times)
}

/// The truth in the prediction's dtype, both of one rank.
pub(crate) fn aligned(y_true: &Tensor, y_pred: &Tensor) -> (Tensor, Tensor) {
    same_rank(y_true.cast(y_pred.dtype()), y_pred.clone())
}

/// `max(1 - y_true · y_pred, 0)`, with labels -1 or 1 also where all are 0 or 1.
fn margin(y_true: &Tensor, y_pred: &Tensor) -> Tensor {
    let (y_true, y_pred) = aligned(y_true, y_pred);
    let is_binary = crate::reduce_all(y_true.equal(0.0).logical_or(y_true.equal(1.0)));
    let signs = crate::where_(is_binary, &y_true * 2.0 - 1.0, &y_true);
    (1.0 - signs * y_pred).maximum(0.0)
}

fn binary_terms(y_true: &Tensor, y_pred: &Tensor, from_logits: bool) -> Tensor {
    if from_logits {
        return crate::sigmoid_cross_entropy_with_logits(y_true, y_pred);
    }
    // Both sides are kept within by themselves: in f32, 1 - (1 - 1e-7) would be a fifth more than 1e-7.
    let within = |p: Tensor| p.maximum(EPSILON).minimum(1.0 - EPSILON);
    -(y_true * within(y_pred.clone()).log() + (1.0 - y_true) * within(1.0 - y_pred).log())
}

/// Truth and prediction, [aligned], the truth smoothed.
fn smooth_binary(y_true: &Tensor, y_pred: &Tensor, smoothing: f64) -> (Tensor, Tensor) {
    let (y_true, y_pred) = aligned(y_true, y_pred);
    (if smoothing == 0.0 { y_true } else { y_true * (1.0 - smoothing) + 0.5 * smoothing }, y_pred)
}

/// The same for label distributions.
fn smooth_categories(y_true: &Tensor, y_pred: &Tensor, smoothing: f64) -> (Tensor, Tensor) {
    let (y_true, y_pred) = aligned(y_true, y_pred);
    if smoothing == 0.0 {
        return (y_true, y_pred);
    }
    let classes = y_true.equal(&y_true).logical_or(true).cast(y_true.dtype()).sum_keepdims(-1);
    (y_true * (1.0 - smoothing) + smoothing / classes, y_pred)
}

fn sum_over(x: &Tensor, axes: Option<&[i64]>) -> Tensor {
    match axes {
        Some(axes) => x.sum_axis(axes),
        None => x.sum(),
    }
}
