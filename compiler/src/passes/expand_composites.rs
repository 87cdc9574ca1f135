//! Replaces each composite op by its expansion, until only primitives are left. Always done, whatever the fuel.
//!
//! ```text
//! Before
//! graph @f(%0: f32[4] "x") {
//!   %1 = softsign %0 : f32[4]
//!   return %1
//! }
//! After
//! graph @f(%0: f32[4] "x") {
//!   %1 = abs %0 : f32[4]
//!   %2 = constant {value = data f32[](1.0)} : f32[]
//!   %3 = add %1, %2 : f32[4]
//!   %4 = divide %0, %3 : f32[4]
//!   return %4
//! }
//! ```

use super::{Pass, PassCx};
use crate::base::{Error, Kind, Result, TensorSpec};
use crate::graph::builder::{self, GraphBuilder};
use crate::graph::cx::{Handle, Handles, OpCx};
use crate::graph::opdef::{ExpandCx, Lower};
use crate::graph::{Attrs, Graph, Node, OpDef, ValueId};
use crate::ops;
use smallvec::SmallVec;

/// See the module.
pub static PASS: Pass = Pass { name: "expand_composites", purpose: "leave primitives only", run };

fn run(graph: Graph, cx: &mut PassCx<'_>) -> Result<Graph> {
    let composites = graph.nodes.iter().filter(|n| is_composite(n.op)).count();
    if composites == 0 {
        return Ok(graph);
    }
    cx.log.count("composite", composites as u64);
    let Graph { name, nodes, inputs, input_names, outputs, donations } = graph;
    let empty = Graph { name, inputs, input_names, ..Graph::default() };
    let mut expander = Expander { builder: GraphBuilder::from_graph(empty) };
    // Where each old node's results are.
    let mut map: Vec<SmallVec<[ValueId; 1]>> = Vec::with_capacity(nodes.len());
    let moved = |map: &[SmallVec<[ValueId; 1]>], v: ValueId| map[v.node.index()][v.index as usize];
    for mut node in nodes {
        node.inputs.iter_mut().for_each(|v| *v = moved(&map, *v));
        map.push(expander.place(node)?);
    }
    let outputs = outputs.into_iter().map(|v| moved(&map, v)).collect();
    let mut graph = expander.builder.finish(outputs);
    graph.donations = donations;
    Ok(graph)
}

fn is_composite(op: &OpDef) -> bool {
    matches!(op.lower, Lower::Composite(_))
}

/// Records ops like its builder, but composites as their expansion.
struct Expander {
    builder: GraphBuilder,
}

impl Expander {
    /// Appends a node of the old graph whose operands are already those of the new one.
    fn place(&mut self, node: Node) -> Result<SmallVec<[ValueId; 1]>> {
        if !is_composite(node.op) {
            let results = node.outputs.len() as u32;
            let id = self.builder.append(node);
            return Ok((0..results).map(|k| id.result(k)).collect());
        }
        let inputs: SmallVec<[Handle; 4]> = node.inputs.iter().map(|&v| self.builder.handle(v)).collect();
        self.builder.set_loc(node.loc);
        let results = self.apply(node.op, node.attrs, &inputs)?;
        let values: SmallVec<[ValueId; 1]> = results.iter().map(|&h| self.builder.value(h)).collect();
        let specs: Vec<TensorSpec> = results.iter().map(|&h| self.spec(h)).collect();
        if *specs != *node.outputs {
            let text = format!("the expansion of `{}` gives {specs:?}, not {:?}", node.op.name, node.outputs);
            return Err(Error::new(Kind::Internal, text));
        }
        Ok(values)
    }
}

impl OpCx for Expander {
    fn apply(&mut self, op: &'static OpDef, attrs: Attrs, inputs: &[Handle]) -> Result<Handles> {
        // Of complex operands it may be a composite only now.
        let specs: SmallVec<[TensorSpec; 4]> = inputs.iter().map(|&h| self.builder.spec(h)).collect();
        let op = ops::complex::form(op, &attrs, &specs);
        match op.lower {
            Lower::Composite(expand) => {
                let attrs = builder::normalized(op, attrs)?;
                expand(&mut ExpandCx { cx: self, attrs: &attrs, inputs })
            }
            _ => self.builder.apply(op, attrs, inputs),
        }
    }

    fn spec(&self, tensor: Handle) -> TensorSpec {
        self.builder.spec(tensor)
    }
}
