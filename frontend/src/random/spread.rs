//! Distributions whose parameters are tensors: gamma, Poisson, binomial, beta, Dirichlet, categorical.

use super::{Generator, IntoSeed, Stream, state};
use crate::engine::dispatch;
use crate::error::{Result, unwrap};
use crate::tensor::operand::{Operand, resolve};
use crate::tensor::{IntoInts, IntoTensor, Tensor};
use std::panic::Location;
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::ops::{self, infer};
use tracelift_compiler::{Dim, TensorSpec};

macro_rules! spread {
    ($($(#[$doc:meta])* $name:ident $stateless:ident ($($arg:ident),*) $op:ident;)*) => {
        $(
            $(#[$doc])*
            ///
            /// The result's shape is `shape` followed by that of the parameters.
            #[track_caller]
            pub fn $name(shape: impl IntoInts, $($arg: impl IntoTensor),*) -> Tensor {
                let parameters = [$($arg.operand()),*];
                unwrap(draw(Stream::Process, &ops::$op, shape.dims(), true, &parameters, Location::caller()))
            }

            #[doc = concat!("As [`", stringify!($name), "`], a function of the seed alone.")]
            ///
            /// The result's shape is `shape`, to which the parameters broadcast.
            #[track_caller]
            pub fn $stateless(shape: impl IntoInts, $($arg: impl IntoTensor,)* seed: impl IntoSeed) -> Tensor {
                let (parameters, loc) = ([$($arg.operand()),*], Location::caller());
                let drawn = |seed| draw(Stream::Seed(seed), &ops::$op, shape.dims(), false, &parameters, loc);
                unwrap(seed.state(concat!("random::", stringify!($stateless)), loc).and_then(drawn))
            }
        )*

        impl Generator {
            $(
                #[doc = concat!("As [`", stringify!($name), "`](super::", stringify!($name), "), from this generator.")]
                ///
                /// The result's shape is `shape`, to which the parameters broadcast.
                #[track_caller]
                pub fn $name(&self, shape: impl IntoInts, $($arg: impl IntoTensor),*) -> Tensor {
                    let parameters = [$($arg.operand()),*];
                    unwrap(draw(Stream::Own(self), &ops::$op, shape.dims(), false, &parameters, Location::caller()))
                }
            )*
        }
    };
}

spread! {
    /// Gamma with shape parameters `alpha` and scale 1; divide by a rate for others. NaN unless `alpha > 0`.
    gamma stateless_gamma (alpha) RANDOM_GAMMA;
    /// Poisson with means `rate`, as numbers of its dtype. NaN unless `rate >= 0`.
    poisson stateless_poisson (rate) RANDOM_POISSON;
    /// How many of `counts` trials succeed with probability `probs` each, as numbers of their dtype. NaN unless
    /// `counts >= 0` and `0 <= probs <= 1`.
    binomial stateless_binomial (counts, probs) RANDOM_BINOMIAL;
}

/// For each row of `logits` of shape `[rows, classes]`, `num_samples` classes (i64), class `k` with probability
/// `softmax(logits)[k]`.
///
/// ```
/// use tracelift as tl;
/// let never = f32::NEG_INFINITY;
/// let k = tl::random::categorical(tl::constant([[never, 0.0, never]]), 4);
/// assert_eq!(k.to_vec::<i64>(), [1, 1, 1, 1]);
/// ```
#[track_caller]
pub fn categorical(logits: impl IntoTensor, num_samples: i64) -> Tensor {
    unwrap(classes(Stream::Process, logits.operand(), num_samples, Location::caller()))
}

/// As [`categorical`], a function of the seed alone.
#[track_caller]
pub fn stateless_categorical(logits: impl IntoTensor, num_samples: i64, seed: impl IntoSeed) -> Tensor {
    let loc = Location::caller();
    let state = seed.state("random::stateless_categorical", loc);
    unwrap(state.and_then(|seed| classes(Stream::Seed(seed), logits.operand(), num_samples, loc)))
}

impl Generator {
    /// As [`categorical`](super::categorical), from this generator.
    #[track_caller]
    pub fn categorical(&self, logits: impl IntoTensor, num_samples: i64) -> Tensor {
        unwrap(classes(Stream::Own(self), logits.operand(), num_samples, Location::caller()))
    }
}

/// Beta with parameters `a` and `b`, from two gammas; takes two ticks. The result's shape is `shape` followed by that
/// of the parameters.
#[track_caller]
pub fn beta(shape: impl IntoInts, a: impl IntoTensor, b: impl IntoTensor) -> Tensor {
    unwrap(shares(shape.dims(), &[a.operand(), b.operand()], Location::caller()))
}

/// Dirichlet: gammas of shape `shape` followed by that of `alpha`, divided by their sums over the last axis.
#[track_caller]
pub fn dirichlet(shape: impl IntoInts, alpha: impl IntoTensor) -> Tensor {
    let x = gamma(shape, alpha);
    &x / x.reduce_sum_keepdims(-1)
}

/// Of two gammas with these shape parameters, the share of the first.
fn shares(mut shape: Vec<Dim>, parameters: &[Operand<'_>; 2], loc: &'static Location<'static>) -> Result<Tensor> {
    let held = resolve(&ops::RANDOM_BINOMIAL, parameters, loc)?;
    shape.extend(infer::broadcast_all(&[held[0].spec(), held[1].spec()])?);
    let one = |k: usize| draw(Stream::Process, &ops::RANDOM_GAMMA, shape.clone(), false, &[held[k].operand()], loc);
    let (x, y) = (one(0)?, one(1)?);
    x.try_divide(x.try_add(y)?)
}

fn classes(from: Stream<'_>, logits: Operand<'_>, count: i64, loc: &'static Location<'static>) -> Result<Tensor> {
    let logits = logits.into_tensor(loc)?;
    let (state, attrs) = state(from, Attrs::new().with("num_samples", count), loc)?;
    Ok(dispatch::apply(&ops::RANDOM_CATEGORICAL, attrs, &[&logits, &state], loc)?.swap_remove(0))
}

/// A draw with parameters, which broadcast to `shape`, followed by their own shape if `before`.
fn draw(
    from: Stream<'_>,
    op: &'static OpDef,
    mut shape: Vec<Dim>,
    before: bool,
    parameters: &[Operand<'_>],
    loc: &'static Location<'static>,
) -> Result<Tensor> {
    let held = resolve(op, parameters, loc)?;
    let specs: Vec<TensorSpec> = held.iter().map(|t| t.spec()).collect();
    if before {
        shape.extend(infer::broadcast_all(&specs)?);
    }
    let (state, attrs) = state(from, Attrs::new().with("dims", shape), loc)?;
    let operands: Vec<&Tensor> = held.iter().map(|x| &**x).chain([&state]).collect();
    Ok(dispatch::apply(op, attrs, &operands, loc)?.swap_remove(0))
}
