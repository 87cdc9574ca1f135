//! The one error type of the runtime: an opaque struct around a kind that callers may branch on.

use std::fmt;

/// What went wrong, for callers that branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A shape, axis or size is wrong for the operation.
    Shape,
    /// A dtype is wrong for the operation.
    DType,
    /// A value (index, divisor, …) is outside what the operation accepts.
    Value,
    /// A size overflows or exceeds the memory limit.
    Memory,
    /// A file is not what it should be: wrong format, version, checksum or length.
    File,
    /// The file's code needs CPU features or library routines that this host lacks.
    Host,
    /// The gradient asked for does not exist.
    Gradient,
    /// A symbolic tensor was used outside its trace, or as if it had a value.
    Tracer,
    /// A bug in Tracelift: please report it.
    Internal,
}

/// An error with a complete message. Messages have no trailing period; a hint stands on its own line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    message: String,
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` with a message that says what was expected and what was found.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What went wrong, for callers that branch on it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The message without the hint's indentation or any wrapping.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same error with one line of advice.
    pub fn hint(mut self, advice: impl fmt::Display) -> Self {
        self.message.push_str(&format!("\n  hint: {advice}"));
        self
    }

    /// The same error with a line in front or behind replaced by `f`.
    pub fn map_message(mut self, f: impl FnOnce(String) -> String) -> Self {
        self.message = f(self.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
