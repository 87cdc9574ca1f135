//! Moves reshapes, transposes and broadcasts towards users, where they merge, cancel, or become index maps of the
//! kernel that reads them, free of copies.
//!
//! ```text
//! Before
//! graph @f(%0: f32[4, 3] "x", %1: f32[4] "scale") {
//!   %2 = reshape %1 {dims = dims[4, 1]} : f32[4, 1]
//!   %3 = broadcast_to %2 {dims = dims[4, 3]} : f32[4, 3]
//!   %4 = multiply %0, %3 : f32[4, 3]
//!   return %4
//! }
//! After
//! graph @f(%0: f32[4, 3] "x", %1: f32[4] "scale") {
//!   %2 = reshape %1 {dims = dims[4, 1]} : f32[4, 1]
//!   %3 = multiply %0, %2 : f32[4, 3]
//!   return %3
//! }
//! ```

use super::{Pass, PassCx};
use crate::base::Result;
use crate::graph::Graph;
use crate::rewrite::rules::{movement, reduce};
use crate::rewrite::{RuleSet, rewrite};
use std::sync::LazyLock;

/// See the module.
pub static PASS: Pass = Pass { name: "sink_movement", purpose: "move data late, or never", run };

static RULES: LazyLock<RuleSet> = LazyLock::new(|| {
    RuleSet::new(&[movement::IDENTITIES, movement::MERGES, movement::SINKS, reduce::RULES, reduce::SINKS])
});

fn run(graph: Graph, cx: &mut PassCx<'_>) -> Result<Graph> {
    rewrite(graph, &RULES, cx.options, cx.log)
}
