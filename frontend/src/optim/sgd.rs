//! [`Sgd`]: gradient descent, with momentum if asked for.

use super::slots::Slots;
use super::{Optimizer, pairs};
use crate::error::Result;
use crate::nn::Module;
use crate::nn::initializers::Initializer;
use crate::tensor::Tensor;
use crate::trace::recorder::suspended;
use crate::trace::tree::{Leaves, Tree};
use crate::variable::Variable;

/// Gradient descent: `w -= lr · g`; with momentum, `v = momentum · v - lr · g; w += v`.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
/// use tl::optimizers::Sgd;
///
/// let w = Variable::new(1.0);
/// Sgd::new(0.1).apply(&[constant(2.0)], &[w.clone()]);
/// assert_eq!(w.value(), 0.8);
/// ```
pub struct Sgd {
    learning_rate: Variable,
    momentum: f64,
    nesterov: bool,
    velocities: Slots<1>,
}

impl Sgd {
    /// Without momentum.
    pub fn new(learning_rate: f64) -> Sgd {
        let learning_rate = suspended(|| Variable::new(learning_rate as f32)).trainable(false).named("learning_rate");
        Sgd { learning_rate, momentum: 0.0, nesterov: false, velocities: Slots::new() }
    }

    /// With momentum.
    pub fn momentum(self, momentum: f64) -> Sgd {
        Sgd { momentum, ..self }
    }

    /// With Nesterov's form of momentum: `w += momentum · v - lr · g`.
    pub fn nesterov(self, nesterov: bool) -> Sgd {
        Sgd { nesterov, ..self }
    }
}

impl Optimizer for Sgd {
    fn try_apply(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<()> {
        for (gradient, variable) in pairs("Sgd", gradients, variables)? {
            let step = self.learning_rate.value().cast(variable.dtype()).try_multiply(gradient)?;
            if self.momentum == 0.0 {
                variable.try_assign_sub(step)?;
                continue;
            }
            let [velocity] = self
                .velocities
                .of(variable, || [Initializer::Zeros.variable(&variable.shape(), variable.dtype()).trainable(false)]);
            let next = (velocity * self.momentum).try_subtract(&step)?;
            velocity.try_assign(&next)?;
            let change = match self.nesterov {
                true => (next * self.momentum).try_subtract(&step)?,
                false => next,
            };
            variable.try_assign_add(change)?;
        }
        Ok(())
    }

    fn learning_rate(&self) -> &Variable {
        &self.learning_rate
    }
}

impl Module for Sgd {}

impl Tree for Sgd {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        leaves.word(self.momentum.to_bits());
        leaves.word(self.nesterov as u64);
        leaves.enter("learning_rate");
        leaves.variable(&self.learning_rate);
        leaves.exit();
        self.velocities.visit(["velocity"], leaves);
    }
    fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        None
    }
    fn is_object(&self) -> bool {
        true
    }
}
