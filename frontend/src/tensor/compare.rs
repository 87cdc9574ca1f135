//! Comparison operators: Rust's `bool` from concrete tensors.
//!
//! `<`, `>` … and `==` with a number look at one element; `tensor == tensor` asks for equal dtype, shape and
//! values. While tracing there is no value to look at: the error says to write `x.greater(&y)`. Elementwise
//! comparison is `greater`, `less`, `equal` ….

use super::operand::{IntoTensor, Operand};
use super::{Scalar, Tensor};
use crate::Variable;
use crate::error::{Error, Kind, Result, at, unwrap};
use std::cmp::Ordering;
use std::panic::Location;
use tracelift_runtime::{Array, DType};

/// The order of two one-element operands; None if one is NaN.
fn order(
    sign: &'static str,
    x: Operand<'_>,
    y: Operand<'_>,
    loc: &'static Location<'static>,
) -> Result<Option<Ordering>> {
    Ok(match (scalar(sign, x, y, loc)?, scalar(sign, y, x, loc)?) {
        (Scalar::Int(x), Scalar::Int(y)) => Some(x.cmp(&y)),
        (Scalar::Bool(x), Scalar::Bool(y)) => Some(x.cmp(&y)),
        (x, y) => x.as_f64().partial_cmp(&y.as_f64()),
    })
}

/// The operand's only element. A number takes the dtype of the tensor it is compared with.
fn scalar(
    sign: &'static str,
    operand: Operand<'_>,
    other: Operand<'_>,
    loc: &'static Location<'static>,
) -> Result<Scalar> {
    let tensor = match operand {
        Operand::Scalar(scalar) => {
            let array = scalar.to_array(other.dtype().unwrap_or(scalar.default_dtype()));
            return array
                .map(|a| Scalar::first_of(&a))
                .map_err(|e| at(e.map_message(|m| format!("`{sign}`: {m}")), loc));
        }
        Operand::Tensor(tensor) => tensor.clone(),
        Operand::Variable(variable) => variable.read(loc),
    };
    if tensor.is_symbolic() {
        let error = tensor.concrete(sign, loc).err();
        let hint = "write `x.greater(&y)`, `x.less(&y)` …; in the condition of an `if` or `while` of a `#[function]` \
                    the operator itself works: does the function around this line have the attribute?";
        return Err(error.map_or_else(|| Error::new(Kind::Tracer, sign), |e| replace_hint(e, hint)));
    }
    let array = tensor.concrete(sign, loc)?;
    match array.len() {
        1 => Ok(Scalar::first_of(array)),
        _ => {
            let text = format!("`{sign}`: expected one element, got {}", tensor.spec());
            let hint = "compare elementwise with `greater`, `less`, `equal` …, or reduce first";
            Err(at(Error::new(Kind::Shape, text).hint(hint), loc))
        }
    }
}

fn replace_hint(error: Error, hint: &str) -> Error {
    error
        .map_message(|mut text| {
            text.truncate(text.find("\n  hint:").unwrap_or(text.len()));
            text
        })
        .hint(hint)
}

/// Same dtype, shape and values.
fn same(x: &Tensor, y: &Tensor, loc: &'static Location<'static>) -> Result<bool> {
    let (x, y) = (x.concrete("==", loc)?, y.concrete("==", loc)?);
    Ok(x.dtype() == y.dtype() && x.shape() == y.shape() && same_elements(x, y))
}

fn same_elements(x: &Array, y: &Array) -> bool {
    macro_rules! compare {
        ($($dtype:ident $t:ty),*) => {
            match x.dtype() {
                $(DType::$dtype => x.as_slice::<$t>() == y.as_slice::<$t>(),)*
            }
        };
    }
    compare!(F32 f32, F64 f64, F16 half::f16, BF16 half::bf16, I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16,
             U32 u32, U64 u64, Bool bool, Complex64 [f32; 2])
}

fn equal(x: Operand<'_>, y: Operand<'_>, loc: &'static Location<'static>) -> Result<bool> {
    match (x, y) {
        (Operand::Tensor(x), Operand::Tensor(y)) => same(x, y, loc),
        _ => Ok(order("==", x, y, loc)? == Some(Ordering::Equal)),
    }
}

macro_rules! compare {
    ($($left:ty => $($right:ty),*;)*) => {$($(
        impl PartialEq<$right> for $left {
            #[track_caller]
            fn eq(&self, other: &$right) -> bool {
                unwrap(equal(self.operand(), other.operand(), Location::caller()))
            }
        }

        impl PartialOrd<$right> for $left {
            #[track_caller]
            fn partial_cmp(&self, other: &$right) -> Option<Ordering> {
                unwrap(order("<=>", self.operand(), other.operand(), Location::caller()))
            }
            #[track_caller]
            fn lt(&self, other: &$right) -> bool {
                unwrap(order("<", self.operand(), other.operand(), Location::caller())).is_some_and(Ordering::is_lt)
            }
            #[track_caller]
            fn le(&self, other: &$right) -> bool {
                unwrap(order("<=", self.operand(), other.operand(), Location::caller())).is_some_and(Ordering::is_le)
            }
            #[track_caller]
            fn gt(&self, other: &$right) -> bool {
                unwrap(order(">", self.operand(), other.operand(), Location::caller())).is_some_and(Ordering::is_gt)
            }
            #[track_caller]
            fn ge(&self, other: &$right) -> bool {
                unwrap(order(">=", self.operand(), other.operand(), Location::caller())).is_some_and(Ordering::is_ge)
            }
        }
    )*)*};
}

// `&Tensor` against `&Tensor` comes from the standard library's impl for references.
compare! {
    Tensor => Tensor, &Tensor, f64, f32, i8, i16, i32, i64, u8, u16, u32, u64, usize, bool;
    &Tensor => Tensor, f64, f32, i8, i16, i32, i64, u8, u16, u32, u64, usize, bool;
    Variable => f64, f32, i32, i64;
    &Variable => f64, f32, i32, i64;
    f64 => Tensor, &Tensor;
    i64 => Tensor, &Tensor;
}
