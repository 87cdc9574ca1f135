//! Raises compositions that the user wrote to a composite that is better than they are.
//!
//! The scheduler fuses elementwise chains and row reductions whatever they are called, so `x * sigmoid(x)` gains
//! nothing by becoming `silu`. What gains is what a composite computes *differently*: the logarithm of a softmax or
//! sigmoid does not underflow when it is one op. That changes -inf into a finite number, so it is done under
//! `Options::fast_math` only.
//!
//! ```text
//! Before (fast_math)
//! graph @f(%0: f32[4, 3] "x") {
//!   %1 = softmax %0 : f32[4, 3]
//!   %2 = log %1 : f32[4, 3]
//!   return %2
//! }
//! After
//! graph @f(%0: f32[4, 3] "x") {
//!   %1 = log_softmax %0 : f32[4, 3]
//!   return %1
//! }
//! ```

use super::{Pass, PassCx};
use crate::base::Result;
use crate::graph::Graph;
use crate::rewrite::rules::fused;
use crate::rewrite::{RuleSet, rewrite};
use std::sync::LazyLock;

/// See the module.
pub static PASS: Pass = Pass { name: "recognize_fused", purpose: "raise compositions to better composites", run };

static RULES: LazyLock<RuleSet> = LazyLock::new(|| RuleSet::new(&[fused::RULES]));

fn run(graph: Graph, cx: &mut PassCx<'_>) -> Result<Graph> {
    rewrite(graph, &RULES, cx.options, cx.log)
}
