//! One-line messages for the user on standard error: `TRACELIFT_LOG=off|warn|info`.

use std::fmt::Display;
use std::sync::atomic::{AtomicU8, Ordering};

/// What is told; each level includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What costs speed unasked: a function that is traced again and again.
    #[default]
    Warn,
    /// Each trace, with its reason.
    Info,
}

/// Marks that the environment has not been read yet.
const UNREAD: u8 = u8::MAX;

static LEVEL: AtomicU8 = AtomicU8::new(UNREAD);

/// Sets what is told on standard error, overriding `TRACELIFT_LOG` (`off`, `warn`, `info`; `warn` if unset).
pub fn log_level(level: LogLevel) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// Tells something, worded only if it is wanted.
pub(crate) fn tell<T: Display>(level: LogLevel, message: impl FnOnce() -> T) {
    if current() >= level as u8 {
        eprintln!("tracelift: {}", message());
    }
}

fn current() -> u8 {
    match LEVEL.load(Ordering::Relaxed) {
        UNREAD => {
            let named = match std::env::var("TRACELIFT_LOG").as_deref() {
                Ok("off") => LogLevel::Off,
                Ok("info") => LogLevel::Info,
                _ => LogLevel::Warn,
            };
            log_level(named);
            named as u8
        }
        level => level,
    }
}
