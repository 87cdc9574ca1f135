//! The verifier. A graph is valid if
//!
//! 1. every operand and output is a result of a node of the graph, and an operand's node comes before its user;
//! 2. inputs are the `parameter` nodes: they come first, one each, in order; each has a name;
//! 3. each node's attributes are declared by its op, of the declared kind, in declared order, required ones present,
//!    and floats are stored as floats;
//! 4. each node has as many operands as its op takes, and its results have exactly the specs that the op's rule gives
//!    for the operands' specs;
//! 5. constant sizes are not negative and no tensor of constant size overflows the address space;
//! 6. every size symbol is the whole length of some axis of some input, so that a call binds it; a subgraph may use
//!    the symbols of the graph around it;
//! 7. donations pair an input with an output of equal spec, each at most once;
//! 8. subgraphs in attributes are valid.
//!
//! A violation is a bug of ours, not of the user: the error prints the graph with the line at fault.

use super::builder::{infer, normalized};
use super::print::print_marked;
use super::{AttrValue, Graph, Node, NodeId, ValueId};
use crate::base::{Atom, Dim, Error, Kind, Result, TensorSpec};
use crate::graph::opdef::Lower;
use rustc_hash::FxHashSet;

/// Checks every invariant above; the error ([`Kind::Internal`]) shows the first one broken.
pub fn verify(graph: &Graph) -> Result<()> {
    verify_inside(graph, &FxHashSet::default())
}

fn verify_inside(graph: &Graph, outer_symbols: &FxHashSet<u32>) -> Result<()> {
    check_signature(graph)
        .map_err(|why| Error::new(Kind::Internal, format!("graph `{}` is invalid: {why}\n{graph}", graph.name)))?;
    let mut symbols = outer_symbols.clone();
    for &input in &graph.inputs {
        symbols.extend(graph.spec(input).dims.iter().filter_map(Dim::as_symbol));
    }
    for (id, node) in graph.iter() {
        check_node(graph, id, node, &symbols).map_err(|why| {
            let text = print_marked(graph, id, &why);
            Error::new(Kind::Internal, format!("graph `{}` is invalid: {why}\n{text}", graph.name))
        })?;
    }
    Ok(())
}

fn check_signature(graph: &Graph) -> Result<(), String> {
    for (i, &input) in graph.inputs.iter().enumerate() {
        let is_parameter = graph.nodes.get(i).is_some_and(|n| matches!(n.op.lower, Lower::Parameter));
        if input != NodeId(i as u32).result(0) || !is_parameter {
            return Err(format!("input {i} is not the parameter that node {i} has to be"));
        }
    }
    if graph.input_names.len() != graph.inputs.len() {
        return Err(format!("there are {} names for {} inputs", graph.input_names.len(), graph.inputs.len()));
    }
    if let Some(i) = graph.outputs.iter().position(|&v| !is_defined(graph, v, graph.nodes.len())) {
        return Err(format!("output {i} is not a result of any node"));
    }
    for (k, &(input, output)) in graph.donations.iter().enumerate() {
        let old = graph.inputs.get(input as usize).map(|&v| graph.spec(v));
        let new = graph.outputs.get(output as usize).map(|&v| graph.spec(v));
        if old.is_none() || new.is_none() || old != new {
            return Err(format!("donation {input} -> {output} joins {old:?} and {new:?}"));
        }
        if graph.donations[..k].iter().any(|&(i, o)| i == input || o == output) {
            return Err(format!("donation {input} -> {output} names an input or output again"));
        }
    }
    Ok(())
}

fn check_node(graph: &Graph, id: NodeId, node: &Node, symbols: &FxHashSet<u32>) -> Result<(), String> {
    if let Some(i) = node.inputs.iter().position(|&v| !is_defined(graph, v, id.index())) {
        return Err(format!("operand {i} is not defined before this node"));
    }
    if matches!(node.op.lower, Lower::Parameter) && id.index() >= graph.inputs.len() {
        return Err("this parameter is not an input".into());
    }
    let attrs = normalized(node.op, node.attrs.clone()).map_err(|e| e.to_string())?;
    if attrs != node.attrs {
        return Err("attributes are not in declared order and kind".into());
    }
    let inputs: Vec<TensorSpec> = node.inputs.iter().map(|&v| graph.spec(v).clone()).collect();
    let inferred = infer(node.op, &attrs, &inputs).map_err(|e| e.to_string())?;
    if inferred != node.outputs {
        return Err(format!("the op's rule gives {inferred:?}"));
    }
    let attr_dims = attrs.iter().filter_map(|(_, value)| match value {
        AttrValue::Dims(dims) => Some(dims.iter()),
        _ => None,
    });
    let dims = node.outputs.iter().flat_map(|s| &s.dims).chain(attr_dims.flatten());
    if let Some(k) = dims.filter_map(|d| unbound(d, symbols)).next() {
        return Err(format!("size n{k} is not the length of any axis of an input"));
    }
    for (name, value) in attrs.iter() {
        if let AttrValue::Graph(body) = value {
            verify_inside(body, symbols).map_err(|e| format!("attribute `{name}`: {e}"))?;
        }
    }
    Ok(())
}

fn is_defined(graph: &Graph, value: ValueId, before: usize) -> bool {
    let node = graph.nodes.get(value.node.index()).filter(|_| value.node.index() < before);
    node.is_some_and(|n| (value.index as usize) < n.outputs.len())
}

fn unbound(dim: &Dim, symbols: &FxHashSet<u32>) -> Option<u32> {
    let mut found = None;
    dim.visit(&mut |atom| match atom {
        Atom::Sym(k) if !symbols.contains(k) => found = Some(*k),
        _ => {}
    });
    found
}
