//! One op's step of the reverse sweep: from the cotangents of its results to those of its operands.
//!
//! Recorded or executed, as the [`OpCx`] decides. The driver does for every rule what rules need not repeat: it
//! multiplies elementwise partials by the cotangent, undoes broadcasting, differentiates expansions, and checks that
//! a cotangent fits its operand.

use super::is_differentiable;
use super::reverse::sweep;
use crate::base::{Dim, Error, Kind, Loc, Result, TensorSpec};
use crate::graph::builder::{infer, op_error, slot_attr};
use crate::graph::cx::{Handle, Handles, OpCx};
use crate::graph::opdef::{Cotangents, ExpandCx, Grad, GradCx, Lower, Partial};
use crate::graph::walk::ValueMap;
use crate::graph::{Attrs, Graph, GraphBuilder, NodeId, OpDef, ValueId};
use crate::ops;
use smallvec::SmallVec;

/// The cotangents of one op's operands, each of its operand's spec; None where nothing flows back or none is wanted.
///
/// `cotangents` has one entry for each of `outputs`, each of that result's spec. Integer operands get none even if
/// wanted. An error ([`Kind::Gradient`]) names the op and says why it has no derivative.
pub fn pullback(
    cx: &mut dyn OpCx,
    op: &'static OpDef,
    attrs: &Attrs,
    inputs: &[Handle],
    outputs: &[Handle],
    cotangents: &[Option<Handle>],
    wanted: &[bool],
) -> Result<Cotangents> {
    rule(cx, op, attrs, inputs, outputs, cotangents, wanted).map_err(|error| {
        let specs: Vec<TensorSpec> = inputs.iter().map(|&h| cx.spec(h)).collect();
        op_error(error, op, attrs, &specs, &Loc::default())
    })
}

/// [`pullback`], with errors that do not name the op.
pub(super) fn rule(
    cx: &mut dyn OpCx,
    op: &'static OpDef,
    attrs: &Attrs,
    inputs: &[Handle],
    outputs: &[Handle],
    cotangents: &[Option<Handle>],
    wanted: &[bool],
) -> Result<Cotangents> {
    let specs: SmallVec<[TensorSpec; 3]> = inputs.iter().map(|&h| cx.spec(h)).collect();
    let op = ops::complex::form(op, attrs, &specs);
    let wanted: SmallVec<[bool; 4]> =
        wanted.iter().zip(&specs).map(|(&w, s)| w && is_differentiable(s.dtype)).collect();
    let nothing = Cotangents::from_elem(None, inputs.len());
    if !wanted.contains(&true) || cotangents.iter().all(Option::is_none) {
        return Ok(nothing);
    }
    let mut given = GradCx { cx, attrs, inputs, outputs, cotangents, wanted: &wanted };
    let results = match op.grad {
        Grad::Zero(_) => return Ok(nothing),
        Grad::None(reason) => {
            return Err(Error::new(Kind::Gradient, format!("there is no gradient: {reason}"))
                .hint("`stop_gradient` on its operand says that none is wanted"));
        }
        Grad::Elementwise(partials) => elementwise(&mut given, partials)?,
        Grad::Rule(rule) => rule(&mut given)?,
        Grad::Expansion => expansion(op, &mut given)?,
    };
    if results.len() != inputs.len() {
        let text = format!("the gradient rule gave {} cotangents for {} operands", results.len(), inputs.len());
        return Err(Error::new(Kind::Internal, text));
    }
    let fitted = results.into_iter().zip(&specs).zip(&wanted);
    fitted.map(|((result, spec), &w)| result.filter(|_| w).map(|h| fit(cx, h, spec)).transpose()).collect()
}

/// Ones of a spec.
pub(super) fn ones(cx: &mut dyn OpCx, spec: &TensorSpec) -> Result<Handle> {
    filled(cx, spec, 1.0)
}

/// Zeros of a spec.
pub(super) fn zeros(cx: &mut dyn OpCx, spec: &TensorSpec) -> Result<Handle> {
    filled(cx, spec, 0.0)
}

fn filled(cx: &mut dyn OpCx, spec: &TensorSpec, number: f64) -> Result<Handle> {
    let one = Attrs::new().with("value", ops::eval::scalar(spec.dtype, number));
    let one = cx.apply(&ops::CONSTANT, one, &[])?[0];
    if spec.dims.is_empty() {
        return Ok(one);
    }
    Ok(cx.apply(&ops::BROADCAST_TO, Attrs::new().with("dims", spec.dims.as_slice()), &[one])?[0])
}

/// One more contribution to a cotangent.
pub(super) fn accumulate(cx: &mut dyn OpCx, so_far: Option<Handle>, more: Handle) -> Result<Handle> {
    match so_far {
        None => Ok(more),
        Some(sum) => Ok(cx.apply(&ops::ADD, Attrs::new(), &[sum, more])?[0]),
    }
}

fn elementwise(given: &mut GradCx<'_>, partials: &[Option<Partial>]) -> Result<Cotangents> {
    let Some(cotangent) = given.cotangents.first().copied().flatten() else {
        return Ok(Cotangents::from_elem(None, given.inputs.len()));
    };
    let mut results = Cotangents::new();
    for (partial, &wanted) in partials.iter().zip(given.wanted) {
        results.push(match partial {
            Some(partial) if wanted => {
                let partial = partial(given)?;
                Some(given.cx.apply(&ops::MULTIPLY, Attrs::new(), &[cotangent, partial])?[0])
            }
            _ => None,
        });
    }
    Ok(results)
}

/// The cotangent brought to its operand's shape by summing over the axes along which the operand was broadcast.
fn fit(cx: &mut dyn OpCx, cotangent: Handle, operand: &TensorSpec) -> Result<Handle> {
    let own = cx.spec(cotangent);
    if own == *operand {
        return Ok(cotangent);
    }
    let extra = own.rank().checked_sub(operand.rank());
    let broadcast = extra.is_some_and(|extra| {
        let pairs = own.dims[extra..].iter().zip(&operand.dims);
        pairs.into_iter().all(|(o, d)| o == d || d.as_const() == Some(1))
    });
    if own.dtype != operand.dtype || !broadcast {
        let text = format!("the gradient rule gave a cotangent {own} for an operand {operand}");
        return Err(Error::new(Kind::Internal, text));
    }
    ops::build::sum_to(cx, cotangent, &operand.dims)
}

/// Differentiates the op's expansion in a graph of its own and replays the backward nodes. The op's results stand
/// for those of the expansion, so that nothing already computed is computed again.
fn expansion(op: &OpDef, given: &mut GradCx<'_>) -> Result<Cotangents> {
    let Lower::Composite(expand) = op.lower else {
        return Err(Error::new(Kind::Internal, "the gradient is that of the expansion, but there is none"));
    };
    let mut builder = GraphBuilder::new(op.name);
    let mut known: Vec<(ValueId, Handle)> = Vec::new();
    for &input in given.inputs {
        known.push((builder.parameter("operand", given.cx.spec(input)), input));
    }
    let operands: Handles = known.iter().map(|&(v, _)| builder.handle(v)).collect();
    let attrs = with_known_sizes(op, given)?;
    let results = expand(&mut ExpandCx { cx: &mut builder, attrs: &attrs, inputs: &operands })?;
    let results: Vec<ValueId> = results.iter().map(|&h| builder.value(h)).collect();
    if results.len() != given.outputs.len() {
        let text = format!("the expansion gave {} results instead of {}", results.len(), given.outputs.len());
        return Err(Error::new(Kind::Internal, text));
    }
    let sources: Vec<ValueId> = known.iter().zip(given.wanted).filter(|(_, w)| **w).map(|(&(v, _), _)| v).collect();
    let mut targets = Vec::new();
    for (&result, &cotangent) in results.iter().zip(given.cotangents) {
        if let Some(cotangent) = cotangent {
            let parameter = builder.parameter("cotangent", given.cx.spec(cotangent));
            known.push((parameter, cotangent));
            targets.push((result, Some(parameter)));
        }
    }
    let gradients = sweep(&mut builder, &targets, &sources)?;
    known.extend(results.iter().copied().zip(given.outputs.iter().copied()));
    let mut replayed = replay(given.cx, builder.graph(), &known, &gradients)?.into_iter();
    Ok(given.wanted.iter().map(|&w| if w { replayed.next().flatten() } else { None }).collect())
}

/// The op's attributes with the sizes that its results turned out to have, if they depend on data: the expansion need
/// not, and could not, find out again.
fn with_known_sizes(op: &OpDef, given: &GradCx<'_>) -> Result<Attrs> {
    let Some((name, ..)) = slot_attr(op) else { return Ok(given.attrs.clone()) };
    let first = given.attrs.int(name).unwrap_or(0) as u32;
    let attrs = given.attrs.clone().with(name, i64::from(first));
    let inputs: Vec<TensorSpec> = given.inputs.iter().map(|&h| given.cx.spec(h)).collect();
    let mut sizes: Vec<Dim> = Vec::new();
    for (promised, &output) in infer(op, &attrs, &inputs)?.iter().zip(given.outputs) {
        for (dim, actual) in promised.dims.iter().zip(&given.cx.spec(output).dims) {
            if dim.as_slot().is_some_and(|k| k as usize == first as usize + sizes.len()) {
                sizes.push(actual.clone());
            }
        }
    }
    Ok(attrs.with("size", sizes))
}

/// Applies the nodes that `outputs` need and that are not `known` yet.
fn replay(
    cx: &mut dyn OpCx,
    graph: &Graph,
    known: &[(ValueId, Handle)],
    outputs: &[Option<ValueId>],
) -> Result<Cotangents> {
    let mut handles: ValueMap<Option<Handle>> = ValueMap::new(graph, None);
    for &(value, handle) in known {
        handles[value].get_or_insert(handle);
    }
    let mut needed = vec![false; graph.nodes.len()];
    let need = |needed: &mut Vec<bool>, handles: &ValueMap<Option<Handle>>, v: ValueId| {
        needed[v.node.index()] |= handles[v].is_none();
    };
    outputs.iter().flatten().for_each(|&v| need(&mut needed, &handles, v));
    for (id, node) in graph.iter().rev() {
        if needed[id.index()] {
            node.inputs.iter().for_each(|&v| need(&mut needed, &handles, v));
        }
    }
    let handle = |handles: &ValueMap<Option<Handle>>, v: ValueId| handles[v].expect("operands come first");
    for id in (0..graph.nodes.len() as u32).map(NodeId).filter(|id| needed[id.index()]) {
        let node = graph.node(id);
        let inputs: Handles = node.inputs.iter().map(|&v| handle(&handles, v)).collect();
        let results = cx.apply(node.op, node.attrs.clone(), &inputs)?;
        for (i, &result) in (0..).zip(&results) {
            handles[id.result(i)].get_or_insert(result);
        }
    }
    Ok(outputs.iter().map(|v| v.map(|v| handle(&handles, v))).collect())
}
