//! THE TABLE: one line per op.

pub mod source;

pub use source::constant::{CONSTANT, PARAMETER};
