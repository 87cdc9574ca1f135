//! The only way an op runs: executed at once, or recorded by the trace in progress; then shown to the tapes.

use super::{eager, numerics};
use crate::autograd::tape;
use crate::config;
use crate::error::{Result, line};
use crate::tensor::Tensor;
use crate::tensor::operand::{Operand, resolve};
use crate::trace::recorder;
use smallvec::SmallVec;
use std::panic::Location;
use tracelift_compiler::graph::{Attrs, OpDef};

/// Results of an op; mostly one.
pub(crate) type Outputs = SmallVec<[Tensor; 1]>;

/// Applies `op`. Errors name the op, its operands and `loc`.
pub(crate) fn apply(
    op: &'static OpDef,
    attrs: Attrs,
    inputs: &[&Tensor],
    loc: &'static Location<'static>,
) -> Result<Outputs> {
    let (tapes, loc) = (tape::is_recording(), line(loc));
    if recorder::is_active() || inputs.iter().any(|t| t.is_symbolic()) {
        let noted = tapes.then(|| attrs.clone());
        let outputs = recorder::record(op, attrs, inputs, loc)?;
        if let Some(attrs) = noted {
            tape::note(op, &attrs, inputs, &outputs);
        }
        return Ok(outputs);
    }
    let outputs = execute(op, &attrs, inputs, loc)?;
    if tapes {
        tape::note(op, &attrs, inputs, &outputs);
    }
    Ok(outputs)
}

/// Runs `op` at once, unseen by tapes; results are checked if numerics are.
pub(crate) fn execute(
    op: &'static OpDef,
    attrs: &Attrs,
    inputs: &[&Tensor],
    loc: &'static Location<'static>,
) -> Result<Outputs> {
    let outputs = eager::run(op, attrs, inputs, loc)?;
    if config::checks_numerics() {
        numerics::check(op, &outputs, loc)?;
    }
    Ok(outputs)
}

/// Applies `op` to operands as written: variables are read, numbers take the dtype of the tensor they meet.
pub(crate) fn call(
    op: &'static OpDef,
    attrs: Attrs,
    operands: &[Operand<'_>],
    loc: &'static Location<'static>,
) -> Result<Outputs> {
    if let [Operand::Tensor(a), Operand::Tensor(b)] = operands {
        return apply(op, attrs, &[a, b], loc);
    }
    let held = resolve(op, operands, line(loc))?;
    let inputs: SmallVec<[&Tensor; 4]> = held.iter().map(|h| &**h).collect();
    apply(op, attrs, &inputs, loc)
}

/// [`call`] of an op with one result.
pub(crate) fn call1(
    op: &'static OpDef,
    attrs: Attrs,
    operands: &[Operand<'_>],
    loc: &'static Location<'static>,
) -> Result<Tensor> {
    Ok(call(op, attrs, operands, loc)?.swap_remove(0))
}

/// [`call`] of an op with several results.
pub(crate) fn call_many(
    op: &'static OpDef,
    attrs: Attrs,
    operands: &[Operand<'_>],
    loc: &'static Location<'static>,
) -> Result<Vec<Tensor>> {
    Ok(call(op, attrs, operands, loc)?.into_vec())
}
