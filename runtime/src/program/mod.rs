//! [`Program`]: the compiler's product, and all that the runtime needs to run a function.
//!
//! A program is a signature (inputs, outputs, donations), buffers with size expressions and lifetimes,
//! machine code for its kernels, and a list of [steps](Step). It says nothing of graphs. The executor
//! ([`crate::exec`]) binds it to the sizes of a call, lays its temporaries out in one arena, and runs the steps.
//!
//! A size that depends on data is a *slot*: a [`Step::Size`] reads it from a buffer. These steps cut the list into
//! *stages*: slot `k` is known from stage `k + 1` on, in which buffers of that size are first written. So each stage has
//! sizes that are numbers when it begins, a plan and an arena of its own, and results are exactly as large as they are.
//!
//! Invariants
//! - every size that a call needs is in [`Program::sizes`]; steps and buffers refer to it by [`SizeId`];
//! - slots are numbered in the order in which steps define them; no step uses a slot that comes later;
//! - a temporary is written before it is read, and lives from `first` to `last` step, both included;
//! - an output has a buffer of its own, or is an input, a constant or the buffer of an earlier output again;
//! - kernels only touch the operands of their call, at offsets proved from the shapes; a kernel may read and
//!   write the same buffer only at equal index.

pub mod abi;
pub mod check;
pub mod dim;
pub mod file;
pub mod plan;
mod print;

pub use dim::{Atom, Dim, Term};

use crate::array::DType;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);
        impl $name {
            /// The id as an index.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id! {
    /// Index into [`Program::buffers`].
    BufferId
}
id! {
    /// Index into [`Program::sizes`].
    SizeId
}
id! {
    /// Index into [`Program::kernels`].
    KernelId
}

/// A compiled function.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// For listings and profiles.
    pub name: String,
    /// Every size expression, each once. Symbols are bound by [`Program::symbols`].
    pub sizes: Vec<Dim>,
    /// Symbol `n<k>` is the length of this axis of this input.
    pub symbols: Vec<SymbolSource>,
    /// What a call must bring.
    pub inputs: Vec<TensorDecl>,
    /// What a call gives, in order.
    pub outputs: Vec<TensorDecl>,
    /// Inputs whose new value is an output: a variable's state. The executor updates it in place where it may.
    pub donations: Vec<Donation>,
    /// Every buffer, inputs and outputs included.
    pub buffers: Vec<BufferDecl>,
    /// The bytes of constants.
    pub constants: Vec<u8>,
    /// Every kernel, with its place in the code.
    pub kernels: Vec<KernelDecl>,
    /// Machine code, position-independent, without relocations.
    pub code: Vec<u8>,
    /// Names of CPU features that the code needs, as `std::arch` detection spells them (`avx`, `fma`, …).
    pub features: Vec<String>,
    /// Run in order.
    pub steps: Vec<Step>,
}

/// Where a size symbol's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolSource {
    /// Index into [`Program::inputs`].
    pub input: u32,
    /// The axis whose length it is.
    pub axis: u32,
}

/// The dtype, sizes and buffer of an input or output.
#[derive(Clone, Debug)]
pub struct TensorDecl {
    /// For messages: `x`, `model/dense/kernel`.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// The length of each axis. For an input: checked at each call.
    pub dims: Vec<SizeId>,
    /// Where the elements are.
    pub buffer: BufferId,
}

/// Output `output` is the new value of the state passed as input `input`; dtype and sizes are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Donation {
    /// Index into [`Program::inputs`].
    pub input: u32,
    /// Index into [`Program::outputs`].
    pub output: u32,
    /// The compiler proved that the output may be written over the input's buffer: no step reads the old
    /// value after the step that writes the new one, and that step reads it at equal index only.
    pub in_place: bool,
}

/// A run of elements somewhere.
#[derive(Clone, Debug)]
pub struct BufferDecl {
    /// Element type.
    pub dtype: DType,
    /// Number of elements.
    pub len: SizeId,
    /// Who provides the memory.
    pub place: Place,
}

/// Who provides a buffer's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The caller's array.
    Input(u32),
    /// A fresh array handed to the caller, or a donated input's.
    Output(u32),
    /// The arena; alive from step `first` to step `last`, both included.
    Temp {
        /// The step that writes it first.
        first: u32,
        /// The last step that touches it.
        last: u32,
    },
    /// [`Program::constants`] at this byte offset (a multiple of 64).
    Constant(u64),
}

/// One generated kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelDecl {
    /// For listings and profiles: the ops it holds, as `mul+add+tanh`.
    pub name: String,
    /// Byte offset into [`Program::code`].
    pub offset: u64,
    /// Bytes of code.
    pub len: u64,
    /// Whether it can return a status other than 0 (an integer division, a checked index). No state is updated
    /// in place at or before such a kernel, so that after an error every state has its old value.
    pub can_fail: bool,
}

/// One action of a program.
#[derive(Clone, Debug)]
pub enum Step {
    /// Run a generated kernel.
    Kernel(KernelCall),
    /// Run a library kernel.
    Library(LibraryCall),
    /// Learn a size.
    Size(SizeStep),
}

/// Makes a number that earlier steps computed the value of the next size slot. It is an error if the number is
/// negative or above the bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeStep {
    /// Holds one i64.
    pub value: BufferId,
    /// The greatest value.
    pub bound: SizeId,
}

/// A call of a generated kernel over its whole grid. See [`abi`] for what the kernel receives.
#[derive(Clone, Debug)]
pub struct KernelCall {
    /// Which.
    pub kernel: KernelId,
    /// The kernel's buffers in its order.
    pub operands: Vec<BufferId>,
    /// The kernel's size arguments in its order.
    pub sizes: Vec<SizeId>,
    /// Number of grid points: the kernel runs for `begin..end` within `0..grid`.
    pub grid: SizeId,
    /// Estimated cost of one grid point in nanoseconds: the executor's measure for splitting among threads.
    pub point_cost: SizeId,
    /// Bytes of scratch memory that one thread needs.
    pub scratch: SizeId,
}

/// A call of a library kernel. Its operands carry shapes, so that library kernels need no other sizes.
#[derive(Clone, Debug)]
pub struct LibraryCall {
    /// The name in the runtime's library table (`kernels::library`).
    pub routine: String,
    /// What it reads.
    pub inputs: Vec<TensorRef>,
    /// What it writes.
    pub outputs: Vec<TensorRef>,
    /// Integer parameters, in the routine's order (axes, flags, strides); floats as the bits of an f64.
    pub params: Vec<SizeId>,
    /// Run over rows of the first output as soon as they are finished, while they are in cache: the
    /// kernel's grid is the product of all but the last axis of that output, in order.
    pub epilogue: Option<KernelCall>,
}

impl Program {
    /// The steps of each stage, without the steps that end them.
    pub fn stages(&self) -> Vec<std::ops::Range<usize>> {
        let mut stages = Vec::new();
        let mut begin = 0;
        for (s, step) in self.steps.iter().enumerate() {
            if let Step::Size(_) = step {
                stages.push(begin..s);
                begin = s + 1;
            }
        }
        stages.push(begin..self.steps.len());
        stages
    }

    /// The stage from which on these sizes are known: one more than the greatest slot in them.
    pub(crate) fn stage_of(&self, sizes: &[SizeId]) -> usize {
        let mut stage = 0;
        for size in sizes {
            self.sizes[size.index()].visit(&mut |atom| {
                if let Atom::Slot(k, _) = atom {
                    stage = stage.max(*k as usize + 1);
                }
            });
        }
        stage
    }
}

/// A buffer seen as a dense row-major tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorRef {
    /// The elements.
    pub buffer: BufferId,
    /// The length of each axis.
    pub dims: Vec<SizeId>,
}
