//! The one place that sets normal forms: constants right, operands of commutative ops in order of definition, `<` for
//! `>`, axes written out and non-negative, two moves merged into one. Other rules expect these forms.
//!
//! ```text
//! Before
//! graph @f(%0: f32[4, 3] "x", %1: f32[4] "y") {
//!   %2 = constant {value = data f32[](2)} : f32[]
//!   %3 = reduce_max %0 {axes = [-1]} : f32[4]
//!   %4 = add %3, %1 : f32[4]
//!   %5 = multiply %2, %4 : f32[4]
//!   return %5
//! }
//! After
//! graph @f(%0: f32[4, 3] "x", %1: f32[4] "y") {
//!   %2 = constant {value = data f32[](2.0)} : f32[]
//!   %3 = reduce_max %0 {axes = [1]} : f32[4]
//!   %4 = add %1, %3 : f32[4]
//!   %5 = multiply %4, %2 : f32[4]
//!   return %5
//! }
//! ```

use super::{Pass, PassCx};
use crate::base::Result;
use crate::graph::Graph;
use crate::rewrite::rules::{movement, order};
use crate::rewrite::{RuleSet, rewrite};
use std::sync::LazyLock;

/// See the module.
pub static PASS: Pass = Pass { name: "canonicalize", purpose: "write each thing in one way", run };

static RULES: LazyLock<RuleSet> =
    LazyLock::new(|| RuleSet::new(&[order::ATTRIBUTES, order::OPERANDS, order::SUBTRACTION, movement::MERGES]));

fn run(graph: Graph, cx: &mut PassCx<'_>) -> Result<Graph> {
    rewrite(graph, &RULES, cx.options, cx.log)
}
