//! [`PassReport`]: what the passes did, for `explain()` and tests.

use crate::rewrite::{NearMiss, StopReason};
use std::fmt;
use std::time::Duration;

/// What the passes did to one graph.
#[derive(Clone, Debug, Default)]
pub struct PassReport {
    /// Each pass that ran or was skipped, in order.
    pub runs: Vec<PassRun>,
}

/// What one pass did.
#[derive(Clone, Debug)]
pub struct PassRun {
    /// Which pass.
    pub pass: &'static str,
    /// Nodes before.
    pub nodes_before: usize,
    /// Nodes after.
    pub nodes_after: usize,
    /// Time taken, without verifying and dumping.
    pub time: Duration,
    /// Rewrites by rule.
    pub rewrites: Vec<(&'static str, u64)>,
    /// What nearly applied.
    pub blocked: Vec<NearMiss>,
    /// Why it ended.
    pub stop: StopReason,
    /// Whether it did not run, since nothing had changed since its last run.
    pub skipped: bool,
}

impl PassReport {
    /// Rewrites of all passes together.
    pub fn rewrites(&self) -> u64 {
        self.runs.iter().flat_map(|r| &r.rewrites).map(|(_, count)| count).sum()
    }

    /// Time of all passes together.
    pub fn time(&self) -> Duration {
        self.runs.iter().map(|r| r.time).sum()
    }

    /// How often a rule applied.
    pub fn applied(&self, rule: &str) -> u64 {
        let rewrites = self.runs.iter().flat_map(|r| &r.rewrites);
        rewrites.filter(|(name, _)| *name == rule).map(|(_, count)| count).sum()
    }
}

/// A table of passes, then the near-misses.
impl fmt::Display for PassReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<20} {:>7} {:>9}  rewrites", "pass", "nodes", "µs")?;
        for run in &self.runs {
            write!(f, "{:<20} {:>7} ", run.pass, run.nodes_after)?;
            match run.skipped {
                true => write!(f, "{:>9}  ", "-")?,
                false => write!(f, "{:>9.1}  ", run.time.as_secs_f64() * 1e6)?,
            }
            for (k, (rule, count)) in run.rewrites.iter().enumerate() {
                write!(f, "{}{rule} {count}", if k > 0 { ", " } else { "" })?;
            }
            match run.stop {
                StopReason::Fixpoint => writeln!(f)?,
                StopReason::Fuel => writeln!(f, " (stopped: out of fuel)")?,
                StopReason::Runaway => writeln!(f, " (stopped: rules undo each other)")?,
            }
        }
        for run in &self.runs {
            for miss in &run.blocked {
                writeln!(f, "not done: {} at `{}`, {}: {}", miss.rule, miss.op, miss.loc, miss.why)?;
            }
        }
        Ok(())
    }
}
