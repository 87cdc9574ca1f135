//! Questions about a graph: who uses a value, what is live, until when, in which order.
//!
//! Answers are side tables ([`ValueMap`], vectors by node); nothing is stored in the graph.

use super::opdef::Effects;
use super::{AttrValue, Graph, Node, NodeId, ValueId};
use crate::base::{Atom, Dim};
use petgraph::graph::{DiGraph, NodeIndex};
use rustc_hash::FxHashMap;
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

/// The size slots that a node mentions, in its results' sizes or its attributes.
pub fn slots(node: &Node) -> SmallVec<[u32; 2]> {
    let mut slots = SmallVec::new();
    let mut note = |dim: &Dim| {
        if dim.as_const().is_none() {
            dim.visit(&mut |atom| {
                if let Atom::Slot(k, _) = atom
                    && !slots.contains(k)
                {
                    slots.push(*k);
                }
            });
        }
    };
    node.outputs.iter().flat_map(|spec| &spec.dims).for_each(&mut note);
    for (_, value) in node.attrs.iter() {
        if let AttrValue::Dims(dims) = value {
            dims.iter().for_each(&mut note);
        }
    }
    slots
}

/// The node that each size slot comes from: the first that mentions it. What mentions it later depends on that node,
/// although it may have no operand that does.
pub fn slot_sources(graph: &Graph) -> FxHashMap<u32, NodeId> {
    let mut sources = FxHashMap::default();
    for (id, node) in graph.iter() {
        for slot in slots(node) {
            sources.entry(slot).or_insert(id);
        }
    }
    sources
}

/// The nodes from which the slots that a node mentions come, but for itself.
pub fn slot_operands(sources: &FxHashMap<u32, NodeId>, graph: &Graph, id: NodeId) -> SmallVec<[NodeId; 2]> {
    if sources.is_empty() {
        return SmallVec::new();
    }
    let of = |slot| sources.get(&slot).copied().filter(|&source| source != id);
    slots(graph.node(id)).into_iter().filter_map(of).collect()
}

/// The nodes that must be kept: parameters, effects, and all that outputs and effects depend on.
pub fn live(graph: &Graph) -> Vec<bool> {
    let sources = slot_sources(graph);
    let mut live = vec![false; graph.nodes.len()];
    for value in graph.inputs.iter().chain(&graph.outputs) {
        live[value.node.index()] = true;
    }
    for (id, node) in graph.iter().rev() {
        if live[id.index()] || node.op.effects == Effects::Effect {
            live[id.index()] = true;
            node.inputs.iter().for_each(|v| live[v.node.index()] = true);
            slot_operands(&sources, graph, id).iter().for_each(|source| live[source.index()] = true);
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
    let sources = slot_sources(graph);
    for (id, node) in graph.iter() {
        let here = edges.add_node(id);
        for source in slot_operands(&sources, graph, id) {
            edges.update_edge(NodeIndex::new(source.index()), here, ());
        }
        node.inputs.iter().for_each(|v| _ = edges.update_edge(NodeIndex::new(v.node.index()), here, ()));
        if node.op.effects == Effects::Effect
            && let Some(before) = last_effect.replace(here)
        {
            edges.update_edge(before, here, ());
        }
    }
    edges
}
