//! Base types and arrays: dtypes, elements, shapes, buffers.
//!
//! Invariants: an [`Array`] is dense and row-major; its elements are 64-byte aligned unless they came from outside;
//! they are initialised, and written only through the only handle.

#[allow(clippy::module_inception)]
pub mod array;
mod buffer;
pub(crate) mod convert;
pub mod dtype;
pub mod element;
mod format;
mod interop;
pub mod shape;

pub use array::Array;
pub use dtype::DType;
pub use element::Element;
pub use shape::{Shape, Strides};
