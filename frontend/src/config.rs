//! Settings of the process: what runs ops, how many threads, what is checked.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

pub use crate::trace::function::run_eagerly as run_functions_eagerly;
pub use tracelift_runtime::exec::parallel::{set_threads, threads, with_threads};

/// What runs ops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// Machine code.
    #[default]
    Compiled,
    /// The compiler's reference evaluator: slow and obvious, to compare results with.
    Interpreter,
}

static CHECK_NUMERICS: AtomicBool = AtomicBool::new(false);

thread_local! {
    static BACKEND: Cell<Backend> = const { Cell::new(Backend::Compiled) };
}

/// Runs `f` with its ops on this thread run by `backend`.
///
/// ```
/// use tracelift as tl;
/// use tl::config::{Backend, with_backend};
/// let f = || tl::exp(tl::constant([0.0, 1.0]));
/// tl::testing::assert_all_close(f(), with_backend(Backend::Interpreter, f));
/// ```
pub fn with_backend<R>(backend: Backend, f: impl FnOnce() -> R) -> R {
    struct Restore(Backend);
    impl Drop for Restore {
        fn drop(&mut self) {
            BACKEND.set(self.0);
        }
    }
    let _restore = Restore(BACKEND.replace(backend));
    f()
}

/// What runs ops on this thread.
pub fn backend() -> Backend {
    BACKEND.get()
}

/// Whether every eager op checks its results for NaN and infinities, and fails naming itself and the line.
///
/// ```standalone_crate
/// use tracelift as tl;
/// tl::config::check_numerics(true);
/// let error = tl::attempt(|| tl::log(tl::constant([1.0, 0.0]))).unwrap_err();
/// assert!(error.to_string().starts_with("`log`: element [1] of the result is -inf"));
/// # tl::config::check_numerics(false);
/// ```
pub fn check_numerics(on: bool) {
    CHECK_NUMERICS.store(on, Relaxed);
}

/// Whether [`check_numerics`] is on.
pub fn checks_numerics() -> bool {
    CHECK_NUMERICS.load(Relaxed)
}

/// Forgets every program compiled for eager ops.
pub fn clear_caches() {
    crate::engine::cache::clear();
    tracelift_compiler::driver::clear_kernel_cache();
}
