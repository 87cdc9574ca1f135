//! [`recompute_grad`]: memory for time. Intermediate results are not kept for the backward pass but computed again.

use super::record::{self, Record};
use super::sources::Source;
use super::sweep::{self, apply1};
use super::transforms::Closing;
use crate::error::{Error, Kind, Result, at};
use crate::tensor::Tensor;
use crate::trace::recorder;
use std::panic::Location;
use std::rc::Rc;
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::ops;

/// The function itself, but its gradient computes the function again instead of keeping what is inside it.
///
/// Gradients flow to `x`, to the variables that `f` reads and to tensors that it captures. `f` must compute the same
/// both times; if a variable that it reads is assigned in between, the gradient is an error.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let w = Variable::new(3.0);
/// let wide = {
///     let w = w.clone();
///     tl::recompute_grad(move |x| tl::exp(x) * &w)
/// };
/// let x = constant(0.0);
/// let tape = GradientTape::new();
/// tape.watch(&x);
/// let y = wide(&x);
/// assert_eq!(tape.gradient(&y, &(&x, &w)), (constant(3.0), constant(1.0)));
/// ```
#[track_caller]
pub fn recompute_grad(f: impl Fn(&Tensor) -> Tensor + 'static) -> impl Fn(&Tensor) -> Tensor {
    let loc = Location::caller();
    let f: Rc<dyn Fn(&Tensor) -> Tensor> = Rc::new(f);
    move |x| forward(&f, x, loc)
}

fn forward(f: &Rc<dyn Fn(&Tensor) -> Tensor>, x: &Tensor, loc: &'static Location<'static>) -> Tensor {
    if !record::is_recording() {
        return f(x);
    }
    let (value, used) = record::unseen(|| f(x));
    let output = value.unlinked();
    let inputs: Vec<Tensor> = used.into_iter().filter(record::is_active).collect();
    let (f, x, sources) = (f.clone(), x.clone(), inputs.clone());
    let backward = move |cotangents: &[Option<Tensor>]| match cotangents.first() {
        Some(Some(cotangent)) => again(&*f, &x, &sources, cotangent, loc),
        _ => Ok(vec![None; sources.len()]),
    };
    record::note_custom(&inputs.iter().collect::<Vec<_>>(), std::slice::from_ref(&output), Rc::new(backward));
    output
}

/// The cotangents of the sources, by computing the function again.
fn again(
    f: &dyn Fn(&Tensor) -> Tensor,
    x: &Tensor,
    sources: &[Tensor],
    cotangent: &Tensor,
    loc: &'static Location<'static>,
) -> Result<Vec<Option<Tensor>>> {
    let own = delayed(x, cotangent, loc)?;
    let record = Closing(Record::open());
    let place = |source: &Tensor| if source.id() == x.id() { own.clone() } else { source.clone() };
    let sources: Vec<Tensor> = sources.iter().map(place).collect();
    let list: Vec<Source<'_>> = sources.iter().map(Source::Tensor).collect();
    sweep::watch(&record.0, &list);
    let (value, used) = record::observed(|| f(&own));
    if let Some(lost) = sources.iter().find(|source| used.iter().all(|u| u.id() != source.id())) {
        let text = format!("recompute_grad: the function read a value {} that it does not read any more", lost.spec());
        let hint = "take the gradient before the variables that the function reads are assigned";
        return Err(at(Error::new(Kind::Gradient, text).hint(hint), loc));
    }
    sweep::run(&record.0, &value, Some(cotangent), &list, true, loc)
}

/// `x` under a new id. In a trace also as a new value that is there only when the cotangent is: else the compiler would
/// find that everything has been computed before.
fn delayed(x: &Tensor, cotangent: &Tensor, loc: &'static Location<'static>) -> Result<Tensor> {
    if !recorder::is_active() {
        return Ok(x.relinked());
    }
    let after = apply1(&ops::REDUCE_MAX, Attrs::new(), &[cotangent], loc)?;
    apply1(&ops::RECOMPUTED, Attrs::new(), &[x, &after], loc)
}
