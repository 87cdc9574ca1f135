//! Shared spec rules: what the result of an op is, or what is wrong with its operands.
//!
//! Sizes may be symbolic. Two sizes agree if they are equal as [`Dim`]s; a symbolic size is taken to be
//! different from 1, so broadcasting never depends on a size that is known only at run time. What cannot be
//! proved is an error. Start with [`elementwise`]; passes and the scheduler read attributes through [`axes`],
//! [`axis`] and [`permutation`], which turn negative and absent axes into plain ones.

use crate::base::spec::Dims;
use crate::base::{Atom, DType, Dim, Error, Kind, Result, TensorSpec};
use crate::graph::builder::check_sizes;
use crate::graph::cx::{Handle, Handles, OpCx};
use crate::graph::opdef::{ExpandCx, SpecCx, Specs};
use crate::graph::{Attrs, OpDef};
use smallvec::{SmallVec, smallvec};
use std::fmt::Display;

/// Axes in normal form.
pub type Axes = SmallVec<[usize; 4]>;

/// Which dtypes an op takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// f32, f64, f16, bf16.
    Float,
    /// Floats and integers.
    Number,
    /// Integers.
    Int,
    /// Integers and bool.
    Bits,
    /// Truth values.
    Bool,
    /// Floats, integers and bool.
    Real,
    /// Every dtype.
    Any,
}

impl Class {
    /// Whether `dtype` belongs to it.
    pub fn admits(self, dtype: DType) -> bool {
        match self {
            Class::Float => dtype.is_float(),
            Class::Number => dtype.is_float() || dtype.is_int(),
            Class::Int => dtype.is_int(),
            Class::Bits => dtype.is_int() || dtype == DType::Bool,
            Class::Bool => dtype == DType::Bool,
            Class::Real => dtype != DType::Complex64,
            Class::Any => true,
        }
    }

    /// An error unless `spec` is of this class.
    pub fn check(self, spec: &TensorSpec) -> Result<()> {
        let (what, advice) = match self {
            _ if self.admits(spec.dtype) => return Ok(()),
            Class::Float => ("a float tensor", "convert with `.cast(DType::F32)`"),
            Class::Number => ("a float or integer tensor", "convert with `.cast(DType::F32)`"),
            Class::Int => ("an integer tensor", "convert with `.cast(DType::I32)`"),
            Class::Bits => ("an integer or bool tensor", "convert with `.cast(DType::I32)`"),
            Class::Bool => ("a bool tensor", "compare, or convert with `.cast(DType::Bool)`"),
            Class::Real | Class::Any => ("a float, integer or bool tensor", "complex numbers only move here"),
        };
        Err(Error::new(Kind::DType, format!("expected {what}, received {spec}")).hint(advice))
    }
}

/// The error for a wrong shape, size or attribute.
pub fn wrong(kind: Kind, expected: impl Display, received: impl Display) -> Error {
    Error::new(kind, format!("expected {expected}, received {received}"))
}

/// One result.
pub fn one(dtype: DType, dims: Dims) -> Result<Specs> {
    Ok(smallvec![sized(TensorSpec { dtype, dims })?])
}

/// Operands of one dtype of the class, broadcast together; the result has that dtype.
pub fn elementwise(c: &SpecCx<'_>, class: Class) -> Result<Specs> {
    let dtype = same_dtype(c.inputs)?;
    class.check(&c.inputs[0])?;
    one(dtype, broadcast_all(c.inputs)?)
}

/// As [`elementwise`], with truth values as result.
pub fn predicate(c: &SpecCx<'_>, class: Class) -> Result<Specs> {
    same_dtype(c.inputs)?;
    class.check(&c.inputs[0])?;
    one(DType::Bool, broadcast_all(c.inputs)?)
}

/// Operand 0's spec, whatever it is.
pub fn same(c: &SpecCx<'_>) -> Result<Specs> {
    Ok(smallvec![c.inputs[0].clone()])
}

/// The one dtype of all operands.
pub fn same_dtype(inputs: &[TensorSpec]) -> Result<DType> {
    let first = inputs[0].dtype;
    match inputs.iter().find(|s| s.dtype != first) {
        None => Ok(first),
        Some(other) => Err(wrong(Kind::DType, format_args!("operands of one dtype ({first})"), other.dtype)
            .hint("dtypes never mix by themselves; convert one with `.cast(..)`")),
    }
}

/// An error unless all operands have one shape.
pub fn one_shape(inputs: &[TensorSpec]) -> Result<()> {
    match inputs.iter().find(|s| s.dims != inputs[0].dims) {
        None => Ok(()),
        Some(other) => Err(wrong(Kind::Shape, format_args!("operands of one shape {}", shape(&inputs[0].dims)), other)),
    }
}

/// The shape that all operands broadcast to.
pub fn broadcast_all(inputs: &[TensorSpec]) -> Result<Dims> {
    let mut dims = Dims::new();
    for spec in inputs {
        dims = broadcast(&dims, &spec.dims)?;
    }
    Ok(dims)
}

/// NumPy's rule: shapes are aligned at the right, and a length of 1 stretches.
pub fn broadcast(a: &[Dim], b: &[Dim]) -> Result<Dims> {
    let rank = a.len().max(b.len());
    let at = |dims: &[Dim], i: usize| (i + dims.len()).checked_sub(rank).map_or(Dim::ONE, |k| dims[k].clone());
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y || y == Dim::ONE => Ok(x),
            (x, y) if x == Dim::ONE => Ok(y),
            (x, y) => {
                let known = x.as_const().is_some() && y.as_const().is_some();
                Err(wrong(Kind::Shape, "shapes that broadcast", format_args!("{} and {}", shape(a), shape(b))).hint(
                    if known {
                        format!("axis {i} has lengths {x} and {y}; they must be equal, or one of them 1")
                    } else {
                        format!("lengths {x} and {y} of axis {i} cannot be proved equal before the call")
                    },
                ))
            }
        })
        .collect()
}

/// A shape as text: `[2, n0]`.
pub fn shape(dims: &[Dim]) -> String {
    let dims: Vec<String> = dims.iter().map(Dim::to_string).collect();
    format!("[{}]", dims.join(", "))
}

/// Axis `axis` of a tensor of this rank, counted from the end if negative.
pub fn normalize(axis: i64, rank: usize) -> Result<usize> {
    let from_start = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    match from_start {
        Some(a) if a >= 0 && (a as usize) < rank => Ok(a as usize),
        _ => Err(Error::new(Kind::Shape, format!("axis {axis} is out of range for rank {rank}"))),
    }
}

/// Attribute `axis`, or `default`, in normal form.
pub fn axis(attrs: &Attrs, default: i64, rank: usize) -> Result<usize> {
    normalize(attrs.int("axis").unwrap_or(default), rank)
}

/// Attribute `axes` in normal form, sorted; all axes if absent.
pub fn axes(attrs: &Attrs, rank: usize) -> Result<Axes> {
    match attrs.ints("axes") {
        Some(axes) => distinct(axes, rank),
        None => Ok((0..rank).collect()),
    }
}

/// These axes in normal form, sorted; naming one twice is an error.
pub fn distinct(axes: &[i64], rank: usize) -> Result<Axes> {
    let mut out = axes.iter().map(|&a| normalize(a, rank)).collect::<Result<Axes>>()?;
    out.sort_unstable();
    match out.windows(2).find(|w| w[0] == w[1]) {
        Some(twice) => Err(wrong(Kind::Shape, "each axis once", format_args!("axis {} twice", twice[0]))),
        None => Ok(out),
    }
}

/// Attribute `perm` in normal form; absent: all axes reversed.
pub fn permutation(attrs: &Attrs, rank: usize) -> Result<Axes> {
    let Some(perm) = attrs.ints("perm") else { return Ok((0..rank).rev().collect()) };
    if perm.len() != rank {
        return Err(wrong(Kind::Shape, format_args!("a permutation of {rank} axes"), format_args!("perm {perm:?}")));
    }
    distinct(perm, rank)?;
    perm.iter().map(|&a| normalize(a, rank)).collect()
}

/// The shape after reducing `axes`.
pub fn reduced(dims: &[Dim], axes: &[usize], keepdims: bool) -> Dims {
    let lengths = dims.iter().enumerate();
    match keepdims {
        true => lengths.map(|(i, d)| if axes.contains(&i) { Dim::ONE } else { d.clone() }).collect(),
        false => lengths.filter(|(i, _)| !axes.contains(i)).map(|(_, d)| d.clone()).collect(),
    }
}

/// Attribute `dims`: lengths, none of them negative.
pub fn lengths(attrs: &Attrs) -> Result<Dims> {
    let dims: Dims = attrs.dims("dims").unwrap_or_default().iter().cloned().collect();
    match dims.iter().find(|d| d.as_const().is_some_and(|c| c < 0)) {
        Some(bad) => Err(wrong(Kind::Shape, "lengths of at least 0", format_args!("{bad} in {}", shape(&dims)))),
        None => Ok(dims),
    }
}

/// The most results of an op: each is a value of the graph.
const MOST_RESULTS: i64 = 1 << 16;

/// A number of results, if it is a sane one.
pub fn result_count(count: i64) -> Result<usize> {
    match count {
        0..=MOST_RESULTS => Ok(count as usize),
        _ => Err(wrong(Kind::Value, format_args!("at most {MOST_RESULTS} results"), count)),
    }
}

/// The spec itself, if [`check_sizes`] finds nothing.
pub fn sized(spec: TensorSpec) -> Result<TensorSpec> {
    check_sizes(&spec).map(|()| spec)
}

/// Whether `dim >= 0` for all sizes, as far as can be proved.
pub fn nonnegative(dim: &Dim) -> bool {
    prove_nonnegative(dim, 5, &std::cell::Cell::new(MOST_CASES))
}

/// Cases that a proof may look at: sizes that need more are not proved.
const MOST_CASES: u32 = 2000;

fn prove_nonnegative(dim: &Dim, depth: u32, fuel: &std::cell::Cell<u32>) -> bool {
    let Some(left) = fuel.get().checked_sub(1) else { return false };
    fuel.set(left);
    let terms = dim.terms();
    let at_least_zero = |atom: &Atom| match atom {
        Atom::Sym(_) | Atom::Slot(..) | Atom::PositivePart(_) => true,
        Atom::FloorDiv(a, b) => {
            depth > 0 && prove_nonnegative(a, depth - 1, fuel) && prove_nonnegative(b, depth - 1, fuel)
        }
        Atom::Mod(_, b) => depth > 0 && prove_nonnegative(b, depth - 1, fuel),
    };
    if terms.iter().all(|t| t.coef >= 0 && t.atoms.iter().all(at_least_zero)) {
        return true;
    }
    if depth == 0 {
        return false;
    }
    // One atom that stands alone in a term is bounded, and the rest tried again.
    let mut alone = terms.iter().filter(|t| t.atoms.len() == 1);
    let clamps = alone.clone().filter_map(|t| match &t.atoms[0] {
        Atom::PositivePart(of) => Some((t.coef, &t.atoms[0], of)),
        _ => None,
    });
    // What is subtracted first: nothing is lost by going through its cases.
    if let Some((coef, atom, of)) = clamps.min_by_key(|(coef, ..)| *coef > 0) {
        // It is `of`, which is not negative then, or 0, and `of` is not positive then; everywhere at once.
        let is = |value: &Dim, known: Dim| {
            let case = dim.substitute(&|a| (a == atom).then(|| value.clone()));
            prove_nonnegative(&case, depth - 1, fuel) || prove_nonnegative(&(case - known), depth - 1, fuel)
        };
        // Or, where it adds, it is at least each of them here.
        let rest = dim.clone() - Dim::from(coef) * of.positive_part();
        let at_least =
            |value: &Dim| prove_nonnegative(&(rest.clone() + Dim::from(coef) * value.clone()), depth - 1, fuel);
        return coef > 0 && (at_least(of) || at_least(&Dim::ZERO))
            || is(of, of.clone()) && is(&Dim::ZERO, Dim::ZERO - of.clone());
    }
    alone.any(|t| match &t.atoms[0] {
        // b*floor(a/b) lies within a-b+1 ..= a for a positive b. All is multiplied by b.
        Atom::FloorDiv(a, b) => {
            let Some(by) = b.as_const().filter(|&by| by > 0) else { return false };
            let rest = dim.clone() - Dim::from(t.coef) * a.floor_div(b);
            let numerator = if t.coef > 0 { a.clone() - Dim::from(by - 1) } else { a.clone() };
            prove_nonnegative(&(rest * b.clone() + numerator * Dim::from(t.coef)), depth - 1, fuel)
        }
        // The program checks that the size is at most its bound.
        Atom::Slot(_, bound) if t.coef < 0 => {
            let rest = dim.substitute(&|a| (a == &t.atoms[0]).then(|| bound.clone()));
            prove_nonnegative(&rest, depth - 1, fuel)
        }
        _ => false,
    })
}

/// The specs of a composite's results: those of its expansion.
pub fn expansion(c: &SpecCx<'_>, expand: fn(&mut ExpandCx<'_>) -> Result<Handles>) -> Result<Specs> {
    let mut cx = SpecOnly { specs: c.inputs.to_vec() };
    let inputs: Vec<Handle> = (0..c.inputs.len() as u32).map(Handle).collect();
    let outputs = expand(&mut ExpandCx { cx: &mut cx, attrs: c.attrs, inputs: &inputs })?;
    outputs.iter().map(|&h| sized(cx.spec(h))).collect()
}

/// Applies ops to specs alone.
struct SpecOnly {
    specs: Vec<TensorSpec>,
}

impl OpCx for SpecOnly {
    fn apply(&mut self, op: &'static OpDef, attrs: Attrs, inputs: &[Handle]) -> Result<Handles> {
        let inputs: Vec<TensorSpec> = inputs.iter().map(|&h| self.spec(h)).collect();
        let op = super::complex::form(op, &attrs, &inputs);
        let specs = (op.spec)(&SpecCx { inputs: &inputs, attrs: &attrs })?;
        let first = self.specs.len() as u32;
        self.specs.extend(specs);
        Ok((first..self.specs.len() as u32).map(Handle).collect())
    }

    fn spec(&self, tensor: Handle) -> TensorSpec {
        self.specs[tensor.0 as usize].clone()
    }
}
