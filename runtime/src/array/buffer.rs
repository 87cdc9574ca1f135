//! [`Buffer`]: the bytes behind an array, from the pool or from outside.

use super::Element;
use crate::alloc::Block;
use std::any::Any;

/// Initialised bytes and whoever frees them.
pub(super) struct Buffer {
    ptr: *mut u8,
    owner: Owner,
}

/// Whose drop frees the bytes.
enum Owner {
    Pool {
        _block: Block,
    },
    /// A boxed `Vec<T>`.
    Outside(Box<dyn Any + Send + Sync>),
}

// SAFETY: a buffer is plain memory; shared access is read-only, writing needs the only handle.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// Memory from the pool.
    pub fn pooled(block: Block) -> Buffer {
        Buffer { ptr: block.as_ptr(), owner: Owner::Pool { _block: block } }
    }

    /// The elements of `data` from index `offset` on.
    pub fn from_vec<T: Element>(data: Vec<T>, offset: usize) -> Buffer {
        let mut data = Box::new(data);
        let ptr = data[offset..].as_mut_ptr().cast();
        Buffer { ptr, owner: Owner::Outside(data) }
    }

    /// Address of the first byte.
    pub fn ptr(&self) -> *mut u8 {
        self.ptr
    }

    /// The vector that this buffer was made of, if it was, from its first element on.
    pub fn into_vec<T: Element>(self) -> Result<Vec<T>, Buffer> {
        match self.owner {
            Owner::Outside(data) => match data.downcast::<Vec<T>>() {
                Ok(data) if data.as_ptr().cast::<u8>() == self.ptr.cast_const() => Ok(*data),
                Ok(data) => Err(Buffer { ptr: self.ptr, owner: Owner::Outside(data) }),
                Err(data) => Err(Buffer { ptr: self.ptr, owner: Owner::Outside(data) }),
            },
            owner => Err(Buffer { ptr: self.ptr, owner }),
        }
    }
}
