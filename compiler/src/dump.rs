//! The knob ladder `TRACELIFT_DUMP=1..5`: what the compiler prints to standard error, and nothing else prints.
//!
//! | level | prints |
//! |---|---|
//! | 1 | what ran: each program compiled, with its signature, kernels and times; each call of a traced function |
//! | 2 | its fusion groups and what did not fuse, its kernels, its steps |
//! | 3 | the graph before the passes and after each pass that changed it |
//! | 4 | the Cranelift IR of each kernel |
//! | 5 | each rewrite, and each near-miss with its reason |
//!
//! Each level includes those below it. This is the compiler's only I/O.

use std::fmt::Display;
use std::sync::atomic::{AtomicU8, Ordering};

/// What to print; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Dump {
    Programs = 1,
    Kernels = 2,
    Graphs = 3,
    Code = 4,
    Rewrites = 5,
}

/// Marks that the environment has not been read yet.
const UNREAD: u8 = u8::MAX;

static LEVEL: AtomicU8 = AtomicU8::new(UNREAD);

/// Sets the level (0 prints nothing), overriding `TRACELIFT_DUMP`.
pub fn set_level(level: u8) {
    LEVEL.store(level.min(Dump::Rewrites as u8), Ordering::Relaxed);
}

/// The level; `TRACELIFT_DUMP` is read when it is asked for first.
pub fn level() -> u8 {
    match LEVEL.load(Ordering::Relaxed) {
        UNREAD => read_level(),
        level => level,
    }
}

#[cold]
fn read_level() -> u8 {
    set_level(std::env::var("TRACELIFT_DUMP").ok().and_then(|v| v.trim().parse().ok()).unwrap_or(0));
    LEVEL.load(Ordering::Relaxed)
}

/// Whether `what` is to be printed.
#[inline]
pub fn on(what: Dump) -> bool {
    level() >= what as u8
}

/// Prints a titled text, computed only if it is wanted.
pub fn text<T: Display>(what: Dump, title: impl Display, text: impl FnOnce() -> T) {
    if on(what) {
        eprintln!("=== {title}\n{}", text());
    }
}

/// Prints one line, computed only if it is wanted.
pub fn line<T: Display>(what: Dump, line: impl FnOnce() -> T) {
    if on(what) {
        eprintln!("{}", line());
    }
}
