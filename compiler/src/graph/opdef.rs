//! [`OpDef`]: everything there is to say about one op. A missing part is a missing field.
//!
//! An op is one `static` of this type in `ops/`, and one line in the table of `ops/table`. Stages ask an op
//! for its [`Lower`] class; none matches on names.

use super::attrs::{AttrValue, Attrs};
use super::cx::{Handle, Handles, OpCx};
use crate::base::{Result, TensorSpec};
use crate::kernel::ScalarCx;
use smallvec::SmallVec;
use tracelift_runtime::Array;

/// One op.
pub struct OpDef {
    /// Text name, TensorFlow's in snake_case.
    pub name: &'static str,
    /// What it computes, in a sentence or two, with the source of the formula where it is not obvious.
    pub doc: &'static str,
    /// Its operands.
    pub inputs: Operands,
    /// Its attributes.
    pub attrs: &'static [AttrDef],
    /// The specs of its results, or what is wrong with the operands.
    pub spec: fn(&SpecCx<'_>) -> Result<Specs>,
    /// How it is differentiated.
    pub grad: Grad,
    /// What the compiler makes of it.
    pub lower: Lower,
    /// The specification by example: computes the results, naively. Never called for `Lower::Composite`.
    pub eval: fn(&EvalCx<'_>) -> Result<Vec<Array>>,
    /// Where its operands are sampled from in the batteries.
    pub domain: Domain,
    /// Whether it must be kept and keep its place.
    pub effects: Effects,
}

/// Specs of an op's results.
pub type Specs = SmallVec<[TensorSpec; 1]>;

/// An op's operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operands {
    /// Exactly these.
    Named(&'static [&'static str]),
    /// Any number from `least` of one kind.
    Variadic {
        /// What they are called together.
        name: &'static str,
        /// The least number.
        least: usize,
    },
}

/// An attribute that an op takes.
#[derive(Clone, Copy, Debug)]
pub struct AttrDef {
    /// Its name.
    pub name: &'static str,
    /// What kind of value it takes.
    pub kind: AttrKind,
    /// Whether it may be left out, and what that means is in the op's doc.
    pub optional: bool,
}

/// The kind of an attribute's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum AttrKind {
    Bool,
    Int,
    Float,
    Str,
    DType,
    Ints,
    Dims,
    /// A padding's name, or a list of integers.
    Padding,
    Data,
    Graph,
    /// The number of the first size slot that the op defines: a size that depends on what `counts` says of operand
    /// `operand`. The builder gives it, one number for equal `counts` of one operand, so that equal sizes are seen to be.
    Slot {
        counts: &'static str,
        operand: u8,
    },
    /// The sizes that would be the op's slots, where they are known already: in its gradient.
    KnownSizes,
}

/// Slots are numbered up to this.
const MOST_SLOTS: i64 = 1 << 16;

impl AttrKind {
    /// Whether `value` is of this kind.
    pub fn admits(self, value: &AttrValue) -> bool {
        match self {
            AttrKind::Bool => matches!(value, AttrValue::Bool(_)),
            AttrKind::Int => matches!(value, AttrValue::Int(_)),
            AttrKind::Slot { .. } => matches!(value, AttrValue::Int(k) if (0..=MOST_SLOTS).contains(k)),
            AttrKind::Float => matches!(value, AttrValue::Float(_) | AttrValue::Int(_)),
            AttrKind::Str => matches!(value, AttrValue::Str(_)),
            AttrKind::DType => matches!(value, AttrValue::DType(_)),
            AttrKind::Ints => matches!(value, AttrValue::Ints(_)),
            AttrKind::Dims | AttrKind::KnownSizes => matches!(value, AttrValue::Dims(_)),
            AttrKind::Padding => matches!(value, AttrValue::Str(_) | AttrValue::Ints(_)),
            AttrKind::Data => matches!(value, AttrValue::Data(_)),
            AttrKind::Graph => matches!(value, AttrValue::Graph(_)),
        }
    }
}

/// What a spec rule sees.
pub struct SpecCx<'a> {
    /// The operands' specs.
    pub inputs: &'a [TensorSpec],
    /// The attributes, checked against the op's declarations.
    pub attrs: &'a Attrs,
}

/// What an evaluator sees.
pub struct EvalCx<'a> {
    /// The operands.
    pub inputs: &'a [Array],
    /// The attributes, sizes in them constant.
    pub attrs: &'a Attrs,
    /// The results' specs, sizes constant.
    pub outputs: &'a [TensorSpec],
}

/// How an op is differentiated.
#[derive(Clone, Copy)]
pub enum Grad {
    /// Elementwise: the partial derivative of the output with respect to each operand (None: zero, as for
    /// the condition of a select). The driver multiplies by the cotangent and undoes broadcasting.
    Elementwise(&'static [Option<Partial>]),
    /// Cotangents of the operands from those of the results; None where there is none.
    Rule(fn(&mut GradCx<'_>) -> Result<Cotangents>),
    /// That of the expansion.
    Expansion,
    /// The derivative is zero wherever it exists (comparison, rounding), or the result is not a number, for this
    /// reason: nothing flows back. A source that is reached by no other path is unconnected.
    Zero(&'static str),
    /// There is no derivative, for this reason: an error if a cotangent arrives.
    None(&'static str),
}

/// A partial derivative.
pub type Partial = fn(&mut GradCx<'_>) -> Result<Handle>;

/// The cotangent of each operand; None where nothing flows back.
pub type Cotangents = SmallVec<[Option<Handle>; 3]>;

/// What a gradient rule sees.
pub struct GradCx<'a> {
    /// Makes ops.
    pub cx: &'a mut dyn OpCx,
    /// The op's attributes.
    pub attrs: &'a Attrs,
    /// Its operands.
    pub inputs: &'a [Handle],
    /// Its results.
    pub outputs: &'a [Handle],
    /// The results' cotangents (None: zero). At least one is there. Unused by elementwise partials.
    pub cotangents: &'a [Option<Handle>],
    /// Which operands' cotangents are wanted; others may be left None.
    pub wanted: &'a [bool],
}

/// What the compiler makes of an op: the classes that stages ask for.
#[derive(Clone, Copy)]
pub enum Lower {
    /// A graph input.
    Parameter,
    /// A value known while compiling (attribute `value`), or a source: `iota`, `fill`.
    Source(Source),
    /// One scalar expression an element; operands broadcast to the result's shape.
    Elementwise(fn(&mut ScalarCx<'_>) -> Result<crate::kernel::Value>),
    /// Elements of operand 0 moved, none computed.
    Movement(Movement),
    /// Operand 0 reduced over attribute `axes` (absent: all), with attribute `keepdims`.
    Reduction(crate::kernel::ReduceKind),
    /// A product: `matmul`.
    Contraction,
    /// Operand 0, an i64 of rank 0, becomes the size slot in attribute `size` (one size).
    Slot,
    /// A kernel of the runtime's library.
    Library(fn(&SpecCx<'_>, &[TensorSpec]) -> Result<LibraryCall>),
    /// Windows times a filter: a kernel of the library that finishes its rows one by one, as a product does.
    Window(fn(&SpecCx<'_>, &[TensorSpec]) -> Result<LibraryCall>),
    /// Replaced by its expansion unless the scheduler knows better.
    Composite(fn(&mut ExpandCx<'_>) -> Result<Handles>),
}

/// Kinds of [`Lower::Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Attribute `value`.
    Constant,
    /// Element index along attribute `axis`, of attribute `dtype` and `dims`.
    Iota,
    /// The one size in attribute `dims`, as an i64 of rank 0.
    Size,
}

/// Kinds of [`Lower::Movement`]. Attributes carry the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Movement {
    /// Same elements in the same order under another shape.
    Reshape,
    /// Attribute `perm`.
    Transpose,
    /// To the result's shape, NumPy's rule.
    Broadcast,
    /// Attributes `begin`, `strides` (may be negative) per axis; the result's shape says how many.
    Slice,
    /// Attribute `axes`: reversed.
    Reverse,
    /// Attributes `before` and `after`; the value is operand 1 (rank 0).
    Pad,
    /// All operands, along attribute `axis`.
    Concat,
}

/// A library routine and its integer parameters.
pub struct LibraryCall {
    /// Name in the runtime's table.
    pub routine: &'static str,
    /// Parameters in the routine's order; floats as the bits of an f64.
    pub params: Vec<crate::base::Dim>,
}

/// What an expansion sees.
pub struct ExpandCx<'a> {
    /// Makes ops.
    pub cx: &'a mut dyn OpCx,
    /// The op's attributes.
    pub attrs: &'a Attrs,
    /// Its operands.
    pub inputs: &'a [Handle],
}

/// Whether an op must be kept and keep its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effects {
    /// May be dropped, merged, moved.
    Pure,
    /// Prints, calls back, asserts.
    Effect,
}

/// Where batteries sample operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Domain {
    /// Any real within ±3; integers within ±9.
    Any,
    /// Within these bounds.
    Between(f64, f64),
    /// Away from 0.
    NonZero,
    /// Truth values.
    Bools,
    /// Not sampled by the battery: has tests of its own, named here.
    Special(&'static str),
}

impl std::fmt::Debug for OpDef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
