//! Losses of margins, of distributions and of ratios, as Keras has them: `(y_true, y_pred)`, one number an example.

use crate::ops::entry::*;
use std::f64::consts::LN_2;

const PAIR: Operands = Operands::Named(&["y_true", "y_pred"]);
/// What Keras keeps divisors and logarithms away from 0 by.
const EPSILON: f64 = 1e-7;

composite! {
    /// Distance from the right side of a margin.
    HINGE, (_b, x) => Ok(vec![margin(x).mean(&[-1])]),
    name: "hinge",
    doc: "The mean of `max(1 - y_true * y_pred, 0)` over the last axis. Labels 0 and 1 count as ±1.",
    inputs: PAIR,
    domain: Domain::Special("tests/ops/special.rs"),
}

composite! {
    /// Its square.
    SQUARED_HINGE, (_b, x) => Ok(vec![margin(x).square().mean(&[-1])]),
    name: "squared_hinge",
    doc: "The mean of `max(1 - y_true * y_pred, 0)^2` over the last axis. Labels 0 and 1 count as ±1.",
    inputs: PAIR,
    domain: Domain::Special("tests/ops/special.rs"),
}

composite! {
    /// The margin between the right class and the best wrong one.
    CATEGORICAL_HINGE, (_b, x) => {
        let right = (x[0] * x[1]).sum(&[-1]);
        let wrong = ((1.0 - x[0]) * x[1]).reduce_max(&[-1]);
        Ok(vec![(wrong - right + 1.0).max(0.0)])
    },
    name: "categorical_hinge",
    doc: "`max(1 + max((1 - y_true) * y_pred) - sum(y_true * y_pred), 0)` over the last axis.",
    inputs: PAIR,
}

composite! {
    /// The logarithm of the hyperbolic cosine of the error.
    LOG_COSH, (_b, x) => {
        let error = x[1] - x[0];
        Ok(vec![(error + (error * -2.0).softplus() - LN_2).mean(&[-1])])
    },
    name: "log_cosh",
    doc: "The mean of `log(cosh(y_pred - y_true))` over the last axis, without overflow.",
    inputs: PAIR,
}

composite! {
    /// How far one distribution is from another.
    KL_DIVERGENCE, (_b, x) => {
        let (p, q) = (x[0].max(EPSILON).min(1.0), x[1].max(EPSILON).min(1.0));
        Ok(vec![(p * (p / q).log()).sum(&[-1])])
    },
    name: "kl_divergence",
    doc: "The sum of `y_true * log(y_true / y_pred)` over the last axis, both kept within 1e-7 and 1.",
    inputs: PAIR,
    domain: Domain::Between(0.05, 0.95),
}

composite! {
    /// The negative logarithm of a Poisson probability, up to a constant.
    POISSON, (_b, x) => Ok(vec![(x[1] - x[0] * (x[1] + EPSILON).log()).mean(&[-1])]),
    name: "poisson",
    doc: "The mean of `y_pred - y_true * log(y_pred + 1e-7)` over the last axis.",
    inputs: PAIR,
    domain: Domain::Between(0.2, 3.0),
}

composite! {
    /// Errors relative to the truth.
    MEAN_ABSOLUTE_PERCENTAGE_ERROR, (_b, x) => {
        let relative = (x[0] - x[1]).abs() / x[0].abs().max(EPSILON);
        Ok(vec![relative.mean(&[-1]) * 100.0])
    },
    name: "mean_absolute_percentage_error",
    doc: "100 times the mean of `|y_true - y_pred| / max(|y_true|, 1e-7)` over the last axis.",
    inputs: PAIR,
    domain: Domain::NonZero,
}

composite! {
    /// Errors of logarithms.
    MEAN_SQUARED_LOGARITHMIC_ERROR, (_b, x) => {
        Ok(vec![(x[0].max(EPSILON).log1p() - x[1].max(EPSILON).log1p()).square().mean(&[-1])])
    },
    name: "mean_squared_logarithmic_error",
    doc: "The mean of `(log(1 + y_true) - log(1 + y_pred))^2` over the last axis, both at least 1e-7.",
    inputs: PAIR,
    domain: Domain::Between(0.2, 3.0),
}

/// `max(1 - y_true * y_pred, 0)`. As in Keras, labels that are all 0 or 1 are made ±1.
fn margin<'b>(x: &[Expr<'b>]) -> Expr<'b> {
    let is_binary = x[0].eq(0.0).or(x[0].eq(1.0));
    let all = x[0].b().apply(&crate::ops::REDUCE_ALL, Attrs::new(), &[is_binary]);
    let labels = all.choose(x[0] * 2.0 - 1.0, x[0]);
    (1.0 - labels * x[1]).max(0.0)
}
