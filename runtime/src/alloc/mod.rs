//! Pooled memory for arrays, arenas and scratch.
//!
//! Start with [`Block`]. Fresh pages cost more than the arithmetic done on them, so freed blocks are kept, by
//! size class, and handed out again; a bound on what lies idle ([`set_idle_limit`]) returns the rest to the
//! system. Running out, of memory or of the configured limit, is an error, never an abort; [`collect`] makes it one for
//! vectors that are not arrays.

mod classes;
mod host;
mod pool;
mod stats;
mod system;

pub use host::collect;
pub use pool::{Block, release_idle};
pub use stats::{MemoryStats, memory_stats, reset_peak, set_idle_limit, set_memory_limit};
