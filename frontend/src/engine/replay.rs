//! A graph op by op, as if the user's function ran: to find the op that made a NaN or an
//! error, and where no program serves.

use crate::engine::dispatch::Outputs;
use crate::engine::eager;
use crate::error::{Error, Kind, Result};
use crate::tensor::Tensor;
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::panic::Location;
use tracelift_compiler::graph::{Attrs, Graph, Node, ValueId};
use tracelift_compiler::interp::map_sizes;
use tracelift_compiler::{Dim, base::Atom};

/// Runs one node's op: its attributes with sizes known, its operands, the user's line.
pub(crate) type Apply<'a> = &'a mut dyn FnMut(&Node, Attrs, &[&Tensor], &'static Location<'static>) -> Result<Outputs>;

/// The graph's outputs for `inputs`, each node run by `apply`. Nodes without a line are blamed on `loc`.
pub(crate) fn replay(
    graph: &Graph,
    inputs: &[Tensor],
    loc: &'static Location<'static>,
    apply: Apply<'_>,
) -> Result<Vec<Tensor>> {
    let sizes = bind(graph, inputs);
    // Sizes that depend on data are known once the node that makes them has run.
    let slots: RefCell<FxHashMap<u32, Dim>> = RefCell::default();
    let known = |dim: &Dim| {
        dim.substitute(&|atom| match atom {
            Atom::Sym(k) => sizes.get(k).cloned(),
            Atom::Slot(k, _) => slots.borrow().get(k).cloned(),
            _ => None,
        })
    };
    let mut values: FxHashMap<ValueId, Tensor> = graph.inputs.iter().copied().zip(inputs.iter().cloned()).collect();
    for (id, node) in graph.iter() {
        if values.contains_key(&id.result(0)) {
            continue;
        }
        let operands: Option<Vec<&Tensor>> = node.inputs.iter().map(|v| values.get(v)).collect();
        let operands = operands.ok_or_else(missing)?;
        let results = apply(node, map_sizes(&node.attrs, &known), &operands, node.loc.line.unwrap_or(loc))?;
        for (spec, tensor) in node.outputs.iter().zip(&results) {
            for (axis, dim) in spec.dims.iter().enumerate() {
                if let Some(k) = dim.as_slot() {
                    slots.borrow_mut().insert(k, tensor.dim(axis));
                }
            }
        }
        values.extend((0..).zip(results).map(|(k, tensor)| (id.result(k), tensor)));
    }
    graph.outputs.iter().map(|v| values.get(v).cloned().ok_or_else(missing)).collect()
}

/// The error of the first op that refuses its operands, if one does when the graph runs op by op.
#[cold]
pub(crate) fn failure(graph: &Graph, inputs: &[Tensor], loc: &'static Location<'static>) -> Option<Error> {
    replay(graph, inputs, loc, &mut |node, attrs, operands, line| eager::run(node.op, &attrs, operands, line)).err()
}

/// The length that each size symbol has for these inputs.
fn bind(graph: &Graph, inputs: &[Tensor]) -> FxHashMap<u32, Dim> {
    let mut sizes = FxHashMap::default();
    for (&input, tensor) in graph.inputs.iter().zip(inputs) {
        for (axis, dim) in graph.spec(input).dims.iter().enumerate() {
            if let Some(k) = dim.as_symbol() {
                sizes.entry(k).or_insert_with(|| tensor.dim(axis));
            }
        }
    }
    sizes
}

#[cold]
fn missing() -> Error {
    Error::new(Kind::Internal, "a value of a trace is used before it is computed")
}
