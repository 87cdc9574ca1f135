//! [`Adam`] (Kingma and Ba, 2014) and [`AdamW`] (Loshchilov and Hutter, 2017), with Keras's formulas and defaults.

use super::by_rule::ByRule;
use super::rule::{Next, Rule, Slot, Step};
use super::schedule::IntoRate;
use crate::error::Result;
use crate::variable::Variable;
use smallvec::{SmallVec, smallvec};

/// Adam: steps of the running mean of gradients over the root of the running mean of their squares.
///
/// ```text
/// m += (g - m) (1 - beta_1);  v += (g² - v) (1 - beta_2)
/// w -= lr √(1 - beta_2^t) / (1 - beta_1^t) · m / (√v + epsilon)
/// ```
///
/// With `amsgrad` the greatest `v` so far is in `v`'s place (Reddi, Kale and Kumar, 2018).
pub type Adam = ByRule<AdamRule<false>>;

/// [`Adam`] with weight decay (0.004 by default) that is no part of the gradient.
pub type AdamW = ByRule<AdamRule<true>>;

/// What [`Adam`] does; `DECAYS`: [`AdamW`].
pub struct AdamRule<const DECAYS: bool> {
    pub(super) beta_1: f64,
    pub(super) beta_2: f64,
    pub(super) epsilon: f64,
    amsgrad: bool,
}

impl<const DECAYS: bool> ByRule<AdamRule<DECAYS>> {
    /// With `beta_1 = 0.9`, `beta_2 = 0.999`, `epsilon = 1e-7`.
    pub fn new(learning_rate: impl IntoRate) -> Self {
        let optimizer = ByRule::with_rule(AdamRule::new(), learning_rate);
        if DECAYS { optimizer.weight_decay(0.004) } else { optimizer }
    }

    /// With another decay of the mean of gradients.
    pub fn beta_1(mut self, beta_1: f64) -> Self {
        self.rule.beta_1 = beta_1;
        self
    }

    /// With another decay of the mean of squares.
    pub fn beta_2(mut self, beta_2: f64) -> Self {
        self.rule.beta_2 = beta_2;
        self
    }

    /// With another term beside the root.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.rule.epsilon = epsilon;
        self
    }

    /// With steps that never grow again.
    pub fn amsgrad(mut self, amsgrad: bool) -> Self {
        self.rule.amsgrad = amsgrad;
        self
    }
}

impl<const DECAYS: bool> AdamRule<DECAYS> {
    pub(super) fn new() -> Self {
        AdamRule { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, amsgrad: false }
    }
}

impl<const DECAYS: bool> Rule for AdamRule<DECAYS> {
    const NAME: &'static str = if DECAYS { "AdamW" } else { "Adam" };

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        let names = ["momentum", "velocity", "velocity_hat"].into_iter().take(2 + self.amsgrad as usize);
        names.map(|name| Slot::like(variable, name)).collect()
    }

    fn step(&self, s: &Step<'_>) -> Result<Next> {
        let mean = s.average(0, &s.gradient, self.beta_1);
        let square = s.average(1, &s.gradient.square(), self.beta_2);
        let greatest = self.amsgrad.then(|| s.slots[2].maximum(&square));
        let under = greatest.as_ref().unwrap_or(&square).sqrt() + self.epsilon;
        let variable = &s.variable - &mean * s.corrected_rate(self.beta_1, self.beta_2) / under;
        Ok(Next::with(variable, [mean, square].into_iter().chain(greatest)))
    }

    fn numbers(&self) -> SmallVec<[f64; 8]> {
        smallvec![self.beta_1, self.beta_2, self.epsilon, f64::from(self.amsgrad)]
    }
}
