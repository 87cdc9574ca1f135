//! The trace in progress on this thread, if any: there is none.

use crate::Variable;
use crate::error::{Error, Kind, Result, at};
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::panic::Location;
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_runtime::Array;

/// Whether this thread is tracing.
pub(crate) fn is_active() -> bool {
    false
}

/// Whether errors unwind silently because a trace that may fail is running.
pub(crate) fn quiet() -> bool {
    false
}

/// Appends an op to the trace.
pub(crate) fn record(
    op: &'static OpDef,
    _: Attrs,
    _: &[&Tensor],
    loc: &'static Location<'static>,
) -> Result<SmallVec<[Tensor; 1]>> {
    Err(at(Error::new(Kind::Tracer, format!("`{}`: a symbolic tensor is used outside its trace", op.name)), loc))
}

/// The trace's value of a variable.
pub(crate) fn read(_: &Variable, _: &'static Location<'static>) -> Option<Tensor> {
    None
}

/// Records an assignment; false if there is no trace to record it in.
pub(crate) fn assign(_: &Variable, _: &Tensor, _: &'static Location<'static>) -> Result<bool> {
    Ok(false)
}

/// The trace's random state and this op's offset in it.
pub(crate) fn key_state(_: &'static Location<'static>) -> Option<(Tensor, i64)> {
    None
}

/// An error if the host may not look at the tensor's value now.
pub(crate) fn host_value(_: &Tensor, _: &'static str, _: &'static Location<'static>) -> Result<()> {
    Ok(())
}

/// The variable that `make` makes, once for each trace.
pub(crate) fn variable(make: impl FnOnce() -> Variable) -> Variable {
    make()
}

/// The value of a symbolic tensor that depends on no input.
pub(crate) fn constant_value(_: &Tensor) -> Result<Array> {
    Err(Error::new(Kind::Tracer, "a symbolic tensor is used outside its trace"))
}
