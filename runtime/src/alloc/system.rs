//! Memory from the system: small blocks from the global allocator, large ones mapped and backed by huge pages.
//!
//! Every block is zeroed, so that whatever is later read from recycled memory is initialised.

use super::classes::ALIGN;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

/// Blocks of this size and more are mapped.
const MAPPED: usize = 4 << 20;
/// A huge page: what mapped blocks are aligned to.
const HUGE_PAGE: usize = 2 << 20;

/// A zeroed block of `bytes` (a class size), or None if the system has no more.
pub fn allocate(bytes: usize) -> Option<NonNull<u8>> {
    if bytes >= MAPPED && mapping::AVAILABLE {
        return mapping::map(bytes);
    }
    let layout = Layout::from_size_align(bytes, ALIGN).ok()?;
    // SAFETY: the smallest class is not empty.
    NonNull::new(unsafe { alloc_zeroed(layout) })
}

/// Gives a block back.
///
/// # Safety
/// `ptr` came from [`allocate`] with the same size, and is not used any more.
pub unsafe fn free(ptr: NonNull<u8>, bytes: usize) {
    if bytes >= MAPPED && mapping::AVAILABLE {
        // SAFETY: the caller's promise.
        return unsafe { mapping::unmap(ptr, bytes) };
    }
    let layout = Layout::from_size_align(bytes, ALIGN).expect("as in `allocate`");
    // SAFETY: the caller's promise.
    unsafe { dealloc(ptr.as_ptr(), layout) }
}

/// Bytes of memory that the machine has, if known.
pub fn physical_memory() -> Option<usize> {
    mapping::physical_memory()
}

#[cfg(all(target_os = "linux", not(miri)))]
mod mapping {
    use super::HUGE_PAGE;
    use std::ptr::{NonNull, null_mut};

    pub const AVAILABLE: bool = true;

    pub fn map(bytes: usize) -> Option<NonNull<u8>> {
        let room = bytes.checked_add(HUGE_PAGE)?;
        // SAFETY: a fresh private mapping at an address of the system's choice touches nothing else.
        let base = unsafe {
            libc::mmap(
                null_mut(),
                room,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return None;
        }
        let base = base.cast::<u8>();
        let head = base.align_offset(HUGE_PAGE);
        let tail = room - head - bytes;
        // SAFETY: head and tail are whole pages of the new mapping outside the block; advice changes no contents.
        unsafe {
            let block = base.add(head);
            if head > 0 {
                libc::munmap(base.cast(), head);
            }
            if tail > 0 {
                libc::munmap(block.add(bytes).cast(), tail);
            }
            libc::madvise(block.cast(), bytes, libc::MADV_HUGEPAGE);
            NonNull::new(block)
        }
    }

    /// # Safety
    /// `ptr` came from [`map`] with the same size, and is not used any more.
    pub unsafe fn unmap(ptr: NonNull<u8>, bytes: usize) {
        // SAFETY: the caller's promise.
        unsafe { libc::munmap(ptr.as_ptr().cast(), bytes) };
    }

    pub fn physical_memory() -> Option<usize> {
        // SAFETY: only reads system constants.
        let (pages, page) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
        usize::try_from(pages).ok()?.checked_mul(usize::try_from(page).ok()?)
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod mapping {
    use std::ptr::NonNull;

    pub const AVAILABLE: bool = false;

    pub fn map(_: usize) -> Option<NonNull<u8>> {
        None
    }

    /// # Safety
    /// Never called: nothing is mapped.
    pub unsafe fn unmap(_: NonNull<u8>, _: usize) {}

    pub fn physical_memory() -> Option<usize> {
        None
    }
}
