//! Algebra: applies the rule tables of `rewrite/rules` that make a node cheaper.
//!
//! ```text
//! Before
//! graph @f(%0: f32[4] "x", %1: f32[4] "y") {
//!   %2 = constant {value = data f32[](1)} : f32[]
//!   %3 = multiply %0, %2 : f32[4]
//!   %4 = negative %1 : f32[4]
//!   %5 = add %3, %4 : f32[4]
//!   return %5
//! }
//! After
//! graph @f(%0: f32[4] "x", %1: f32[4] "y") {
//!   %2 = subtract %0, %1 : f32[4]
//!   return %2
//! }
//! ```
//!
//! NaN, infinities and signed zeros keep their meaning unless `Options::fast_math` gives it up; rounding stays as it
//! is in `strict` mode.

use super::{Pass, PassCx};
use crate::base::Result;
use crate::graph::Graph;
use crate::rewrite::rules::{arith, cast, choose, compare, movement, power, reduce};
use crate::rewrite::{RuleSet, rewrite};
use std::sync::LazyLock;

/// See the module.
pub static PASS: Pass = Pass { name: "simplify", purpose: "algebra that makes nodes fewer or cheaper", run };

static RULES: LazyLock<RuleSet> = LazyLock::new(|| {
    RuleSet::new(&[
        movement::IDENTITIES,
        arith::RULES,
        power::RULES,
        choose::RULES,
        compare::RULES,
        cast::RULES,
        reduce::RULES,
    ])
});

fn run(graph: Graph, cx: &mut PassCx<'_>) -> Result<Graph> {
    rewrite(graph, &RULES, cx.options, cx.log)
}
