//! Ops that change nothing but what flows back.

use crate::ops::entry::*;

composite! {
    /// The operand itself.
    IDENTITY, (_b, x) => Ok(vec![x[0]]),
    name: "identity",
    doc: "The operand itself.",
}

composite! {
    /// A constant, for gradients.
    STOP_GRADIENT, (_b, x) => Ok(vec![x[0]]),
    name: "stop_gradient",
    doc: "The operand itself, but nothing flows back through it.",
    grad: Grad::Zero("stop_gradient stops it"),
    domain: Domain::Special("tests/ops/elementwise.rs"),
}
