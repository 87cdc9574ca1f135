//! TensorFlow 2 in Rust: eager tensors, gradients, and functions that are traced, compiled and run faster.
//!
//! Start with [`Tensor`] and [`constant`], then [`Variable`]. Every op is a function here (`tl::matmul`), a method
//! (`x.matmul(&y)`), and a `try_` twin of both that gives a `Result` instead of a panic.

pub mod autograd;
pub mod config;
mod engine;
pub mod error;
pub mod prelude;
pub mod tensor;
mod trace;
mod variable;

pub use autograd::custom_gradient;
pub use error::{Error, Kind, Result, attempt};
pub use tensor::ops::*;
pub use tensor::{IntoInts, IntoTensor, Literal, Scalar, Shape, Tensor, constant};
pub use tracelift_runtime::DType;
pub use variable::Variable;
