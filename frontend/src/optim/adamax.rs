//! [`Adamax`] (Kingma and Ba, 2014, section 7), with Keras's formulas and defaults.

use super::by_rule::ByRule;
use super::rule::{Next, Rule, Slot, Step};
use super::schedule::IntoRate;
use crate::error::Result;
use crate::variable::Variable;
use smallvec::{SmallVec, smallvec};

/// Adam by the greatest gradient instead of the mean square.
///
/// ```text
/// m += (g - m) (1 - beta_1);  u = max(beta_2 · u, |g|)
/// w -= lr / (1 - beta_1^t) · m / (u + epsilon)
/// ```
pub type Adamax = ByRule<AdamaxRule>;

/// What [`Adamax`] does.
pub struct AdamaxRule {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Adamax {
    /// With `beta_1 = 0.9`, `beta_2 = 0.999`, `epsilon = 1e-7`.
    pub fn new(learning_rate: impl IntoRate) -> Adamax {
        ByRule::with_rule(AdamaxRule { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }, learning_rate)
    }

    /// With another decay of the mean of gradients.
    pub fn beta_1(mut self, beta_1: f64) -> Adamax {
        self.rule.beta_1 = beta_1;
        self
    }

    /// With another decay of the greatest gradient.
    pub fn beta_2(mut self, beta_2: f64) -> Adamax {
        self.rule.beta_2 = beta_2;
        self
    }

    /// With another term beside the greatest gradient.
    pub fn epsilon(mut self, epsilon: f64) -> Adamax {
        self.rule.epsilon = epsilon;
        self
    }
}

impl Rule for AdamaxRule {
    const NAME: &'static str = "Adamax";

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        ["momentum", "norm"].map(|name| Slot::like(variable, name)).into()
    }

    fn step(&self, s: &Step<'_>) -> Result<Next> {
        let mean = s.average(0, &s.gradient, self.beta_1);
        let norm = (&s.slots[1] * self.beta_2).maximum(s.gradient.abs());
        let rate = s.number(&(s.exact_rate / (1.0 - s.power(self.beta_1))));
        let variable = &s.variable - rate * &mean / (&norm + self.epsilon);
        Ok(Next::with(variable, [mean, norm]))
    }

    fn numbers(&self) -> SmallVec<[f64; 8]> {
        smallvec![self.beta_1, self.beta_2, self.epsilon]
    }
}
