//! [`Lion`] (Chen et al., "Symbolic discovery of optimization algorithms", 2023), with Keras's formulas and defaults.

use super::by_rule::ByRule;
use super::rule::{Next, Rule, Slot, Step};
use super::schedule::IntoRate;
use crate::error::Result;
use crate::variable::Variable;
use smallvec::{SmallVec, smallvec};

/// Steps of one size, by the sign of a running mean.
///
/// ```text
/// w -= lr · sign(beta_1 · m + (1 - beta_1) g);   m = beta_2 · m + (1 - beta_2) g
/// ```
pub type Lion = ByRule<LionRule>;

/// What [`Lion`] does.
pub struct LionRule {
    beta_1: f64,
    beta_2: f64,
}

impl Lion {
    /// With `beta_1 = 0.9`, `beta_2 = 0.99`.
    pub fn new(learning_rate: impl IntoRate) -> Lion {
        ByRule::with_rule(LionRule { beta_1: 0.9, beta_2: 0.99 }, learning_rate)
    }

    /// With another part of the mean in the step.
    pub fn beta_1(mut self, beta_1: f64) -> Lion {
        self.rule.beta_1 = beta_1;
        self
    }

    /// With another decay of the mean.
    pub fn beta_2(mut self, beta_2: f64) -> Lion {
        self.rule.beta_2 = beta_2;
        self
    }
}

impl Rule for LionRule {
    const NAME: &'static str = "Lion";

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        vec![Slot::like(variable, "momentum")]
    }

    fn step(&self, s: &Step<'_>) -> Result<Next> {
        let mix = |keep: f64| &s.slots[0] * keep + &s.gradient * (1.0 - keep);
        Ok(Next::with(&s.variable - &s.rate * mix(self.beta_1).sign(), [mix(self.beta_2)]))
    }

    fn numbers(&self) -> SmallVec<[f64; 8]> {
        smallvec![self.beta_1, self.beta_2]
    }
}
