//! [`ByRule`]: an optimizer made of a [`Rule`] and of what all optimizers share: the learning rate and its schedule,
//! clipping, weight decay, averages of the variables, accumulation of gradients.
//!
//! A step follows Keras: unscale, accumulate, clip, decay, apply the rule, average. Everything is checked before the
//! first variable changes.

use super::Optimizer;
use super::rule::{Rule, Slot, Step};
use super::schedule::{IntoRate, Rate};
use super::slots::{Slots, State};
use crate::error::{Error, Kind, Result, attempt, on_behalf};
use crate::nn::Module;
use crate::tensor::Tensor;
use crate::trace::recorder::suspended;
use crate::trace::tree::{Leaves, Tree};
use crate::variable::Variable;
use smallvec::SmallVec;
use std::panic::Location;
use tracelift_runtime::DType;

/// An optimizer that changes variables by a rule. [`Adam`](super::Adam), [`Sgd`](super::Sgd) and the others are names
/// for it with their rules; the methods here are common to all.
pub struct ByRule<R> {
    pub(super) rule: R,
    rate: Rate,
    /// f64: that of the last step if there is a schedule.
    learning_rate: Variable,
    iterations: Variable,
    options: Options,
    slots: Slots,
}

#[derive(Default)]
struct Options {
    weight_decay: Option<f64>,
    undecayed: Vec<String>,
    clip: Option<Clip>,
    average: Option<f64>,
    overwrite_every: Option<u64>,
    loss_scale: Option<f64>,
    accumulate: Option<u64>,
}

#[derive(Clone, Copy)]
enum Clip {
    Norm(f64),
    GlobalNorm(f64),
    Value(f64),
}

/// What [`Optimizer`] has, without an import.
impl<R: Rule> ByRule<R> {
    /// One step; see [`Optimizer::apply`].
    #[track_caller]
    pub fn apply(&self, gradients: &[Tensor], variables: &[Variable]) {
        crate::error::unwrap(Optimizer::try_apply(self, gradients, variables));
    }

    /// The twin of [`apply`](Self::apply).
    #[track_caller]
    pub fn try_apply(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<()> {
        Optimizer::try_apply(self, gradients, variables)
    }

    /// The learning rate, an f64 variable; see [`Optimizer::learning_rate`].
    pub fn learning_rate(&self) -> &Variable {
        Optimizer::learning_rate(self)
    }
}

impl<R: Rule> ByRule<R> {
    /// An optimizer of this rule. The learning rate is a number or a [schedule](super::schedule).
    pub fn with_rule(rule: R, learning_rate: impl IntoRate) -> ByRule<R> {
        let rate = learning_rate.into_rate();
        let first = match &rate {
            Rate::Fixed(rate) => *rate,
            Rate::Scheduled(schedule) => suspended(|| schedule.value(&Tensor::from(0f64)).item()),
        };
        suspended(|| ByRule {
            rule,
            rate,
            learning_rate: Variable::new(Tensor::from(first)).trainable(false).named("learning_rate"),
            iterations: Variable::new(Tensor::from(0i64)).trainable(false).named("iterations"),
            options: Options::default(),
            slots: Slots::new(),
        })
    }

    /// Before each step, variables shrink by `w -= w · decay · learning rate`.
    pub fn weight_decay(mut self, decay: f64) -> Self {
        self.options.weight_decay = Some(decay);
        self
    }

    /// Variables whose names contain one of these words do not decay.
    pub fn exclude_from_weight_decay(mut self, words: &[&str]) -> Self {
        self.options.undecayed = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// A gradient longer than `norm` is scaled to that length. Replaces other clipping.
    pub fn clipnorm(mut self, norm: f64) -> Self {
        self.options.clip = Some(Clip::Norm(norm));
        self
    }

    /// If all gradients together are longer than `norm`, they are scaled to that length. Replaces other clipping.
    pub fn global_clipnorm(mut self, norm: f64) -> Self {
        self.options.clip = Some(Clip::GlobalNorm(norm));
        self
    }

    /// Gradients are kept within ±`value`. Replaces other clipping.
    pub fn clipvalue(mut self, value: f64) -> Self {
        self.options.clip = Some(Clip::Value(value));
        self
    }

    /// Keeps a running average of each variable: `average = momentum · average + (1 - momentum) w` after each step, the
    /// variable itself after the first. See [`assign_averages`](Self::assign_averages).
    pub fn ema(mut self, momentum: f64) -> Self {
        self.options.average = Some(momentum);
        self
    }

    /// Variables become their averages after every `steps` steps.
    pub fn ema_overwrite_frequency(mut self, steps: u64) -> Self {
        self.options.overwrite_every = Some(steps.max(1));
        self
    }

    /// Gradients are divided by `factor` first: they are of a loss that was multiplied by it, see
    /// [`scale_loss`](Self::scale_loss).
    pub fn loss_scale_factor(mut self, factor: f64) -> Self {
        self.options.loss_scale = Some(factor);
        self
    }

    /// Variables change every `steps` calls, by the mean gradient of these. What counts steps (corrections of averages
    /// that began with 0, [`ema`](Self::ema)) then counts such changes; a schedule counts calls.
    pub fn gradient_accumulation_steps(mut self, steps: u64) -> Self {
        self.options.accumulate = Some(steps.max(1));
        self
    }

    /// How many times gradients were applied.
    pub fn iterations(&self) -> &Variable {
        &self.iterations
    }

    /// The loss to take gradients of.
    #[track_caller]
    pub fn scale_loss(&self, loss: &Tensor) -> Tensor {
        match self.options.loss_scale {
            Some(factor) => loss * factor,
            None => loss.clone(),
        }
    }

    /// Variables become their averages. Nothing happens to those that have none.
    pub fn assign_averages(&self, variables: &[Variable]) {
        for variable in variables {
            if let Some(average) = self.slots.find(variable).and_then(|state| state.named(AVERAGE)) {
                variable.assign(average);
            }
        }
    }

    /// The state kept for a variable, by name; none before the first step.
    pub fn slot(&self, variable: &Variable, name: &str) -> Option<&Variable> {
        self.slots.find(variable)?.named(name)
    }

    /// Gradients that fit their variables, in their dtype.
    fn checked(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<Vec<Tensor>> {
        let wrong = |kind, text: String| Error::new(kind, format!("{}: {text}", R::NAME));
        if gradients.len() != variables.len() {
            let text = format!("{} gradients for {} variables", gradients.len(), variables.len());
            return Err(wrong(Kind::Value, text).hint("take the gradients of the same list of variables"));
        }
        let pairs = gradients.iter().zip(variables).enumerate();
        pairs
            .map(|(k, (gradient, variable))| {
                let (gradient_spec, spec) = (gradient.spec(), variable.spec());
                let name = variable.name();
                let text = || format!("gradient {k} is {gradient_spec}, its variable `{name}` is {spec}");
                if !spec.dtype.is_float() || !gradient_spec.dtype.is_float() {
                    return Err(wrong(Kind::DType, text()).hint("only float variables are trained"));
                }
                if gradient_spec.const_shape().is_some() && gradient_spec.dims != spec.dims {
                    return Err(wrong(Kind::Shape, text()).hint("take the gradients of the same list of variables"));
                }
                Ok(if gradient_spec.dtype == spec.dtype { gradient.clone() } else { gradient.cast(spec.dtype) })
            })
            .collect()
    }

    /// One step on gradients that fit.
    fn step(&self, mut gradients: Vec<Tensor>, variables: &[Variable]) -> Result<()> {
        let calls = self.iterations.value();
        let iterations = match self.options.accumulate {
            Some(steps) => crate::floordiv(&calls, steps as i64),
            None => calls.clone(),
        };
        let t = (&iterations + 1i64).cast(DType::F64);
        if let Rate::Scheduled(schedule) = &self.rate {
            self.learning_rate.try_assign(schedule.value(&calls.cast(DType::F64)))?;
        }
        let rate = self.learning_rate.value();
        let states: Vec<&State> = variables.iter().map(|v| self.slots.of(v, || self.state(v))).collect();
        if let Some(factor) = self.options.loss_scale {
            gradients.iter_mut().for_each(|gradient| *gradient = &*gradient / factor);
        }
        let update = self.accumulate(&mut gradients, &states, &calls)?;
        self.clip(&mut gradients);
        // Between updates everything keeps its value.
        let assign = |variable: &Variable, value: Tensor| {
            let value = match &update {
                Some(update) => crate::where_(update, value, variable),
                None => value,
            };
            variable.try_assign(value).map(|_| ())
        };
        self.rule.begin(&t, &assign)?;
        for ((gradient, variable), state) in gradients.into_iter().zip(variables).zip(&states) {
            let mut value = variable.value();
            let number = |x: &Tensor| x.cast(variable.dtype());
            if let Some(decay) = state.decay {
                value = &value - &value * number(&(&rate * decay));
            }
            let slots: SmallVec<[Tensor; 4]> = state.of_rule().map(Variable::value).collect();
            let (rate, exact_rate) = (number(&rate), &rate);
            let step = Step { gradient, variable: value, slots, rate, exact_rate, t: &t };
            let next = self.rule.step(&step)?;
            state.of_rule().zip(next.slots).try_for_each(|(slot, value)| assign(slot, value))?;
            assign(variable, next.variable)?;
            self.average(variable, state, &iterations)?;
        }
        self.iterations.try_assign_add(1i64)?;
        Ok(())
    }

    /// What is kept for a variable: whether it decays, and its slots: the rule's, then those of the options.
    fn state(&self, variable: &Variable) -> State {
        let rule = self.rule.slots(variable);
        let name = variable.name();
        let decay = self.rule.weight_decay(self.options.weight_decay, variable);
        let decay = decay.filter(|_| !self.options.undecayed.iter().any(|word| name.contains(word)));
        let mut state = State::new(rule.len(), decay);
        let average = self.options.average.map(|_| Slot::like(variable, AVERAGE));
        let accumulated = self.options.accumulate.map(|_| Slot::like(variable, ACCUMULATED));
        for slot in rule.into_iter().chain(average).chain(accumulated) {
            let value = || crate::ones(&slot.shape).cast(variable.dtype()) * slot.initial;
            state.push(slot.name, suspended(|| Variable::new(value())).trainable(false).named(slot.name));
        }
        state
    }

    /// Adds gradients up; they become means, and the answer whether variables change now. None: they always do.
    fn accumulate(&self, gradients: &mut [Tensor], states: &[&State], calls: &Tensor) -> Result<Option<Tensor>> {
        let Some(steps) = self.options.accumulate else { return Ok(None) };
        let is_last = crate::equal(crate::floormod(calls + 1i64, steps as i64), 0i64);
        for (gradient, state) in gradients.iter_mut().zip(states) {
            let Some(accumulated) = state.named(ACCUMULATED) else { continue };
            let sum = &*gradient + accumulated;
            accumulated.try_assign(crate::where_(&is_last, 0.0, &sum))?;
            *gradient = sum / steps as f64;
        }
        Ok(Some(is_last))
    }

    fn clip(&self, gradients: &mut [Tensor]) {
        match self.options.clip {
            None => {}
            Some(Clip::Value(limit)) => {
                gradients.iter_mut().for_each(|g| *g = g.maximum(-limit).minimum(limit));
            }
            Some(Clip::Norm(limit)) => gradients.iter_mut().for_each(|g| {
                let norm = crate::sqrt(crate::reduce_sum(g.square()));
                *g = &*g * limit / single(&norm.maximum(limit));
            }),
            Some(Clip::GlobalNorm(limit)) => {
                let squares = gradients.iter().map(|g| crate::reduce_sum(g.square()).cast(DType::F64));
                let Some(sum) = squares.reduce(|a, b| a + b) else { return };
                let norm = crate::sqrt(sum);
                // The product is one of two single numbers there.
                let scale = ((1.0 / &norm).minimum(1.0 / limit).cast(DType::F32) * limit).cast(DType::F64);
                // A norm that is no number makes all gradients so.
                let scale = scale + &norm * 0.0;
                gradients.iter_mut().for_each(|g| *g = &*g * scale.cast(g.dtype()));
            }
        }
    }

    fn average(&self, variable: &Variable, state: &State, iterations: &Tensor) -> Result<()> {
        let (Some(momentum), Some(average)) = (self.options.average, state.named(AVERAGE)) else { return Ok(()) };
        let dtype = variable.dtype();
        let momentum = crate::not_equal(iterations, 0i64).cast(dtype) * momentum;
        let next = &momentum * average + (1.0 - &momentum) * variable;
        average.try_assign(&next)?;
        if let Some(steps) = self.options.overwrite_every {
            let overwrite = crate::equal(crate::floormod(iterations + 1i64, steps as i64), 0i64);
            variable.try_assign(crate::where_(overwrite, next, variable))?;
        }
        Ok(())
    }
}

/// A number as Keras's `maximum` and `minimum` give it: rounded to single precision, also for f64 variables.
fn single(x: &Tensor) -> Tensor {
    x.cast(DType::F32).cast(x.dtype())
}

const AVERAGE: &str = "average";
const ACCUMULATED: &str = "accumulated";

impl<R: Rule> Optimizer for ByRule<R> {
    #[track_caller]
    fn try_apply(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<()> {
        let loc = Location::caller();
        attempt(|| {
            on_behalf(loc, || {
                let gradients = self.checked(gradients, variables)?;
                self.step(gradients, variables)
            })
        })?
    }

    fn learning_rate(&self) -> &Variable {
        &self.learning_rate
    }
}

impl<R: Rule> Module for ByRule<R> {}

impl<R: Rule> Tree for ByRule<R> {
    fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        let options = &self.options;
        let (clip, limit) = match options.clip {
            None => (0, 0.0),
            Some(Clip::Norm(limit)) => (1, limit),
            Some(Clip::GlobalNorm(limit)) => (2, limit),
            Some(Clip::Value(limit)) => (3, limit),
        };
        for word in [clip, options.overwrite_every.unwrap_or(0), options.accumulate.unwrap_or(0)] {
            leaves.word(word);
        }
        let number = |x: Option<f64>| x.unwrap_or(f64::NAN);
        leaves.numbers(&[limit, number(options.weight_decay), number(options.average), number(options.loss_scale)]);
        leaves.numbers(&self.rule.numbers());
        self.rate.visit(leaves);
        leaves.word(options.undecayed.len() as u64);
        options.undecayed.iter().for_each(|word| leaves.text(word));
        let own = [("learning_rate", &self.learning_rate), ("iterations", &self.iterations)];
        let shared = self.rule.shared().iter().map(|(name, variable)| (*name, variable));
        for (name, variable) in own.into_iter().chain(shared) {
            leaves.enter(name);
            leaves.variable(variable);
            leaves.exit();
        }
        self.slots.visit(leaves);
    }
    fn map_tensors(&self, _: &mut dyn FnMut(&Tensor) -> Tensor) -> Option<Self> {
        None
    }
    fn is_object(&self) -> bool {
        true
    }
}
