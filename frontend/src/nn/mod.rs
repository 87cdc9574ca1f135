//! Layers: models are structs of layers, called like functions.
//!
//! Start with [`layer`] (the traits). A layer makes its variables at its first call, when it knows the shapes;
//! `derive(Layer)` finds them by position (for traces) and by name (for files).

pub mod activation;
pub mod dense;
pub mod dropout;
pub mod initializers;
pub mod layer;

pub use activation::{Activation, IntoActivation};
pub use dense::Dense;
pub use dropout::Dropout;
pub use layer::{Layer, Mode, Module};
