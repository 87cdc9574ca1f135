//! Bytes that are no graph and no program: mutated file tests and saved programs must give an error or a valid result,
//! never a panic, a hang or a huge allocation.
//!
//! The seeds are fixed; `TRACELIFT_HOSTILE_SECONDS` (10) is how long each test goes on. What is done with a mutant is in
//! [`untrusted`]; `fuzz/` does the same with mutants that libFuzzer makes.

#[path = "fuzz/random.rs"]
#[allow(dead_code)] // The generator of graphs draws in more ways.
mod random;
#[allow(dead_code)] // Only files are needed here.
mod support;
#[path = "support/untrusted.rs"]
mod untrusted;

use random::Random;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tracelift_compiler::compile;
use tracelift_compiler::graph::parse;
use tracelift_compiler::options::Options;

/// No text or program of a few kilobytes is worth more memory at once.
const LARGEST: usize = 1 << 30;

/// A mutant takes no longer, also in a build without optimisation on a busy machine.
const LONGEST: Duration = Duration::from_secs(20);

/// The system's allocator, with the largest request remembered.
struct Watched;

static MOST: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Watched = Watched;

// SAFETY: every call is passed on unchanged.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(layout.size(), Relaxed);
        // SAFETY: as for the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as for the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn seconds() -> Duration {
    let named = std::env::var("TRACELIFT_HOSTILE_SECONDS").ok().and_then(|s| s.parse().ok());
    Duration::from_secs(named.unwrap_or(10))
}

/// One of the corpus with some bytes changed, removed, repeated, or replaced by those of another.
fn mutant(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = random.pick(corpus).clone();
    for _ in 0..1 + random.below(6) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len());
        match random.below(8) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => bytes.truncate(at),
            3 => {
                let end = at + random.below((bytes.len() - at).min(40) + 1);
                bytes.drain(at..end);
            }
            4 => {
                let end = at + random.below((bytes.len() - at).min(40) + 1);
                let run = bytes[at..end].to_vec();
                bytes.splice(at..at, run);
            }
            5 => {
                let other = random.pick(corpus);
                let from = random.below(other.len());
                let to = from + random.below((other.len() - from).min(60) + 1);
                bytes.splice(at..at, other[from..to].iter().copied());
            }
            6 => {
                let numbers: [&[u8]; 6] = [b"-1", b"0", b"9223372036854775807", b"4294967296", b"nan", b"1e308"];
                bytes.splice(at..at, random.pick(&numbers).iter().copied());
            }
            _ => {
                let word = (*random.pick(&[0u64, 1, u64::MAX, 1 << 31, 1 << 40, i64::MAX as u64])).to_le_bytes();
                for (to, from) in bytes[at..].iter_mut().zip(word) {
                    *to = from;
                }
            }
        }
    }
    bytes
}

/// Runs mutants until the time is over; a panic or a mutant that takes too long is an error that shows the bytes.
fn assault(seed: u64, corpus: &[Vec<u8>], target: fn(&[u8])) {
    assert!(corpus.len() >= 4, "the corpus is missing");
    let (start, limit) = (Instant::now(), seconds());
    let mut random = Random::new(seed);
    let mut count = 0u64;
    while start.elapsed() < limit {
        let bytes = mutant(&mut random, corpus);
        let began = Instant::now();
        let outcome = std::panic::catch_unwind(|| target(&bytes));
        let shown = || format!("mutant {count}:\n{}", String::from_utf8_lossy(&bytes));
        assert!(outcome.is_ok(), "a panic, {}", shown());
        assert!(began.elapsed() < LONGEST, "{:?}, {}", began.elapsed(), shown());
        assert!(MOST.load(Relaxed) < LARGEST, "{} bytes at once, {}", MOST.load(Relaxed), shown());
        count += 1;
    }
    println!("{count} mutants");
    assert!(count > 50);
}

/// The inputs of the file tests that are graphs.
fn graphs() -> Vec<Vec<u8>> {
    let files = support::files(&support::root().join("tests/filetests"), "ir");
    let text = |path: &std::path::PathBuf| std::fs::read_to_string(path).expect("a file test is readable");
    let input = |text: String| text.split_once('\n').map(|(_, rest)| rest.split("---").next().unwrap_or("").to_owned());
    let is_graph = |text: &String| text.contains("graph @");
    files.iter().map(text).filter_map(input).filter(is_graph).map(String::into_bytes).collect()
}

#[test]
fn texts_that_are_no_graph() {
    assault(1, &graphs(), untrusted::read_graph);
}

/// Programs of some graphs of the file tests.
fn programs() -> Vec<Vec<u8>> {
    let compiled = |bytes: Vec<u8>| {
        let graph = parse::parse(std::str::from_utf8(&bytes).ok()?).ok()?;
        Some(compile(&graph, &Options::default()).ok()?.program.to_bytes())
    };
    graphs().into_iter().take(24).filter_map(compiled).collect()
}

#[test]
fn bytes_that_are_no_program() {
    assault(2, &programs(), untrusted::read_program);
}
