//! A schedule as text: groups, what did not fuse, kernels, steps. For file tests, and for level 2 of the dumps.

use super::group::Grouping;
use super::{Schedule, schedule};
use crate::base::Result;
use crate::codegen::plan::plan;
use crate::graph::walk::ValueMap;
use crate::graph::{Graph, NodeId};
use crate::kernel::Kernel;
use crate::options::Options;
use std::fmt::Write;
use tracelift_runtime::program::KernelDecl;

/// The schedule of a graph of primitives, as text.
pub fn print(graph: &Graph, options: &Options) -> Result<String> {
    schedule(graph, options).map(|schedule| describe(graph, &schedule))
}

/// `schedule`, which is of `graph`, as text.
pub fn describe(graph: &Graph, schedule: &Schedule) -> String {
    let mut text = groups(graph, &schedule.grouping);
    for kernel in &schedule.kernels {
        let _ = writeln!(text, "{kernel}");
    }
    let mut listed = schedule.clone();
    let needs: Vec<_> = schedule.kernels.iter().map(|kernel| plan(kernel).scratch).collect();
    listed.set_scratch(&needs);
    let declared =
        |kernel: &Kernel| KernelDecl { name: kernel.name.clone(), offset: 0, len: 0, can_fail: kernel.can_fail() };
    listed.program.kernels = schedule.kernels.iter().map(declared).collect();
    let _ = write!(text, "{}", listed.program);
    text
}

fn groups(graph: &Graph, grouping: &Grouping) -> String {
    let numbers = ValueMap::new(graph, ());
    let node = |id: NodeId| {
        let number = numbers.number(id.result(0)).unwrap_or_default();
        format!("%{number} {}", graph.node(id).op.name)
    };
    let mut text = String::new();
    for group in grouping.groups.iter().filter(|g| !g.nodes.is_empty()) {
        let frame: Vec<String> = group.frame.iter().map(ToString::to_string).collect();
        let reduced = group.reduced.as_ref().map(|axes| format!(", reducing axes {:?}", axes.as_slice()));
        let nodes: Vec<String> = group.nodes.iter().map(|&id| node(id)).collect();
        let _ = writeln!(text, "group over [{}]{}", frame.join(", "), reduced.unwrap_or_default());
        let _ = writeln!(text, "  {}", nodes.join(", "));
    }
    for refusal in &grouping.refusals {
        let _ = writeln!(text, "not fused: {} into {}: {}", node(refusal.from), node(refusal.to), refusal.why);
    }
    text
}
