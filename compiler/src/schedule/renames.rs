//! Values seen through the movements that only rename their axes: transpose, added or dropped unit axes, broadcast.

use super::view::unit_reshape;
use crate::base::{Dim, TensorSpec};
use crate::graph::opdef::{Lower, Movement};
use crate::graph::walk::ValueMap;
use crate::graph::{Graph, Node, NodeId, ValueId};
use crate::ops::infer;
use smallvec::SmallVec;

/// For each axis of a value, the axis of another thing that it runs along.
pub type AxisMap = SmallVec<[Option<usize>; 4]>;

/// For each value of a graph, the value that renaming movements make it of, and the axis of that which each of its axes
/// is; none for axes of length 1.
#[derive(Clone, Debug)]
pub struct Renames(ValueMap<(ValueId, AxisMap)>);

impl Renames {
    /// Of a graph's values.
    pub fn of(graph: &Graph) -> Renames {
        let mut known = ValueMap::new(graph, (NodeId(0).result(0), AxisMap::new()));
        for (id, node) in graph.iter() {
            for (k, spec) in (0..).zip(&node.outputs) {
                let value = id.result(k);
                let through = node.inputs.first().filter(|_| k == 0).and_then(|&operand| {
                    let step = step(node, graph.spec(operand), spec)?;
                    let (base, map): &(ValueId, AxisMap) = &known[operand];
                    Some((*base, step.iter().map(|axis| axis.and_then(|a| map[a])).collect()))
                });
                let own = || (0..spec.rank()).map(|axis| (spec.dims[axis] != Dim::ONE).then_some(axis)).collect();
                known[value] = through.unwrap_or_else(|| (value, own()));
            }
        }
        Renames(known)
    }

    /// The value that this one is of.
    pub fn base(&self, value: ValueId) -> ValueId {
        self.0[value].0
    }

    /// That value, and which axis of it each axis is.
    pub fn get(&self, value: ValueId) -> (ValueId, &AxisMap) {
        let (base, axes) = &self.0[value];
        (*base, axes)
    }
}

/// Which axis of its operand each axis of a movement's result is; None if it does more than rename.
fn step(node: &Node, from: &TensorSpec, to: &TensorSpec) -> Option<AxisMap> {
    let Lower::Movement(movement) = node.op.lower else { return None };
    let from = &from.dims;
    match movement {
        Movement::Transpose => {
            let perm = infer::permutation(&node.attrs, from.len()).ok()?;
            Some(perm.iter().map(|&axis| Some(axis)).collect())
        }
        Movement::Broadcast => {
            let added = to.rank() - from.len();
            Some((0..to.rank()).map(|k| k.checked_sub(added).filter(|&a| from[a] != Dim::ONE)).collect())
        }
        Movement::Reshape => Some(unit_reshape(from, &to.dims)?.into_iter().collect()),
        _ => None,
    }
}
