//! Sums, products, quotients and remainders. Integers wrap; an integer division by zero is an error of the call.

use crate::kernel::{ScalarCx, Value};
use crate::ops::entry::*;
use tracelift_runtime::Array;

/// `x + y`.
pub static ADD: OpDef = OpDef {
    name: "add",
    doc: "`x + y`; integers wrap.",
    inputs: XY,
    spec: |c| infer::elementwise(c, Class::Number),
    grad: Grad::Elementwise(&[partial!(v => v.constant(1.0)), partial!(v => v.constant(1.0))]),
    lower: Lower::Elementwise(|s| Ok(s.binary(BinaryOp::Add, s.inputs[0], s.inputs[1]))),
    eval: |c| eval::elementwise(c, |x| x[0] + x[1], |x| x[0] + x[1]),
    ..BASE
};

/// `x - y`.
pub static SUBTRACT: OpDef = OpDef {
    name: "subtract",
    doc: "`x - y`; integers wrap.",
    inputs: XY,
    spec: |c| infer::elementwise(c, Class::Number),
    grad: Grad::Elementwise(&[partial!(v => v.constant(1.0)), partial!(v => v.constant(-1.0))]),
    lower: Lower::Elementwise(|s| Ok(s.binary(BinaryOp::Sub, s.inputs[0], s.inputs[1]))),
    eval: |c| eval::elementwise(c, |x| x[0] - x[1], |x| x[0] - x[1]),
    ..BASE
};

/// `x * y`.
pub static MULTIPLY: OpDef = OpDef {
    name: "multiply",
    doc: "`x * y`; integers wrap.",
    inputs: XY,
    spec: |c| infer::elementwise(c, Class::Number),
    grad: Grad::Elementwise(&[partial!(v => v.x1()), partial!(v => v.x())]),
    lower: Lower::Elementwise(|s| Ok(s.binary(BinaryOp::Mul, s.inputs[0], s.inputs[1]))),
    eval: |c| eval::elementwise(c, |x| x[0] * x[1], |x| x[0].wrapping_mul(x[1])),
    ..BASE
};

/// `x / y` of floats.
pub static DIVIDE: OpDef = OpDef {
    name: "divide",
    doc: "`x / y` of floats. Integers have `floordiv` and `truncatediv`, or are cast first: the result's dtype is the operands'.",
    inputs: XY,
    spec: |c| infer::elementwise(c, Class::Float),
    grad: Grad::Elementwise(&[partial!(v => v.x1().reciprocal()), partial!(v => -(v.y() / v.x1()))]),
    lower: Lower::Elementwise(|s| Ok(s.binary(BinaryOp::Div, s.inputs[0], s.inputs[1]))),
    eval: |c| eval::on_floats(c, |x| x[0] / x[1]),
    domain: Domain::NonZero,
    ..BASE
};

/// `x / y`, 0 where `y` is 0.
pub static DIVIDE_NO_NAN: OpDef = OpDef {
    name: "divide_no_nan",
    doc: "`x / y` of floats, but 0 where `y` is 0.",
    inputs: XY,
    spec: |c| infer::elementwise(c, Class::Float),
    grad: Grad::Elementwise(&[
        partial!(v => v.constant(1.0).b().apply(&DIVIDE_NO_NAN, Attrs::new(), &[v.constant(1.0), v.x1()])),
        partial!(v => -v.b.apply(&DIVIDE_NO_NAN, Attrs::new(), &[v.y(), v.x1()])),
    ]),
    lower: Lower::Elementwise(|s| {
        let zero = s.constant(0.0, s.dtype);
        let is_zero = s.compare(CompareOp::Eq, s.inputs[1], zero);
        let quotient = s.binary(BinaryOp::Div, s.inputs[0], s.inputs[1]);
        Ok(s.select(is_zero, zero, quotient))
    }),
    eval: |c| eval::on_floats(c, |x| if x[1] == 0.0 { 0.0 } else { x[0] / x[1] }),
    domain: Domain::NonZero,
    ..BASE
};

/// The quotient rounded towards negative infinity.
pub static FLOORDIV: OpDef = OpDef {
    name: "floordiv",
    doc: "`floor(x / y)`.",
    inputs: XY,
    spec: |c| infer::elementwise(c, Class::Number),
    grad: Grad::Zero("it is constant between jumps"),
    lower: Lower::Elementwise(|s| {
        if s.dtype.is_float() {
            let quotient = s.binary(BinaryOp::Div, s.inputs[0], s.inputs[1]);
            return Ok(s.unary(UnaryOp::Floor, quotient));
        }
        let quotient = s.binary(BinaryOp::Div, s.inputs[0], s.inputs[1]);
        let wrong_side = remainder_on_the_wrong_side(s);
        let one = s.constant(1.0, s.dtype);
        let below = s.binary(BinaryOp::Sub, quotient, one);
        Ok(s.select(wrong_side, below, quotient))
    }),
    eval: |c| {
        // The quotient is a number of the dtype before it is rounded down: one that vanishes is -0, not -1.
        let is_double = c.inputs[0].dtype() == DType::F64;
        let rounded = |x: f64| if is_double { x } else { f64::from(x as f32) };
        quotient(c, |x| rounded(x[0] / x[1]).floor(), |x| floor_div(x[0], x[1]))
    },
    domain: Domain::NonZero,
    ..BASE
};

/// The remainder with the divisor's sign.
pub static FLOORMOD: OpDef = OpDef {
    name: "floormod",
    doc: "`x - floor(x / y) * y`: the remainder with the sign of `y` (Python's `%`).",
    inputs: XY,
    spec: |c| infer::elementwise(c, Class::Number),
    grad: Grad::Elementwise(&[partial!(v => v.constant(1.0)), partial!(v => -v.x().floordiv(v.x1()))]),
    lower: Lower::Elementwise(|s| {
        let remainder = truncated_remainder(s);
        let wrong_side = remainder_on_the_wrong_side(s);
        let moved = s.binary(BinaryOp::Add, remainder, s.inputs[1]);
        Ok(s.select(wrong_side, moved, remainder))
    }),
    eval: |c| {
        let float = |x: &[f64]| {
            let r = x[0] % x[1];
            if r != 0.0 && (r < 0.0) != (x[1] < 0.0) { r + x[1] } else { r }
        };
        quotient(c, float, |x| x[0] - floor_div(x[0], x[1]) * x[1])
    },
    domain: Domain::NonZero,
    ..BASE
};

/// The quotient rounded towards zero.
pub static TRUNCATEDIV: OpDef = OpDef {
    name: "truncatediv",
    doc: "`trunc(x / y)`.",
    inputs: XY,
    spec: |c| infer::elementwise(c, Class::Number),
    grad: Grad::Zero("it is constant between jumps"),
    lower: Lower::Elementwise(|s| {
        let quotient = s.binary(BinaryOp::Div, s.inputs[0], s.inputs[1]);
        Ok(if s.dtype.is_float() { s.unary(UnaryOp::Trunc, quotient) } else { quotient })
    }),
    eval: |c| quotient(c, |x| (x[0] / x[1]).trunc(), |x| x[0] / x[1]),
    domain: Domain::NonZero,
    ..BASE
};

/// The remainder with the dividend's sign.
pub static TRUNCATEMOD: OpDef = OpDef {
    name: "truncatemod",
    doc: "`x - trunc(x / y) * y`: the remainder with the sign of `x` (C's `%`).",
    inputs: XY,
    spec: |c| infer::elementwise(c, Class::Number),
    grad: Grad::Elementwise(&[partial!(v => v.constant(1.0)), partial!(v => -(v.x() / v.x1()).trunc())]),
    lower: Lower::Elementwise(|s| Ok(truncated_remainder(s))),
    eval: |c| quotient(c, |x| x[0] % x[1], |x| x[0] % x[1]),
    domain: Domain::NonZero,
    ..BASE
};

/// The greater of two.
pub static MAXIMUM: OpDef = OpDef {
    name: "maximum",
    doc: "The greater of two; NaN if either is; of zeros of unlike signs `y`. Where equal, the gradient goes to `x`.",
    inputs: XY,
    spec: |c| infer::elementwise(c, Class::Number),
    grad: rule!(v => {
        let first = v.x().ge(v.x1());
        Ok(vec![Some(first.choose(v.g(), 0.0)), Some(v.b.select(first, v.b.scalar(0.0, v.g().dtype()), v.g()))])
    }),
    lower: Lower::Elementwise(|s| Ok(s.binary(BinaryOp::Max, s.inputs[0], s.inputs[1]))),
    eval: |c| eval::elementwise(c, |x| eval::greater(x[0], x[1]), |x| x[0].max(x[1])),
    ..BASE
};

/// The lesser of two.
pub static MINIMUM: OpDef = OpDef {
    name: "minimum",
    doc: "The lesser of two; NaN if either is; of zeros of unlike signs `y`. Where equal, the gradient goes to `x`.",
    inputs: XY,
    spec: |c| infer::elementwise(c, Class::Number),
    grad: rule!(v => {
        let first = v.x().le(v.x1());
        Ok(vec![Some(first.choose(v.g(), 0.0)), Some(v.b.select(first, v.b.scalar(0.0, v.g().dtype()), v.g()))])
    }),
    lower: Lower::Elementwise(|s| Ok(s.binary(BinaryOp::Min, s.inputs[0], s.inputs[1]))),
    eval: |c| eval::elementwise(c, |x| eval::lesser(x[0], x[1]), |x| x[0].min(x[1])),
    ..BASE
};

/// `(x - y)^2`.
pub static SQUARED_DIFFERENCE: OpDef = OpDef {
    name: "squared_difference",
    doc: "`(x - y)^2`.",
    inputs: XY,
    spec: |c| infer::elementwise(c, Class::Number),
    grad: Grad::Elementwise(&[partial!(v => (v.x() - v.x1()) * 2.0), partial!(v => (v.x1() - v.x()) * 2.0)]),
    lower: Lower::Elementwise(|s| {
        let difference = s.binary(BinaryOp::Sub, s.inputs[0], s.inputs[1]);
        Ok(s.binary(BinaryOp::Mul, difference, difference))
    }),
    eval: |c| eval::elementwise(c, |x| (x[0] - x[1]).powi(2), |x| (x[0] - x[1]).wrapping_mul(x[0] - x[1])),
    ..BASE
};

/// `-x`.
pub static NEGATIVE: OpDef = OpDef {
    name: "negative",
    doc: "`-x`; integers wrap.",
    spec: |c| infer::elementwise(c, Class::Number),
    grad: Grad::Elementwise(&[partial!(v => v.constant(-1.0))]),
    lower: Lower::Elementwise(|s| Ok(s.unary(UnaryOp::Neg, s.inputs[0]))),
    eval: |c| eval::elementwise(c, |x| -x[0], |x| -x[0]),
    ..BASE
};

/// `|x|`.
pub static ABS: OpDef = OpDef {
    name: "abs",
    doc: "`|x|`; the least integer stays itself. The derivative at 0 is 0.",
    spec: |c| infer::elementwise(c, Class::Number),
    grad: Grad::Elementwise(&[partial!(v => v.x().sign())]),
    lower: Lower::Elementwise(|s| match s.dtype.is_unsigned_int() {
        true => Ok(s.inputs[0]),
        false => Ok(s.unary(UnaryOp::Abs, s.inputs[0])),
    }),
    eval: |c| eval::elementwise(c, |x| x[0].abs(), |x| x[0].abs()),
    domain: Domain::NonZero,
    ..BASE
};

/// -1, 0 or 1.
pub static SIGN: OpDef = OpDef {
    name: "sign",
    doc: "-1, 0 or 1 by the sign of `x`; NaN for NaN.",
    spec: |c| infer::elementwise(c, Class::Number),
    grad: Grad::Zero("it is constant on both sides of 0"),
    lower: Lower::Elementwise(|s| {
        let (zero, one) = (s.constant(0.0, s.dtype), s.constant(1.0, s.dtype));
        let positive = s.compare(CompareOp::Gt, s.inputs[0], zero);
        if s.dtype.is_unsigned_int() {
            return Ok(s.select(positive, one, zero));
        }
        let minus_one = s.constant(-1.0, s.dtype);
        let negative = s.compare(CompareOp::Lt, s.inputs[0], zero);
        // Zeros and NaN are their own sign.
        let others = s.select(negative, minus_one, s.inputs[0]);
        Ok(s.select(positive, one, others))
    }),
    eval: |c| {
        let float = |x: &[f64]| {
            if x[0] > 0.0 {
                1.0
            } else if x[0] < 0.0 {
                -1.0
            } else {
                x[0]
            }
        };
        eval::elementwise(c, float, |x| x[0].signum())
    },
    domain: Domain::NonZero,
    ..BASE
};

/// `x * x`.
pub static SQUARE: OpDef = OpDef {
    name: "square",
    doc: "`x * x`.",
    spec: |c| infer::elementwise(c, Class::Number),
    grad: Grad::Elementwise(&[partial!(v => v.x() * 2.0)]),
    lower: Lower::Elementwise(|s| Ok(s.binary(BinaryOp::Mul, s.inputs[0], s.inputs[0]))),
    eval: |c| eval::elementwise(c, |x| x[0] * x[0], |x| x[0].wrapping_mul(x[0])),
    ..BASE
};

/// `1 / x`.
pub static RECIPROCAL: OpDef = OpDef {
    name: "reciprocal",
    doc: "`1 / x`.",
    spec: |c| infer::elementwise(c, Class::Float),
    grad: Grad::Elementwise(&[partial!(v => -(v.y() * v.y()))]),
    lower: Lower::Elementwise(|s| {
        let one = s.constant(1.0, s.dtype);
        Ok(s.binary(BinaryOp::Div, one, s.inputs[0]))
    }),
    eval: |c| eval::on_floats(c, |x| 1.0 / x[0]),
    domain: Domain::NonZero,
    ..BASE
};

/// The remainder with the dividend's sign.
fn truncated_remainder(s: &mut ScalarCx<'_>) -> Value {
    let op = if s.dtype.is_float() { BinaryOp::Math(MathOp::Rem) } else { BinaryOp::Rem };
    s.binary(op, s.inputs[0], s.inputs[1])
}

/// Whether the truncated remainder is nonzero and its sign is not the divisor's.
fn remainder_on_the_wrong_side(s: &mut ScalarCx<'_>) -> Value {
    let zero = s.constant(0.0, s.dtype);
    let remainder = truncated_remainder(s);
    let inexact = s.compare(CompareOp::Ne, remainder, zero);
    let remainder_negative = s.compare(CompareOp::Lt, remainder, zero);
    let divisor_negative = s.compare(CompareOp::Lt, s.inputs[1], zero);
    let differ = s.binary(BinaryOp::Xor, remainder_negative, divisor_negative);
    s.binary(BinaryOp::And, inexact, differ)
}

/// [`eval::elementwise`], for what divides by operand 1: an error if that is an integer 0.
fn quotient(c: &EvalCx<'_>, float: impl Fn(&[f64]) -> f64, int: impl Fn(&[i128]) -> i128) -> Result<Vec<Array>> {
    let divisor = &c.inputs[1];
    let divides = !divisor.dtype().is_float() && eval::shape_of(c, 0)?.iter().all(|&n| n > 0);
    if divides && eval::ints(divisor).contains(&0) {
        return Err(Error::new(Kind::Value, "integer division by zero"));
    }
    eval::elementwise(c, float, int)
}

fn floor_div(x: i128, y: i128) -> i128 {
    let quotient = x / y;
    if x % y != 0 && (x < 0) != (y < 0) { quotient - 1 } else { quotient }
}
