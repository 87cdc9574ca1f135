//! Whether the generator reaches every op.

use crate::generate;
use std::panic::catch_unwind;
use tracelift_compiler::ops;

/// Ops that are never picked, and why.
const EXCUSED: &[(&str, &str)] = &[
    ("parameter", "arguments are made with the ops that take them"),
    ("space_to_batch", "its paddings are for the axes of the blocks, those that are guessed for all axes"),
    ("host_call", "calls an op that a test would have to register; `frontend/src/custom_op.rs` has its tests"),
];

/// Seeds tried for an op.
const TRIES: u64 = 400;

/// The ops that no seed reaches and that have no excuse; `verbose` prints how many seeds each takes.
pub fn unreached(verbose: bool) -> Vec<String> {
    let mut missing = Vec::new();
    for op in ops::all().iter().filter(|op| !EXCUSED.iter().any(|(name, _)| *name == op.name)) {
        // A panic is an op that is reached, and a difference when its seed comes.
        let found = (0..TRIES).find(|&seed| catch_unwind(|| generate::reaches(op, seed)).unwrap_or(true));
        if verbose {
            println!("{:<40} {}", op.name, found.map_or("not reached".into(), |seed| format!("seed {seed}")));
        }
        if found.is_none() {
            missing.push(op.name.to_owned());
        }
    }
    missing
}
