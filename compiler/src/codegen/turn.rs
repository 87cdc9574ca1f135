//! One turn of a fused loop: a few vectors, or a single lane, of every operation of a phase.
//!
//! A [`Body`] is what the loop knows before it starts: addresses, uniform operands, the lane size. [`emit`] makes one turn
//! of one body or of several, whose sums stay in registers in between.

use super::function::{Emitter, apply};
use super::isa;
use super::ops::{Width, vector_lane};
use super::plan::{Phase, Place, Rate, is_rematerialized};
use super::walk::Walk;
use crate::kernel::{BinaryOp, Inst, Loop, ReduceKind, Size, Value as KValue};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use std::collections::HashMap;
use tracelift_runtime::DType;

/// Uniform values and constants that are kept in registers around a loop; others are made anew in each turn.
const HOISTED: usize = 6;

/// Addresses from which a fused loop counts: one for each load, saved value and store.
type Bases = HashMap<KValue, Value>;

/// Uniform values of each body for the loop's width, made before the loop as far as registers allow.
pub(super) fn hoist(e: &mut Emitter<'_>, bodies: &[Body<'_>], width: Width) -> Vec<HashMap<KValue, Value>> {
    let take = if width == Width::One { usize::MAX } else { HOISTED / bodies.len() };
    let kernel = e.kernel;
    let mut of_body = |body: &Body<'_>| {
        let uniforms = body.uniforms.iter().take(take);
        uniforms.map(|&(v, one)| (v, e.ops(width).splat(one, kernel.def(v).dtype))).collect()
    };
    bodies.iter().map(&mut of_body).collect()
}

/// One turn of all bodies: `unroll` vectors from lane `index` of the tile. Sums over the bodies stay in registers.
pub(super) fn emit(
    e: &mut Emitter<'_>,
    bodies: &[Body<'_>],
    width: Width,
    unroll: usize,
    index: Value,
    hoisted: &[HashMap<KValue, Value>],
) {
    let mut sums = HashMap::new();
    for (at, (body, hoisted)) in bodies.iter().zip(hoisted).enumerate() {
        let (values, addresses) = (HashMap::new(), HashMap::new());
        let mut turn = Turn { body, e, width, unroll, index, hoisted, values, sums, addresses };
        for &v in &body.phase.fused {
            turn.operation(v);
        }
        for &v in &body.phase.saved {
            turn.save(v);
        }
        // Stores come last: a buffer may be read and written at equal index.
        for &v in &body.phase.fused {
            turn.store(v);
        }
        if at + 1 == bodies.len() {
            turn.store_sums();
        }
        sums = turn.sums;
    }
}

/// What one turn of a fused loop does.
pub(super) struct Body<'p> {
    phase: &'p Phase,
    /// Sources (loads, slots, rows) and saved values and stores, with their base addresses.
    bases: Bases,
    /// Uniform operands, in order of first use, as single values.
    uniforms: Vec<(KValue, Value)>,
    /// Lane size, if the loop can be vectors.
    pub lane: Option<u8>,
    first_lane: Value,
    /// Sums of products that have no other use: added without rounding the product first.
    products: HashMap<KValue, KValue>,
}

impl<'p> Body<'p> {
    pub fn new(walk: &mut Walk<'_, '_>, phase: &'p Phase) -> Self {
        let (kernel, plan) = (walk.e.kernel, walk.e.plan);
        let mut sources: Vec<KValue> = Vec::new();
        let mut uniforms: Vec<KValue> = Vec::new();
        let mut involved: Vec<KValue> = phase.fused.clone();
        let in_phase = |v: KValue| phase.fused.contains(&v);
        let needed = phase.fused.iter().flat_map(|&v| kernel.def(v).inst.operands()).chain(phase.saved.iter().copied());
        for v in needed {
            let list = match plan.rates[v.0 as usize] {
                Rate::Uniform => &mut uniforms,
                _ if in_phase(v) => continue,
                _ => &mut sources,
            };
            if !list.contains(&v) {
                list.push(v);
            }
        }
        involved.extend(sources.iter().copied().filter(|&v| !is_lane_index(&kernel.def(v).inst)));
        let converts_index = |v: &KValue| match &kernel.def(*v).inst {
            Inst::Convert(x) => is_lane_index(&kernel.def(*x).inst) && kernel.def(*v).dtype.size() == 4,
            _ => false,
        };
        let index_used_raw = phase
            .fused
            .iter()
            .any(|v| !converts_index(v) && kernel.def(*v).inst.operands().any(|o| is_lane_index(&kernel.def(o).inst)));
        let checked = involved.iter().copied().filter(|v| !converts_index(v));
        let lane = if index_used_raw { None } else { vector_lane(kernel, checked) };
        let lane = lane.filter(|&l| l == 4 || !involved.iter().any(converts_index));
        let mut bases = Bases::new();
        for &v in &sources {
            if let Some(base) = source_base(walk, v) {
                bases.insert(v, base);
            }
        }
        for &v in &phase.saved {
            let base = walk.e.place_address(v, walk.tile);
            // A saved load has two addresses: it is read through its own entry below.
            if !sources.contains(&v) {
                bases.insert(v, base);
            }
        }
        for &v in &phase.fused {
            match &kernel.def(v).inst {
                Inst::Store(access, _) => {
                    bases.insert(v, walk.e.run_address(v, access, walk.tile, Some(walk.count)));
                }
                Inst::Reduce { lanes: false, .. } => {
                    bases.insert(v, walk.e.place_address(v, walk.tile));
                }
                _ => {}
            }
        }
        let mut first_lane = walk.e.first_lane;
        if let Some(tile) = walk.tile {
            first_lane = walk.e.b.ins().iadd(first_lane, tile);
        }
        let uniforms = uniforms.into_iter().map(|v| (v, walk.e.scalar(v))).collect();
        let products = products(walk.e, phase);
        Body { phase, bases, uniforms, lane, first_lane, products }
    }

    fn uniform(&self, v: KValue) -> Value {
        self.uniforms.iter().find(|(u, _)| *u == v).expect("an operand of the loop").1
    }
}

struct Turn<'t, 'e, 'a> {
    body: &'t Body<'t>,
    e: &'e mut Emitter<'a>,
    width: Width,
    unroll: usize,
    index: Value,
    hoisted: &'t HashMap<KValue, Value>,
    values: HashMap<KValue, Vec<Value>>,
    /// Reduces over sequential loops, so far.
    sums: HashMap<KValue, Vec<Value>>,
    /// Where the turn begins in contiguous runs, by base and element size.
    addresses: HashMap<(Value, usize), Value>,
}

impl Turn<'_, '_, '_> {
    fn operation(&mut self, v: KValue) {
        let kernel = self.e.kernel;
        let def = kernel.def(v);
        match &def.inst {
            Inst::Store(..) => {}
            _ if self.body.products.values().any(|&product| product == v) => {}
            Inst::Reduce { lanes: false, .. } if self.body.products.contains_key(&v) => self.add_product(v),
            Inst::Reduce { kind, value, lanes } => {
                let parts = self.operand(*value);
                if !*lanes {
                    let sums = self.sums.remove(&v).unwrap_or_else(|| self.load_sums(v));
                    let add = |(old, part)| self.e.ops(self.width).combine(*kind, old, part, def.dtype);
                    let sums = sums.into_iter().zip(parts).map(add).collect();
                    self.sums.insert(v, sums);
                    return;
                }
                for part in parts {
                    self.e.accumulate(v, *kind, part, def.dtype);
                }
            }
            Inst::Convert(x) if is_lane_index(&kernel.def(*x).inst) && self.width != Width::One => {
                let made = (0..self.unroll).map(|u| self.lane_index_as(def.dtype, u)).collect();
                self.values.insert(v, made);
            }
            inst => {
                let lists: HashMap<KValue, Vec<Value>> = inst.operands().map(|o| (o, self.operand(o))).collect();
                let made = (0..self.unroll)
                    .map(|u| apply(&mut self.e.ops(self.width), kernel, inst, def.dtype, |o| lists[&o][u]))
                    .collect();
                self.values.insert(v, made);
            }
        }
    }

    /// Adds a product to the sum `v` with one rounding.
    fn add_product(&mut self, v: KValue) {
        let kernel = self.e.kernel;
        let Inst::Binary(_, x, y) = kernel.def(self.body.products[&v]).inst else {
            unreachable!("a product is an operation on two values")
        };
        let (x, y) = (self.operand(x), self.operand(y));
        let sums = self.sums.remove(&v).unwrap_or_else(|| self.load_sums(v));
        let add = |(u, sum)| self.e.b.ins().fma(x[u], y[u], sum);
        let sums = sums.into_iter().enumerate().map(add).collect();
        self.sums.insert(v, sums);
    }

    /// The kept row of a reduce over sequential loops.
    fn load_sums(&mut self, v: KValue) -> Vec<Value> {
        let dtype = self.e.kernel.def(v).dtype;
        let unroll = self.unroll;
        let load = |u| {
            let (at, offset) = self.contiguous(self.body.bases[&v], dtype, u);
            self.e.ops(self.width).load(dtype, at, offset)
        };
        (0..unroll).map(load).collect()
    }

    fn store_sums(&mut self) {
        let kernel = self.e.kernel;
        for &v in &self.body.phase.fused {
            let Some(sums) = self.sums.remove(&v) else { continue };
            let dtype = kernel.def(v).dtype;
            for (u, sum) in sums.into_iter().enumerate() {
                let (at, offset) = self.contiguous(self.body.bases[&v], dtype, u);
                self.e.ops(self.width).store(dtype, sum, at, offset);
            }
        }
    }

    /// A value's vectors: computed in this turn, or loaded, or spread.
    fn operand(&mut self, v: KValue) -> Vec<Value> {
        if let Some(known) = self.values.get(&v) {
            return known.clone();
        }
        let kernel = self.e.kernel;
        let (def, rate) = (kernel.def(v), self.e.plan.rates[v.0 as usize]);
        if rate == Rate::Uniform {
            let value = match self.hoisted.get(&v) {
                Some(&value) => value,
                None => {
                    let one = match def.inst {
                        Inst::Const(bits) => self.e.ops(Width::One).constant(bits, def.dtype),
                        _ => self.body.uniform(v),
                    };
                    self.e.ops(self.width).splat(one, def.dtype)
                }
            };
            return vec![value; self.unroll];
        }
        let made: Vec<Value> = (0..self.unroll).map(|u| self.source(v, u)).collect();
        self.values.insert(v, made.clone());
        made
    }

    /// Vector `u` of a load, a slot, a kept row or the lane index.
    fn source(&mut self, v: KValue, u: usize) -> Value {
        let kernel = self.e.kernel;
        let def = kernel.def(v);
        match &def.inst {
            Inst::Coord(Loop::Lane) => {
                let index = self.e.b.ins().iadd(self.index, self.body.first_lane);
                self.e.b.ins().iadd_imm_s(index, u as i64)
            }
            Inst::Load(access) if access.lane != Size::Const(1) && !self.is_in_row(v) => {
                self.strided_load(v, access.lane, def.dtype, u)
            }
            _ => {
                let (at, offset) = self.contiguous(self.body.bases[&v], def.dtype, u);
                self.e.ops(self.width).load(def.dtype, at, offset)
            }
        }
    }

    /// Whether a load is read from the row that an earlier pass saved it to. A slot is for a routine: loops read the
    /// buffer, also before the slot is filled.
    fn is_in_row(&self, v: KValue) -> bool {
        !matches!(self.e.plan.places[v.0 as usize], Place::Loop | Place::Slot(_))
    }

    fn strided_load(&mut self, v: KValue, stride: Size, dtype: DType, u: usize) -> Value {
        let base = self.body.bases[&v];
        let lanes = self.width.lanes();
        let mut vector = None;
        for lane in 0..lanes {
            let (at, offset) = self.strided(base, stride, dtype, u as i64 * lanes + lane);
            let one = self.e.ops(Width::One).load(dtype, at, offset);
            if self.width == Width::One {
                return one;
            }
            let one_lane = self.widen_bool(one, dtype);
            let ty = self.width.ty(dtype);
            vector = Some(match vector {
                None => self.e.b.ins().splat(ty, one_lane),
                Some(so_far) => self.e.b.ins().insertlane(so_far, one_lane, lane as u8),
            });
        }
        vector.expect("a vector has lanes")
    }

    /// Address and displacement of the element `ahead` of the turn's first lane.
    fn strided(&mut self, base: Value, stride: Size, dtype: DType, ahead: i64) -> (Value, i32) {
        let size = dtype.size() as i64;
        if let Size::Const(c) = stride
            && let Ok(offset) = i32::try_from(ahead * c * size)
        {
            let bytes = self.e.b.ins().imul_imm_s(self.index, c * size);
            return (self.e.b.ins().iadd(base, bytes), offset);
        }
        let stride = self.e.size(stride);
        let index = self.e.b.ins().iadd_imm_s(self.index, ahead);
        let elements = self.e.b.ins().imul(index, stride);
        let bytes = self.e.b.ins().ishl_imm_u(elements, i64::from(size.trailing_zeros()));
        (self.e.b.ins().iadd(base, bytes), 0)
    }

    /// A single bool as a lane of a mask; other values as they are.
    fn widen_bool(&mut self, one: Value, dtype: DType) -> Value {
        if dtype != DType::Bool {
            return one;
        }
        let ty = if self.width.lanes() == 4 { types::I32 } else { types::I64 };
        let wide = self.e.b.ins().uextend(ty, one);
        self.e.b.ins().ineg(wide)
    }

    /// The lane index of vector `u` converted to a 4-byte dtype.
    fn lane_index_as(&mut self, dtype: DType, u: usize) -> Value {
        let first = self.e.b.ins().iadd(self.index, self.body.first_lane);
        let first = self.e.b.ins().iadd_imm_s(first, u as i64 * self.width.lanes());
        let first = self.e.b.ins().ireduce(types::I32, first);
        let mut lanes = self.e.b.ins().splat(types::I32X4, first);
        for lane in 1..4u8 {
            let at = self.e.b.ins().iadd_imm_s(first, i64::from(lane));
            lanes = self.e.b.ins().insertlane(lanes, at, lane);
        }
        self.e.ops(self.width).convert(lanes, DType::I32, dtype)
    }

    /// Address and displacement of vector `u` of a contiguous run.
    fn contiguous(&mut self, base: Value, dtype: DType, u: usize) -> (Value, i32) {
        let size = dtype.size();
        let at = *self.addresses.entry((base, size)).or_insert_with(|| {
            let bytes = self.e.b.ins().ishl_imm_u(self.index, i64::from(size.trailing_zeros()));
            self.e.b.ins().iadd(base, bytes)
        });
        (at, (u as i64 * self.width.lanes()) as i32 * size as i32)
    }

    fn save(&mut self, v: KValue) {
        let dtype = self.e.kernel.def(v).dtype;
        let parts = self.operand(v);
        let base = match self.body.bases.get(&v) {
            Some(&base) if !matches!(self.e.kernel.def(v).inst, Inst::Load(_)) => base,
            // Only slots save loads, and their address does not depend on the tile.
            _ => self.e.place_address(v, None),
        };
        for (u, part) in parts.into_iter().enumerate() {
            let (at, offset) = self.contiguous(base, dtype, u);
            self.e.ops(self.width).store(dtype, part, at, offset);
        }
    }

    fn store(&mut self, v: KValue) {
        let kernel = self.e.kernel;
        let Inst::Store(access, value) = &kernel.def(v).inst else { return };
        let dtype = kernel.def(v).dtype;
        let base = self.body.bases[&v];
        let parts = self.operand(*value);
        for (u, part) in parts.into_iter().enumerate() {
            if access.lane == Size::Const(1) {
                let (at, offset) = self.contiguous(base, dtype, u);
                self.e.ops(self.width).store(dtype, part, at, offset);
            } else {
                self.strided_store(part, base, access.lane, dtype, u);
            }
        }
    }

    fn strided_store(&mut self, part: Value, base: Value, stride: Size, dtype: DType, u: usize) {
        let lanes = self.width.lanes();
        for lane in 0..lanes {
            let (at, offset) = self.strided(base, stride, dtype, u as i64 * lanes + lane);
            let mut one = part;
            if self.width != Width::One {
                one = self.e.b.ins().extractlane(part, lane as u8);
                if dtype == DType::Bool {
                    one = self.e.b.ins().ireduce(types::I8, one);
                    one = self.e.b.ins().band_imm_u(one, 1);
                }
            }
            self.e.b.ins().store(MemFlagsData::new().with_notrap(), one, at, offset);
        }
    }
}

/// The sums over sequential loops of a phase whose operand is a product that nothing else uses, with that product; none
/// where the CPU has no instruction for both. Under strict math a sum is alone in its kernel, and so never has one.
fn products(e: &Emitter<'_>, phase: &Phase) -> HashMap<KValue, KValue> {
    let kernel = e.kernel;
    if !isa::has_fma() {
        return HashMap::new();
    }
    let used_once = |v: KValue| {
        let users = kernel.values.iter().flat_map(|def| def.inst.operands());
        users.filter(|&o| o == v).count() == 1 && phase.fused.contains(&v) && !phase.saved.contains(&v)
    };
    let sum_of = |v: KValue| match kernel.def(v).inst {
        Inst::Reduce { kind: ReduceKind::Sum, value, lanes: false } => Some((v, value)),
        _ => None,
    };
    let is_product = |v: KValue| {
        let def = kernel.def(v);
        matches!(def.inst, Inst::Binary(BinaryOp::Mul, ..)) && matches!(def.dtype, DType::F32 | DType::F64)
    };
    let sums = phase.fused.iter().filter_map(|&v| sum_of(v));
    sums.filter(|&(_, value)| is_product(value) && used_once(value)).collect()
}

fn is_lane_index(inst: &Inst) -> bool {
    matches!(inst, Inst::Coord(Loop::Lane))
}

/// The address of a source's first lane in the current tile.
fn source_base(walk: &mut Walk<'_, '_>, v: KValue) -> Option<Value> {
    let kernel = walk.e.kernel;
    let inst = &kernel.def(v).inst;
    match (walk.e.plan.places[v.0 as usize], inst) {
        (_, Inst::Coord(_)) => None,
        // A load that this pass saves for a routine is still read from its buffer here.
        (Place::Loop | Place::Slot(_), Inst::Load(access)) => {
            Some(walk.e.run_address(v, access, walk.tile, Some(walk.count)))
        }
        (Place::Loop, _) => {
            debug_assert!(is_rematerialized(inst), "{inst:?} is used outside its loop without a place");
            None
        }
        _ => Some(walk.e.place_address(v, walk.tile)),
    }
}
