//! Rule tables by subject. Each line is a rule; `rewrite/README.md` says how to write one.

pub mod arith;
pub mod cast;
pub mod choose;
pub mod compare;
pub mod contract;
pub mod fused;
pub mod layout;
pub mod movement;
pub mod order;
pub mod power;
pub mod reduce;
#[cfg(test)]
mod soundness;

use super::Draft;
use super::Rule;
use super::pattern::Bindings;

/// Every table: the soundness tests run over it.
pub const ALL: &[&[Rule]] = &[
    order::OPERANDS,
    order::ATTRIBUTES,
    order::SUBTRACTION,
    arith::RULES,
    power::RULES,
    choose::RULES,
    compare::RULES,
    cast::RULES,
    movement::IDENTITIES,
    movement::MERGES,
    movement::SINKS,
    reduce::RULES,
    reduce::SINKS,
    contract::RULES,
    layout::RULES,
    fused::RULES,
];

/// Guard: `x` is of integers or booleans.
fn x_is_discrete(graph: &Draft<'_>, bindings: &Bindings) -> bool {
    bindings.get("x").is_some_and(|x| !graph.spec(x).dtype.is_float())
}

/// Guard: `x` is of floats.
fn x_is_float(graph: &Draft<'_>, bindings: &Bindings) -> bool {
    bindings.get("x").is_some_and(|x| graph.spec(x).dtype.is_float())
}

/// Guard: `x` is not of unsigned integers.
fn x_is_signed(graph: &Draft<'_>, bindings: &Bindings) -> bool {
    bindings.get("x").is_some_and(|x| !graph.spec(x).dtype.is_unsigned_int())
}
