//! Vectors outside the pool whose length somebody else chose: too long a one is an error, as it is in the pool.

use super::pool::{out_of_memory, over_limit};
use super::stats::{LIMIT, LIVE};
use super::system;
use crate::error::Result;
use std::sync::atomic::Ordering::Relaxed;

/// The first `len` of `items`. An error, before anything is allocated, if they are more than the memory limit or the
/// machine has room for; the vector does not count as memory in use later.
pub fn collect<T>(len: usize, items: impl Iterator<Item = T>) -> Result<Vec<T>> {
    check_room(len.saturating_mul(size_of::<T>()))?;
    let mut vector = Vec::new();
    vector.try_reserve_exact(len).map_err(|_| out_of_memory(len.saturating_mul(size_of::<T>())))?;
    vector.extend(items.take(len));
    Ok(vector)
}

fn check_room(bytes: usize) -> Result<()> {
    let live = LIVE.load(Relaxed);
    if live.saturating_add(bytes) > LIMIT.load(Relaxed) {
        return Err(over_limit(bytes, live));
    }
    // More than that can only be promised.
    if system::physical_memory().is_some_and(|all| bytes > all) {
        return Err(out_of_memory(bytes));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn lengths_beyond_all_memory_are_errors() {
        assert_eq!(collect(3, 5..).unwrap(), [5, 6, 7]);
        for len in [1 << 45, 1 << 60, usize::MAX] {
            assert_eq!(collect(len, std::iter::repeat(0u64)).unwrap_err().kind(), Kind::Memory);
        }
    }
}
