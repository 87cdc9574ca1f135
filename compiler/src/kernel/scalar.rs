//! Scalar operations of kernels, and [`ScalarCx`], with which an elementwise op says what it computes.

use super::{Inst, Kernel, Value};
use crate::base::DType;
use crate::graph::Attrs;
use std::fmt::Debug;
use tracelift_runtime::kernels::tile::MathFn;

/// A transcendental: computed by a tile routine of the runtime.
pub type MathOp = MathFn;

/// One operand in, the same dtype out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum UnaryOp {
    Neg,
    Abs,
    /// Bitwise complement; logical not of a bool.
    Not,
    Sqrt,
    Floor,
    Ceil,
    /// Half to even.
    Round,
    Trunc,
    /// A function of the tile routines (floats only).
    Math(MathFn),
}

/// Two operands of one dtype in, the same dtype out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum BinaryOp {
    /// Integers wrap.
    Add,
    Sub,
    Mul,
    /// Floats: IEEE. Integers: truncated; by zero gives 0 and status DivideByZero; MIN / -1 wraps.
    Div,
    /// Remainder with the dividend's sign, of integers as for Div. Floats have `MathFn::Rem`.
    Rem,
    /// The greater; NaN if either is NaN.
    Max,
    /// The lesser; NaN if either is NaN.
    Min,
    /// Integers and bool.
    And,
    Or,
    Xor,
    /// Shift by an amount taken modulo the bit width.
    Shl,
    /// Arithmetic for signed, logical for unsigned.
    Shr,
    /// A two-operand function of the tile routines (floats only): pow, atan2, rem.
    Math(MathFn),
}

/// Comparisons; with NaN all but Ne are false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum CompareOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// Reductions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ReduceKind {
    Sum,
    Prod,
    /// NaN if any is NaN; the identity is -inf or the least integer.
    Max,
    /// NaN if any is NaN; the identity is +inf or the greatest integer.
    Min,
    /// Bool: and.
    All,
    /// Bool: or.
    Any,
}

/// The operations of each enum that have no operation inside; a text name is the variant's in lower case.
macro_rules! plain {
    ($($ty:ident: $($op:ident)*;)*) => {$(
        impl $ty {
            const PLAIN: &[$ty] = &[$($ty::$op),*];
        }
    )*};
}

plain! {
    UnaryOp: Neg Abs Not Sqrt Floor Ceil Round Trunc;
    BinaryOp: Add Sub Mul Div Rem Max Min And Or Xor Shl Shr;
    CompareOp: Eq Ne Lt Le Gt Ge;
    ReduceKind: Sum Prod Max Min All Any;
}

impl UnaryOp {
    /// Its name in the text form.
    pub fn name(self) -> String {
        if let UnaryOp::Math(f) = self { lower(f) } else { lower(self) }
    }

    /// The operation of a name.
    pub fn named(name: &str) -> Option<UnaryOp> {
        find(Self::PLAIN, name).or_else(|| math(name, 1).map(UnaryOp::Math))
    }
}

impl BinaryOp {
    /// Its name in the text form.
    pub fn name(self) -> String {
        if let BinaryOp::Math(f) = self { lower(f) } else { lower(self) }
    }

    /// The operation of a name on values of `dtype`: `rem` is one operation on integers and another on floats.
    pub fn named(name: &str, dtype: DType) -> Option<BinaryOp> {
        let math = math(name, 2).filter(|_| dtype.is_float()).map(BinaryOp::Math);
        math.or_else(|| find(Self::PLAIN, name))
    }
}

impl CompareOp {
    /// Its name in the text form.
    pub fn name(self) -> String {
        lower(self)
    }

    /// The comparison of a name.
    pub fn named(name: &str) -> Option<CompareOp> {
        find(Self::PLAIN, name)
    }
}

impl ReduceKind {
    /// Its name in the text form.
    pub fn name(self) -> String {
        lower(self)
    }

    /// The reduction of a name.
    pub fn named(name: &str) -> Option<ReduceKind> {
        find(Self::PLAIN, name)
    }
}

fn lower(op: impl Debug) -> String {
    format!("{op:?}").to_lowercase()
}

fn find<T: Copy + Debug>(all: &[T], name: &str) -> Option<T> {
    all.iter().copied().find(|op| lower(op) == name)
}

fn math(name: &str, arity: usize) -> Option<MathFn> {
    find(&MathFn::ALL, name).filter(|f| f.arity() == arity)
}

/// What an elementwise op's lowering sees: its operands as scalars of the current pass.
pub struct ScalarCx<'a> {
    /// The kernel being built.
    pub kernel: &'a mut Kernel,
    /// The op's attributes.
    pub attrs: &'a Attrs,
    /// The operands.
    pub inputs: &'a [Value],
    /// The result's dtype.
    pub dtype: DType,
}

impl ScalarCx<'_> {
    /// The dtype of a value.
    pub fn dtype_of(&self, value: Value) -> DType {
        self.kernel.def(value).dtype
    }

    /// A constant of `dtype`, rounded from `value`.
    pub fn constant(&mut self, value: f64, dtype: DType) -> Value {
        self.kernel.push(Inst::Const(const_bits(value, dtype)), dtype)
    }

    /// A unary operation.
    pub fn unary(&mut self, op: UnaryOp, x: Value) -> Value {
        let dtype = self.dtype_of(x);
        self.kernel.push(Inst::Unary(op, x), dtype)
    }

    /// A function of the tile routines.
    pub fn math(&mut self, f: MathFn, x: Value) -> Value {
        self.unary(UnaryOp::Math(f), x)
    }

    /// A binary operation.
    pub fn binary(&mut self, op: BinaryOp, x: Value, y: Value) -> Value {
        let dtype = self.dtype_of(x);
        self.kernel.push(Inst::Binary(op, x, y), dtype)
    }

    /// A comparison.
    pub fn compare(&mut self, op: CompareOp, x: Value, y: Value) -> Value {
        self.kernel.push(Inst::Compare(op, x, y), DType::Bool)
    }

    /// `condition ? then : otherwise`.
    pub fn select(&mut self, condition: Value, then: Value, otherwise: Value) -> Value {
        let dtype = self.dtype_of(then);
        self.kernel.push(Inst::Select(condition, then, otherwise), dtype)
    }

    /// A conversion; the value itself if the dtype is already that.
    pub fn convert(&mut self, x: Value, to: DType) -> Value {
        if self.dtype_of(x) == to { x } else { self.kernel.push(Inst::Convert(x), to) }
    }

    /// The same bits as a dtype of the same size.
    pub fn bitcast(&mut self, x: Value, to: DType) -> Value {
        self.kernel.push(Inst::Bitcast(x), to)
    }
}

/// The bits of `value` rounded to `dtype` (integers saturate; bool is `!= 0`), zero-extended.
pub fn const_bits(value: f64, dtype: DType) -> u64 {
    match dtype {
        DType::F32 => (value as f32).to_bits().into(),
        DType::F64 => value.to_bits(),
        DType::F16 => half::f16::from_f64(value).to_bits().into(),
        DType::BF16 => half::bf16::from_f64(value).to_bits().into(),
        DType::I8 => (value as i8 as u8).into(),
        DType::I16 => (value as i16 as u16).into(),
        DType::I32 => (value as i32 as u32).into(),
        DType::I64 => value as i64 as u64,
        DType::U8 => (value as u8).into(),
        DType::U16 => (value as u16).into(),
        DType::U32 => (value as u32).into(),
        DType::U64 => value as u64,
        DType::Bool => (value != 0.0).into(),
        DType::Complex64 => (value as f32).to_bits().into(),
    }
}
