//! [`Ftrl`] (McMahan et al., "Ad click prediction: a view from the trenches", 2013), with Keras's formulas and defaults.

use super::by_rule::ByRule;
use super::rule::{Next, Rule, Slot, Step};
use super::schedule::IntoRate;
use crate::error::Result;
use crate::variable::Variable;
use smallvec::{SmallVec, smallvec};

/// "Follow the regularized leader": with `l1` weights become exactly 0.
///
/// ```text
/// g' = g + 2 l2_shrinkage · w;   n' = n + g²;   p = -learning_rate_power
/// z += g' - (n'^p - n^p) / lr · w
/// w = (clip(z, ±l1) - z) / (n'^p / lr + 2 (l2 + beta / (2 lr)))
/// ```
pub type Ftrl = ByRule<FtrlRule>;

/// What [`Ftrl`] does.
pub struct FtrlRule {
    learning_rate_power: f64,
    initial_accumulator_value: f64,
    l1: f64,
    l2: f64,
    l2_shrinkage: f64,
    beta: f64,
}

impl Ftrl {
    /// With `learning_rate_power = -0.5`, `n = 0.1` at first, no regularization.
    pub fn new(learning_rate: impl IntoRate) -> Ftrl {
        let (learning_rate_power, initial_accumulator_value) = (-0.5, 0.1);
        let (l1, l2, l2_shrinkage, beta) = (0.0, 0.0, 0.0, 0.0);
        let rule = FtrlRule { learning_rate_power, initial_accumulator_value, l1, l2, l2_shrinkage, beta };
        ByRule::with_rule(rule, learning_rate)
    }

    /// With another fall of the learning rate; at most 0.
    pub fn learning_rate_power(mut self, power: f64) -> Ftrl {
        self.rule.learning_rate_power = power;
        self
    }

    /// With another first value of the sum of squares.
    pub fn initial_accumulator_value(mut self, value: f64) -> Ftrl {
        self.rule.initial_accumulator_value = value;
        self
    }

    /// With a pull of each weight to 0.
    pub fn l1_regularization_strength(mut self, l1: f64) -> Ftrl {
        self.rule.l1 = l1;
        self
    }

    /// With a penalty on squares.
    pub fn l2_regularization_strength(mut self, l2: f64) -> Ftrl {
        self.rule.l2 = l2;
        self
    }

    /// With a penalty on squares that acts through the gradient only.
    pub fn l2_shrinkage_regularization_strength(mut self, l2: f64) -> Ftrl {
        self.rule.l2_shrinkage = l2;
        self
    }

    /// With the paper's beta.
    pub fn beta(mut self, beta: f64) -> Ftrl {
        self.rule.beta = beta;
        self
    }
}

impl Rule for FtrlRule {
    const NAME: &'static str = "Ftrl";

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        let sum = Slot::like(variable, "accumulator").initial(self.initial_accumulator_value);
        vec![sum, Slot::like(variable, "linear")]
    }

    fn step(&self, s: &Step<'_>) -> Result<Next> {
        let [sum, linear] = [&s.slots[0], &s.slots[1]];
        let gradient = &s.gradient + &s.variable * (2.0 * self.l2_shrinkage);
        let next_sum = sum + s.gradient.square();
        let power = |x| crate::pow(x, -self.learning_rate_power);
        let sigma = (power(&next_sum) - power(sum)) / &s.rate;
        let linear = linear + gradient - sigma * &s.variable;
        let l2 = s.number(&(self.beta / (2.0 * s.exact_rate) + self.l2));
        let quadratic = power(&next_sum) / &s.rate + 2.0 * l2;
        let clipped = linear.maximum(-self.l1).minimum(self.l1);
        let variable = (clipped - &linear) / quadratic;
        Ok(Next::with(variable, [next_sum, linear]))
    }

    fn numbers(&self) -> SmallVec<[f64; 8]> {
        let FtrlRule { learning_rate_power, initial_accumulator_value, l1, l2, l2_shrinkage, beta } = *self;
        smallvec![learning_rate_power, initial_accumulator_value, l1, l2, l2_shrinkage, beta]
    }
}
