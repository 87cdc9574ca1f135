//! [`Dropout`]: random zeros while training.

use super::layer::{Layer, Mode, Module};
use crate::error::{Error, Kind, raise};
use crate::tensor::Tensor;
use crate::trace::tree::{Leaves, Tree};
use std::panic::Location;
use tracelift_runtime::DType;

/// Sets elements to 0 with probability `rate` while training, and scales the others by `1 / (1 - rate)`, so that
/// the expected sum stays. In [`Mode::Infer`] it is the identity.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let x = tl::ones(&[1000]);
/// let y = tl::Dropout::new(0.5).call(&x, Mode::Train).to_vec::<f32>();
/// assert!(y.iter().all(|&v| v == 0.0 || v == 2.0));
/// assert_eq!(tl::Dropout::new(0.5).call(&x, Mode::Infer), x);
/// ```
pub struct Dropout {
    rate: f64,
}

impl Dropout {
    /// A layer that drops with probability `rate`. Panics unless 0 ≤ rate < 1.
    #[track_caller]
    pub fn new(rate: f64) -> Dropout {
        if !(0.0..1.0).contains(&rate) {
            let text = format!("Dropout: expected a rate of at least 0 and less than 1, received {rate}");
            raise(Error::new(Kind::Value, text), Location::caller());
        }
        Dropout { rate }
    }
}

impl Layer for Dropout {
    #[track_caller]
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        if mode != Mode::Train || self.rate == 0.0 {
            return x.clone();
        }
        let loc = Location::caller();
        let dims = x.spec().dims;
        let kept = match crate::random::uniform_dims(&dims, DType::F32, loc) {
            Ok(uniform) => uniform.greater_equal(self.rate),
            Err(error) => raise(error, loc),
        };
        crate::where_(kept, x * (1.0 / (1.0 - self.rate)), 0.0)
    }
}

impl Module for Dropout {}

impl Tree for Dropout {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        leaves.word(self.rate.to_bits());
    }
    fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        None
    }
    fn is_object(&self) -> bool {
        true
    }
}
