//! Precompiled kernels: tile routines that generated code calls, and whole library kernels.

pub mod conv;
pub mod gemm;
pub mod library;
pub mod random;
pub mod special;
pub mod tile;
