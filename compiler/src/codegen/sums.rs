//! The accumulators of reductions, and how long sums keep their digits.
//!
//! A sum so far rounds each further term to its own last place, and terms that repeat in the same direction: a million
//! times 0.1 added to one f32 is 1 % off. So a sum over lanes goes tile by tile into an f64, and a sum over sequential
//! loops alone, which is a kept row, is added to a row of f64, its *total*, after each [`BLOCK`] turns or so if there are
//! more than that. The order depends on the lengths of the loops, not on whether these are known to the compiler.

use super::function::Emitter;
use super::ops::{Width, scalar_type};
use crate::kernel::{Inst, Kernel, Pass, PassKind, ReduceKind, Size, Value as KValue};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Value, types};
use cranelift_frontend::Variable;
use tracelift_runtime::DType;

/// Turns of sequential loops between two additions of a kept row to its total.
pub(super) const BLOCK: i64 = 256;

/// The totals of a pass while it is emitted.
#[derive(Clone, Copy)]
pub(super) struct Totals {
    /// Turns of sequential loops since kept rows were last added.
    turns: Variable,
    /// Whether there are more than [`BLOCK`] turns: else the kept rows are the results.
    is_long: Value,
}

/// The sums of a pass that have totals: over sequential loops alone that may have more than [`BLOCK`] turns.
pub(super) fn long_sums(kernel: &Kernel, pass: &Pass) -> Vec<KValue> {
    let PassKind::Lanes { seq } = &pass.kind else { return Vec::new() };
    let turns = seq.iter().try_fold(1i64, |turns, extent| match extent {
        Size::Const(n) => turns.checked_mul(*n),
        Size::Arg(_) => None,
    });
    if turns.is_some_and(|turns| turns <= BLOCK) {
        return Vec::new();
    }
    let is_sum = |v: &KValue| {
        let def = kernel.def(*v);
        matches!(def.inst, Inst::Reduce { kind: ReduceKind::Sum, lanes: false, .. }) && is_float(def.dtype)
    };
    pass.insts.iter().copied().filter(is_sum).collect()
}

fn is_float(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F64)
}

/// What results of this kind are accumulated in.
fn accumulated_in(kind: ReduceKind, dtype: DType) -> DType {
    if kind == ReduceKind::Sum && dtype == DType::F32 { DType::F64 } else { dtype }
}

impl Emitter<'_> {
    fn reduces(&self, pass: usize) -> Vec<(KValue, ReduceKind, bool)> {
        let kernel = self.kernel;
        let of = |&v: &KValue| match kernel.def(v).inst {
            Inst::Reduce { kind, lanes, .. } => Some((v, kind, lanes)),
            _ => None,
        };
        kernel.passes[pass].insts.iter().filter_map(of).collect()
    }

    pub fn start_accumulators(&mut self, pass: usize) {
        for (value, kind, lanes) in self.reduces(pass) {
            let dtype = self.kernel.def(value).dtype;
            if lanes {
                let wide = accumulated_in(kind, dtype);
                let identity = self.ops(Width::One).identity(kind, wide);
                let variable = self.b.declare_var(scalar_type(wide));
                self.b.def_var(variable, identity);
                self.accumulators[value.0 as usize] = Some(variable);
            } else {
                let identity = self.ops(Width::One).identity(kind, dtype);
                let row = self.place_address(value, None);
                self.fill_row(row, identity, dtype);
            }
        }
        self.start_totals(pass);
    }

    fn start_totals(&mut self, pass: usize) {
        let (plan, kernel) = (self.plan, self.kernel);
        let PassKind::Lanes { seq } = &kernel.passes[pass].kind else { return };
        if plan.passes[pass].totals.is_empty() {
            return;
        }
        let none = self.b.ins().iconst(types::I64, 0);
        let turns = self.b.declare_var(types::I64);
        self.b.def_var(turns, none);
        let mut all = self.b.ins().iconst(types::I64, 1);
        for &extent in seq {
            let extent = self.size(extent);
            all = self.b.ins().imul(all, extent);
        }
        let is_long = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThan, all, BLOCK);
        self.totals = Some(Totals { turns, is_long });
        self.when(is_long, &mut |e| {
            for &(_, row) in &plan.passes[pass].totals {
                let zero = e.ops(Width::One).identity(ReduceKind::Sum, DType::F64);
                e.fill_row(e.kept[row], zero, DType::F64);
            }
        });
    }

    /// Adds a tile's result, or a single one, to what a reduce over lanes has so far.
    pub fn accumulate(&mut self, reduce: KValue, kind: ReduceKind, part: Value, dtype: DType) {
        let variable = self.accumulators[reduce.0 as usize].expect("started with the pass");
        let (wide, old) = (accumulated_in(kind, dtype), self.b.use_var(variable));
        let mut ops = self.ops(Width::One);
        let part = if wide == dtype { part } else { ops.convert(part, dtype, wide) };
        let new = ops.combine(kind, old, part, wide);
        self.b.def_var(variable, new);
    }

    pub fn finish_accumulators(&mut self, pass: usize) {
        if let Some(Totals { is_long, .. }) = self.totals.take() {
            self.when(is_long, &mut |e| e.flush(pass, true));
        }
        for (value, kind, _) in self.reduces(pass).into_iter().filter(|(_, _, lanes)| *lanes) {
            let dtype = self.kernel.def(value).dtype;
            let variable = self.accumulators[value.0 as usize].expect("started with the pass");
            let (wide, total) = (accumulated_in(kind, dtype), self.b.use_var(variable));
            let result = if wide == dtype { total } else { self.ops(Width::One).convert(total, wide, dtype) };
            self.scalars[value.0 as usize] = Some(result);
        }
    }

    /// Counts turns of the innermost sequential loop, and flushes when they are enough.
    pub fn flush_if_due(&mut self, pass: usize, count: Value) {
        let Totals { turns, is_long } = self.totals.expect("started with the pass");
        let so_far = self.b.use_var(turns);
        let so_far = self.b.ins().iadd(so_far, count);
        self.b.def_var(turns, so_far);
        let is_enough = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, so_far, BLOCK);
        let is_due = self.b.ins().band(is_enough, is_long);
        self.when(is_due, &mut |e| {
            e.flush(pass, false);
            let none = e.b.ins().iconst(types::I64, 0);
            e.b.def_var(turns, none);
        });
    }

    /// `if condition { body }`
    fn when(&mut self, condition: Value, body: &mut dyn FnMut(&mut Self)) {
        let (then, after) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(condition, then, &[], after, &[]);
        self.b.switch_to_block(then);
        body(self);
        self.b.ins().jump(after, &[]);
        self.b.switch_to_block(after);
    }

    /// Adds the kept rows of long sums to their totals and starts them anew; at last they become the totals.
    fn flush(&mut self, pass: usize, is_last: bool) {
        let plan = self.plan;
        for &(value, row) in &plan.passes[pass].totals {
            let dtype = self.kernel.def(value).dtype;
            let (parts, totals) = (self.place_address(value, None), self.kept[row]);
            let mut from = self.b.ins().iconst(types::I64, 0);
            if dtype == DType::F32 && !is_last {
                from = self.flush_pairs(parts, totals, from);
            }
            self.counted_loop(from, self.lanes, 1, &mut |e, lane| {
                let (part_at, total_at) = (e.element_of(parts, lane, dtype), e.element_of(totals, lane, DType::F64));
                let mut ops = e.ops(Width::One);
                let (part, total) = (ops.load(dtype, part_at, 0), ops.load(DType::F64, total_at, 0));
                let part = if dtype == DType::F64 { part } else { ops.convert(part, dtype, DType::F64) };
                let total = ops.combine(ReduceKind::Sum, total, part, DType::F64);
                if is_last {
                    let result = if dtype == DType::F64 { total } else { ops.convert(total, DType::F64, dtype) };
                    ops.store(dtype, result, part_at, 0);
                } else {
                    ops.store(DType::F64, total, total_at, 0);
                    let none = ops.identity(ReduceKind::Sum, dtype);
                    ops.store(dtype, none, part_at, 0);
                }
            });
        }
    }

    /// The same for f32, two lanes at a time; gives the first lane that is left over.
    fn flush_pairs(&mut self, parts: Value, totals: Value, from: Value) -> Value {
        let limit = self.b.ins().iadd_imm_s(self.lanes, -1);
        self.counted_loop(from, limit, 2, &mut |e, lane| {
            let (part_at, total_at) = (e.element_of(parts, lane, DType::F32), e.element_of(totals, lane, DType::F64));
            let flags = MemFlagsData::new().with_notrap();
            let little = MemFlagsData::new().with_endianness(Endianness::Little);
            let pair = e.b.ins().load(types::F64, flags, part_at, 0);
            let pair = e.b.ins().scalar_to_vector(types::F64X2, pair);
            let pair = e.b.ins().bitcast(types::F32X4, little, pair);
            let pair = e.b.ins().fvpromote_low(pair);
            let total = e.b.ins().load(types::F64X2, flags, total_at, 0);
            let total = e.b.ins().fadd(total, pair);
            e.b.ins().store(flags, total, total_at, 0);
            let none = e.b.ins().iconst(types::I64, 0);
            e.b.ins().store(flags, none, part_at, 0);
        })
    }

    /// Writes one value to every lane of a row.
    fn fill_row(&mut self, row: Value, with: Value, dtype: DType) {
        let zero = self.b.ins().iconst(types::I64, 0);
        self.counted_loop(zero, self.lanes, 1, &mut |e, lane| {
            let at = e.element_of(row, lane, dtype);
            e.b.ins().store(MemFlagsData::new().with_notrap(), with, at, 0);
        });
    }

    fn element_of(&mut self, row: Value, lane: Value, dtype: DType) -> Value {
        let bytes = self.b.ins().ishl_imm_u(lane, i64::from(dtype.size().trailing_zeros()));
        self.b.ins().iadd(row, bytes)
    }
}
