//! Errors and how they reach the user: as `Result` from `try_` twins, as panics from everything else.
//!
//! A panic carries the full text of the [`Error`] and the user's line. [`attempt`] turns such panics back into
//! errors. Start with [`raise`]: the one place where Tracelift panics on a user's mistake.

use crate::scope;
use crate::trace::recorder;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

pub use tracelift_runtime::error::{Error, Kind, Result};

thread_local! {
    /// Whose line errors name, while the library's own code calls ops for the user.
    static BEHALF: Cell<Option<&'static Location<'static>>> = const { Cell::new(None) };
    /// How many [`attempt`]s are running on this thread.
    static ATTEMPTS: Cell<u32> = const { Cell::new(0) };
}

/// Runs `f`, turning any Tracelift panic inside into its error. Nothing is printed; other panics pass through.
///
/// With `panic = "abort"` there is nothing to turn back: use the `try_` twins. `f::try_call` of a traced function then
/// answers with errors of the call itself and with those that the body returns as a `Result`; an op in the body that
/// panics ends the process.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let err = tl::attempt(|| constant([1.0, 2.0]) + constant([1.0, 2.0, 3.0])).unwrap_err();
/// assert!(err.to_string().starts_with("`add`: "));
/// assert_eq!(tl::attempt(|| constant(1.0) + 1.0).unwrap(), 2.0);
/// ```
pub fn attempt<R>(f: impl FnOnce() -> R) -> Result<R> {
    struct Running;
    impl Drop for Running {
        fn drop(&mut self) {
            ATTEMPTS.set(ATTEMPTS.get() - 1);
        }
    }
    ATTEMPTS.set(ATTEMPTS.get() + 1);
    let running = Running;
    let outcome = catch_unwind(AssertUnwindSafe(f));
    drop(running);
    outcome.or_else(|payload| match payload.downcast::<Error>() {
        Ok(error) => Err(*error),
        Err(other) => resume_unwind(other),
    })
}

/// Runs the library's own code for the user's line `loc`: errors of ops in it name that line. The outermost counts.
pub(crate) fn on_behalf<R>(loc: &'static Location<'static>, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<&'static Location<'static>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            BEHALF.set(self.0);
        }
    }
    let before = BEHALF.get();
    let _restore = Restore(before);
    BEHALF.set(Some(before.unwrap_or(loc)));
    f()
}

/// The line that an op called at `loc` is blamed on.
pub(crate) fn line(loc: &'static Location<'static>) -> &'static Location<'static> {
    BEHALF.get().unwrap_or(loc)
}

/// The value, or a panic with the error's text at the caller's line.
#[track_caller]
pub(crate) fn unwrap<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => raise(error, Location::caller()),
    }
}

/// Panics with the error's text and the user's line, or unwinds silently to whoever waits for the error: an
/// [`attempt`], or a trace that may fail.
#[cold]
#[track_caller]
pub(crate) fn raise(error: Error, loc: &Location<'_>) -> ! {
    let error = at(error, loc);
    if ATTEMPTS.get() > 0 || recorder::quiet() {
        resume_unwind(Box::new(error))
    }
    panic!("{error}")
}

/// The error with the user's line and the scope path, above the hint. An error that has a line keeps it.
#[cold]
pub(crate) fn at(error: Error, loc: &Location<'_>) -> Error {
    const MARK: &str = "\n  at ";
    if error.message().contains(MARK) {
        return error;
    }
    error.map_message(|mut text| {
        let end = text.find("\n  hint:").unwrap_or(text.len());
        let scope = scope::current().map(|path| format!(" in {path}")).unwrap_or_default();
        text.insert_str(end, &format!("{MARK}{}:{}:{}{scope}", loc.file(), loc.line(), loc.column()));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_stands_above_the_hint_and_once() {
        let loc = Location::caller();
        let error = at(Error::new(Kind::Shape, "add: wrong").hint("reshape"), loc);
        let line = format!("{}:{}:{}", loc.file(), loc.line(), loc.column());
        assert_eq!(error.to_string(), format!("add: wrong\n  at {line}\n  hint: reshape"));
        assert_eq!(at(error.clone(), Location::caller()), error);
    }

    #[test]
    fn attempts_nest_and_pass_foreign_panics() {
        let inner = attempt(|| attempt(|| -> () { unwrap(Err(Error::new(Kind::Value, "inner"))) }));
        assert!(inner.unwrap().unwrap_err().to_string().starts_with("inner\n  at "));
        let foreign = catch_unwind(|| attempt(|| resume_unwind(Box::new(7i32))));
        assert_eq!(*foreign.unwrap_err().downcast::<i32>().unwrap(), 7);
        assert_eq!(ATTEMPTS.get(), 0);
    }
}
