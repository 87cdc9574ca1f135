//! [`EagerCx`]: gradient rules run on tensors, each op dispatched as if the user had called it.
//!
//! So open tapes see the ops of a backward sweep (higher orders), and a trace records them.

use super::dispatch;
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::panic::Location;
use tracelift_compiler::graph::cx::{Handle, Handles, OpCx};
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::{Result, TensorSpec};

/// A table of tensors; a handle is an index into it.
pub(crate) struct EagerCx {
    tensors: Vec<Tensor>,
    loc: &'static Location<'static>,
}

impl EagerCx {
    /// An empty table; errors name `loc`.
    pub(crate) fn new(loc: &'static Location<'static>) -> EagerCx {
        EagerCx { tensors: Vec::new(), loc }
    }

    /// The handle of one more tensor.
    pub(crate) fn insert(&mut self, tensor: Tensor) -> Handle {
        self.tensors.push(tensor);
        Handle(self.tensors.len() as u32 - 1)
    }

    /// The tensor of a handle.
    pub(crate) fn tensor(&self, handle: Handle) -> &Tensor {
        &self.tensors[handle.0 as usize]
    }
}

impl OpCx for EagerCx {
    fn apply(&mut self, op: &'static OpDef, attrs: Attrs, inputs: &[Handle]) -> Result<Handles> {
        let inputs: SmallVec<[&Tensor; 4]> = inputs.iter().map(|&h| self.tensor(h)).collect();
        let outputs = dispatch::apply(op, attrs, &inputs, self.loc)?;
        drop(inputs);
        Ok(outputs.into_iter().map(|tensor| self.insert(tensor)).collect())
    }

    fn spec(&self, tensor: Handle) -> TensorSpec {
        self.tensor(tensor).spec()
    }
}
