//! Reverse-mode differentiation of graphs.
//!
//! [`gradient`] appends the backward nodes to a graph under construction; [`pullback`] is one op's step of it, which
//! the eager tape uses too. Backward nodes are ordinary nodes, so gradients of gradients need nothing more.
//!
//! Invariants
//! - only floating-point values carry cotangents; integers and truth values never do;
//! - a cotangent has exactly the spec of its value: broadcasting is undone by sums, symbolic sizes included;
//! - contributions are added in reverse program order, within a node in operand order: bits do not depend on
//!   anything else;
//! - an op without a derivative is an error when a wanted cotangent arrives at it, never a silent zero.
//!
//! Start with [`reverse`] (the sweep), then [`pullback`](mod@pullback) (one op), then [`activity`] (what is wanted).

pub mod activity;
pub mod pullback;
pub mod reverse;

#[cfg(test)]
mod tests;

pub use pullback::pullback;
pub use reverse::gradient;
