//! Gradients of the user's own: [`custom_gradient`], and [`custom_gradient_many`] for functions of several tensors.

use super::record;
use crate::error::{Error, Kind, Result, at};
use crate::tensor::Tensor;
use crate::trace::recorder;
use std::panic::Location;
use std::rc::Rc;
use tracelift_compiler::TensorSpec;

/// `f(x)` with a gradient of its own: `f` answers the value and a function from the value's cotangent to that of `x`.
///
/// What `f` captures for the backward function may be differentiated again.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// /// log(1 + exp(x)), whose plain gradient is NaN for large x.
/// fn log1pexp(x: &Tensor) -> Tensor {
///     tl::custom_gradient(x, |x| {
///         let e = tl::exp(x);
///         (tl::log(1.0 + &e), move |dy| dy * (1.0 - 1.0 / (1.0 + &e)))
///     })
/// }
/// assert_eq!(tl::grad(log1pexp)(&constant(100.0)), 1.0);
/// ```
#[track_caller]
pub fn custom_gradient<B>(x: &Tensor, f: impl FnOnce(&Tensor) -> (Tensor, B)) -> Tensor
where
    B: Fn(&Tensor) -> Tensor + 'static,
{
    let loc = Location::caller();
    let (value, backward) = f(x);
    custom(&[x], value, Box::new(move |cotangent| vec![backward(cotangent)]), loc)
}

/// As [`custom_gradient`], of several tensors: the function backwards gives a cotangent for each.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// /// The product, with gradients of at most 1.
/// fn product(x: &Tensor, y: &Tensor) -> Tensor {
///     tl::custom_gradient_many(&[x, y], |xs| {
///         let (x, y) = (xs[0].clone(), xs[1].clone());
///         (&x * &y, move |dy| [&y, &x].map(|other| (dy * other).minimum(1.0)).to_vec())
///     })
/// }
/// let xs = [constant(0.5), constant(3.0)];
/// let tape = GradientTape::new();
/// tape.watch(&xs);
/// let gradients = tape.gradient(&product(&xs[0], &xs[1]), &xs);
/// assert_eq!(gradients, [constant(1.0), constant(0.5)]);
/// ```
#[track_caller]
pub fn custom_gradient_many<B>(xs: &[&Tensor], f: impl FnOnce(&[Tensor]) -> (Tensor, B)) -> Tensor
where
    B: Fn(&Tensor) -> Vec<Tensor> + 'static,
{
    let loc = Location::caller();
    let owned: Vec<Tensor> = xs.iter().map(|&x| x.clone()).collect();
    let (value, backward) = f(&owned);
    custom(xs, value, Box::new(backward), loc)
}

/// From the value's cotangent to those of the inputs.
type Backward = Box<dyn Fn(&Tensor) -> Vec<Tensor>>;

/// An output under a new id hides how the value was computed; the step in its place has the user's gradient.
fn custom(xs: &[&Tensor], value: Tensor, backward: Backward, loc: &'static Location<'static>) -> Tensor {
    recorder::note_custom_gradient();
    let output = value.unlinked();
    let expected: Vec<_> = xs.iter().map(|x| x.spec()).collect();
    let pull = move |cotangents: &[Option<Tensor>]| -> Result<Vec<Option<Tensor>>> {
        let Some(Some(cotangent)) = cotangents.first() else { return Ok(vec![None; expected.len()]) };
        let gradients = backward(cotangent);
        let found: Vec<_> = gradients.iter().map(|gradient| gradient.spec()).collect();
        if found != expected {
            let list = |specs: &[TensorSpec]| specs.iter().map(TensorSpec::to_string).collect::<Vec<_>>().join(", ");
            let text = format!("custom_gradient: the input is {}, its gradient {}", list(&expected), list(&found));
            return Err(at(Error::new(Kind::Gradient, text).hint("they must have the same dtype and shape"), loc));
        }
        Ok(gradients.into_iter().map(Some).collect())
    };
    record::note_custom(xs, std::slice::from_ref(&output), Rc::new(pull));
    output
}
