//! [`Rule`]: what makes an optimizer that one; all else is [`ByRule`](super::ByRule)'s.
//!
//! A rule is a pure function: from a gradient, a variable and the optimizer's state for it to their next values. It is
//! made of ordinary ops, so it runs eagerly and compiles.

use crate::error::Result;
use crate::tensor::{Shape, Tensor};
use crate::variable::Variable;
use smallvec::{SmallVec, smallvec};
use tracelift_runtime::DType;

/// How an optimizer changes one variable. To write an optimizer, implement this and use
/// [`ByRule::with_rule`](super::ByRule::with_rule).
///
/// ```
/// use tracelift as tl;
/// use tl::optimizers::{ByRule, Next, Optimizer, Rule, Step};
/// use tl::prelude::*;
///
/// /// Steps of one size, by the gradient's sign.
/// struct SignRule;
/// impl Rule for SignRule {
///     const NAME: &'static str = "Sign";
///     fn step(&self, s: &Step<'_>) -> tl::Result<Next> {
///         Ok(Next::of(&s.variable - &s.rate * s.gradient.sign()))
///     }
/// }
///
/// let w = Variable::new([1.0, -1.0]);
/// ByRule::with_rule(SignRule, 0.5).apply(&[constant([3.0, -0.1])], &[w.clone()]);
/// assert_eq!(w.value().to_vec::<f32>(), [0.5, -0.5]);
/// ```
pub trait Rule: Send + Sync {
    /// The optimizer's name, in errors.
    const NAME: &'static str;

    /// The state to keep for a variable; none unless overridden.
    fn slots(&self, _variable: &Variable) -> Vec<Slot> {
        Vec::new()
    }

    /// The next values of a variable and of its state.
    fn step(&self, s: &Step<'_>) -> Result<Next>;

    /// What is done once before all variables, with the number of the step (from 1) as f64; `assign` changes
    /// [`shared`](Self::shared) state.
    fn begin(&self, _t: &Tensor, _assign: &dyn Fn(&Variable, Tensor) -> Result<()>) -> Result<()> {
        Ok(())
    }

    /// State that does not belong to one variable, with names.
    fn shared(&self) -> &[(&'static str, Variable)] {
        &[]
    }

    /// The configuration: other numbers are another trace. Truth values as 0 and 1.
    fn numbers(&self) -> SmallVec<[f64; 8]> {
        SmallVec::new()
    }

    /// How strongly a variable decays, of what was asked for.
    fn weight_decay(&self, asked: Option<f64>, _variable: &Variable) -> Option<f64> {
        asked
    }
}

/// One variable of an optimizer's state for a model variable.
pub struct Slot {
    /// Its name in checkpoints.
    pub name: &'static str,
    /// Its shape.
    pub shape: Shape,
    /// Its first value everywhere.
    pub initial: f64,
}

impl Slot {
    /// One like the variable, 0 at first.
    pub fn like(variable: &Variable, name: &'static str) -> Slot {
        Slot { name, shape: variable.shape(), initial: 0.0 }
    }

    /// With another first value.
    pub fn initial(self, initial: f64) -> Slot {
        Slot { initial, ..self }
    }
}

/// What a rule sees of one variable. Numbers are rank-0 tensors; the f64 ones are exact enough to be powers of any
/// step, and become the variable's dtype by [`number`](Self::number).
pub struct Step<'a> {
    /// The gradient, clipped, of the variable's dtype.
    pub gradient: Tensor,
    /// The variable's value, decayed.
    pub variable: Tensor,
    /// The state, in the order of [`Rule::slots`].
    pub slots: SmallVec<[Tensor; 4]>,
    /// The learning rate, of the variable's dtype.
    pub rate: Tensor,
    /// The learning rate, f64.
    pub exact_rate: &'a Tensor,
    /// The number of this step, from 1, f64.
    pub t: &'a Tensor,
}

impl Step<'_> {
    /// A number in the variable's dtype.
    pub fn number(&self, x: &Tensor) -> Tensor {
        x.cast(self.dtype())
    }

    /// `base^t`, f64.
    pub fn power(&self, base: f64) -> Tensor {
        crate::pow(base, self.t)
    }

    /// Slot `k` moved towards `to`: `slot + (to - slot) (1 - keep)`.
    pub fn average(&self, k: usize, to: &Tensor, keep: f64) -> Tensor {
        &self.slots[k] + (to - &self.slots[k]) * (1.0 - keep)
    }

    /// `learning rate · √(1 - beta_2^t) / (1 - beta_1^t)`, which makes up for averages that began with 0.
    pub fn corrected_rate(&self, beta_1: f64, beta_2: f64) -> Tensor {
        let corrected = self.exact_rate * crate::sqrt(1.0 - self.power(beta_2)) / (1.0 - self.power(beta_1));
        self.number(&corrected)
    }

    fn dtype(&self) -> DType {
        self.variable.dtype()
    }
}

/// What a rule gives.
pub struct Next {
    /// The variable's next value.
    pub variable: Tensor,
    /// The next state, in the order of [`Rule::slots`].
    pub slots: SmallVec<[Tensor; 4]>,
}

impl Next {
    /// A next value, where there is no state.
    pub fn of(variable: Tensor) -> Next {
        Next { variable, slots: smallvec![] }
    }

    /// A next value and a next state.
    pub fn with(variable: Tensor, slots: impl IntoIterator<Item = Tensor>) -> Next {
        Next { variable, slots: slots.into_iter().collect() }
    }
}
