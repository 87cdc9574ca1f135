//! One op's backward pass as one compiled program: what a tape runs where nobody records it.
//!
//! The program takes operands, results and cotangents, all that a rule may ask for, and computes the cotangents of
//! the operands. So the gradient of a composite is one call, fused, instead of one for each op of its expansion.

use super::cache::{self, Key, Source, Task};
use super::key::Pattern;
use super::settings::Settings;
use crate::error::Result;
use crate::scope;
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::panic::Location;
use tracelift_compiler::graph::cx::Handle;
use tracelift_compiler::graph::{Attrs, GraphBuilder, OpDef, ValueId};
use tracelift_compiler::{TensorSpec, grad};
use tracelift_runtime::Array;

/// The cotangents of the wanted operands, or None where this way does not serve: symbolic or empty tensors, shapes
/// of too high rank.
pub(crate) fn run(
    op: &'static OpDef,
    attrs: &Attrs,
    inputs: &[Tensor],
    outputs: &[Tensor],
    cotangents: &[Option<Tensor>],
    wanted: &[bool],
    loc: &'static Location<'static>,
) -> Result<Option<Vec<Option<Tensor>>>> {
    let tensors = inputs.iter().chain(outputs).chain(cotangents.iter().flatten());
    let arrays: Option<SmallVec<[&Array; 8]>> = tensors.map(Tensor::array).collect();
    let Some(arrays) = arrays.filter(|_| inputs.len() <= 32 && outputs.len() <= 32) else { return Ok(None) };
    let Some(pattern) = Pattern::of(&arrays) else { return Ok(None) };
    let given: Vec<bool> = cotangents.iter().map(Option::is_some).collect();
    let task = Task::Backward { wanted: bits(wanted), given: bits(&given) };
    let key = Key { op, attrs, task, settings: Settings::now(), pattern };
    let build = |specs: &[TensorSpec]| build(op, attrs, inputs.len(), outputs.len(), &given, wanted, specs, loc);
    let (results, present) = cache::run(&key, &arrays, &build)?;
    let mut results = results.into_iter().map(Tensor::from_array);
    Ok(Some((0..inputs.len()).map(|i| if present >> i & 1 == 1 { results.next() } else { None }).collect()))
}

/// The graph of the rule.
fn build(
    op: &'static OpDef,
    attrs: &Attrs,
    inputs: usize,
    outputs: usize,
    given: &[bool],
    wanted: &[bool],
    specs: &[TensorSpec],
    loc: &'static Location<'static>,
) -> Result<Source> {
    let mut builder = GraphBuilder::new(format!("gradient of {}", op.name));
    builder.set_loc(scope::located(loc));
    let parameters: Vec<ValueId> = specs.iter().map(|spec| builder.parameter("", spec.clone())).collect();
    let handles: Vec<Handle> = parameters.iter().map(|&p| builder.handle(p)).collect();
    let (operands, rest) = handles.split_at(inputs);
    let (results, seeds) = rest.split_at(outputs);
    let mut seeds = seeds.iter().copied();
    let cotangents: Vec<Option<Handle>> = given.iter().map(|&g| if g { seeds.next() } else { None }).collect();
    let pulled = grad::pullback(&mut builder, op, attrs, operands, results, &cotangents, wanted)?;
    let present: Vec<bool> = pulled.iter().zip(wanted).map(|(p, &w)| p.is_some() && w).collect();
    let values = pulled.iter().zip(&present).filter(|(_, p)| **p).filter_map(|(h, _)| *h);
    let values: Vec<ValueId> = values.map(|h| builder.value(h)).collect();
    Ok(Source { graph: builder.finish(values), present: bits(&present) })
}

fn bits(set: &[bool]) -> u32 {
    set.iter().enumerate().fold(0, |bits, (i, &b)| bits | u32::from(b) << i)
}
