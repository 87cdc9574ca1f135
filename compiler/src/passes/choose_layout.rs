//! Layouts: transposes become flags of products, stacks of small products one tall product, short rows that many
//! sums share are turned so that vectors run along the sums.
//!
//! ```text
//! Before
//! graph @f(%0: f32[4, 3] "x", %1: f32[2, 3] "w") {
//!   %2 = transpose %1 {perm = [1, 0]} : f32[3, 2]
//!   %3 = matmul %0, %2 : f32[4, 2]
//!   return %3
//! }
//! After
//! graph @f(%0: f32[4, 3] "x", %1: f32[2, 3] "w") {
//!   %2 = matmul %0, %1 {transpose_b = true} : f32[4, 2]
//!   return %2
//! }
//! ```

use super::{Pass, PassCx};
use crate::base::Result;
use crate::graph::Graph;
use crate::rewrite::rules::{contract, layout, movement};
use crate::rewrite::{RuleSet, rewrite};
use std::sync::LazyLock;

/// See the module.
pub static PASS: Pass =
    Pass { name: "choose_layout", purpose: "products and sums read their operands as they lie", run };

static RULES: LazyLock<RuleSet> =
    LazyLock::new(|| RuleSet::new(&[movement::IDENTITIES, movement::MERGES, contract::RULES, layout::RULES]));

fn run(graph: Graph, cx: &mut PassCx<'_>) -> Result<Graph> {
    rewrite(graph, &RULES, cx.options, cx.log)
}
