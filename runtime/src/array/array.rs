//! [`Array`]: a dense row-major tensor of known dtype and shape; cloning shares the elements.

use super::{DType, Element};
use crate::error::{Error, Kind, Result};
use smallvec::SmallVec;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::sync::Arc;

/// The lengths of an array's axes.
pub type Shape = SmallVec<[usize; 6]>;

/// A dense row-major tensor. A clone shares the elements; [`Array::as_mut_slice`] needs the only handle.
#[derive(Clone)]
pub struct Array {
    buffer: Arc<Buffer>,
    dtype: DType,
    shape: Shape,
}

/// Owned, 64-byte aligned bytes.
struct Buffer {
    ptr: *mut u8,
    layout: Layout,
}

// SAFETY: a buffer is plain memory; shared access is read-only, writing needs the only handle.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: allocated in `Array::zeros` with this layout, whose size is not 0.
        unsafe { dealloc(self.ptr, self.layout) }
    }
}

impl Array {
    /// Zeros. An error if the size overflows.
    pub fn zeros(dtype: DType, shape: &[usize]) -> Result<Array> {
        let bytes = shape
            .iter()
            .try_fold(dtype.size(), |n, &d| n.checked_mul(d))
            .filter(|&n| n <= isize::MAX as usize / 2)
            .ok_or_else(|| Error::new(Kind::Memory, format!("{dtype}{shape:?} overflows the address space")))?;
        let layout = Layout::from_size_align(bytes.max(64), 64).expect("a valid layout");
        // SAFETY: the layout's size is not 0.
        let ptr = unsafe { alloc_zeroed(layout) };
        if ptr.is_null() {
            handle_alloc_error(layout);
        }
        Ok(Array { buffer: Arc::new(Buffer { ptr, layout }), dtype, shape: shape.into() })
    }

    /// Like [`zeros`](Self::zeros), but the elements are unspecified (yet valid) values to be overwritten.
    pub fn uninit(dtype: DType, shape: &[usize]) -> Result<Array> {
        Array::zeros(dtype, shape)
    }

    /// A copy of `data`, whose length must be the shape's.
    pub fn from_slice<T: Element>(shape: &[usize], data: &[T]) -> Array {
        let mut array = Array::zeros(T::DTYPE, shape).expect("as many elements as a slice holds");
        array.as_mut_slice::<T>().copy_from_slice(data);
        array
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Address of the first element.
    pub fn as_ptr(&self) -> *const u8 {
        self.buffer.ptr
    }

    /// Whether this is the only handle on the elements.
    pub fn is_unique(&self) -> bool {
        Arc::strong_count(&self.buffer) == 1
    }

    /// The elements, row-major. Panics if `T` is not the dtype.
    pub fn as_slice<T: Element>(&self) -> &[T] {
        assert_eq!(T::DTYPE, self.dtype, "array of {} read as {}", self.dtype, T::DTYPE);
        // SAFETY: the buffer holds `len` valid elements of T, and nobody writes while it is shared.
        unsafe { std::slice::from_raw_parts(self.buffer.ptr.cast(), self.len()) }
    }

    /// The elements for writing; copies them first if another handle shares them. Panics if `T` is not the dtype.
    pub fn as_mut_slice<T: Element>(&mut self) -> &mut [T] {
        assert_eq!(T::DTYPE, self.dtype, "array of {} written as {}", self.dtype, T::DTYPE);
        if !self.is_unique() {
            *self = Array::from_slice(&self.shape, self.as_slice::<T>());
        }
        // SAFETY: as in `as_slice`, and the handle is the only one.
        unsafe { std::slice::from_raw_parts_mut(self.buffer.ptr.cast(), self.len()) }
    }

    /// The same elements under another shape of as many elements.
    pub fn reshaped(&self, shape: &[usize]) -> Result<Array> {
        if shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) != Some(self.len()) {
            return Err(Error::new(Kind::Shape, format!("cannot reshape {:?} to {shape:?}", self.shape())));
        }
        Ok(Array { shape: shape.into(), ..self.clone() })
    }
}

impl std::fmt::Debug for Array {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Array({}{:?})", self.dtype, self.shape())
    }
}
