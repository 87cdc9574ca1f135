//! Gradients of the user's own: [`custom_gradient`].

use super::record;
use crate::error::{Error, Kind, Result, at};
use crate::tensor::Tensor;
use crate::trace::recorder;
use std::panic::Location;
use std::rc::Rc;

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
    custom(x, value, Box::new(backward), loc)
}

/// An output under a new id hides how the value was computed; the step in its place has the user's gradient.
fn custom(
    x: &Tensor,
    value: Tensor,
    backward: Box<dyn Fn(&Tensor) -> Tensor>,
    loc: &'static Location<'static>,
) -> Tensor {
    recorder::note_custom_gradient();
    let output = value.unlinked();
    let expected = x.spec();
    let pull = move |cotangents: &[Option<Tensor>]| -> Result<Vec<Option<Tensor>>> {
        let Some(Some(cotangent)) = cotangents.first() else { return Ok(vec![None]) };
        let gradient = backward(cotangent);
        if gradient.spec() != expected {
            let text = format!("custom_gradient: the input is {expected}, its gradient {}", gradient.spec());
            return Err(at(Error::new(Kind::Gradient, text).hint("they must have the same dtype and shape"), loc));
        }
        Ok(vec![Some(gradient)])
    };
    record::note_custom(&[x], std::slice::from_ref(&output), Rc::new(pull));
    output
}
