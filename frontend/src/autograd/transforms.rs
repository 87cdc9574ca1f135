//! Derivatives as functions: [`grad`], [`value_and_grad`], [`jacobian`], [`batch_jacobian`], [`hessian`].

use super::record::Record;
use super::sources::Source;
use super::sweep::{self, Unconnected};
use crate::error::{Result, unwrap};
use crate::tensor::Tensor;
use std::panic::Location;

/// The gradient of a function, as a function; of the sum, if the function's value has several elements.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let cube = |x: &Tensor| x * x * x;
/// assert_eq!(tl::grad(cube)(&constant(2.0)), 12.0);
/// assert_eq!(tl::grad(tl::grad(cube))(&constant(2.0)), 12.0);
/// ```
#[track_caller]
pub fn grad(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor) -> Tensor {
    let loc = Location::caller();
    move |x| unwrap(differentiate(&f, x, loc)).1
}

/// The function's value and its gradient.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let (value, slope) = tl::value_and_grad(|x| x * x)(&constant(3.0));
/// assert_eq!((value.item(), slope.item()), (9.0, 6.0));
/// ```
#[track_caller]
pub fn value_and_grad(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor) -> (Tensor, Tensor) {
    let loc = Location::caller();
    move |x| unwrap(differentiate(&f, x, loc))
}

/// The Jacobian of a function, as a function: the axes of its value, then those of `x`.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let j = tl::jacobian(|x| tl::square(x))(&constant([1.0, 2.0]));
/// assert_eq!(j, constant([[2.0, 0.0], [0.0, 4.0]]));
/// ```
#[track_caller]
pub fn jacobian(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor) -> Tensor {
    let loc = Location::caller();
    move |x| unwrap(all_derivatives(&f, x, loc))
}

/// The Jacobian of each example of a batch, as a function: axis 0 of `x` and of the value is the batch, and examples do
/// not depend on each other. The batch, the other axes of the value, the other axes of `x`.
///
/// One backward pass for each element of an example, for all examples together; inside `#[function]` all of them are
/// compiled as one program.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let x = constant([[1.0, 2.0], [3.0, 4.0]]);
/// let j = tl::batch_jacobian(|x| tl::square(x))(&x);
/// assert_eq!(j, constant([[[2.0, 0.0], [0.0, 4.0]], [[6.0, 0.0], [0.0, 8.0]]]));
/// ```
#[track_caller]
pub fn batch_jacobian(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor) -> Tensor {
    let loc = Location::caller();
    move |x| {
        let x = x.relinked();
        let record = Closing(Record::open());
        record.0.watch(&x);
        let y = f(&x);
        unwrap(sweep::batch_jacobian(&record.0, &y, Source::Tensor(&x), true, loc))
    }
}

/// The Hessian of a function with one element as its value: the axes of `x` twice.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let h = tl::hessian(|x| (x * x * x).sum())(&constant([1.0, 2.0]));
/// assert_eq!(h, constant([[6.0, 0.0], [0.0, 12.0]]));
/// ```
#[track_caller]
pub fn hessian(f: impl Fn(&Tensor) -> Tensor) -> impl Fn(&Tensor) -> Tensor {
    let loc = Location::caller();
    move |x| unwrap(all_derivatives(&|x: &Tensor| unwrap(differentiate(&f, x, loc)).1, x, loc))
}

fn all_derivatives(f: &dyn Fn(&Tensor) -> Tensor, x: &Tensor, loc: &'static Location<'static>) -> Result<Tensor> {
    let x = x.relinked();
    let record = Closing(Record::open());
    record.0.watch(&x);
    let y = f(&x);
    Ok(sweep::jacobian(&record.0, &y, &[Source::Tensor(&x)], true, loc)?.swap_remove(0))
}

/// The value of `f` at `x` and its gradient there.
///
/// `f` gets `x` under a new id, linked to the old one for the outer tapes: so that a function that uses the outer
/// `x` as well is differentiated with respect to its argument only.
pub(super) fn differentiate(
    f: &dyn Fn(&Tensor) -> Tensor,
    x: &Tensor,
    loc: &'static Location<'static>,
) -> Result<(Tensor, Tensor)> {
    let x = x.relinked();
    let record = Closing(Record::open());
    record.0.watch(&x);
    let y = f(&x);
    let sources = [Source::Tensor(&x)];
    let gradients = sweep::run(&record.0, &y, None, &sources, true, loc)?;
    let gradient = sweep::connect(&record.0, gradients, &sources, Unconnected::Error, loc)?.swap_remove(0);
    Ok((y, gradient))
}

/// Closes the record also when the function panics.
pub(super) struct Closing(pub(super) std::rc::Rc<Record>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close()
    }
}
