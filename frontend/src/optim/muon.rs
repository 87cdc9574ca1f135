//! [`Muon`] (Jordan et al., 2024; the size of the steps by Liu et al., "Muon is scalable", 2025), with Keras's formulas
//! and defaults.

use super::adam::AdamRule;
use super::by_rule::ByRule;
use super::rule::{Next, Rule, Slot, Step};
use super::schedule::IntoRate;
use crate::error::Result;
use crate::tensor::Tensor;
use crate::variable::Variable;
use smallvec::SmallVec;

/// Matrices move by their momentum made orthogonal; vectors, and whatever is no matrix, by Adam.
///
/// ```text
/// m = g + momentum · m;   x = g + momentum · m  (without nesterov: m)
/// x /= |x|, then ns_steps times: x = a x + (b A + c A²) x with A = x xᵀ      (Newton and Schulz)
/// w -= lr · √max(rows, columns) · rms_rate · x
/// ```
///
/// All in the variable's dtype. Keras takes the norm and the root of f64 in single precision on PyTorch and JAX, so that
/// f64 variables differ from those by about 1e-8.
///
/// Variables with "embedding" in their name, and those of [`exclude_layers`](ByRule::exclude_layers), go by Adam too.
pub type Muon = ByRule<MuonRule>;

/// What [`Muon`] does.
pub struct MuonRule {
    adam: AdamRule<false>,
    momentum: f64,
    nesterov: bool,
    coefficients: [f64; 3],
    ns_steps: u32,
    rms_rate: Option<f64>,
    adam_lr_ratio: f64,
    adam_weight_decay: Option<f64>,
    exclude_embeddings: bool,
    exclude_layers: Vec<String>,
}

impl Muon {
    /// With `momentum = 0.95`, Nesterov's form, 5 iterations of coefficients 3.4445, -4.775 and 2.0315, `rms_rate = 0.2`,
    /// weight decay 0.004, and Adam's defaults.
    pub fn new(learning_rate: impl IntoRate) -> Muon {
        let rule = MuonRule {
            adam: AdamRule::new(),
            momentum: 0.95,
            nesterov: true,
            coefficients: [3.4445, -4.775, 2.0315],
            ns_steps: 5,
            rms_rate: Some(0.2),
            adam_lr_ratio: 1.0,
            adam_weight_decay: Some(0.004),
            exclude_embeddings: true,
            exclude_layers: Vec::new(),
        };
        ByRule::with_rule(rule, learning_rate).weight_decay(0.004)
    }

    /// With another momentum.
    pub fn momentum(mut self, momentum: f64) -> Muon {
        self.rule.momentum = momentum;
        self
    }

    /// With or without Nesterov's form of momentum.
    pub fn nesterov(mut self, nesterov: bool) -> Muon {
        self.rule.nesterov = nesterov;
        self
    }

    /// With other coefficients of the iteration.
    pub fn coefficients(mut self, a: f64, b: f64, c: f64) -> Muon {
        self.rule.coefficients = [a, b, c];
        self
    }

    /// With more or fewer iterations.
    pub fn ns_steps(mut self, steps: u32) -> Muon {
        self.rule.ns_steps = steps;
        self
    }

    /// With steps of another size; none: of the orthogonal matrix's own.
    pub fn rms_rate(mut self, rate: impl Into<Option<f64>>) -> Muon {
        self.rule.rms_rate = rate.into();
        self
    }

    /// Adam's betas and epsilon.
    pub fn adam(mut self, beta_1: f64, beta_2: f64, epsilon: f64) -> Muon {
        self.rule.adam.beta_1 = beta_1;
        self.rule.adam.beta_2 = beta_2;
        self.rule.adam.epsilon = epsilon;
        self
    }

    /// Adam's learning rate, as a part of Muon's.
    pub fn adam_lr_ratio(mut self, ratio: f64) -> Muon {
        self.rule.adam_lr_ratio = ratio;
        self
    }

    /// The weight decay of variables that go by Adam.
    pub fn adam_weight_decay(mut self, decay: impl Into<Option<f64>>) -> Muon {
        self.rule.adam_weight_decay = decay.into();
        self
    }

    /// Whether embeddings, by their name, go by Adam.
    pub fn exclude_embeddings(mut self, exclude: bool) -> Muon {
        self.rule.exclude_embeddings = exclude;
        self
    }

    /// Variables whose names contain one of these words go by Adam.
    pub fn exclude_layers(mut self, words: &[&str]) -> Muon {
        self.rule.exclude_layers = words.iter().map(|&word| word.to_owned()).collect();
        self
    }
}

impl MuonRule {
    fn is_for_adam(&self, variable: &Variable) -> bool {
        let name = variable.name();
        variable.shape().len() != 2
            || self.exclude_embeddings && name.to_lowercase().contains("embedding")
            || self.exclude_layers.iter().any(|word| name.contains(word))
    }

    /// A matrix whose singular values are all near 1, with the singular vectors of `x`.
    fn orthogonal(&self, x: &Tensor) -> Tensor {
        let shape = x.shape();
        let is_tall = shape[0] > shape[1];
        let x = if is_tall { x.transpose() } else { x.clone() };
        let mut x = &x / (crate::sqrt(crate::reduce_sum(x.square())) + 1e-7);
        let [a, b, c] = self.coefficients;
        for _ in 0..self.ns_steps {
            let gram = crate::matmul_with(&x, &x, false, true);
            let mix = &gram * b + crate::matmul(&gram * c, &gram);
            x = &x * a + crate::matmul(mix, &x);
        }
        if is_tall { x.transpose() } else { x }
    }
}

impl Rule for MuonRule {
    const NAME: &'static str = "Muon";

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        let names = ["momentum", "velocity"].into_iter().take(1 + self.is_for_adam(variable) as usize);
        names.map(|name| Slot::like(variable, name)).collect()
    }

    fn step(&self, s: &Step<'_>) -> Result<Next> {
        if s.slots.len() == 2 {
            let exact_rate = &(s.exact_rate * self.adam_lr_ratio);
            let (gradient, variable, slots) = (s.gradient.clone(), s.variable.clone(), s.slots.clone());
            return self.adam.step(&Step { gradient, variable, slots, rate: s.number(exact_rate), exact_rate, t: s.t });
        }
        let momentum = &s.slots[0] * self.momentum + &s.gradient;
        let direction = match self.nesterov {
            true => &s.gradient + &momentum * self.momentum,
            false => momentum.clone(),
        };
        let shape = s.variable.shape();
        let scale = self.rms_rate.map_or(1.0, |rate| (shape[0].max(shape[1]) as f64).sqrt() * rate);
        let variable = &s.variable - &s.rate * self.orthogonal(&direction) * scale;
        Ok(Next::with(variable, [momentum]))
    }

    fn numbers(&self) -> SmallVec<[f64; 8]> {
        let optional = |x: Option<f64>| x.unwrap_or(f64::NAN);
        let mut numbers = self.adam.numbers();
        numbers.extend(self.coefficients);
        numbers.extend([self.momentum, f64::from(self.nesterov), f64::from(self.ns_steps)]);
        numbers.extend([optional(self.rms_rate), self.adam_lr_ratio, optional(self.adam_weight_decay)]);
        numbers
    }

    fn weight_decay(&self, asked: Option<f64>, variable: &Variable) -> Option<f64> {
        if self.is_for_adam(variable) { self.adam_weight_decay } else { asked }
    }
}
