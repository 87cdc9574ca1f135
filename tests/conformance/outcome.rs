//! What running a case can give: [`Outcome`], and the closed lists of reasons for failing and for skipping.

use crate::ways::{WAYS, Way};
use std::fmt;

/// What one case gave.
pub enum Outcome {
    /// It was run, or could not be called at all; without failures it passed.
    Ran(Vec<Failure>),
    /// It was not run.
    Skipped(Skip),
}

/// Why a case was not run. There is no other reason: what the library lacks is a failure.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// The library has no such dtype.
    UnknownDType,
}

/// One thing that is wrong with a case.
pub struct Failure {
    /// The way it was run; None if the call cannot even be written.
    pub way: Option<&'static Way>,
    /// What is wrong.
    pub what: What,
    /// In detail.
    pub message: String,
}

/// Kinds of failures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The table has no such op.
    MissingOp,
    /// The op has no such attribute, or not with such a value.
    Attribute,
    /// An argument is of a type that the attribute has not, so that Rust's compiler refuses the call.
    Type,
    /// The value is wrong, or computing it is an error.
    Value,
    /// The gradient is wrong, or computing it is an error.
    Gradient,
    /// The reader of calls does not understand it.
    Unreadable,
    /// It takes too long, or too much memory.
    Bound,
    /// It panics with something else than an error of the library.
    Panic,
    /// A bad input is not answered as its case says, or not clearly.
    Answer,
}

impl Failure {
    /// A failure before any run.
    pub fn new(what: What, message: impl Into<String>) -> Failure {
        Failure { way: None, what, message: message.into() }
    }

    /// Whether it concerns this way of running.
    pub fn concerns(&self, way: &Way) -> bool {
        self.way.is_none_or(|w| w.name == way.name)
    }
}

impl Outcome {
    /// For each way: whether the value is right, and whether all is.
    pub fn by_way(&self) -> Option<[(bool, bool); WAYS.len()]> {
        let Outcome::Ran(failures) = self else { return None };
        Some(WAYS.each_ref().map(|way| {
            let mut concerning = failures.iter().filter(|f| f.concerns(way)).peekable();
            let all = concerning.peek().is_none();
            (concerning.all(|f| f.what == What::Gradient), all)
        }))
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Skip::UnknownDType => "no such dtype",
        })
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            What::MissingOp => "missing op",
            What::Attribute => "attribute",
            What::Type => "type",
            What::Value => "value",
            What::Gradient => "gradient",
            What::Unreadable => "unreadable",
            What::Bound => "bounds",
            What::Panic => "panic",
            What::Answer => "answer",
        })
    }
}
