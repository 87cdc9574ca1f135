//! How much memory is in use, and how much may be.

use super::pool;
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// Memory of arrays, arenas and scratch, in bytes. Memory that came from outside (a `Vec` made into an array
/// without copying) is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryStats {
    /// In use now.
    pub live: usize,
    /// The most that was in use at once.
    pub peak: usize,
    /// Idle: kept for reuse.
    pub cached: usize,
    /// The most that may be in use; `usize::MAX` if unlimited.
    pub limit: usize,
    /// How many times memory was asked of the system: constant while the pool serves every request.
    pub system_allocations: usize,
}

/// In use, in total and at most; bytes and counts as in [`MemoryStats`].
pub(super) static LIVE: AtomicUsize = AtomicUsize::new(0);
pub(super) static PEAK: AtomicUsize = AtomicUsize::new(0);
/// Obtained from the system and not given back: live and cached.
pub(super) static OWNED: AtomicUsize = AtomicUsize::new(0);
pub(super) static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);
pub(super) static SYSTEM_ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
/// 0: not set, use [`default_idle_limit`].
static IDLE_LIMIT: AtomicUsize = AtomicUsize::new(0);

/// A snapshot of memory use.
pub fn memory_stats() -> MemoryStats {
    let live = LIVE.load(Relaxed);
    MemoryStats {
        live,
        peak: PEAK.load(Relaxed).max(live),
        cached: OWNED.load(Relaxed).saturating_sub(live),
        limit: LIMIT.load(Relaxed),
        system_allocations: SYSTEM_ALLOCATIONS.load(Relaxed),
    }
}

/// Forgets the peak: it counts from what is live now.
pub fn reset_peak() {
    PEAK.store(LIVE.load(Relaxed), Relaxed);
}

/// Limits the memory in use; a request beyond it is an error of [`Kind::Memory`](crate::error::Kind::Memory).
/// `None`: as much as the system gives.
pub fn set_memory_limit(bytes: Option<usize>) {
    LIMIT.store(bytes.unwrap_or(usize::MAX), Relaxed);
}

/// Limits the memory kept idle for reuse; what is beyond it is given back. The default is a quarter of the
/// machine's memory.
pub fn set_idle_limit(bytes: usize) {
    IDLE_LIMIT.store(bytes.max(1), Relaxed);
    pool::trim(bytes);
}

pub(super) fn idle_limit() -> usize {
    match IDLE_LIMIT.load(Relaxed) {
        0 => default_idle_limit(),
        limit => limit,
    }
}

fn default_idle_limit() -> usize {
    static DEFAULT: OnceLock<usize> = OnceLock::new();
    *DEFAULT.get_or_init(|| super::system::physical_memory().map_or(1 << 30, |bytes| bytes / 4))
}
