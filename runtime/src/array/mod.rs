//! Base types and arrays: dtypes, elements, shapes, buffers.
//!
//! Invariants: an [`Array`] is dense and row-major; its elements are 64-byte aligned unless they came from outside;
//! they are written only through the only handle.

#[allow(clippy::module_inception)]
pub mod array;
pub mod dtype;
pub mod element;

pub use array::{Array, Shape};
pub use dtype::DType;
pub use element::Element;
