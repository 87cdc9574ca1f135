//! Graphs as Graphviz text, for a look: `dot -Tsvg`.

use super::print::brief;
use super::walk::dependences;
use super::{Graph, NodeId};
use petgraph::dot::{Config, Dot};
use petgraph::visit::EdgeRef;

/// A directed graph of the nodes; edges carry the spec of the value that flows, outputs are drawn double.
pub fn dot(graph: &Graph) -> String {
    let edges = dependences(graph);
    let label = |id: NodeId| {
        let node = graph.node(id);
        let mut text = node.op.name.to_owned();
        for (name, value) in node.attrs.iter() {
            text.push_str(&format!("\\n{name} = {}", escape(&brief(value))));
        }
        text
    };
    let edge = |_: &_, e: petgraph::graph::EdgeReference<'_, ()>| {
        let (from, to) = (edges[e.source()], edges[e.target()]);
        let flows: Vec<String> =
            graph.node(to).inputs.iter().filter(|v| v.node == from).map(|&v| graph.spec(v).to_string()).collect();
        if flows.is_empty() { "style = dotted".to_owned() } else { format!("label = \"{}\"", flows.join("\\n")) }
    };
    let node = |_: &_, (_, &id): (_, &NodeId)| {
        let rim = if graph.outputs.iter().any(|v| v.node == id) { 2 } else { 1 };
        format!("label = \"{}\", shape = box, peripheries = {rim}", label(id))
    };
    let config = [Config::NodeNoLabel, Config::EdgeNoLabel];
    format!("{:?}", Dot::with_attr_getters(&edges, &config, &edge, &node))
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
