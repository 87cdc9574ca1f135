//! Which values need cotangents: those through which a source can influence a target differentiably.

use super::is_differentiable;
use crate::graph::opdef::Grad;
use crate::graph::walk::ValueMap;
use crate::graph::{Graph, ValueId};

/// Marks the floating-point (and complex) values that depend on a source through ops that pass cotangents back.
///
/// An op whose gradient is [`Grad::None`] counts as passing: that one is met, and reported, in the sweep.
pub fn active(graph: &Graph, sources: &[ValueId]) -> ValueMap<bool> {
    let mut active = ValueMap::new(graph, false);
    for &source in sources {
        active[source] = is_differentiable(graph.spec(source).dtype);
    }
    for (id, node) in graph.iter() {
        let passes = !matches!(node.op.grad, Grad::Zero(_)) && node.inputs.iter().any(|&v| active[v]);
        for (i, spec) in (0..).zip(&node.outputs) {
            active[id.result(i)] |= passes && is_differentiable(spec.dtype);
        }
    }
    active
}
