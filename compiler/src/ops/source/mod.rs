//! Ops that make values from nothing, and the graph's parameters.

pub mod constant;
