//! What op entries are written with: default fields, attribute declarations, and the imports they share.

pub(super) use super::build::{self, Expr, Vjp};
pub(super) use super::eval;
pub(super) use super::infer::{self, Class};
pub(super) use crate::base::{DType, Dim, Error, Kind, Result, TensorSpec};
pub(super) use crate::graph::cx::Handles;
pub(super) use crate::graph::opdef::{
    AttrDef, AttrKind, Domain, Effects, EvalCx, ExpandCx, Grad, GradCx, LibraryCall, Lower, Movement, Operands, Source,
    SpecCx,
};
pub(super) use crate::graph::{Attrs, OpDef};
pub(super) use crate::kernel::{BinaryOp, CompareOp, MathOp, ReduceKind, UnaryOp};

/// Fields that most entries share: a composite without attributes, differentiated through its expansion.
pub(super) const BASE: OpDef = OpDef {
    name: "",
    doc: "",
    inputs: Operands::Named(&["x"]),
    attrs: &[],
    spec: infer::same,
    grad: Grad::Expansion,
    lower: Lower::Parameter,
    eval: eval::by_expansion,
    domain: Domain::Any,
    effects: Effects::Pure,
};

/// An attribute that must be given.
pub(super) const fn required(name: &'static str, kind: AttrKind) -> AttrDef {
    AttrDef { name, kind, optional: false }
}

/// An attribute that may be left out.
pub(super) const fn optional(name: &'static str, kind: AttrKind) -> AttrDef {
    AttrDef { name, kind, optional: true }
}

/// Operands `x` and `y`.
pub(super) const XY: Operands = Operands::Named(&["x", "y"]);

/// No operands.
pub(super) const NOTHING: Operands = Operands::Named(&[]);

/// Why integers and truth values have no gradient.
pub(super) const DISCRETE: Grad = Grad::Zero("its result is not a float");

/// A partial derivative: `partial!(|v| v.y())`.
macro_rules! partial {
    ($v:pat => $e:expr) => {
        Some(|g: &mut GradCx<'_>| build::partial(g, |$v| $e))
    };
}

/// A gradient rule: `rule!(v => Ok(vec![Some(v.g())]))`.
macro_rules! rule {
    ($v:ident => $e:expr) => {
        Grad::Rule(|g: &mut GradCx<'_>| build::vjp(g, |$v| $e))
    };
}

/// A composite: the spec and the lowering from one expansion.
///
/// `composite! { NAME, (b, x) => results, field: value, .. }`
macro_rules! composite {
    ($(#[$meta:meta])* $static:ident, ($b:ident, $x:pat_param) => $body:expr, $($field:ident: $value:expr),* $(,)?) => {
        $(#[$meta])*
        pub static $static: OpDef = {
            fn expansion(c: &mut ExpandCx<'_>) -> Result<Handles> {
                build::expand(c, |$b, $x| $body)
            }
            OpDef {
                $($field: $value,)*
                spec: |c| infer::expansion(c, expansion),
                lower: Lower::Composite(expansion),
                ..BASE
            }
        };
    };
}

pub(super) use {composite, partial, rule};
