//! Gradients: tapes that record ops. Start with `record`: what tapes share, the thread's stack of open tapes.

pub mod custom;
pub(crate) mod record;
pub mod sources;
pub(crate) mod tape;

pub use custom::custom_gradient;
pub use sources::Sources;
