//! Comparison operators: Rust's `bool` from concrete tensors.
//!
//! `<`, `>` … and `==` with a number look at one element, which must be real; `tensor == tensor` asks for equal dtype, shape and
//! values. While tracing there is no value to look at: the error says to write `x.greater(&y)`. Elementwise
//! comparison is `greater`, `less`, `equal` …. A variable stands for its value now; two variables have no operators,
//! since `==` could mean either that or the same variable.

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
    let name = |e: Error| at(e.map_message(|m| format!("`{sign}`: {m}")), loc);
    let tensor = match operand {
        Operand::Scalar(scalar) => {
            let array = scalar.to_array(other.dtype().unwrap_or(scalar.default_dtype()));
            return array.and_then(|a| Scalar::first_of(&a)).map_err(name);
        }
        Operand::Tensor(tensor) => tensor.clone(),
        Operand::Variable(variable) => variable.read(loc),
    };
    if tensor.is_symbolic() {
        let error = tensor.concrete(sign, loc).err();
        let hint = "compare elementwise with `x.greater(&y)`, `x.less(&y)` …, and choose with `tl::where_(..)`: an `if` or \
                    `while` of Rust is decided while tracing";
        return Err(error.map_or_else(|| Error::new(Kind::Tracer, sign), |e| replace_hint(e, hint)));
    }
    let array = tensor.concrete(sign, loc)?;
    match array.len() {
        1 => Scalar::first_of(array).map_err(name),
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
    if matches!(x, Operand::Scalar(_)) || matches!(y, Operand::Scalar(_)) {
        return Ok(order("==", x, y, loc)? == Some(Ordering::Equal));
    }
    same(&*x.hold(None, loc)?, &*y.hold(None, loc)?, loc)
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

// A reference against a reference comes from the standard library's impl for them.
compare! {
    Tensor => Tensor, &Tensor, f64, f32, i8, i16, i32, i64, u8, u16, u32, u64, usize, bool;
    &Tensor => Tensor, f64, f32, i8, i16, i32, i64, u8, u16, u32, u64, usize, bool;
    Tensor => Variable, &Variable;
    &Tensor => Variable;
    Variable => Tensor, &Tensor, f64, f32, i8, i16, i32, i64, u8, u16, u32, u64, usize, bool;
    &Variable => Tensor, f64, f32, i8, i16, i32, i64, u8, u16, u32, u64, usize, bool;
    f64 => Tensor, &Tensor, Variable, &Variable;
    i64 => Tensor, &Tensor, Variable, &Variable;
}

#[cfg(test)]
mod tests {
    use crate::Variable;
    use crate::error::Kind;
    use crate::tensor::constant;

    #[test]
    fn variables_compare_by_their_values() {
        let (v, x) = (Variable::new(2.0), constant(3.0));
        let found = [v < x, x > v, 1.0 < v, 2 <= v, v == 2.0, v != x, v >= 2usize];
        assert_eq!(found, [true; 7]);
        let list = Variable::new([1, 2]);
        assert!(list == constant([1, 2]) && constant([1, 3]) != list);
        assert!(crate::attempt(|| list < x).is_err());
    }

    #[test]
    fn complex_numbers_are_no_real_ones() {
        let i = crate::complex(constant(0.0), constant(1.0));
        let refused = [
            crate::attempt(|| i == 0.0).map(drop),
            crate::attempt(|| i < 1.0).map(drop),
            crate::attempt(|| i.is_true()).map(drop),
            i.try_item().map(drop),
        ];
        for outcome in refused {
            let error = outcome.unwrap_err();
            assert!(error.kind() == Kind::DType && error.message().contains("1j is no real number"), "{error}");
        }
        assert!(i == crate::complex(constant(0.0), constant(1.0)) && i != crate::complex(constant(0.0), constant(2.0)));
    }
}
