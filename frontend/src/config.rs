//! Settings of the process: how ops run, how many threads, what is checked.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// What runs ops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// The compiler's reference evaluator: slow and obvious, to compare results with.
    Interpreter,
}

static BACKEND: AtomicU8 = AtomicU8::new(0);

/// What runs ops now.
pub fn backend() -> Backend {
    match BACKEND.load(Relaxed) {
        _ => Backend::Interpreter,
    }
}

pub use crate::trace::function::run_eagerly as run_functions_eagerly;
pub use tracelift_runtime::exec::parallel::{set_threads, threads, with_threads};
