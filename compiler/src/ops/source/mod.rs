//! Values from nothing: inputs, constants, indices, sizes, random bits.

pub mod constant;
pub mod host;
pub mod iota;
pub mod random;

pub use constant::{CONSTANT, PARAMETER};
pub use host::HOST_CALL;
pub use iota::{IOTA, SIZE_OF};
