//! Every op of the compiler's table as a function, a method, and their `try_` twins.

use super::Tensor;
use super::ints::IntoInts;
use super::operand::{IntoTensor, Operand};
use crate::engine::dispatch;
use crate::error::{Result, unwrap};
use smallvec::SmallVec;
use std::panic::Location;
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::ops;
use tracelift_runtime::DType;

macro_rules! define {
    ($($table:tt)*) => {
        tracelift_macros::define_ops! { $($table)* }
    };
}

tracelift_compiler::for_each_op! { define }
