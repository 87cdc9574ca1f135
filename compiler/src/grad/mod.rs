//! Differentiation of graphs: reverse mode, and forward mode by way of it.
//!
//! [`gradient`] appends the backward nodes to a graph under construction; [`pullback()`] is one op's step of it, which
//! the eager tape uses too. Backward nodes are ordinary nodes, so gradients of gradients need nothing more.
//!
//! The gradient of `%4` with respect to `%1` appends everything below it:
//!
//! ```text
//! graph @f(%0: f32[n0, 2] "x", %1: f32[2] "w") {
//!   %2 = multiply %0, %1 : f32[n0, 2]
//!   %3 = exp %2 : f32[n0, 2]
//!   %4 = reduce_sum %3 : f32[]
//!   %5 = constant {value = data f32[](1.0)} : f32[]
//!   %6 = reshape %5 {dims = dims[1, 1]} : f32[1, 1]
//!   %7 = broadcast_to %6 {dims = dims[n0, 2]} : f32[n0, 2]
//!   %8 = multiply %7, %3 : f32[n0, 2]
//!   %9 = multiply %8, %0 : f32[n0, 2]
//!   %10 = reduce_sum %9 {axes = [0]} : f32[2]
//!   return %4, %10
//! }
//! ```
//!
//! Invariants
//! - only floating-point values carry cotangents, and complex ones between real targets and sources; integers and truth
//!   values never do;
//! - a cotangent has exactly the spec of its value: broadcasting is undone by sums, symbolic sizes included;
//! - contributions are added in reverse program order, within a node in operand order: bits do not depend on
//!   anything else;
//! - an op without a derivative is an error when a wanted cotangent arrives at it, never a silent zero.
//!
//! Start with [`reverse`] (the sweep), then [`pullback`](mod@pullback) (one op), then [`activity`] (what is wanted);
//! [`forward`] is the reverse mode applied twice.

pub mod activity;
pub mod forward;
pub mod pullback;
pub mod reverse;

#[cfg(test)]
mod tests;

pub use forward::jvp;
pub use pullback::pullback;
pub use reverse::{advice, gradient};

use crate::base::DType;

/// Whether values of this dtype carry cotangents.
fn is_differentiable(dtype: DType) -> bool {
    dtype.is_float() || dtype == DType::Complex64
}
