//! Traced functions: run the Rust body once with symbolic tensors, compile what it recorded, then run that.
//!
//! ```text
//! call ─ leaves of the arguments ─ signature ─┬─ this thread's last trace   ── run
//!                                             ├─ the function's other traces ── run
//!                                             └─ none: trace the body, compile, keep ── run
//! ```
//!
//! Start with [`function`] (the path of a call), then [`tree`] (what arguments and results are), [`recorder`]
//! (what ops do while a body is traced) and [`compiled`] (a finished trace, and how it runs).
//!
//! Invariants: a recorder belongs to one thread and is gone when its body returns, fails or panics; a finished
//! trace is immutable, so any number of threads may run it; the path of a repeated call allocates nothing of its own.

pub mod arg;
pub(crate) mod cache;
pub(crate) mod closure;
pub mod compiled;
pub mod function;
pub mod key;
pub(crate) mod leaf;
pub(crate) mod recorder;
pub(crate) mod report;
pub(crate) mod signature;
pub mod tree;
pub(crate) mod variables;
