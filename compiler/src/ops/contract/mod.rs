//! Products of tensors.

pub mod einsum;
pub mod matmul;
pub mod product;
pub mod tensordot;
