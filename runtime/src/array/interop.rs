//! Arrays to and from `ndarray`, without a copy where the layout allows.

use super::{Array, Element};
use crate::error::{Error, Kind, Result};
use ndarray::{ArrayD, ArrayViewD, Dimension, IxDyn};

impl Array {
    /// The elements of an `ndarray` array; copied only if it is not in standard layout.
    pub fn from_ndarray<T: Element, D: Dimension>(array: ndarray::Array<T, D>) -> Array {
        let shape = array.shape().to_vec();
        if array.is_standard_layout() {
            let len = array.len();
            let (mut data, offset) = array.into_raw_vec_and_offset();
            let offset = if len == 0 { data.len() } else { offset.unwrap_or(0) };
            data.truncate(offset + len);
            return Array::from_vec_at(&shape, data, offset).expect("the array's own shape");
        }
        Array::from_vec(&shape, array.iter().copied().collect()).expect("the array's own shape")
    }

    /// The elements as an `ndarray` view. An error if `T` is not the dtype.
    pub fn view_ndarray<T: Element>(&self) -> Result<ArrayViewD<'_, T>> {
        self.check_dtype::<T>()?;
        ArrayViewD::from_shape(IxDyn(self.shape()), self.as_slice::<T>()).map_err(|e| refused(self.shape(), e))
    }

    /// The elements as an `ndarray` array: copied, unless the array came from a `Vec` or an `ndarray` array and
    /// this is its only handle. An error if `T` is not the dtype.
    pub fn into_ndarray<T: Element>(self) -> Result<ArrayD<T>> {
        self.check_dtype::<T>()?;
        let shape = self.shape().to_vec();
        ArrayD::from_shape_vec(shape.as_slice(), self.into_vec::<T>()).map_err(|e| refused(&shape, e))
    }

    /// A copy as an `ndarray` array. An error if `T` is not the dtype.
    pub fn to_ndarray<T: Element>(&self) -> Result<ArrayD<T>> {
        Ok(self.view_ndarray::<T>()?.to_owned())
    }

    fn check_dtype<T: Element>(&self) -> Result<()> {
        if self.dtype() == T::DTYPE {
            return Ok(());
        }
        Err(Error::new(Kind::DType, format!("{}{:?} asked for as {}", self.dtype(), self.shape(), T::DTYPE))
            .hint(format!("cast it to {} first", T::DTYPE)))
    }
}

/// `ndarray` multiplies lengths that are not 0, and refuses an empty array where that is too much.
fn refused(shape: &[usize], error: ndarray::ShapeError) -> Error {
    Error::new(Kind::Shape, format!("ndarray has no arrays of shape {shape:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::DType;
    use ndarray::{Array2, Axis, s};

    #[test]
    fn standard_layout_is_shared_both_ways() {
        let a = Array2::from_shape_fn((3, 4), |(i, j)| (10 * i + j) as f32);
        let place = a.as_ptr();
        let ours = Array::from_ndarray(a.clone());
        assert_eq!(ours.view_ndarray::<f32>().unwrap(), a.view().into_dyn());
        let ours = Array::from_ndarray(a);
        assert_eq!(ours.as_ptr(), place.cast());
        assert_eq!(ours.into_ndarray::<f32>().unwrap().as_ptr(), place);
    }

    #[test]
    fn other_layouts_are_copied_right() {
        let a = Array2::from_shape_fn((3, 4), |(i, j)| (10 * i + j) as i32);
        let transposed = a.clone().reversed_axes();
        assert_eq!(Array::from_ndarray(transposed.clone()).to_ndarray::<i32>().unwrap(), transposed.into_dyn());
        let cut = a.clone().slice_move(s![1.., ..]);
        assert_eq!(Array::from_ndarray(cut.clone()).as_slice::<i32>(), cut.as_slice().unwrap());
        let cut = a.clone().slice_move(s![..2, ..]);
        assert_eq!(Array::from_ndarray(cut.clone()).as_slice::<i32>(), cut.as_slice().unwrap());
        let mut flipped = a;
        flipped.invert_axis(Axis(1));
        assert_eq!(Array::from_ndarray(flipped.clone()).to_ndarray::<i32>().unwrap(), flipped.into_dyn());
    }

    #[test]
    fn empty_and_scalar_arrays() {
        assert_eq!(Array::from_ndarray(ndarray::arr0(2.5f64)).as_slice::<f64>(), [2.5]);
        let empty = Array::from_ndarray(Array2::<u8>::zeros((0, 3)));
        assert_eq!(empty.shape(), [0, 3]);
        assert_eq!(empty.into_ndarray::<u8>().unwrap().shape(), [0, 3]);
        let huge = Array::zeros(DType::U8, &[0, 1 << 40, 1 << 40]).unwrap();
        assert_eq!(huge.to_ndarray::<u8>().unwrap_err().kind(), Kind::Shape);
        assert_eq!(huge.into_ndarray::<u8>().unwrap_err().kind(), Kind::Shape);
        assert_eq!(Array::scalar(1u8).to_ndarray::<i8>().unwrap_err().kind(), Kind::DType);
    }
}
