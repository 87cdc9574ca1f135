//! Ops on images `[batch, height, width, channels]`.

pub mod crop;
pub mod patches;
pub mod resize;
pub mod sampling;
pub mod suppress;
