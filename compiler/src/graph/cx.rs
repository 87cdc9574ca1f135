//! [`OpCx`]: how gradient rules and expansions make ops, without knowing whether they are recorded or executed.
//!
//! A rule gets handles (plain numbers) with specs and applies ops to them. `GraphBuilder` appends nodes; the
//! frontend's eager context executes at once and keeps a table from handle to tensor. So the tape, traced
//! gradients, higher orders and expansions share one set of rules.

use super::{Attrs, OpDef};
use crate::base::{Result, TensorSpec};
use smallvec::SmallVec;

/// A tensor in an [`OpCx`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle(pub u32);

/// Several results.
pub type Handles = SmallVec<[Handle; 2]>;

/// Applies ops to tensors: now, or in a graph.
pub trait OpCx {
    /// Applies `op`; an error names op, specs and the attribute at fault.
    fn apply(&mut self, op: &'static OpDef, attrs: Attrs, inputs: &[Handle]) -> Result<Handles>;

    /// The spec of a tensor.
    fn spec(&self, tensor: Handle) -> TensorSpec;
}
