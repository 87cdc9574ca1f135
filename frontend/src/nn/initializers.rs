//! First values of variables, by Keras's formulas.

use crate::tensor::Tensor;
use crate::trace::recorder::suspended;
use crate::variable::Variable;
use tracelift_runtime::DType;

/// How a variable's first value is drawn.
///
/// The fans of a shape are its last two axes, as of a dense kernel `[inputs, outputs]`; leading axes multiply both,
/// as of a convolution kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Initializer {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// All this value.
    Constant(f64),
    /// Uniform between these bounds.
    Uniform(f64, f64),
    /// Normal with this mean and standard deviation.
    Normal(f64, f64),
    /// Uniform within ±√(6 / (fan in + fan out)).
    GlorotUniform,
    /// Normal with variance 2 / (fan in + fan out).
    GlorotNormal,
    /// Uniform within ±√(6 / fan in).
    HeUniform,
    /// Normal with variance 2 / fan in.
    HeNormal,
    /// Uniform within ±√(3 / fan in).
    LecunUniform,
    /// Normal with variance 1 / fan in.
    LecunNormal,
}

impl Initializer {
    /// A value of this shape. Random ones take a tick of the process's generator.
    pub fn value(self, shape: &[usize], dtype: DType) -> Tensor {
        let (fan_in, fan_out) = fans(shape);
        let between = |low: f64, high: f64| crate::random::uniform(shape) * (high - low) + low;
        let normal = |mean: f64, deviation: f64| crate::random::normal(shape) * deviation + mean;
        let within = |limit: f64| between(-limit, limit);
        let value = match self {
            Initializer::Zeros => crate::zeros(shape),
            Initializer::Ones => crate::ones(shape),
            Initializer::Constant(c) => crate::ones(shape) * c,
            Initializer::Uniform(low, high) => between(low, high),
            Initializer::Normal(mean, deviation) => normal(mean, deviation),
            Initializer::GlorotUniform => within((6.0 / (fan_in + fan_out)).sqrt()),
            Initializer::GlorotNormal => normal(0.0, (2.0 / (fan_in + fan_out)).sqrt()),
            Initializer::HeUniform => within((6.0 / fan_in).sqrt()),
            Initializer::HeNormal => normal(0.0, (2.0 / fan_in).sqrt()),
            Initializer::LecunUniform => within((3.0 / fan_in).sqrt()),
            Initializer::LecunNormal => normal(0.0, (1.0 / fan_in).sqrt()),
        };
        value.cast(dtype)
    }

    /// A variable with such a first value, drawn once even while a function is traced.
    pub fn variable(self, shape: &[usize], dtype: DType) -> Variable {
        suspended(|| Variable::new(self.value(shape, dtype)))
    }
}

fn fans(shape: &[usize]) -> (f64, f64) {
    match shape {
        [] => (1.0, 1.0),
        [n] => (*n as f64, *n as f64),
        [field @ .., inputs, outputs] => {
            let field: f64 = field.iter().map(|&n| n as f64).product();
            (field * *inputs as f64, field * *outputs as f64)
        }
    }
}
