//! What most programs use: `use tl::prelude::*;`. No op functions (they are `tl::name`) and no `Result`.

pub use crate::autograd::GradientTape;
pub use crate::nn::{Layer, Mode, Module};
pub use crate::tensor::{IntoTensor, Tensor, constant};
pub use crate::trace::closure::function;
pub use crate::trace::tree::Tree;
pub use crate::variable::Variable;
pub use tracelift_macros::{Layer, Tree, function};
pub use tracelift_runtime::DType;
pub use tracelift_runtime::DType::*;
