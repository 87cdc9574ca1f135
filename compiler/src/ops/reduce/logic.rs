//! Whether all or any are true.

use super::{AXES, evaluate, spec};
use crate::ops::entry::*;

/// Whether all are true.
pub static REDUCE_ALL: OpDef = OpDef {
    name: "reduce_all",
    doc: "Whether all are true over `axes`; true if there are no elements.",
    attrs: AXES,
    spec: |c| spec(c, Class::Bool),
    grad: DISCRETE,
    lower: Lower::Reduction(ReduceKind::All),
    eval: |c| evaluate(c, |_| unreachable!("the spec admits bool only"), |x| x.iter().all(|&v| v != 0).into()),
    domain: Domain::Bools,
    ..BASE
};

/// Whether any is true.
pub static REDUCE_ANY: OpDef = OpDef {
    name: "reduce_any",
    doc: "Whether any is true over `axes`; false if there are no elements.",
    attrs: AXES,
    spec: |c| spec(c, Class::Bool),
    grad: DISCRETE,
    lower: Lower::Reduction(ReduceKind::Any),
    eval: |c| evaluate(c, |_| unreachable!("the spec admits bool only"), |x| x.iter().any(|&v| v != 0).into()),
    domain: Domain::Bools,
    ..BASE
};
