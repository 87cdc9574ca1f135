//! Powers, roots, exponentials and what is made of them.

use super::x_is_float;
use crate::ops::{
    ADD, COS, DIVIDE, EXP, EXPM1, LOG, LOG1P, MULTIPLY, NEGATIVE, POW, RECIPROCAL, RSQRT, SIGMOID, SOFTPLUS, SQRT,
    SQUARE,
};
use crate::rewrite::Rule;
use crate::rules;

/// See the module.
pub const RULES: &[Rule] = rules! {
    exact pow_zero: POW(x, 0) => 1;
    exact pow_one: POW(x, 1) => x;
    close(2) pow_two: POW(x, 2) => SQUARE(x);
    close(4) pow_three: POW(x, 3) => MULTIPLY(SQUARE(x), x);
    close(4) pow_four: POW(x, 4) => SQUARE(SQUARE(x));
    close(2) pow_minus_one: POW(x, {-1.0}) => RECIPROCAL(x) if x_is_float;
    fast pow_half: POW(x, {0.5}) => SQRT(x);
    fast pow_minus_half: POW(x, {-0.5}) => RSQRT(x);
    close(4) reciprocal_sqrt: RECIPROCAL(SQRT(x)) => RSQRT(x);
    close(4) divide_sqrt: DIVIDE(x, SQRT(y)) => MULTIPLY(x, RSQRT(y));
    fast square_sqrt: SQUARE(SQRT(x)) => x;
    fast log_exp: LOG(EXP(x)) => x;
    fast exp_log: EXP(LOG(x)) => x;
    fast exp_minus_one: ADD(EXP(x), {-1.0}) => EXPM1(x);
    fast log_one_plus: LOG(ADD(x, 1)) => LOG1P(x);
    fast log_one_plus_exp: LOG1P(EXP(x)) => SOFTPLUS(x);
    close(8) logistic: RECIPROCAL(ADD(EXP(NEGATIVE(x)), 1)) => SIGMOID(x);
    exact cos_negative: COS(NEGATIVE(x)) => COS(x);
};
