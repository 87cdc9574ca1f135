//! A group becomes one kernel, or two if it reduces all of a large space.
//!
//! Stages order the passes: the reductions of stage `k` are one walk; what is computed from their results alone
//! is a pass over the row's scalars (or, if the lanes are what is left over, over one row); full values that are
//! stored and not yet walked are the last walk. Cheap values are computed again in each walk that needs them;
//! values with a transcendental are kept.

mod chunks;
mod cost;

use self::cost::{cost, expensive};
use super::group::{AxisMap, CHUNK, Group, Grouping, is_inlined, is_long};
use super::space::{FrameAccess, Shape, Space};
use super::view::View;
use crate::base::{DType, Dim, Error, Kind, Result};
use crate::graph::opdef::{Lower, Source};
use crate::graph::{Graph, NodeId, ValueId};
use crate::kernel::{Access, BufferParam, Inst, Kernel, Pass, PassKind, ReduceKind, ScalarCx, Size, Value};
use crate::ops::infer;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Lanes of one block where nothing else splits the work.
const BLOCK: u32 = 4096;

/// Operands and results of at least this many bytes lie beyond a core's caches.
const FAR: i64 = 2 << 20;

/// What a kernel's buffer parameter is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// A value of the graph.
    Value(ValueId),
    /// The partial results of a reduction, by node.
    Partial(NodeId),
}

/// A kernel and what it is called with.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// The kernel.
    pub kernel: Kernel,
    /// Its buffers.
    pub operands: Vec<Operand>,
    /// Its size arguments.
    pub sizes: Vec<Dim>,
    /// Number of grid points.
    pub grid: Dim,
    /// Lanes of one grid point.
    pub lanes: Dim,
    /// Estimated nanoseconds of one grid point.
    pub point_cost: Dim,
    /// Partial results that it writes: node, dtype, number.
    pub partials: Vec<(NodeId, DType, Dim)>,
}

/// Lowers a group. `stored` says which members' results are needed outside.
pub fn lower(graph: &Graph, grouping: &Grouping, group: usize, stored: &[bool]) -> Result<Vec<Lowered>> {
    let g = &grouping.groups[group];
    let reduces_all = g.reduced.as_ref().is_some_and(|r| !r.is_empty() && r.len() == g.frame.len());
    let chunked = reduces_all && is_long(&g.frame, grouping.strict);
    let shape = match chunked {
        true => Shape::Partial,
        false if !grouping.strict && only_rows_leave(grouping, group, stored) => Shape::Columns,
        false => Shape::Plain,
    };
    let mut first = Lowering::new(graph, grouping, group, stored, shape);
    if !chunked {
        first.passes()?;
        return Ok(vec![first.finish()]);
    }
    first.partial_pass()?;
    let blocks = first.blocks();
    let first = first.finish();
    let mut second = Lowering::new(graph, grouping, group, stored, Shape::Plain);
    second.combine_partials(&first, blocks)?;
    Ok(vec![first, second.finish()])
}

/// Whether nothing that runs over reduced axes is stored, or computed after a reduction.
fn only_rows_leave(grouping: &Grouping, group: usize, stored: &[bool]) -> bool {
    let g = &grouping.groups[group];
    let Some(reduced) = g.reduced.as_ref().filter(|r| !r.is_empty()) else { return false };
    g.nodes.iter().all(|id| {
        let member = grouping.members[id.index()].as_ref().expect("a member");
        let full = member.map.iter().flatten().any(|axis| reduced.contains(axis));
        !full || (member.stage == 0 && !stored[id.index()])
    })
}

/// Lowers a group so that it can run by rows of its frame's last axis: as the epilogue of a product.
pub fn lower_rows(graph: &Graph, grouping: &Grouping, group: usize, stored: &[bool]) -> Result<Lowered> {
    let mut lowering = Lowering::new(graph, grouping, group, stored, Shape::Rows);
    lowering.passes()?;
    Ok(lowering.finish())
}

struct Lowering<'a> {
    graph: &'a Graph,
    grouping: &'a Grouping,
    group: &'a Group,
    index: usize,
    stored: &'a [bool],
    space: Space,
    kernel: Kernel,
    operands: Vec<Operand>,
    sizes: Vec<Dim>,
    /// Values of the current pass.
    here: FxHashMap<NodeId, Value>,
    /// Leaves of the current pass.
    leaves: FxHashMap<(ValueId, AxisMap), Value>,
    /// Results of reductions and of what is computed from them alone: usable in every later pass.
    rows: FxHashMap<NodeId, Value>,
    /// Expensive lane values of earlier passes without sequential loops.
    kept: FxHashMap<NodeId, Value>,
    done: Vec<NodeId>,
    partials: Vec<(NodeId, DType, Dim)>,
    /// Estimated hundredths of a nanosecond for each lane.
    lane_cost: Dim,
}

impl<'a> Lowering<'a> {
    fn new(graph: &'a Graph, grouping: &'a Grouping, index: usize, stored: &'a [bool], shape: Shape) -> Self {
        let group = &grouping.groups[index];
        let mut l = Lowering {
            graph,
            grouping,
            group,
            index,
            stored,
            space: Space::default(),
            kernel: Kernel::default(),
            operands: Vec::new(),
            sizes: Vec::new(),
            here: FxHashMap::default(),
            leaves: FxHashMap::default(),
            rows: FxHashMap::default(),
            kept: FxHashMap::default(),
            done: Vec::new(),
            partials: Vec::new(),
            lane_cost: Dim::ZERO,
        };
        let (accesses, pinned) = l.accesses();
        l.space = Space::new(group, &accesses, &pinned, shape);
        l.kernel.name = l.name();
        l.kernel.grid = l.space.grid().iter().map(|d| l.size(d)).collect();
        l.kernel.lanes = l.space.lanes().map(|lanes| lanes.len.clone()).map(|d| l.size(&d));
        l.kernel.split = l.choose_split(shape);
        l
    }

    fn name(&self) -> String {
        let names: Vec<&str> = self.group.nodes.iter().map(|id| self.graph.node(*id).op.name).collect();
        match names.len() {
            0..=8 => names.join("+"),
            n => format!("{}+…{}", names[..7].join("+"), n - 7),
        }
    }

    /// Every access that the kernel makes, along the frame, and the frame axes whose index is needed.
    fn accesses(&self) -> (Vec<FrameAccess>, Vec<bool>) {
        let rank = self.group.frame.len();
        let (mut accesses, mut pinned) = (Vec::new(), vec![false; rank]);
        for &id in &self.group.nodes {
            for &operand in &self.graph.node(id).inputs {
                let base = self.grouping.renames.base(operand);
                if self.is_member(base.node) {
                    continue;
                }
                if is_inlined(self.graph, base) {
                    if let Some(axis) = self.iota_axis(id, operand) {
                        pinned[axis] = true;
                    }
                    continue;
                }
                let view = leaf_view(self.graph, operand, self.grouping.is_fixed(self.index));
                accesses.push(FrameAccess::of_view(&view, &self.operand_axes(id, operand), rank));
            }
            if self.stored[id.index()] {
                accesses.push(FrameAccess::of_result(self.graph, id.result(0), &self.member(id).map, rank));
            }
        }
        (accesses, pinned)
    }

    fn choose_split(&self, shape: Shape) -> Option<u32> {
        let lanes = self.space.lanes()?;
        let known = lanes.len.as_const();
        match shape {
            Shape::Partial => return self.space.grid().is_empty().then_some(CHUNK),
            Shape::Rows => return None,
            Shape::Plain | Shape::Columns => {}
        }
        match (lanes.reduced, self.group.reduced.as_ref().is_some_and(|r| !r.is_empty())) {
            (true, _) => None,
            // Columns: enough blocks for the threads, each at least a cache line of every row.
            (false, true) => match known {
                Some(n) if n < 128 => None,
                Some(n) => Some((((n / 4 + 63) / 64 * 64) as u32).clamp(64, 512)),
                None => Some(128),
            },
            (false, false) => match known {
                Some(n) if n <= i64::from(BLOCK) => None,
                _ => Some(BLOCK),
            },
        }
    }

    // Members and their axes.

    fn is_member(&self, id: NodeId) -> bool {
        self.grouping.members[id.index()].as_ref().is_some_and(|m| m.group == self.index)
    }

    fn member(&self, id: NodeId) -> &super::group::Member {
        self.grouping.members[id.index()].as_ref().expect("a member of this group")
    }

    /// The frame axes along which an operand's axes run.
    fn operand_axes(&self, id: NodeId, operand: ValueId) -> AxisMap {
        let member = self.member(id);
        let map = if member.operand_map.is_empty() { &member.map } else { &member.operand_map };
        let map = if matches!(self.graph.node(id).op.lower, Lower::Reduction(_)) { &member.operand_map } else { map };
        let dims = &self.graph.spec(operand).dims;
        let shift = map.len() - dims.len();
        (0..dims.len()).map(|k| if dims[k] == Dim::ONE { None } else { map[k + shift] }).collect()
    }

    /// The frame axis along which an index operand counts.
    fn iota_axis(&self, id: NodeId, operand: ValueId) -> Option<usize> {
        let (base, axes) = self.grouping.renames.get(operand);
        let node = self.graph.node(base.node);
        let Lower::Source(Source::Iota) = node.op.lower else { return None };
        let axis = infer::axis(&node.attrs, 0, self.graph.spec(base).rank()).ok()?;
        let at = axes.iter().position(|a| *a == Some(axis))?;
        self.operand_axes(id, operand)[at]
    }

    /// A result of a reduction, or of such results alone.
    fn is_row(&self, id: NodeId) -> bool {
        let Some(reduced) = &self.group.reduced else { return false };
        let member = self.member(id);
        let reduction = matches!(self.graph.node(id).op.lower, Lower::Reduction(_));
        (reduction || member.stage > 0) && !member.map.iter().flatten().any(|axis| reduced.contains(axis))
    }

    fn reduction(&self, id: NodeId) -> Option<ReduceKind> {
        match self.graph.node(id).op.lower {
            Lower::Reduction(kind) => Some(kind),
            _ => None,
        }
    }

    // Passes.

    fn passes(&mut self) -> Result<()> {
        let last_stage = self.group.nodes.iter().map(|id| self.member(*id).stage).max().unwrap_or(0);
        if self.group.reduced.as_ref().is_some_and(|r| !r.is_empty()) {
            for stage in 0..=last_stage {
                self.reduce_pass(stage)?;
                self.row_pass(stage)?;
            }
        }
        self.last_pass()
    }

    fn reduce_pass(&mut self, stage: usize) -> Result<()> {
        let nodes = self.nodes_where(|l, id| l.reduction(id).is_some() && l.member(id).stage == stage);
        if nodes.is_empty() {
            return Ok(());
        }
        self.begin_lanes(true);
        let lanes = self.space.lanes_reduced();
        for &id in &nodes {
            let value = self.operand(id, self.graph.node(id).inputs[0])?;
            let kind = self.reduction(id).expect("chosen as a reduction");
            let result = self.kernel.push(Inst::Reduce { kind, value, lanes }, self.dtype(id));
            self.rows.insert(id, result);
        }
        let full = self.nodes_where(|l, id| l.stored[id.index()] && !l.is_row(id) && l.member(id).stage == stage);
        self.store_all(&full)?;
        self.end_lanes(true);
        Ok(())
    }

    /// What is computed from the results of stage `stage`'s reductions.
    fn row_pass(&mut self, stage: usize) -> Result<()> {
        let results =
            self.nodes_where(|l, id| l.stored[id.index()] && l.reduction(id).is_some() && l.member(id).stage == stage);
        let nodes =
            self.nodes_where(|l, id| l.is_row(id) && l.reduction(id).is_none() && l.member(id).stage == stage + 1);
        if results.is_empty() && nodes.is_empty() {
            return Ok(());
        }
        if self.space.lanes_reduced() {
            self.begin(PassKind::Scalar);
        } else {
            self.begin_lanes(false);
        }
        for &id in &nodes {
            let value = self.compute(id)?;
            self.rows.insert(id, value);
        }
        let stored: Vec<NodeId> =
            results.into_iter().chain(nodes.into_iter().filter(|id| self.stored[id.index()])).collect();
        self.store_all(&stored)?;
        if !self.space.lanes_reduced() {
            self.end_lanes(false);
        }
        Ok(())
    }

    fn last_pass(&mut self) -> Result<()> {
        let rest = self.nodes_where(|l, id| l.stored[id.index()] && !l.done.contains(&id));
        if rest.is_empty() {
            return Ok(());
        }
        match self.space.lanes() {
            Some(_) => self.begin_lanes(true),
            None => self.begin(PassKind::Scalar),
        }
        self.store_all(&rest)?;
        self.end_lanes(true);
        Ok(())
    }

    /// Number of partial results of a chunked reduction.
    fn blocks(&self) -> Dim {
        let grid = self.space.grid().into_iter().product::<Dim>();
        match (self.kernel.split, self.space.lanes()) {
            (Some(block), Some(lanes)) => grid * lanes.len.ceil_div(&Dim::from(i64::from(block))),
            _ => grid,
        }
    }

    fn nodes_where(&self, test: impl Fn(&Self, NodeId) -> bool) -> Vec<NodeId> {
        self.group.nodes.iter().copied().filter(|&id| test(self, id)).collect()
    }

    fn begin(&mut self, kind: PassKind) {
        self.here.clear();
        self.leaves.clear();
        self.kernel.passes.push(Pass { kind, insts: Vec::new() });
    }

    fn begin_lanes(&mut self, full: bool) {
        let seq = if full { self.space.seq() } else { Vec::new() };
        let seq = seq.iter().map(|d| self.size(d)).collect();
        self.begin(PassKind::Lanes { seq });
    }

    /// Adds the pass's cost, and keeps its expensive values for later passes.
    fn end_lanes(&mut self, full: bool) {
        let pass = self.kernel.passes.last().expect("a pass was begun");
        let cost: i64 = pass.insts.iter().map(|v| cost(&self.kernel.def(*v).inst)).sum();
        let turns = if full { self.space.seq().into_iter().product::<Dim>() } else { Dim::ONE };
        self.lane_cost = self.lane_cost.clone() + self.lanes_of_point() * turns * Dim::from(cost);
        if matches!(&pass.kind, PassKind::Lanes { seq } if seq.is_empty()) {
            let expensive = expensive(&self.kernel);
            for (&id, &value) in &self.here {
                if expensive[value.0 as usize] {
                    self.kept.entry(id).or_insert(value);
                }
            }
        }
    }

    fn lanes_of_point(&self) -> Dim {
        let lanes = self.space.lanes().map_or(Dim::ONE, |l| l.len.clone());
        match self.kernel.split {
            Some(block) => lanes.minimum(&Dim::from(i64::from(block))),
            None => lanes,
        }
    }

    // Values.

    /// The dtype in which a node is computed.
    fn dtype(&self, id: NodeId) -> DType {
        computed_in(self.graph.node(id).outputs[0].dtype)
    }

    fn value(&mut self, id: NodeId) -> Result<Value> {
        if let Some(&value) = self.here.get(&id) {
            return Ok(value);
        }
        if let Some(&value) = self.rows.get(&id) {
            let rounded = self.rounded(id, value);
            self.here.insert(id, rounded);
            return Ok(rounded);
        }
        let without_seq = matches!(&self.kernel.passes.last().expect("a pass was begun").kind,
            PassKind::Lanes { seq } if seq.is_empty());
        if let (true, Some(&value)) = (without_seq, self.kept.get(&id)) {
            return Ok(value);
        }
        self.compute(id)
    }

    fn compute(&mut self, id: NodeId) -> Result<Value> {
        let node = self.graph.node(id);
        let inputs: Vec<Value> = node.inputs.iter().map(|&o| self.operand(id, o)).collect::<Result<_>>()?;
        let dtype = self.dtype(id);
        let value = match node.op.lower {
            Lower::Elementwise(lower) => {
                lower(&mut ScalarCx { kernel: &mut self.kernel, attrs: &node.attrs, inputs: &inputs, dtype })?
            }
            // A reduction over axes of length 1 alone.
            _ => inputs[0],
        };
        let value = self.rounded(id, value);
        self.here.insert(id, value);
        Ok(value)
    }

    /// The value as the node's dtype holds it: halves are computed in f32 and rounded after each op.
    fn rounded(&mut self, id: NodeId, value: Value) -> Value {
        let dtype = self.graph.node(id).outputs[0].dtype;
        let held = self.convert(value, dtype);
        self.convert(held, computed_in(dtype))
    }

    fn operand(&mut self, id: NodeId, operand: ValueId) -> Result<Value> {
        let base = self.grouping.renames.base(operand);
        if self.is_member(base.node) {
            return self.value(base.node);
        }
        let axes = self.operand_axes(id, operand);
        if let Some(&value) = self.leaves.get(&(operand, axes.clone())) {
            return Ok(value);
        }
        let value =
            if is_inlined(self.graph, base) { self.source(id, operand, base)? } else { self.load(operand, &axes) };
        self.leaves.insert((operand, axes), value);
        Ok(value)
    }

    fn source(&mut self, id: NodeId, operand: ValueId, base: ValueId) -> Result<Value> {
        let node = self.graph.node(base.node);
        let dtype = self.graph.spec(base).dtype;
        let counted = match node.op.lower {
            Lower::Source(Source::Constant) => {
                let data = node.attrs.data("value").ok_or_else(|| missing("a constant without value"))?;
                let value = self.kernel.push(Inst::Const(element_bits(data)), dtype);
                return Ok(self.convert(value, computed_in(dtype)));
            }
            Lower::Source(Source::Iota) => match self.iota_axis(id, operand) {
                Some(axis) => {
                    let role = self.space.role_of(axis).ok_or_else(|| missing("an index along merged axes"))?;
                    self.kernel.push(Inst::Coord(role), DType::I64)
                }
                None => self.kernel.push(Inst::Const(0), DType::I64),
            },
            Lower::Source(Source::Size) => {
                let dim =
                    node.attrs.dims("dims").and_then(|d| d.first()).ok_or_else(|| missing("a size without value"))?;
                let size = self.size(dim);
                self.kernel.push(Inst::Size(size), DType::I64)
            }
            _ => return Err(missing("a source that is none")),
        };
        Ok(self.convert(counted, computed_in(dtype)))
    }

    fn convert(&mut self, value: Value, to: DType) -> Value {
        if self.kernel.def(value).dtype == to { value } else { self.kernel.push(Inst::Convert(value), to) }
    }

    fn load(&mut self, operand: ValueId, axes: &AxisMap) -> Value {
        let view = leaf_view(self.graph, operand, self.grouping.is_fixed(self.index));
        let access = FrameAccess::of_view(&view, axes, self.group.frame.len());
        let dtype = self.graph.spec(view.root).dtype;
        let buffer = self.buffer(Operand::Value(view.root), dtype, false);
        let access = self.access(buffer, &access);
        let value = self.kernel.push(Inst::Load(access), dtype);
        self.convert(value, computed_in(dtype))
    }

    fn store_all(&mut self, nodes: &[NodeId]) -> Result<()> {
        let values: Vec<Value> = nodes.iter().map(|&id| self.value(id)).collect::<Result<_>>()?;
        for (&id, value) in nodes.iter().zip(values) {
            let dtype = self.graph.node(id).outputs[0].dtype;
            let value = self.convert(value, dtype);
            let map = self.member(id).map.clone();
            let access = FrameAccess::of_result(self.graph, id.result(0), &map, self.group.frame.len());
            let buffer = self.buffer(Operand::Value(id.result(0)), dtype, true);
            let access = self.access(buffer, &access);
            self.kernel.push(Inst::Store(access, value), dtype);
            self.done.push(id);
        }
        Ok(())
    }

    fn access(&mut self, buffer: u32, access: &FrameAccess) -> Access {
        let (grid, seq, lane) = self.space.strides(access);
        let in_seq = matches!(&self.kernel.passes.last().expect("a pass was begun").kind,
            PassKind::Lanes { seq } if !seq.is_empty());
        Access {
            buffer,
            offset: self.size(&access.offset),
            grid: grid.iter().map(|s| self.size(s)).collect(),
            seq: if in_seq { seq.iter().map(|s| self.size(s)).collect() } else { SmallVec::new() },
            lane: self.size(&lane),
            block: Size::Const(0),
        }
    }

    fn buffer(&mut self, operand: Operand, dtype: DType, written: bool) -> u32 {
        let at = self.operands.iter().position(|o| *o == operand).unwrap_or_else(|| {
            self.operands.push(operand);
            self.kernel.buffers.push(BufferParam { dtype, read: false, written: false, far: false });
            self.operands.len() - 1
        });
        let param = &mut self.kernel.buffers[at];
        param.written |= written;
        param.read |= !written;
        self.kernel.buffers[at].far = self.is_at_least(operand, FAR);
        at as u32
    }

    /// Whether a value is known to have so many bytes.
    fn is_at_least(&self, operand: Operand, bytes: i64) -> bool {
        let Operand::Value(value) = operand else { return false };
        let spec = self.graph.spec(value);
        spec.numel().as_const().is_some_and(|n| n * spec.dtype.size() as i64 >= bytes)
    }

    fn size(&mut self, dim: &Dim) -> Size {
        if let Some(c) = dim.as_const() {
            return Size::Const(c);
        }
        let at = self.sizes.iter().position(|d| d == dim).unwrap_or_else(|| {
            self.sizes.push(dim.clone());
            self.sizes.len() - 1
        });
        Size::Arg(at as u32)
    }

    fn finish(mut self) -> Lowered {
        self.kernel.sizes = self.sizes.len() as u32;
        let hundredth = self.lane_cost.clone() + Dim::from(1000i64);
        let lanes = match (self.kernel.split, self.kernel.lanes) {
            (Some(block), _) => Dim::from(i64::from(block)),
            (None, Some(Size::Const(c))) => Dim::from(c),
            (None, Some(Size::Arg(k))) => self.sizes[k as usize].clone(),
            (None, None) => Dim::ONE,
        };
        Lowered {
            grid: self.blocks(),
            lanes,
            point_cost: hundredth.ceil_div(&Dim::from(100i64)),
            kernel: self.kernel,
            operands: self.operands,
            sizes: self.sizes,
            partials: self.partials,
        }
    }
}

/// The dtype in which values of `dtype` are computed: halves in f32, others in themselves.
fn computed_in(dtype: DType) -> DType {
    if matches!(dtype, DType::F16 | DType::BF16) { DType::F32 } else { dtype }
}

/// How a kernel reads an operand: through movements if neighbours stay neighbours, else (or if it must be dense) the
/// value's own buffer.
pub fn leaf_view(graph: &Graph, operand: ValueId, dense: bool) -> View {
    let view = View::of(graph, operand);
    if !dense && view.has_contiguous_lanes() { view } else { View::whole(graph, operand) }
}

/// The bits of a one-element array, zero-extended.
fn element_bits(data: &tracelift_runtime::Array) -> u64 {
    let mut bits = [0u8; 8];
    let element = data.as_bytes();
    bits[..element.len()].copy_from_slice(element);
    u64::from_le_bytes(bits)
}

fn missing(what: &str) -> Error {
    Error::new(Kind::Internal, format!("the scheduler met {what}"))
}
