//! Which nodes share a kernel.
//!
//! A group has a *frame*: the axes of its iteration space. Every value of the group maps its axes to frame axes
//! (an axis of length 1 maps to none). Elementwise nodes and reductions join the group of an operand if their
//! axes fit its frame; all reductions of a group reduce the same frame axes. A value that only depends on the
//! axes left over is computed once a row. Movement is no member: it is a view of a buffer, or, if it only adds
//! axes, a change of the map.
//!
//! Joining keeps the graph of groups acyclic. Every refusal is recorded for `explain`.

pub use super::renames::AxisMap;
use super::renames::Renames;
use crate::base::spec::Dims;
use crate::base::{Dim, TensorSpec};
use crate::graph::opdef::{Lower, Source};
use crate::graph::{Graph, NodeId, ValueId, walk};
use crate::ops::infer;
use crate::options::{Level, Options};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// A full reduction of at most this many elements is done at one grid point.
pub const SINGLE_POINT: i64 = 32_768;

/// Why strict reductions stay alone.
const FIXED: &str = "strict math keeps the order of each reduction";

/// Lanes of one block of a chunked reduction over all elements.
pub const CHUNK: u32 = 16_384;

/// Groups stop growing at this many nodes: code stays small enough to compile fast and to fit the registers.
const MAX_NODES: usize = 96;

/// Nodes that become one kernel.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Members, in graph order.
    pub nodes: Vec<NodeId>,
    /// Lengths of the frame's axes; none is the constant 1.
    pub frame: Dims,
    /// The frame axes that reductions reduce, if there are reductions.
    pub reduced: Option<SmallVec<[usize; 4]>>,
}

/// What is known of a grouped node.
#[derive(Clone, Debug)]
pub struct Member {
    /// Which group.
    pub group: usize,
    /// The map of its result's axes.
    pub map: AxisMap,
    /// The map of its operand's axes, for a reduction.
    pub operand_map: AxisMap,
    /// Number of reductions that come before it.
    pub stage: usize,
}

/// Two neighbours that do not share a kernel, and why.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The producer.
    pub from: NodeId,
    /// The consumer.
    pub to: NodeId,
    /// Why.
    pub why: &'static str,
}

/// The grouping of a graph.
#[derive(Clone, Debug)]
pub struct Grouping {
    /// The groups; emptied ones were merged into others.
    pub groups: Vec<Group>,
    /// For each node, its place in a group.
    pub members: Vec<Option<Member>>,
    /// What did not fuse.
    pub refusals: Vec<Refusal>,
    /// Whether the order of each reduction is that of the op alone, whatever the sizes and neighbours.
    pub strict: bool,
    /// What each value is without renaming movements.
    pub renames: Renames,
}

impl Grouping {
    /// Whether a group's reduction must be done in the order of the op alone.
    pub fn is_fixed(&self, group: usize) -> bool {
        self.strict && self.groups[group].reduced.is_some()
    }

    /// The latest node, `first` at most, before which nothing depends on `first` or what follows: no group has nodes on
    /// both sides of it.
    fn horizon(&self, first: NodeId) -> NodeId {
        let ends = |group: &Group| Some((*group.nodes.first()?, *group.nodes.last()?));
        let mut horizon = first;
        loop {
            // Groups come in the order of their first nodes, but for merged ones: one turn is enough but for those.
            let before = horizon;
            for (first, last) in self.groups.iter().rev().filter_map(ends) {
                if first < horizon && last >= horizon {
                    horizon = first;
                }
            }
            if horizon == before {
                return horizon;
            }
        }
    }
}

/// Groups the nodes of a graph without composites.
pub fn group(graph: &Graph, options: &Options) -> Grouping {
    let n = graph.nodes.len();
    let out = Grouping {
        groups: Vec::new(),
        members: vec![None; n],
        refusals: Vec::new(),
        strict: options.strict,
        renames: Renames::of(graph),
    };
    let mut g = Grouper { graph, options, slots: walk::slot_sources(graph), out, seen: vec![0; n], searches: 0 };
    for (id, node) in graph.iter() {
        if matches!(node.op.lower, Lower::Elementwise(_) | Lower::Reduction(_)) {
            g.place(id);
        }
    }
    if options.level >= Level::O2 {
        g.merge_siblings();
    }
    g.out
}

/// Whether the value is computed anew in every kernel that needs it: an index, a size, a constant of one element.
pub fn is_inlined(graph: &Graph, value: ValueId) -> bool {
    match graph.node(value.node).op.lower {
        Lower::Source(Source::Constant) => graph.spec(value).numel() == Dim::ONE,
        Lower::Source(_) => true,
        _ => false,
    }
}

struct Grouper<'a> {
    graph: &'a Graph,
    options: &'a Options,
    /// Where sizes that depend on data come from: whoever mentions one depends on that node.
    slots: FxHashMap<u32, NodeId>,
    out: Grouping,
    /// For each node the last search for cycles that met it, and how many searches there were.
    seen: Vec<u32>,
    searches: u32,
}

impl Grouper<'_> {
    fn place(&mut self, id: NodeId) {
        let mut candidates: SmallVec<[(usize, NodeId); 4]> = SmallVec::new();
        for &operand in &self.graph.node(id).inputs {
            let base = self.out.renames.base(operand);
            if let Some(member) = &self.out.members[base.node.index()]
                && candidates.iter().all(|c| c.0 != member.group)
            {
                candidates.push((member.group, base.node));
            }
        }
        let fuse = self.options.level > Level::O0;
        let mut joined: Option<usize> = None;
        for (group, from) in candidates {
            if !fuse {
                continue;
            }
            let attempt = match joined {
                None => self.join(id, group),
                Some(into) => self.merge(group, into),
            };
            match attempt {
                Ok(()) => joined = joined.or(Some(group)),
                Err(why) => self.out.refusals.push(Refusal { from, to: id, why }),
            }
        }
        if joined.is_none() {
            self.start(id);
        }
    }

    /// The axes that the node iterates over: its operand's for a reduction, else its result's.
    fn space(&self, id: NodeId) -> &TensorSpec {
        let node = self.graph.node(id);
        match node.op.lower {
            Lower::Reduction(_) => self.graph.spec(node.inputs[0]),
            _ => &node.outputs[0],
        }
    }

    fn start(&mut self, id: NodeId) {
        let space = self.space(id).clone();
        let mut frame = Dims::new();
        let map: AxisMap = (space.dims.iter())
            .map(|dim| {
                (*dim != Dim::ONE).then(|| {
                    frame.push(dim.clone());
                    frame.len() - 1
                })
            })
            .collect();
        let group = self.out.groups.len();
        let reduced = self.reduced_axes(id, &map);
        self.out.groups.push(Group { nodes: vec![id], frame, reduced });
        self.out.members[id.index()] = Some(self.member(id, group, map));
    }

    /// The frame axes that a reduction reduces, sorted; None for other nodes.
    fn reduced_axes(&self, id: NodeId, space_map: &AxisMap) -> Option<SmallVec<[usize; 4]>> {
        let node = self.graph.node(id);
        let Lower::Reduction(_) = node.op.lower else { return None };
        let axes = infer::axes(&node.attrs, space_map.len()).expect("checked when the node was made");
        let mut reduced: SmallVec<[usize; 4]> = axes.iter().filter_map(|&axis| space_map[axis]).collect();
        reduced.sort_unstable();
        Some(reduced)
    }

    fn member(&self, id: NodeId, group: usize, space_map: AxisMap) -> Member {
        let node = self.graph.node(id);
        let stage = self.stage(id, group);
        let Lower::Reduction(_) = node.op.lower else {
            return Member { group, map: space_map, operand_map: AxisMap::new(), stage };
        };
        let axes = infer::axes(&node.attrs, space_map.len()).expect("checked when the node was made");
        let keepdims = node.attrs.bool("keepdims");
        let mut map = AxisMap::new();
        for (axis, &frame_axis) in space_map.iter().enumerate() {
            match axes.contains(&axis) {
                true if keepdims => map.push(None),
                true => {}
                false => map.push(frame_axis),
            }
        }
        Member { group, map, operand_map: space_map, stage }
    }

    fn stage(&self, id: NodeId, group: usize) -> usize {
        let of = |value: &ValueId| {
            let base = self.out.renames.base(*value);
            let member = self.out.members[base.node.index()].as_ref().filter(|m| m.group == group)?;
            let after = matches!(self.graph.node(base.node).op.lower, Lower::Reduction(_));
            Some(member.stage + usize::from(after))
        };
        self.graph.node(id).inputs.iter().filter_map(of).max().unwrap_or(0)
    }

    fn join(&mut self, id: NodeId, group: usize) -> Result<(), &'static str> {
        if self.out.groups[group].nodes.len() >= MAX_NODES {
            return Err("the kernel would be too long");
        }
        let reduction = matches!(self.graph.node(id).op.lower, Lower::Reduction(_));
        if self.out.strict && (reduction || self.out.is_fixed(group)) {
            return Err(FIXED);
        }
        let map = self.fit(id, group)?;
        let frame_rank = self.out.groups[group].frame.len();
        let reduced = self.reduced_axes(id, &map);
        if reduced.is_some() && (0..frame_rank).any(|axis| !map.contains(&Some(axis))) {
            return Err("it reduces something smaller than the kernel's iteration space");
        }
        match (&reduced, &self.out.groups[group].reduced) {
            (Some(new), Some(old)) if new != old => return Err("the kernel reduces other axes"),
            _ => {}
        }
        let stage = self.stage(id, group);
        let all = reduced.clone().or_else(|| self.out.groups[group].reduced.clone());
        if self.may_be_skipped(group, &map, all.as_deref().unwrap_or_default()) {
            return Err("an axis of the kernel that it does not have may be empty");
        }
        if stage > 0 && self.is_chunked(group, all.as_deref()) && map.iter().any(Option::is_some) {
            return Err("it needs the result of a reduction over all elements");
        }
        if self.makes_cycle(&[group], Some(id)) {
            return Err("another operand depends on the kernel's results");
        }
        let member = self.member(id, group, map);
        let g = &mut self.out.groups[group];
        g.nodes.push(id);
        if reduced.is_some() {
            g.reduced = reduced;
        }
        self.out.members[id.index()] = Some(member);
        Ok(())
    }

    /// Whether the group's reduction is over all elements and too many for one grid point.
    fn is_chunked(&self, group: usize, reduced: Option<&[usize]>) -> bool {
        let g = &self.out.groups[group];
        reduced.is_some_and(|r| r.len() == g.frame.len()) && is_long(&g.frame, self.out.strict)
    }

    /// Whether a node with these axes has elements where the kernel may have none: it lacks an axis of the frame that
    /// is not known to be longer than 0, and is not done once for all that is reduced.
    fn may_be_skipped(&self, group: usize, map: &AxisMap, reduced: &[usize]) -> bool {
        let is_reduced = |axis: &usize| reduced.contains(axis);
        let after = !map.iter().flatten().any(is_reduced);
        self.out.groups[group].frame.iter().enumerate().any(|(axis, length)| {
            let has = map.contains(&Some(axis)) || (after && is_reduced(&axis));
            !has && length.as_const().is_none_or(|n| n < 1)
        })
    }

    /// How the node's axes run along the group's frame.
    fn fit(&self, id: NodeId, group: usize) -> Result<AxisMap, &'static str> {
        let node = self.graph.node(id);
        let space = self.space(id);
        let frame = &self.out.groups[group].frame;
        let mut map: AxisMap = std::iter::repeat_n(None, space.rank()).collect();
        for &operand in &node.inputs {
            let (base, axes) = self.out.renames.get(operand);
            let Some(member) = self.out.members[base.node.index()].as_ref().filter(|m| m.group == group) else {
                continue;
            };
            let shift = space.rank() - axes.len();
            for (k, axis) in axes.iter().enumerate() {
                let Some(frame_axis) = axis.and_then(|a| member.map[a]) else { continue };
                match map[k + shift] {
                    Some(other) if other != frame_axis => return Err("operands run along different axes"),
                    _ => map[k + shift] = Some(frame_axis),
                }
            }
        }
        for k in 0..map.len() {
            if map[k].is_some() || space.dims[k] == Dim::ONE {
                continue;
            }
            // The axis comes from an operand outside: it must be a free frame axis between its neighbours'.
            let after = map[..k].iter().rev().find_map(|m| *m).map_or(0, |m| m + 1);
            let before = map[k + 1..].iter().find_map(|m| *m).unwrap_or(frame.len());
            let free = (after..before).find(|axis| frame[*axis] == space.dims[k] && !map.contains(&Some(*axis)));
            map[k] = Some(free.ok_or("it has an axis that the kernel does not iterate over")?);
        }
        let mut seen = map.iter().flatten().copied().collect::<Vec<_>>();
        seen.sort_unstable();
        if seen.windows(2).any(|w| w[0] == w[1]) {
            return Err("two axes run along the same axis of the kernel");
        }
        Ok(map)
    }

    /// Merges `from` into `into`: the same frame, the same reduced axes.
    fn merge(&mut self, from: usize, into: usize) -> Result<(), &'static str> {
        let (a, b) = (&self.out.groups[from], &self.out.groups[into]);
        if a.frame != b.frame {
            return Err("the kernels iterate over different spaces");
        }
        if self.out.is_fixed(from) || self.out.is_fixed(into) {
            return Err(FIXED);
        }
        if a.nodes.len() + b.nodes.len() > MAX_NODES {
            return Err("the kernel would be too long");
        }
        if a.reduced.is_some() && b.reduced.is_some() && a.reduced != b.reduced {
            return Err("the kernels reduce different axes");
        }
        let reduced = a.reduced.clone().or_else(|| b.reduced.clone());
        if !a.nodes.iter().chain(&b.nodes).all(|&id| self.lines_up(id, from, into)) {
            return Err("one reads what the other computes along other axes");
        }
        if self.makes_cycle(&[from, into], None) {
            return Err("a node between the kernels depends on one and feeds the other");
        }
        let moved = self.out.groups[from].nodes.clone();
        let mut all = [self.out.groups[into].nodes.clone(), moved.clone()].concat();
        all.sort_unstable();
        self.assign(&moved, into, &all);
        if self.is_chunked(into, reduced.as_deref()) && self.has_late_members(&all) {
            self.assign(&moved, from, &all);
            return Err("one needs the result of a reduction over all elements");
        }
        self.out.groups[from].nodes.clear();
        let g = &mut self.out.groups[into];
        g.nodes = all;
        g.reduced = reduced;
        Ok(())
    }

    /// Whether a node of one of two groups of equal frames runs along the axes of its operands in the other group.
    fn lines_up(&self, id: NodeId, from: usize, into: usize) -> bool {
        let Some(member) = &self.out.members[id.index()] else { return true };
        let node = self.graph.node(id);
        let space = if member.operand_map.is_empty() { &member.map } else { &member.operand_map };
        node.inputs.iter().all(|&operand| {
            let (base, axes) = self.out.renames.get(operand);
            let across = |m: &&Member| m.group != member.group && (m.group == from || m.group == into);
            let Some(other) = self.out.members[base.node.index()].as_ref().filter(across) else { return true };
            let shift = space.len() - axes.len();
            let runs_along = |(k, axis): (usize, &Option<usize>)| {
                axis.and_then(|a| other.map[a]).is_none_or(|f| space[k + shift] == Some(f))
            };
            axes.iter().enumerate().all(runs_along)
        })
    }

    /// Puts `nodes` into a group and counts the stages of `all` again, in order.
    fn assign(&mut self, nodes: &[NodeId], group: usize, all: &[NodeId]) {
        for id in nodes {
            self.out.members[id.index()].as_mut().expect("a member").group = group;
        }
        for &id in all {
            let home = self.out.members[id.index()].as_ref().expect("a member").group;
            let stage = self.stage(id, home);
            self.out.members[id.index()].as_mut().expect("a member").stage = stage;
        }
    }

    /// Whether a node comes after a reduction and runs over more than its result.
    fn has_late_members(&self, nodes: &[NodeId]) -> bool {
        let mut members = nodes.iter().filter_map(|id| self.out.members[id.index()].as_ref());
        // A reduction runs over its operand.
        members.any(|m| m.stage > 0 && m.map.iter().chain(&m.operand_map).any(Option::is_some))
    }

    /// Whether some path leaves the groups (and `extra`) and comes back.
    fn makes_cycle(&mut self, groups: &[usize], extra: Option<NodeId>) -> bool {
        self.searches += 1;
        let Grouper { graph, slots, out, seen, searches, .. } = self;
        let inside = |id: NodeId| {
            Some(id) == extra || out.members[id.index()].as_ref().is_some_and(|m| groups.contains(&m.group))
        };
        let nodes: Vec<NodeId> = groups.iter().flat_map(|&g| out.groups[g].nodes.iter().copied()).collect();
        let Some(&first) = nodes.iter().min() else { return false };
        let horizon = out.horizon(first);
        let mut stack: Vec<NodeId> = Vec::new();
        let mut visit = |id: NodeId, stack: &mut Vec<NodeId>| {
            if id >= horizon && std::mem::replace(&mut seen[id.index()], *searches) != *searches {
                stack.push(id);
            }
        };
        for &id in nodes.iter().chain(&extra) {
            for source in walk::slot_operands(slots, graph, id).into_iter().filter(|&source| !inside(source)) {
                visit(source, &mut stack);
            }
            for &operand in &graph.node(id).inputs {
                // Renaming movements inside a group are part of it.
                if !inside(out.renames.base(operand).node) {
                    visit(operand.node, &mut stack);
                }
            }
        }
        while let Some(id) = stack.pop() {
            // A node outside stands for its whole group.
            let peers: &[NodeId] = match &out.members[id.index()] {
                Some(member) => &out.groups[member.group].nodes,
                None => std::slice::from_ref(&id),
            };
            for &peer in peers {
                let operands = graph.node(peer).inputs.iter().map(|operand| operand.node);
                for from in operands.chain(walk::slot_operands(slots, graph, peer)) {
                    if inside(from) {
                        return true;
                    }
                    visit(from, &mut stack);
                }
            }
        }
        false
    }

    /// Merges groups of one frame that read a common buffer, so that it is read once.
    fn merge_siblings(&mut self) {
        let mut readers: Vec<(ValueId, usize)> = Vec::new();
        for (index, group) in self.out.groups.iter().enumerate() {
            for id in &group.nodes {
                for operand in &self.graph.node(*id).inputs {
                    let base = self.out.renames.base(*operand);
                    let outside = self.out.members[base.node.index()].is_none() && !is_inlined(self.graph, base);
                    if outside && self.graph.spec(base).rank() > 0 && !readers.contains(&(base, index)) {
                        readers.push((base, index));
                    }
                }
            }
        }
        readers.sort_unstable();
        let mut moved: Vec<usize> = (0..self.out.groups.len()).collect();
        for pair in readers.windows(2) {
            let [(a, first), (b, second)] = pair else { continue };
            let (into, from) = (moved[*first], moved[*second]);
            if a == b && into != from && self.merge(from, into).is_ok() {
                moved.iter_mut().filter(|g| **g == from).for_each(|g| *g = into);
            }
        }
    }
}

/// Whether the space has more than [`SINGLE_POINT`] elements, or may have. If `strict`, more than a chunk: one chunk
/// is summed in the order of one grid point.
pub fn is_long(frame: &[Dim], strict: bool) -> bool {
    let numel = frame.iter().product::<Dim>();
    let limit = if strict { i64::from(CHUNK) } else { SINGLE_POINT };
    numel.as_const().is_none_or(|n| n > limit)
}
