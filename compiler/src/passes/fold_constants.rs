//! Evaluates nodes whose operands are all constants, with the ops' own evaluators.
//!
//! ```text
//! Before
//! graph @f(%0: f32[2] "x") {
//!   %1 = constant {value = data f32[](2)} : f32[]
//!   %2 = sqrt %1 : f32[]
//!   %3 = multiply %0, %2 : f32[2]
//!   return %3
//! }
//! After
//! graph @f(%0: f32[2] "x") {
//!   %1 = constant {value = data f32[](1.4142135)} : f32[]
//!   %2 = multiply %0, %1 : f32[2]
//!   return %2
//! }
//! ```
//!
//! In `strict` mode only what does not round is folded: evaluators round once, where a kernel may round on the way.
//!
//! A result that would be larger than `Options::fold_limit`, or that only spreads a smaller constant out, stays a
//! computation: constants are loaded from memory, and a broadcast costs nothing.

use super::{Pass, PassCx};
use crate::base::Result;
use crate::graph::opdef::{Effects, EvalCx, Lower, Source};
use crate::graph::{AttrValue, Attrs, Graph, Node, edit};
use crate::ops;
use crate::options::Options;
use smallvec::SmallVec;
use tracelift_runtime::Array;

/// See the module.
pub static PASS: Pass = Pass { name: "fold_constants", purpose: "compute what does not depend on inputs", run };

/// Operands may be this many times larger than a result may be, so that folding a reduction stays cheap.
const OPERANDS_PER_RESULT: usize = 64;

fn run(mut graph: Graph, cx: &mut PassCx<'_>) -> Result<Graph> {
    let mut folded = false;
    for index in 0..graph.nodes.len() {
        if let Some(operands) = foldable(&graph, &graph.nodes[index], cx.options) {
            if !cx.log.may_continue() {
                break;
            }
            let node = &mut graph.nodes[index];
            let eval = EvalCx { inputs: &operands, attrs: &node.attrs, outputs: &node.outputs };
            // What refuses its operands stays: the error is that of the call, if there is one.
            let Some(value) = (node.op.eval)(&eval).ok().and_then(|mut values| values.pop()) else { continue };
            node.attrs = Attrs::new().with("value", value);
            node.op = &ops::CONSTANT;
            node.inputs.clear();
            cx.log.applied("constant_operands");
            folded = true;
        }
    }
    if folded {
        edit::sweep(&mut graph);
    }
    Ok(graph)
}

/// The operands, if the node is to be evaluated now.
fn foldable(graph: &Graph, node: &Node, options: &Options) -> Option<SmallVec<[Array; 3]>> {
    if node.inputs.is_empty() || node.outputs.len() != 1 || node.op.effects != Effects::Pure {
        return None;
    }
    let dtypes = node.inputs.iter().map(|&v| graph.spec(v).dtype);
    if options.strict && !ops::eval::is_exact(node.op, dtypes) {
        return None;
    }
    let limit = options.fold_limit;
    let operands = node.inputs.iter().map(|v| constant(graph.node(v.node)).cloned());
    let operands: SmallVec<[Array; 3]> = operands.collect::<Option<_>>()?;
    let elements = node.outputs[0].const_shape()?.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?;
    let operand_elements: usize = operands.iter().map(Array::len).sum();
    let is_movement = matches!(node.op.lower, Lower::Movement(_));
    let is_composite = matches!(node.op.lower, Lower::Composite(_));
    // A constant shape may still be cut out at a size that only a call knows.
    let is_known = |(_, value): (_, &AttrValue)| match value {
        AttrValue::Dims(dims) => dims.iter().all(|d| d.as_const().is_some()),
        _ => true,
    };
    if !node.attrs.iter().all(is_known) {
        return None;
    }
    let is_small = elements <= limit && operand_elements <= limit.saturating_mul(OPERANDS_PER_RESULT);
    (is_small && !is_composite && !(is_movement && elements > operand_elements)).then_some(operands)
}

fn constant(node: &Node) -> Option<&Array> {
    match node.op.lower {
        Lower::Source(Source::Constant) => node.attrs.data("value"),
        _ => None,
    }
}
