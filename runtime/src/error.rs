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
///
/// An error from inside a program is shown with its origin: `` program `f`: message (the call) ``, then further lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    message: String,
    origin: Option<Box<Origin>>,
}

/// Where in a program an error arose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Origin {
    /// The program's name, if it is known yet.
    program: Option<String>,
    /// Which of its calls, in words.
    call: String,
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` with a message that says what was expected and what was found.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), origin: None }
    }

    /// The same error, said to arise in a call that these words describe.
    pub fn in_call(mut self, call: impl Into<String>) -> Self {
        self.origin.get_or_insert_default().call = call.into();
        self
    }

    /// The same error, said to arise in the program of this name.
    pub fn in_program(mut self, name: &str) -> Self {
        self.origin.get_or_insert_default().program = Some(name.to_owned());
        self
    }

    /// Whether it arose inside a program.
    pub fn has_origin(&self) -> bool {
        self.origin.is_some()
    }

    /// The same error without its origin, for a caller who names a better one.
    pub fn without_origin(mut self) -> Self {
        self.origin = None;
        self
    }

    /// What went wrong, for callers that branch on it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The message, hint included, without the origin in a program.
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
        let Some(Origin { program, call }) = self.origin.as_deref() else { return f.write_str(&self.message) };
        if let Some(program) = program {
            write!(f, "program `{program}`: ")?;
        }
        let (first, rest) = self.message.split_at(self.message.find('\n').unwrap_or(self.message.len()));
        let call = if call.is_empty() { String::new() } else { format!(" ({call})") };
        write!(f, "{first}{call}{rest}")
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_frames_the_first_line() {
        let error = Error::new(Kind::Value, "`gather`: index 3").hint("count from 0");
        let framed = error.clone().in_call("operands f32[2]").in_program("f");
        assert_eq!(framed.to_string(), "program `f`: `gather`: index 3 (operands f32[2])\n  hint: count from 0");
        assert_eq!(framed.message(), error.message());
        assert_eq!(error.clone().in_program("f").to_string(), "program `f`: `gather`: index 3\n  hint: count from 0");
        assert_eq!(framed.without_origin(), error);
    }
}
