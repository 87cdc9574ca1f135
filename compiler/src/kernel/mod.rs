//! The loop-level IR: row programs, independent of any code generator.
//!
//! A kernel has a *grid* (outer loops, parallel, run in any split) and, for each grid point, a list of *passes*.
//! A pass walks the *lanes* (the inner axis) and computes elementwise values, reduces them to scalars, and
//! stores; a later pass may use the scalars and the values of earlier ones. That one shape covers elementwise
//! chains, reductions with prologue and epilogue, softmax- and layer-norm-like rows, column sums (sequential
//! loops around the lanes) and matmul epilogues.
//!
//! ```text
//! kernel @softmax(b0: f32 in, b1: f32 out; 2 sizes) grid [s0] lanes s1 {
//!   lanes {
//!     v0 = load b0[s1*g0 + l] : f32
//!     v1 = reduce max v0 : f32
//!   }
//!   lanes {
//!     v2 = sub v0, v1 : f32
//!     v3 = exp v2 : f32
//!     v4 = reduce sum v3 : f32
//!   }
//!   lanes {
//!     v5 = div v3, v4 : f32
//!     store b1[s1*g0 + l] v5
//!   }
//! }
//! ```
//!
//! Invariants
//! - values are numbered as they stand, stores (which have none to use) included;
//! - a value is defined before it is used; operand and result dtypes fit the operation;
//! - a value of a `Scalar` pass, and the result of a `Reduce` over lanes, is a *scalar*: usable everywhere after;
//! - a lane value used in a later pass (v0, v3 above) is *kept* by the code generator: the row is in scratch
//!   memory, or it is loaded again if it is a plain load of a buffer that the kernel does not write;
//! - in a pass with `seq` loops, every lane value that is used after the pass is a `Reduce`; such a reduce over
//!   `seq` alone gives a lane value (a kept row); over `seq` and lanes, a scalar;
//! - with `split`, lanes are cut into blocks of that length, which become the innermost grid loop; a reduce over
//!   lanes then gives a scalar for each block;
//! - accesses are in bounds for every grid point, lane and `seq` index; a buffer that is both read and
//!   written is accessed at equal index;
//! - grid points are independent: no two store to the same element, except equal values.

pub mod parse;
pub mod print;
pub mod scalar;
pub mod verify;

use crate::base::{DType, Result};
pub use scalar::{BinaryOp, CompareOp, MathOp, ReduceKind, ScalarCx, UnaryOp};
use smallvec::SmallVec;

/// A size: constant, or argument `s<k>` of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Size {
    /// Known while compiling.
    Const(i64),
    /// The kernel's size argument.
    Arg(u32),
}

/// A value of the kernel: index into [`Kernel::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub u32);

/// A buffer parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BufferParam {
    /// Element type.
    pub dtype: DType,
    /// Whether the kernel loads from it.
    pub read: bool,
    /// Whether the kernel stores to it.
    pub written: bool,
    /// Whether it lies beyond a core's caches: its lines are asked for ahead of use, where something else is computed
    /// meanwhile.
    pub far: bool,
}

/// Where in a buffer: `offset + Σ grid[k]*g<k> + Σ seq[k]*q<k> + lane*l + block*b`, in elements.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// Index into [`Kernel::buffers`].
    pub buffer: u32,
    /// Constant part.
    pub offset: Size,
    /// Stride of each grid loop (as many as [`Kernel::grid`]).
    pub grid: SmallVec<[Size; 3]>,
    /// Stride of each `seq` loop of the pass; empty outside such passes.
    pub seq: SmallVec<[Size; 2]>,
    /// Stride of the lanes: 1 contiguous, 0 the same element for all.
    pub lane: Size,
    /// Stride of the block loop under `split`, besides what the lanes' stride moves (a result for each block).
    pub block: Size,
}

/// A loop index as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loop {
    /// Grid loop `g<k>`.
    Grid(u32),
    /// Sequential loop `q<k>` of the pass.
    Seq(u32),
    /// The lane `l`, counted from the row's start (also under `split`).
    Lane,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Inst {
    /// A constant: the bits of the dtype, zero-extended; bool is 0 or 1.
    Const(u64),
    /// A size, as i64.
    Size(Size),
    /// A loop index, as i64.
    Coord(Loop),
    /// An element of a buffer.
    Load(Access),
    /// Same dtype in and out.
    Unary(UnaryOp, Value),
    /// Same dtype in and out.
    Binary(BinaryOp, Value, Value),
    /// Two of one dtype; bool out.
    Compare(CompareOp, Value, Value),
    /// Condition (bool), then, else.
    Select(Value, Value, Value),
    /// To the value's dtype: float to integer truncates and saturates (NaN gives 0), integer to narrower
    /// wraps, anything to bool is `!= 0`.
    Convert(Value),
    /// The same bits as another dtype of the same size.
    Bitcast(Value),
    /// Over the pass's lanes (and `seq` loops), or with `lanes: false` over its `seq` loops alone.
    Reduce {
        /// How.
        kind: ReduceKind,
        /// What.
        value: Value,
        /// Whether the lanes are reduced too.
        lanes: bool,
    },
    /// Writes an element; has no result to use.
    Store(Access, Value),
}

impl Inst {
    /// The operands.
    pub fn operands(&self) -> impl Iterator<Item = Value> + use<> {
        let list: [Option<Value>; 3] = match *self {
            Inst::Const(_) | Inst::Size(_) | Inst::Coord(_) | Inst::Load(_) => [None; 3],
            Inst::Unary(_, x) | Inst::Convert(x) | Inst::Bitcast(x) | Inst::Store(_, x) => [Some(x), None, None],
            Inst::Reduce { value, .. } => [Some(value), None, None],
            Inst::Binary(_, x, y) | Inst::Compare(_, x, y) => [Some(x), Some(y), None],
            Inst::Select(c, x, y) => [Some(c), Some(x), Some(y)],
        };
        list.into_iter().flatten()
    }
}

/// An operation and its result's dtype.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ValueDef {
    /// The operation.
    pub inst: Inst,
    /// The dtype of its result (of the stored value for a store).
    pub dtype: DType,
}

/// A walk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PassKind {
    /// Once per grid point; every value is a scalar.
    Scalar,
    /// Over all lanes (of the block, under `split`).
    Lanes {
        /// Loops around the lanes, outermost first; all reduced.
        seq: SmallVec<[Size; 2]>,
    },
}

/// A walk over the lanes, or scalar code between walks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pass {
    /// What it walks.
    pub kind: PassKind,
    /// Its operations, in order; ids are defined in this order over the whole kernel.
    pub insts: Vec<Value>,
}

/// A kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Kernel {
    /// For listings and profiles; not part of the cache key.
    pub name: String,
    /// Buffer parameters.
    pub buffers: Vec<BufferParam>,
    /// Number of size arguments.
    pub sizes: u32,
    /// Whether every access is compared with its buffer's length while the kernel runs. The lengths, in elements and
    /// in the buffers' order, are the last size arguments.
    pub checked: bool,
    /// Lengths of the grid loops, outermost first. Empty: one grid point.
    pub grid: SmallVec<[Size; 3]>,
    /// Number of lanes.
    pub lanes: Option<Size>,
    /// Block length if the lanes are split over the grid.
    pub split: Option<u32>,
    /// The passes, in order.
    pub passes: Vec<Pass>,
    /// Every value of every pass.
    pub values: Vec<ValueDef>,
}

impl Kernel {
    /// The definition of a value.
    pub fn def(&self, value: Value) -> &ValueDef {
        &self.values[value.0 as usize]
    }

    /// The size argument that is a buffer's length, if accesses are checked.
    pub fn length_of(&self, buffer: u32) -> Option<Size> {
        let first = self.sizes.checked_sub(self.buffers.len() as u32).filter(|_| self.checked)?;
        Some(Size::Arg(first + buffer))
    }

    /// Whether it can return a status other than success: it divides integers, or checks its accesses.
    pub fn can_fail(&self) -> bool {
        if self.checked {
            return true;
        }
        let divides = |op| matches!(op, BinaryOp::Div | BinaryOp::Rem);
        self.values.iter().any(|v| matches!(v.inst, Inst::Binary(op, ..) if divides(op) && !v.dtype.is_float()))
    }

    /// Appends an operation to the last pass.
    pub fn push(&mut self, inst: Inst, dtype: DType) -> Value {
        let value = Value(self.values.len() as u32);
        self.values.push(ValueDef { inst, dtype });
        self.passes.last_mut().expect("a pass to append to").insts.push(value);
        value
    }
}

/// Scratch bytes that one thread needs, as the code generator lays it out: `fixed + per_lane * lanes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScratchNeed {
    /// Bytes whatever the sizes.
    pub fixed: u64,
    /// Bytes for each lane of the row (or block): kept rows.
    pub per_lane: u64,
}

/// Machine code of a kernel.
#[derive(Clone, Debug)]
pub struct CompiledKernel {
    /// Position-independent code without relocations; its entry is at 0.
    pub code: Vec<u8>,
    /// What to provide.
    pub scratch: ScratchNeed,
}

/// A code generator: turns kernels into machine code. Cranelift is one; wasm and C will follow.
pub trait Backend: Sync {
    /// Compiles one kernel; an error is a bug of ours.
    fn compile(&self, kernel: &Kernel) -> Result<CompiledKernel>;
}
