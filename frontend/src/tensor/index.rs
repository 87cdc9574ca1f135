//! Indexing and slicing: `x.at((0, 1..3, -1))`, and iteration over the first axis.
//!
//! An index becomes one `slice` and, if it drops or adds axes, one `reshape`, so it is differentiable and traceable.

use super::Tensor;
use crate::engine::dispatch;
use crate::error::{Error, Kind, Result, at, unwrap};
use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};
use std::panic::Location;
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::ops::movement::slice;
use tracelift_compiler::{Dim, ops};

/// What is taken along one axis.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pick {
    /// One element; the axis goes.
    At(i64),
    /// Elements `begin..end` in steps; negative positions count from the end, absent ones are the ends.
    Range { begin: Option<i64>, end: Option<i64>, step: i64 },
    /// All of as many axes as are left.
    Ellipsis,
    /// A new axis of length 1.
    NewAxis,
}

/// All of as many axes as are left: `x.at((Ellipsis, 0))` is NumPy's `x[..., 0]`.
#[derive(Clone, Copy, Debug)]
pub struct Ellipsis;

/// A new axis of length 1: `x.at((.., NewAxis))`.
#[derive(Clone, Copy, Debug)]
pub struct NewAxis;

/// Every `step`-th element of a range: `x.at(step_by(.., -1))` is NumPy's `x[::-1]`.
pub fn step_by(range: impl IntoPick, step: i64) -> Pick {
    match range.pick() {
        Pick::Range { begin, end, .. } => Pick::Range { begin, end, step },
        other => other,
    }
}

/// An index along one axis: an integer, a range of integers, [`Ellipsis`], [`NewAxis`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an index",
    label = "expected an integer or a range of integers, or a tuple of them: `x.at((0, 1..3))`"
)]
pub trait IntoPick {
    #[doc(hidden)]
    fn pick(self) -> Pick;
}

/// An index: one for the first axis, or a tuple with one for each axis from the first.
pub trait IntoIndex {
    #[doc(hidden)]
    fn picks(self) -> Vec<Pick>;
}

impl Tensor {
    /// The part at an index: integers drop their axis, ranges keep it, negative positions count from the end.
    /// As in NumPy a range is cut to the axis; an integer outside it is an error (here: a panic).
    ///
    /// ```
    /// use tracelift as tl;
    /// let x = tl::constant([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.at(1), tl::constant([4, 5, 6]));
    /// assert_eq!(x.at((.., -1)), tl::constant([3, 6]));
    /// assert_eq!(x.at((0..1, 1..)), tl::constant([[2, 3]]));
    /// assert_eq!(x.at((.., tl::step_by(.., -1))).at(0), tl::constant([3, 2, 1]));
    /// assert_eq!(x.at((tl::NewAxis, tl::Ellipsis, 0)).shape(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn at(&self, index: impl IntoIndex) -> Tensor {
        unwrap(take(self, index.picks(), Location::caller()))
    }

    /// The twin of [`at`](Self::at).
    #[track_caller]
    pub fn try_at(&self, index: impl IntoIndex) -> Result<Tensor> {
        take(self, index.picks(), Location::caller())
    }
}

/// The parts along the first axis, in order.
pub struct Iter {
    tensor: Tensor,
    next: usize,
    len: usize,
    loc: &'static Location<'static>,
}

impl Iterator for Iter {
    type Item = Tensor;
    fn next(&mut self) -> Option<Tensor> {
        if self.next == self.len {
            return None;
        }
        self.next += 1;
        Some(unwrap(take(&self.tensor, vec![Pick::At(self.next as i64 - 1)], self.loc)))
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len - self.next, Some(self.len - self.next))
    }
}

impl ExactSizeIterator for Iter {}

/// Over the first axis. Panics on a rank-0 tensor, and on a symbolic one whose first axis has no known length.
impl IntoIterator for &Tensor {
    type Item = Tensor;
    type IntoIter = Iter;
    #[track_caller]
    fn into_iter(self) -> Iter {
        let loc = Location::caller();
        Iter { tensor: self.clone(), next: 0, len: unwrap(first_axis(self, loc)), loc }
    }
}

fn first_axis(x: &Tensor, loc: &'static Location<'static>) -> Result<usize> {
    if x.rank() == 0 {
        return Err(at(Error::new(Kind::Shape, "iteration: a rank-0 tensor has no axis to go over"), loc));
    }
    let known = x.dim(0).as_const().and_then(|n| usize::try_from(n).ok());
    known.ok_or_else(|| {
        let text = format!("iteration: the first axis of {} has no length yet while tracing", x.spec());
        at(
            Error::new(Kind::Tracer, text)
                .hint("loops are unrolled while tracing: use ops on the whole axis, or call with one length"),
            loc,
        )
    })
}

fn take(x: &Tensor, picks: Vec<Pick>, loc: &'static Location<'static>) -> Result<Tensor> {
    let picks = spread(x, picks).map_err(|e| at(e, loc))?;
    let (mut begin, mut strides, mut dims, mut shape) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut wanted = Vec::new();
    for pick in picks {
        let axis = begin.len();
        match pick {
            Pick::NewAxis => shape.push(Dim::ONE),
            Pick::At(i) => {
                let (start, len) = element(&x.dim(axis), i, axis, x).map_err(|e| at(e, loc))?;
                begin.push(start);
                strides.push(1);
                dims.push(len);
                wanted.push(Dim::ONE);
            }
            Pick::Range { begin: from, end, step } => {
                if step == 0 {
                    return Err(at(Error::new(Kind::Value, "at: the step of a range is 0"), loc));
                }
                let (start, len) = slice::range(from, end, step, &x.dim(axis));
                // An empty range begins nowhere: as all of them, at 0.
                begin.push(if len == Dim::ZERO { Dim::ZERO } else { start });
                strides.push(step);
                dims.push(len.clone());
                wanted.push(len.clone());
                shape.push(len);
            }
            Pick::Ellipsis => {}
        }
    }
    let attrs = Attrs::new().with("begin", begin).with("dims", dims.clone()).with("strides", strides);
    let mut part = dispatch::apply(&ops::SLICE, attrs, &[x], loc)?.swap_remove(0);
    if wanted != dims {
        // An element of an axis whose length only the run can tell.
        let attrs = Attrs::new().with("dims", wanted.clone());
        part = dispatch::apply(&ops::CHECKED_SHAPE, attrs, &[&part], loc)?.swap_remove(0);
    }
    if shape == wanted {
        return Ok(part);
    }
    Ok(dispatch::apply(&ops::RESHAPE, Attrs::new().with("dims", shape), &[&part], loc)?.swap_remove(0))
}

/// Picks for every axis: the ellipsis, or the end, stands for those left.
fn spread(x: &Tensor, mut picks: Vec<Pick>) -> Result<Vec<Pick>> {
    const ALL: Pick = Pick::Range { begin: None, end: None, step: 1 };
    let used = picks.iter().filter(|p| matches!(p, Pick::At(_) | Pick::Range { .. })).count();
    let Some(left) = x.rank().checked_sub(used) else {
        let text = format!("at: {used} indices for {}, which has {} axes", x.spec(), x.rank());
        return Err(Error::new(Kind::Shape, text));
    };
    let place = picks.iter().position(|p| *p == Pick::Ellipsis).unwrap_or(picks.len());
    picks.splice(place..(place + 1).min(picks.len()), vec![ALL; left]);
    match picks.contains(&Pick::Ellipsis) {
        true => Err(Error::new(Kind::Value, "at: an index has more than one ellipsis")),
        false => Ok(picks),
    }
}

/// Where an element lies, and how many are there: 1, unless only the run can tell.
fn element(len: &Dim, i: i64, axis: usize, x: &Tensor) -> Result<(Dim, Dim)> {
    slice::element(i, len).ok_or_else(|| {
        let error = Error::new(Kind::Value, format!("at: index {i} is outside axis {axis} of {}", x.spec()));
        match len.as_const() {
            Some(0) => error.hint("the axis has no elements"),
            Some(n) => error.hint(format!("indices go from {} to {}", -n, n - 1)),
            None => error,
        }
    })
}

macro_rules! picks {
    ($($t:ty),*) => {$(
        impl IntoPick for $t {
            fn pick(self) -> Pick {
                Pick::At(position(self))
            }
        }
        picks!(@range $t; Range<$t> |r| Some(position(r.start)), Some(position(r.end)));
        picks!(@range $t; RangeFrom<$t> |r| Some(position(r.start)), None);
        picks!(@range $t; RangeTo<$t> |r| None, Some(position(r.end)));
        picks!(@range $t; RangeInclusive<$t> |r| Some(position(*r.start())), after(position(*r.end())));
        picks!(@range $t; RangeToInclusive<$t> |r| None, after(position(r.end)));
    )*};
    (@range $t:ty; $range:ty | $r:ident | $begin:expr, $end:expr) => {
        impl IntoPick for $range {
            fn pick(self) -> Pick {
                let $r = self;
                Pick::Range { begin: $begin, end: $end, step: 1 }
            }
        }
    };
}

picks!(i32, i64, isize, usize);

/// A position as written. One beyond all i64 is beyond every axis: it must not wrap to a position from the end.
fn position(i: impl TryInto<i64>) -> i64 {
    i.try_into().unwrap_or(i64::MAX)
}

/// The end of a range that includes its last position: `..=-1` goes to the very end.
fn after(last: i64) -> Option<i64> {
    if last == -1 { None } else { Some(last.saturating_add(1)) }
}

impl IntoPick for RangeFull {
    fn pick(self) -> Pick {
        Pick::Range { begin: None, end: None, step: 1 }
    }
}

impl IntoPick for Ellipsis {
    fn pick(self) -> Pick {
        Pick::Ellipsis
    }
}

impl IntoPick for NewAxis {
    fn pick(self) -> Pick {
        Pick::NewAxis
    }
}

impl IntoPick for Pick {
    fn pick(self) -> Pick {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<P: IntoPick> IntoIndex for P {
    fn picks(self) -> Vec<Pick> {
        vec![self.pick()]
    }
}

macro_rules! tuple {
    ($($p:ident $i:tt),*) => {
        impl<$($p: IntoPick),*> IntoIndex for ($($p,)*) {
            fn picks(self) -> Vec<Pick> {
                vec![$(self.$i.pick()),*]
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);

#[cfg(test)]
mod tests {
    use super::{Ellipsis, NewAxis, step_by};
    use crate::tensor::{Tensor, constant};

    fn ints(x: Tensor) -> Vec<i32> {
        x.to_vec()
    }

    #[test]
    // A negative end counts from the back, so that the range is not empty by itself.
    #[allow(clippy::reversed_empty_ranges)]
    fn ranges_follow_numpy() {
        let x = constant([0, 1, 2, 3, 4]);
        assert_eq!(ints(x.at(1..3)), [1, 2]);
        assert_eq!(ints(x.at(-2..)), [3, 4]);
        assert_eq!(ints(x.at(..-1)), [0, 1, 2, 3]);
        assert_eq!(ints(x.at(..=-1)), [0, 1, 2, 3, 4]);
        assert_eq!(ints(x.at(1..=2)), [1, 2]);
        assert_eq!(ints(x.at(2..99)), [2, 3, 4]);
        assert_eq!(ints(x.at(2..usize::MAX)), [2, 3, 4]);
        assert_eq!(ints(x.at(2..=usize::MAX)), [2, 3, 4]);
        assert!(ints(x.at(usize::MAX..)).is_empty());
        assert!(ints(x.at(2..-3)).is_empty());
        assert_eq!(ints(x.at(step_by(.., 2))), [0, 2, 4]);
        assert_eq!(ints(x.at(step_by(.., -1))), [4, 3, 2, 1, 0]);
        assert_eq!(ints(x.at(step_by(3.., -2))), [3, 1]);
        assert_eq!(ints(x.at(step_by(..1, -1))), [4, 3, 2]);
        assert_eq!(ints(x.at(step_by(-1..0, -1))), [4, 3, 2, 1]);
    }

    #[test]
    fn axes_are_dropped_added_and_filled_in() {
        let x = constant([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]);
        assert_eq!(x.at((1, 0, 1)).item(), 6.0);
        assert_eq!(ints(x.at((Ellipsis, 0))), [1, 3, 5, 7]);
        assert_eq!(x.at((0, NewAxis)).shape(), [1, 2, 2]);
        assert_eq!(ints(x.at((.., 0..1, -1))), [2, 6]);
        let rows: Vec<Vec<i32>> = (&x.at(0)).into_iter().map(ints).collect();
        assert_eq!(rows, [[1, 2], [3, 4]]);
    }

    #[test]
    fn indices_outside_are_errors() {
        let x = constant([1, 2]);
        let text = x.try_at(2).unwrap_err().to_string();
        assert!(text.starts_with("at: index 2 is outside axis 0 of i32[2]\n  at "), "{text}");
        assert!(text.ends_with("hint: indices go from -2 to 1"), "{text}");
        assert!(x.try_at(usize::MAX).is_err());
        assert!(x.try_at(i64::MAX).is_err() && x.try_at(i64::MIN).is_err());
        assert!(x.try_at((0, 0)).unwrap_err().to_string().starts_with("at: 2 indices for i32[2], which has 1 axes"));
    }
}
