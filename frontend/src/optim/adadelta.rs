//! [`Adadelta`] (Zeiler, 2012), with Keras's formulas and defaults.

use super::by_rule::ByRule;
use super::rule::{Next, Rule, Slot, Step};
use super::schedule::IntoRate;
use crate::error::Result;
use crate::variable::Variable;
use smallvec::{SmallVec, smallvec};

/// Steps as large as the steps before, in the gradient's units.
///
/// ```text
/// a = rho · a + (1 - rho) g²;   d = √(b + epsilon) / √(a + epsilon) · g
/// b = rho · b + (1 - rho) d²;   w -= lr · d
/// ```
pub type Adadelta = ByRule<AdadeltaRule>;

/// What [`Adadelta`] does.
pub struct AdadeltaRule {
    rho: f64,
    epsilon: f64,
}

impl Adadelta {
    /// With `rho = 0.95`, `epsilon = 1e-7`. The method has a learning rate of 1.
    pub fn new(learning_rate: impl IntoRate) -> Adadelta {
        ByRule::with_rule(AdadeltaRule { rho: 0.95, epsilon: 1e-7 }, learning_rate)
    }

    /// With another decay of both means.
    pub fn rho(mut self, rho: f64) -> Adadelta {
        self.rule.rho = rho;
        self
    }

    /// With another term under the roots.
    pub fn epsilon(mut self, epsilon: f64) -> Adadelta {
        self.rule.epsilon = epsilon;
        self
    }
}

impl Rule for AdadeltaRule {
    const NAME: &'static str = "Adadelta";

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        ["accumulated_grad", "accumulated_delta_var"].map(|name| Slot::like(variable, name)).into()
    }

    fn step(&self, s: &Step<'_>) -> Result<Next> {
        let gradients = s.average(0, &s.gradient.square(), self.rho);
        let step = (&s.slots[1] + self.epsilon).sqrt() * &s.gradient / (&gradients + self.epsilon).sqrt();
        let steps = s.average(1, &step.square(), self.rho);
        Ok(Next::with(&s.variable - &s.rate * step, [gradients, steps]))
    }

    fn numbers(&self) -> SmallVec<[f64; 8]> {
        smallvec![self.rho, self.epsilon]
    }
}
