//! [`Lamb`] (You et al., "Large batch optimization for deep learning", 2019), with Keras's formulas and defaults.

use super::by_rule::ByRule;
use super::rule::{Next, Rule, Slot, Step};
use super::schedule::IntoRate;
use crate::error::Result;
use crate::variable::Variable;
use smallvec::{SmallVec, smallvec};

/// Adam with steps as long as the variable.
///
/// ```text
/// m += (g - m) (1 - beta_1);  v += (g² - v) (1 - beta_2)
/// u = m / (1 - beta_1^t) / (√(v / (1 - beta_2^t)) + epsilon)
/// w -= lr · |w| / |u| · u          (the ratio is 1 if either is 0)
/// ```
pub type Lamb = ByRule<LambRule>;

/// What [`Lamb`] does.
pub struct LambRule {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Lamb {
    /// With `beta_1 = 0.9`, `beta_2 = 0.999`, `epsilon = 1e-7`.
    pub fn new(learning_rate: impl IntoRate) -> Lamb {
        ByRule::with_rule(LambRule { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }, learning_rate)
    }

    /// With another decay of the mean of gradients.
    pub fn beta_1(mut self, beta_1: f64) -> Lamb {
        self.rule.beta_1 = beta_1;
        self
    }

    /// With another decay of the mean of squares.
    pub fn beta_2(mut self, beta_2: f64) -> Lamb {
        self.rule.beta_2 = beta_2;
        self
    }

    /// With another term beside the root.
    pub fn epsilon(mut self, epsilon: f64) -> Lamb {
        self.rule.epsilon = epsilon;
        self
    }
}

impl Rule for LambRule {
    const NAME: &'static str = "Lamb";

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        ["momentum", "velocity"].map(|name| Slot::like(variable, name)).into()
    }

    fn step(&self, s: &Step<'_>) -> Result<Next> {
        let mean = s.average(0, &s.gradient, self.beta_1);
        let square = s.average(1, &s.gradient.square(), self.beta_2);
        let corrected = &square / s.number(&(1.0 - s.power(self.beta_2)));
        let update = &mean / s.number(&(1.0 - s.power(self.beta_1))) / (corrected.sqrt() + self.epsilon);
        let norm = |x| crate::sqrt(crate::reduce_sum(crate::square(x)));
        let (of_variable, of_update) = (norm(&s.variable), norm(&update));
        let both = crate::logical_and(of_variable.greater(0.0), of_update.greater(0.0));
        let ratio = crate::where_(both, &of_variable / &of_update, 1.0);
        Ok(Next::with(&s.variable - ratio * &s.rate * update, [mean, square]))
    }

    fn numbers(&self) -> SmallVec<[f64; 8]> {
        smallvec![self.beta_1, self.beta_2, self.epsilon]
    }
}
