//! [`Block`]: memory from the pool, given back on drop.
//!
//! Small blocks pass through a free list of the thread, all others through one list a size class for all
//! threads. A block may be dropped on another thread than the one that took it.

use super::stats::{LIMIT, LIVE, OWNED, PEAK, SYSTEM_ALLOCATIONS, idle_limit};
use super::{classes, system};
use crate::error::{Error, Kind, Result};
use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard};

/// 64-byte aligned, initialised memory of at least the size asked for. Its contents are whatever the last user
/// left there.
#[derive(Debug)]
pub struct Block {
    ptr: NonNull<u8>,
    /// Size class, or [`EMPTY`].
    class: usize,
}

/// The class of a block of no bytes, which owns nothing.
const EMPTY: usize = usize::MAX;
/// Classes below this one have free lists in each thread: blocks of up to 64 KiB.
const LOCAL_CLASSES: usize = 4 + 4 * (16 - 8);
/// Most bytes, and most blocks, that a thread keeps of one class.
const LOCAL_BYTES: usize = 256 << 10;
const LOCAL_BLOCKS: usize = 64;

// SAFETY: a block is plain memory with one owner.
unsafe impl Send for Block {}
// SAFETY: a shared block gives out nothing but its address.
unsafe impl Sync for Block {}

impl Block {
    /// At least `bytes` bytes. An error if the limit or the system's memory is exceeded.
    pub fn new(bytes: usize) -> Result<Block> {
        Ok(take(bytes)?.0)
    }

    /// At least `bytes` bytes, the first `bytes` of them zero.
    pub fn zeroed(bytes: usize) -> Result<Block> {
        let (block, fresh) = take(bytes)?;
        if !fresh {
            // SAFETY: the block holds `bytes` bytes.
            unsafe { block.ptr.as_ptr().write_bytes(0, bytes) };
        }
        Ok(block)
    }

    /// Address of the first byte.
    pub fn as_ptr(&self) -> *mut u8 {
        self.ptr.as_ptr()
    }

    /// How many bytes it holds.
    pub fn size(&self) -> usize {
        if self.class == EMPTY { 0 } else { classes::size(self.class) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.class == EMPTY {
            return;
        }
        LIVE.fetch_sub(classes::size(self.class), Relaxed);
        if self.class < LOCAL_CLASSES {
            let kept = LOCAL.try_with(|local| local.borrow_mut().push(self.class, self.ptr));
            if kept.unwrap_or(false) {
                return;
            }
        }
        shared(self.class).push(Free(self.ptr));
        trim(idle_limit());
    }
}

/// Gives all idle memory back to the system, but for what other threads keep in their free lists.
pub fn release_idle() {
    let _ = LOCAL.try_with(|local| local.borrow_mut().flush());
    trim(0);
}

/// Gives idle blocks back until at most `limit` bytes are idle.
pub(super) fn trim(limit: usize) {
    /// Where the next trim begins, so that no class is always the victim.
    static HAND: AtomicUsize = AtomicUsize::new(0);
    let idle = || OWNED.load(Relaxed).saturating_sub(LIVE.load(Relaxed));
    if idle() <= limit {
        return;
    }
    let start = HAND.fetch_add(1, Relaxed);
    for turn in 0..classes::COUNT {
        let class = (start + turn) % classes::COUNT;
        let mut list = shared(class);
        while idle() > limit
            && let Some(block) = list.pop()
        {
            // SAFETY: it came from `system::allocate` in this class, and the list was its only owner.
            unsafe { system::free(block.0, classes::size(class)) };
            OWNED.fetch_sub(classes::size(class), Relaxed);
        }
    }
}

/// A block that nobody uses.
struct Free(NonNull<u8>);

// SAFETY: plain memory with one owner, the list it is in.
unsafe impl Send for Free {}

/// A thread's free lists.
struct Local {
    lists: [Vec<Free>; LOCAL_CLASSES],
}

thread_local! {
    static LOCAL: RefCell<Local> = const { RefCell::new(Local { lists: [const { Vec::new() }; LOCAL_CLASSES] }) };
}

impl Local {
    /// Keeps a block, unless there are enough of its class.
    fn push(&mut self, class: usize, block: NonNull<u8>) -> bool {
        let list = &mut self.lists[class];
        if list.len() >= (LOCAL_BYTES / classes::size(class)).min(LOCAL_BLOCKS) {
            return false;
        }
        list.push(Free(block));
        true
    }

    /// Hands everything over to the shared lists.
    fn flush(&mut self) {
        for (class, list) in self.lists.iter_mut().enumerate().filter(|(_, list)| !list.is_empty()) {
            shared(class).append(list);
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.flush();
    }
}

fn shared(class: usize) -> MutexGuard<'static, Vec<Free>> {
    static SHARED: [Mutex<Vec<Free>>; classes::COUNT] = [const { Mutex::new(Vec::new()) }; classes::COUNT];
    SHARED[class].lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A block, and whether it is fresh from the system and so all zero.
fn take(bytes: usize) -> Result<(Block, bool)> {
    if bytes == 0 {
        let ptr = NonNull::new(std::ptr::without_provenance_mut(classes::ALIGN)).expect("not null");
        return Ok((Block { ptr, class: EMPTY }, true));
    }
    let Some(class) = classes::of(bytes) else { return Err(out_of_memory(bytes)) };
    let size = classes::size(class);
    let live = LIVE.fetch_add(size, Relaxed) + size;
    if live > LIMIT.load(Relaxed) {
        LIVE.fetch_sub(size, Relaxed);
        return Err(over_limit(bytes, live - size));
    }
    let recycled = recycle(class);
    let fresh = recycled.is_none();
    let Some(block) = recycled.or_else(|| allocate(size)) else {
        LIVE.fetch_sub(size, Relaxed);
        return Err(out_of_memory(bytes));
    };
    if live > PEAK.load(Relaxed) {
        PEAK.fetch_max(live, Relaxed);
    }
    Ok((Block { ptr: block.0, class }, fresh))
}

fn recycle(class: usize) -> Option<Free> {
    if class < LOCAL_CLASSES
        && let Ok(Some(block)) = LOCAL.try_with(|local| local.borrow_mut().lists[class].pop())
    {
        return Some(block);
    }
    shared(class).pop()
}

/// A fresh block; what is idle is given up for it if need be.
#[cold]
fn allocate(size: usize) -> Option<Free> {
    // `LIVE` counts the block already, `OWNED` does not yet.
    let limit = LIMIT.load(Relaxed);
    if OWNED.load(Relaxed).saturating_add(size) > limit {
        trim(limit.saturating_sub(LIVE.load(Relaxed)));
    }
    let ptr = system::allocate(size).or_else(|| {
        release_idle();
        system::allocate(size)
    })?;
    OWNED.fetch_add(size, Relaxed);
    SYSTEM_ALLOCATIONS.fetch_add(1, Relaxed);
    Some(Free(ptr))
}

#[cold]
pub(super) fn over_limit(bytes: usize, live: usize) -> Error {
    let limit = LIMIT.load(Relaxed);
    Error::new(Kind::Memory, format!("{bytes} bytes more than the {live} in use exceed the memory limit of {limit}"))
        .hint("raise the limit, drop arrays that are no longer needed, or use smaller batches")
}

#[cold]
pub(super) fn out_of_memory(bytes: usize) -> Error {
    Error::new(Kind::Memory, format!("the system has no {bytes} bytes of memory left"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(block: &Block) -> usize {
        block.as_ptr() as usize
    }

    #[test]
    fn blocks_are_aligned_and_reused() {
        for bytes in [1, 64, 65, 1000, 70_000, 1 << 20, 5 << 20] {
            let block = Block::new(bytes).unwrap();
            assert!(block.size() >= bytes);
            assert_eq!(address(&block) % 64, 0);
            // SAFETY: the block holds `bytes` bytes.
            unsafe { block.as_ptr().write_bytes(0xff, bytes) };
        }
        let first = Block::new(3000).unwrap();
        let place = address(&first);
        drop(first);
        assert_eq!(address(&Block::new(3050).unwrap()), place, "the thread's free list is first in, last out");
    }

    #[test]
    #[cfg(all(target_os = "linux", not(miri)))]
    fn large_blocks_are_aligned_to_huge_pages() {
        for bytes in [4 << 20, (4 << 20) + 1, 9 << 20] {
            assert_eq!(address(&Block::new(bytes).unwrap()) % (2 << 20), 0);
        }
    }

    #[test]
    fn zeroed_blocks_are_zero_even_when_recycled() {
        for bytes in [100, 100_000, 6 << 20] {
            for _ in 0..3 {
                let block = Block::zeroed(bytes).unwrap();
                // SAFETY: the block holds `bytes` initialised bytes.
                let contents = unsafe { std::slice::from_raw_parts_mut(block.as_ptr(), bytes) };
                assert!(contents.iter().all(|&byte| byte == 0));
                contents.fill(1);
            }
        }
    }

    #[test]
    fn blocks_may_be_dropped_elsewhere() {
        let blocks: Vec<Block> = (0..200).map(|i| Block::new(64 * (i + 1)).unwrap()).collect();
        std::thread::spawn(move || drop(blocks)).join().unwrap();
        let again: Vec<Block> = (0..200).map(|i| Block::new(64 * (i + 1)).unwrap()).collect();
        let mut places: Vec<usize> = again.iter().map(address).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 200, "no block has two owners");
    }

    #[test]
    fn no_bytes_need_no_memory() {
        let block = Block::zeroed(0).unwrap();
        assert_eq!((block.size(), address(&block) % 64), (0, 0));
    }

    #[test]
    fn absurd_sizes_are_errors() {
        for bytes in [usize::MAX, 1 << 60, 1 << 46] {
            assert_eq!(Block::new(bytes).unwrap_err().kind(), Kind::Memory);
        }
    }
}
