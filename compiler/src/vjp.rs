//! A graph and its gradient as two graphs, to be compiled each once: [`Vjp`].
//!
//! The gradient is appended to the graph, and both are simplified together, so that they share what they can. Then
//! the nodes part: what the results need is the forward half; the rest is the backward half, which takes from the
//! forward half only what it cannot cheaply make itself. Those values are the *residuals*.
//!
//! Start with [`Vjp::new`]; [`whole`] is the gradient as one graph, without halves.

use crate::base::{Error, Kind, Result};
use crate::grad;
use crate::graph::opdef::{Lower, Movement};
use crate::graph::{Graph, GraphBuilder, NodeId, ValueId, edit, walk};
use crate::options::Options;
use crate::passes;
use rustc_hash::FxHashMap;

/// The two halves.
pub struct Vjp {
    /// The graph's inputs and outputs, donations included; more outputs are the residuals.
    pub forward: Graph,
    /// Takes what [`kept`](Self::kept) says, then the cotangents of the chosen results. Gives the cotangents of inputs.
    pub backward: Graph,
    /// Where the first inputs of the backward half come from.
    pub kept: Vec<Kept>,
    /// For each input of the graph, which of the backward half's outputs is its cotangent.
    pub cotangents: Vec<Option<usize>>,
}

/// A value that the backward half takes from the forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// An input of the graph.
    Input(usize),
    /// A residual: the forward half's output after the graph's own.
    Residual(usize),
}

impl Vjp {
    /// The halves for the cotangents of `results` (outputs, by index) and those of the inputs that are `wanted`.
    ///
    /// Errors as [`grad::gradient`]'s; and a graph with sizes that depend on data has no halves: the backward one would
    /// not know them.
    pub fn new(graph: &Graph, results: &[usize], wanted: &[bool], options: &Options) -> Result<Vjp> {
        if !walk::slot_sources(graph).is_empty() {
            let text =
                format!("`{}` has sizes that depend on data, which its gradient alone does not know", graph.name);
            return Err(Error::new(Kind::Gradient, text));
        }
        let (joint, cotangents) = joint(graph, results, wanted, true)?;
        let (joint, _) = passes::optimize(&joint, options)?;
        let (own, gradients) = joint.outputs.split_at(graph.outputs.len());
        let (inputs, seeds) = joint.inputs.split_at(graph.inputs.len());
        let forward = needed(&joint, own, |_| true);
        // A node that only the gradients need, or that is made again for nothing, is computed in the backward half.
        let backward = needed(&joint, gradients, |id| !forward[id.index()] || is_free(&joint, id));
        let taken = taken(&joint, gradients, &backward);
        let mut kept = Vec::new();
        let mut values: Vec<ValueId> = Vec::new();
        let mut residuals: Vec<ValueId> = Vec::new();
        for (i, input) in inputs.iter().enumerate() {
            // Sizes are bound by the inputs whose axes they are.
            let binds = joint.spec(*input).dims.iter().any(|d| d.as_const().is_none());
            if binds || taken.contains(input) {
                kept.push(Kept::Input(i));
                values.push(*input);
            }
        }
        for &value in taken.iter().filter(|v| !joint.inputs.contains(v)) {
            kept.push(Kept::Residual(residuals.len()));
            values.push(value);
            residuals.push(value);
        }
        let outputs: Vec<ValueId> = own.iter().chain(&residuals).copied().collect();
        let mut first = extract(&joint, &graph.name, inputs, &forward, &outputs)?;
        first.input_names.clone_from(&graph.input_names);
        first.donations.clone_from(&graph.donations);
        values.extend(seeds);
        let second = extract(&joint, &format!("gradient of {}", graph.name), &values, &backward, gradients)?;
        Ok(Vjp { forward: first, backward: second, kept, cotangents })
    }
}

/// The gradient as one graph: takes the graph's inputs and the cotangents of `results`, gives those of the inputs that
/// are `wanted`; for each input, which output is its cotangent.
pub fn whole(graph: &Graph, results: &[usize], wanted: &[bool]) -> Result<(Graph, Vec<Option<usize>>)> {
    joint(graph, results, wanted, false)
}

/// The graph with its gradient appended, and for each input which gradient is its cotangent. The outputs are the
/// graph's own, if asked for, then the gradients.
fn joint(graph: &Graph, results: &[usize], wanted: &[bool], own: bool) -> Result<(Graph, Vec<Option<usize>>)> {
    let mut builder = GraphBuilder::new(format!("gradient of {}", graph.name));
    let mut inputs = Vec::with_capacity(graph.inputs.len());
    for (i, &input) in graph.inputs.iter().enumerate() {
        let name = graph.input_names.get(i).cloned().unwrap_or_default();
        inputs.push(builder.parameter(name, graph.spec(input).clone()));
    }
    let mut seeds = Vec::with_capacity(results.len());
    for &k in results {
        seeds.push(builder.parameter(format!("cotangent {k}"), graph.spec(graph.outputs[k]).clone()));
    }
    let mut outputs = edit::splice(&mut builder, graph, &inputs)?;
    let targets: Vec<_> = results.iter().zip(&seeds).map(|(&k, &seed)| (outputs[k], Some(seed))).collect();
    let sources: Vec<ValueId> = inputs.iter().zip(wanted).filter(|(_, w)| **w).map(|(&v, _)| v).collect();
    let mut found = grad::gradient(&mut builder, &targets, &sources)?.into_iter();
    if !own {
        outputs.clear();
    }
    let mut count = 0;
    let mut cotangents = vec![None; inputs.len()];
    for (place, _) in cotangents.iter_mut().zip(wanted).filter(|(_, w)| **w) {
        if let Some(gradient) = found.next().flatten() {
            *place = Some(count);
            outputs.push(gradient);
            count += 1;
        }
    }
    Ok((builder.finish(outputs), cotangents))
}

/// The nodes that `outputs` need, as far as `enter` lets in.
fn needed(graph: &Graph, outputs: &[ValueId], enter: impl Fn(NodeId) -> bool) -> Vec<bool> {
    let mut needed = vec![false; graph.nodes.len()];
    let mark = |needed: &mut Vec<bool>, v: &ValueId| {
        let is_input = matches!(graph.node(v.node).op.lower, Lower::Parameter);
        needed[v.node.index()] |= !is_input && enter(v.node);
    };
    outputs.iter().for_each(|v| mark(&mut needed, v));
    for index in (0..graph.nodes.len()).rev() {
        if needed[index] {
            graph.nodes[index].inputs.iter().for_each(|v| mark(&mut needed, v));
        }
    }
    needed
}

/// The values that nodes and outputs take from outside of `nodes`, each once, in order of definition.
fn taken(graph: &Graph, outputs: &[ValueId], nodes: &[bool]) -> Vec<ValueId> {
    let operands = graph.iter().filter(|(id, _)| nodes[id.index()]).flat_map(|(_, node)| node.inputs.iter());
    let mut taken: Vec<ValueId> = operands.chain(outputs).filter(|v| !nodes[v.node.index()]).copied().collect();
    taken.sort_unstable();
    taken.dedup();
    taken
}

/// Whether the node's value costs nothing to have: a constant, an index, a view of its operand.
fn is_free(graph: &Graph, id: NodeId) -> bool {
    match graph.node(id).op.lower {
        Lower::Source(_) => true,
        Lower::Movement(movement) => !matches!(movement, Movement::Pad | Movement::Concat),
        _ => false,
    }
}

/// `nodes` as a graph of their own, which takes `parameters`.
fn extract(graph: &Graph, name: &str, parameters: &[ValueId], nodes: &[bool], outputs: &[ValueId]) -> Result<Graph> {
    let mut builder = GraphBuilder::new(name);
    let mut map: FxHashMap<ValueId, ValueId> = FxHashMap::default();
    for &value in parameters {
        map.insert(value, builder.parameter("", graph.spec(value).clone()));
    }
    for (id, node) in graph.iter().filter(|(id, _)| nodes[id.index()]) {
        let inputs: Vec<ValueId> = node.inputs.iter().map(|v| map[v]).collect();
        let made = builder.apply_at(node.op, node.attrs.clone(), &inputs, node.loc.clone())?;
        map.extend((0..).zip(made).map(|(k, value)| (id.result(k), value)));
    }
    Ok(builder.finish(outputs.iter().map(|v| map[v]).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::parse::parse;

    fn halves(text: &str, results: &[usize], wanted: &[bool]) -> Vjp {
        Vjp::new(&parse(text).unwrap(), results, wanted, &Options::default()).unwrap()
    }

    /// The product's operands are inputs, at hand anyway; of the activation only its result is a residual.
    #[test]
    fn only_what_cannot_be_made_again_is_kept() {
        let text = "graph @f(%0: f32[4, 3] \"x\", %1: f32[3, 2] \"w\") {
           %2 = matmul %0, %1 : f32[4, 2]
           %3 = tanh %2 : f32[4, 2]
           %4 = constant {value = data f32[](2.0)} : f32[]
           %5 = multiply %3, %4 : f32[4, 2]
           return %5
         }";
        let vjp = halves(text, &[0], &[false, true]);
        assert_eq!(vjp.kept, [Kept::Input(0), Kept::Residual(0)]);
        assert_eq!(vjp.cotangents, [None, Some(0)]);
        assert_eq!((vjp.forward.outputs.len(), vjp.backward.inputs.len()), (2, 3));
        let products = |graph: &Graph| graph.nodes.iter().filter(|n| n.op.name == "matmul").count();
        assert_eq!((products(&vjp.forward), products(&vjp.backward)), (1, 1));
        let tanh = |graph: &Graph| graph.nodes.iter().any(|n| n.op.name == "tanh");
        assert!(tanh(&vjp.forward) && !tanh(&vjp.backward));
    }

    #[test]
    fn symbolic_sizes_are_bound_in_both_halves() {
        let text = "graph @f(%0: f32[n0, 3] \"x\", %1: f32[3] \"w\") {
           %2 = multiply %0, %1 : f32[n0, 3]
           %3 = reduce_sum %2 {axes = [0, 1], keepdims = false} : f32[]
           return %3
         }";
        let vjp = halves(text, &[0], &[true, false]);
        assert!(vjp.kept.contains(&Kept::Input(0)));
        crate::compile(&vjp.forward, &Options::default()).unwrap();
        crate::compile(&vjp.backward, &Options::default()).unwrap();
    }

    #[test]
    fn an_input_that_does_not_matter_has_no_cotangent() {
        let text = "graph @f(%0: f32[3] \"x\", %1: f32[3] \"y\") {
           %2 = exp %0 : f32[3]
           return %2, %1
         }";
        let vjp = halves(text, &[0], &[true, true]);
        assert_eq!(vjp.cotangents, [Some(0), None]);
    }
}
