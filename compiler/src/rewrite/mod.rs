//! Rewriting: rules as named lines, and the engine that applies them.
//!
//! A rule says that one small expression equals another that is never worse. Rules are grouped by subject in
//! [`rules`]; a pass picks a [`RuleSet`] and hands it to [`engine::rewrite`]. README.md here says how to
//! write a rule, and the tests at the end of [`rules`] check each rule on samples.
//!
//! Invariants
//! - a replacement has the spec of what it replaces, and the same value for every input, NaN, infinities and
//!   signed zeros included, unless its [`Exactness`] says otherwise;
//! - a rule looks at a node and what is below it, never at its users: so one walk in node order is a fixpoint.

pub mod engine;
pub mod pattern;
pub mod rule;
pub mod rules;
pub mod splat;

pub use engine::{Draft, Log, NearMiss, StopReason, rewrite};
pub use rule::{Exactness, Outcome, Rule, RuleSet};
