//! `tests/fuzz_ledger.txt`: which seeds have been run, when, on which commit, with what result.

use crate::support;
use std::io::Write;
use std::ops::Range;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a run found.
#[derive(Clone, Copy, Default)]
pub struct Totals {
    /// Graphs compared in every way.
    pub graphs: u64,
    /// Nodes of these, arguments not counted.
    pub nodes: u64,
    /// Graphs with gradients.
    pub gradients: u64,
    /// Graphs that the reference refuses.
    pub refused: u64,
    /// Graphs whose results differ, and nobody knows why.
    pub undecided: u64,
    /// Graphs that differ.
    pub differences: u64,
}

/// Appends a line for the seeds of a finished run on this commit.
pub fn append(commit: &str, seeds: &Range<u64>, totals: &Totals, seconds: f64) -> Result<(), String> {
    let path = support::root().join("tests/fuzz_ledger.txt");
    let Totals { graphs, gradients, undecided, differences, .. } = totals;
    let line = format!(
        "{} {commit} seeds {}..{}: {graphs} graphs, {gradients} with gradients, {undecided} undecided, {differences} differences, {seconds:.0} s\n",
        date(),
        seeds.start,
        seeds.end
    );
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(&path).map_err(|e| e.to_string())?;
    file.write_all(line.as_bytes()).map_err(|e| format!("{}: {e}", path.display()))
}

/// The graphs of all runs without a difference.
pub fn total() -> u64 {
    let text = std::fs::read_to_string(support::root().join("tests/fuzz_ledger.txt")).unwrap_or_default();
    let clean = text.lines().filter(|line| line.contains(", 0 differences,"));
    clean.filter_map(|line| line.split_once(": ")?.1.split_once(' ')?.0.parse::<u64>().ok()).sum()
}

/// The commit that is checked out.
pub fn commit() -> String {
    let git = |words: &[&str]| Command::new("git").args(words).current_dir(support::root()).output().ok();
    let head = git(&["rev-parse", "--short=10", "HEAD"]).map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    head.filter(|h| !h.is_empty()).unwrap_or_else(|| "unknown".into())
}

/// Today in UTC, as `2026-01-31` (H. Hinnant, chrono-compatible low-level date algorithms).
fn date() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let days = (seconds / 86_400) as i64 + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (month, date) = (if shifted < 10 { shifted + 3 } else { shifted - 9 }, of_year - (153 * shifted + 2) / 5 + 1);
    format!("{}-{month:02}-{date:02}", year + era * 400 + i64::from(month <= 2))
}
