//! TensorFlow 2 in Rust: eager tensors, gradients, and functions that are traced, compiled and run faster.
//!
//! Start with [`Tensor`] and [`constant`], then [`GradientTape`] and [`Variable`]. Every op is a function here (`tl::matmul`), a method
//! (`x.matmul(&y)`), and a `try_` twin of both that gives a `Result` instead of a panic.

pub mod autograd;
pub mod config;
mod engine;
pub mod error;
pub mod prelude;
pub mod random;
pub mod tensor;
pub mod testing;
mod trace;
mod variable;

pub use autograd::{GradientTape, PersistentTape, Sources, custom_gradient, grad, value_and_grad};
pub use error::{Error, Kind, Result, attempt};
pub use tensor::ops::*;
pub use tensor::{
    Ellipsis, IntoIndex, IntoInts, IntoTensor, Literal, NewAxis, Scalar, Shape, Tensor, constant, step_by,
};
pub use tracelift_runtime::DType;
pub use variable::Variable;
