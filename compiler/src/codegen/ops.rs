//! One operation as Cranelift instructions, on single values or on 128-bit vectors of [`Width`] lanes.
//!
//! In a vector, bool is a mask of all ones or zeros as wide as the other lanes; a single bool is an i8 of 0 or 1.
//! Nothing here traps: integer divisors are made safe by a select.

use crate::kernel::{BinaryOp, CompareOp, Inst, Kernel, ReduceKind, UnaryOp, Value as KValue};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::FunctionBuilder;
use tracelift_runtime::DType;

/// How many lanes an instruction works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Single values.
    One,
    /// 128-bit vectors of 4-byte (true) or 8-byte (false) lanes.
    Vector {
        /// Bytes of a lane: 4 or 8.
        lane: u8,
    },
}

impl Width {
    /// Number of lanes.
    pub fn lanes(self) -> i64 {
        match self {
            Width::One => 1,
            Width::Vector { lane } => 16 / i64::from(lane),
        }
    }

    /// The Cranelift type of `dtype` at this width.
    pub fn ty(self, dtype: DType) -> Type {
        match (self, dtype) {
            (Width::One, _) => scalar_type(dtype),
            (Width::Vector { lane: 4 }, DType::F32) => types::F32X4,
            (Width::Vector { lane: 4 }, _) => types::I32X4,
            (_, DType::F64) => types::F64X2,
            _ => types::I64X2,
        }
    }
}

/// The type of a single value.
pub fn scalar_type(dtype: DType) -> Type {
    match dtype {
        DType::F32 => types::F32,
        DType::F64 => types::F64,
        DType::I8 | DType::U8 | DType::Bool => types::I8,
        DType::I16 | DType::U16 | DType::F16 | DType::BF16 => types::I16,
        DType::I32 | DType::U32 => types::I32,
        DType::I64 | DType::U64 | DType::Complex64 => types::I64,
    }
}

/// The lane size at which the operations of a fused loop can all be vectors, if there is one.
pub fn vector_lane(kernel: &Kernel, values: impl Iterator<Item = KValue>) -> Option<u8> {
    let mut lane = None;
    for value in values {
        let def = kernel.def(value);
        let of = |v: KValue| kernel.def(v).dtype;
        let fits = match &def.inst {
            Inst::Binary(BinaryOp::Div | BinaryOp::Rem, ..) => def.dtype.is_float(),
            Inst::Binary(BinaryOp::Shl | BinaryOp::Shr, ..) => false,
            Inst::Binary(BinaryOp::Mul, ..) => def.dtype != DType::U64,
            Inst::Binary(BinaryOp::Max | BinaryOp::Min, ..) => def.dtype.is_float() || def.dtype.size() == 4,
            Inst::Convert(x) => vector_converts(of(*x), def.dtype),
            Inst::Reduce { kind, lanes, .. } => !lanes && !matches!(kind, ReduceKind::All | ReduceKind::Any),
            Inst::Coord(_) => false,
            _ => true,
        };
        if !fits {
            return None;
        }
        let dtypes = match &def.inst {
            Inst::Compare(_, x, _) => [of(*x), DType::Bool],
            Inst::Convert(x) | Inst::Bitcast(x) => [of(*x), def.dtype],
            _ => [def.dtype, DType::Bool],
        };
        for size in dtypes.into_iter().filter(|d| *d != DType::Bool).map(|d| d.size() as u8) {
            if !matches!(size, 4 | 8) || lane.is_some_and(|l| l != size) {
                return None;
            }
            lane = Some(size);
        }
    }
    Some(lane.unwrap_or(4))
}

fn vector_converts(from: DType, to: DType) -> bool {
    matches!(
        (from, to),
        (DType::Bool, DType::F32 | DType::F64 | DType::I32 | DType::U32 | DType::I64 | DType::U64)
            | (DType::F32 | DType::F64 | DType::I32 | DType::U32 | DType::I64 | DType::U64, DType::Bool)
            | (DType::I32 | DType::U32, DType::F32 | DType::I32 | DType::U32)
            | (DType::F32, DType::I32)
            | (DType::I64 | DType::U64, DType::I64 | DType::U64)
    )
}

/// Emits operations at one width.
pub struct Ops<'a, 'b> {
    /// The function.
    pub b: &'a mut FunctionBuilder<'b>,
    /// How many lanes.
    pub width: Width,
    /// Set to 1 by an integer division by zero.
    pub status: Option<cranelift_frontend::Variable>,
}

impl Ops<'_, '_> {
    /// A constant from its bits.
    pub fn constant(&mut self, bits: u64, dtype: DType) -> Value {
        let one = match dtype {
            DType::F32 => self.b.ins().f32const(f32::from_bits(bits as u32)),
            DType::F64 => self.b.ins().f64const(f64::from_bits(bits)),
            _ => {
                let ty = scalar_type(dtype);
                let value = (bits as i64) << (64 - ty.bits()) >> (64 - ty.bits());
                self.b.ins().iconst(ty, value & mask_of(ty))
            }
        };
        self.splat(one, dtype)
    }

    /// A single value in every lane.
    pub fn splat(&mut self, one: Value, dtype: DType) -> Value {
        let Width::Vector { lane } = self.width else { return one };
        let ty = self.width.ty(dtype);
        if dtype != DType::Bool {
            return self.b.ins().splat(ty, one);
        }
        let wide = self.b.ins().uextend(if lane == 4 { types::I32 } else { types::I64 }, one);
        let all = self.b.ins().ineg(wide);
        self.b.ins().splat(ty, all)
    }

    /// A unary operation that is no routine.
    pub fn unary(&mut self, op: UnaryOp, x: Value, dtype: DType) -> Value {
        let float = dtype.is_float();
        match op {
            UnaryOp::Neg if float => self.b.ins().fneg(x),
            UnaryOp::Neg => self.b.ins().ineg(x),
            UnaryOp::Abs if float => self.b.ins().fabs(x),
            UnaryOp::Abs if dtype.is_signed_int() => self.b.ins().iabs(x),
            UnaryOp::Not if dtype == DType::Bool && self.width == Width::One => self.b.ins().bxor_imm_u(x, 1),
            UnaryOp::Not => self.b.ins().bnot(x),
            UnaryOp::Sqrt => self.b.ins().sqrt(x),
            UnaryOp::Floor if float => self.b.ins().floor(x),
            UnaryOp::Ceil if float => self.b.ins().ceil(x),
            UnaryOp::Round if float => self.b.ins().nearest(x),
            UnaryOp::Trunc if float => self.b.ins().trunc(x),
            UnaryOp::Math(_) => unreachable!("the plan makes transcendentals calls"),
            // Integers are their own absolute value (unsigned), floor, ceiling …
            _ => x,
        }
    }

    /// A binary operation that is no routine.
    pub fn binary(&mut self, op: BinaryOp, x: Value, y: Value, dtype: DType) -> Value {
        let float = dtype.is_float();
        match op {
            BinaryOp::Add if float => self.b.ins().fadd(x, y),
            BinaryOp::Add => self.b.ins().iadd(x, y),
            BinaryOp::Sub if float => self.b.ins().fsub(x, y),
            BinaryOp::Sub => self.b.ins().isub(x, y),
            BinaryOp::Mul if float => self.b.ins().fmul(x, y),
            BinaryOp::Mul => self.b.ins().imul(x, y),
            BinaryOp::Div if float => self.b.ins().fdiv(x, y),
            BinaryOp::Div | BinaryOp::Rem => self.divide(op, x, y, dtype),
            BinaryOp::Max | BinaryOp::Min if float => self.float_extremum(op, x, y),
            BinaryOp::Max | BinaryOp::Min => self.int_extremum(op, x, y, dtype),
            BinaryOp::And => self.b.ins().band(x, y),
            BinaryOp::Or => self.b.ins().bor(x, y),
            BinaryOp::Xor => self.b.ins().bxor(x, y),
            BinaryOp::Shl => self.b.ins().ishl(x, y),
            BinaryOp::Shr if dtype.is_signed_int() => self.b.ins().sshr(x, y),
            BinaryOp::Shr => self.b.ins().ushr(x, y),
            BinaryOp::Math(_) => unreachable!("the plan makes transcendentals calls"),
        }
    }

    /// The one-instruction form of the machine's min and max gives the second operand for NaN; a NaN in the
    /// first is put back.
    fn float_extremum(&mut self, op: BinaryOp, x: Value, y: Value) -> Value {
        let better = match op {
            BinaryOp::Max => self.b.ins().fcmp(FloatCC::LessThan, y, x),
            _ => self.b.ins().fcmp(FloatCC::LessThan, x, y),
        };
        let chosen = self.choose(better, x, y);
        let nan = self.b.ins().fcmp(FloatCC::Unordered, x, x);
        self.choose(nan, x, chosen)
    }

    fn int_extremum(&mut self, op: BinaryOp, x: Value, y: Value, dtype: DType) -> Value {
        let signed = dtype.is_signed_int();
        let cc = match (op, signed) {
            (BinaryOp::Max, true) => IntCC::SignedGreaterThan,
            (BinaryOp::Max, false) => IntCC::UnsignedGreaterThan,
            (_, true) => IntCC::SignedLessThan,
            (_, false) => IntCC::UnsignedLessThan,
        };
        if self.width == Width::One {
            let first = self.b.ins().icmp(cc, x, y);
            return self.b.ins().select(first, x, y);
        }
        match (op, signed) {
            (BinaryOp::Max, true) => self.b.ins().smax(x, y),
            (BinaryOp::Max, false) => self.b.ins().umax(x, y),
            (_, true) => self.b.ins().smin(x, y),
            (_, false) => self.b.ins().umin(x, y),
        }
    }

    /// Integer quotient or remainder of single values: by zero gives 0 and sets the status; MIN / -1 wraps.
    fn divide(&mut self, op: BinaryOp, x: Value, y: Value, dtype: DType) -> Value {
        let ty = scalar_type(dtype);
        let (zero, one) = (self.b.ins().iconst(ty, 0), self.b.ins().iconst(ty, 1));
        let by_zero = self.b.ins().icmp(IntCC::Equal, y, zero);
        if let Some(status) = self.status {
            let old = self.b.use_var(status);
            let set = self.b.ins().uextend(types::I32, by_zero);
            let new = self.b.ins().bor(old, set);
            self.b.def_var(status, new);
        }
        let signed = dtype.is_signed_int();
        let minus_one = self.b.ins().iconst(ty, mask_of(ty));
        let by_minus_one = self.b.ins().icmp(IntCC::Equal, y, minus_one);
        let unsafe_divisor = if signed { self.b.ins().bor(by_zero, by_minus_one) } else { by_zero };
        let divisor = self.b.ins().select(unsafe_divisor, one, y);
        let wide = if ty.bits() < 32 { types::I32 } else { ty };
        let (a, d) = (self.extend(x, wide, signed), self.extend(divisor, wide, signed));
        let result = match (op, signed) {
            (BinaryOp::Div, true) => self.b.ins().sdiv(a, d),
            (BinaryOp::Div, false) => self.b.ins().udiv(a, d),
            (_, true) => self.b.ins().srem(a, d),
            (_, false) => self.b.ins().urem(a, d),
        };
        let result = if wide == ty { result } else { self.b.ins().ireduce(ty, result) };
        let result = if signed && op == BinaryOp::Div {
            let negated = self.b.ins().ineg(x);
            self.b.ins().select(by_minus_one, negated, result)
        } else {
            result
        };
        self.b.ins().select(by_zero, zero, result)
    }

    fn extend(&mut self, x: Value, to: Type, signed: bool) -> Value {
        let from = self.b.func.dfg.value_type(x);
        match from.bits().cmp(&to.bits()) {
            std::cmp::Ordering::Less if signed => self.b.ins().sextend(to, x),
            std::cmp::Ordering::Less => self.b.ins().uextend(to, x),
            std::cmp::Ordering::Equal => x,
            std::cmp::Ordering::Greater => self.b.ins().ireduce(to, x),
        }
    }

    /// A comparison of values of `dtype`.
    pub fn compare(&mut self, op: CompareOp, x: Value, y: Value, dtype: DType) -> Value {
        if dtype.is_float() {
            let cc = match op {
                CompareOp::Eq => FloatCC::Equal,
                CompareOp::Ne => FloatCC::NotEqual,
                CompareOp::Lt => FloatCC::LessThan,
                CompareOp::Le => FloatCC::LessThanOrEqual,
                CompareOp::Gt => FloatCC::GreaterThan,
                CompareOp::Ge => FloatCC::GreaterThanOrEqual,
            };
            return self.b.ins().fcmp(cc, x, y);
        }
        let cc = match (op, dtype.is_signed_int()) {
            (CompareOp::Eq, _) => IntCC::Equal,
            (CompareOp::Ne, _) => IntCC::NotEqual,
            (CompareOp::Lt, true) => IntCC::SignedLessThan,
            (CompareOp::Le, true) => IntCC::SignedLessThanOrEqual,
            (CompareOp::Gt, true) => IntCC::SignedGreaterThan,
            (CompareOp::Ge, true) => IntCC::SignedGreaterThanOrEqual,
            (CompareOp::Lt, false) => IntCC::UnsignedLessThan,
            (CompareOp::Le, false) => IntCC::UnsignedLessThanOrEqual,
            (CompareOp::Gt, false) => IntCC::UnsignedGreaterThan,
            (CompareOp::Ge, false) => IntCC::UnsignedGreaterThanOrEqual,
        };
        self.b.ins().icmp(cc, x, y)
    }

    /// `condition ? x : y`; the condition is a bool of this width.
    pub fn choose(&mut self, condition: Value, x: Value, y: Value) -> Value {
        if self.width == Width::One {
            return self.b.ins().select(condition, x, y);
        }
        let ty = self.b.func.dfg.value_type(x);
        let mask = self.cast_bits(condition, ty);
        self.b.ins().bitselect(mask, x, y)
    }

    fn cast_bits(&mut self, x: Value, ty: Type) -> Value {
        if self.b.func.dfg.value_type(x) == ty {
            return x;
        }
        let flags = MemFlagsData::new().with_endianness(cranelift_codegen::ir::Endianness::Little);
        self.b.ins().bitcast(ty, flags, x)
    }

    /// A conversion; see [`Inst::Convert`] for its meaning.
    pub fn convert(&mut self, x: Value, from: DType, to: DType) -> Value {
        match self.width {
            _ if from == to => x,
            Width::One => self.convert_one(x, from, to),
            Width::Vector { .. } => self.convert_vector(x, from, to),
        }
    }

    /// The same bits as `to`, which has the size of the value's dtype.
    pub fn bitcast(&mut self, x: Value, to: DType) -> Value {
        self.cast_bits(x, self.width.ty(to))
    }

    fn convert_vector(&mut self, x: Value, from: DType, to: DType) -> Value {
        match (from, to) {
            (DType::Bool, _) => {
                let one = self.constant(crate::kernel::scalar::const_bits(1.0, to), to);
                let mask = self.width.ty(DType::Bool);
                let bits = self.cast_bits(one, mask);
                let kept = self.b.ins().band(x, bits);
                self.cast_bits(kept, self.width.ty(to))
            }
            (_, DType::Bool) => {
                let zero = self.constant(0, from);
                self.compare(CompareOp::Ne, x, zero, from)
            }
            (DType::I32, DType::F32) => self.b.ins().fcvt_from_sint(types::F32X4, x),
            (DType::U32, DType::F32) => self.b.ins().fcvt_from_uint(types::F32X4, x),
            (DType::F32, DType::I32) => self.b.ins().fcvt_to_sint_sat(types::I32X4, x),
            // Integers of one size differ in name only.
            _ => x,
        }
    }

    fn convert_one(&mut self, x: Value, from: DType, to: DType) -> Value {
        let half = |d| matches!(d, DType::F16 | DType::BF16);
        if half(from) {
            let wide = self.widen_half(x, from);
            return self.convert(wide, DType::F32, to);
        }
        if half(to) {
            let single = self.convert(x, from, DType::F32);
            return self.narrow_to_half(single, to);
        }
        let ty = scalar_type(to);
        match (from.is_float(), to.is_float()) {
            _ if to == DType::Bool => {
                let zero = self.constant(0, from);
                self.compare(CompareOp::Ne, x, zero, from)
            }
            (true, true) if to == DType::F64 => self.b.ins().fpromote(ty, x),
            (true, true) => self.b.ins().fdemote(ty, x),
            (true, false) => self.float_to_int(x, to),
            (false, true) => {
                let signed = from.is_signed_int();
                let wide = if from.size() < 4 { types::I32 } else { scalar_type(from) };
                let x = self.extend(x, wide, signed);
                if signed { self.b.ins().fcvt_from_sint(ty, x) } else { self.b.ins().fcvt_from_uint(ty, x) }
            }
            (false, false) => self.extend(x, ty, from.is_signed_int()),
        }
    }

    /// f16 or bf16 to f32, exactly. Cranelift has no such instruction.
    fn widen_half(&mut self, x: Value, from: DType) -> Value {
        let none = MemFlagsData::new();
        let wide = self.b.ins().uextend(types::I32, x);
        if from == DType::BF16 {
            let bits = self.b.ins().ishl_imm_u(wide, 16);
            return self.b.ins().bitcast(types::F32, none, bits);
        }
        // The half's exponent and fraction in a single's place, scaled up by the difference of biases: exact, and
        // right for subnormals. Infinities and NaN then lack the top exponent bits.
        let magnitude = self.b.ins().band_imm_u(wide, 0x7fff);
        let placed = self.b.ins().ishl_imm_u(magnitude, 13);
        let placed = self.b.ins().bitcast(types::F32, none, placed);
        let scale = self.b.ins().f32const(2f32.powi(112));
        let scaled = self.b.ins().fmul(placed, scale);
        let scaled = self.b.ins().bitcast(types::I32, none, scaled);
        let special = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, magnitude, 0x7c00);
        let full = self.b.ins().bor_imm_u(scaled, 0x7f80_0000);
        let bits = self.b.ins().select(special, full, scaled);
        let sign = self.b.ins().band_imm_u(wide, 0x8000);
        let sign = self.b.ins().ishl_imm_u(sign, 16);
        let bits = self.b.ins().bor(bits, sign);
        self.b.ins().bitcast(types::F32, none, bits)
    }

    /// f32 to f16 or bf16, rounded to nearest even.
    fn narrow_to_half(&mut self, x: Value, to: DType) -> Value {
        let none = MemFlagsData::new();
        let bits = self.b.ins().bitcast(types::I32, none, x);
        let nan = self.b.ins().fcmp(FloatCC::Unordered, x, x);
        let high = self.b.ins().ushr_imm_u(bits, 16);
        let sign = self.b.ins().band_imm_u(high, 0x8000);
        let (rounded, quiet) = if to == DType::BF16 {
            // Adding just under half of the last kept bit, plus that bit, rounds to even.
            let odd = self.b.ins().band_imm_u(high, 1);
            let sum = self.b.ins().iadd_imm_u(bits, 0x7fff);
            let sum = self.b.ins().iadd(sum, odd);
            (self.b.ins().ushr_imm_u(sum, 16), 0x7fc0)
        } else {
            let magnitude = self.b.ins().band_imm_u(bits, 0x7fff_ffff);
            let odd = self.b.ins().ushr_imm_u(magnitude, 13);
            let odd = self.b.ins().band_imm_u(odd, 1);
            // Normal results: the exponent is rebased while rounding.
            let sum = self.b.ins().iadd_imm_s(magnitude, 0xfff - (112 << 23));
            let sum = self.b.ins().iadd(sum, odd);
            let normal = self.b.ins().ushr_imm_u(sum, 13);
            // Subnormal results: adding 0.5 makes the hardware round at the half's last place.
            let absolute = self.b.ins().bitcast(types::F32, none, magnitude);
            let half = self.b.ins().f32const(0.5);
            let shifted = self.b.ins().fadd(absolute, half);
            let shifted = self.b.ins().bitcast(types::I32, none, shifted);
            let subnormal = self.b.ins().iadd_imm_s(shifted, -0x3f00_0000);
            let small = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, magnitude, 113 << 23);
            let finite = self.b.ins().select(small, subnormal, normal);
            let infinity = self.b.ins().iconst(types::I32, 0x7c00);
            // 65520 and above round to infinity.
            let large = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, magnitude, 0x477f_f000);
            let value = self.b.ins().select(large, infinity, finite);
            (self.b.ins().bor(value, sign), 0x7e00)
        };
        let quiet = self.b.ins().iconst(types::I32, quiet);
        let quiet = self.b.ins().bor(quiet, sign);
        let value = self.b.ins().select(nan, quiet, rounded);
        self.b.ins().ireduce(types::I16, value)
    }

    fn float_to_int(&mut self, x: Value, to: DType) -> Value {
        let ty = scalar_type(to);
        if to.size() >= 4 {
            return match to.is_signed_int() {
                true => self.b.ins().fcvt_to_sint_sat(ty, x),
                false => self.b.ins().fcvt_to_uint_sat(ty, x),
            };
        }
        let wide = self.b.ins().fcvt_to_sint_sat(types::I32, x);
        let bits = ty.bits();
        let (low, high) = match to.is_signed_int() {
            true => (-(1i64 << (bits - 1)), (1i64 << (bits - 1)) - 1),
            false => (0, (1i64 << bits) - 1),
        };
        let (low, high) =
            (self.b.ins().iconst(types::I32, low & mask_of(types::I32)), self.b.ins().iconst(types::I32, high));
        let clamped = self.int_extremum(BinaryOp::Max, wide, low, DType::I32);
        let clamped = self.int_extremum(BinaryOp::Min, clamped, high, DType::I32);
        self.b.ins().ireduce(ty, clamped)
    }

    /// What a reduction starts from.
    pub fn identity(&mut self, kind: ReduceKind, dtype: DType) -> Value {
        self.constant(identity_bits(kind, dtype), dtype)
    }

    /// Two partial results of a reduction combined.
    pub fn combine(&mut self, kind: ReduceKind, x: Value, y: Value, dtype: DType) -> Value {
        let op = match kind {
            ReduceKind::Sum => BinaryOp::Add,
            ReduceKind::Prod => BinaryOp::Mul,
            ReduceKind::Max => BinaryOp::Max,
            ReduceKind::Min => BinaryOp::Min,
            ReduceKind::All => BinaryOp::And,
            ReduceKind::Any => BinaryOp::Or,
        };
        self.binary(op, x, y, dtype)
    }

    /// Lanes of `dtype` from memory at `address + offset`, contiguous.
    pub fn load(&mut self, dtype: DType, address: Value, offset: i32) -> Value {
        let flags = MemFlagsData::new().with_notrap();
        if dtype != DType::Bool || self.width == Width::One {
            return self.b.ins().load(self.width.ty(dtype), flags, address, offset);
        }
        // Four (two) bytes of 0 or 1, widened to the lanes' size and turned into masks.
        let little = MemFlagsData::new().with_endianness(cranelift_codegen::ir::Endianness::Little);
        let narrow = if self.width.lanes() == 4 { types::I32 } else { types::I16 };
        let raw = self.b.ins().load(narrow, flags, address, offset);
        let raw = if narrow == types::I16 { self.b.ins().uextend(types::I32, raw) } else { raw };
        let vector = self.b.ins().scalar_to_vector(types::I32X4, raw);
        let bytes = self.b.ins().bitcast(types::I8X16, little, vector);
        let words = self.b.ins().uwiden_low(bytes);
        let mut wide = self.b.ins().uwiden_low(words);
        if self.width.lanes() == 2 {
            wide = self.b.ins().uwiden_low(wide);
        }
        let zero = self.constant(0, DType::Bool);
        let is_zero = self.b.ins().icmp(IntCC::Equal, wide, zero);
        self.b.ins().bnot(is_zero)
    }

    /// Lanes of `dtype` to memory at `address + offset`, contiguous.
    pub fn store(&mut self, dtype: DType, value: Value, address: Value, offset: i32) {
        let flags = MemFlagsData::new().with_notrap();
        if dtype != DType::Bool || self.width == Width::One {
            self.b.ins().store(flags, value, address, offset);
            return;
        }
        let little = MemFlagsData::new().with_endianness(cranelift_codegen::ir::Endianness::Little);
        let narrow = if self.width.lanes() == 4 { types::I32 } else { types::I16 };
        // Masks narrow to bytes of -1 or 0 by signed saturation; their lowest bits are the bools.
        let words = match self.width.lanes() {
            4 => self.b.ins().snarrow(value, value),
            _ => {
                let halves = self.cast_bits(value, types::I32X4);
                let words = self.b.ins().snarrow(halves, halves);
                let dwords = self.cast_bits(words, types::I32X4);
                self.b.ins().snarrow(dwords, dwords)
            }
        };
        let bytes = self.b.ins().snarrow(words, words);
        let packed = self.b.ins().bitcast(types::I32X4, little, bytes);
        let raw = self.b.ins().extractlane(packed, 0);
        let raw = self.b.ins().band_imm_u(raw, 0x0101_0101);
        let raw = if narrow == types::I16 { self.b.ins().ireduce(types::I16, raw) } else { raw };
        self.b.ins().store(flags, raw, address, offset);
    }
}

/// All bits of an integer type.
fn mask_of(ty: Type) -> i64 {
    if ty.bits() == 64 { -1 } else { (1i64 << ty.bits()) - 1 }
}

/// The bits of what a reduction starts from.
fn identity_bits(kind: ReduceKind, dtype: DType) -> u64 {
    use crate::kernel::scalar::const_bits;
    match kind {
        ReduceKind::Sum | ReduceKind::Any => 0,
        ReduceKind::Prod | ReduceKind::All => const_bits(1.0, dtype),
        // Casts to integers saturate, which makes the infinities the least and the greatest.
        ReduceKind::Max if dtype == DType::Bool => 0,
        ReduceKind::Max => const_bits(f64::NEG_INFINITY, dtype),
        ReduceKind::Min => const_bits(f64::INFINITY, dtype),
    }
}
