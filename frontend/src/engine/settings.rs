//! What of the process's and the thread's settings changes compiled code, and the settings of compiler and runtime
//! that [`crate::config`] shows.

use crate::config;
use std::time::Instant;
use tracelift_compiler::driver;
use tracelift_compiler::dump::{self, Dump};
use tracelift_compiler::options::Options;
use tracelift_runtime::kernels::library;

pub(crate) use tracelift_compiler::dump::set_level as set_dump;
pub use tracelift_runtime::alloc::{MemoryStats, memory_stats, set_memory_limit};
pub use tracelift_runtime::exec::parallel::{set_threads, threads, with_threads};

/// Settings that are part of every cache key of compiled code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Settings {
    pub backend: config::Backend,
    pub strict: bool,
}

impl Settings {
    /// Those of this thread, now.
    pub(crate) fn now() -> Settings {
        Settings { backend: config::backend(), strict: config::is_strict() }
    }

    /// As a word of a signature.
    pub(crate) fn word(self) -> u64 {
        self.backend as u64 | u64::from(self.strict) << 8
    }

    /// What to compile with.
    pub(crate) fn options(self) -> Options {
        Options { strict: self.strict, ..Options::default() }
    }
}

/// Forgets compiled kernels, programs of eager ops, and what library kernels keep.
pub(crate) fn clear_caches() {
    super::cache::clear();
    driver::clear_kernel_cache();
    library::clear_caches();
}

/// Runs `f`; at level 1 of the dumps, says what ran and how long.
#[inline]
pub(crate) fn shown<R>(name: &str, f: impl FnOnce() -> R) -> R {
    if !dump::on(Dump::Programs) {
        return f();
    }
    let start = Instant::now();
    let result = f();
    let us = start.elapsed().as_secs_f64() * 1e6;
    dump::line(Dump::Programs, || format!("=== ran {name}: {us:.1} us"));
    result
}
