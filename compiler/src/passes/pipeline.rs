//! The order of the passes, and why.

use super::*;
use crate::options::Level;

/// Every pass.
pub const ALL: &[&Pass] = O2;

/// The passes of a level, in order.
pub fn passes(level: Level) -> &'static [&'static Pass] {
    match level {
        Level::O0 => O0,
        Level::O1 => O1,
        Level::O2 => O2,
    }
}

const O0: &[&Pass] = &[
    &expand_composites::PASS, // later stages know primitives only
    &remove_dead::PASS,       // expansions leave what nobody asked for
];

const O1: &[&Pass] = &[
    &remove_dead::PASS,       // differentiation leaves much: do not work on it
    &expand_composites::PASS, // later stages know primitives only
    &canonicalize::PASS,      // one form, so that rules and merging see fewer
    &simplify::PASS,          // algebra
    &fold_constants::PASS,    // what algebra has made constant
    &merge_common::PASS,      // after simplify: equal things look equal
    &sink_movement::PASS,     // copies become index maps
    &choose_layout::PASS,     // transposes become flags of products
    &remove_dead::PASS,       // what the others orphaned
];

const O2: &[&Pass] = &[
    &remove_dead::PASS,       // differentiation leaves much: do not work on it
    &recognize_fused::PASS,   // needs the composites that the user wrote
    &expand_composites::PASS, // later stages know primitives only
    &canonicalize::PASS,      // one form, so that rules and merging see fewer
    &simplify::PASS,          // algebra
    &fold_constants::PASS,    // what algebra has made constant
    &sink_movement::PASS,     // copies become index maps
    &merge_common::PASS,      // before the second round: rules see equal operands as equal
    &canonicalize::PASS,      // folding made new constants: they go right
    &simplify::PASS,          // on what folding, merging and sinking exposed
    &choose_layout::PASS,     // after sinking: transposes stand next to their product
    &merge_common::PASS,      // what the second round made equal
    &remove_dead::PASS,       // what the others orphaned
];
