//! Identities of tensors, unique in the process: what tapes key their records by.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ids that a thread takes at a time, so that making a tensor touches no shared cache line.
const BLOCK: u64 = 1 << 12;

static NEXT_BLOCK: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The next id, and the end of this thread's block.
    static IDS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// An id that no tensor has had.
pub(crate) fn fresh() -> u64 {
    let (mut next, mut end) = IDS.get();
    if next == end {
        next = NEXT_BLOCK.fetch_add(1, Ordering::Relaxed) * BLOCK;
        end = next + BLOCK;
    }
    IDS.set((next + 1, end));
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_across_threads_and_blocks() {
        let ids = || (0..3 * BLOCK).map(|_| fresh()).collect::<Vec<_>>();
        let other = std::thread::spawn(ids);
        let mut all = ids();
        all.extend(other.join().unwrap());
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
