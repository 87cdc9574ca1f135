//! `Tensor` and `ndarray`, both ways, without copying where the layout allows.

use super::Tensor;
use crate::error::{Result, at, unwrap};
use ndarray::{ArrayD, Dimension};
use std::panic::Location;
use tracelift_runtime::{Array, Element};

/// Takes over the elements if they are row-major in memory; else copies them in that order.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
/// let x = Tensor::from(ndarray::array![[1.0f32, 2.0], [3.0, 4.0]]);
/// assert_eq!(x, constant([[1.0, 2.0], [3.0, 4.0]]));
/// assert_eq!(x.to_ndarray::<f32>()[[1, 0]], 3.0);
/// ```
impl<T: Element, D: Dimension> From<ndarray::Array<T, D>> for Tensor {
    fn from(array: ndarray::Array<T, D>) -> Tensor {
        Array::from_ndarray(array).into()
    }
}

impl Tensor {
    /// The elements as an `ndarray`; copied. `T` must be the dtype's own type. Panics otherwise, and while tracing.
    #[track_caller]
    pub fn to_ndarray<T: Element>(&self) -> ArrayD<T> {
        let loc = Location::caller();
        unwrap(self.elements_at(T::DTYPE, loc).and_then(|a| a.to_ndarray::<T>()))
    }

    /// The elements as an `ndarray`; moved, without a copy, if no other tensor shares them.
    #[track_caller]
    pub fn into_ndarray<T: Element>(self) -> ArrayD<T> {
        let loc = Location::caller();
        unwrap(self.into_elements::<T>(loc))
    }

    /// The twin of [`to_ndarray`](Self::to_ndarray).
    #[track_caller]
    pub fn try_to_ndarray<T: Element>(&self) -> Result<ArrayD<T>> {
        self.elements_at(T::DTYPE, Location::caller())?.to_ndarray()
    }

    fn into_elements<T: Element>(self, loc: &'static Location<'static>) -> Result<ArrayD<T>> {
        let array = self.elements_at(T::DTYPE, loc)?.clone();
        drop(self);
        array.into_ndarray().map_err(|e| at(e, loc))
    }
}

#[cfg(test)]
mod tests {
    use super::Tensor;
    use ndarray::{Array2, ShapeBuilder};

    #[test]
    fn elements_move_without_a_copy() {
        let array = Array2::<f32>::from_shape_fn((3, 4), |(i, j)| (i * 4 + j) as f32);
        let address = array.as_ptr();
        let x = Tensor::from(array);
        assert_eq!(x.shape(), [3, 4]);
        let back = x.into_ndarray::<f32>();
        assert_eq!(back.as_ptr(), address);
        let shared = Tensor::from(back);
        let other = shared.clone();
        assert_ne!(shared.into_ndarray::<f32>().as_ptr(), address);
        assert_eq!(other.at((2, 3)).item(), 11.0);
    }

    #[test]
    fn column_major_arrays_keep_their_meaning() {
        let array = Array2::from_shape_vec((2, 2).f(), vec![1i64, 2, 3, 4]).unwrap();
        assert_eq!(Tensor::from(array).to_vec::<i64>(), [1, 3, 2, 4]);
    }
}
