//! Precompiled kernels: tile routines that generated code calls, and whole library kernels.

pub mod tile;
