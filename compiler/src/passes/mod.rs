//! Passes: graph to graph, each in a file that opens with an example.
//!
//! [`pipeline`] is the ordered list, [`manager`] runs it: verifies, times, counts, dumps. [`optimize`] is what the
//! driver calls; its result has no composite nodes and no unused ones.
//!
//! Invariants
//! - a pass keeps the graph's meaning: the same outputs for the same inputs, the same effects in the same order;
//! - inputs, outputs and donations keep their number and order;
//! - a graph that verifies still does after any pass; passes may run alone and in any order.

pub mod canonicalize;
pub mod choose_layout;
pub mod expand_composites;
pub mod fold_constants;
pub mod manager;
pub mod merge_common;
pub mod pipeline;
#[cfg(test)]
mod random_graphs;
pub mod recognize_fused;
pub mod remove_dead;
pub mod report;
pub mod simplify;
pub mod sink_movement;

use crate::base::{Error, Kind, Result};
use crate::graph::Graph;
use crate::options::Options;
use crate::rewrite::Log;
pub use report::{PassReport, PassRun};

/// One pass.
pub struct Pass {
    /// A verb; the file is named so.
    pub name: &'static str,
    /// What it is for, in a line.
    pub purpose: &'static str,
    /// Makes the new graph; one that has nothing to do returns the old one, having logged no rewrite.
    pub run: fn(Graph, &mut PassCx<'_>) -> Result<Graph>,
}

/// What a pass gets besides the graph.
pub struct PassCx<'a> {
    /// What to compile for.
    pub options: &'a Options,
    /// Where it says what it did; limits what it may do.
    pub log: &'a mut Log,
}

/// All passes of the level in order. The result's nodes are all primitive.
pub fn optimize(graph: &Graph, options: &Options) -> Result<(Graph, PassReport)> {
    manager::run(graph.clone(), pipeline::passes(options.level), options)
}

/// One pass by name, for tests and inspection.
pub fn run_alone(name: &str, graph: &Graph, options: &Options) -> Result<(Graph, PassReport)> {
    let pass = pipeline::ALL.iter().find(|p| p.name == name).ok_or_else(|| {
        let names: Vec<_> = pipeline::ALL.iter().map(|p| p.name).collect();
        Error::new(Kind::Value, format!("there is no pass `{name}`; passes are: {}", names.join(", ")))
    })?;
    manager::run(graph.clone(), &[pass], options)
}
