//! Scope paths (`model/dense_1`): the names of the parts being called, for messages.

use std::cell::RefCell;
use std::panic::Location;
use std::sync::Arc;
use tracelift_compiler::Loc;

thread_local! {
    /// The path so far after each name, innermost last.
    static PATHS: RefCell<Vec<Arc<str>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `f` under a name: errors of ops inside say it, joined with the names around it.
///
/// Layers do this with their own names.
///
/// ```
/// use tracelift as tl;
/// use tl::prelude::*;
///
/// let error = tl::attempt(|| tl::name_scope("encoder", || constant([1.0, 2.0]) + constant([1.0, 2.0, 3.0])));
/// assert!(error.unwrap_err().to_string().contains(" in encoder"));
/// ```
pub fn name_scope<R>(name: &str, f: impl FnOnce() -> R) -> R {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            PATHS.with_borrow_mut(|paths| paths.pop());
        }
    }
    PATHS.with_borrow_mut(|paths| {
        let path = paths.last().map_or_else(|| name.into(), |outer| format!("{outer}/{name}").into());
        paths.push(path);
    });
    let _leave = Leave;
    f()
}

/// The path at this point.
pub(crate) fn current() -> Option<Arc<str>> {
    PATHS.with_borrow(|paths| paths.last().cloned())
}

/// The user's line, and the path at this point.
pub(crate) fn located(loc: &'static Location<'static>) -> Loc {
    Loc { line: Some(loc), scope: current() }
}
