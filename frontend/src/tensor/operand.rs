//! [`IntoTensor`]: what ops and operators take; and how numbers find their dtype.
//!
//! An op never sees a number: [`resolve`] turns the numbers among its operands into rank-0 tensors of the dtype
//! of the tensor they meet.

use super::{Scalar, Tensor};
use crate::Variable;
use crate::error::{Error, Result, at, unwrap};
use half::{bf16, f16};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::ops::Deref;
use std::panic::Location;
use tracelift_compiler::graph::OpDef;
use tracelift_compiler::graph::opdef::Operands;
use tracelift_runtime::DType;

/// What ops take: tensors, variables, and numbers (which take the other operand's dtype), by value or reference.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tensor, a variable or a number",
    label = "expected a tensor, a variable or a number",
    note = "arrays and vectors become tensors by `tl::constant(..)` (f32, i32, bool) or `Tensor::from(..)`"
)]
pub trait IntoTensor {
    #[doc(hidden)]
    fn operand(&self) -> Operand<'_>;

    /// The tensor: a variable's value; a number as f32, i32 or bool.
    #[track_caller]
    fn into_tensor(self) -> Tensor
    where
        Self: Sized,
    {
        unwrap(self.operand().into_tensor(Location::caller()))
    }
}

/// An op's operand as written.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub enum Operand<'a> {
    /// A tensor.
    Tensor(&'a Tensor),
    /// A variable, to be read.
    Variable(&'a Variable),
    /// A number, to take another operand's dtype.
    Scalar(Scalar),
}

/// An operand ready for an op.
pub(crate) enum Held<'a> {
    /// The user's tensor.
    Borrowed(&'a Tensor),
    /// A variable's snapshot, or a number's tensor.
    Owned(Tensor),
}

impl Deref for Held<'_> {
    type Target = Tensor;
    fn deref(&self) -> &Tensor {
        match self {
            Held::Borrowed(tensor) => tensor,
            Held::Owned(tensor) => tensor,
        }
    }
}

impl<'a> Operand<'a> {
    /// The operand alone: a number gets its own default dtype.
    pub(crate) fn into_tensor(self, loc: &'static Location<'static>) -> Result<Tensor> {
        match self {
            Operand::Tensor(tensor) => Ok(tensor.clone()),
            Operand::Variable(variable) => Ok(variable.read(loc)),
            Operand::Scalar(scalar) => Ok(scalar.to_array(scalar.default_dtype())?.into()),
        }
    }

    /// The operand, a number as `dtype`.
    pub(crate) fn hold(self, dtype: Option<DType>, loc: &'static Location<'static>) -> Result<Held<'a>> {
        match self {
            Operand::Tensor(tensor) => Ok(Held::Borrowed(tensor)),
            Operand::Variable(variable) => Ok(Held::Owned(variable.read(loc))),
            Operand::Scalar(scalar) => Ok(Held::Owned(weak(scalar, dtype.unwrap_or(scalar.default_dtype()))?)),
        }
    }

    /// Its dtype, unless it is a number.
    pub(crate) fn dtype(self) -> Option<DType> {
        match self {
            Operand::Tensor(tensor) => Some(tensor.dtype()),
            Operand::Variable(variable) => Some(variable.dtype()),
            Operand::Scalar(_) => None,
        }
    }
}

/// The operands of `op` as tensors.
pub(crate) fn resolve<'a>(
    op: &OpDef,
    operands: &[Operand<'a>],
    loc: &'static Location<'static>,
) -> Result<SmallVec<[Held<'a>; 3]>> {
    let dtype = common_dtype(op, operands);
    let hold = |(i, operand): (usize, &Operand<'a>)| operand.hold(dtype.filter(|_| has_common_dtype(op, i)), loc);
    operands.iter().enumerate().map(hold).collect::<Result<_>>().map_err(|e| mention(e, op, operands, loc))
}

/// The dtype that numbers take: that of the first tensor among the operands that share one.
fn common_dtype(op: &OpDef, operands: &[Operand<'_>]) -> Option<DType> {
    operands.iter().enumerate().filter(|(i, _)| has_common_dtype(op, *i)).find_map(|(_, operand)| operand.dtype())
}

/// Conditions and indices have dtypes of their own.
fn has_common_dtype(op: &OpDef, operand: usize) -> bool {
    match op.inputs {
        Operands::Named(names) => !matches!(names.get(operand), Some(&("condition" | "indices"))),
        Operands::Variadic { .. } => true,
    }
}

#[cold]
fn mention(error: Error, op: &OpDef, operands: &[Operand<'_>], loc: &Location<'_>) -> Error {
    let list: Vec<String> = operands
        .iter()
        .map(|operand| match operand {
            Operand::Tensor(tensor) => tensor.spec().to_string(),
            Operand::Variable(variable) => variable.spec().to_string(),
            Operand::Scalar(Scalar::Bool(v)) => v.to_string(),
            Operand::Scalar(Scalar::Int(v)) => v.to_string(),
            Operand::Scalar(Scalar::Float(v)) => format!("{v:?}"),
        })
        .collect();
    let heading = |text: String| {
        let (reason, hint) = text.split_at(text.find("\n  hint:").unwrap_or(text.len()));
        format!("`{}`: {reason}\n  operands: {}{hint}", op.name, list.join(", "))
    };
    at(error.map_message(heading), loc)
}

/// The rank-0 tensor of a number. Recently used ones are kept: `0.05 * &x` in a loop makes no array.
fn weak(scalar: Scalar, dtype: DType) -> Result<Tensor> {
    type Cached = Option<(Scalar, DType, Tensor)>;
    thread_local! {
        static RECENT: RefCell<[Cached; 32]> = const { RefCell::new([const { None }; 32]) };
    }
    let bits = match scalar {
        Scalar::Bool(v) => u64::from(v),
        Scalar::Int(v) => v as u64,
        Scalar::Float(v) => v.to_bits(),
    };
    let slot = (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 59) as usize;
    RECENT.with_borrow_mut(|recent| match &recent[slot] {
        Some((s, d, tensor)) if *d == dtype && same_bits(*s, scalar) => Ok(tensor.clone()),
        _ => {
            let tensor = Tensor::from(scalar.to_array(dtype)?);
            recent[slot] = Some((scalar, dtype, tensor.clone()));
            Ok(tensor)
        }
    })
}

/// Equality that tells -0.0 from 0.0 and finds NaN.
fn same_bits(a: Scalar, b: Scalar) -> bool {
    match (a, b) {
        (Scalar::Float(a), Scalar::Float(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

impl IntoTensor for Tensor {
    fn operand(&self) -> Operand<'_> {
        Operand::Tensor(self)
    }
}

impl IntoTensor for Variable {
    fn operand(&self) -> Operand<'_> {
        Operand::Variable(self)
    }
}

#[diagnostic::do_not_recommend]
impl<T: IntoTensor + ?Sized> IntoTensor for &T {
    fn operand(&self) -> Operand<'_> {
        (**self).operand()
    }
}

macro_rules! number {
    ($($t:ty => |$v:ident| $scalar:expr),* $(,)?) => {$(
        impl IntoTensor for $t {
            fn operand(&self) -> Operand<'_> {
                let $v = *self;
                Operand::Scalar($scalar)
            }
        }
        impl From<$t> for Scalar {
            fn from($v: $t) -> Scalar {
                $scalar
            }
        }
    )*};
}

number! {
    bool => |v| Scalar::Bool(v),
    f64 => |v| Scalar::Float(v), f32 => |v| Scalar::Float(v.into()),
    f16 => |v| Scalar::Float(v.into()), bf16 => |v| Scalar::Float(v.into()),
    i8 => |v| Scalar::Int(v.into()), i16 => |v| Scalar::Int(v.into()), i32 => |v| Scalar::Int(v.into()),
    i64 => |v| Scalar::Int(v.into()), u8 => |v| Scalar::Int(v.into()), u16 => |v| Scalar::Int(v.into()),
    u32 => |v| Scalar::Int(v.into()), u64 => |v| Scalar::Int(v.into()),
    usize => |v| Scalar::Int(v as i128), isize => |v| Scalar::Int(v as i128),
}
