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

/// The operand, later.
pub static RECOMPUTED: OpDef = OpDef {
    name: "recomputed",
    doc: "`x`, but not before `after`, a number, is known, and never merged with `x`: what is computed from it is \
          computed again.",
    inputs: Operands::Named(&["x", "after"]),
    spec: |c| {
        let [x, after] = c.inputs else { unreachable!("two operands") };
        Class::Float.check(x)?;
        if after.rank() > 0 {
            return Err(infer::wrong(Kind::Shape, "a number `after`", after));
        }
        Ok([x.clone()].into_iter().collect())
    },
    grad: Grad::Elementwise(&[partial!(v => v.constant(1.0)), None]),
    lower: Lower::Elementwise(|s| Ok(s.inputs[0])),
    eval: |c| Ok(vec![c.inputs[0].clone()]),
    domain: Domain::Special("tests/ops/elementwise.rs"),
    ..BASE
};
