//! Where an operation was written: the user's source line and the scope path.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// The user's line (from `#[track_caller]`) and the scope path (`model/dense_1`), either of which may be unknown.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Loc {
    /// File, line and column.
    pub line: Option<&'static Location<'static>>,
    /// Names of the layers being called, joined by `/`.
    pub scope: Option<Arc<str>>,
}

impl Loc {
    /// The caller's line, without a scope.
    #[track_caller]
    pub fn caller() -> Loc {
        Loc { line: Some(Location::caller()), scope: None }
    }
}

impl fmt::Display for Loc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{}:{}", line.file(), line.line(), line.column())?,
            None => f.write_str("unknown line")?,
        }
        match &self.scope {
            Some(scope) => write!(f, " in {scope}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Loc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
