//! Borrowed dense tensors: what library kernels read and write.
//!
//! A view is an address, a dtype and axis lengths; the elements are row-major and dense. Making one from a raw
//! address is unsafe, using one is not: the maker vouches for the memory.

use crate::array::{Array, DType, Element, shape};
use crate::error::Result;
use std::fmt;
use std::marker::PhantomData;

/// A dense row-major tensor to read.
#[derive(Clone, Copy)]
pub struct View<'a> {
    ptr: *const u8,
    dtype: DType,
    dims: &'a [usize],
    memory: PhantomData<&'a [u8]>,
}

/// A dense row-major tensor to write. It may be written through a shared reference, so that several threads can
/// write disjoint parts; kernels see to that.
pub struct ViewMut<'a> {
    ptr: *mut u8,
    dtype: DType,
    dims: &'a [usize],
    memory: PhantomData<&'a mut [u8]>,
}

// SAFETY: a view is a borrow of plain elements, which are Send and Sync.
unsafe impl Send for View<'_> {}
// SAFETY: as above; reading is all that it allows.
unsafe impl Sync for View<'_> {}
// SAFETY: as above; it is the only borrow of its memory.
unsafe impl Send for ViewMut<'_> {}
// SAFETY: writing through a shared view is left to unsafe code, which keeps threads apart.
unsafe impl Sync for ViewMut<'_> {}

impl<'a> View<'a> {
    /// A view of memory.
    ///
    /// # Safety
    /// `ptr` points at as many initialised elements as `dims` say, aligned for them, which nobody writes
    /// during `'a`; bools are 0 or 1.
    pub unsafe fn from_raw(ptr: *const u8, dtype: DType, dims: &'a [usize]) -> Self {
        Self { ptr, dtype, dims, memory: PhantomData }
    }

    /// A view of an array.
    pub fn of(array: &'a Array) -> Self {
        Self { ptr: array.as_ptr(), dtype: array.dtype(), dims: array.shape(), memory: PhantomData }
    }

    /// Address of the first element.
    pub fn as_ptr(&self) -> *const u8 {
        self.ptr
    }

    /// The elements. Panics if `T` is not the dtype.
    pub fn as_slice<T: Element>(&self) -> &'a [T] {
        assert_eq!(T::DTYPE, self.dtype, "view of {} read as {}", self.dtype, T::DTYPE);
        if self.is_empty() {
            return &[]; // An empty temporary has no place in the arena, so its address means nothing.
        }
        // SAFETY: the maker of the view vouched for the memory; the dtype is T's.
        unsafe { std::slice::from_raw_parts(self.ptr.cast(), self.len()) }
    }
}

impl<'a> ViewMut<'a> {
    /// A view of memory.
    ///
    /// # Safety
    /// `ptr` points at room for as many elements as `dims` say, aligned for them, that nobody else reads or
    /// writes during `'a`.
    pub unsafe fn from_raw(ptr: *mut u8, dtype: DType, dims: &'a [usize]) -> Self {
        Self { ptr, dtype, dims, memory: PhantomData }
    }

    /// A view of an array, whose elements are copied first if another handle shares them.
    pub fn of(array: &'a mut Array) -> Result<Self> {
        let ptr = array.as_mut_ptr()?;
        Ok(Self { ptr, dtype: array.dtype(), dims: array.shape(), memory: PhantomData })
    }

    /// Address of the first element.
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.ptr
    }

    /// Elements `begin..end` for writing. Panics if `T` is not the dtype or the range is outside.
    ///
    /// # Safety
    /// While the result lives, no overlapping part of the view is borrowed, on any thread.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn part_mut<T: Element>(&self, begin: usize, end: usize) -> &mut [T] {
        assert_eq!(T::DTYPE, self.dtype, "view of {} written as {}", self.dtype, T::DTYPE);
        assert!(begin <= end && end <= self.len(), "{begin}..{end} is outside a view of {} elements", self.len());
        if begin == end {
            return &mut []; // As for `View::as_slice`.
        }
        // SAFETY: the maker of the view vouched for the memory, the caller for this part of it.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.cast::<T>().add(begin), end - begin) }
    }
}

/// What both kinds of view tell of their shape.
macro_rules! shaped {
    ($($view:ident)*) => {$(
        impl<'a> $view<'a> {
            /// Element type.
            pub fn dtype(&self) -> DType {
                self.dtype
            }

            /// The length of each axis.
            pub fn dims(&self) -> &'a [usize] {
                self.dims
            }

            /// Number of axes.
            pub fn rank(&self) -> usize {
                self.dims.len()
            }

            /// Number of elements.
            pub fn len(&self) -> usize {
                shape::len(self.dims)
            }

            /// Whether there are no elements.
            pub fn is_empty(&self) -> bool {
                self.dims.contains(&0)
            }
        }

        impl fmt::Debug for $view<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{:?}", self.dtype, self.dims)
            }
        }
    )*};
}

shaped!(View ViewMut);
