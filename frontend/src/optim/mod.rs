//! Optimizers: objects with their own variables, which update a model's.
//!
//! `optimizer.apply(&gradients, &variables)` works eagerly and traced; passed by reference, an optimizer is lent to
//! the trace like a model. Formulas and defaults are Keras's.

pub mod adam;
pub mod sgd;
mod slots;

pub use adam::Adam;
pub use sgd::Sgd;

use crate::error::{Error, Kind, Result};
use crate::nn::Module;
use crate::tensor::Tensor;
use crate::variable::Variable;

/// Updates variables by their gradients.
pub trait Optimizer: Module {
    /// One step. An error if the numbers of gradients and variables differ, or shapes do.
    fn try_apply(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<()>;

    /// One step. Panics where [`try_apply`](Self::try_apply) gives an error.
    #[track_caller]
    fn apply(&self, gradients: &[Tensor], variables: &[Variable]) {
        crate::error::unwrap(self.try_apply(gradients, variables));
    }

    /// The learning rate, a variable: assigning it needs no new trace.
    fn learning_rate(&self) -> &Variable;
}

/// What the trait has, without an import.
macro_rules! inherent {
    ($($optimizer:ty),*) => {$(
        impl $optimizer {
            /// One step; see [`Optimizer::apply`].
            #[track_caller]
            pub fn apply(&self, gradients: &[Tensor], variables: &[Variable]) {
                crate::error::unwrap(Optimizer::try_apply(self, gradients, variables));
            }

            /// The twin of [`apply`](Self::apply).
            pub fn try_apply(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<()> {
                Optimizer::try_apply(self, gradients, variables)
            }

            /// The learning rate, a variable: assigning it needs no new trace.
            pub fn learning_rate(&self) -> &Variable {
                Optimizer::learning_rate(self)
            }
        }
    )*};
}

inherent!(Adam, Sgd);

fn pairs<'a>(
    name: &str,
    gradients: &'a [Tensor],
    variables: &'a [Variable],
) -> Result<impl Iterator<Item = (&'a Tensor, &'a Variable)>> {
    if gradients.len() != variables.len() {
        let text = format!("{name}: {} gradients for {} variables", gradients.len(), variables.len());
        return Err(Error::new(Kind::Value, text).hint("take the gradients of the same list of variables"));
    }
    Ok(gradients.iter().zip(variables))
}
