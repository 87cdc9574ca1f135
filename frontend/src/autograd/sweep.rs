//! The backward pass of a tape: recorded steps in reverse, cotangents by tensor id.
//!
//! Only steps between a source and the target are differentiated. Each op's rule comes from the compiler and runs
//! through dispatch, so outer tapes and traces see the backward pass as ordinary ops.

use super::record::{self, Backward, Node, Record};
use super::sources::Source;
use crate::engine::cx::EagerCx;
use crate::engine::{backward, dispatch};
use crate::error::{Error, Kind, Result, at};
use crate::tensor::{Scalar, Tensor};
use crate::trace::recorder;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use std::panic::Location;
use std::rc::Rc;
use tracelift_compiler::graph::cx::Handle;
use tracelift_compiler::graph::opdef::Grad;
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::{Dim, TensorSpec, grad, ops};
use tracelift_runtime::{Array, DType};

/// What a source that does not affect the target gets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unconnected {
    Error,
    Zero,
}

/// Cotangents found so far, by tensor id.
type Cotangents = FxHashMap<u64, Tensor>;

/// Watches tensors, and variables that are not trainable.
pub(crate) fn watch(record: &Record, sources: &[Source<'_>]) {
    for source in sources {
        match source {
            Source::Tensor(tensor) => record.watch(tensor),
            Source::Variable(variable) => record.watch_variable(variable.id()),
        }
    }
}

/// The gradient of the target with respect to each source; None where there is no connection. `last`: the record
/// is closed first, else it is paused meanwhile.
pub(crate) fn run(
    record: &Rc<Record>,
    target: &Tensor,
    cotangent: Option<&Tensor>,
    sources: &[Source<'_>],
    last: bool,
    loc: &'static Location<'static>,
) -> Result<Vec<Option<Tensor>>> {
    if last {
        record.close();
        return sweep(record, target, cotangent, sources, loc);
    }
    record.pause(|| sweep(record, target, cotangent, sources, loc))
}

/// The Jacobian with respect to each source: the target's axes, then the source's. Zeros where there is no connection.
///
/// One backward pass for each element of the target; `last` as in [`run`].
pub(crate) fn jacobian(
    record: &Rc<Record>,
    target: &Tensor,
    sources: &[Source<'_>],
    last: bool,
    loc: &'static Location<'static>,
) -> Result<Vec<Tensor>> {
    if last {
        record.close();
    }
    let shape = target.shape_at(loc)?;
    let count: usize = shape.iter().product();
    let mut rows: Vec<Vec<Tensor>> = vec![Vec::with_capacity(count); sources.len()];
    for i in 0..count {
        let mut unit = vec![0f64; count];
        unit[i] = 1.0;
        let unit = Array::from_slice(&shape, &unit).cast(target.dtype()).map_err(|e| at(e, loc))?;
        let gradients = run(record, target, Some(&unit.into()), sources, false, loc)?;
        let gradients = connect(record, gradients, sources, Unconnected::Zero, loc)?;
        rows.iter_mut().zip(gradients).for_each(|(rows, gradient)| rows.push(gradient));
    }
    let join = |(rows, source): (Vec<Tensor>, &Source<'_>)| {
        let own = spec_of(*source);
        let dims: Vec<Dim> = shape.iter().map(|&n| n.into()).chain(own.dims.iter().cloned()).collect();
        if rows.is_empty() {
            return full_like(&TensorSpec::new(own.dtype, dims), 0.0, loc);
        }
        let stacked = apply1(&ops::STACK, Attrs::new(), &rows.iter().collect::<Vec<_>>(), loc)?;
        apply1(&ops::RESHAPE, Attrs::new().with("dims", dims), &[&stacked], loc)
    };
    rows.into_iter().zip(sources).map(join).collect()
}

/// The Jacobian of each example of a batch: axis 0 of target and source is the batch, and example `i` of the target
/// depends on example `i` of the source alone. The batch, the target's other axes, the source's other axes.
///
/// One backward pass for each element of an example.
pub(crate) fn batch_jacobian(
    record: &Rc<Record>,
    target: &Tensor,
    source: Source<'_>,
    last: bool,
    loc: &'static Location<'static>,
) -> Result<Tensor> {
    if last {
        record.close();
    }
    let (ours, theirs) = (target.spec(), spec_of(source));
    if ours.rank() == 0 || theirs.rank() == 0 || ours.dims[0] != theirs.dims[0] {
        let text = format!("batch_jacobian: the target is {ours}, the source {theirs}");
        return Err(at(Error::new(Kind::Shape, text).hint("axis 0 of both must be the same batch"), loc));
    }
    let count = ours.dims[1..].iter().try_fold(1, |n, d| Some(n * d.as_const()?)).ok_or_else(|| {
        at(Error::new(Kind::Shape, format!("batch_jacobian: the sizes of an example must be known in {ours}")), loc)
    })? as usize;
    let mut columns = Vec::with_capacity(count);
    for i in 0..count {
        let mut unit = vec![0f64; count];
        unit[i] = 1.0;
        let example: Vec<usize> = ours.dims[1..].iter().filter_map(|d| d.as_const()).map(|d| d as usize).collect();
        let unit = Tensor::from(Array::from_slice(&example, &unit).cast(target.dtype()).map_err(|e| at(e, loc))?);
        let units = apply1(&ops::BROADCAST_TO, Attrs::new().with("dims", &ours.dims[..]), &[&unit], loc)?;
        let gradients = run(record, target, Some(&units), &[source], false, loc)?;
        columns.push(connect(record, gradients, &[source], Unconnected::Zero, loc)?.swap_remove(0));
    }
    let dims: Vec<Dim> = ours.dims.iter().chain(&theirs.dims[1..]).cloned().collect();
    if columns.is_empty() {
        return full_like(&TensorSpec::new(theirs.dtype, dims), 0.0, loc);
    }
    let stacked = apply1(&ops::STACK, Attrs::new().with("axis", 1i64), &columns.iter().collect::<Vec<_>>(), loc)?;
    apply1(&ops::RESHAPE, Attrs::new().with("dims", dims), &[&stacked], loc)
}

/// Replaces missing gradients as asked.
pub(crate) fn connect(
    record: &Record,
    gradients: Vec<Option<Tensor>>,
    sources: &[Source<'_>],
    unconnected: Unconnected,
    loc: &'static Location<'static>,
) -> Result<Vec<Tensor>> {
    let fill = |(position, gradient): (usize, Option<Tensor>)| match (gradient, unconnected) {
        (Some(gradient), _) => Ok(gradient),
        (None, Unconnected::Zero) => full_like(&spec_of(sources[position]), 0.0, loc),
        (None, Unconnected::Error) => Err(disconnected(record, sources[position], position, loc)),
    };
    gradients.into_iter().enumerate().map(fill).collect()
}

fn sweep(
    record: &Record,
    target: &Tensor,
    cotangent: Option<&Tensor>,
    sources: &[Source<'_>],
    loc: &'static Location<'static>,
) -> Result<Vec<Option<Tensor>>> {
    check_target(target, loc)?;
    sources.iter().enumerate().try_for_each(|(k, source)| check_source(*source, k, loc))?;
    let nodes = record.nodes();
    let ids: Vec<SmallVec<[u64; 1]>> = sources.iter().map(|s| ids_of(record, *s)).collect();
    let kept: FxHashSet<u64> = ids.iter().flatten().copied().collect();
    let path = downstream(&nodes, kept.clone());
    let mut cotangents = Cotangents::default();
    if path.contains(&target.id()) {
        cotangents.insert(target.id(), start(target, cotangent, loc)?);
    }
    for node in nodes.iter().rev() {
        let take = |output: &Tensor| match kept.contains(&output.id()) {
            true => cotangents.get(&output.id()).cloned(),
            false => cotangents.remove(&output.id()),
        };
        let incoming: SmallVec<[Option<Tensor>; 1]> = node.outputs.iter().map(take).collect();
        let wanted: SmallVec<[bool; 4]> = node.inputs.iter().map(|t| path.contains(&t.id())).collect();
        if incoming.iter().all(Option::is_none) || !wanted.contains(&true) {
            continue;
        }
        let outgoing = pull(node, &incoming, &wanted, loc)?;
        for ((input, gradient), wanted) in node.inputs.iter().zip(outgoing).zip(wanted) {
            if let Some(gradient) = gradient.filter(|_| wanted) {
                accumulate(&mut cotangents, input.id(), gradient, loc)?;
            }
        }
    }
    ids.iter().map(|ids| total(&cotangents, ids, loc)).collect()
}

/// The cotangents of a step's inputs.
fn pull(
    node: &Node,
    incoming: &[Option<Tensor>],
    wanted: &[bool],
    loc: &'static Location<'static>,
) -> Result<Vec<Option<Tensor>>> {
    let (op, attrs) = match &node.backward {
        Backward::Custom(backward) => return backward(incoming),
        Backward::Op { op, attrs } => (*op, attrs),
    };
    // Ops that somebody records run one by one; so do control flow and what the one program does not serve.
    if !record::is_recording() && !recorder::is_active() {
        let pulled = backward::run(op, attrs, &node.inputs, &node.outputs, incoming, wanted, loc);
        if let Some(pulled) = pulled.map_err(|e| at(e, loc))? {
            return Ok(pulled);
        }
    }
    let mut cx = EagerCx::new(loc);
    let mut insert = |tensor: &Tensor| cx.insert(tensor.clone());
    let inputs: SmallVec<[Handle; 4]> = node.inputs.iter().map(&mut insert).collect();
    let outputs: SmallVec<[Handle; 1]> = node.outputs.iter().map(&mut insert).collect();
    let cotangents: SmallVec<[Option<Handle>; 1]> = incoming.iter().map(|c| c.as_ref().map(&mut insert)).collect();
    let pulled = grad::pullback(&mut cx, op, attrs, &inputs, &outputs, &cotangents, wanted).map_err(|e| at(e, loc))?;
    Ok(pulled.into_iter().map(|handle| handle.map(|h| cx.tensor(h).clone())).collect())
}

fn accumulate(cotangents: &mut Cotangents, id: u64, gradient: Tensor, loc: &'static Location<'static>) -> Result<()> {
    let sum = match cotangents.get(&id) {
        Some(earlier) => apply1(&ops::ADD, Attrs::new(), &[earlier, &gradient], loc)?,
        None => gradient,
    };
    cotangents.insert(id, sum);
    Ok(())
}

/// The sum over the ids under which a source was used.
fn total(cotangents: &Cotangents, ids: &[u64], loc: &'static Location<'static>) -> Result<Option<Tensor>> {
    let mut parts = ids.iter().filter_map(|id| cotangents.get(id));
    let Some(first) = parts.next() else { return Ok(None) };
    let add = |sum: Tensor, part: &Tensor| apply1(&ops::ADD, Attrs::new(), &[&sum, part], loc);
    parts.try_fold(first.clone(), add).map(Some)
}

fn check_target(target: &Tensor, loc: &Location<'_>) -> Result<()> {
    let spec = target.spec();
    if spec.dtype.is_float() {
        return Ok(());
    }
    let text = format!("gradient: the target is {spec}; only float tensors have gradients");
    let hint = match spec.dtype {
        DType::Complex64 => grad::advice(spec.dtype),
        _ => "convert it with `.cast(DType::F32)` while the tape records",
    };
    Err(at(Error::new(Kind::Gradient, text).hint(hint), loc))
}

/// An error if the source is complex. Sources of other dtypes are never connected, which callers may accept.
fn check_source(source: Source<'_>, position: usize, loc: &Location<'_>) -> Result<()> {
    let spec = spec_of(source);
    if spec.dtype != DType::Complex64 {
        return Ok(());
    }
    let text = format!("gradient: source {position} is {spec}; only float tensors have gradients");
    Err(at(Error::new(Kind::Gradient, text).hint(grad::advice(spec.dtype)), loc))
}

/// The cotangent that the pass starts with: ones, unless given.
fn start(target: &Tensor, cotangent: Option<&Tensor>, loc: &'static Location<'static>) -> Result<Tensor> {
    let spec = target.spec();
    match cotangent {
        None => full_like(&spec, 1.0, loc),
        Some(given) if given.spec() == spec => Ok(given.clone()),
        Some(given) => {
            let text = format!("gradient: the target is {spec}, its cotangent {}; expected equal shapes", given.spec());
            Err(at(Error::new(Kind::Shape, text), loc))
        }
    }
}

/// Every tensor id that depends on `from` through ops that pass cotangents back, as in the compiler's `grad::activity`: an
/// op without a derivative counts as passing and is met, and reported, in the sweep.
fn downstream(nodes: &[Rc<Node>], from: FxHashSet<u64>) -> FxHashSet<u64> {
    let mut path = from;
    let passes = |node: &Node| !matches!(node.backward, Backward::Op { op, .. } if matches!(op.grad, Grad::Zero(_)));
    let is_differentiable = |t: &&Tensor| t.dtype().is_float() || t.dtype() == DType::Complex64;
    for node in nodes {
        if passes(node) && node.inputs.iter().any(|t| path.contains(&t.id())) {
            path.extend(node.outputs.iter().filter(is_differentiable).map(Tensor::id));
        }
    }
    path
}

fn ids_of(record: &Record, source: Source<'_>) -> SmallVec<[u64; 1]> {
    match source {
        Source::Tensor(tensor) => SmallVec::from_elem(tensor.id(), 1),
        Source::Variable(variable) => record.reads_of(variable.id()),
    }
}

pub(super) fn spec_of(source: Source<'_>) -> TensorSpec {
    match source {
        Source::Tensor(tensor) => tensor.spec(),
        Source::Variable(variable) => variable.spec(),
    }
}

/// A tensor of one value.
pub(crate) fn full_like(spec: &TensorSpec, value: f64, loc: &'static Location<'static>) -> Result<Tensor> {
    let scalar =
        Tensor::from(Scalar::Float(value).to_array(spec.dtype).or(Scalar::Int(value as i128).to_array(spec.dtype))?);
    if spec.rank() == 0 {
        return Ok(scalar);
    }
    apply1(&ops::BROADCAST_TO, Attrs::new().with("dims", &spec.dims[..]), &[&scalar], loc)
}

pub(super) fn apply1(
    op: &'static OpDef,
    attrs: Attrs,
    inputs: &[&Tensor],
    loc: &'static Location<'static>,
) -> Result<Tensor> {
    Ok(dispatch::apply(op, attrs, inputs, loc)?.swap_remove(0))
}

#[cold]
fn disconnected(record: &Record, source: Source<'_>, position: usize, loc: &'static Location<'static>) -> Error {
    let spec = spec_of(source);
    let what = match source {
        Source::Tensor(_) => format!("source {position} ({spec})"),
        Source::Variable(variable) => format!("source {position} (variable `{}`, {spec})", variable.name()),
    };
    if !spec.dtype.is_float() {
        let text = format!("gradient: {what} is not a float tensor; only float tensors have gradients");
        return at(Error::new(Kind::Gradient, text), loc);
    }
    let ids = ids_of(record, source);
    let path = downstream(&record.nodes(), ids.iter().copied().collect());
    let blocked = record.nodes().iter().find_map(|node| match &node.backward {
        Backward::Op { op, .. } if node.inputs.iter().any(|t| path.contains(&t.id())) => match op.grad {
            Grad::Zero(reason) => Some((op.name, reason)),
            _ => None,
        },
        _ => None,
    });
    let (text, hint) = match blocked {
        Some((op, reason)) => (
            format!("gradient: {what} affects the target only through `{op}`: {reason}"),
            "`gradient_or_zero` and `gradient_or_none` accept that",
        ),
        None => (
            format!("gradient: {what} does not affect the target"),
            "a tensor must be watched before it is used; `gradient_or_zero` and `gradient_or_none` accept sources that do not matter",
        ),
    };
    at(Error::new(Kind::Gradient, text).hint(hint), loc)
}
