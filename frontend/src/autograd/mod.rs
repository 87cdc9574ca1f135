//! Gradients: tapes that record ops, and derivatives as functions.
//!
//! Start with [`tape`]. `record` is what tapes share (the thread's stack of open tapes), `sweep` the backward
//! pass. The same sweep serves eager and symbolic tensors: its ops go through dispatch, so a trace records them.

pub mod custom;
pub mod forward;
pub(crate) mod record;
pub mod recompute;
pub mod sources;
pub(crate) mod sweep;
pub mod tape;
pub mod transforms;

#[cfg(test)]
mod tests;

pub use custom::{custom_gradient, custom_gradient_many};
pub use forward::{ForwardAccumulator, hvp, jvp};
pub use recompute::recompute_grad;
pub use sources::Sources;
pub use tape::{GradientTape, PersistentTape};
pub use transforms::{batch_jacobian, grad, hessian, jacobian, value_and_grad};
