//! Elementwise ops: one scalar expression an element, operands broadcast together.

pub mod arith;
pub mod cast;
pub mod choose;
pub mod compare;
pub mod logic;
pub mod math;
pub mod power;
pub mod rounding;
