//! Settings of the process: what runs ops, how many threads, how much memory, what is checked, what is shown.

use crate::engine::settings;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

pub use crate::engine::settings::{MemoryStats, memory_stats, set_threads, threads, with_threads};
pub use crate::log::{LogLevel, log_level};
pub use crate::trace::function::run_eagerly as run_functions_eagerly;

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
static STRICT_MATH: AtomicBool = AtomicBool::new(false);

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

/// Whether results are checked for NaN and infinities; an error names the op and the line that made the first one.
///
/// Every eager op checks its results. A compiled call checks its results and the new values of variables, and runs its
/// ops one by one if it finds something, to tell which it was; the variables keep their old values.
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

/// Whether compiled functions give the bits of eager code for elementwise ops and reductions: no contraction, and no
/// rewrite that rounds differently. Functions are traced anew under the other setting.
///
/// ```standalone_crate
/// use tracelift as tl;
/// use tl::prelude::*;
/// tl::config::strict_math(true);
/// let f = tl::function(|x: &Tensor| x / 3.0 + tl::sqrt(x));
/// let x = constant([0.1, 0.7, 5.3]);
/// assert_eq!(f.call(&x), &x / 3.0 + tl::sqrt(&x));
/// ```
pub fn strict_math(on: bool) {
    STRICT_MATH.store(on, Relaxed);
}

/// Whether [`strict_math`] is on.
pub fn is_strict() -> bool {
    STRICT_MATH.load(Relaxed)
}

/// Limits the memory of tensors and temporaries, in bytes; `None` is as much as the system gives. What would go past it
/// is an error that names the op and its operands, or the compiled function.
///
/// ```standalone_crate
/// use tracelift as tl;
/// tl::config::memory_limit(Some(1 << 20));
/// let error = tl::try_zeros(&[1 << 20]).unwrap_err();
/// assert!(error.to_string().starts_with("`zeros`: "), "{error}");
/// assert!(error.to_string().contains("dims[1048576]"), "{error}");
/// # tl::config::memory_limit(None);
/// ```
pub fn memory_limit(bytes: Option<usize>) {
    settings::set_memory_limit(bytes);
}

/// Shows on standard error what the compiler does, as `TRACELIFT_DUMP` does:
///
/// | level | shows |
/// |---|---|
/// | 0 | nothing |
/// | 1 | what ran: each program compiled, each call of a traced function |
/// | 2 | fusion groups and what did not fuse, kernels, steps |
/// | 3 | the graph before the passes and after each that changed it |
/// | 4 | generated code |
/// | 5 | each rewrite, and each near-miss with its reason |
pub fn dump(level: u8) {
    settings::set_dump(level);
}

/// Forgets every program compiled for eager ops, every kernel, and the tables of Fourier transforms. Traced functions keep
/// their traces.
pub fn clear_caches() {
    settings::clear_caches();
}
