//! What a run tells: the table by op and the totals for people, `target/conformance.json` for programs.

use crate::corpus;
use crate::ledger::Ledger;
use crate::outcome::{Failure, Outcome, Skip};
use crate::ways::WAYS;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What became of a case.
pub struct Record {
    /// The corpus' folder.
    pub subject: &'static str,
    /// The case's id; empty if it could not be read.
    pub id: String,
    /// The op by the corpus' name.
    pub op: String,
    /// Whether the corpus gives gradients.
    pub has_gradients: bool,
    /// What running it gave.
    pub outcome: Outcome,
}

/// Numbers of cases.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    /// Right in every way.
    pub passed: usize,
    /// Wrong in some way.
    pub failed: usize,
    /// Not run.
    pub skipped: usize,
}

impl Counts {
    /// Counts these records.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Counts {
        let mut counts = Counts::default();
        for record in records {
            match &record.outcome {
                Outcome::Ran(failures) if failures.is_empty() => counts.passed += 1,
                Outcome::Ran(_) => counts.failed += 1,
                Outcome::Skipped(_) => counts.skipped += 1,
            }
        }
        counts
    }

    fn json(self) -> Value {
        json!({"passed": self.passed, "failed": self.failed, "skipped": self.skipped})
    }
}

/// The records of each op, by name.
pub fn by_op(records: &[Record]) -> BTreeMap<&str, Vec<&Record>> {
    let mut ops: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in records {
        ops.entry(&record.op).or_default().push(record);
    }
    ops
}

/// A ledger that says exactly what failed.
pub fn ledger(records: &[Record]) -> Ledger {
    let failing = by_op(records).into_iter().filter_map(|(op, records)| {
        let why = failures(&records).next()?.1.what.to_string();
        Some((op.to_owned(), (Counts::of(records).failed, why)))
    });
    failing.collect()
}

/// Prints a line for each op, then passes by way, then what is beside the op cases.
pub fn print(records: &[Record], others: &[(String, Option<usize>)]) {
    println!("{:<48} {:>6} {:>6} {:>7}", "op", "passed", "failed", "skipped");
    for (op, records) in by_op(records) {
        let counts = Counts::of(records.iter().copied());
        let mut why = failures(&records).next().map_or(String::new(), |(_, f)| describe(f));
        if why.is_empty() {
            why = skips(&records).first().map_or(String::new(), |(skip, _)| skip.to_string());
        }
        println!("{op:<48} {:>6} {:>6} {:>7}  {why}", counts.passed, counts.failed, counts.skipped);
    }
    println!();
    for (way, (values, gradients)) in WAYS.iter().zip(by_way(records)) {
        println!("{:<12} {values} with the right value, {gradients} with the right gradients", way.name);
    }
    for (skip, count) in skips(&records.iter().collect::<Vec<_>>()) {
        println!("skipped: {count}, {skip}");
    }
    for (subject, cases) in others {
        let cases = cases.map_or(String::new(), |n| format!(", {n} cases"));
        println!("not run: {subject}{cases}");
    }
}

/// Everything, for programs.
pub fn json(records: &[Record], others: &[(String, Option<usize>)]) -> Value {
    let ways = WAYS.iter().zip(by_way(records));
    let ways = ways.map(|(way, (v, g))| (way.name.to_owned(), json!({"values": v, "gradients": g})));
    let ops = by_op(records).into_iter().map(|(op, records)| (op.to_owned(), Counts::of(records).json()));
    let all: Vec<&Record> = records.iter().collect();
    let failures = failures(&all).map(|(record, failure)| {
        json!({
            "id": record.id,
            "op": record.op,
            "way": failure.way.map(|w| w.name),
            "what": failure.what.to_string(),
            "message": failure.message,
        })
    });
    let skipped = records.iter().filter_map(|record| match record.outcome {
        Outcome::Skipped(skip) => Some(json!({"id": record.id, "op": record.op, "reason": skip.to_string()})),
        Outcome::Ran(_) => None,
    });
    let skipped: Vec<Value> = skipped.collect();
    let skips = skips(&all).into_iter().map(|(skip, count)| (skip.to_string(), json!(count)));
    json!({
        "total": Counts::of(records).json(),
        "ways": ways.collect::<serde_json::Map<_, _>>(),
        "ops": ops.collect::<serde_json::Map<_, _>>(),
        "skips": skips.collect::<serde_json::Map<_, _>>(),
        "skipped": skipped,
        "not_run": others.iter().map(|(subject, cases)| json!({"subject": subject, "cases": cases})).collect::<Vec<_>>(),
        "failures": failures.collect::<Vec<_>>(),
    })
}

/// For each way: op cases with the right values, and cases whose gradients are given and right.
fn by_way(records: &[Record]) -> [(usize, usize); WAYS.len()] {
    let mut counts = [(0, 0); WAYS.len()];
    for record in records.iter().filter(|record| record.subject == corpus::FOLDER) {
        for (count, (value, all)) in counts.iter_mut().zip(record.outcome.by_way().into_iter().flatten()) {
            count.0 += usize::from(value);
            count.1 += usize::from(all && record.has_gradients);
        }
    }
    counts
}

fn failures<'a>(records: &[&'a Record]) -> impl Iterator<Item = (&'a Record, &'a Failure)> {
    let list = |record: &'a Record| match &record.outcome {
        Outcome::Ran(failures) => failures.as_slice(),
        Outcome::Skipped(_) => &[],
    };
    records.iter().copied().flat_map(move |record| list(record).iter().map(move |f| (record, f)))
}

fn skips(records: &[&Record]) -> Vec<(Skip, usize)> {
    let mut counts: Vec<(Skip, usize)> = Vec::new();
    for record in records {
        let Outcome::Skipped(skip) = record.outcome else { continue };
        match counts.iter_mut().find(|(s, _)| *s == skip) {
            Some((_, n)) => *n += 1,
            None => counts.push((skip, 1)),
        }
    }
    counts
}

/// A failure in one line.
fn describe(failure: &Failure) -> String {
    let way = failure.way.map_or(String::new(), |w| format!(", {}", w.name));
    let line = failure.message.lines().next().unwrap_or_default();
    format!("{}{way}: {}", failure.what, line.chars().take(150).collect::<String>())
}
