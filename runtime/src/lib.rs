//! Runs compiled Tracelift programs: arrays, library kernels, the executor.
//!
//! Start with [`program::Program`] (what the compiler hands over), then [`exec`] (how a call runs).
//! This crate never sees a graph and links no code generator, so it can be embedded alone.
//! Modules are listed in dependency order.

pub mod alloc;
pub mod array;
pub mod error;
pub mod files;
pub mod generations;
pub mod kernels;
pub mod program;

pub mod profile;

pub mod exec;

pub use array::{Array, DType, Element};
pub use error::{Error, Result};

/// A loaded program: `Program::load(path)?.call(&[&x])`. The data behind it is [`program::Program`].
pub type Program = exec::Executable;
