//! [`Literal`] and [`constant`]: tensors from Rust literals, f32 unless written otherwise.
//!
//! Only `f32`, `i32` and `bool` are literals, so that `constant([1.0, 2.0])` is inferred as f32 without a suffix.
//! Data of other types comes in by `Tensor::from`, which keeps the type exactly.

use super::{Repr, Tensor};
use crate::error::{Error, Kind, Result, at, unwrap};
use half::{bf16, f16};
use std::panic::Location;
use tracelift_runtime::{Array, DType, Element};

/// What [`constant`] and [`Variable::new`](crate::Variable::new) take: `f32`, `i32`, `bool`, arrays, slices and
/// vectors of literals to any depth, or a tensor.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a literal",
    label = "expected f32, i32, bool, or nested arrays of them",
    note = "data of other types keeps its type by `Tensor::from(..)`"
)]
pub trait Literal {
    /// The dtype of a list without elements.
    #[doc(hidden)]
    fn dtype() -> DType;
    #[doc(hidden)]
    fn read(&self, depth: usize, into: &mut Reading);
}

/// A literal's shape and elements as far as read.
#[doc(hidden)]
#[derive(Default)]
pub struct Reading {
    shape: Vec<usize>,
    /// Elements below a list of that depth, to see lists of unequal length.
    ragged: Option<(usize, usize, usize)>,
    elements: Elements,
}

#[derive(Default)]
enum Elements {
    #[default]
    None,
    F32(Vec<f32>),
    I32(Vec<i32>),
    Bool(Vec<bool>),
    Tensors(Vec<Tensor>),
}

/// A tensor from a number, a truth value, or nested arrays or vectors of them. Panics if lists on one level
/// differ in length.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
/// assert_eq!(constant([[1.0, 2.0], [3.0, 4.0]]).dtype(), DType::F32);
/// assert_eq!(constant(vec![1, 2, 3]).dtype(), DType::I32);
/// assert_eq!(constant(true).rank(), 0);
/// assert_eq!(Tensor::from(vec![1.0f64]).dtype(), DType::F64);
/// ```
#[track_caller]
pub fn constant(value: impl Literal) -> Tensor {
    unwrap(read(&value, Location::caller()))
}

/// The twin of [`constant`].
#[track_caller]
pub fn try_constant(value: impl Literal) -> Result<Tensor> {
    read(&value, Location::caller())
}

pub(crate) fn read<L: Literal>(value: &L, loc: &Location<'_>) -> Result<Tensor> {
    let mut reading = Reading::default();
    value.read(0, &mut reading);
    reading.finish(L::dtype()).map_err(|e| at(e, loc))
}

impl Reading {
    /// Notes a list of `len` at `depth`.
    fn list(&mut self, depth: usize, len: usize) {
        match self.shape.get(depth) {
            None => self.shape.push(len),
            Some(&first) if first != len => self.ragged = self.ragged.or(Some((depth, first, len))),
            Some(_) => {}
        }
    }

    /// The tensor; of `dtype` if nothing tells another.
    fn finish(self, dtype: DType) -> Result<Tensor> {
        if let Some((depth, first, len)) = self.ragged {
            let message =
                format!("constant: lists on level {depth} have lengths {first} and {len}; expected one length");
            return Err(Error::new(Kind::Shape, message));
        }
        let shape = &self.shape;
        let array = match self.elements {
            Elements::F32(v) => Array::from_slice(shape, &v),
            Elements::I32(v) => Array::from_slice(shape, &v),
            Elements::Bool(v) => Array::from_slice(shape, &v),
            Elements::None => Array::zeros(dtype, shape)?,
            Elements::Tensors(mut tensors) if shape.is_empty() => return Ok(tensors.remove(0)),
            Elements::Tensors(_) => {
                let error = Error::new(Kind::Value, "constant: a list of tensors is not a literal");
                return Err(error.hint("join them with `tl::stack(..)`"));
            }
        };
        Ok(Tensor::new(Repr::Concrete(array)))
    }
}

macro_rules! literal {
    ($($t:ty => $variant:ident $dtype:ident),*) => {$(
        impl Literal for $t {
            fn dtype() -> DType {
                DType::$dtype
            }
            fn read(&self, _: usize, into: &mut Reading) {
                match &mut into.elements {
                    Elements::$variant(v) => v.push(self.clone()),
                    elements => *elements = Elements::$variant(vec![self.clone()]),
                }
            }
        }
    )*};
}

literal!(f32 => F32 F32, i32 => I32 I32, bool => Bool Bool, Tensor => Tensors F32);

impl<T: Literal> Literal for [T] {
    fn dtype() -> DType {
        T::dtype()
    }
    fn read(&self, depth: usize, into: &mut Reading) {
        into.list(depth, self.len());
        self.iter().for_each(|v| v.read(depth + 1, into));
    }
}

impl<T: Literal, const N: usize> Literal for [T; N] {
    fn dtype() -> DType {
        T::dtype()
    }
    fn read(&self, depth: usize, into: &mut Reading) {
        self.as_slice().read(depth, into)
    }
}

impl<T: Literal> Literal for Vec<T> {
    fn dtype() -> DType {
        T::dtype()
    }
    fn read(&self, depth: usize, into: &mut Reading) {
        self.as_slice().read(depth, into)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Literal + ?Sized> Literal for &T {
    fn dtype() -> DType {
        T::dtype()
    }
    fn read(&self, depth: usize, into: &mut Reading) {
        (**self).read(depth, into)
    }
}

impl<T: Element> From<&[T]> for Tensor {
    fn from(data: &[T]) -> Tensor {
        Array::from_slice(&[data.len()], data).into()
    }
}

impl<T: Element> From<Vec<T>> for Tensor {
    fn from(data: Vec<T>) -> Tensor {
        data.as_slice().into()
    }
}

impl<T: Element, const N: usize> From<[T; N]> for Tensor {
    fn from(data: [T; N]) -> Tensor {
        data.as_slice().into()
    }
}

macro_rules! from_number {
    ($($t:ty),*) => {$(
        impl From<$t> for Tensor {
            fn from(value: $t) -> Tensor {
                Array::from_slice(&[], &[value]).into()
            }
        }
    )*};
}

from_number!(f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64, bool);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_have_the_shape_they_are_written_in() {
        let x = constant([[1, 2, 3], [4, 5, 6]]);
        assert_eq!((x.dtype(), x.shape()), (DType::I32, [2usize, 3].as_slice().into()));
        assert_eq!(constant(vec![vec![true], vec![false]]).shape(), [2, 1]);
        let empty: [f32; 0] = [];
        assert_eq!(constant(empty).shape(), [0]);
        assert_eq!(constant(Vec::<i32>::new()).dtype(), DType::I32);
        let rows: [&[bool]; 2] = [&[], &[]];
        assert_eq!((constant(rows).dtype(), constant(rows).shape()), (DType::Bool, [2, 0].as_slice().into()));
        assert_eq!(constant(Vec::<Vec<f32>>::new()).dtype(), DType::F32);
        assert_eq!(constant(2.5).item(), 2.5);
        assert_eq!(Tensor::from(7u8).dtype(), DType::U8);
    }

    #[test]
    fn ragged_lists_are_errors() {
        let error = try_constant(vec![vec![1.0], vec![1.0, 2.0]]).unwrap_err().to_string();
        assert!(
            error.starts_with("constant: lists on level 1 have lengths 1 and 2; expected one length\n  at "),
            "{error}"
        );
    }
}
