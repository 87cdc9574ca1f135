//! First values of variables, by Keras's formulas.

use crate::tensor::Tensor;
use crate::variable::Variable;
use tracelift_runtime::DType;

/// How a variable's first value is drawn.
///
/// The fans of a shape are its last two axes, as of a dense kernel `[inputs, outputs]`; leading axes multiply both,
/// as of a convolution kernel. Normal distributions by a fan are cut off at two standard deviations, and widened so
/// that the variance is as stated.
///
/// ```
/// use tracelift as tl;
/// use tl::initializers::Initializer;
///
/// let kernel = Initializer::GlorotUniform.value(&[4, 8], tl::DType::F32);
/// assert!(kernel.abs().max().item() <= (6.0f64 / 12.0).sqrt());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Initializer {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// All this value.
    Constant(f64),
    /// This on the diagonal of a matrix, 0 elsewhere.
    Identity(f64),
    /// Uniform between these bounds.
    Uniform(f64, f64),
    /// Normal with this mean and standard deviation.
    Normal(f64, f64),
    /// Normal with this mean and standard deviation (of the uncut distribution), cut off at two of them.
    TruncatedNormal(f64, f64),
    /// Uniform within ±√(6 / (fan in + fan out)) (Glorot and Bengio, 2010).
    GlorotUniform,
    /// Normal with variance 2 / (fan in + fan out).
    GlorotNormal,
    /// Uniform within ±√(6 / fan in) (He et al., 2015).
    HeUniform,
    /// Normal with variance 2 / fan in.
    HeNormal,
    /// Uniform within ±√(3 / fan in).
    LecunUniform,
    /// Normal with variance 1 / fan in.
    LecunNormal,
    /// With variance `scale` over a fan: what the six above are cases of.
    VarianceScaling {
        /// The variance, times the fan.
        scale: f64,
        /// Which fan.
        mode: Fan,
        /// Which distribution.
        distribution: Distribution,
    },
    /// A matrix of the last axis and all others together whose rows or columns, whichever are fewer, are orthogonal and
    /// of this length (Saxe, McClelland and Ganguli, 2014).
    Orthogonal(f64),
}

/// What the variance of [`Initializer::VarianceScaling`] is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fan {
    /// The number of inputs.
    #[default]
    In,
    /// The number of outputs.
    Out,
    /// The mean of both.
    Average,
}

/// A distribution of mean 0 and known variance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// Normal, cut off at two standard deviations.
    #[default]
    TruncatedNormal,
    /// Normal.
    UntruncatedNormal,
    /// Uniform.
    Uniform,
}

impl Fan {
    /// By Keras's name: `fan_in`, `fan_out`, `fan_avg`.
    pub fn from_name(name: &str) -> Option<Fan> {
        [("fan_in", Fan::In), ("fan_out", Fan::Out), ("fan_avg", Fan::Average)]
            .into_iter()
            .find_map(|(n, fan)| (n == name).then_some(fan))
    }
}

impl Distribution {
    /// By Keras's name: `truncated_normal` or `normal`, `untruncated_normal`, `uniform`.
    pub fn from_name(name: &str) -> Option<Distribution> {
        Some(match name {
            "truncated_normal" | "normal" => Distribution::TruncatedNormal,
            "untruncated_normal" => Distribution::UntruncatedNormal,
            "uniform" => Distribution::Uniform,
            _ => return None,
        })
    }
}

/// The standard deviation of a standard normal distribution cut off at ±2.
const TRUNCATED_DEVIATION: f64 = 0.879_625_661_034_239_8;

impl Initializer {
    /// A value of this shape. Random ones take a tick of the process's generator.
    #[track_caller]
    pub fn value(self, shape: &[usize], dtype: DType) -> Tensor {
        let normal = |mean: f64, deviation: f64| crate::random::normal(shape).cast(dtype) * deviation + mean;
        let scaled = |scale, mode, distribution| scaled(shape, dtype, scale, mode, distribution);
        match self {
            Initializer::Zeros => crate::zeros(shape).cast(dtype),
            Initializer::Ones => crate::ones(shape).cast(dtype),
            Initializer::Constant(c) => crate::ones(shape).cast(dtype) * c,
            Initializer::Identity(gain) => crate::eye(shape).cast(dtype) * gain,
            Initializer::Uniform(low, high) => uniform(shape, dtype, low, high),
            Initializer::Normal(mean, deviation) => normal(mean, deviation),
            Initializer::TruncatedNormal(mean, deviation) => truncated(shape, dtype, deviation) + mean,
            Initializer::GlorotUniform => scaled(1.0, Fan::Average, Distribution::Uniform),
            Initializer::GlorotNormal => scaled(1.0, Fan::Average, Distribution::TruncatedNormal),
            Initializer::HeUniform => scaled(2.0, Fan::In, Distribution::Uniform),
            Initializer::HeNormal => scaled(2.0, Fan::In, Distribution::TruncatedNormal),
            Initializer::LecunUniform => scaled(1.0, Fan::In, Distribution::Uniform),
            Initializer::LecunNormal => scaled(1.0, Fan::In, Distribution::TruncatedNormal),
            Initializer::VarianceScaling { scale, mode, distribution } => scaled(scale, mode, distribution),
            Initializer::Orthogonal(gain) => orthogonal(shape).cast(dtype) * gain,
        }
    }

    /// A variable with such a first value, drawn once even while a function is traced. Such draws have ticks of their
    /// own, so that a layer has the same first values eagerly and traced.
    #[track_caller]
    pub fn variable(self, shape: &[usize], dtype: DType) -> Variable {
        crate::random::first_values(|| Variable::new(self.value(shape, dtype)))
    }
}

fn uniform(shape: &[usize], dtype: DType, low: f64, high: f64) -> Tensor {
    crate::random::uniform(shape).cast(dtype) * (high - low) + low
}

fn truncated(shape: &[usize], dtype: DType, deviation: f64) -> Tensor {
    crate::random::truncated_normal(shape).cast(dtype) * deviation
}

/// Of variance `scale` over the fan.
fn scaled(shape: &[usize], dtype: DType, scale: f64, mode: Fan, distribution: Distribution) -> Tensor {
    let (fan_in, fan_out) = fans(shape);
    let fan = match mode {
        Fan::In => fan_in,
        Fan::Out => fan_out,
        Fan::Average => (fan_in + fan_out) / 2.0,
    };
    let variance = scale / fan.max(1.0);
    match distribution {
        Distribution::TruncatedNormal => truncated(shape, dtype, variance.sqrt() / TRUNCATED_DEVIATION),
        Distribution::UntruncatedNormal => crate::random::normal(shape).cast(dtype) * variance.sqrt(),
        Distribution::Uniform => {
            let limit = (3.0 * variance).sqrt();
            uniform(shape, dtype, -limit, limit)
        }
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

/// Orthonormal vectors along the last axis or along all others, f64: normal ones, made orthogonal one after the other
/// (Gram and Schmidt's process, each vector twice so that rounding does not add up).
fn orthogonal(shape: &[usize]) -> Tensor {
    let columns = shape.last().copied().unwrap_or(1);
    let rows: usize = shape.iter().rev().skip(1).product();
    let (count, length) = (rows.min(columns), rows.max(columns));
    let normal = crate::random::normal([count, length]).to_vec::<f32>();
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    for drawn in normal.chunks(length.max(1)).take(count) {
        let mut vector: Vec<f64> = drawn.iter().map(|&v| v.into()).collect();
        for _ in 0..2 {
            for other in &vectors {
                let along: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                vector.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
            }
        }
        let norm = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|v| *v /= norm);
        vectors.push(vector);
    }
    let matrix = Tensor::from(vectors.concat()).reshape([count, length]);
    let matrix = if rows < columns { matrix } else { matrix.transpose() };
    matrix.reshape(shape)
}
