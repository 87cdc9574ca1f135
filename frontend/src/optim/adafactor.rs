//! [`Adafactor`] (Shazeer and Stern, 2018), with Keras's formulas and defaults.

use super::by_rule::ByRule;
use super::rule::{Next, Rule, Slot, Step};
use super::schedule::IntoRate;
use crate::error::Result;
use crate::tensor::Tensor;
use crate::variable::Variable;
use smallvec::{SmallVec, smallvec};

/// Adaptive steps that keep, for a matrix, one number a row and one a column instead of one an element.
///
/// ```text
/// rho = min(lr, 1 / √t);   alpha = max(epsilon_2, rms(w)) · rho;   beta = 1 - t^beta_2_decay
/// r = beta · r + (1 - beta) · mean over columns of (g² + epsilon_1);   c likewise over rows
/// v = r / mean(r) ⊗ c          (vectors: v = beta · v + (1 - beta) (g² + epsilon_1))
/// u = g / √v;   w -= alpha · u / max(1, rms(u) / clip_threshold)
/// ```
///
/// All in the variable's dtype. Keras takes means and maxima of f64 in single precision on PyTorch and JAX (not on
/// TensorFlow), so that f64 variables differ from those by about 1e-8.
pub type Adafactor = ByRule<AdafactorRule>;

/// What [`Adafactor`] does.
pub struct AdafactorRule {
    beta_2_decay: f64,
    epsilon_1: f64,
    epsilon_2: f64,
    clip_threshold: f64,
}

impl Adafactor {
    /// With `beta_2_decay = -0.8`, `epsilon_1 = 1e-30`, `epsilon_2 = 1e-3`, `clip_threshold = 1`.
    pub fn new(learning_rate: impl IntoRate) -> Adafactor {
        let rule = AdafactorRule { beta_2_decay: -0.8, epsilon_1: 1e-30, epsilon_2: 1e-3, clip_threshold: 1.0 };
        ByRule::with_rule(rule, learning_rate)
    }

    /// With another exponent of the decay.
    pub fn beta_2_decay(mut self, exponent: f64) -> Adafactor {
        self.rule.beta_2_decay = exponent;
        self
    }

    /// With another term beside squared gradients.
    pub fn epsilon_1(mut self, epsilon: f64) -> Adafactor {
        self.rule.epsilon_1 = epsilon;
        self
    }

    /// With another least size of a variable.
    pub fn epsilon_2(mut self, epsilon: f64) -> Adafactor {
        self.rule.epsilon_2 = epsilon;
        self
    }

    /// With longer or shorter steps.
    pub fn clip_threshold(mut self, threshold: f64) -> Adafactor {
        self.rule.clip_threshold = threshold;
        self
    }
}

impl Rule for AdafactorRule {
    const NAME: &'static str = "Adafactor";

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        let shape = variable.shape();
        let [.., rows, columns] = shape[..] else { return vec![Slot::like(variable, "velocity")] };
        let outer = &shape[..shape.len() - 2];
        let slot = |name, last| Slot { name, shape: [outer, &[last]].concat().as_slice().into(), initial: 0.0 };
        vec![slot("row", rows), slot("column", columns)]
    }

    fn step(&self, s: &Step<'_>) -> Result<Next> {
        let rho = s.exact_rate.minimum(crate::rsqrt(s.t));
        let decay = crate::pow(s.t, self.beta_2_decay);
        let average = |slot: &Tensor, to: Tensor| slot + (to - slot) * s.number(&decay);
        let square = s.gradient.square() + self.epsilon_1;
        let rms = |x: &Tensor| crate::sqrt(crate::reduce_mean(x.square()));
        let (slots, velocity): (SmallVec<[Tensor; 4]>, Tensor) = match &s.slots[..] {
            [row, column] => {
                let row = average(row, square.mean_axis(-1));
                let column = average(column, square.mean_axis(-2));
                let share = (&row / row.mean_keepdims(-1)).expand_dims(-1);
                let velocity = share * column.expand_dims(-2);
                (smallvec![row, column], velocity)
            }
            slots => {
                let velocity = average(&slots[0], square);
                (smallvec![velocity.clone()], velocity)
            }
        };
        let update = &s.gradient * velocity.rsqrt();
        let clipped = &update / (rms(&update) / self.clip_threshold).maximum(1.0);
        let alpha = rms(&s.variable).maximum(self.epsilon_2) * s.number(&rho);
        Ok(Next { variable: &s.variable - alpha * clipped, slots })
    }

    fn numbers(&self) -> SmallVec<[f64; 8]> {
        smallvec![self.beta_2_decay, self.epsilon_1, self.epsilon_2, self.clip_threshold]
    }
}
