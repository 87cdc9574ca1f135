//! Operators: `+ - * / %`, `& | ^ !`, unary `-`, and the assigning ones on `Tensor`.
//!
//! On the left stand tensors and variables (by value or reference), `f64` and `i64`; on the right anything that is
//! [`IntoTensor`] (for a number on the left: tensors and variables). Only one float and one integer type are on
//! the left, so that a literal's type is known at once: for `lr: f32` write `&x * lr`. `%` is Python's and
//! TensorFlow's: it has the divisor's sign.

use super::operand::{IntoTensor, Operand};
use super::{Scalar, Tensor};
use crate::Variable;
use crate::engine::dispatch;
use crate::error::{Result, unwrap};
use std::ops::{Add, AddAssign, BitAnd, BitOr, BitXor, Div, DivAssign, Mul, MulAssign, Neg, Not, Rem, RemAssign};
use std::ops::{BitAndAssign, BitOrAssign, BitXorAssign, Sub, SubAssign};
use std::panic::Location;
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::ops;

/// All binary operators end here.
fn binary(op: &'static OpDef, x: Operand<'_>, y: Operand<'_>, loc: &'static Location<'static>) -> Result<Tensor> {
    dispatch::call1(op, Attrs::new(), &[x, y], loc)
}

/// All unary operators end here.
fn unary(op: &'static OpDef, x: Operand<'_>, loc: &'static Location<'static>) -> Result<Tensor> {
    dispatch::call1(op, Attrs::new(), &[x], loc)
}

macro_rules! binary {
    ($($trait:ident $method:ident $assign:ident $assign_method:ident $op:ident;)*) => {$(
        binary!(@left $trait $method $op Tensor, &Tensor, Variable, &Variable);
        binary!(@number $trait $method $op f64 Float: Tensor, &Tensor, Variable, &Variable);
        binary!(@number $trait $method $op i64 Int: Tensor, &Tensor, Variable, &Variable);

        impl<R: IntoTensor> $assign<R> for Tensor {
            #[track_caller]
            fn $assign_method(&mut self, y: R) {
                *self = unwrap(binary(&ops::$op, self.operand(), y.operand(), Location::caller()));
            }
        }
    )*};
    (@left $trait:ident $method:ident $op:ident $($left:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl<R: IntoTensor> $trait<R> for $left {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, y: R) -> Tensor {
                unwrap(binary(&ops::$op, self.operand(), y.operand(), Location::caller()))
            }
        }
    )*};
    (@number $trait:ident $method:ident $op:ident $number:ident $scalar:ident: $($right:ty),*) => {$(
        impl $trait<$right> for $number {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, y: $right) -> Tensor {
                let x = Operand::Scalar(Scalar::$scalar(self.into()));
                unwrap(binary(&ops::$op, x, y.operand(), Location::caller()))
            }
        }
    )*};
}

binary! {
    Add add AddAssign add_assign ADD;
    Sub sub SubAssign sub_assign SUBTRACT;
    Mul mul MulAssign mul_assign MULTIPLY;
    Div div DivAssign div_assign DIVIDE;
    Rem rem RemAssign rem_assign FLOORMOD;
    BitAnd bitand BitAndAssign bitand_assign BITWISE_AND;
    BitOr bitor BitOrAssign bitor_assign BITWISE_OR;
    BitXor bitxor BitXorAssign bitxor_assign BITWISE_XOR;
}

macro_rules! unary {
    ($($trait:ident $method:ident $op:ident: $($operand:ty),*;)*) => {$($(
        impl $trait for $operand {
            type Output = Tensor;
            #[track_caller]
            fn $method(self) -> Tensor {
                unwrap(unary(&ops::$op, self.operand(), Location::caller()))
            }
        }
    )*)*};
}

unary! {
    Neg neg NEGATIVE: Tensor, &Tensor, Variable, &Variable;
    Not not BITWISE_INVERT: Tensor, &Tensor, Variable, &Variable;
}
