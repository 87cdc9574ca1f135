//! [`RmsProp`] (Hinton's lecture 6e, 2012), with Keras's formulas and defaults.

use super::by_rule::ByRule;
use super::rule::{Next, Rule, Slot, Step};
use super::schedule::IntoRate;
use crate::error::Result;
use crate::variable::Variable;
use smallvec::{SmallVec, smallvec};

/// Steps divided by the root of the running mean of squared gradients.
///
/// ```text
/// v = rho · v + (1 - rho) g²;   centered: a = rho · a + (1 - rho) g, and v - a² in v's place
/// step = lr · g / √(v + epsilon);   momentum: m = momentum · m + step, and m in its place
/// w -= step
/// ```
pub type RmsProp = ByRule<RmsPropRule>;

/// What [`RmsProp`] does.
pub struct RmsPropRule {
    rho: f64,
    momentum: f64,
    epsilon: f64,
    centered: bool,
}

impl RmsProp {
    /// With `rho = 0.9`, no momentum, `epsilon = 1e-7`, not centered.
    pub fn new(learning_rate: impl IntoRate) -> RmsProp {
        ByRule::with_rule(RmsPropRule { rho: 0.9, momentum: 0.0, epsilon: 1e-7, centered: false }, learning_rate)
    }

    /// With another decay of the mean of squares.
    pub fn rho(mut self, rho: f64) -> RmsProp {
        self.rule.rho = rho;
        self
    }

    /// With momentum.
    pub fn momentum(mut self, momentum: f64) -> RmsProp {
        self.rule.momentum = momentum;
        self
    }

    /// With another term under the root.
    pub fn epsilon(mut self, epsilon: f64) -> RmsProp {
        self.rule.epsilon = epsilon;
        self
    }

    /// By the gradients' variance instead of their mean square.
    pub fn centered(mut self, centered: bool) -> RmsProp {
        self.rule.centered = centered;
        self
    }
}

impl Rule for RmsPropRule {
    const NAME: &'static str = "RmsProp";

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        let names = [("velocity", true), ("momentum", self.momentum > 0.0), ("average_gradient", self.centered)];
        names.iter().filter(|(_, used)| *used).map(|(name, _)| Slot::like(variable, name)).collect()
    }

    fn step(&self, s: &Step<'_>) -> Result<Next> {
        let has_momentum = self.momentum > 0.0;
        let square = s.average(0, &s.gradient.square(), self.rho);
        let mut slots: SmallVec<[_; 4]> = smallvec![square.clone()];
        let mean = self.centered.then(|| s.average(1 + has_momentum as usize, &s.gradient, self.rho));
        let spread = match &mean {
            Some(mean) => square - mean.square(),
            None => square,
        };
        let mut step = &s.rate * &s.gradient / (spread + self.epsilon).sqrt();
        if has_momentum {
            step = &s.slots[1] * self.momentum + step;
            slots.push(step.clone());
        }
        slots.extend(mean);
        Ok(Next { variable: &s.variable - step, slots })
    }

    fn numbers(&self) -> SmallVec<[f64; 8]> {
        smallvec![self.rho, self.momentum, self.epsilon, f64::from(self.centered)]
    }
}
