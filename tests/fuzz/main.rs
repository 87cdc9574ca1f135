//! Random graphs over the whole op table: reference evaluator, machine code at every level and eager ops must agree, in
//! values and gradients.
//!
//! ```text
//! cargo test --release --test fuzz                                 # seeds from 0 on, for TRACELIFT_FUZZ_SECONDS (60)
//! cargo test --release --test fuzz -- --seeds 0..100000 --record   # all of these, with a line in tests/fuzz_ledger.txt
//! cargo test --release --test fuzz -- --seeds 4711..4712           # one again
//! cargo test --release --test fuzz -- --reach                      # which ops the generator reaches
//! ```
//!
//! A graph is grown from its seed ([`generate`]), run in every way ([`engines`]) and compared ([`compare`], [`noise`]).
//! One that differs is made as small as it goes ([`shrink`]) and printed as IR text. The exit code is 0 if none does and
//! the generator reaches every op but those of [`reach`].

mod attributes;
mod case;
mod compare;
mod determined;
mod engines;
mod generate;
mod ledger;
mod noise;
mod random;
mod reach;
mod shrink;
#[allow(dead_code)] // Only the root is needed here.
#[path = "../support/mod.rs"]
mod support;
mod values;

use case::Case;
use compare::Judge;
use ledger::Totals;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracelift_compiler::{Kind, TensorSpec};

/// A run stops after so many differences.
const ENOUGH: u64 = 12;
/// No graph is worth more memory: one number may ask for a billion segments.
const MEMORY: usize = 1 << 30;
/// Programs kept by caches are forgotten every so many graphs.
const CACHE_LIFE: u64 = 400_000;

/// What became of a seed.
enum Outcome {
    Same(Case),
    /// The reference gives an error.
    Refused,
    /// Results differ, and the noise runs that would tell why fail.
    Undecided,
    Different(String),
}

struct Command {
    seeds: Range<u64>,
    seconds: Option<u64>,
    record: bool,
    reach: bool,
    /// Another test is asked for.
    skip: bool,
}

fn main() -> ExitCode {
    let command = match read_command() {
        Ok(command) => command,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::FAILURE;
        }
    };
    if command.skip {
        return ExitCode::SUCCESS;
    }
    tracelift::config::memory_limit(Some(MEMORY));
    // Panics are outcomes here.
    if command.seconds.is_some() || command.seeds.end - command.seeds.start > 1 {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let unreached =
        if command.reach || command.seconds.is_some() { reach::unreached(command.reach) } else { Vec::new() };
    if !unreached.is_empty() {
        eprintln!("the generator does not reach: {}", unreached.join(", "));
    }
    if command.reach {
        return if unreached.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    // Before the run, which may see later ones.
    let commit = ledger::commit();
    let start = Instant::now();
    let (totals, end) = run(&command, start);
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "seeds {}..{end}: {} graphs of {:.1} nodes, {} with gradients, {} refused, {} undecided, {} differences; {:.0} \
         graphs a second",
        command.seeds.start,
        totals.graphs,
        totals.nodes as f64 / totals.graphs.max(1) as f64,
        totals.gradients,
        totals.refused,
        totals.undecided,
        totals.differences,
        totals.graphs as f64 / seconds,
    );
    if command.record {
        match ledger::append(&commit, &(command.seeds.start..end), &totals, seconds) {
            Ok(()) => println!("the ledger adds up to {} graphs", ledger::total()),
            Err(message) => eprintln!("{message}"),
        }
    }
    if totals.differences == 0 && unreached.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read_command() -> Result<Command, String> {
    let mut command = Command { seeds: 0..u64::MAX, seconds: Some(60), record: false, reach: false, skip: false };
    if let Ok(seconds) = std::env::var("TRACELIFT_FUZZ_SECONDS") {
        command.seconds = Some(seconds.parse().map_err(|_| format!("TRACELIFT_FUZZ_SECONDS={seconds}: not a number"))?);
    }
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--record" => command.record = true,
            "--reach" => command.reach = true,
            "--seeds" => {
                let range = words.next().unwrap_or_default();
                let parsed = range.split_once("..").and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
                command.seeds = parsed.ok_or_else(|| format!("--seeds {range}: expected a range like 0..1000"))?;
                command.seconds = None;
            }
            // A filter of `cargo test`, perhaps for other tests.
            filter if !filter.starts_with('-') && !"fuzz".contains(filter) => command.skip = true,
            _ => {}
        }
    }
    Ok(command)
}

/// Runs the seeds on every core; gives what was found, and the first seed that was not run.
fn run(command: &Command, start: Instant) -> (Totals, u64) {
    let next = AtomicU64::new(command.seeds.start);
    let totals = Mutex::new(Totals::default());
    let deadline = command.seconds.map(|s| start + Duration::from_secs(s));
    let work = || {
        loop {
            let enough = totals.lock().unwrap_or_else(PoisonError::into_inner).differences >= ENOUGH;
            if enough || deadline.is_some_and(|d| Instant::now() > d) {
                return;
            }
            let seed = next.fetch_add(1, Relaxed);
            if seed >= command.seeds.end {
                next.fetch_sub(1, Relaxed);
                return;
            }
            let outcome = check_seed(seed);
            let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
            match outcome {
                Outcome::Same(case) => {
                    totals.graphs += 1;
                    totals.nodes += (case.graph.nodes.len() - case.inputs.len()) as u64;
                    totals.gradients += u64::from(case.target.is_some());
                }
                Outcome::Refused => totals.refused += 1,
                Outcome::Undecided => totals.undecided += 1,
                Outcome::Different(text) => {
                    totals.graphs += 1;
                    totals.differences += 1;
                    println!("seed {seed}: {text}");
                }
            }
            if seed % CACHE_LIFE == CACHE_LIFE - 1 {
                tracelift::config::clear_caches();
            }
        }
    };
    let threads = std::env::var("TRACELIFT_FUZZ_THREADS").ok().and_then(|n| n.parse().ok());
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            // Debug builds of recursive passes need more than a thread's usual stack.
            let thread = std::thread::Builder::new().stack_size(16 << 20);
            thread.spawn_scoped(scope, work).expect("a thread starts");
        }
    });
    (totals.into_inner().unwrap_or_else(PoisonError::into_inner), next.into_inner())
}

fn check_seed(seed: u64) -> Outcome {
    let case = match catch_unwind(|| generate::case(seed)) {
        Ok(case) => case,
        Err(panic) => {
            return Outcome::Different(format!("a panic while `{}` is tried: {}", generate::current(), message(panic)));
        }
    };
    let case = match differentiable(case) {
        Ok(case) => case,
        Err(text) => return Outcome::Different(text),
    };
    match check(&case) {
        Ok(Verdict::Same) => Outcome::Same(case),
        Ok(Verdict::Refused) => Outcome::Refused,
        Ok(Verdict::Undecided) => Outcome::Undecided,
        Err(why) => {
            let fails = |case: &Case| case.whole().is_ok() && check(case).is_err() && determined::is_determined(case);
            let small = shrink::shrink(case, &fails);
            let why = check(&small).err().unwrap_or(why);
            Outcome::Different(format!("{why}\n{}", shrink::describe(&small)))
        }
    }
}

/// The case without a gradient, if an op on the way has none.
fn differentiable(case: Case) -> Result<Case, String> {
    match catch_unwind(AssertUnwindSafe(|| case.whole())) {
        Ok(Ok(_)) => Ok(case),
        Ok(Err(error)) if error.kind() == Kind::Gradient => Ok(Case { target: None, ..case }),
        // A rule may have to know a size.
        Ok(Err(_)) if case.symbols().is_ok_and(|s| !s.is_empty()) => Ok(Case { target: None, ..case }),
        Ok(Err(error)) => Err(format!("no gradient: {error}\n{}", shrink::describe(&case))),
        Err(panic) => Err(format!("a panic in gradient rules: {}\n{}", message(panic), shrink::describe(&case))),
    }
}

/// What a comparison comes to that finds no difference.
enum Verdict {
    Same,
    Refused,
    Undecided,
}

/// Runs the case in every way; an error if one differs from the reference.
fn check(case: &Case) -> Result<Verdict, String> {
    let whole = case.whole().map_err(|e| e.to_string())?;
    let Ok(expected) = engines::reference(case, &whole) else { return Ok(Verdict::Refused) };
    let mut judge = Judge::new(case, &whole.graph, &expected.arrays);
    for way in &engines::WAYS {
        let run = AssertUnwindSafe(|| (way.run)(case, &whole));
        let actual = match catch_unwind(run) {
            Ok(Ok(actual)) => actual,
            // A quotient may be taken before it is broadcast to nothing.
            Ok(Err(error)) if error.message().contains("division by zero") && has_empty(&whole) => {
                return Ok(Verdict::Refused);
            }
            Ok(Err(error)) => return Err(format!("{}: {error}", way.name)),
            Err(panic) => return Err(format!("{}: a panic: {}", way.name, message(panic))),
        };
        if actual.connected != expected.connected {
            let (a, e) = (&actual.connected, &expected.connected);
            return Err(format!("{}: gradients flow to {a:?} instead of {e:?}", way.name));
        }
        if let Some(why) = judge.difference(&actual.arrays) {
            return Err(format!("{}: {why}", way.name));
        }
    }
    Ok(if judge.is_undecided() { Verdict::Undecided } else { Verdict::Same })
}

/// Whether some value has an axis of length 0, as far as is known.
fn has_empty(whole: &case::Whole) -> bool {
    let is_zero = |spec: &TensorSpec| spec.dims.iter().any(|d| d.as_const().is_none_or(|d| d == 0));
    whole.graph.nodes.iter().any(|node| node.outputs.iter().any(is_zero))
}

fn message(panic: Box<dyn std::any::Any + Send>) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.map_or_else(|| "no message".to_owned(), str::to_owned)
}
