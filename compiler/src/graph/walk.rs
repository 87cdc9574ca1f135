//! Questions about a graph: who uses a value, what is live, until when, in which order.
//!
//! Answers are side tables ([`ValueMap`], vectors by node); nothing is stored in the graph.

use super::opdef::Effects;
use super::{Graph, NodeId, ValueId};
use petgraph::graph::{DiGraph, NodeIndex};
use smallvec::SmallVec;
use std::ops::{Index, IndexMut};

/// Something for each value of a graph.
#[derive(Clone, Debug)]
pub struct ValueMap<T> {
    /// Where each node's results begin in `items`; one more for the end.
    first: Vec<u32>,
    items: Vec<T>,
}

impl<T: Clone> ValueMap<T> {
    /// `item` for each value.
    pub fn new(graph: &Graph, item: T) -> Self {
        let mut first = Vec::with_capacity(graph.nodes.len() + 1);
        let mut count = 0;
        for node in &graph.nodes {
            first.push(count);
            count += node.outputs.len() as u32;
        }
        first.push(count);
        Self { first, items: vec![item; count as usize] }
    }
}

impl<T> ValueMap<T> {
    /// The position of a value in order of definition; None if the graph does not define it.
    pub fn number(&self, value: ValueId) -> Option<usize> {
        let node = value.node.index();
        let (begin, end) = (*self.first.get(node)?, *self.first.get(node + 1)?);
        (value.index < end - begin).then(|| (begin + value.index) as usize)
    }

    /// The item of a value; None if the graph does not define it.
    pub fn get(&self, value: ValueId) -> Option<&T> {
        self.number(value).map(|n| &self.items[n])
    }
}

impl<T> Index<ValueId> for ValueMap<T> {
    type Output = T;
    fn index(&self, value: ValueId) -> &T {
        &self.items[self.number(value).expect("a value of the graph")]
    }
}

impl<T> IndexMut<ValueId> for ValueMap<T> {
    fn index_mut(&mut self, value: ValueId) -> &mut T {
        let number = self.number(value).expect("a value of the graph");
        &mut self.items[number]
    }
}

/// The nodes that use each value, in order; a node once for each operand that is the value. Outputs do not count.
pub fn users(graph: &Graph) -> ValueMap<SmallVec<[NodeId; 2]>> {
    let mut users = ValueMap::new(graph, SmallVec::new());
    for (id, node) in graph.iter() {
        for &input in &node.inputs {
            users[input].push(id);
        }
    }
    users
}

/// The nodes that must be kept: parameters, effects, and all that outputs and effects depend on.
pub fn live(graph: &Graph) -> Vec<bool> {
    let mut live = vec![false; graph.nodes.len()];
    for value in graph.inputs.iter().chain(&graph.outputs) {
        live[value.node.index()] = true;
    }
    for (id, node) in graph.iter().rev() {
        if live[id.index()] || node.op.effects == Effects::Effect {
            live[id.index()] = true;
            node.inputs.iter().for_each(|v| live[v.node.index()] = true);
        }
    }
    live
}

/// The last node that uses each value; None if no node does. Outputs of the graph are used after all nodes and
/// have to be asked for separately.
pub fn last_uses(graph: &Graph) -> ValueMap<Option<NodeId>> {
    let mut last = ValueMap::new(graph, None);
    for (id, node) in graph.iter() {
        for &input in &node.inputs {
            last[input] = Some(id);
        }
    }
    last
}

/// Which nodes can be reached from `from` by following uses, themselves included.
pub fn reachable(graph: &Graph, from: &[NodeId]) -> Vec<bool> {
    let mut reached = vec![false; graph.nodes.len()];
    from.iter().for_each(|id| reached[id.index()] = true);
    for (id, node) in graph.iter() {
        reached[id.index()] |= node.inputs.iter().any(|v| reached[v.node.index()]);
    }
    reached
}

/// The nodes and their dependences as a petgraph: an edge from the definition to each use, and between effects in
/// their order. Node indices are those of the graph. Contracting groups of it, and asking for cycles, tells whether a
/// fusion is legal.
pub fn dependences(graph: &Graph) -> DiGraph<NodeId, ()> {
    let mut edges = DiGraph::with_capacity(graph.nodes.len(), graph.nodes.len() * 2);
    let mut last_effect = None;
    for (id, node) in graph.iter() {
        let here = edges.add_node(id);
        node.inputs.iter().for_each(|v| _ = edges.update_edge(NodeIndex::new(v.node.index()), here, ()));
        if node.op.effects == Effects::Effect
            && let Some(before) = last_effect.replace(here)
        {
            edges.update_edge(before, here, ());
        }
    }
    edges
}
