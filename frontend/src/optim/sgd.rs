//! [`Sgd`]: gradient descent, with momentum if asked for.

use super::by_rule::ByRule;
use super::rule::{Next, Rule, Slot, Step};
use super::schedule::IntoRate;
use crate::error::Result;
use crate::variable::Variable;
use smallvec::{SmallVec, smallvec};

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
pub type Sgd = ByRule<SgdRule>;

/// What [`Sgd`] does.
pub struct SgdRule {
    momentum: f64,
    nesterov: bool,
}

impl Sgd {
    /// Without momentum.
    pub fn new(learning_rate: impl IntoRate) -> Sgd {
        ByRule::with_rule(SgdRule { momentum: 0.0, nesterov: false }, learning_rate)
    }

    /// With momentum.
    pub fn momentum(mut self, momentum: f64) -> Sgd {
        self.rule.momentum = momentum;
        self
    }

    /// With Nesterov's form of momentum: `w += momentum · v - lr · g`.
    pub fn nesterov(mut self, nesterov: bool) -> Sgd {
        self.rule.nesterov = nesterov;
        self
    }
}

impl Rule for SgdRule {
    const NAME: &'static str = "Sgd";

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        if self.momentum == 0.0 { Vec::new() } else { vec![Slot::like(variable, "velocity")] }
    }

    fn step(&self, s: &Step<'_>) -> Result<Next> {
        let step = &s.rate * &s.gradient;
        let Some(velocity) = s.slots.first() else { return Ok(Next::of(&s.variable - step)) };
        let velocity = velocity * self.momentum - &step;
        let change = if self.nesterov { &velocity * self.momentum - step } else { velocity.clone() };
        Ok(Next::with(&s.variable + change, [velocity]))
    }

    fn numbers(&self) -> SmallVec<[f64; 8]> {
        smallvec![self.momentum, f64::from(self.nesterov)]
    }
}
