//! The ledger of cases that are known to fail, `known_failures.txt`: `op count reason` lines, sorted.
//!
//! It keeps the suite green while ops are still missing, and each step forward: an op that fails more often than its
//! line says is an error, and so is one that fails less often.

use std::collections::BTreeMap;
use std::path::Path;

/// How many cases of an op fail, and why the first one does.
pub type Ledger = BTreeMap<String, (usize, String)>;

const HEADER: &str = "# Cases that are known to fail: op, number, why the first does.\n\
                      # Written by TRACELIFT_BLESS=1 cargo test --release --test conformance\n";

/// The committed ledger; empty if there is none. An error names the line.
pub fn read(path: &Path) -> Result<Ledger, String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut ledger = Ledger::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, l)| !l.is_empty() && !l.starts_with('#')) {
        let mut words = line.splitn(3, ' ');
        let (op, count, why) = (words.next(), words.next().and_then(|n| n.parse().ok()), words.next());
        let (Some(op), Some(count)) = (op, count) else {
            return Err(format!("{}:{number}: expected `op count reason`; found `{line}`", path.display()));
        };
        ledger.insert(op.to_owned(), (count, why.unwrap_or_default().to_owned()));
    }
    Ok(ledger)
}

/// Writes the ledger.
pub fn write(path: &Path, ledger: &Ledger) -> Result<(), String> {
    let lines = ledger.iter().map(|(op, (count, why))| format!("{op} {count} {why}\n"));
    let text: String = std::iter::once(HEADER.to_owned()).chain(lines).collect();
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// What differs from the ledger, of the ops that were run: those that `is_chosen`. Unless all cases were there
/// (`is_whole`), an op may fail less often.
pub fn differences(known: &Ledger, found: &Ledger, is_chosen: &dyn Fn(&str) -> bool, is_whole: bool) -> Vec<String> {
    let count = |ledger: &Ledger, op: &str| ledger.get(op).map_or(0, |(n, _)| *n);
    let mut ops: Vec<&String> = known.keys().chain(found.keys()).filter(|op| is_chosen(op)).collect();
    ops.sort();
    ops.dedup();
    ops.into_iter()
        .filter_map(|op| match (count(known, op), count(found, op)) {
            (known, found) if found > known => Some(format!("{op}: {found} cases fail; the ledger knows of {known}")),
            (known, found) if found < known && is_whole => {
                Some(format!("{op}: {found} cases fail; the ledger is stale: it says {known}"))
            }
            _ => None,
        })
        .collect()
}
