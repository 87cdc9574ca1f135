//! Forward mode: tangents of results from tangents of sources. [`jvp`], [`hvp`] and [`ForwardAccumulator`].
//!
//! The gradient of a result is linear in its cotangent `u`; the gradient of that by `u`, weighted with the sources'
//! tangents, is the Jacobian times the tangents. So each op with a gradient has a tangent. Compiled, what only served
//! the cotangent is dropped.

use super::record::Record;
use super::sources::{self, Source, Sources};
use super::sweep::{self, apply1, full_like};
use super::transforms::{Closing, differentiate};
use crate::error::{Error, Kind, Result, at, unwrap};
use crate::tensor::Tensor;
use std::panic::Location;
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::ops;

/// A function's value at `x`, and how it moves if `x` moves by `tangent`: the Jacobian times the tangent.
///
/// Zeros if the value does not depend on `x`. Panics if the tangent has another dtype or shape than `x`, or the value is
/// not of floats.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let (y, dy) = tl::jvp(|x| x * x)(&constant([3.0, 4.0]), &constant([1.0, 10.0]));
/// assert_eq!(y, constant([9.0, 16.0]));
/// assert_eq!(dy, constant([6.0, 80.0]));
/// ```
#[track_caller]
pub fn jvp(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor, &Tensor) -> (Tensor, Tensor) {
    let loc = Location::caller();
    move |x, tangent| {
        let x = x.relinked();
        let accumulator = unwrap(ForwardAccumulator::at(&x, vec![tangent.clone()], loc));
        let y = f(&x);
        let dy = unwrap(accumulator.tangent(&y, loc));
        (y, dy)
    }
}

/// The Hessian of a function with one element as its value, times a vector of the shape of `x`, without the Hessian:
/// as much work as a few gradients.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let product = tl::hvp(|x| (x * x * x).sum())(&constant([1.0, 2.0]), &constant([1.0, 10.0]));
/// assert_eq!(product, constant([6.0, 120.0]));
/// ```
#[track_caller]
pub fn hvp(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor, &Tensor) -> Tensor {
    let loc = Location::caller();
    move |x, vector| {
        let x = x.relinked();
        let accumulator = unwrap(ForwardAccumulator::at(&x, vec![vector.clone()], loc));
        let (_, slope) = unwrap(differentiate(&f, &x, loc));
        unwrap(accumulator.tangent(&slope, loc))
    }
}

/// Tangents of what is computed from the sources after it was made: TensorFlow's `autodiff.ForwardAccumulator`.
///
/// Like a tape it records the ops of this thread until it is dropped, and it nests with tapes.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let (x, w) = (constant([1.0, 2.0]), Variable::new(3.0));
/// let accumulator = tl::ForwardAccumulator::new(&(&x, &w), &(constant([1.0, 0.0]), constant(0.5)));
/// let y = &w * &x;
/// assert_eq!(accumulator.jvp(&y), constant([3.5, 1.0]));
/// ```
pub struct ForwardAccumulator {
    record: Closing,
    /// The sources' ids at the time, as tensors or variables.
    primals: Vec<Primal>,
    tangents: Vec<Tensor>,
}

enum Primal {
    Tensor(Tensor),
    Variable(crate::Variable),
}

impl ForwardAccumulator {
    /// Starts recording. `tangents` has the form of `primals`, with a tensor for each source, of its dtype and shape.
    #[track_caller]
    pub fn new<S, T>(primals: &S, tangents: &T) -> ForwardAccumulator
    where
        S: Sources + ?Sized,
        T: Sources<Of<()> = S::Of<()>> + ?Sized,
    {
        let loc = Location::caller();
        let read = |source: Source<'_>| match source {
            Source::Tensor(tensor) => tensor.clone(),
            Source::Variable(variable) => variable.value(),
        };
        let tangents = sources::list(tangents).into_iter().map(read).collect();
        unwrap(Self::over(&sources::list(primals), tangents, loc))
    }

    /// The tangent of a result; zeros if it does not depend on the sources.
    #[track_caller]
    pub fn jvp(&self, target: &Tensor) -> Tensor {
        unwrap(self.tangent(target, Location::caller()))
    }

    fn at(x: &Tensor, tangents: Vec<Tensor>, loc: &'static Location<'static>) -> Result<ForwardAccumulator> {
        Self::over(&[Source::Tensor(x)], tangents, loc)
    }

    fn over(
        primals: &[Source<'_>],
        tangents: Vec<Tensor>,
        loc: &'static Location<'static>,
    ) -> Result<ForwardAccumulator> {
        for (i, (&primal, tangent)) in primals.iter().zip(&tangents).enumerate() {
            let expected = sweep::spec_of(primal);
            if tangent.spec() != expected || !expected.dtype.is_float() {
                let text = format!("jvp: source {i} is {expected}, its tangent {}", tangent.spec());
                let hint = "both must be floats of one dtype and shape";
                return Err(at(Error::new(Kind::Gradient, text).hint(hint), loc));
            }
        }
        let record = Record::open();
        sweep::watch(&record, primals);
        let own = |source: &Source<'_>| match *source {
            Source::Tensor(tensor) => Primal::Tensor(tensor.clone()),
            Source::Variable(variable) => Primal::Variable(variable.clone()),
        };
        Ok(ForwardAccumulator { record: Closing(record), primals: primals.iter().map(own).collect(), tangents })
    }

    fn tangent(&self, target: &Tensor, loc: &'static Location<'static>) -> Result<Tensor> {
        let primals: Vec<Source<'_>> = (self.primals.iter())
            .map(|primal| match primal {
                Primal::Tensor(tensor) => Source::Tensor(tensor),
                Primal::Variable(variable) => Source::Variable(variable),
            })
            .collect();
        let cotangent = full_like(&target.spec(), 0.0, loc)?.unlinked();
        let outer = Closing(Record::open());
        outer.0.watch(&cotangent);
        let gradients = sweep::run(&self.record.0, target, Some(&cotangent), &primals, false, loc)?;
        let mut weighted: Option<Tensor> = None;
        for (gradient, tangent) in gradients.iter().zip(&self.tangents) {
            let Some(gradient) = gradient else { continue };
            let product = apply1(&ops::MULTIPLY, Attrs::new(), &[gradient, tangent], loc)?;
            let sum = apply1(&ops::REDUCE_SUM, Attrs::new(), &[&product], loc)?;
            weighted = Some(match &weighted {
                Some(before) => apply1(&ops::ADD, Attrs::new(), &[before, &sum], loc)?,
                None => sum,
            });
        }
        let zeros = || full_like(&target.spec(), 0.0, loc);
        let Some(weighted) = weighted else { return zeros() };
        let sources = [Source::Tensor(&cotangent)];
        let tangent = sweep::run(&outer.0, &weighted, None, &sources, true, loc)?.swap_remove(0);
        tangent.map_or_else(zeros, Ok)
    }
}
