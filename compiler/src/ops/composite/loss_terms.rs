//! Losses element by element, as TensorFlow's `nn` has them, to be summed or averaged by the caller.

use crate::ops::entry::*;
use std::f64::consts::PI;

const PAIR: Operands = Operands::Named(&["y_true", "y_pred"]);

composite! {
    /// Squares near 0, distances elsewhere.
    SMOOTH_L1, (b, x) => {
        let beta = b.attrs().float("beta").unwrap_or(1.0);
        if beta.is_nan() || beta < 0.0 {
            return Err(infer::wrong(Kind::Value, "a `beta` of at least 0", beta));
        }
        let distance = (x[1] - x[0]).abs();
        if beta == 0.0 {
            return Ok(vec![distance]);
        }
        Ok(vec![distance.lt(beta).choose(distance.square() * (0.5 / beta), distance - 0.5 * beta)])
    },
    name: "smooth_l1",
    doc: "`error^2 / (2 beta)` where `|error| < beta` (default 1), `|error| - beta / 2` elsewhere.",
    inputs: PAIR,
    attrs: &[optional("beta", AttrKind::Float)],
}

composite! {
    /// The negative logarithm of a Poisson probability, of rates.
    POISSON_NLL, (b, x) => {
        let (count, rate) = (x[0], x[1]);
        let loss = if b.attrs().bool("log_input") {
            rate.exp() - count * rate
        } else {
            rate - count * (rate + b.attrs().float("eps").unwrap_or(1e-8)).log()
        };
        Ok(vec![if b.attrs().bool("full") { loss + stirling(count, count.gt(1.0)) } else { loss }])
    },
    name: "poisson_nll",
    doc: "`rate - count * log(rate + eps)` (default eps 1e-8) with `count` as `y_true`; `y_pred` is the rate, or its \
          logarithm with `log_input`. `full` adds Stirling's approximation of `log(count!)` where `count > 1`.",
    inputs: PAIR,
    attrs: &[optional("log_input", AttrKind::Bool), optional("full", AttrKind::Bool), optional("eps", AttrKind::Float)],
    domain: Domain::Between(0.2, 0.9),
}

composite! {
    /// TensorFlow's form of it, of logarithms of rates.
    LOG_POISSON_LOSS, (b, x) => {
        let (count, log_rate) = (x[0], x[1]);
        let loss = log_rate.exp() - count * log_rate;
        let is_large = count.lt(0.0).or(count.gt(1.0));
        Ok(vec![if b.attrs().bool("compute_full_loss") { loss + stirling(count, is_large) } else { loss }])
    },
    name: "log_poisson_loss",
    doc: "`e^log_input - targets * log_input`; `compute_full_loss` adds Stirling's approximation of `log(targets!)` \
          where `targets` is not within 0 and 1.",
    inputs: Operands::Named(&["targets", "log_input"]),
    attrs: &[optional("compute_full_loss", AttrKind::Bool)],
}

composite! {
    /// A term of the Kullback-Leibler divergence, from logarithms.
    KL_DIVERGENCE_POINTWISE, (b, x) => {
        let (target, log_p) = (x[0], x[1]);
        if b.attrs().bool("log_target") {
            return Ok(vec![target.exp() * (target - log_p)]);
        }
        Ok(vec![b.apply(&crate::ops::XLOGY, Attrs::new(), &[target, target]) - target * log_p])
    },
    name: "kl_divergence_pointwise",
    doc: "`target * (log(target) - log_p)` with `target` as `y_true` (its logarithm, with `log_target`) and `log_p` \
          as `y_pred`.",
    inputs: PAIR,
    attrs: &[optional("log_target", AttrKind::Bool)],
    domain: Domain::Between(0.2, 0.9),
}

composite! {
    /// The logistic loss of signs.
    SOFT_MARGIN, (_b, x) => Ok(vec![(-(x[0] * x[1])).softplus()]),
    name: "soft_margin",
    doc: "`log(1 + e^(-y_true * y_pred))` for labels ±1.",
    inputs: PAIR,
}

composite! {
    /// Cross-entropy of yes-or-no labels, the yes weighted.
    WEIGHTED_SIGMOID_CROSS_ENTROPY, (_b, x) => {
        let (labels, logits, weight) = (x[0], x[1], x[2]);
        let factor = labels * (weight - 1.0) + 1.0;
        Ok(vec![(1.0 - labels) * logits + factor * (-logits).softplus()])
    },
    name: "weighted_sigmoid_cross_entropy_with_logits",
    doc: "`-pos_weight * labels * log(p) - (1 - labels) * log(1 - p)` with `p = sigmoid(logits)`, without overflow.",
    inputs: Operands::Named(&["labels", "logits", "pos_weight"]),
}

composite! {
    /// Half the sum of squares.
    L2_LOSS, (b, x) => Ok(vec![b.apply(&crate::ops::REDUCE_SUM, Attrs::new(), &[x[0].square()]) * 0.5]),
    name: "l2_loss",
    doc: "`sum(x^2) / 2` over all elements.",
    grad: rule!(v => Ok(vec![Some(v.g() * v.x())])),
}

/// Stirling's approximation of `log(n!)` where `wanted`, 0 elsewhere; the operand of the logarithm is safe everywhere.
fn stirling<'b>(n: Expr<'b>, wanted: Expr<'b>) -> Expr<'b> {
    let safe = wanted.choose(n, 1.0);
    wanted.choose(safe * safe.log() - safe + (safe * (2.0 * PI)).log() * 0.5, 0.0)
}
