//! Drops nodes that no output and no effect needs. Inputs stay, used or not.
//!
//! ```text
//! Before
//! graph @f(%0: f32[4] "x") {
//!   %1 = exp %0 : f32[4]
//!   %2 = log %0 : f32[4]
//!   return %1
//! }
//! After
//! graph @f(%0: f32[4] "x") {
//!   %1 = exp %0 : f32[4]
//!   return %1
//! }
//! ```

use super::{Pass, PassCx};
use crate::base::Result;
use crate::graph::{Graph, edit};

/// See the module.
pub static PASS: Pass = Pass { name: "remove_dead", purpose: "drop what no output needs", run };

fn run(mut graph: Graph, cx: &mut PassCx<'_>) -> Result<Graph> {
    let before = graph.nodes.len();
    edit::sweep(&mut graph);
    cx.log.count("unused_node", (before - graph.nodes.len()) as u64);
    Ok(graph)
}
