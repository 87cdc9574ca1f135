//! [`Tensor`]: a handle on an array, or on a value of the trace in progress.
//!
//! Ops come from the compiler's op table ([`ops`]); operators, indexing, printing and conversions stand in files
//! of their own. Whatever computes goes through [`crate::engine::dispatch::apply`].
//!
//! Invariants: a clone has the same id and value; two tensors with one id are clones; a concrete tensor's
//! elements never change.

pub mod by_rank;
pub mod compare;
pub mod convert;
pub mod display;
pub(crate) mod id;
pub mod index;
pub mod ints;
pub mod literal;
pub mod names;
pub mod operand;
pub mod operators;
pub mod ops;
pub mod padding;
pub mod scalar;
pub mod shape;
#[cfg(test)]
mod tests;

use crate::autograd::record;
use crate::error::{Error, Kind, Result, at, unwrap};
use crate::trace::recorder;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use tracelift_compiler::graph::ValueId;
use tracelift_compiler::{Dim, TensorSpec};
use tracelift_runtime::array::shape::numel;
use tracelift_runtime::{Array, DType, Element};

pub use index::{Ellipsis, IntoIndex, IntoPick, NewAxis, step_by};
pub use ints::IntoInts;
pub use literal::{Literal, constant, try_constant};
pub use operand::{IntoTensor, Operand};
pub use padding::IntoPadding;
pub use scalar::Scalar;
pub use shape::Shape;

/// A tensor: a dtype, a shape, and elements that never change. A clone shares them; `Send + Sync`.
///
/// Inside a traced function a tensor is *symbolic*: it stands for a value of the graph being recorded, has a
/// dtype and a shape, but no elements yet.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let x = constant([[1.0, 2.0], [3.0, 4.0]]);
/// let y = 2.0 * &x + 1.0;
/// assert_eq!((y.dtype(), y.shape()), (DType::F32, [2, 2].as_slice().into()));
/// assert_eq!(y.to_vec::<f32>(), [3.0, 5.0, 7.0, 9.0]);
/// ```
#[derive(Clone)]
pub struct Tensor {
    repr: Repr,
    id: u64,
}

#[derive(Clone)]
pub(crate) enum Repr {
    Concrete(Array),
    Symbolic(Symbol),
}

/// A value of a trace in progress.
#[derive(Clone)]
pub(crate) struct Symbol {
    /// Which trace.
    pub trace: u64,
    /// The value in its graph.
    pub value: ValueId,
    /// Dtype and shape.
    pub spec: Arc<TensorSpec>,
    /// The line that made it.
    pub born: &'static Location<'static>,
}

impl Tensor {
    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        match &self.repr {
            Repr::Concrete(array) => array.dtype(),
            Repr::Symbolic(symbol) => symbol.spec.dtype,
        }
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        match &self.repr {
            Repr::Concrete(array) => array.shape().len(),
            Repr::Symbolic(symbol) => symbol.spec.rank(),
        }
    }

    /// The length of each axis. Panics on a symbolic tensor with a length that is not known while tracing.
    #[track_caller]
    pub fn shape(&self) -> Shape {
        unwrap(self.shape_at(Location::caller()))
    }

    /// The twin of [`shape`](Self::shape).
    #[track_caller]
    pub fn try_shape(&self) -> Result<Shape> {
        self.shape_at(Location::caller())
    }

    /// Number of elements. Panics where [`shape`](Self::shape) does.
    #[track_caller]
    pub fn len(&self) -> usize {
        let loc = Location::caller();
        let count = |shape: Shape| {
            let text = || format!("len: the number of elements of {} overflows", self.spec());
            numel(&shape).ok_or_else(|| at(Error::new(Kind::Shape, text()), loc))
        };
        unwrap(self.shape_at(loc).and_then(count))
    }

    /// Whether there are no elements.
    #[track_caller]
    pub fn is_empty(&self) -> bool {
        unwrap(self.shape_at(Location::caller())).contains(&0)
    }

    /// Whether this tensor stands for a value of a trace, without elements yet.
    pub fn is_symbolic(&self) -> bool {
        matches!(self.repr, Repr::Symbolic(_))
    }

    /// The only element as a number (a bool as 0 or 1). Panics on a tensor of several elements, and while tracing.
    ///
    /// ```
    /// # use tracelift as tl;
    /// assert_eq!(tl::constant([2.5]).item(), 2.5);
    /// assert!(tl::constant([1.0, 2.0]).try_item().is_err());
    /// ```
    #[track_caller]
    pub fn item(&self) -> f64 {
        unwrap(self.item_at("item", Location::caller())).as_f64()
    }

    /// The twin of [`item`](Self::item).
    #[track_caller]
    pub fn try_item(&self) -> Result<f64> {
        Ok(self.item_at("item", Location::caller())?.as_f64())
    }

    /// Whether the only element is `true`, or not 0. Panics where [`item`](Self::item) does.
    ///
    /// ```
    /// # use tracelift as tl;
    /// assert!(tl::constant(3.0).greater(2.0).is_true());
    /// ```
    #[track_caller]
    pub fn is_true(&self) -> bool {
        unwrap(self.item_at("is_true", Location::caller())).as_f64() != 0.0
    }

    /// A copy of the elements, row-major. `T` must be the dtype's own type. Panics otherwise, and while tracing.
    ///
    /// ```
    /// # use tracelift as tl;
    /// assert_eq!(tl::constant([[1, 2], [3, 4]]).to_vec::<i32>(), [1, 2, 3, 4]);
    /// ```
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Vec<T> {
        unwrap(self.elements_at(T::DTYPE, Location::caller())).as_slice::<T>().to_vec()
    }

    /// The twin of [`to_vec`](Self::to_vec).
    #[track_caller]
    pub fn try_to_vec<T: Element>(&self) -> Result<Vec<T>> {
        Ok(self.elements_at(T::DTYPE, Location::caller())?.as_slice::<T>().to_vec())
    }

    /// The array behind a concrete tensor; shared, not copied. An error while tracing.
    #[track_caller]
    pub fn to_array(&self) -> Result<Array> {
        self.concrete("to_array", Location::caller()).cloned()
    }

    /// Which tensor this is: clones share it, all others differ.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// A tensor with a new id.
    pub(crate) fn new(repr: Repr) -> Tensor {
        Tensor { repr, id: id::fresh() }
    }

    /// A concrete tensor that is known by `id`: a variable's snapshot.
    pub(crate) fn with_id(array: Array, id: u64) -> Tensor {
        Tensor { repr: Repr::Concrete(array), id }
    }

    /// A concrete tensor.
    pub(crate) fn from_array(array: Array) -> Tensor {
        Tensor::new(Repr::Concrete(array))
    }

    /// A symbolic tensor.
    pub(crate) fn from_symbol(symbol: Symbol) -> Tensor {
        Tensor::new(Repr::Symbolic(symbol))
    }

    /// The same value under a new id: no tape sees a connection.
    pub(crate) fn unlinked(&self) -> Tensor {
        Tensor::new(self.repr.clone())
    }

    /// The same value under a new id, which open tapes connect with the old one.
    pub(crate) fn relinked(&self) -> Tensor {
        let alias = self.unlinked();
        let pass_on = |cotangents: &[Option<Tensor>]| Ok(cotangents.to_vec());
        record::note_custom(&[self], std::slice::from_ref(&alias), Rc::new(pass_on));
        alias
    }

    /// The array, if there is one.
    pub(crate) fn array(&self) -> Option<&Array> {
        match &self.repr {
            Repr::Concrete(array) => Some(array),
            Repr::Symbolic(_) => None,
        }
    }

    /// The trace's value, if this is one.
    pub(crate) fn symbol(&self) -> Option<&Symbol> {
        match &self.repr {
            Repr::Concrete(_) => None,
            Repr::Symbolic(symbol) => Some(symbol),
        }
    }

    /// Dtype and shape.
    pub(crate) fn spec(&self) -> TensorSpec {
        match &self.repr {
            Repr::Concrete(array) => TensorSpec::new(array.dtype(), array.shape().iter().copied()),
            Repr::Symbolic(symbol) => (*symbol.spec).clone(),
        }
    }

    /// The length of one axis, possibly symbolic.
    pub(crate) fn dim(&self, axis: usize) -> Dim {
        match &self.repr {
            Repr::Concrete(array) => array.shape()[axis].into(),
            Repr::Symbolic(symbol) => symbol.spec.dims[axis].clone(),
        }
    }

    /// The array, or an error that says that `what` needs a value.
    pub(crate) fn concrete(&self, what: &'static str, loc: &'static Location<'static>) -> Result<&Array> {
        recorder::host_value(self, what, loc)?;
        Ok(self.array().expect("the host may look at concrete tensors alone"))
    }

    pub(crate) fn shape_at(&self, loc: &Location<'_>) -> Result<Shape> {
        match &self.repr {
            Repr::Concrete(array) => Ok(array.shape().into()),
            Repr::Symbolic(symbol) => match symbol.spec.const_shape() {
                Some(shape) => Ok(shape.as_slice().into()),
                None => Err(at(
                    Error::new(
                        Kind::Tracer,
                        format!("shape: the sizes of {} are not all known while tracing", symbol.spec),
                    )
                    .hint("use `tl::shape(&x)` and `tl::zeros_like(&x)`, or sizes inside the ops (`reshape` takes -1)"),
                    loc,
                )),
            },
        }
    }

    fn item_at(&self, what: &'static str, loc: &'static Location<'static>) -> Result<Scalar> {
        let array = self.concrete(what, loc)?;
        if array.len() != 1 {
            let message = format!("{what}: expected a tensor of one element, got {}", self.spec());
            return Err(at(Error::new(Kind::Shape, message).hint("index it, or reduce it first"), loc));
        }
        Scalar::first_of(array).map_err(|e| at(e.map_message(|m| format!("{what}: {m}")), loc))
    }

    fn elements_at(&self, dtype: DType, loc: &'static Location<'static>) -> Result<&Array> {
        let array = self.concrete("to_vec", loc)?;
        if array.dtype() != dtype {
            let message = format!("to_vec: expected elements of {dtype}, the tensor is {}", self.spec());
            return Err(at(
                Error::new(Kind::DType, message).hint(format!("convert it with `.cast(DType::{dtype:?})`")),
                loc,
            ));
        }
        Ok(array)
    }
}

impl From<Array> for Tensor {
    fn from(array: Array) -> Tensor {
        Tensor::new(Repr::Concrete(array))
    }
}
