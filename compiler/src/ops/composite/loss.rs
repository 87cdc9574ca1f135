//! Losses. Those of two operands are called as Keras does, `(y_true, y_pred)`, and give one number an example:
//! the mean (or sum, for categories) over the last axis.

use crate::ops::entry::*;
use crate::ops::indexing::search::{User, checked};

/// What Keras keeps probabilities away from 0 and 1 by.
const EPSILON: f64 = 1e-7;
const PAIR: Operands = Operands::Named(&["y_true", "y_pred"]);
const FROM_LOGITS: AttrDef = optional("from_logits", AttrKind::Bool);
const SMOOTHING: AttrDef = optional("label_smoothing", AttrKind::Float);
const AXIS: AttrDef = optional("axis", AttrKind::Int);

composite! {
    /// Mean of squares.
    MEAN_SQUARED_ERROR, (_b, x) => Ok(vec![(x[1] - x[0]).square().mean(&[-1])]),
    name: "mean_squared_error",
    doc: "The mean of `(y_true - y_pred)^2` over the last axis.",
    inputs: PAIR,
}

composite! {
    /// Mean of distances.
    MEAN_ABSOLUTE_ERROR, (_b, x) => Ok(vec![(x[1] - x[0]).abs().mean(&[-1])]),
    name: "mean_absolute_error",
    doc: "The mean of `|y_true - y_pred|` over the last axis.",
    inputs: PAIR,
}

composite! {
    /// Squares near 0, distances elsewhere.
    HUBER, (b, x) => {
        let delta = b.attrs().float("delta").unwrap_or(1.0);
        let error = x[1] - x[0];
        let distance = error.abs();
        let near = error.square() * 0.5;
        let far = distance * delta - 0.5 * delta * delta;
        Ok(vec![distance.le(delta).choose(near, far).mean(&[-1])])
    },
    name: "huber",
    doc: "The mean over the last axis of `error^2 / 2` where `|error| <= delta` (default 1), of \
          `delta * |error| - delta^2 / 2` elsewhere.",
    inputs: PAIR,
    attrs: &[optional("delta", AttrKind::Float)],
}

composite! {
    /// Cross-entropy of yes-or-no labels, from logits, elementwise.
    SIGMOID_CROSS_ENTROPY, (_b, x) => {
        let (labels, logits) = (x[0], x[1]);
        // -labels * log(p) - (1 - labels) * log(1 - p), without exp of anything positive.
        Ok(vec![logits.max(0.0) - logits * labels + (-logits.abs()).exp().log1p()])
    },
    name: "sigmoid_cross_entropy_with_logits",
    doc: "`-labels * log(p) - (1 - labels) * log(1 - p)` with `p = sigmoid(logits)`, elementwise, without overflow.",
    inputs: Operands::Named(&["labels", "logits"]),
    grad: Grad::Elementwise(&[partial!(v => -v.x1()), partial!(v => v.x1().sigmoid() - v.x())]),
}

composite! {
    /// Cross-entropy of distributions, from logits.
    SOFTMAX_CROSS_ENTROPY, (b, x) => {
        let axis = infer::axis(b.attrs(), -1, x[1].rank()?)? as i64;
        let log = b.apply(&crate::ops::LOG_SOFTMAX, Attrs::new().with("axis", axis), &[x[1]]);
        Ok(vec![-(x[0] * log).sum(&[axis])])
    },
    name: "softmax_cross_entropy_with_logits",
    doc: "`-sum(labels * log_softmax(logits))` over `axis` (default -1).",
    inputs: Operands::Named(&["labels", "logits"]),
    attrs: &[AXIS],
}

composite! {
    /// Cross-entropy of class numbers, from logits.
    SPARSE_SOFTMAX_CROSS_ENTROPY, (b, x) => Ok(vec![-at_label(b, classes(b, x)?, x[1].log_softmax())?]),
    name: "sparse_softmax_cross_entropy_with_logits",
    doc: "`-log_softmax(logits)[label]` over the last axis, for integer labels; one that is no class is an error.",
    inputs: Operands::Named(&["labels", "logits"]),
    domain: Domain::Special("tests/ops/losses.rs"),
}

composite! {
    /// Cross-entropy of yes-or-no labels.
    BINARY_CROSSENTROPY, (b, x) => {
        let smoothing = b.attrs().float("label_smoothing").unwrap_or(0.0);
        let labels = if smoothing == 0.0 { x[0] } else { x[0] * (1.0 - smoothing) + 0.5 * smoothing };
        if b.attrs().bool("from_logits") {
            return Ok(vec![b.apply(&SIGMOID_CROSS_ENTROPY, Attrs::new(), &[labels, x[1]]).mean(&[-1])]);
        }
        let p = x[1].max(EPSILON).min(1.0 - EPSILON);
        let each = labels * p.log() + (1.0 - labels) * (-p).log1p();
        Ok(vec![-each.mean(&[-1])])
    },
    name: "binary_crossentropy",
    doc: "The mean over the last axis of `-y * log(p) - (1 - y) * log(1 - p)`. `y_pred` is p, kept within 1e-7 and \
          1 - 1e-7, or a logit with `from_logits`.",
    inputs: PAIR,
    attrs: &[FROM_LOGITS, SMOOTHING],
    domain: Domain::Between(0.05, 0.95),
}

composite! {
    /// Cross-entropy of distributions.
    CATEGORICAL_CROSSENTROPY, (b, x) => {
        let dims = x[1].dims()?;
        let axis = infer::axis(b.attrs(), -1, dims.len())?;
        let smoothing = b.attrs().float("label_smoothing").unwrap_or(0.0);
        let labels = if smoothing == 0.0 {
            x[0]
        } else {
            x[0] * (1.0 - smoothing) + smoothing / b.size(&dims[axis], x[1].dtype())
        };
        let along = [axis as i64];
        let log = if b.attrs().bool("from_logits") {
            b.apply(&crate::ops::LOG_SOFTMAX, Attrs::new().with("axis", along[0]), &[x[1]])
        } else {
            (x[1] / x[1].sum_keep(&along)).max(EPSILON).min(1.0 - EPSILON).log()
        };
        Ok(vec![-(labels * log).sum(&along)])
    },
    name: "categorical_crossentropy",
    doc: "`-sum(y * log(p))` over `axis` (default -1). `y_pred` is p, made to sum to 1 and kept within 1e-7 and 1 - 1e-7, \
          or logits with `from_logits`.",
    inputs: PAIR,
    attrs: &[FROM_LOGITS, SMOOTHING, AXIS],
    domain: Domain::Between(0.05, 0.95),
}

composite! {
    /// Cross-entropy of class numbers.
    SPARSE_CATEGORICAL_CROSSENTROPY, (b, x) => {
        let log = if b.attrs().bool("from_logits") {
            x[1].log_softmax()
        } else {
            (x[1] / x[1].sum_keep(&[-1])).max(EPSILON).min(1.0 - EPSILON).log()
        };
        Ok(vec![-at_label(b, classes(b, x)?, log)?])
    },
    name: "sparse_categorical_crossentropy",
    doc: "`-log(p)[label]` over the last axis, for integer labels; one that is no class is an error. `y_pred` is p, made to \
          sum to 1, or logits with `from_logits`.",
    inputs: PAIR,
    attrs: &[FROM_LOGITS],
    domain: Domain::Special("tests/ops/losses.rs"),
}

/// The labels `x[0]`, each of which must be a class, an index of the last axis of `x[1]`, when the program runs.
fn classes<'b>(b: build::Builder<'b>, x: &[Expr<'b>]) -> Result<Expr<'b>> {
    Class::Int.check(&x[0].spec()?)?;
    let dims = x[1].dims()?;
    let last = infer::normalize(-1, dims.len())?;
    Ok(checked(b, User::Labels, x[0].cast(DType::I64), &dims[last..=last]))
}

/// For each row of `rows`, the element at its label; NaN if there is none. By comparing, so that rows stay fused.
pub(super) fn at_label<'b>(b: build::Builder<'b>, labels: Expr<'b>, rows: Expr<'b>) -> Result<Expr<'b>> {
    let (spec, dims) = (labels.spec()?, rows.dims()?);
    Class::Int.check(&spec)?;
    let last = infer::normalize(-1, dims.len())?;
    if spec.dims[..] != dims[..last] {
        let wanted = format!("labels of shape {}, one a row", infer::shape(&dims[..last]));
        return Err(infer::wrong(Kind::Shape, wanted, spec));
    }
    let index = crate::ops::movement::one_hot::index_of_class(labels);
    let mut classes = vec![Dim::ONE; dims.len()];
    classes[last] = dims[last].clone();
    let here = index.unsqueeze(last)?.eq(b.iota(&classes, last, index.dtype()));
    let picked = here.choose(rows, 0.0).sum(&[last as i64]);
    let exists = index.ge(0.0).and(index.lt(b.size(&dims[last], index.dtype())));
    Ok(exists.choose(picked, f64::NAN))
}
