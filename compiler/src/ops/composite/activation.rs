//! Activation functions beyond the rectifiers.

use crate::ops::entry::*;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

composite! {
    /// `x`, or `alpha * (e^x - 1)` below 0.
    ELU, (b, x) => {
        let alpha = b.attrs().float("alpha").unwrap_or(1.0);
        // The side that is not taken must not overflow: its derivative would be 0 * inf.
        Ok(vec![x[0].gt(0.0).choose(x[0], x[0].min(0.0).expm1() * alpha)])
    },
    name: "elu",
    doc: "`x` above 0, `alpha * (e^x - 1)` (default alpha 1) elsewhere.",
    attrs: &[optional("alpha", AttrKind::Float)],
}

composite! {
    /// The scaled elu that keeps mean 0 and variance 1.
    SELU, (_b, x) => {
        const ALPHA: f64 = 1.673_263_242_354_377_2;
        const SCALE: f64 = 1.050_700_987_355_480_5;
        Ok(vec![x[0].gt(0.0).choose(x[0] * SCALE, x[0].min(0.0).expm1() * (ALPHA * SCALE))])
    },
    name: "selu",
    doc: "`scale * elu(x, alpha)` with the constants of Klambauer et al., \"Self-normalizing neural networks\", 2017.",
}

composite! {
    /// `x * sigmoid(x)`.
    SILU, (_b, x) => Ok(vec![x[0] * x[0].sigmoid()]),
    name: "silu",
    doc: "`x * sigmoid(x)`, also called swish.",
}

composite! {
    /// `x * Φ(x)`.
    GELU, (b, x) => {
        Class::Float.check(&x[0].spec()?)?;
        if b.attrs().bool("approximate") {
            let inner = (x[0] + x[0] * x[0] * x[0] * 0.044715) * (FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
            return Ok(vec![x[0] * 0.5 * (inner.tanh() + 1.0)]);
        }
        // Φ itself keeps the digits of the left tail that 1 + erf would cancel.
        Ok(vec![x[0] * x[0].ndtr()])
    },
    name: "gelu",
    doc: "`x * Φ(x)` with the normal distribution function Φ; by tanh if `approximate`.",
    attrs: &[optional("approximate", AttrKind::Bool)],
}

composite! {
    /// `x / (1 + |x|)`.
    SOFTSIGN, (_b, x) => Ok(vec![x[0] / (x[0].abs() + 1.0)]),
    name: "softsign",
    doc: "`x / (1 + |x|)`.",
    grad: Grad::Elementwise(&[partial!(v => (v.x().abs() + 1.0).square().reciprocal())]),
}

composite! {
    /// `log(sigmoid(x))`.
    LOG_SIGMOID, (_b, x) => Ok(vec![-(-x[0]).softplus()]),
    name: "log_sigmoid",
    doc: "`log(sigmoid(x))`, without overflow.",
    grad: Grad::Elementwise(&[partial!(v => (-v.x()).sigmoid())]),
}

composite! {
    /// `x * tanh(softplus(x))`.
    MISH, (_b, x) => Ok(vec![x[0] * x[0].softplus().tanh()]),
    name: "mish",
    doc: "`x * tanh(softplus(x))`.",
}

composite! {
    /// A sigmoid of straight lines.
    HARD_SIGMOID, (_b, x) => Ok(vec![(x[0] + 3.0).max(0.0).min(6.0) / 6.0]),
    name: "hard_sigmoid",
    doc: "`min(max(x + 3, 0), 6) / 6`.",
}

composite! {
    /// `x * hard_sigmoid(x)`.
    HARD_SILU, (_b, x) => Ok(vec![x[0] * ((x[0] + 3.0).max(0.0).min(6.0) / 6.0)]),
    name: "hard_silu",
    doc: "`x * min(max(x + 3, 0), 6) / 6`, also called hard swish.",
}
