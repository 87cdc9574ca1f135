//! [`Array`]: a dense row-major tensor of known dtype and shape; cloning shares the elements.

use super::buffer::Buffer;
use super::shape::{self, Shape, numel};
use super::{DType, Element};
use crate::alloc::Block;
use crate::error::{Error, Kind, Result};
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

/// A dense row-major tensor. A clone shares the elements; [`Array::as_mut_slice`] needs the only handle.
#[derive(Clone)]
pub struct Array {
    buffer: Arc<Buffer>,
    dtype: DType,
    shape: Shape,
}

impl Array {
    /// Zeros. An error if the size overflows or memory runs out.
    pub fn zeros(dtype: DType, shape: &[usize]) -> Result<Array> {
        Array::allocate(dtype, shape, Block::zeroed)
    }

    /// Like [`zeros`](Self::zeros), but the elements are unspecified (yet valid) values to be overwritten:
    /// whatever the memory was last used for. Bools are zero, for they have invalid bit patterns.
    pub fn uninit(dtype: DType, shape: &[usize]) -> Result<Array> {
        Array::allocate(dtype, shape, if dtype == DType::Bool { Block::zeroed } else { Block::new })
    }

    /// A copy of `data`. Panics if its length is not the shape's, or if memory runs out.
    pub fn from_slice<T: Element>(shape: &[usize], data: &[T]) -> Array {
        let mut array = Array::uninit(T::DTYPE, shape).unwrap_or_else(|error| panic!("{error}"));
        array.as_mut_slice::<T>().copy_from_slice(data);
        array
    }

    /// The elements of `data` under a shape of as many elements; nothing is copied.
    pub fn from_vec<T: Element>(shape: &[usize], data: Vec<T>) -> Result<Array> {
        Array::from_vec_at(shape, data, 0)
    }

    /// A rank-0 array. Panics if memory runs out.
    pub fn scalar<T: Element>(value: T) -> Array {
        Array::from_slice(&[], &[value])
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        shape::len(&self.shape)
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// Bytes of all elements.
    pub fn size_in_bytes(&self) -> usize {
        self.len() * self.dtype.size()
    }

    /// Address of the first element.
    pub fn as_ptr(&self) -> *const u8 {
        self.buffer.ptr()
    }

    /// Address of the first element for writing. An error if the elements are shared and memory for a copy
    /// runs out. What is written must be valid for the dtype: bools 0 or 1.
    pub fn as_mut_ptr(&mut self) -> Result<*mut u8> {
        self.make_unique()?;
        Ok(self.buffer.ptr())
    }

    /// Whether this is the only handle on the elements.
    pub fn is_unique(&self) -> bool {
        let unique = Arc::strong_count(&self.buffer) == 1;
        // Pairs with the release in the drop of the last other handle: its reads come before our writes.
        fence(Ordering::Acquire);
        unique
    }

    /// Whether two arrays share their elements' memory.
    pub fn shares_memory(&self, other: &Array) -> bool {
        Arc::ptr_eq(&self.buffer, &other.buffer)
    }

    /// Copies the elements if another handle shares them.
    pub fn make_unique(&mut self) -> Result<()> {
        if !self.is_unique() {
            *self = self.copy()?;
        }
        Ok(())
    }

    /// A copy with elements of its own.
    pub fn copy(&self) -> Result<Array> {
        let copy = Array::allocate(self.dtype, &self.shape, Block::new)?;
        // SAFETY: both hold as many elements of the same dtype, and the copy is new.
        unsafe { copy.buffer.ptr().copy_from_nonoverlapping(self.as_ptr(), self.size_in_bytes()) };
        Ok(copy)
    }

    /// The elements, row-major. Panics if `T` is not the dtype.
    pub fn as_slice<T: Element>(&self) -> &[T] {
        assert_eq!(T::DTYPE, self.dtype, "array of {} read as {}", self.dtype, T::DTYPE);
        // SAFETY: the buffer holds `len` valid elements of T, and nobody writes while it is shared.
        unsafe { std::slice::from_raw_parts(self.as_ptr().cast(), self.len()) }
    }

    /// The elements for writing; copies them first if another handle shares them. Panics if `T` is not the
    /// dtype, or if memory for the copy runs out.
    pub fn as_mut_slice<T: Element>(&mut self) -> &mut [T] {
        assert_eq!(T::DTYPE, self.dtype, "array of {} written as {}", self.dtype, T::DTYPE);
        self.make_unique().unwrap_or_else(|error| panic!("{error}"));
        // SAFETY: as in `as_slice`, and the handle is the only one.
        unsafe { std::slice::from_raw_parts_mut(self.buffer.ptr().cast(), self.len()) }
    }

    /// The elements' bytes, row-major, in the machine's byte order.
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: the buffer holds so many initialised bytes, and nobody writes while it is shared.
        unsafe { std::slice::from_raw_parts(self.as_ptr(), self.size_in_bytes()) }
    }

    /// An array of these elements' bytes. An error if there are too few or too many, or a bool is neither 0 nor 1.
    pub fn from_bytes(dtype: DType, shape: &[usize], bytes: &[u8]) -> Result<Array> {
        let array = Array::allocate(dtype, shape, |size| {
            if size == bytes.len() {
                return Block::new(size);
            }
            Err(Error::new(Kind::Shape, format!("expected {size} bytes, got {}", bytes.len())))
        })?;
        if dtype == DType::Bool && bytes.iter().any(|&byte| byte > 1) {
            return Err(Error::new(Kind::Value, "a bool's byte is neither 0 nor 1"));
        }
        // SAFETY: the new array holds so many bytes, checked to be valid for the dtype.
        unsafe { array.buffer.ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(array)
    }

    /// The same elements under another shape of as many elements.
    pub fn reshaped(&self, shape: &[usize]) -> Result<Array> {
        if numel(shape) != Some(self.len()) {
            return Err(Error::new(Kind::Shape, format!("cannot reshape {:?} to {shape:?}", self.shape())));
        }
        Ok(Array { shape: shape.into(), ..self.clone() })
    }

    /// The elements of `data` from `offset` on.
    pub(super) fn from_vec_at<T: Element>(shape: &[usize], data: Vec<T>, offset: usize) -> Result<Array> {
        if numel(shape).and_then(|len| len.checked_add(offset)) != Some(data.len()) {
            let found = data.len() - offset.min(data.len());
            return Err(Error::new(Kind::Shape, format!("{found} elements do not fill the shape {shape:?}")));
        }
        Ok(Array { buffer: Arc::new(Buffer::from_vec(data, offset)), dtype: T::DTYPE, shape: shape.into() })
    }

    /// The elements as a vector: the one that the array was made of, if this is its only handle, or a copy.
    pub(super) fn into_vec<T: Element>(self) -> Vec<T> {
        let (len, shape) = (self.len(), self.shape);
        match Arc::try_unwrap(self.buffer).map(Buffer::into_vec::<T>) {
            Ok(Ok(mut data)) => {
                data.truncate(len);
                data
            }
            Ok(Err(buffer)) => Array { buffer: Arc::new(buffer), dtype: self.dtype, shape }.as_slice::<T>().to_vec(),
            Err(buffer) => Array { buffer, dtype: self.dtype, shape }.as_slice::<T>().to_vec(),
        }
    }

    fn allocate(dtype: DType, shape: &[usize], block: impl FnOnce(usize) -> Result<Block>) -> Result<Array> {
        let bytes = numel(shape)
            .and_then(|len| len.checked_mul(dtype.size()))
            .filter(|&bytes| bytes <= isize::MAX as usize / 2)
            .ok_or_else(|| Error::new(Kind::Memory, format!("{dtype}{shape:?} overflows the address space")))?;
        let block =
            block(bytes).map_err(|error| error.map_message(|m| format!("no memory for {dtype}{shape:?}: {m}")))?;
        Ok(Array { buffer: Arc::new(Buffer::pooled(block)), dtype, shape: shape.into() })
    }
}

impl std::fmt::Debug for Array {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Array({}{:?})", self.dtype, self.shape())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_until_written() {
        let mut a = Array::from_slice(&[2], &[1.0f32, 2.0]);
        let b = a.clone();
        assert!(a.shares_memory(&b) && !a.is_unique());
        a.as_mut_slice::<f32>()[0] = 5.0;
        assert_eq!((a.as_slice::<f32>(), b.as_slice::<f32>()), (&[5.0, 2.0][..], &[1.0, 2.0][..]));
        assert!(a.is_unique() && b.is_unique());
    }

    #[test]
    fn elements_are_aligned_and_zeros_are_zero() {
        for n in [0, 1, 17, 300_000] {
            let mut a = Array::zeros(DType::I32, &[n]).unwrap();
            assert_eq!(a.as_ptr() as usize % 64, 0);
            assert!(a.as_slice::<i32>().iter().all(|&x| x == 0));
            a.as_mut_slice::<i32>().fill(-1);
        }
        assert!(Array::uninit(DType::Bool, &[500]).unwrap().as_slice::<bool>().iter().all(|&b| !b));
    }

    #[test]
    fn vectors_are_taken_over_without_a_copy() {
        let data = vec![1i64, 2, 3, 4, 5, 6];
        let place = data.as_ptr();
        let a = Array::from_vec(&[2, 3], data).unwrap();
        assert_eq!(a.as_ptr(), place.cast());
        assert_eq!(a.clone().into_vec::<i64>(), [1, 2, 3, 4, 5, 6]);
        let data = a.into_vec::<i64>();
        assert_eq!(data.as_ptr(), place);
        assert_eq!(Array::from_vec(&[4], vec![0u8; 3]).unwrap_err().kind(), Kind::Shape);
        assert_eq!(Array::from_slice(&[2], &[true, false]).into_vec::<bool>(), [true, false]);
    }

    #[test]
    fn impossible_sizes_are_errors() {
        for shape in [&[usize::MAX, 4][..], &[1 << 62], &[1 << 45, 1]] {
            let error = Array::uninit(DType::F64, shape).unwrap_err();
            assert_eq!(error.kind(), Kind::Memory);
            assert!(error.message().contains("f64["), "{error}");
        }
        for shape in [[1 << 40, 1 << 40, 0], [0, 1 << 40, 1 << 40]] {
            let empty = Array::zeros(DType::F32, &shape).unwrap();
            assert_eq!((empty.len(), empty.size_in_bytes(), empty.to_string()), (0, 0, "[]".to_owned()));
        }
    }

    #[test]
    fn bytes_round_trip_and_are_checked() {
        let a = Array::from_slice(&[3], &[1.5f32, -2.0, f32::NAN]);
        let b = Array::from_bytes(DType::F32, &[3], a.as_bytes()).unwrap();
        assert_eq!(a.as_bytes(), b.as_bytes());
        assert!(Array::from_bytes(DType::F32, &[2], a.as_bytes()).is_err());
        assert_eq!(Array::from_bytes(DType::Bool, &[1], &[2]).unwrap_err().kind(), Kind::Value);
    }

    #[test]
    fn reshaping_shares() {
        let a = Array::from_slice(&[2, 3], &[0u8; 6]);
        let b = a.reshaped(&[3, 2, 1]).unwrap();
        assert!(b.shares_memory(&a) && b.shape() == [3, 2, 1]);
        assert!(a.reshaped(&[7]).is_err());
    }
}
