//! Graphs as text, in the grammar of [`graph`](super).

use super::walk::ValueMap;
use super::{AttrValue, Attrs, Graph, Node, NodeId, ValueId};
use crate::text::{Writer, elements};
use std::fmt;

/// The version of the grammar, in the first line of what [`print()`] gives.
pub const VERSION: u32 = 1;

/// The graph with the line that says its version. (`Display` leaves that line out.)
pub fn print(graph: &Graph) -> String {
    format!("tracelift graph {VERSION}\n\n{graph}\n")
}

/// The graph with a remark below one node's line. It may break any invariant.
pub fn print_marked(graph: &Graph, marked: NodeId, remark: &str) -> String {
    let mut w = Writer::new();
    write_graph(&mut w, graph, Some((marked, remark)));
    w.finish()
}

/// An attribute's value for messages and drawings: as in the text form, but large constants and subgraphs only by
/// spec and name.
pub fn brief(value: &AttrValue) -> String {
    match value {
        AttrValue::Data(data) if data.len() > 4 => format!("{}{:?}", data.dtype(), data.shape()),
        AttrValue::Graph(body) => format!("@{}", body.name),
        other => other.to_string(),
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut w = Writer::new();
        write_graph(&mut w, self, None);
        f.write_str(&w.finish())
    }
}

impl fmt::Display for AttrValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut w = Writer::new();
        write_attr(&mut w, self);
        f.write_str(&w.finish())
    }
}

fn write_graph(w: &mut Writer, graph: &Graph, marked: Option<(NodeId, &str)>) {
    let numbers = ValueMap::new(graph, ());
    w.put("graph @");
    write_name(w, &graph.name);
    w.put("(");
    w.list(graph.inputs.iter().enumerate(), |w, (i, &input)| {
        write_value(w, &numbers, input);
        if let Some(spec) = graph.nodes.get(input.node.index()).and_then(|n| n.outputs.get(input.index as usize)) {
            w.put(format_args!(": {spec}"));
        }
        if let Some(name) = graph.input_names.get(i) {
            w.put(" ");
            w.string(name);
        }
    });
    w.put(") {");
    w.indent();
    for (id, node) in graph.iter() {
        let is_marked = marked.filter(|(at, _)| *at == id);
        if is_input(graph, id) && is_marked.is_none() {
            continue;
        }
        w.newline();
        write_node(w, &numbers, id, node);
        if let Some((_, remark)) = is_marked {
            w.newline();
            w.put(format_args!("^^^ {remark}"));
        }
    }
    w.newline();
    w.put("return");
    if !graph.outputs.is_empty() {
        w.put(" ");
    }
    w.list(&graph.outputs, |w, &v| write_value(w, &numbers, v));
    if !graph.donations.is_empty() {
        w.newline();
        w.put("donate ");
        w.list(&graph.donations, |w, (input, output)| w.put(format_args!("{input} -> {output}")));
    }
    w.dedent();
    w.newline();
    w.put("}");
}

/// Whether the node is shown in the signature: inputs come first, so its number is its position among them.
fn is_input(graph: &Graph, id: NodeId) -> bool {
    graph.inputs.get(id.index()) == Some(&id.result(0))
}

fn write_node(w: &mut Writer, numbers: &ValueMap<()>, id: NodeId, node: &Node) {
    if !node.outputs.is_empty() {
        w.list(0..node.outputs.len() as u32, |w, i| write_value(w, numbers, id.result(i)));
        w.put(" = ");
    }
    w.put(node.op.name);
    if !node.inputs.is_empty() {
        w.put(" ");
    }
    w.list(&node.inputs, |w, &v| write_value(w, numbers, v));
    write_attrs(w, &node.attrs);
    if !node.outputs.is_empty() {
        w.put(" : ");
        w.list(&node.outputs, |w, spec| w.put(spec));
    }
}

fn write_attrs(w: &mut Writer, attrs: &Attrs) {
    if attrs.is_empty() {
        return;
    }
    w.put(" {");
    w.list(attrs.iter(), |w, (name, value)| {
        w.put(format_args!("{name} = "));
        write_attr(w, value);
    });
    w.put("}");
}

fn write_attr(w: &mut Writer, value: &AttrValue) {
    match value {
        AttrValue::Bool(v) => w.put(v),
        AttrValue::Int(v) => w.put(v),
        AttrValue::Float(v) => elements::write_f64(w, *v),
        AttrValue::Str(v) => w.string(v),
        AttrValue::DType(v) => w.put(v),
        AttrValue::Ints(v) => {
            w.put("[");
            w.list(v.iter(), |w, v| w.put(v));
            w.put("]");
        }
        AttrValue::Dims(v) => {
            w.put("dims[");
            w.list(v.iter(), |w, v| w.put(v));
            w.put("]");
        }
        AttrValue::Data(v) => {
            w.put("data ");
            elements::write(w, v);
        }
        AttrValue::Graph(v) => write_graph(w, v, None),
    }
}

fn write_value(w: &mut Writer, numbers: &ValueMap<()>, value: ValueId) {
    match numbers.number(value) {
        Some(number) => w.put(format_args!("%{number}")),
        None => w.put(format_args!("%undefined<node {}, result {}>", value.node.0, value.index)),
    }
}

fn write_name(w: &mut Writer, name: &str) {
    let is_ident = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_ident { w.put(name) } else { w.string(name) }
}
