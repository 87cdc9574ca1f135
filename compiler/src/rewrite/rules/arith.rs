//! Sums, differences, products, quotients.
//!
//! Floats: `x - 0` and `x + -0.0` are `x`, but `x + 0` turns -0.0 into 0.0; `x * 0` keeps NaN.

use super::{x_is_discrete, x_is_float, x_is_signed};
use crate::base::DType;
use crate::ops::{
    ABS, ADD, DIVIDE, FLOORDIV, FLOORMOD, MULTIPLY, NEGATIVE, RECIPROCAL, SQUARE, SUBTRACT, TRUNCATEDIV, TRUNCATEMOD,
};
use crate::rewrite::pattern::Bindings;
use crate::rewrite::{Draft, Rule};
use crate::rules;

/// See the module.
pub const RULES: &[Rule] = rules! {
    exact add_negative_zero: ADD(x, {-0.0}) => x;
    ints add_zero: ADD(x, 0) => x;
    exact add_negated: ADD(x, NEGATIVE(y)) => SUBTRACT(x, y);
    ints add_constants: ADD(ADD(x, [c]), [d]) => ADD(x, ADD([c], [d]));
    ints subtract_itself: SUBTRACT(x, x) => 0;
    exact subtract_from_negative_zero: SUBTRACT({-0.0}, x) => NEGATIVE(x);
    ints subtract_from_zero: SUBTRACT(0, x) => NEGATIVE(x);
    exact subtract_negated: SUBTRACT(x, NEGATIVE(y)) => ADD(x, y);
    exact multiply_one: MULTIPLY(x, 1) => x;
    exact multiply_minus_one: MULTIPLY(x, {-1.0}) => NEGATIVE(x);
    ints multiply_zero: MULTIPLY(x, 0) => 0;
    exact multiply_itself: MULTIPLY(x, x) => SQUARE(x);
    exact multiply_negated: MULTIPLY(NEGATIVE(x), NEGATIVE(y)) => MULTIPLY(x, y);
    exact multiply_negated_constant: MULTIPLY(NEGATIVE(x), [c]) => MULTIPLY(x, NEGATIVE([c]));
    ints multiply_constants: MULTIPLY(MULTIPLY(x, [c]), [d]) => MULTIPLY(x, MULTIPLY([c], [d]));
    fast multiply_reciprocal: MULTIPLY(x, RECIPROCAL(y)) => DIVIDE(x, y);
    exact divide_one: DIVIDE(x, 1) => x;
    exact divide_minus_one: DIVIDE(x, {-1.0}) => NEGATIVE(x);
    exact divide_power_of_two: DIVIDE(x, [c]) => MULTIPLY(x, RECIPROCAL([c])) if c_is_power_of_two;
    exact divide_one_by: DIVIDE(1, x) => RECIPROCAL(x);
    exact divide_negated: DIVIDE(NEGATIVE(x), NEGATIVE(y)) => DIVIDE(x, y);
    fast divide_itself: DIVIDE(x, x) => 1;
    exact negative_negative: NEGATIVE(NEGATIVE(x)) => x;
    exact negative_scaled: NEGATIVE(MULTIPLY(x, [c])) => MULTIPLY(x, NEGATIVE([c]));
    ints negative_difference: NEGATIVE(SUBTRACT(x, y)) => SUBTRACT(y, x);
    exact abs_negative: ABS(NEGATIVE(x)) => ABS(x) if x_is_signed;
    exact abs_abs: ABS(ABS(x)) => ABS(x);
    exact abs_square: ABS(SQUARE(x)) => SQUARE(x) if x_is_float;
    exact square_negative: SQUARE(NEGATIVE(x)) => SQUARE(x);
    exact square_abs: SQUARE(ABS(x)) => SQUARE(x);
    exact floordiv_one: FLOORDIV(x, 1) => x if x_is_discrete;
    exact floormod_one: FLOORMOD(x, 1) => 0 if x_is_discrete;
    exact truncatediv_one: TRUNCATEDIV(x, 1) => x if x_is_discrete;
    exact truncatemod_one: TRUNCATEMOD(x, 1) => 0 if x_is_discrete;
};

/// The reciprocal of a power of two is exact, and so is a product with it, as long as both are normal. Of another number
/// it is not: `floor(x / 41)` would be 0 at 41.
fn c_is_power_of_two(graph: &Draft<'_>, bindings: &Bindings) -> bool {
    let Some(c) = bindings.get("c") else { return false };
    let bound = match graph.spec(c).dtype {
        DType::F16 => 2f64.powi(13),
        DType::F32 | DType::BF16 => 2f64.powi(120),
        _ => 2f64.powi(1000),
    };
    graph.number(c).is_some_and(|c| c.to_bits() << 12 == 0 && c.abs() <= bound && c.abs() >= 1.0 / bound)
}
