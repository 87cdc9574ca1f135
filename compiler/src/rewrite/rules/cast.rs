//! Conversions, and rounding of what is whole already.

use crate::base::{DType, Result};
use crate::graph::ValueId;
use crate::ops::{CAST, CEIL, FLOOR, ROUND, TRUNC};
use crate::rewrite::rule::{Action, Roots};
use crate::rewrite::{Draft, Exactness, Outcome, Rule};

/// See the module.
pub const RULES: &[Rule] = &[
    Rule {
        name: "cast_to_its_dtype",
        exactness: Exactness::Exact,
        action: Action::Code {
            roots: Roots::Ops(&[&CAST]),
            apply: cast_to_its_dtype,
            examples: &["graph @f(%0: f32[3] \"x\") {\n  %1 = cast %0 {dtype = f32} : f32[3]\n  return %1\n}"],
        },
    },
    Rule {
        name: "cast_of_widened",
        exactness: Exactness::Exact,
        action: Action::Code {
            roots: Roots::Ops(&[&CAST]),
            apply: cast_of_widened,
            examples: &[
                "graph @f(%0: bool[3] \"x\") {
                   %1 = cast %0 {dtype = f32} : f32[3]
                   %2 = cast %1 {dtype = i32} : i32[3]
                   return %2
                 }",
                "graph @f(%0: i32[3] \"x\") {
                   %1 = cast %0 {dtype = f64} : f64[3]
                   %2 = cast %1 {dtype = f32} : f32[3]
                   return %2
                 }",
                "graph @f(%0: f16[3] \"x\") {
                   %1 = cast %0 {dtype = f32} : f32[3]
                   %2 = cast %1 {dtype = f16} : f16[3]
                   return %2
                 }",
            ],
        },
    },
    Rule {
        name: "round_whole",
        exactness: Exactness::Exact,
        action: Action::Code {
            roots: Roots::Ops(ROUNDING),
            apply: round_whole,
            examples: &["graph @f(%0: f32[3] \"x\") {
                           %1 = ceil %0 : f32[3]
                           %2 = floor %1 : f32[3]
                           return %2
                         }"],
        },
    },
];

const ROUNDING: &[&crate::graph::OpDef] = &[&FLOOR, &CEIL, &ROUND, &TRUNC];

fn cast_to_its_dtype(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let x = graph.operand(root, 0);
    let is_same = graph.spec(x).dtype == graph.spec(root).dtype;
    Ok(if is_same { Outcome::Applied(x) } else { Outcome::NoMatch })
}

/// `cast(cast(x, wide), to)` is `cast(x, to)`.
fn cast_of_widened(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let inner = graph.operand(root, 0);
    if !graph.is(inner, &CAST) {
        return Ok(Outcome::NoMatch);
    }
    let x = graph.operand(inner, 0);
    let (from, wide, to) = (graph.spec(x).dtype, graph.spec(inner).dtype, graph.spec(root).dtype);
    if !holds_exactly(wide, from) {
        return Ok(Outcome::Blocked("the inner conversion may change the value"));
    }
    // Floats saturate where integers wrap.
    if from.is_int() && wide.is_float() && to.is_int() && !holds_exactly(to, from) {
        return Ok(Outcome::Blocked("a float saturates where an integer wraps"));
    }
    let attrs = graph.node(root).attrs.clone();
    graph.apply(&CAST, attrs, &[x]).map(Outcome::Applied)
}

/// `floor(ceil(x))` is `ceil(x)`.
fn round_whole(graph: &mut Draft<'_>, root: ValueId) -> Result<Outcome> {
    let inner = graph.operand(root, 0);
    let is_whole = ROUNDING.iter().any(|op| graph.is(inner, op));
    Ok(if is_whole { Outcome::Applied(inner) } else { Outcome::NoMatch })
}

/// Whether every value of `from` is one of `to`.
fn holds_exactly(to: DType, from: DType) -> bool {
    // Bits of whole numbers that are exact, without the sign; and whether there is a sign.
    let whole = |d: DType| match d {
        DType::Bool => (1, false),
        DType::F64 => (53, true),
        DType::F32 => (24, true),
        DType::F16 => (11, true),
        DType::BF16 => (8, true),
        d if d.is_unsigned_int() => (8 * d.size(), false),
        d => (8 * d.size() - 1, true),
    };
    match (to, from) {
        _ if to == from => true,
        (DType::Complex64, _) | (_, DType::Complex64) => false,
        (DType::Bool, _) => false,
        (DType::F64, _) if from.is_float() => true,
        (DType::F32, DType::F16 | DType::BF16) => true,
        _ if from.is_float() => false,
        _ => {
            let ((to_bits, to_signed), (from_bits, from_signed)) = (whole(to), whole(from));
            to_bits >= from_bits && (to_signed || !from_signed)
        }
    }
}
