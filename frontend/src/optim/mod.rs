//! Optimizers: objects with their own variables, which update a model's.
//!
//! `optimizer.apply(&gradients, &variables)` works eagerly and traced; passed by reference, an optimizer is lent to
//! the trace like a model. Formulas and defaults are Keras's. What differs between optimizers is a [`Rule`], in a file
//! of its own; what they share is [`ByRule`]; learning rates that change are in [`schedule`].
//!
//! ```
//! use tracelift as tl;
//! use tl::optimizers::{AdamW, Optimizer, schedule::CosineDecay};
//! use tl::prelude::*;
//!
//! let optimizer = AdamW::new(CosineDecay::new(0.1, 100)).weight_decay(0.01).clipnorm(1.0);
//! let w = Variable::new([1.0, -2.0]);
//! for _ in 0..100 {
//!     let tape = GradientTape::new();
//!     let loss = tl::square(&w).sum();
//!     let gradient = tape.gradient(&loss, &w);
//!     optimizer.apply(&[gradient], &[w.clone()]);
//! }
//! assert!(tl::square(&w).sum().item() < 0.05);
//! ```

pub mod adadelta;
pub mod adafactor;
pub mod adagrad;
pub mod adam;
pub mod adamax;
pub mod by_rule;
pub mod ftrl;
pub mod lamb;
pub mod lion;
pub mod muon;
pub mod nadam;
pub mod rmsprop;
pub mod rule;
pub mod schedule;
pub mod sgd;
mod slots;

pub use adadelta::Adadelta;
pub use adafactor::Adafactor;
pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use adamax::Adamax;
pub use by_rule::ByRule;
pub use ftrl::Ftrl;
pub use lamb::Lamb;
pub use lion::Lion;
pub use muon::Muon;
pub use nadam::Nadam;
pub use rmsprop::RmsProp;
pub use rule::{Next, Rule, Slot, Step};
pub use sgd::Sgd;

use crate::error::Result;
use crate::nn::Module;
use crate::tensor::Tensor;
use crate::variable::Variable;

/// Updates variables by their gradients.
pub trait Optimizer: Module {
    /// One step. An error if the numbers of gradients and variables differ, or shapes do.
    #[track_caller]
    fn try_apply(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<()>;

    /// One step. Panics where [`try_apply`](Self::try_apply) gives an error.
    #[track_caller]
    fn apply(&self, gradients: &[Tensor], variables: &[Variable]) {
        crate::error::unwrap(self.try_apply(gradients, variables));
    }

    /// The learning rate, an f64 variable: assigning it needs no new trace. With a schedule, that of the last step.
    fn learning_rate(&self) -> &Variable;
}
