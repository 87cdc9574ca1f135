//! Values from nothing: inputs, constants, indices, sizes, random bits.

pub mod constant;
pub mod iota;
pub mod random;

pub use constant::{CONSTANT, PARAMETER};
pub use iota::{IOTA, SIZE_OF};
