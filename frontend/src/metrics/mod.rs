//! Metrics: objects that sum up over batches, as Keras's of the same names.
//!
//! `metric.update_state(&y_true, &y_pred)` adds a batch, `metric.result()` is the value for all batches since the last
//! `metric.reset_state()`. All three work eagerly and traced; passed by reference, a metric is lent to the trace like a
//! model. Sums are kept in f64, results are f32.
//!
//! Start with [`Metric`]. Means of a number an example are in [`mean`]; what is counted by thresholds in [`confusion`] and
//! [`auc`]; then [`fscore`], [`iou`], [`regression`].
//!
//! ```
//! use tracelift as tl;
//! use tl::metrics::{BinaryAccuracy, Metric};
//! use tl::prelude::*;
//!
//! let accuracy = BinaryAccuracy::new();
//! accuracy.update_state(&constant([1, 0]), &constant([0.9, 0.8]));
//! assert_eq!(accuracy.result(), 0.5);
//! accuracy.update_state(&constant([1, 1]), &constant([0.9, 0.8]));
//! assert_eq!(accuracy.result(), 0.75);
//! accuracy.reset_state();
//! assert_eq!(accuracy.result(), 0.0);
//! ```

pub mod auc;
pub mod confusion;
pub mod fscore;
pub mod iou;
pub mod mean;
pub mod regression;
mod sums;

pub use auc::{Auc, Curve, Summation};
pub use confusion::*;
pub use fscore::{Average, F1Score, FBetaScore};
pub use iou::{BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU};
pub use mean::*;
pub use regression::{Aggregation, R2Score, RootMeanSquaredError};

use crate::error::{Result, attempt, on_behalf, unwrap};
use crate::nn::Module;
use crate::tensor::Tensor;
use std::panic::Location;

/// A value over batches. To write one, implement `update`, `try_result` and `Module` (by `#[derive(Layer)]`, which finds its
/// variables); callers use the other methods.
///
/// ```
/// use tracelift as tl;
/// use tl::metrics::Metric;
/// use tl::prelude::*;
///
/// /// The greatest error so far.
/// #[derive(tl::Layer)]
/// struct WorstError {
///     worst: Variable,
/// }
///
/// impl Metric for WorstError {
///     fn update(&self, y_true: &Tensor, y_pred: &Tensor, _weights: Option<&Tensor>) -> tl::Result<()> {
///         let worst = y_true.try_subtract(y_pred)?.abs().max();
///         self.worst.try_assign(self.worst.value().maximum(worst))?;
///         Ok(())
///     }
///     fn try_result(&self) -> tl::Result<Tensor> {
///         Ok(self.worst.value())
///     }
/// }
///
/// let metric = WorstError { worst: Variable::new(0.0).trainable(false) };
/// metric.update_state(&constant([1.0, 2.0]), &constant([1.5, 2.0]));
/// metric.update_state(&constant([1.0, 2.0]), &constant([1.0, 1.75]));
/// assert_eq!(metric.result(), 0.5);
/// metric.reset_state();
/// assert_eq!(metric.result(), 0.0);
/// ```
pub trait Metric: Module {
    /// Adds a batch; `weights`, if there are any, are one an example. Written by the metric; to call, there is
    /// [`try_update_state`](Self::try_update_state).
    fn update(&self, y_true: &Tensor, y_pred: &Tensor, weights: Option<&Tensor>) -> Result<()>;

    /// The value for all batches so far. An error if it depends on shapes that no batch has shown yet.
    fn try_result(&self) -> Result<Tensor>;

    /// Adds a batch. Panics if shapes do not fit.
    #[track_caller]
    fn update_state(&self, y_true: &Tensor, y_pred: &Tensor) {
        unwrap(self.try_update_state(y_true, y_pred, None));
    }

    /// Adds a batch with a weight for each example.
    #[track_caller]
    fn update_state_weighted(&self, y_true: &Tensor, y_pred: &Tensor, weights: &Tensor) {
        unwrap(self.try_update_state(y_true, y_pred, Some(weights)));
    }

    /// The twin of both.
    #[track_caller]
    fn try_update_state(&self, y_true: &Tensor, y_pred: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        let loc = Location::caller();
        attempt(|| on_behalf(loc, || self.update(y_true, y_pred, weights)))?
    }

    /// The value for all batches so far. Panics where [`try_result`](Self::try_result) gives an error.
    #[track_caller]
    fn result(&self) -> Tensor {
        unwrap(self.try_result())
    }

    /// Forgets all batches.
    #[track_caller]
    fn reset_state(&self) {
        for variable in self.variables() {
            variable.assign(crate::zeros(variable.shape()).cast(variable.dtype()));
        }
    }
}

/// A metric is an object: its numbers enter a trace's signature, its variables are lent to it.
macro_rules! metric_tree {
    ([$($generics:tt)*] $name:ty { $($field:ident),* }) => {
        impl<$($generics)*> crate::nn::Module for $name {}

        impl<$($generics)*> crate::trace::tree::Tree for $name {
            fn visit<'a>(&'a self, leaves: &mut crate::trace::tree::Leaves<'a>) {
                $(
                    leaves.enter(stringify!($field));
                    crate::trace::tree::Tree::visit(&self.$field, leaves);
                    leaves.exit();
                )*
            }
            fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
                None
            }
            fn is_object(&self) -> bool {
                true
            }
        }
    };
    ($name:ident { $($field:ident),* }) => { crate::metrics::metric_tree! { [] $name { $($field),* } } };
}
use metric_tree;

/// A choice among a few is a word of a trace's signature.
macro_rules! choice_tree {
    ($name:ident) => {
        impl crate::trace::tree::Tree for $name {
            fn visit<'a>(&'a self, leaves: &mut crate::trace::tree::Leaves<'a>) {
                leaves.word(*self as u64);
            }
            fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
                Some(*self)
            }
        }
    };
}
use choice_tree;
