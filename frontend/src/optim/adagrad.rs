//! [`Adagrad`] (Duchi, Hazan and Singer, 2011), with Keras's formulas and defaults.

use super::by_rule::ByRule;
use super::rule::{Next, Rule, Slot, Step};
use super::schedule::IntoRate;
use crate::error::Result;
use crate::variable::Variable;
use smallvec::{SmallVec, smallvec};

/// Steps divided by the root of the sum of squared gradients: `a += g²; w -= lr · g / √(a + epsilon)`.
pub type Adagrad = ByRule<AdagradRule>;

/// What [`Adagrad`] does.
pub struct AdagradRule {
    initial_accumulator_value: f64,
    epsilon: f64,
}

impl Adagrad {
    /// With `a = 0.1` at first, `epsilon = 1e-7`.
    pub fn new(learning_rate: impl IntoRate) -> Adagrad {
        ByRule::with_rule(AdagradRule { initial_accumulator_value: 0.1, epsilon: 1e-7 }, learning_rate)
    }

    /// With another first value of the sum.
    pub fn initial_accumulator_value(mut self, value: f64) -> Adagrad {
        self.rule.initial_accumulator_value = value;
        self
    }

    /// With another term under the root.
    pub fn epsilon(mut self, epsilon: f64) -> Adagrad {
        self.rule.epsilon = epsilon;
        self
    }
}

impl Rule for AdagradRule {
    const NAME: &'static str = "Adagrad";

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        vec![Slot::like(variable, "accumulator").initial(self.initial_accumulator_value)]
    }

    fn step(&self, s: &Step<'_>) -> Result<Next> {
        let sum = &s.slots[0] + s.gradient.square();
        let step = &s.rate * &s.gradient / (&sum + self.epsilon).sqrt();
        Ok(Next::with(&s.variable - step, [sum]))
    }

    fn numbers(&self) -> SmallVec<[f64; 8]> {
        smallvec![self.initial_accumulator_value, self.epsilon]
    }
}
