//! Runs passes: verifies after each, times, counts, dumps on change.

use super::{Pass, PassCx, PassReport, PassRun};
use crate::base::{Error, Kind, Result};
use crate::dump::{self, Dump};
use crate::graph::{Graph, verify};
use crate::options::Options;
use crate::rewrite::{Log, StopReason};
use smallvec::SmallVec;
use std::time::{Duration, Instant};

/// Runs `passes` in order. A pass that is listed again is skipped if nothing changed since its last run ended.
///
/// Errors: what a pass reports (an expansion that refuses its operands), or `Kind::Internal` with the pass's name
/// and the IR if its result does not verify.
pub fn run(mut graph: Graph, passes: &[&'static Pass], options: &Options) -> Result<(Graph, PassReport)> {
    dump::text(Dump::Graphs, format_args!("@{} before passes", graph.name), || &graph);
    let mut report = PassReport { runs: Vec::with_capacity(passes.len()) };
    let mut fuel = options.fuel;
    // How many changing runs there were, and how many there had been when each pass last ended.
    let mut changes = 0u32;
    let mut last_run: SmallVec<[(&'static str, u32); 16]> = SmallVec::new();
    for &pass in passes {
        let nodes_before = graph.nodes.len();
        if last_run.iter().any(|&(name, at)| name == pass.name && at == changes) {
            report.runs.push(skipped(pass, nodes_before));
            continue;
        }
        let mut log = Log::new(fuel);
        let start = Instant::now();
        graph = (pass.run)(graph, &mut PassCx { options, log: &mut log })?;
        let time = start.elapsed();
        fuel = log.fuel;
        if log.rewrites > 0 {
            changes += 1;
            dump::text(Dump::Graphs, format_args!("@{} after {}", graph.name, pass.name), || &graph);
        }
        if options.verify {
            verify::verify(&graph).map_err(|e| broken(pass, e))?;
        }
        last_run.retain(|(name, _)| *name != pass.name);
        last_run.push((pass.name, changes));
        report.runs.push(PassRun {
            pass: pass.name,
            nodes_before,
            nodes_after: graph.nodes.len(),
            time,
            rewrites: log.by_rule,
            blocked: log.blocked,
            stop: log.stop,
            skipped: false,
        });
    }
    Ok((graph, report))
}

fn skipped(pass: &Pass, nodes: usize) -> PassRun {
    PassRun {
        pass: pass.name,
        nodes_before: nodes,
        nodes_after: nodes,
        time: Duration::ZERO,
        rewrites: Vec::new(),
        blocked: Vec::new(),
        stop: StopReason::Fixpoint,
        skipped: true,
    }
}

/// A pass made an invalid graph: a bug of ours, and the error shows the IR.
fn broken(pass: &Pass, error: Error) -> Error {
    let text = format!("after pass `{}`: {}", pass.name, error.message());
    Error::new(Kind::Internal, text).hint("this is a bug in Tracelift; please report it with this text")
}
