//! The walk of one pass over its lanes: tiles, fused loops, calls. What one turn of a fused loop does is in [`super::turn`].
//!
//! A fused loop is emitted up to three times: four vectors at a time with the operations interleaved, one vector
//! at a time, and one lane at a time for the tail.

use super::function::Emitter;
use super::ops::Width;
use super::plan::{Call, Phase, Place, Plan, Rate, TILE};
use super::turn::{Body, emit, hoist};
use crate::kernel::{Inst, MathOp, Value as KValue};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use tracelift_runtime::DType;

/// Vectors in flight in the unrolled loop: hides latency within sixteen registers.
const UNROLL: usize = 4;

/// Lanes that a routine computes between requests for what comes next.
const PIECE: i64 = 128;

/// Turns of a sequential loop that one walk takes together: their sums stay in registers in between.
pub(super) const ROWS: i64 = 4;

/// Whether turns of the innermost sequential loop of a pass can be walked together: it is one fused loop.
pub(super) fn takes_rows_together(plan: &Plan, pass: usize) -> bool {
    let pass = &plan.passes[pass];
    matches!(&pass.phases[..], [phase] if phase.calls.is_empty() && phase.saved.is_empty()) && pass.spread.is_empty()
}

/// A pass in the making.
pub(super) struct Walk<'e, 'a> {
    pub e: &'e mut Emitter<'a>,
    pass: usize,
    /// First lane of the current tile, counted from the walk's first lane.
    pub tile: Option<Value>,
    /// Lanes of the current tile.
    pub count: Value,
    /// The same, where known.
    const_count: Option<i64>,
}

impl<'e, 'a> Walk<'e, 'a> {
    pub fn new(e: &'e mut Emitter<'a>, pass: usize) -> Self {
        let (count, const_count) = (e.lanes, e.const_lanes);
        Walk { e, pass, tile: None, count, const_count }
    }

    pub fn run(&mut self) {
        self.fill_spread_slots();
        if !self.e.plan.passes[self.pass].tiled || self.const_count.is_some_and(|n| n <= TILE) {
            return self.phases();
        }
        let (zero, total) = (self.e.b.ins().iconst(types::I64, 0), self.e.lanes);
        let pass = self.pass;
        let even = self.const_count.is_some_and(|n| n % TILE == 0);
        self.e.counted_loop(zero, total, TILE, &mut |e, tile| {
            let full = e.b.ins().iconst(types::I64, TILE);
            let mut count = full;
            if !even {
                let left = e.b.ins().isub(total, tile);
                let short = e.b.ins().icmp(IntCC::SignedLessThan, left, full);
                count = e.b.ins().select(short, left, full);
            }
            Walk { e, pass, tile: Some(tile), count, const_count: even.then_some(TILE) }.phases();
        });
    }

    /// Walks the lanes once for [`ROWS`] turns of the innermost sequential loop, from turn `first` on.
    pub fn run_rows(&mut self, first: Value) {
        let plan = self.e.plan;
        let phase = &plan.passes[self.pass].phases[0];
        let rows: Vec<Body<'_>> = (0..ROWS)
            .map(|row| {
                let index = self.e.b.ins().iadd_imm_s(first, row);
                self.e.seq.push(index);
                self.e.uniform_values(self.pass);
                let body = Body::new(self, phase);
                self.e.seq.pop();
                body
            })
            .collect();
        self.lane_loops(&rows);
    }

    /// Uniform operands of two-operand routines are written to whole tiles once.
    fn fill_spread_slots(&mut self) {
        let plan = self.e.plan;
        for &(value, slot) in &plan.passes[self.pass].spread {
            let dtype = self.e.kernel.def(value).dtype;
            let one = self.e.scalar(value);
            let base = self.e.slot_address(slot);
            let (zero, tile) = (self.e.b.ins().iconst(types::I64, 0), self.e.b.ins().iconst(types::I64, TILE));
            let short = self.e.b.ins().icmp(IntCC::SignedLessThan, self.count, tile);
            let limit = self.e.b.ins().select(short, self.count, tile);
            self.e.counted_loop(zero, limit, 1, &mut |e, index| {
                let bytes = e.b.ins().ishl_imm_u(index, i64::from(dtype.size().trailing_zeros()));
                let at = e.b.ins().iadd(base, bytes);
                e.b.ins().store(MemFlagsData::new().with_notrap(), one, at, 0);
            });
        }
    }

    fn phases(&mut self) {
        let plan = self.e.plan;
        for phase in &plan.passes[self.pass].phases {
            if !phase.fused.is_empty() || !phase.saved.is_empty() {
                self.fused_loop(phase);
            }
            for &call in &phase.calls {
                self.call(call);
            }
        }
    }

    // Calls.

    fn call(&mut self, call: Call) {
        let kernel = self.e.kernel;
        let def = kernel.def(call.value());
        match call {
            Call::Math(value, f) => {
                let mut runs = vec![self.e.place_address(value, self.tile)];
                for operand in def.inst.operands() {
                    runs.push(self.tile_address(operand));
                }
                let fetched = self.fetched(value);
                if !fetched.is_empty() {
                    return self.map_and_fetch(f, def.dtype, &runs, &fetched);
                }
                runs.push(self.count);
                self.e.call_map(f, def.dtype, &runs);
            }
            Call::Fold(value, f) => {
                let Inst::Reduce { kind, value: operand, .. } = def.inst else { unreachable!("a fold is a reduce") };
                let from = self.tile_address(operand);
                let part = self.e.call_fold(f, def.dtype, from, self.count);
                self.e.accumulate(value, kind, part, def.dtype);
            }
        }
    }

    /// Where the next tile begins of each load and store that is fetched while `value` is computed, and its element size.
    fn fetched(&mut self, value: KValue) -> Vec<(Value, usize)> {
        let (kernel, pass) = (self.e.kernel, &self.e.plan.passes[self.pass]);
        let mut found = Vec::new();
        for &(_, far) in pass.fetched.iter().filter(|(at, _)| *at == value) {
            let (Inst::Load(access) | Inst::Store(access, _), dtype) = (&kernel.def(far).inst, kernel.def(far).dtype)
            else {
                continue;
            };
            // Short rows follow each other, and other passes over this row find it in the caches.
            let ahead = match self.e.const_lanes {
                Some(lanes) if !kernel.grid.is_empty() && lanes <= 8 * TILE => lanes,
                _ => TILE,
            };
            let (index, size) = (self.e.element(access, self.tile), dtype.size());
            let here = self.e.address_of(access.buffer, index);
            found.push((self.e.b.ins().iadd_imm_s(here, ahead * size as i64), size));
        }
        found
    }

    /// A routine over the tile, piece by piece, with requests for what comes next in between: the CPU holds about a
    /// dozen requests at a time.
    fn map_and_fetch(&mut self, f: MathOp, dtype: DType, runs: &[Value], fetched: &[(Value, usize)]) {
        let (zero, count) = (self.e.b.ins().iconst(types::I64, 0), self.count);
        self.e.counted_loop(zero, count, PIECE, &mut |e, index| {
            let left = e.b.ins().isub(count, index);
            let piece = e.b.ins().iconst(types::I64, PIECE);
            let short = e.b.ins().icmp(IntCC::SignedLessThan, left, piece);
            let piece = e.b.ins().select(short, left, piece);
            let ahead = |e: &mut Emitter<'_>, base: Value, size: usize| {
                let bytes = e.b.ins().imul_imm_s(index, size as i64);
                e.b.ins().iadd(base, bytes)
            };
            for &(base, size) in fetched {
                let from = ahead(e, base, size);
                let bytes = e.b.ins().imul_imm_s(piece, size as i64);
                e.call_fetch(from, bytes);
            }
            let mut args: Vec<Value> = runs.iter().map(|&run| ahead(e, run, dtype.size())).collect();
            args.push(piece);
            e.call_map(f, dtype, &args);
        });
    }

    /// Where a routine finds the current tile of a value.
    fn tile_address(&mut self, value: KValue) -> Value {
        let kernel = self.e.kernel;
        match (self.e.plan.places[value.0 as usize], &kernel.def(value).inst) {
            _ if self.e.plan.rates[value.0 as usize] == Rate::Uniform => self.spread_slot(value),
            (Place::Loop, Inst::Load(access)) => self.e.run_address(value, access, self.tile, Some(self.count)),
            (Place::Loop, inst) => unreachable!("operand {inst:?} of a routine is neither in memory nor a load"),
            _ => self.e.place_address(value, self.tile),
        }
    }

    /// The slot that holds a uniform operand in every lane.
    fn spread_slot(&mut self, value: KValue) -> Value {
        let spread = &self.e.plan.passes[self.pass].spread;
        let slot = spread.iter().find(|(v, _)| *v == value).expect("planned as spread").1;
        self.e.slot_address(slot)
    }

    // Fused loops.

    fn fused_loop(&mut self, phase: &Phase) {
        let body = Body::new(self, phase);
        self.lane_loops(&[body]);
    }

    /// The loops over vectors and single lanes; each turn does all `bodies`, in order.
    fn lane_loops(&mut self, bodies: &[Body<'_>]) {
        let mut at = self.e.b.ins().iconst(types::I64, 0);
        if let Some(lane) = bodies[0].lane {
            let width = Width::Vector { lane };
            for unroll in [UNROLL, 1] {
                let step = width.lanes() * unroll as i64;
                if self.const_count.is_some_and(|n| n < step) {
                    continue;
                }
                let limit = self.e.b.ins().iadd_imm_s(self.count, 1 - step);
                let hoisted = hoist(self.e, bodies, width);
                at = self.e.counted_loop(at, limit, step, &mut |e, index| {
                    emit(e, bodies, width, unroll, index, &hoisted);
                });
                if self.const_count.is_some_and(|n| n % step == 0) {
                    return;
                }
            }
        }
        let hoisted = hoist(self.e, bodies, Width::One);
        self.e.counted_loop(at, self.count, 1, &mut |e, index| emit(e, bodies, Width::One, 1, index, &hoisted));
    }
}
