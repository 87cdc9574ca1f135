//! Discrete Fourier transforms, and what signal processing makes of them: TensorFlow's `tf.signal`.
//!
//! Primitives are three library routines of the runtime's feature `fft` along the last axis, in [`dft`]; each is
//! linear, and the gradient of each is made of the others. Everything else is composed.

pub mod cosine;
pub mod dft;
pub mod frame;
pub mod mel;
pub mod stft;
pub mod transform;
pub mod window;
