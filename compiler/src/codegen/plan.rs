//! How a kernel's passes are walked: which values are scalars, which share a fused loop, where tiles lie.
//!
//! A pass over lanes is cut into *phases*. A phase is one fused loop of cheap operations over a tile, followed by
//! calls of tile routines (transcendentals, folds) on whole tiles. A transcendental ends the phase of its operand;
//! its users belong to a later one. Values that cross a phase lie in *slots* (tiles in scratch memory); values that
//! cross a pass lie in *kept rows*. Loads are never stored for reuse: they are repeated where needed.
//!
//! Start with [`plan`].

use super::sums::long_sums;
use crate::kernel::{
    Access, BinaryOp, Inst, Kernel, Loop, MathOp, Pass, PassKind, ReduceKind, ScratchNeed, Size, UnaryOp, Value,
};
use tracelift_runtime::DType;
use tracelift_runtime::kernels::tile::FoldFn;

/// Elements of a tile: large enough to hide a call, small enough that a handful stay in L1.
pub const TILE: i64 = 512;

/// Bytes at the start of scratch memory for passing single values to routines.
pub const SCALAR_AREA: u64 = 64;

/// Where a lane value is found when it is needed outside its fused loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Only inside the fused loop that computes it; loads and lane indices are computed again anywhere.
    Loop,
    /// A tile at this byte offset of scratch memory.
    Slot(u64),
    /// Kept row number.
    Kept(usize),
}

/// What kind of value it is within a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// The same for all lanes: lives in a register.
    Uniform,
    /// One a lane.
    Lane,
    /// A store: no value.
    None,
}

/// A call on a whole tile at the end of a phase.
#[derive(Clone, Copy, Debug)]
pub enum Call {
    /// A transcendental of one or two operands.
    Math(Value, MathOp),
    /// A fold into the accumulator of this reduce.
    Fold(Value, FoldFn),
}

impl Call {
    /// The value that the call computes.
    pub fn value(self) -> Value {
        match self {
            Call::Math(value, _) | Call::Fold(value, _) => value,
        }
    }
}

/// One fused loop and the calls after it.
#[derive(Clone, Debug, Default)]
pub struct Phase {
    /// Cheap operations, reduces without routine, stores: in order.
    pub fused: Vec<Value>,
    /// Lane values of the loop, loads included, that must be written to their place.
    pub saved: Vec<Value>,
    /// Calls, in order.
    pub calls: Vec<Call>,
}

/// The plan of one pass.
#[derive(Clone, Debug, Default)]
pub struct PassPlan {
    /// Uniform operations, in order: computed before the lanes are walked.
    pub uniform: Vec<Value>,
    /// Uniform operands of routines, and the slots whose every lane holds them.
    pub spread: Vec<(Value, u64)>,
    /// The phases, in order; empty for a scalar pass.
    pub phases: Vec<Phase>,
    /// Transcendentals, and the load or store whose next tile is fetched from afar while each runs.
    pub fetched: Vec<(Value, Value)>,
    /// Long sums over sequential loops alone, and the kept rows of their totals.
    pub totals: Vec<(Value, usize)>,
    /// Whether the lanes are walked tile by tile (else one loop over all).
    pub tiled: bool,
}

/// The plan of a kernel.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// For each value: uniform or by lane.
    pub rates: Vec<Rate>,
    /// For each value: where it lies.
    pub places: Vec<Place>,
    /// Element sizes of kept rows.
    pub kept: Vec<u64>,
    /// Where the kept rows begin in scratch memory.
    pub kept_base: u64,
    /// The passes.
    pub passes: Vec<PassPlan>,
    /// Scratch memory that a thread needs.
    pub scratch: ScratchNeed,
}

/// Whether this is computed again rather than stored: a load, a constant, an index.
pub fn is_rematerialized(inst: &Inst) -> bool {
    matches!(inst, Inst::Load(_) | Inst::Coord(_) | Inst::Const(_) | Inst::Size(_))
}

/// The transcendental that an operation is.
pub fn math_of(inst: &Inst) -> Option<MathOp> {
    match inst {
        Inst::Unary(UnaryOp::Math(f), _) | Inst::Binary(BinaryOp::Math(f), ..) => Some(*f),
        _ => None,
    }
}

/// Whether a routine can take the value straight from a buffer: a contiguous load.
pub fn reads_buffer_directly(kernel: &Kernel, value: Value) -> bool {
    matches!(&kernel.def(value).inst, Inst::Load(access) if access.lane == Size::Const(1))
}

/// The routine that folds a reduce of this kind, if there is one.
fn fold_of(kind: ReduceKind, dtype: DType) -> Option<FoldFn> {
    if !matches!(dtype, DType::F32 | DType::F64 | DType::I32 | DType::I64) {
        return None;
    }
    match kind {
        ReduceKind::Sum => Some(FoldFn::Sum),
        ReduceKind::Prod => Some(FoldFn::Prod),
        ReduceKind::Max => Some(FoldFn::Max),
        ReduceKind::Min => Some(FoldFn::Min),
        ReduceKind::All | ReduceKind::Any => None,
    }
}

/// Plans every pass of a kernel.
pub fn plan(kernel: &Kernel) -> Plan {
    let n = kernel.values.len();
    let mut plan = Plan { rates: vec![Rate::None; n], places: vec![Place::Loop; n], ..Plan::default() };
    let home = pass_of_values(kernel);
    for pass in &kernel.passes {
        rate_values(kernel, pass, &mut plan.rates);
    }
    keep_rows(kernel, &home, &mut plan);
    let mut tile_bytes = 0;
    for (index, pass) in kernel.passes.iter().enumerate() {
        let mut planner = PassPlanner { kernel, index, home: &home, plan: &mut plan, phase_of: vec![0; n] };
        let mut planned = planner.phases(pass);
        tile_bytes = tile_bytes.max(planner.place_tiles(&mut planned));
        planner.save_values(&mut planned);
        while planned.phases.last().is_some_and(|p| p.fused.is_empty() && p.saved.is_empty() && p.calls.is_empty()) {
            planned.phases.pop();
        }
        planned.fetched = fetched(kernel, pass, &planned);
        planned.tiled = planned.phases.iter().any(|p| !p.calls.is_empty());
        for sum in long_sums(kernel, pass) {
            planned.totals.push((sum, plan.kept.len()));
            plan.kept.push(DType::F64.size() as u64);
        }
        plan.passes.push(planned);
    }
    plan.kept_base = SCALAR_AREA + tile_bytes;
    // Each kept row is padded to a multiple of 64 bytes.
    let padding = 64 * (plan.kept.len() as u64 + 1);
    plan.scratch = ScratchNeed { fixed: plan.kept_base + padding, per_lane: plan.kept.iter().sum() };
    plan
}

/// Loads and stores of a pass that reach beyond the caches, dealt to its transcendentals: these compute without touching
/// memory, so that the next tile of each can be under way meanwhile. A line to be written is read first.
fn fetched(kernel: &Kernel, pass: &Pass, planned: &PassPlan) -> Vec<(Value, Value)> {
    let is_far = |v: &Value| match &kernel.def(*v).inst {
        Inst::Load(access) | Inst::Store(access, _) => {
            kernel.buffers[access.buffer as usize].far && access.lane == Size::Const(1)
        }
        _ => false,
    };
    let calls = planned.phases.iter().flat_map(|phase| &phase.calls);
    let math: Vec<Value> = calls.filter(|c| matches!(c, Call::Math(..))).map(|c| c.value()).collect();
    if math.is_empty() {
        return Vec::new();
    }
    pass.insts.iter().copied().filter(is_far).zip(math.iter().copied().cycle()).map(|(far, m)| (m, far)).collect()
}

fn pass_of_values(kernel: &Kernel) -> Vec<usize> {
    let mut home = vec![0; kernel.values.len()];
    for (index, pass) in kernel.passes.iter().enumerate() {
        for value in &pass.insts {
            home[value.0 as usize] = index;
        }
    }
    home
}

fn rate_values(kernel: &Kernel, pass: &Pass, rates: &mut [Rate]) {
    for &value in &pass.insts {
        let inst = &kernel.def(value).inst;
        rates[value.0 as usize] = match (&pass.kind, inst) {
            (_, Inst::Store(..)) => Rate::None,
            (PassKind::Scalar, _) => Rate::Uniform,
            (_, Inst::Const(_) | Inst::Size(_)) => Rate::Uniform,
            (_, Inst::Coord(Loop::Lane)) => Rate::Lane,
            (_, Inst::Coord(_)) => Rate::Uniform,
            (_, Inst::Load(access)) if access.lane == Size::Const(0) => Rate::Uniform,
            (_, Inst::Load(_)) => Rate::Lane,
            (_, Inst::Reduce { lanes: true, .. }) => Rate::Uniform,
            (_, Inst::Reduce { lanes: false, .. }) => Rate::Lane,
            _ if inst.operands().all(|v| rates[v.0 as usize] == Rate::Uniform) => Rate::Uniform,
            _ => Rate::Lane,
        };
    }
}

/// Gives a kept row to each lane value that a later pass uses, and to each reduce over `seq` alone.
fn keep_rows(kernel: &Kernel, home: &[usize], plan: &mut Plan) {
    let mut keep = vec![false; kernel.values.len()];
    for (index, pass) in kernel.passes.iter().enumerate() {
        for &value in &pass.insts {
            let inst = &kernel.def(value).inst;
            if matches!(inst, Inst::Reduce { lanes: false, .. }) {
                keep[value.0 as usize] = true;
            }
            for operand in inst.operands() {
                let i = operand.0 as usize;
                let crosses = home[i] != index && plan.rates[i] == Rate::Lane;
                keep[i] |= crosses && !can_reload(kernel, operand);
            }
        }
    }
    for (i, _) in keep.iter().enumerate().filter(|(_, keep)| **keep) {
        plan.places[i] = Place::Kept(plan.kept.len());
        plan.kept.push(kernel.values[i].dtype.size() as u64);
    }
}

/// Whether a later pass may compute the value again: a lane index, or a load of a buffer that nobody writes.
fn can_reload(kernel: &Kernel, value: Value) -> bool {
    match &kernel.def(value).inst {
        Inst::Load(access) => !kernel.buffers[access.buffer as usize].written && access.seq.is_empty(),
        inst => is_rematerialized(inst),
    }
}

struct PassPlanner<'a> {
    kernel: &'a Kernel,
    index: usize,
    home: &'a [usize],
    plan: &'a mut Plan,
    phase_of: Vec<usize>,
}

impl PassPlanner<'_> {
    /// A lane value defined in this pass.
    fn is_local(&self, v: Value) -> bool {
        self.home[v.0 as usize] == self.index && self.plan.rates[v.0 as usize] == Rate::Lane
    }

    fn phases(&mut self, pass: &Pass) -> PassPlan {
        if pass.kind == PassKind::Scalar {
            return PassPlan { uniform: pass.insts.clone(), ..PassPlan::default() };
        }
        let mut planned = PassPlan::default();
        for &value in &pass.insts {
            let inst = &self.kernel.def(value).inst;
            if self.plan.rates[value.0 as usize] == Rate::Uniform && !matches!(inst, Inst::Reduce { .. }) {
                planned.uniform.push(value);
                continue;
            }
            let phase = inst.operands().filter(|&v| self.is_local(v)).map(|v| self.phase_of[v.0 as usize]).max();
            let phase = phase.unwrap_or(0);
            if planned.phases.len() < phase + 2 {
                planned.phases.resize_with(phase + 2, Phase::default);
            }
            let here = &mut planned.phases[phase];
            self.phase_of[value.0 as usize] = phase;
            if let Some(f) = math_of(inst) {
                here.calls.push(Call::Math(value, f));
                for v in inst.operands().filter(|v| self.plan.rates[v.0 as usize] == Rate::Uniform) {
                    if planned.spread.iter().all(|(spread, _)| *spread != v) {
                        planned.spread.push((v, 0));
                    }
                }
                self.phase_of[value.0 as usize] = phase + 1;
            } else if let Inst::Reduce { kind, value: operand, lanes: true } = inst {
                // A lane index is in no memory that a routine could read.
                let in_memory = !matches!(self.kernel.def(*operand).inst, Inst::Coord(_));
                match fold_of(*kind, self.kernel.def(*operand).dtype) {
                    Some(f) if self.plan.rates[operand.0 as usize] == Rate::Lane && in_memory => {
                        here.calls.push(Call::Fold(value, f))
                    }
                    _ => here.fused.push(value),
                }
            } else if !is_rematerialized(inst) {
                here.fused.push(value);
            }
        }
        planned
    }

    /// Gives slots to the values that cross phases, sharing slots between values that do not live together, and
    /// returns the bytes used. Time runs as: fused loop of phase 0, its calls one by one, fused loop of phase 1, …
    fn place_tiles(&mut self, planned: &mut PassPlan) -> u64 {
        let n = self.kernel.values.len();
        let (mut defined, mut last_use) = (vec![usize::MAX; n], vec![None; n]);
        let mut time = 0;
        for (index, phase) in planned.phases.iter().enumerate() {
            for &value in &phase.fused {
                defined[value.0 as usize] = time;
                for v in self.kernel.def(value).inst.operands().filter(|&v| self.is_local(v)) {
                    if defined[v.0 as usize] != time && !is_rematerialized(&self.kernel.def(v).inst) {
                        last_use[v.0 as usize] = Some(time);
                    }
                }
            }
            let fused = time;
            for call in &phase.calls {
                time += 1;
                let value = call.value();
                let local: Vec<Value> = self.kernel.def(value).inst.operands().filter(|&v| self.is_local(v)).collect();
                for v in local {
                    if !reads_buffer_directly(self.kernel, v) {
                        last_use[v.0 as usize] = Some(time);
                        // A load that a routine cannot take directly is saved by the fused loop before it.
                        if defined[v.0 as usize] == usize::MAX {
                            defined[v.0 as usize] = fused;
                            self.phase_of[v.0 as usize] = index;
                        }
                    }
                }
                if matches!(call, Call::Math(..)) {
                    defined[value.0 as usize] = time;
                    last_use[value.0 as usize].get_or_insert(time);
                }
            }
            time += 1;
        }
        let mut bytes = self.assign_slots(&defined, &last_use);
        for (value, slot) in &mut planned.spread {
            *slot = SCALAR_AREA + bytes;
            bytes += TILE as u64 * self.kernel.def(*value).dtype.size() as u64;
        }
        bytes
    }

    fn assign_slots(&mut self, defined: &[usize], last_use: &[Option<usize>]) -> u64 {
        let mut slots: Vec<(u64, Option<usize>)> = Vec::new();
        let mut order: Vec<usize> = (0..last_use.len()).filter(|&i| last_use[i].is_some()).collect();
        order.retain(|&i| self.plan.places[i] == Place::Loop);
        order.sort_by_key(|&i| (defined[i], i));
        for i in order {
            let def = &self.kernel.values[i];
            let bytes = TILE as u64 * def.dtype.size() as u64;
            // A routine may write over its operand; a fused loop may not write over what it reads.
            let in_place = math_of(&def.inst).is_some();
            let free = |busy: Option<usize>| {
                busy.is_none_or(|until| if in_place { until <= defined[i] } else { until < defined[i] })
            };
            let found = slots.iter().position(|&(size, busy)| size == bytes && free(busy));
            let slot = found.unwrap_or_else(|| {
                slots.push((bytes, None));
                slots.len() - 1
            });
            slots[slot].1 = last_use[i];
            self.plan.places[i] = Place::Slot(SCALAR_AREA + slots[..slot].iter().map(|s| s.0).sum::<u64>());
        }
        slots.iter().map(|s| s.0).sum()
    }

    /// Lists, for each phase, the values of its loop that must be written to memory.
    fn save_values(&self, planned: &mut PassPlan) {
        for i in 0..self.kernel.values.len() {
            let (value, inst) = (Value(i as u32), &self.kernel.values[i].inst);
            let in_memory = self.is_local(value) && self.plan.places[i] != Place::Loop;
            if in_memory && math_of(inst).is_none() && !matches!(inst, Inst::Reduce { .. }) {
                planned.phases[self.phase_of[i]].saved.push(value);
            }
        }
    }
}

/// When something happens at a grid point: pass, phase, then the fused loop (0) or the number of the call after it.
type Time = (usize, usize, usize);

/// Whether writing `written` over `read` (the same memory) cannot change what any load of `read` sees: every
/// access is at equal index, each grid point stores elements of its own, and nothing loads after the first store.
pub fn may_alias(kernel: &Kernel, read: u32, written: u32) -> bool {
    let plan = plan(kernel);
    let mut stores = Vec::new();
    for (p, pass) in kernel.passes.iter().enumerate() {
        for &v in &pass.insts {
            if let Inst::Store(access, _) = &kernel.def(v).inst
                && access.buffer == written
            {
                stores.push((times(&plan, p, |value| value == v).min().unwrap_or((p, 0, 0)), access));
            }
        }
    }
    let repeats = |len: &Size, stride: &Size| *stride == Size::Const(0) && *len != Size::Const(1);
    let own = |access: &Access| !kernel.grid.iter().zip(&access.grid).any(|(len, stride)| repeats(len, stride));
    let split = kernel.split.is_some();
    if !stores.iter().all(|(_, store)| own(store) && !(split && store.lane == Size::Const(0))) {
        return false;
    }
    let first_store = stores.iter().map(|&(time, _)| time).min();
    kernel.values.iter().enumerate().all(|(i, def)| {
        let Inst::Load(access) = &def.inst else { return true };
        if access.buffer != read {
            return true;
        }
        let equal_index = stores.iter().all(|(_, store)| {
            store.offset == access.offset
                && store.grid == access.grid
                && store.lane == access.lane
                && access.seq.is_empty()
        });
        let last = last_load(kernel, &plan, Value(i as u32));
        equal_index && last.is_none_or(|last| first_store.is_none_or(|first| last <= first))
    })
}

/// The times in a pass at which a value that passes `test` is computed.
fn times(plan: &Plan, pass: usize, test: impl Fn(Value) -> bool + Copy) -> impl Iterator<Item = Time> {
    plan.passes[pass].phases.iter().enumerate().flat_map(move |(ph, phase)| {
        let fused = phase.fused.iter().any(|&v| test(v)).then_some((pass, ph, 0));
        let calls = phase.calls.iter().enumerate().filter(move |(_, call)| test(call.value()));
        fused.into_iter().chain(calls.map(move |(k, _)| (pass, ph, 1 + k)))
    })
}

/// When a load is done last. A uniform load is done once, where it stands: before its pass's lanes.
fn last_load(kernel: &Kernel, plan: &Plan, load: Value) -> Option<Time> {
    if plan.rates[load.0 as usize] == Rate::Uniform {
        return kernel.passes.iter().position(|pass| pass.insts.contains(&load)).map(|pass| (pass, 0, 0));
    }
    let uses = |v: Value| kernel.def(v).inst.operands().any(|o| o == load);
    (0..plan.passes.len()).flat_map(|p| times(plan, p, uses)).max()
}
