//! Elementwise ops: one scalar expression an element, operands broadcast together.

pub mod arith;
pub mod bits;
pub mod cast;
pub mod choose;
pub mod compare;
pub mod logic;
pub mod math;
pub mod pieces;
pub mod power;
pub mod rounding;
pub mod saturate;
pub mod special;
