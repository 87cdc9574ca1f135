//! The order of steps: units that become a step or two, operands first, and which values they leave in memory.

use super::group::Grouping;
use super::view::View;
use crate::base::{Error, Kind, Result};
use crate::graph::opdef::Lower;
use crate::graph::{Graph, NodeId, walk};
use rustc_hash::FxHashMap;
use std::collections::BinaryHeap;

/// Something that becomes a step or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    Group(usize),
    Node(NodeId),
}

/// Which members' results are needed outside their group's kernel.
pub fn stored_members(graph: &Graph, grouping: &Grouping) -> Vec<bool> {
    let mut stored = vec![false; graph.nodes.len()];
    let seen_through = seen_through(graph, grouping);
    let group_of = |id: NodeId| grouping.members[id.index()].as_ref().map(|m| m.group);
    for (id, node) in graph.iter() {
        for &operand in &node.inputs {
            let base = grouping.renames.base(operand);
            let fused = group_of(id).is_some() && group_of(id) == group_of(base.node);
            // A movement needs nothing by itself: its users do, unless they see through it.
            if !fused && !seen_through[id.index()] {
                stored[View::of(graph, operand).root.node.index()] = true;
                stored[operand.node.index()] = true;
                stored[base.node.index()] |= group_of(id).is_some();
            }
        }
    }
    for &output in &graph.outputs {
        stored[output.node.index()] = true;
        stored[View::of(graph, output).root.node.index()] = true;
    }
    stored
}

/// For each movement whether every user of it is a group that holds what the movement renames.
fn seen_through(graph: &Graph, grouping: &Grouping) -> Vec<bool> {
    let users = walk::users(graph);
    let mut seen_through = vec![false; graph.nodes.len()];
    let is_movement = |id: NodeId| matches!(graph.node(id).op.lower, Lower::Movement(_));
    // Users come later.
    for (id, _) in graph.iter().rev().filter(|(id, _)| is_movement(*id)) {
        let value = id.result(0);
        let base = grouping.renames.base(value);
        let Some(home) = grouping.members[base.node.index()].as_ref().map(|m| m.group) else { continue };
        let sees_through = |&user: &NodeId| match &grouping.members[user.index()] {
            Some(member) => member.group == home,
            None => {
                let renames_too = || grouping.renames.base(user.result(0)) == base;
                is_movement(user) && renames_too() && seen_through[user.index()]
            }
        };
        seen_through[id.index()] = !graph.outputs.contains(&value) && users[value].iter().all(sees_through);
    }
    seen_through
}

/// The units in an order in which operands come first.
pub fn units(graph: &Graph, grouping: &Grouping) -> Result<Vec<Unit>> {
    let unit_of = |id: NodeId| match &grouping.members[id.index()] {
        Some(member) => Unit::Group(member.group),
        None => Unit::Node(id),
    };
    let mut index: FxHashMap<Unit, usize> = FxHashMap::default();
    let mut all: Vec<(Unit, NodeId)> = Vec::new();
    for (id, _) in graph.iter() {
        index.entry(unit_of(id)).or_insert_with(|| {
            all.push((unit_of(id), id));
            all.len() - 1
        });
    }
    let sources = walk::slot_sources(graph);
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); all.len()];
    let mut waiting = vec![0usize; all.len()];
    for (id, node) in graph.iter() {
        let to = index[&unit_of(id)];
        for source in walk::slot_operands(&sources, graph, id) {
            let from = index[&unit_of(source)];
            if from != to {
                users[from].push(to);
                waiting[to] += 1;
            }
        }
        for operand in &node.inputs {
            let base = grouping.renames.base(*operand);
            // A renaming movement inside a group is no step of its own.
            let within = index[&unit_of(base.node)] == to;
            let from = index[&unit_of(operand.node)];
            if from != to && !within {
                users[from].push(to);
                waiting[to] += 1;
            }
        }
    }
    let mut ready: BinaryHeap<std::cmp::Reverse<(NodeId, usize)>> = BinaryHeap::new();
    ready.extend((0..all.len()).filter(|&u| waiting[u] == 0).map(|u| std::cmp::Reverse((all[u].1, u))));
    let mut order = Vec::with_capacity(all.len());
    while let Some(std::cmp::Reverse((_, unit))) = ready.pop() {
        order.push(all[unit].0);
        for &user in &users[unit] {
            waiting[user] -= 1;
            if waiting[user] == 0 {
                ready.push(std::cmp::Reverse((all[user].1, user)));
            }
        }
    }
    if order.len() != all.len() {
        return Err(Error::new(Kind::Internal, "the scheduler made groups that depend on each other"));
    }
    Ok(order)
}
