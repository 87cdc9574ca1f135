//! Facts of other systems: runs every op case of a corpora folder three ways and compares values and gradients.
//!
//! ```text
//! cargo test --release --test conformance                     # all cases
//! cargo test --release --test conformance -- softmax pad      # ops whose names contain a word
//! TRACELIFT_BLESS=1 cargo test --release --test conformance   # rewrite known_failures.txt
//! TRACELIFT_CORPORA=folder cargo test --test conformance      # corpora elsewhere
//! ```
//!
//! Cases are found in the manifests ([`corpus`]), calls in the op table ([`plan`], [`adapters`]); then the reference
//! evaluator, eager ops and a traced function run them ([`ways`]). The exit code is 0 if exactly the cases of the
//! ledger fail ([`ledger`]), or if there are no corpora.

mod adapters;
mod bad_inputs;
mod calls;
mod catalog;
mod corpus;
mod flow;
mod keras;
mod ledger;
mod library;
mod outcome;
mod plan;
mod python;
mod raw_ops;
mod report;
mod signatures;
#[allow(dead_code)] // Only the root and blessing are needed here.
#[path = "../support/mod.rs"]
mod support;
mod values;
mod watch;
mod ways;

use corpus::Entry;
use outcome::{Outcome, Skip};
use report::{Counts, Record};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs all and reports, the totals last; whether exactly the cases of the ledger fail.
fn run() -> Result<bool, String> {
    let Some(folder) = corpus::folder(support::root()) else {
        println!("no corpora found: skipped\n0 passed, 0 failed, 0 skipped");
        return Ok(true);
    };
    if !folder.is_dir() {
        return Err(format!("TRACELIFT_CORPORA: there is no folder {}", folder.display()));
    }
    let filters: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let is_chosen = |op: &str| filters.is_empty() || filters.iter().any(|f| op.contains(f));
    let entries = corpus::read(&folder)?;
    let chosen = entries.into_iter().filter(|entry| is_chosen(op_of(entry))).collect();
    let (records, others) = quietly(|| {
        let mut records = run_all(chosen);
        let (bad, files) = bad_inputs::records(&folder, &is_chosen)?;
        records.extend(bad);
        records.extend(keras::records(&folder, &is_chosen)?);
        let mut others = corpus::other_subjects(&folder, &[corpus::FOLDER, bad_inputs::FOLDER, keras::FOLDER]);
        let later = ["layers.jsonl", "training.json", "applications.json"];
        let later = later.iter().filter(|file| folder.join(keras::FOLDER).join(file).is_file());
        others.extend(later.map(|file| (format!("{}, {file}", keras::FOLDER), None)));
        others.extend((files > 0).then(|| (format!("{}, onnx files", bad_inputs::FOLDER), Some(files))));
        Ok::<_, String>((records, others))
    })?;
    report::print(&records, &others);
    // Beside what cargo builds: `target/conformance.json`.
    let json = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("conformance.json");
    let text = format!("{:#}\n", report::json(&records, &others));
    std::fs::write(&json, text).map_err(|e| format!("{}: {e}", json.display()))?;

    let path = support::root().join("tests/conformance/known_failures.txt");
    let found = report::ledger(&records);
    if support::bless() && filters.is_empty() && !corpus::is_sample(support::root(), &folder) {
        ledger::write(&path, &found)?;
    }
    let is_whole = !corpus::is_sample(support::root(), &folder);
    // Of ops without a case here nothing is known.
    let by_op = report::by_op(&records);
    let was_run = |op: &str| is_chosen(op) && by_op.contains_key(op);
    let differences = ledger::differences(&ledger::read(&path)?, &found, &was_run, is_whole);
    if !differences.is_empty() {
        eprintln!("{}\nbless with TRACELIFT_BLESS=1", differences.join("\n"));
    }
    let Counts { passed, failed, skipped } = Counts::of(&records);
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(differences.is_empty())
}

/// Runs `f` without the messages of panics: they are outcomes here, and would stand in the middle of the table.
fn quietly<R>(f: impl FnOnce() -> R) -> R {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = f();
    std::panic::set_hook(hook);
    result
}

/// The outcome of every entry, in order.
fn run_all(entries: Vec<Entry>) -> Vec<Record> {
    let queue = Mutex::new(entries.into_iter().enumerate());
    let records = Mutex::new(Vec::new());
    let work = || {
        loop {
            let Some((position, entry)) = queue.lock().unwrap().next() else { return };
            let record = record(&entry);
            records.lock().unwrap().push((position, record));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, |n| n.get()) {
            // Debug builds of recursive passes need more than a thread's usual stack.
            let thread = std::thread::Builder::new().stack_size(16 << 20);
            thread.spawn_scoped(scope, work).expect("a thread starts");
        }
    });
    let mut records = records.into_inner().unwrap();
    records.sort_by_key(|(position, _)| *position);
    records.into_iter().map(|(_, record)| record).collect()
}

fn record(entry: &Entry) -> Record {
    let op = op_of(entry).to_owned();
    match entry {
        Entry::Case(case) => {
            let (id, has_gradients) = (case.id.clone(), !case.gradients.is_empty());
            Record { subject: corpus::FOLDER, id, op, has_gradients, outcome: Outcome::Ran(ways::run(case)) }
        }
        Entry::UnknownDType(_) => {
            let outcome = Outcome::Skipped(Skip::UnknownDType);
            Record { subject: corpus::FOLDER, id: String::new(), op, has_gradients: false, outcome }
        }
    }
}

fn op_of(entry: &Entry) -> &str {
    match entry {
        Entry::Case(case) => &case.op,
        Entry::UnknownDType(op) => op,
    }
}
