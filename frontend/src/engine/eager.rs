//! Running one op at once.
//!
//! Most ops run as compiled programs of that one op (see [`cache`]). Three kinds do not: constants, reshapes (which
//! share the elements), and slices (whose bounds change from call to call).

use super::cache::{self, Key, Source, Task};
use super::dispatch::Outputs;
use super::key::{self, Pattern};
use super::settings::Settings;
use crate::error::{Error, Kind, Result, at};
use crate::scope;
use crate::tensor::Tensor;
use crate::trace::recorder;
use smallvec::{SmallVec, smallvec};
use std::panic::Location;
use tracelift_compiler::TensorSpec;
use tracelift_compiler::graph::builder::op_error;
use tracelift_compiler::graph::opdef::{self, Lower, Movement, Operands, SpecCx, Specs};
use tracelift_compiler::graph::{Attrs, Graph, GraphBuilder, OpDef, ValueId};
use tracelift_runtime::Array;
use tracelift_runtime::array::shape::row_major_strides;
use tracelift_runtime::kernels::library::{self, LibraryCx, View, ViewMut};

/// The operands' arrays.
pub(crate) type Arrays<'a> = SmallVec<[&'a Array; 4]>;

/// Runs `op` on concrete tensors. Errors name the op, its operands and `loc`.
pub(crate) fn run(
    op: &'static OpDef,
    attrs: &Attrs,
    inputs: &[&Tensor],
    loc: &'static Location<'static>,
) -> Result<Outputs> {
    let mut arrays = Arrays::new();
    for input in inputs {
        match input.array() {
            Some(array) => arrays.push(array),
            None => recorder::host_value(input, op.name, loc)?,
        }
    }
    match op.lower {
        Lower::Source(opdef::Source::Constant) => {
            let value = attrs.data("value").ok_or_else(|| Error::new(Kind::Internal, "a constant without value"))?;
            Ok(smallvec![Tensor::from_array(value.clone())])
        }
        Lower::Movement(Movement::Reshape) => reshape(op, attrs, &arrays, loc),
        Lower::Movement(Movement::Slice) => slice(op, attrs, &arrays, loc),
        _ => program(op, attrs, &arrays, loc),
    }
}

/// The compiled program of the op.
fn program(op: &'static OpDef, attrs: &Attrs, inputs: &[&Array], loc: &'static Location<'static>) -> Result<Outputs> {
    let pattern = Pattern::of(inputs).unwrap_or_default();
    let key = Key { op, attrs, task: Task::Forward, settings: Settings::now(), pattern };
    let build = |specs: &[TensorSpec]| Ok(Source { graph: graph(op, attrs, specs, loc)?, present: u32::MAX });
    match cache::run(&key, inputs, &build) {
        Ok((results, _)) => Ok(results.into_iter().map(Tensor::from_array).collect()),
        Err(error) => Err(failed(error, op, attrs, inputs, loc)),
    }
}

/// The same elements under another shape: nothing is copied.
fn reshape(op: &'static OpDef, attrs: &Attrs, inputs: &[&Array], loc: &'static Location<'static>) -> Result<Outputs> {
    let shape = result_shape(op, attrs, inputs, loc)?;
    let array = inputs[0].reshaped(&shape).map_err(|e| at(e, loc))?;
    Ok(smallvec![Tensor::from_array(array)])
}

/// Copied by the library: a program for each `begin` would be compiled for nothing.
fn slice(op: &'static OpDef, attrs: &Attrs, inputs: &[&Array], loc: &'static Location<'static>) -> Result<Outputs> {
    let shape = result_shape(op, attrs, inputs, loc)?;
    let own = row_major_strides(inputs[0].shape());
    let begin = attrs.dims("begin").unwrap_or_default().iter().map(|d| d.as_const().unwrap_or(0));
    let steps = attrs.ints("strides");
    let mut params: SmallVec<[i64; 8]> = smallvec![begin.zip(&own).map(|(b, &s)| b * s as i64).sum()];
    params.extend(own.iter().enumerate().map(|(i, &s)| s as i64 * steps.map_or(1, |steps| steps[i])));
    let mut result = Array::uninit(inputs[0].dtype(), &shape)?;
    let copy = library::find("copy_strided").ok_or_else(|| Error::new(Kind::Internal, "copy_strided is missing"))?;
    let outputs = [ViewMut::of(&mut result)?];
    (copy.run)(&mut LibraryCx { inputs: &[View::of(inputs[0])], outputs: &outputs, params: &params, epilogue: None })
        .map_err(|e| failed(e, op, attrs, inputs, loc))?;
    Ok(smallvec![Tensor::from_array(result)])
}

/// The shape of an op's only result.
fn result_shape(
    op: &'static OpDef,
    attrs: &Attrs,
    inputs: &[&Array],
    loc: &'static Location<'static>,
) -> Result<Vec<usize>> {
    let specs = key::concrete_specs(inputs);
    let shape = (op.spec)(&SpecCx { inputs: &specs, attrs }).ok().and_then(|s: Specs| s[0].const_shape());
    // The builder checks more than the rule does, and words the error.
    shape.map_or_else(
        || Err(graph(op, attrs, &specs, loc).err().unwrap_or_else(|| Error::new(Kind::Internal, op.name))),
        Ok,
    )
}

/// The graph of one op; an error names the op, its operands and `loc`.
fn graph(op: &'static OpDef, attrs: &Attrs, specs: &[TensorSpec], loc: &'static Location<'static>) -> Result<Graph> {
    let mut builder = GraphBuilder::new(op.name);
    let name = |i: usize| match op.inputs {
        Operands::Named(names) => names.get(i).copied().unwrap_or("operand"),
        Operands::Variadic { name, .. } => name,
    };
    let parameters: Vec<ValueId> =
        specs.iter().enumerate().map(|(i, spec)| builder.parameter(name(i), spec.clone())).collect();
    let outputs = builder.apply_at(op, attrs.clone(), &parameters, scope::located(loc))?;
    Ok(builder.finish(outputs.into_vec()))
}

/// An error from running, with op and operands.
#[cold]
fn failed(
    error: Error,
    op: &'static OpDef,
    attrs: &Attrs,
    inputs: &[&Array],
    loc: &'static Location<'static>,
) -> Error {
    let own = format!("`{}`: ", op.name);
    if !error.has_origin() && error.message().starts_with(&own) {
        return at(error, loc);
    }
    // The program is the op, and its routine often has the op's name.
    let bare = |text: String| text.strip_prefix(&own).map(str::to_owned).unwrap_or(text);
    op_error(error.without_origin().map_message(bare), op, attrs, &key::concrete_specs(inputs), &scope::located(loc))
}
