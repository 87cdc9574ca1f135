//! From a graph to a [`Program`](tracelift_runtime::program::Program): IR, op table, autodiff, passes, schedule, codegen.
//!
//! Data flows one way: graph ─grad→ graph ─passes→ graph ─schedule→ kernels ─codegen→ program.
//! Start with [`graph`] (the IR), then [`graph::opdef`] (what an op is) and [`kernel`] (the loop-level IR).
//! Modules are listed in dependency order: a module uses only those above it, except that [`graph`] knows the
//! op table: the builder makes `parameter` and `constant`, the parser looks names up.

pub mod base;
pub mod options;
pub mod dump;
pub mod text;
pub mod kernel;
pub mod graph;
pub mod ops;
pub mod interp;
pub mod grad;
pub mod rewrite;
pub mod passes;
pub mod vjp;
pub mod codegen;
pub mod schedule;
pub mod driver;

#[cfg(test)]
mod testing;

pub use base::{DType, Dim, Error, Kind, Loc, Result, TensorSpec};
pub use driver::{Compiled, Report, compile};
