//! What every stage speaks of: ids, specs of tensors, source locations, errors.

pub mod element;
pub mod loc;
pub mod spec;

pub(crate) use element::with_element;
pub use loc::Loc;
pub use spec::TensorSpec;
pub use tracelift_runtime::DType;
pub use tracelift_runtime::error::{Error, Kind, Result};
pub use tracelift_runtime::program::{Atom, Dim};
