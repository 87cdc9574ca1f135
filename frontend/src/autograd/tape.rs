//! [`GradientTape`]: records what is computed from watched tensors, then answers with gradients.

use super::record::Record;
pub(crate) use super::record::{aside, is_observed, is_recording, note, note_custom, note_read, watched, watches};
use super::sources::{self, Source, Sources};
use super::sweep::{self, Unconnected};
use crate::error::{Result, unwrap};
use crate::tensor::Tensor;
use std::panic::Location;
use std::rc::Rc;

/// Records ops on this thread from `new` to [`gradient`](Self::gradient) or drop.
///
/// Trainable variables are watched of themselves, tensors by [`watch`](Self::watch). Tapes nest to any depth (the
/// gradient of an inner tape is recorded by the outer ones) and may be dropped in any order. A target of several
/// elements is summed. One tape answers once; [`persistent`](Self::persistent) ones answer often.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let x = constant(3.0);
/// let tape = GradientTape::new();
/// tape.watch(&x);
/// let y = &x * &x;
/// assert_eq!(tape.gradient(&y, &x), 6.0);
/// ```
///
/// A tape cannot be used twice, nor on another thread:
/// ```compile_fail,E0382
/// # use tracelift as tl;
/// # use tl::prelude::*;
/// # let (x, y) = (constant(1.0), constant(1.0));
/// let tape = GradientTape::new();
/// let dx = tape.gradient(&y, &x);
/// let again = tape.gradient(&y, &x);
/// ```
pub struct GradientTape(PersistentTape);

/// A tape that answers any number of times; made by [`GradientTape::persistent`]. It does not record its own
/// gradients: nest tapes for higher orders.
pub struct PersistentTape(Rc<Record>);

impl GradientTape {
    /// Starts recording.
    #[allow(clippy::new_without_default)]
    pub fn new() -> GradientTape {
        GradientTape(PersistentTape(Record::open()))
    }

    /// Starts recording for several gradients.
    pub fn persistent() -> PersistentTape {
        PersistentTape(Record::open())
    }

    /// Records everything computed from these tensors from now on.
    pub fn watch<S: Sources + ?Sized>(&self, sources: &S) {
        self.0.watch(sources)
    }

    /// Runs `f` without recording it.
    pub fn stop_recording<R>(&self, f: impl FnOnce() -> R) -> R {
        self.0.stop_recording(f)
    }

    /// The gradient of `sum(target)` with respect to each source. Panics if a source does not affect the target,
    /// or is not a float tensor.
    #[track_caller]
    pub fn gradient<S: Sources + ?Sized>(self, target: &Tensor, sources: &S) -> S::Of<Tensor> {
        unwrap(self.0.connected(target, None, sources, Unconnected::Error, Location::caller(), true))
    }

    /// The twin of [`gradient`](Self::gradient).
    #[track_caller]
    pub fn try_gradient<S: Sources + ?Sized>(self, target: &Tensor, sources: &S) -> Result<S::Of<Tensor>> {
        self.0.connected(target, None, sources, Unconnected::Error, Location::caller(), true)
    }

    /// Like [`gradient`](Self::gradient), with zeros for sources that do not affect the target.
    #[track_caller]
    pub fn gradient_or_zero<S: Sources + ?Sized>(self, target: &Tensor, sources: &S) -> S::Of<Tensor> {
        unwrap(self.0.connected(target, None, sources, Unconnected::Zero, Location::caller(), true))
    }

    /// Like [`gradient`](Self::gradient), with `None` for sources that do not affect the target.
    #[track_caller]
    pub fn gradient_or_none<S: Sources + ?Sized>(self, target: &Tensor, sources: &S) -> S::Of<Option<Tensor>> {
        unwrap(self.0.optional(target, sources, Location::caller(), true))
    }

    /// The gradient of `sum(target * cotangent)`: the vector-Jacobian product.
    #[track_caller]
    pub fn gradient_with<S: Sources + ?Sized>(self, target: &Tensor, cotangent: &Tensor, s: &S) -> S::Of<Tensor> {
        unwrap(self.0.connected(target, Some(cotangent), s, Unconnected::Error, Location::caller(), true))
    }

    /// The Jacobian of the target with respect to each source: the target's axes, then the source's.
    ///
    /// ```
    /// use tracelift as tl;
    /// use tl::prelude::*;
    /// let x = constant([1.0, 2.0]);
    /// let tape = GradientTape::new();
    /// tape.watch(&x);
    /// let y = &x * &x;
    /// assert_eq!(tape.jacobian(&y, &x), constant([[2.0, 0.0], [0.0, 4.0]]));
    /// ```
    #[track_caller]
    pub fn jacobian<S: Sources + ?Sized>(self, target: &Tensor, sources: &S) -> S::Of<Tensor> {
        unwrap(self.0.jacobians(target, sources, Location::caller(), true))
    }

    /// The Jacobian of each example of a batch; see [`batch_jacobian`](crate::batch_jacobian). Panics if axis 0 of the
    /// target and of the source differ.
    #[track_caller]
    pub fn batch_jacobian(self, target: &Tensor, source: &Tensor) -> Tensor {
        unwrap(sweep::batch_jacobian(&self.0.0, target, Source::Tensor(source), true, Location::caller()))
    }
}

impl PersistentTape {
    /// Records everything computed from these tensors from now on.
    pub fn watch<S: Sources + ?Sized>(&self, sources: &S) {
        sweep::watch(&self.0, &sources::list(sources))
    }

    /// Runs `f` without recording it.
    pub fn stop_recording<R>(&self, f: impl FnOnce() -> R) -> R {
        self.0.pause(f)
    }

    /// See [`GradientTape::gradient`].
    #[track_caller]
    pub fn gradient<S: Sources + ?Sized>(&self, target: &Tensor, sources: &S) -> S::Of<Tensor> {
        unwrap(self.connected(target, None, sources, Unconnected::Error, Location::caller(), false))
    }

    /// The twin of [`gradient`](Self::gradient).
    #[track_caller]
    pub fn try_gradient<S: Sources + ?Sized>(&self, target: &Tensor, sources: &S) -> Result<S::Of<Tensor>> {
        self.connected(target, None, sources, Unconnected::Error, Location::caller(), false)
    }

    /// See [`GradientTape::gradient_or_zero`].
    #[track_caller]
    pub fn gradient_or_zero<S: Sources + ?Sized>(&self, target: &Tensor, sources: &S) -> S::Of<Tensor> {
        unwrap(self.connected(target, None, sources, Unconnected::Zero, Location::caller(), false))
    }

    /// See [`GradientTape::gradient_or_none`].
    #[track_caller]
    pub fn gradient_or_none<S: Sources + ?Sized>(&self, target: &Tensor, sources: &S) -> S::Of<Option<Tensor>> {
        unwrap(self.optional(target, sources, Location::caller(), false))
    }

    /// See [`GradientTape::gradient_with`].
    #[track_caller]
    pub fn gradient_with<S: Sources + ?Sized>(&self, target: &Tensor, cotangent: &Tensor, s: &S) -> S::Of<Tensor> {
        unwrap(self.connected(target, Some(cotangent), s, Unconnected::Error, Location::caller(), false))
    }

    /// See [`GradientTape::jacobian`].
    #[track_caller]
    pub fn jacobian<S: Sources + ?Sized>(&self, target: &Tensor, sources: &S) -> S::Of<Tensor> {
        unwrap(self.jacobians(target, sources, Location::caller(), false))
    }

    /// See [`GradientTape::batch_jacobian`].
    #[track_caller]
    pub fn batch_jacobian(&self, target: &Tensor, source: &Tensor) -> Tensor {
        unwrap(sweep::batch_jacobian(&self.0, target, Source::Tensor(source), false, Location::caller()))
    }

    fn jacobians<S: Sources + ?Sized>(
        &self,
        target: &Tensor,
        sources: &S,
        loc: &'static Location<'static>,
        last: bool,
    ) -> Result<S::Of<Tensor>> {
        let jacobians = sweep::jacobian(&self.0, target, &sources::list(sources), last, loc)?;
        Ok(sources::rebuild(sources, jacobians))
    }

    fn connected<S: Sources + ?Sized>(
        &self,
        target: &Tensor,
        cotangent: Option<&Tensor>,
        sources: &S,
        unconnected: Unconnected,
        loc: &'static Location<'static>,
        last: bool,
    ) -> Result<S::Of<Tensor>> {
        let list = sources::list(sources);
        let gradients = sweep::run(&self.0, target, cotangent, &list, last, loc)?;
        Ok(sources::rebuild(sources, sweep::connect(&self.0, gradients, &list, unconnected, loc)?))
    }

    fn optional<S: Sources + ?Sized>(
        &self,
        target: &Tensor,
        sources: &S,
        loc: &'static Location<'static>,
        last: bool,
    ) -> Result<S::Of<Option<Tensor>>> {
        let list = sources::list(sources);
        Ok(sources::rebuild(sources, sweep::run(&self.0, target, None, &list, last, loc)?))
    }
}

impl Drop for PersistentTape {
    fn drop(&mut self) {
        self.0.close()
    }
}
