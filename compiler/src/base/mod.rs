//! What every stage speaks of: ids, specs of tensors, source locations, errors.

pub mod loc;
pub mod spec;

pub use loc::Loc;
pub use spec::TensorSpec;
pub use tracelift_runtime::DType;
pub use tracelift_runtime::error::{Error, Kind, Result};
pub use tracelift_runtime::program::{Atom, Dim};
