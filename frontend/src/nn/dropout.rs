//! Random zeros while training: [`dropout`], and the layer [`Dropout`].

use super::layer::{Layer, Mode, Module};
use crate::error::{Error, Kind, Result, raise, unwrap};
use crate::tensor::{IntoInts, IntoTensor, Tensor};
use crate::trace::tree::{Leaves, Tree};
use std::panic::Location;
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::ops;

/// `x` with elements set to 0 with probability `rate`, and the others times `1 / (1 - rate)`.
///
/// ```
/// use tracelift as tl;
/// let y = tl::dropout(tl::ones(&[1000]), 0.75).to_vec::<f32>();
/// assert!(y.iter().all(|&v| v == 0.0 || v == 4.0));
/// assert!(tl::try_dropout(tl::ones(&[2]), 1.5).is_err());
/// ```
#[track_caller]
pub fn dropout(x: impl IntoTensor, rate: f64) -> Tensor {
    unwrap(dropped(&x.into_tensor(), rate, None, Location::caller()))
}

/// The twin of [`dropout`].
#[track_caller]
pub fn try_dropout(x: impl IntoTensor, rate: f64) -> Result<Tensor> {
    dropped(&x.into_tensor(), rate, None, Location::caller())
}

/// As [`dropout`]; `noise_shape` has a length for each axis: along one of length 1 elements are kept or dropped
/// together. -1 stands for the axis of `x`.
///
/// ```
/// use tracelift as tl;
/// let y = tl::dropout_with(tl::ones(&[4, 3]), 0.5, [-1, 1]);
/// let rows = y.reduce_max_axis(1);
/// assert_eq!(y, tl::broadcast_to(tl::expand_dims(rows, 1), [4, 3]));
/// ```
#[track_caller]
pub fn dropout_with(x: impl IntoTensor, rate: f64, noise_shape: impl IntoInts) -> Tensor {
    unwrap(dropped(&x.into_tensor(), rate, Some(noise_shape.ints()), Location::caller()))
}

/// The twin of [`dropout_with`].
#[track_caller]
pub fn try_dropout_with(x: impl IntoTensor, rate: f64, noise_shape: impl IntoInts) -> Result<Tensor> {
    dropped(&x.into_tensor(), rate, Some(noise_shape.ints()), Location::caller())
}

fn dropped(x: &Tensor, rate: f64, noise_shape: Option<Vec<i64>>, loc: &'static Location<'static>) -> Result<Tensor> {
    check_rate(rate)?;
    if rate == 0.0 && noise_shape.is_none() && x.dtype().is_float() {
        return Ok(x.clone());
    }
    let attrs = Attrs::new().with("rate", rate);
    let attrs = match noise_shape {
        Some(shape) => attrs.with("noise_shape", shape),
        None => attrs,
    };
    crate::random::draw_for(x, &ops::DROPOUT, attrs, loc)
}

fn check_rate(rate: f64) -> Result<()> {
    if (0.0..1.0).contains(&rate) {
        return Ok(());
    }
    let text = format!("dropout: expected a rate of at least 0 and less than 1, received {rate}");
    Err(Error::new(Kind::Value, text))
}

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
        if let Err(error) = check_rate(rate) {
            raise(error, Location::caller());
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
        unwrap(dropped(x, self.rate, None, Location::caller()))
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
