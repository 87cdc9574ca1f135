//! Emits a kernel's function: arguments, the grid loop, and for each grid point the passes.
//!
//! Start with [`emit`]. The walk over lanes is in [`super::walk`].

use super::ops::{Ops, Width, scalar_type};
use super::plan::{Plan, SCALAR_AREA, TILE};
use super::sums::{BLOCK, Totals};
use super::walk::{self, ROWS, Walk};
use crate::kernel::{Access, BinaryOp, Inst, Kernel, Loop, MathOp, PassKind, Size, UnaryOp, Value as KValue};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, Block, BlockArg, Function, InstBuilder, MemFlagsData, SigRef, Signature, UserFuncName, Value, types,
};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use smallvec::SmallVec;
use tracelift_runtime::DType;
use tracelift_runtime::kernels::tile::{FoldFn, Routine};

/// Emits `kernel` into `func`.
pub fn emit(kernel: &Kernel, plan: &Plan, isa: &dyn TargetIsa, func: &mut Function, cx: &mut FunctionBuilderContext) {
    func.name = UserFuncName::user(0, 0);
    func.signature = Signature::new(isa.default_call_conv());
    func.signature.params.extend([AbiParam::new(types::I64); 6]);
    func.signature.returns.push(AbiParam::new(types::I32));
    let mut b = FunctionBuilder::new(func, cx);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    let params = b.block_params(entry).to_vec();
    let mut e = Emitter::new(b, kernel, plan, isa, &params);
    e.grid_loop(params[4], params[5]);
    let status = match e.status {
        Some(status) => e.b.use_var(status),
        None => e.b.ins().iconst(types::I32, 0),
    };
    e.b.ins().return_(&[status]);
    e.finish_checks();
    e.b.seal_all_blocks();
    e.b.finalize(isa.frontend_config());
}

/// State of the emission of one kernel.
pub(super) struct Emitter<'a> {
    pub b: FunctionBuilder<'a>,
    pub kernel: &'a Kernel,
    pub plan: &'a Plan,
    pub status: Option<Variable>,
    /// Where accesses out of bounds end.
    pub refused: Option<Block>,
    isa: &'a dyn TargetIsa,
    buffers: Vec<Value>,
    sizes: Vec<Value>,
    routines: Value,
    scratch: Value,
    /// Base of each kept row.
    pub kept: Vec<Value>,
    /// Indices of the grid loops at the current point.
    pub grid: Vec<Value>,
    /// Indices of the pass's sequential loops.
    pub seq: Vec<Value>,
    /// First lane of the walk, and how many it has.
    pub first_lane: Value,
    pub lanes: Value,
    /// The number of lanes, where it is known and the same for all walks.
    pub const_lanes: Option<i64>,
    /// Values that are the same for all lanes.
    pub scalars: Vec<Option<Value>>,
    /// Accumulators of reduces over lanes.
    pub accumulators: Vec<Option<Variable>>,
    /// What the pass at hand knows of the totals of its long sums.
    pub totals: Option<Totals>,
    /// Signatures of routines that return nothing, by number of arguments.
    signatures: [Option<SigRef>; 5],
}

impl<'a> Emitter<'a> {
    fn new(
        mut b: FunctionBuilder<'a>,
        kernel: &'a Kernel,
        plan: &'a Plan,
        isa: &'a dyn TargetIsa,
        params: &[Value],
    ) -> Self {
        let table = MemFlagsData::trusted().with_readonly();
        let (buffers, sizes) = (params[0], params[1]);
        let load =
            |b: &mut FunctionBuilder<'_>, base: Value, i: usize| b.ins().load(types::I64, table, base, 8 * i as i32);
        let buffers = (0..kernel.buffers.len()).map(|i| load(&mut b, buffers, i)).collect();
        let sizes = (0..kernel.sizes as usize).map(|i| load(&mut b, sizes, i)).collect();
        let can_fail = kernel.can_fail();
        let status = can_fail.then(|| {
            let status = b.declare_var(types::I32);
            let zero = b.ins().iconst(types::I32, 0);
            b.def_var(status, zero);
            status
        });
        let zero = b.ins().iconst(types::I64, 0);
        let n = kernel.values.len();
        let mut e = Emitter {
            b,
            kernel,
            plan,
            status,
            refused: None,
            isa,
            buffers,
            sizes,
            routines: params[2],
            scratch: params[3],
            kept: Vec::new(),
            grid: Vec::new(),
            seq: Vec::new(),
            first_lane: zero,
            lanes: zero,
            const_lanes: None,
            scalars: vec![None; n],
            accumulators: vec![None; n],
            totals: None,
            signatures: [None; 5],
        };
        e.place_kept_rows();
        e
    }

    /// Kept rows follow the tile slots, each padded to 64 bytes.
    fn place_kept_rows(&mut self) {
        if self.plan.kept.is_empty() {
            return;
        }
        let lanes = match (self.kernel.split, self.kernel.lanes) {
            (Some(block), _) => self.b.ins().iconst(types::I64, i64::from(block)),
            (None, Some(size)) => self.size(size),
            (None, None) => self.b.ins().iconst(types::I64, 1),
        };
        let mut base = self.b.ins().iadd_imm_s(self.scratch, self.plan.kept_base as i64);
        for &element in &self.plan.kept {
            self.kept.push(base);
            let bytes = self.b.ins().imul_imm_s(lanes, element as i64);
            let padded = self.b.ins().iadd_imm_s(bytes, 63);
            let padded = self.b.ins().band_imm_s(padded, -64);
            base = self.b.ins().iadd(base, padded);
        }
    }

    /// A size as i64.
    pub fn size(&mut self, size: Size) -> Value {
        match size {
            Size::Const(c) => self.b.ins().iconst(types::I64, c),
            Size::Arg(k) => self.sizes[k as usize],
        }
    }

    /// Emits operations on single values.
    pub fn ops(&mut self, width: Width) -> Ops<'_, 'a> {
        Ops { b: &mut self.b, width, status: self.status }
    }

    /// Runs the passes for each grid point of `begin..end`, keeping the loop indices by carrying, not dividing.
    fn grid_loop(&mut self, begin: Value, end: Value) {
        let mut extents: Vec<Value> = Vec::new();
        for &size in &self.kernel.grid {
            let extent = self.size(size);
            extents.push(extent);
        }
        let total = self.kernel.lanes.map(|s| self.size(s));
        if let (Some(block), Some(total)) = (self.kernel.split, total) {
            let rounded = self.b.ins().iadd_imm_s(total, i64::from(block) - 1);
            extents.push(self.b.ins().udiv_imm_s(rounded, i64::from(block)));
        }
        let (head, done) = (self.b.create_block(), self.b.create_block());
        self.b.append_block_param(head, types::I64);
        let mut start = vec![BlockArg::from(begin)];
        let any = self.b.ins().icmp(IntCC::SignedLessThan, begin, end);
        let decompose = self.b.create_block();
        self.b.ins().brif(any, decompose, &[], done, &[]);
        self.b.switch_to_block(decompose);
        let mut rest = begin;
        let mut indices = vec![rest; extents.len()];
        for (k, &extent) in extents.iter().enumerate().rev() {
            indices[k] = rest;
            if k > 0 {
                indices[k] = self.b.ins().urem(rest, extent);
                rest = self.b.ins().udiv(rest, extent);
            }
        }
        for &index in &indices {
            self.b.append_block_param(head, types::I64);
            start.push(index.into());
        }
        self.b.ins().jump(head, &start);
        self.b.switch_to_block(head);
        let params = self.b.block_params(head).to_vec();
        self.grid = params[1..].to_vec();
        self.set_lanes(total);
        self.passes();
        self.next_point(head, done, params[0], end, &extents);
        self.b.switch_to_block(done);
    }

    fn set_lanes(&mut self, total: Option<Value>) {
        let Some(total) = total else { return };
        (self.lanes, self.const_lanes) = match self.kernel.lanes {
            Some(Size::Const(c)) if self.kernel.split.is_none() => (total, Some(c)),
            _ => (total, None),
        };
        if let Some(block) = self.kernel.split {
            let index = self.grid.pop().expect("the block loop");
            self.first_lane = self.b.ins().imul_imm_s(index, i64::from(block));
            let left = self.b.ins().isub(total, self.first_lane);
            let block = self.b.ins().iconst(types::I64, i64::from(block));
            let short = self.b.ins().icmp(IntCC::SignedLessThan, left, block);
            self.lanes = self.b.ins().select(short, left, block);
            self.grid.push(index);
        }
    }

    fn next_point(&mut self, head: Block, done: Block, point: Value, end: Value, extents: &[Value]) {
        let next = self.b.ins().iadd_imm_s(point, 1);
        let mut args = vec![BlockArg::from(next)];
        let mut carry = None;
        let mut indices = self.grid.clone();
        for k in (0..extents.len()).rev() {
            let moved = match carry {
                None => self.b.ins().iadd_imm_s(indices[k], 1),
                Some(carry) => {
                    let wide = self.b.ins().uextend(types::I64, carry);
                    self.b.ins().iadd(indices[k], wide)
                }
            };
            indices[k] = moved;
            if k > 0 {
                let over = self.b.ins().icmp(IntCC::Equal, moved, extents[k]);
                let zero = self.b.ins().iconst(types::I64, 0);
                indices[k] = self.b.ins().select(over, zero, moved);
                carry = Some(over);
            }
        }
        args.extend(indices.into_iter().map(BlockArg::from));
        let more = self.b.ins().icmp(IntCC::SignedLessThan, next, end);
        self.b.ins().brif(more, head, &args, done, &[]);
    }

    fn passes(&mut self) {
        for index in 0..self.kernel.passes.len() {
            self.seq.clear();
            let kernel = self.kernel;
            match &kernel.passes[index].kind {
                PassKind::Scalar => self.uniform_values(index),
                PassKind::Lanes { seq } => {
                    self.start_accumulators(index);
                    self.seq_loops(index, seq);
                    self.finish_accumulators(index);
                }
            }
        }
    }

    fn seq_loops(&mut self, pass: usize, seq: &[Size]) {
        let Some((&extent, inner)) = seq.split_first() else { return self.lanes_once(pass) };
        let (zero, limit) = (self.b.ins().iconst(types::I64, 0), self.size(extent));
        let depth = self.seq.len();
        if !inner.is_empty() {
            self.counted_loop(zero, limit, 1, &mut |e, index| {
                e.seq.truncate(depth);
                e.seq.push(index);
                e.seq_loops(pass, inner);
            });
            return;
        }
        let is_even = matches!(extent, Size::Const(n) if n % ROWS == 0);
        if self.plan.passes[pass].totals.is_empty() {
            return self.turns(pass, zero, limit, is_even);
        }
        self.counted_loop(zero, limit, BLOCK, &mut |e, first| {
            e.seq.truncate(depth);
            let end = e.b.ins().iadd_imm_s(first, BLOCK);
            let short = e.b.ins().icmp(IntCC::SignedLessThan, limit, end);
            let end = e.b.ins().select(short, limit, end);
            e.turns(pass, first, end, is_even);
            let count = e.b.ins().isub(end, first);
            e.flush_if_due(pass, count);
        });
    }

    /// Turns of the innermost sequential loop, [`ROWS`] at a time where that can be; `is_even` if none are left over.
    fn turns(&mut self, pass: usize, mut from: Value, limit: Value, is_even: bool) {
        let depth = self.seq.len();
        if walk::takes_rows_together(self.plan, pass) {
            let last = self.b.ins().iadd_imm_s(limit, 1 - ROWS);
            from = self.counted_loop(from, last, ROWS, &mut |e, index| {
                e.seq.truncate(depth);
                Walk::new(e, pass).run_rows(index);
            });
            if is_even {
                return;
            }
        }
        self.counted_loop(from, limit, 1, &mut |e, index| {
            e.seq.truncate(depth);
            e.seq.push(index);
            e.lanes_once(pass);
        });
    }

    fn lanes_once(&mut self, pass: usize) {
        self.uniform_values(pass);
        Walk::new(self, pass).run();
    }

    /// `for i in (from..limit).step_by(step)`, tested at the bottom; returns the index after the loop.
    pub fn counted_loop(
        &mut self,
        from: Value,
        limit: Value,
        step: i64,
        body: &mut dyn FnMut(&mut Self, Value),
    ) -> Value {
        let (head, exit) = (self.b.create_block(), self.b.create_block());
        let index = self.b.append_block_param(head, types::I64);
        let after = self.b.append_block_param(exit, types::I64);
        let any = self.b.ins().icmp(IntCC::SignedLessThan, from, limit);
        self.b.ins().brif(any, head, &[from.into()], exit, &[from.into()]);
        self.b.switch_to_block(head);
        body(self, index);
        let next = self.b.ins().iadd_imm_s(index, step);
        let more = self.b.ins().icmp(IntCC::SignedLessThan, next, limit);
        self.b.ins().brif(more, head, &[next.into()], exit, &[next.into()]);
        self.b.switch_to_block(exit);
        after
    }

    /// Computes the uniform values of a pass (all of them, for a scalar pass).
    pub fn uniform_values(&mut self, pass: usize) {
        let plan = self.plan;
        for &value in &plan.passes[pass].uniform {
            let result = self.uniform(value);
            self.scalars[value.0 as usize] = result;
        }
    }

    /// A uniform value that was computed before.
    pub fn scalar(&self, value: KValue) -> Value {
        self.scalars[value.0 as usize]
            .unwrap_or_else(|| panic!("{value} is used before it is computed in {}", self.kernel))
    }

    fn uniform(&mut self, value: KValue) -> Option<Value> {
        let kernel = self.kernel;
        let def = kernel.def(value);
        let dtype = def.dtype;
        Some(match &def.inst {
            Inst::Const(bits) => self.ops(Width::One).constant(*bits, dtype),
            Inst::Size(size) => self.size(*size),
            Inst::Coord(at) => self.coordinate(*at),
            Inst::Load(access) => {
                let address = self.run_address(value, access, None, None);
                self.ops(Width::One).load(dtype, address, 0)
            }
            Inst::Unary(UnaryOp::Math(f), x) => self.scalar_math(*f, &[*x], dtype),
            Inst::Binary(BinaryOp::Math(f), x, y) => self.scalar_math(*f, &[*x, *y], dtype),
            Inst::Store(access, x) => {
                let (x, address) = (self.scalar(*x), self.run_address(value, access, None, None));
                self.ops(Width::One).store(dtype, x, address, 0);
                return None;
            }
            inst => {
                let found: SmallVec<[(KValue, Value); 3]> = inst.operands().map(|v| (v, self.scalar(v))).collect();
                let operand = |v: KValue| found.iter().find(|(o, _)| *o == v).expect("an operand").1;
                apply(&mut self.ops(Width::One), kernel, inst, dtype, operand)
            }
        })
    }

    fn coordinate(&mut self, at: Loop) -> Value {
        match at {
            Loop::Grid(k) => self.grid[k as usize],
            Loop::Seq(k) => self.seq[k as usize],
            Loop::Lane => self.b.ins().iconst(types::I64, 0),
        }
    }

    /// A transcendental of single values, by its routine.
    fn scalar_math(&mut self, f: MathOp, operands: &[KValue], dtype: DType) -> Value {
        for (i, &x) in operands.iter().enumerate() {
            let x = self.scalar(x);
            self.b.ins().store(MemFlagsData::trusted(), x, self.scratch, 8 * i as i32);
        }
        let mut args = vec![self.scratch];
        for i in 0..operands.len() {
            args.push(self.b.ins().iadd_imm_s(self.scratch, 8 * i as i64));
        }
        args.push(self.b.ins().iconst(types::I64, 1));
        self.call_map(f, dtype, &args);
        self.b.ins().load(scalar_type(dtype), MemFlagsData::trusted(), self.scratch, 0)
    }

    /// Calls the map routine of `f` with (destination, operands…, count).
    pub fn call_map(&mut self, f: MathOp, dtype: DType, args: &[Value]) {
        self.call_routine(Routine::Math(f, dtype), args);
    }

    /// Asks for cache lines that will be loaded soon.
    pub fn call_fetch(&mut self, from: Value, bytes: Value) {
        self.call_routine(Routine::Fetch, &[from, bytes]);
    }

    /// Calls a routine that returns nothing.
    fn call_routine(&mut self, routine: Routine, args: &[Value]) {
        let signature = self.signatures[args.len()].unwrap_or_else(|| {
            let mut signature = Signature::new(self.isa.default_call_conv());
            signature.params.extend(args.iter().map(|_| AbiParam::new(types::I64)));
            self.b.import_signature(signature)
        });
        self.signatures[args.len()] = Some(signature);
        let target = self.routine(routine);
        self.b.ins().call_indirect(signature, target, args);
    }

    /// Calls a fold routine.
    pub fn call_fold(&mut self, f: FoldFn, dtype: DType, from: Value, count: Value) -> Value {
        let mut signature = Signature::new(self.isa.default_call_conv());
        signature.params.extend([AbiParam::new(types::I64); 2]);
        signature.returns.push(AbiParam::new(scalar_type(dtype)));
        let signature = self.b.import_signature(signature);
        let target = self.routine(Routine::Fold(f, dtype));
        let call = self.b.ins().call_indirect(signature, target, &[from, count]);
        self.b.inst_results(call)[0]
    }

    fn routine(&mut self, routine: Routine) -> Value {
        let offset = 8 * routine.id() as i32;
        self.b.ins().load(types::I64, MemFlagsData::trusted().with_readonly(), self.routines, offset)
    }

    /// The element of an access at the current grid point, `seq` indices and first lane, plus `lane` lanes; None is
    /// the buffer's first.
    pub fn element(&mut self, access: &Access, lane: Option<Value>) -> Option<Value> {
        let mut index = match access.offset {
            Size::Const(0) => None,
            offset => Some(self.size(offset)),
        };
        let terms: Vec<(Size, Value)> = (access.grid.iter().copied().zip(self.grid.iter().copied()))
            .chain(access.seq.iter().copied().zip(self.seq.iter().copied()))
            .chain(self.kernel.split.map(|_| (access.lane, self.first_lane)))
            .chain(self.kernel.split.map(|_| (access.block, self.grid[self.grid.len() - 1])))
            .chain(lane.map(|lane| (access.lane, lane)))
            .collect();
        for (stride, at) in terms {
            let term = match stride {
                Size::Const(0) => continue,
                Size::Const(1) => at,
                Size::Const(c) => self.b.ins().imul_imm_s(at, c),
                stride => {
                    let stride = self.size(stride);
                    self.b.ins().imul(at, stride)
                }
            };
            index = Some(index.map_or(term, |sum| self.b.ins().iadd(sum, term)));
        }
        index
    }

    /// The address of an element of a buffer; None is its first.
    pub fn address_of(&mut self, buffer: u32, index: Option<Value>) -> Value {
        let base = self.buffers[buffer as usize];
        let Some(index) = index else { return base };
        let size = self.kernel.buffers[buffer as usize].dtype.size();
        let bytes = self.b.ins().ishl_imm_u(index, i64::from(size.trailing_zeros()));
        self.b.ins().iadd(base, bytes)
    }

    /// The address of a slot.
    pub fn slot_address(&mut self, offset: u64) -> Value {
        self.b.ins().iadd_imm_s(self.scratch, offset as i64)
    }

    /// The address of a value's slot, or of its kept row from `lane` on.
    pub fn place_address(&mut self, value: KValue, lane: Option<Value>) -> Value {
        match self.plan.places[value.0 as usize] {
            super::plan::Place::Slot(offset) => self.slot_address(offset),
            super::plan::Place::Kept(row) => {
                let base = self.kept[row];
                let Some(lane) = lane else { return base };
                let shift = self.kernel.def(value).dtype.size().trailing_zeros();
                let bytes = self.b.ins().ishl_imm_u(lane, i64::from(shift));
                self.b.ins().iadd(base, bytes)
            }
            super::plan::Place::Loop => unreachable!("a value without a place has no address"),
        }
    }
}

/// Applies a cheap operation to operands that `operand` finds.
pub(super) fn apply(
    ops: &mut Ops<'_, '_>,
    kernel: &Kernel,
    inst: &Inst,
    dtype: DType,
    mut operand: impl FnMut(KValue) -> Value,
) -> Value {
    match *inst {
        Inst::Unary(op, x) => {
            let x = operand(x);
            ops.unary(op, x, dtype)
        }
        Inst::Binary(op, x, y) => {
            let (x, y) = (operand(x), operand(y));
            ops.binary(op, x, y, dtype)
        }
        Inst::Compare(op, x, y) => {
            let of = kernel.def(x).dtype;
            let (x, y) = (operand(x), operand(y));
            ops.compare(op, x, y, of)
        }
        Inst::Select(c, x, y) => {
            let (c, x, y) = (operand(c), operand(x), operand(y));
            ops.choose(c, x, y)
        }
        Inst::Convert(x) => {
            let from = kernel.def(x).dtype;
            let x = operand(x);
            ops.convert(x, from, dtype)
        }
        Inst::Bitcast(x) => {
            let x = operand(x);
            ops.bitcast(x, dtype)
        }
        _ => unreachable!("sources, reduces and stores are emitted where they stand"),
    }
}

const _: () = assert!(SCALAR_AREA >= 16 && TILE % 16 == 0);
