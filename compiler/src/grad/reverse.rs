//! The one reverse sweep over a graph.

use super::activity::active;
use super::pullback::{accumulate, ones, rule};
use crate::base::{DType, Error, Kind, Result, TensorSpec};
use crate::graph::builder::op_error;
use crate::graph::cx::{Handle, Handles, OpCx};
use crate::graph::opdef::Cotangents;
use crate::graph::walk::ValueMap;
use crate::graph::{GraphBuilder, Node, NodeId, ValueId};

/// Appends the nodes that compute the gradients of the sum of `targets` with respect to each source.
///
/// A target's cotangent has the target's spec; None means ones. A source may be any value, also one that another
/// source depends on: its gradient is the total derivative. The result is None for a source that no target depends on
/// differentiably; otherwise its spec is the source's.
///
/// Errors ([`Kind::Gradient`]): a target or source is not floating-point; a cotangent arrives at an op that has no
/// derivative.
pub fn gradient(
    builder: &mut GraphBuilder,
    targets: &[(ValueId, Option<ValueId>)],
    sources: &[ValueId],
) -> Result<Vec<Option<ValueId>>> {
    check_floats(builder, targets, sources)?;
    sweep(builder, targets, sources)
}

/// [`gradient`], with complex targets and sources too: where an expansion is differentiated, they are values in between.
pub(super) fn sweep(
    builder: &mut GraphBuilder,
    targets: &[(ValueId, Option<ValueId>)],
    sources: &[ValueId],
) -> Result<Vec<Option<ValueId>>> {
    let active = active(builder.graph(), sources);
    let mut cotangents: ValueMap<Option<Handle>> = ValueMap::new(builder.graph(), None);
    let mut last = None;
    for &(target, cotangent) in targets.iter().filter(|(target, _)| active[*target]) {
        let spec = builder.graph().spec(target).clone();
        let seed = match cotangent {
            Some(value) => builder.handle(value),
            None => ones(builder, &spec)?,
        };
        cotangents[target] = Some(accumulate(builder, cotangents[target], seed)?);
        last = last.max(Some(target.node.0));
    }
    let nodes = last.map_or(0, |id| id + 1);
    for id in (0..nodes).rev().map(NodeId) {
        let node = builder.graph().node(id);
        let arrived: Vec<Option<Handle>> = (0..node.outputs.len() as u32).map(|i| cotangents[id.result(i)]).collect();
        let wanted: Vec<bool> = node.inputs.iter().map(|&v| active[v]).collect();
        if arrived.iter().all(Option::is_none) || !wanted.contains(&true) {
            continue;
        }
        let node = node.clone();
        let before = builder.set_loc(node.loc.clone());
        let results = node_rule(builder, id, &node, &arrived, &wanted);
        let added = results.and_then(|results| {
            for (&input, cotangent) in node.inputs.iter().zip(results) {
                if let Some(cotangent) = cotangent {
                    cotangents[input] = Some(accumulate(builder, cotangents[input], cotangent)?);
                }
            }
            Ok(())
        });
        builder.set_loc(before);
        added?;
    }
    Ok(sources.iter().map(|&source| cotangents[source].map(|h| builder.value(h))).collect())
}

fn node_rule(
    builder: &mut GraphBuilder,
    id: NodeId,
    node: &Node,
    cotangents: &[Option<Handle>],
    wanted: &[bool],
) -> Result<Cotangents> {
    let inputs: Handles = node.inputs.iter().map(|&v| builder.handle(v)).collect();
    let outputs: Handles = (0..node.outputs.len() as u32).map(|i| builder.handle(id.result(i))).collect();
    rule(builder, node.op, &node.attrs, &inputs, &outputs, cotangents, wanted).map_err(|error| {
        let specs: Vec<TensorSpec> = inputs.iter().map(|&h| builder.spec(h)).collect();
        op_error(error, node.op, &node.attrs, &specs, &node.loc)
    })
}

/// What to do about a target or source that has no gradient.
pub fn advice(dtype: DType) -> &'static str {
    match dtype {
        DType::Complex64 => {
            "differentiate with respect to real and imaginary part: `complex(re, im)`, `real(z)`, `abs(z)`"
        }
        _ => "convert to a float dtype before the computation that is differentiated",
    }
}

fn check_floats(builder: &GraphBuilder, targets: &[(ValueId, Option<ValueId>)], sources: &[ValueId]) -> Result<()> {
    let graph = builder.graph();
    let not_float = |what: &str, i: usize, spec: &TensorSpec| {
        let text = format!("{what} {i} of the gradient is {spec}; only floating-point tensors have one");
        Error::new(Kind::Gradient, text).hint(advice(spec.dtype))
    };
    for (i, &(target, cotangent)) in targets.iter().enumerate() {
        let spec = graph.spec(target);
        if !spec.dtype.is_float() {
            return Err(not_float("target", i, spec));
        }
        if let Some(received) = cotangent.map(|c| graph.spec(c)).filter(|s| *s != spec) {
            let text = format!("the cotangent of target {i} must be {spec}, as the target is; received {received}");
            return Err(Error::new(Kind::Gradient, text));
        }
    }
    match sources.iter().enumerate().find(|(_, v)| !graph.spec(**v).dtype.is_float()) {
        Some((i, &source)) => Err(not_float("source", i, graph.spec(source))),
        None => Ok(()),
    }
}
