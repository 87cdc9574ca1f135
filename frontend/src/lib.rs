//! TensorFlow 2 in Rust: eager tensors, gradients, and functions that are traced, compiled and run faster.
//!
//! Start with [`Tensor`] and [`constant`], then [`GradientTape`] and [`Variable`]. Every op is a function here (`tl::matmul`), a method
//! (`x.matmul(&y)`), and a `try_` twin of both that gives a `Result` instead of a panic.

pub mod autograd;
pub mod config;
mod custom_op;
mod engine;
pub mod error;
mod flow;
pub mod guide;
pub mod linalg;
pub mod image;
mod log;
pub mod losses;
pub mod metrics;
pub mod nn;
#[path = "optim/mod.rs"]
pub mod optimizers;
pub mod prelude;
pub mod random;
pub mod reference;
mod save;
mod scope;
pub mod signal;
pub mod tensor;
pub mod testing;
mod trace;
mod variable;

pub use autograd::{
    ForwardAccumulator, GradientTape, PersistentTape, Sources, batch_jacobian, custom_gradient, custom_gradient_many,
    grad, hessian, hvp, jacobian, jvp, recompute_grad, value_and_grad,
};
pub use custom_op::CustomOp;
pub use error::{Error, Kind, Result, attempt};
pub use flow::{
    TensorArray, foldl, foldr, map_fn, map_fn_many, scan, try_foldl, try_foldr, try_map_fn, try_map_fn_many, try_scan,
    try_while_loop, while_loop,
};
pub use linalg::{
    eig, eigh, eigh_tridiagonal, lu, qr, slogdet, svd, try_eig, try_eigh, try_eigh_tridiagonal, try_lu, try_qr,
    try_slogdet, try_svd,
};
pub use nn as layers;
pub use nn::dropout::{dropout, dropout_with, try_dropout, try_dropout_with};
pub use nn::{Dense, Dropout, Layer, Mode, Module, initializers};
pub use save::{load_tensors, load_weights, save_weights};
pub use scope::name_scope;
pub use tensor::by_rank::*;
pub use tensor::names::*;
pub use tensor::ops::*;
pub use tensor::{
    Ellipsis, IntoIndex, IntoInts, IntoPadding, IntoTensor, Literal, NewAxis, Scalar, Shape, Tensor, constant, step_by,
    try_constant,
};
pub use trace::closure::{Function, IntoFunction, function};
pub use trace::compiled::{Concrete, Timing};
pub use trace::report::{Explanation, explain};
pub use trace::tree::{Static, Tree};
pub use tracelift_macros::{Layer, Tree, function};
pub use tracelift_runtime::DType;
pub use variable::Variable;

/// What generated code names; no part of the contract with users.
#[doc(hidden)]
pub mod __private {
    pub use crate::error::Result;
    pub use crate::nn::Module;
    pub use crate::tensor::Tensor;
    pub use crate::trace::arg::{Arg, Returned};
    pub use crate::trace::compiled::Concrete;
    pub use crate::trace::function::{FunctionState, InputSpec, call, concrete, try_call};
    pub use crate::trace::key::TypeKey;
    pub use crate::trace::tree::{Leaves, Tree, owned};
    pub use tracelift_runtime::DType;

    /// The argument; blames a type that is none.
    pub fn arg<A: Arg>(arg: A) -> A {
        arg
    }

    /// Blames a result type that a traced function cannot have.
    pub fn returned<R: Returned>() {}
}
