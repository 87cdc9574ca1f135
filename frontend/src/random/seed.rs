//! [`IntoSeed`]: what a stateless draw is a function of.

use crate::error::{Error, Kind, Result, at};
use crate::tensor::Tensor;
use std::panic::Location;
use tracelift_runtime::{Array, DType};

/// The seed of a stateless draw: one integer, or two (TensorFlow's form), as numbers or as an integer tensor of shape
/// `[2]`. One integer `s` is the same as `[s, 0]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a seed",
    label = "expected an integer, two integers, or a tensor of two"
)]
pub trait IntoSeed {
    /// The state that draws see; an error names the function `of` this crate that takes the seed.
    #[doc(hidden)]
    fn state(self, of: &str, loc: &'static Location<'static>) -> Result<Tensor>;
}

macro_rules! seed {
    ($($t:ty)*) => {$(
        impl IntoSeed for $t {
            fn state(self, of: &str, loc: &'static Location<'static>) -> Result<Tensor> {
                state(&[self as u64, 0], of, loc)
            }
        }

        impl<const N: usize> IntoSeed for [$t; N] {
            fn state(self, of: &str, loc: &'static Location<'static>) -> Result<Tensor> {
                state(&self.map(|v| v as u64), of, loc)
            }
        }

        impl IntoSeed for &[$t] {
            fn state(self, of: &str, loc: &'static Location<'static>) -> Result<Tensor> {
                state(&self.iter().map(|&v| v as u64).collect::<Vec<_>>(), of, loc)
            }
        }
    )*};
}
seed!(i32 i64 u32 u64 usize);

impl IntoSeed for &Tensor {
    fn state(self, of: &str, loc: &'static Location<'static>) -> Result<Tensor> {
        let spec = self.spec();
        if !spec.dtype.is_int() || spec.const_shape() != Some(vec![2]) {
            return Err(refused(of, spec, loc));
        }
        self.try_cast(DType::U64)
    }
}

impl IntoSeed for Tensor {
    fn state(self, of: &str, loc: &'static Location<'static>) -> Result<Tensor> {
        (&self).state(of, loc)
    }
}

fn state(seed: &[u64], of: &str, loc: &'static Location<'static>) -> Result<Tensor> {
    match seed {
        [_, _] => Ok(Tensor::from_array(Array::from_slice(&[2], seed))),
        _ => Err(refused(of, format_args!("{} of them", seed.len()), loc)),
    }
}

fn refused(of: &str, received: impl std::fmt::Display, loc: &'static Location<'static>) -> Error {
    at(Error::new(Kind::Value, format!("{of}: expected a seed of one integer or two, received {received}")), loc)
}
