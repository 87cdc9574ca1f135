//! The mutators of finished graphs: [`Rewriter`], [`splice`], [`replace_uses`], [`sweep`].
//!
//! A pass walks the old graph and builds a new one: each node is copied, or its values are replaced by others.
//!
//! ```text
//! let mut rewriter = Rewriter::new(&graph);
//! for (id, node) in graph.iter() {
//!     match better(node) {
//!         None => rewriter.copy(id),
//!         Some((op, attrs)) => {
//!             let new = rewriter.append(op, attrs, &node.inputs, node.loc.clone())?;
//!             rewriter.replace(id, &new)?;
//!         }
//!     }
//! }
//! let graph = rewriter.finish();
//! ```
//!
//! Invariant: a value is only replaced by one of equal spec, so no spec downstream changes.

use super::builder::GraphBuilder;
use super::walk::{self, ValueMap};
use super::{Attrs, Graph, Node, NodeId, OpDef, ValueId};
use crate::base::{Error, Kind, Loc, Result};
use smallvec::SmallVec;

/// Builds a new graph out of an old one. Parameters are copied from the start, names and donations at the end.
pub struct Rewriter<'g> {
    old: &'g Graph,
    /// The new graph so far; nodes that are appended to it directly are kept if something uses them.
    pub builder: GraphBuilder,
    map: ValueMap<Option<ValueId>>,
}

impl<'g> Rewriter<'g> {
    /// Starts with the parameters of `old`.
    pub fn new(old: &'g Graph) -> Self {
        let mut rewriter = Self { old, builder: GraphBuilder::new(old.name.clone()), map: ValueMap::new(old, None) };
        for (&input, name) in old.inputs.iter().zip(&old.input_names) {
            let before = rewriter.builder.set_loc(old.node(input.node).loc.clone());
            let new = rewriter.builder.parameter(name.clone(), old.spec(input).clone());
            rewriter.builder.set_loc(before);
            rewriter.map[input] = Some(new);
        }
        rewriter
    }

    /// What stands for an old value. Panics if its node was neither copied nor replaced.
    pub fn get(&self, old: ValueId) -> ValueId {
        self.map[old].expect("operands are copied or replaced before their users")
    }

    /// Copies a node, with what stands for its operands; nothing for parameters.
    pub fn copy(&mut self, id: NodeId) {
        let node = self.old.node(id);
        if node.outputs.len() == 1 && self.map[id.result(0)].is_some() {
            return;
        }
        let inputs = node.inputs.iter().map(|&v| self.get(v)).collect();
        let new = self.builder.append(Node { inputs, ..node.clone() });
        (0..node.outputs.len() as u32).for_each(|i| self.map[id.result(i)] = Some(new.result(i)));
    }

    /// Appends an op to what stands for these old values.
    pub fn append(
        &mut self,
        op: &'static OpDef,
        attrs: Attrs,
        old_inputs: &[ValueId],
        loc: Loc,
    ) -> Result<SmallVec<[ValueId; 1]>> {
        let inputs: SmallVec<[ValueId; 4]> = old_inputs.iter().map(|&v| self.get(v)).collect();
        self.builder.apply_at(op, attrs, &inputs, loc)
    }

    /// New values that stand for all results of an old node; an error if a spec differs.
    pub fn replace(&mut self, id: NodeId, new: &[ValueId]) -> Result<()> {
        let node = self.old.node(id);
        let specs: Vec<_> = new.iter().map(|&v| self.builder.graph().spec(v)).collect();
        if !specs.iter().copied().eq(&node.outputs) {
            let text = format!("`{}` {:?} cannot be replaced by values {specs:?}", node.op.name, node.outputs);
            return Err(Error::new(Kind::Internal, text));
        }
        (0..).zip(new).for_each(|(i, &v)| self.map[id.result(i)] = Some(v));
        Ok(())
    }

    /// The new graph, without what nothing needs. Every node of the old one must have been copied or replaced.
    pub fn finish(self) -> Graph {
        let outputs = self.old.outputs.iter().map(|&v| self.get(v)).collect();
        let mut graph = self.builder.finish(outputs);
        graph.donations.clone_from(&self.old.donations);
        sweep(&mut graph);
        graph
    }
}

/// Appends the nodes of `graph` to a builder, with these values as its inputs; gives its outputs.
pub fn splice(builder: &mut GraphBuilder, graph: &Graph, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
    let fits = inputs.len() == graph.inputs.len()
        && inputs.iter().zip(&graph.inputs).all(|(&new, &old)| builder.graph().spec(new) == graph.spec(old));
    if !fits {
        let received: Vec<_> = inputs.iter().map(|&v| builder.graph().spec(v)).collect();
        let expected: Vec<_> = graph.inputs.iter().map(|&v| graph.spec(v)).collect();
        let text = format!("`{}` expects inputs {expected:?}; received {received:?}", graph.name);
        return Err(Error::new(Kind::Shape, text));
    }
    let mut map: ValueMap<Option<ValueId>> = ValueMap::new(graph, None);
    graph.inputs.iter().zip(inputs).for_each(|(&old, &new)| map[old] = Some(new));
    let value = |map: &ValueMap<Option<ValueId>>, v: ValueId| map[v].expect("operands come first");
    for (id, node) in graph.iter().skip(graph.inputs.len()) {
        let inputs = node.inputs.iter().map(|&v| value(&map, v)).collect();
        let new = builder.append(Node { inputs, ..node.clone() });
        (0..node.outputs.len() as u32).for_each(|i| map[id.result(i)] = Some(new.result(i)));
    }
    Ok(graph.outputs.iter().map(|&v| value(&map, v)).collect())
}

/// Makes every user of `from`, the outputs included, use `to`, which must be defined before all of them.
pub fn replace_uses(graph: &mut Graph, from: ValueId, to: ValueId) {
    let operands = graph.nodes.iter_mut().flat_map(|n| &mut n.inputs);
    operands.chain(&mut graph.outputs).filter(|v| **v == from).for_each(|v| *v = to);
}

/// Drops the nodes that neither an output nor an effect needs, and renumbers. Parameters stay. Says how many went.
pub fn sweep(graph: &mut Graph) -> usize {
    let live = walk::live(graph);
    let dropped = live.iter().filter(|l| !**l).count();
    if dropped == 0 {
        return 0;
    }
    let mut kept = 0;
    let new_id: Vec<NodeId> = live
        .iter()
        .map(|&l| {
            let id = NodeId(kept);
            kept += u32::from(l);
            id
        })
        .collect();
    let mut keep = live.iter();
    graph.nodes.retain(|_| *keep.next().expect("one flag a node"));
    let operands = graph.nodes.iter_mut().flat_map(|n| &mut n.inputs);
    operands.chain(&mut graph.inputs).chain(&mut graph.outputs).for_each(|v| v.node = new_id[v.node.index()]);
    dropped
}
