//! Losses, as functions and as objects.
//!
//! A function `loss(y_true, y_pred)` is the mean over all examples as a scalar (Keras's `sum_over_batch_size`).
//! Cross-entropies as functions take *logits*, the outputs of a last layer without activation: that form has a stable
//! value and gradient at any size of the logits. (The ops of the same names in the crate's root do as Keras's functions
//! do, one number an example.)
//!
//! An object, such as [`Huber`], is Keras's class of that name with its defaults: it takes probabilities unless told
//! `from_logits`, weights of examples, and reduces as [`Reduction`] says. The formulas are in [`elementwise`].
//!
//! ```
//! use tracelift as tl;
//! use tl::losses::{CategoricalCrossentropy, Loss, Reduction};
//! use tl::prelude::*;
//!
//! let loss = CategoricalCrossentropy::new().from_logits(true).reduction(Reduction::Sum);
//! let (truth, logits) = (constant([[0.0, 1.0], [1.0, 0.0]]), constant([[0.0, 0.0], [0.0, 0.0]]));
//! let value = loss.call_weighted(&truth, &logits, &constant([1.0, 0.5]));
//! assert!((value.item() - 1.5 * 2f64.ln()).abs() < 1e-6);
//! ```

mod classes;
pub mod elementwise;
pub mod reduction;

pub use classes::*;
pub use reduction::Reduction;

use crate::error::{Result, attempt, on_behalf, unwrap};
use crate::tensor::{IntoTensor, Tensor};
use std::panic::Location;

/// A loss of Keras's kind: a number for each example, then a reduction. Your own: implement the first two methods.
pub trait Loss {
    /// One number an example, of any shape; operands are as given.
    fn values(&self, y_true: &Tensor, y_pred: &Tensor) -> Tensor;

    /// What becomes of the examples' numbers.
    fn reduction(&self) -> Reduction {
        Reduction::default()
    }

    /// Which examples count; all unless overridden.
    fn mask(&self, _y_true: &Tensor, _values: &Tensor) -> Option<Tensor> {
        None
    }

    /// The loss. Panics if shapes do not fit.
    #[track_caller]
    fn call(&self, y_true: &Tensor, y_pred: &Tensor) -> Tensor {
        unwrap(self.try_call(y_true, y_pred, None))
    }

    /// The loss with a weight for each example.
    #[track_caller]
    fn call_weighted(&self, y_true: &Tensor, y_pred: &Tensor, weights: &Tensor) -> Tensor {
        unwrap(self.try_call(y_true, y_pred, Some(weights)))
    }

    /// The twin of both.
    #[track_caller]
    fn try_call(&self, y_true: &Tensor, y_pred: &Tensor, weights: Option<&Tensor>) -> Result<Tensor> {
        let loc = Location::caller();
        attempt(|| {
            on_behalf(loc, || {
                let values = self.values(y_true, y_pred);
                let mask = self.mask(y_true, &values);
                reduction::reduce(values, weights, mask, self.reduction())
            })
        })
    }
}

/// Functions of truth and prediction: the mean of one number an example.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident($y_true:ident, $y_pred:ident $(, $arg:ident: $t:ty)*) $body:expr;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name($y_true: impl IntoTensor, $y_pred: impl IntoTensor $(, $arg: $t)*) -> Tensor {
            on_behalf(Location::caller(), || crate::reduce_mean($body))
        }
    )*};
}

functions! {
    /// The mean of `(y_true - y_pred)²`.
    mean_squared_error(y_true, y_pred) crate::squared_difference(y_true, y_pred);
    /// The mean of `|y_true - y_pred|`.
    mean_absolute_error(y_true, y_pred) crate::abs(crate::subtract(y_true, y_pred));
    /// The mean of `d² / 2` where `d = |y_true - y_pred| ≤ delta`, of `delta · d - delta² / 2` elsewhere.
    huber(y_true, y_pred, delta: f64) crate::huber_with(y_true, y_pred, delta);
    /// The mean of `log(cosh(y_pred - y_true))`, written so that it does not overflow.
    log_cosh(y_true, y_pred) elementwise::log_cosh_of(&crate::subtract(y_pred, y_true));
    /// The mean of `max(1 - y_true · y_pred, 0)` for labels -1 or 1.
    hinge(y_true, y_pred) crate::relu(1.0 - crate::multiply(y_true, y_pred));
    /// The mean cross-entropy between labels 0 or 1 (or probabilities) and the logit of 1, of equal shapes.
    binary_crossentropy(y_true, logits) crate::sigmoid_cross_entropy_with_logits(y_true, logits);
    /// The mean cross-entropy between label distributions and logits, both `[.., classes]`.
    categorical_crossentropy(y_true, logits) crate::softmax_cross_entropy_with_logits(y_true, logits);
    /// The mean cross-entropy between integer labels `[..]` and logits `[.., classes]`. A label outside `0..classes`
    /// gives NaN.
    ///
    /// ```
    /// use tracelift as tl;
    /// use tl::prelude::*;
    ///
    /// let loss = tl::losses::sparse_categorical_crossentropy(constant([0]), constant([[0.0, 0.0]]));
    /// assert!((loss.item() - 2f64.ln()).abs() < 1e-6);
    /// ```
    sparse_categorical_crossentropy(y_true, logits) crate::sparse_softmax_cross_entropy_with_logits(y_true, logits);
}
