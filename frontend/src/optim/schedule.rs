//! Learning rates that change with the step: [`Schedule`], and Keras's.
//!
//! An optimizer takes a schedule instead of a number: `Adam::new(ExponentialDecay::new(0.1, 1000, 0.96))`.

use crate::tensor::Tensor;
use crate::trace::key::TypeKey;
use crate::trace::tree::Leaves;
use smallvec::{SmallVec, smallvec};
use std::f64::consts::PI;

/// A learning rate as a function of the number of steps done. Made of ops, so that it changes without a new trace.
pub trait Schedule: Send + Sync {
    /// The rate at `step`, a rank-0 f64 tensor that is 0 at first; rank-0 f64 too.
    fn value(&self, step: &Tensor) -> Tensor;

    /// The configuration: other numbers are another trace. Truth values as 0 and 1.
    fn numbers(&self) -> SmallVec<[f64; 8]>;

    /// Another type is another trace too. Not to be overridden.
    #[doc(hidden)]
    fn type_key(&self) -> TypeKey {
        TypeKey::of::<Self>()
    }

    /// The rate at a step, as a number.
    fn at(&self, step: u64) -> f64
    where
        Self: Sized,
    {
        self.value(&Tensor::from(step as f64)).item()
    }
}

/// What an optimizer takes as learning rate: an `f64` or a [`Schedule`].
pub trait IntoRate {
    #[doc(hidden)]
    fn into_rate(self) -> Rate;
}

/// A learning rate.
#[doc(hidden)]
pub enum Rate {
    /// Always this, until the optimizer's variable is assigned.
    Fixed(f64),
    /// By the step.
    Scheduled(Box<dyn Schedule>),
}

impl Rate {
    /// Shows what another trace has otherwise. A fixed rate is a variable: another value is not.
    pub(super) fn visit(&self, leaves: &mut Leaves<'_>) {
        match self {
            Rate::Fixed(_) => leaves.word(0),
            Rate::Scheduled(schedule) => {
                leaves.word(1);
                leaves.type_key(schedule.type_key());
                leaves.numbers(&schedule.numbers());
            }
        }
    }
}

impl IntoRate for f64 {
    fn into_rate(self) -> Rate {
        Rate::Fixed(self)
    }
}

impl<S: Schedule + 'static> IntoRate for S {
    fn into_rate(self) -> Rate {
        Rate::Scheduled(Box::new(self))
    }
}

impl IntoRate for Rate {
    fn into_rate(self) -> Rate {
        self
    }
}

impl IntoRate for Box<dyn Schedule> {
    fn into_rate(self) -> Rate {
        Rate::Scheduled(self)
    }
}

/// `initial · decay_rate^(step / decay_steps)`; with `staircase` the quotient is rounded down.
///
/// ```
/// use tracelift::optimizers::schedule::{ExponentialDecay, Schedule};
/// let schedule = ExponentialDecay::new(0.1, 10, 0.5);
/// assert!((schedule.at(20) - 0.025).abs() < 1e-12);
/// ```
#[derive(Clone, Debug)]
pub struct ExponentialDecay {
    initial: f64,
    decay_steps: f64,
    decay_rate: f64,
    staircase: bool,
}

impl ExponentialDecay {
    /// By the factor `decay_rate` every `decay_steps` steps, smoothly.
    pub fn new(initial: f64, decay_steps: u64, decay_rate: f64) -> Self {
        ExponentialDecay { initial, decay_steps: steps(decay_steps), decay_rate, staircase: false }
    }

    /// In jumps.
    pub fn staircase(self, staircase: bool) -> Self {
        Self { staircase, ..self }
    }
}

impl Schedule for ExponentialDecay {
    fn value(&self, step: &Tensor) -> Tensor {
        self.initial * crate::pow(self.decay_rate, quotient(step, self.decay_steps, self.staircase))
    }
    fn numbers(&self) -> SmallVec<[f64; 8]> {
        smallvec![self.initial, self.decay_steps, self.decay_rate, f64::from(self.staircase)]
    }
}

/// `values[k]` up to and including step `boundaries[k]`; the last value afterwards.
#[derive(Clone, Debug)]
pub struct PiecewiseConstantDecay {
    boundaries: Vec<f64>,
    values: Vec<f64>,
}

impl PiecewiseConstantDecay {
    /// Panics unless there is one value more than boundaries, and boundaries grow.
    #[track_caller]
    pub fn new(boundaries: &[u64], values: &[f64]) -> Self {
        assert_eq!(boundaries.len() + 1, values.len(), "PiecewiseConstantDecay: one value more than boundaries");
        assert!(boundaries.is_sorted(), "PiecewiseConstantDecay: boundaries must grow, received {boundaries:?}");
        Self { boundaries: boundaries.iter().map(|&b| b as f64).collect(), values: values.to_vec() }
    }
}

impl Schedule for PiecewiseConstantDecay {
    fn value(&self, step: &Tensor) -> Tensor {
        let last = Tensor::from(self.values[self.boundaries.len()]);
        let pieces = self.boundaries.iter().zip(&self.values).rev();
        pieces.fold(last, |later, (&boundary, &value)| crate::where_(step.less_equal(boundary), value, later))
    }
    fn numbers(&self) -> SmallVec<[f64; 8]> {
        let lists = self.boundaries.iter().chain(&self.values).copied();
        std::iter::once(self.values.len() as f64).chain(lists).collect()
    }
}

/// From `initial` to `end` in `decay_steps` steps: `(initial - end) (1 - step / decay_steps)^power + end`. With `cycle`
/// the number of steps grows to the next multiple when it is over.
#[derive(Clone, Debug)]
pub struct PolynomialDecay {
    initial: f64,
    decay_steps: f64,
    end: f64,
    power: f64,
    cycle: bool,
}

impl PolynomialDecay {
    /// To 0.0001, in a straight line.
    pub fn new(initial: f64, decay_steps: u64) -> Self {
        Self { initial, decay_steps: steps(decay_steps), end: 1e-4, power: 1.0, cycle: false }
    }

    /// To another rate.
    pub fn end_learning_rate(self, end: f64) -> Self {
        Self { end, ..self }
    }

    /// Along another curve.
    pub fn power(self, power: f64) -> Self {
        Self { power, ..self }
    }

    /// Again and again.
    pub fn cycle(self, cycle: bool) -> Self {
        Self { cycle, ..self }
    }
}

impl Schedule for PolynomialDecay {
    fn value(&self, step: &Tensor) -> Tensor {
        let done = match self.cycle {
            true => {
                let cycles = (step / self.decay_steps).ceil().maximum(1.0);
                step / (cycles * self.decay_steps)
            }
            false => step.minimum(self.decay_steps) / self.decay_steps,
        };
        (self.initial - self.end) * crate::pow(1.0 - done, self.power) + self.end
    }
    fn numbers(&self) -> SmallVec<[f64; 8]> {
        smallvec![self.initial, self.decay_steps, self.end, self.power, f64::from(self.cycle)]
    }
}

/// `initial / (1 + decay_rate · step / decay_steps)`; with `staircase` the quotient is rounded down.
#[derive(Clone, Debug)]
pub struct InverseTimeDecay {
    initial: f64,
    decay_steps: f64,
    decay_rate: f64,
    staircase: bool,
}

impl InverseTimeDecay {
    /// Smoothly.
    pub fn new(initial: f64, decay_steps: u64, decay_rate: f64) -> Self {
        Self { initial, decay_steps: steps(decay_steps), decay_rate, staircase: false }
    }

    /// In jumps.
    pub fn staircase(self, staircase: bool) -> Self {
        Self { staircase, ..self }
    }
}

impl Schedule for InverseTimeDecay {
    fn value(&self, step: &Tensor) -> Tensor {
        self.initial / (1.0 + self.decay_rate * quotient(step, self.decay_steps, self.staircase))
    }
    fn numbers(&self) -> SmallVec<[f64; 8]> {
        smallvec![self.initial, self.decay_steps, self.decay_rate, f64::from(self.staircase)]
    }
}

/// Half a cosine from `initial` to `alpha · initial` (Loshchilov and Hutter, "SGDR", 2016), after an optional straight
/// warm-up from `initial` to a target, from which it then falls.
#[derive(Clone, Debug)]
pub struct CosineDecay {
    initial: f64,
    decay_steps: f64,
    alpha: f64,
    warmup: Option<(f64, f64)>,
}

impl CosineDecay {
    /// To 0 in `decay_steps` steps.
    pub fn new(initial: f64, decay_steps: u64) -> Self {
        Self { initial, decay_steps: steps(decay_steps), alpha: 0.0, warmup: None }
    }

    /// To this part of the rate.
    pub fn alpha(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }

    /// First to `target` in `steps` steps.
    pub fn warmup(self, target: f64, steps: u64) -> Self {
        Self { warmup: Some((target, steps as f64)), ..self }
    }

    fn fall(&self, from: f64, step: Tensor) -> Tensor {
        let wave = 0.5 * (1.0 + crate::cos(step.minimum(self.decay_steps) / self.decay_steps * PI));
        from * ((1.0 - self.alpha) * wave + self.alpha)
    }
}

impl Schedule for CosineDecay {
    fn value(&self, step: &Tensor) -> Tensor {
        match self.warmup {
            None => self.fall(self.initial, step.clone()),
            Some((target, 0.0)) => self.fall(target, step.clone()),
            Some((target, steps)) => {
                let rise = (target - self.initial) * (step / steps) + self.initial;
                crate::where_(step.less(steps), rise, self.fall(target, step - steps))
            }
        }
    }
    fn numbers(&self) -> SmallVec<[f64; 8]> {
        let (target, steps) = self.warmup.unwrap_or((f64::NAN, 0.0));
        smallvec![self.initial, self.decay_steps, self.alpha, target, steps]
    }
}

/// Half cosines that restart: each takes `t_mul` times the steps of the one before, and begins `m_mul` times as high.
#[derive(Clone, Debug)]
pub struct CosineDecayRestarts {
    initial: f64,
    first_decay_steps: f64,
    t_mul: f64,
    m_mul: f64,
    alpha: f64,
}

impl CosineDecayRestarts {
    /// Each twice as long, all of one height, down to 0.
    pub fn new(initial: f64, first_decay_steps: u64) -> Self {
        Self { initial, first_decay_steps: steps(first_decay_steps), t_mul: 2.0, m_mul: 1.0, alpha: 0.0 }
    }

    /// With other lengths.
    pub fn t_mul(self, t_mul: f64) -> Self {
        Self { t_mul, ..self }
    }

    /// With other heights.
    pub fn m_mul(self, m_mul: f64) -> Self {
        Self { m_mul, ..self }
    }

    /// To this part of the first rate.
    pub fn alpha(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }
}

impl Schedule for CosineDecayRestarts {
    fn value(&self, step: &Tensor) -> Tensor {
        let done = step / self.first_decay_steps;
        let (restarts, part) = if self.t_mul == 1.0 {
            let restarts = done.floor();
            (restarts.clone(), done - restarts)
        } else {
            // The sum of a geometric series, solved for its length: about that, as a logarithm is rounded, so the step
            // of a restart could count to the cosine before it. Which of two it is, the sum itself tells exactly.
            let before = |restarts: &Tensor| (1.0 - crate::pow(self.t_mul, restarts)) / (1.0 - self.t_mul);
            let near = (crate::log(1.0 - &done * (1.0 - self.t_mul)) / self.t_mul.ln()).round();
            let restarts = crate::where_(done.less(before(&near)), &near - 1.0, &near);
            let part = (done - before(&restarts)) / crate::pow(self.t_mul, &restarts);
            (restarts, part)
        };
        let wave = 0.5 * crate::pow(self.m_mul, restarts) * (1.0 + crate::cos(part * PI));
        self.initial * ((1.0 - self.alpha) * wave + self.alpha)
    }
    fn numbers(&self) -> SmallVec<[f64; 8]> {
        smallvec![self.initial, self.first_decay_steps, self.t_mul, self.m_mul, self.alpha]
    }
}

/// No division by zero steps.
fn steps(steps: u64) -> f64 {
    steps.max(1) as f64
}

fn quotient(step: &Tensor, steps: f64, staircase: bool) -> Tensor {
    let quotient = step / steps;
    if staircase { quotient.floor() } else { quotient }
}
