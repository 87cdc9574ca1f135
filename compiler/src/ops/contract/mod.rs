//! Products of tensors.

pub mod matmul;
