//! Merges nodes that compute the same: equal op, attributes and operands. Nodes with effects are left alone.
//!
//! ```text
//! Before
//! graph @f(%0: f32[4] "x") {
//!   %1 = exp %0 : f32[4]
//!   %2 = exp %0 : f32[4]
//!   %3 = add %1, %2 : f32[4]
//!   return %3
//! }
//! After
//! graph @f(%0: f32[4] "x") {
//!   %1 = exp %0 : f32[4]
//!   %2 = add %1, %1 : f32[4]
//!   return %2
//! }
//! ```

use super::{Pass, PassCx};
use crate::base::Result;
use crate::graph::opdef::{Effects, Lower};
use crate::graph::{Graph, Node, NodeId, edit};
use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};

/// See the module.
pub static PASS: Pass = Pass { name: "merge_common", purpose: "compute equal things once", run };

fn run(mut graph: Graph, cx: &mut PassCx<'_>) -> Result<Graph> {
    let mut first: FxHashMap<u64, SmallVec<[NodeId; 1]>> = FxHashMap::default();
    first.reserve(graph.nodes.len());
    let mut kept: Vec<NodeId> = Vec::with_capacity(graph.nodes.len());
    let before = cx.log.rewrites;
    for index in 0..graph.nodes.len() {
        let id = NodeId(index as u32);
        for input in &mut graph.nodes[index].inputs {
            input.node = kept[input.node.index()];
        }
        kept.push(id);
        let node = &graph.nodes[index];
        if node.op.effects != Effects::Pure || matches!(node.op.lower, Lower::Parameter) || !cx.log.may_continue() {
            continue;
        }
        let same = first.entry(fingerprint(node)).or_default();
        match same.iter().find(|other| is_same(node, graph.node(**other))) {
            Some(&other) => {
                kept[index] = other;
                cx.log.applied("equal_node");
            }
            None => same.push(id),
        }
    }
    if cx.log.rewrites > before {
        graph.outputs.iter_mut().for_each(|v| v.node = kept[v.node.index()]);
        edit::sweep(&mut graph);
    }
    Ok(graph)
}

fn fingerprint(node: &Node) -> u64 {
    let mut hasher = FxHasher::default();
    (std::ptr::from_ref(node.op).addr(), &node.attrs, &node.inputs).hash(&mut hasher);
    hasher.finish()
}

fn is_same(a: &Node, b: &Node) -> bool {
    std::ptr::eq(a.op, b.op) && a.inputs == b.inputs && a.attrs == b.attrs && a.outputs == b.outputs
}
