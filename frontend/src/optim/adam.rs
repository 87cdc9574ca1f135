//! [`Adam`] (Kingma and Ba, 2014), with Keras's formulas and defaults.

use super::slots::Slots;
use super::{Optimizer, pairs};
use crate::error::Result;
use crate::nn::Module;
use crate::nn::initializers::Initializer;
use crate::tensor::Tensor;
use crate::trace::recorder::suspended;
use crate::trace::tree::{Leaves, Tree};
use crate::variable::Variable;

/// Adam: steps of the running mean of gradients over the root of the running mean of their squares.
///
/// ```text
/// m += (g - m) (1 - beta_1);  v += (g² - v) (1 - beta_2)
/// w -= lr √(1 - beta_2^t) / (1 - beta_1^t) · m / (√v + epsilon)
/// ```
pub struct Adam {
    learning_rate: Variable,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    iterations: Variable,
    moments: Slots<2>,
}

impl Adam {
    /// With `beta_1 = 0.9`, `beta_2 = 0.999`, `epsilon = 1e-7`.
    pub fn new(learning_rate: f64) -> Adam {
        suspended(|| Adam {
            learning_rate: Variable::new(learning_rate as f32).trainable(false).named("learning_rate"),
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
            iterations: Variable::new(Tensor::from(0i64)).trainable(false).named("iterations"),
            moments: Slots::new(),
        })
    }

    /// With another decay of the mean of gradients.
    pub fn beta_1(self, beta_1: f64) -> Adam {
        Adam { beta_1, ..self }
    }

    /// With another decay of the mean of squares.
    pub fn beta_2(self, beta_2: f64) -> Adam {
        Adam { beta_2, ..self }
    }

    /// With another term beside the root.
    pub fn epsilon(self, epsilon: f64) -> Adam {
        Adam { epsilon, ..self }
    }
}

impl Optimizer for Adam {
    fn try_apply(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<()> {
        self.iterations.try_assign_add(1)?;
        let step = self.iterations.value();
        for (gradient, variable) in pairs("Adam", gradients, variables)? {
            let dtype = variable.dtype();
            let t = step.cast(dtype);
            let decay = |beta: f64| 1.0 - crate::pow(beta, &t);
            let rate = self.learning_rate.value().cast(dtype) * crate::sqrt(decay(self.beta_2)) / decay(self.beta_1);
            let [mean, square] = self.moments.of(variable, || {
                let zeros = || Initializer::Zeros.variable(&variable.shape(), dtype).trainable(false);
                [zeros(), zeros()]
            });
            mean.try_assign_add(gradient.try_subtract(mean)? * (1.0 - self.beta_1))?;
            square.try_assign_add((gradient.square() - square) * (1.0 - self.beta_2))?;
            let (mean, square) = (mean.value(), square.value());
            variable.try_assign_sub(rate * mean / (square.sqrt() + self.epsilon))?;
        }
        Ok(())
    }

    fn learning_rate(&self) -> &Variable {
        &self.learning_rate
    }
}

impl Module for Adam {}

impl Tree for Adam {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        for number in [self.beta_1, self.beta_2, self.epsilon] {
            leaves.word(number.to_bits());
        }
        leaves.enter("learning_rate");
        leaves.variable(&self.learning_rate);
        leaves.exit();
        leaves.enter("iterations");
        leaves.variable(&self.iterations);
        leaves.exit();
        self.moments.visit(["m", "v"], leaves);
    }
    fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        None
    }
    fn is_object(&self) -> bool {
        true
    }
}
