//! Comparisons, truth values, bits.
//!
//! With NaN every order is false, so `not (x < y)` is `x >= y` for integers only.

use super::x_is_discrete;
use crate::ops::{
    BITWISE_AND, BITWISE_INVERT, BITWISE_OR, BITWISE_XOR, EQUAL, GREATER, GREATER_EQUAL, LEFT_SHIFT, LESS, LESS_EQUAL,
    LOGICAL_AND, LOGICAL_NOT, LOGICAL_OR, LOGICAL_XOR, NOT_EQUAL, RIGHT_SHIFT,
};
use crate::rewrite::Rule;
use crate::rules;

/// See the module.
pub const RULES: &[Rule] = rules! {
    exact less_itself: LESS(x, x) => 0;
    exact greater_itself: GREATER(x, x) => 0;
    exact equal_itself: EQUAL(x, x) => 1 if x_is_discrete;
    exact not_equal_itself: NOT_EQUAL(x, x) => 0 if x_is_discrete;
    exact less_equal_itself: LESS_EQUAL(x, x) => 1 if x_is_discrete;
    exact greater_equal_itself: GREATER_EQUAL(x, x) => 1 if x_is_discrete;
    exact not_not: LOGICAL_NOT(LOGICAL_NOT(x)) => x;
    exact not_equal_to: LOGICAL_NOT(EQUAL(x, y)) => NOT_EQUAL(x, y);
    exact not_not_equal: LOGICAL_NOT(NOT_EQUAL(x, y)) => EQUAL(x, y);
    exact not_less: LOGICAL_NOT(LESS(x, y)) => GREATER_EQUAL(x, y) if x_is_discrete;
    exact not_less_equal: LOGICAL_NOT(LESS_EQUAL(x, y)) => GREATER(x, y) if x_is_discrete;
    exact not_greater: LOGICAL_NOT(GREATER(x, y)) => LESS_EQUAL(x, y) if x_is_discrete;
    exact not_greater_equal: LOGICAL_NOT(GREATER_EQUAL(x, y)) => LESS(x, y) if x_is_discrete;
    exact and_true: LOGICAL_AND(x, 1) => x;
    exact and_false: LOGICAL_AND(x, 0) => 0;
    exact and_itself: LOGICAL_AND(x, x) => x;
    exact or_true: LOGICAL_OR(x, 1) => 1;
    exact or_false: LOGICAL_OR(x, 0) => x;
    exact or_itself: LOGICAL_OR(x, x) => x;
    exact xor_false: LOGICAL_XOR(x, 0) => x;
    exact xor_true: LOGICAL_XOR(x, 1) => LOGICAL_NOT(x);
    exact xor_itself: LOGICAL_XOR(x, x) => 0;
    exact bitwise_and_zero: BITWISE_AND(x, 0) => 0;
    exact bitwise_and_itself: BITWISE_AND(x, x) => x;
    exact bitwise_or_zero: BITWISE_OR(x, 0) => x;
    exact bitwise_or_itself: BITWISE_OR(x, x) => x;
    exact bitwise_xor_zero: BITWISE_XOR(x, 0) => x;
    exact bitwise_xor_itself: BITWISE_XOR(x, x) => 0;
    exact bitwise_invert_twice: BITWISE_INVERT(BITWISE_INVERT(x)) => x;
    exact left_shift_zero: LEFT_SHIFT(x, 0) => x;
    exact right_shift_zero: RIGHT_SHIFT(x, 0) => x;
};
