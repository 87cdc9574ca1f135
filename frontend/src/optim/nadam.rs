//! [`Nadam`] (Dozat, "Incorporating Nesterov momentum into Adam", 2016), with Keras's formulas and defaults.

use super::by_rule::ByRule;
use super::rule::{Next, Rule, Slot, Step};
use super::schedule::IntoRate;
use crate::error::Result;
use crate::tensor::Tensor;
use crate::trace::recorder::suspended;
use crate::variable::Variable;
use smallvec::{SmallVec, smallvec};

/// Adam with Nesterov's momentum.
///
/// ```text
/// u_t = beta_1 (1 - 0.96^t / 2);   U_t = u_1 … u_t
/// m += (g - m) (1 - beta_1);  v += (g² - v) (1 - beta_2)
/// m' = u_{t+1} m / (1 - U_{t+1}) + (1 - u_t) g / (1 - U_t);   v' = v / (1 - beta_2^t)
/// w -= lr · m' / (√v' + epsilon)
/// ```
pub type Nadam = ByRule<NadamRule>;

/// What [`Nadam`] does.
pub struct NadamRule {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    /// `U_t`, f64.
    shared: [(&'static str, Variable); 1],
}

impl Nadam {
    /// With `beta_1 = 0.9`, `beta_2 = 0.999`, `epsilon = 1e-7`.
    pub fn new(learning_rate: impl IntoRate) -> Nadam {
        let product = suspended(|| Variable::new(Tensor::from(1f64))).trainable(false).named("u_product");
        let shared = [("u_product", product)];
        ByRule::with_rule(NadamRule { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, shared }, learning_rate)
    }

    /// With another decay of the mean of gradients.
    pub fn beta_1(mut self, beta_1: f64) -> Nadam {
        self.rule.beta_1 = beta_1;
        self
    }

    /// With another decay of the mean of squares.
    pub fn beta_2(mut self, beta_2: f64) -> Nadam {
        self.rule.beta_2 = beta_2;
        self
    }

    /// With another term beside the root.
    pub fn epsilon(mut self, epsilon: f64) -> Nadam {
        self.rule.epsilon = epsilon;
        self
    }
}

impl NadamRule {
    fn momentum(&self, t: &Tensor) -> Tensor {
        self.beta_1 * (1.0 - 0.5 * crate::pow(0.96, t))
    }
}

impl Rule for NadamRule {
    const NAME: &'static str = "Nadam";

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        ["momentum", "velocity"].map(|name| Slot::like(variable, name)).into()
    }

    fn begin(&self, t: &Tensor, assign: &dyn Fn(&Variable, Tensor) -> Result<()>) -> Result<()> {
        let product = &self.shared[0].1;
        assign(product, product * self.momentum(t))
    }

    fn step(&self, s: &Step<'_>) -> Result<Next> {
        let (now, next) = (self.momentum(s.t), self.momentum(&(s.t + 1.0)));
        let product = self.shared[0].1.value();
        let mean = s.average(0, &s.gradient, self.beta_1);
        let square = s.average(1, &s.gradient.square(), self.beta_2);
        let of_mean = s.number(&(&next / (1.0 - &product * &next)));
        let of_gradient = s.number(&((1.0 - now) / (1.0 - &product)));
        let ahead = of_mean * &mean + of_gradient * &s.gradient;
        let corrected = &square / s.number(&(1.0 - s.power(self.beta_2)));
        let variable = &s.variable - ahead * &s.rate / (corrected.sqrt() + self.epsilon);
        Ok(Next::with(variable, [mean, square]))
    }

    fn shared(&self) -> &[(&'static str, Variable)] {
        &self.shared
    }

    fn numbers(&self) -> SmallVec<[f64; 8]> {
        smallvec![self.beta_1, self.beta_2, self.epsilon]
    }
}
