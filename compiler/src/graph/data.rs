//! Storage of the tensor-level IR: [`Graph`], [`Node`] and their ids.

use super::{Attrs, OpDef};
use crate::base::{Loc, TensorSpec};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A node of one graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Result `index` of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId {
    /// The node that defines it.
    pub node: NodeId,
    /// Which of the node's results.
    pub index: u32,
}

impl NodeId {
    /// The id as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// Result `index` of this node.
    pub fn result(self, index: u32) -> ValueId {
        ValueId { node: self, index }
    }
}

/// One application of an op.
#[derive(Clone, Debug)]
pub struct Node {
    /// Which op.
    pub op: &'static OpDef,
    /// Its attributes.
    pub attrs: Attrs,
    /// Its operands.
    pub inputs: SmallVec<[ValueId; 3]>,
    /// The specs of its results.
    pub outputs: SmallVec<[TensorSpec; 1]>,
    /// Where the user wrote it.
    pub loc: Loc,
}

/// A pure function on tensors.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// For listings and errors.
    pub name: String,
    /// All nodes; a node's operands come before it.
    pub nodes: Vec<Node>,
    /// The `parameter` nodes, one an input.
    pub inputs: Vec<ValueId>,
    /// The inputs' names, for errors and listings; as many as inputs.
    pub input_names: Vec<Arc<str>>,
    /// The results.
    pub outputs: Vec<ValueId>,
    /// (input, output): the output is the new value of the state passed as that input.
    pub donations: Vec<(u32, u32)>,
}

impl Graph {
    /// The node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The spec of a value.
    pub fn spec(&self, value: ValueId) -> &TensorSpec {
        &self.node(value.node).outputs[value.index as usize]
    }

    /// Every node with its id, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(i, n)| (NodeId(i as u32), n))
    }
}

/// Equal structure; names and locations do not count.
impl PartialEq for Graph {
    fn eq(&self, other: &Self) -> bool {
        self.inputs == other.inputs
            && self.outputs == other.outputs
            && self.donations == other.donations
            && self.nodes.len() == other.nodes.len()
            && self.nodes.iter().zip(&other.nodes).all(|(a, b)| {
                std::ptr::eq(a.op, b.op) && a.attrs == b.attrs && a.inputs == b.inputs && a.outputs == b.outputs
            })
    }
}

impl Eq for Graph {}

impl Hash for Graph {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for node in &self.nodes {
            (node.op.name, &node.attrs, &node.inputs, &node.outputs).hash(state);
        }
        (&self.inputs, &self.outputs, &self.donations).hash(state);
    }
}
