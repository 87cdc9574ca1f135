//! Ops on the bits of floats: signs, and the next number.

use crate::kernel::{ScalarCx, Value};
use crate::ops::entry::*;

/// Whether the sign bit is set.
pub static SIGNBIT: OpDef = OpDef {
    name: "signbit",
    doc: "Whether each element is negative, -0 (and a NaN with its sign bit set) included.",
    spec: |c| infer::predicate(c, Class::Float),
    grad: DISCRETE,
    lower: Lower::Elementwise(|s| {
        let bits = bits(s, s.inputs[0]);
        let zero = s.constant(0.0, s.dtype_of(bits));
        Ok(s.compare(CompareOp::Lt, bits, zero))
    }),
    eval: |c| eval::on_floats(c, |x| x[0].is_sign_negative() as u8 as f64),
    ..BASE
};

/// The magnitude of one, the sign of the other.
pub static COPYSIGN: OpDef = OpDef {
    name: "copysign",
    doc: "The magnitude of `x` with the sign of `y`. No gradient flows to `y`; that by `x` is 0 at 0.",
    inputs: XY,
    spec: |c| infer::elementwise(c, Class::Float),
    grad: Grad::Elementwise(&[partial!(v => v.x().sign() * v.y().sign()), None]),
    lower: Lower::Elementwise(|s| {
        let (x, y) = (bits(s, s.inputs[0]), bits(s, s.inputs[1]));
        let sign = s.constant(f64::NEG_INFINITY, s.dtype_of(x));
        let rest = s.unary(UnaryOp::Not, sign);
        let (magnitude, sign) = (s.binary(BinaryOp::And, x, rest), s.binary(BinaryOp::And, y, sign));
        let both = s.binary(BinaryOp::Or, magnitude, sign);
        Ok(s.bitcast(both, s.dtype))
    }),
    eval: |c| eval::on_floats(c, |x| x[0].copysign(x[1])),
    domain: Domain::NonZero,
    ..BASE
};

/// The neighbour in a direction.
pub static NEXTAFTER: OpDef = OpDef {
    name: "nextafter",
    doc: "The number of the dtype (f32 or f64) next to `x` in the direction of `y`; `y` where they are equal.",
    inputs: XY,
    spec: |c| match infer::same_dtype(c.inputs)? {
        DType::F32 | DType::F64 => infer::elementwise(c, Class::Float),
        other => Err(infer::wrong(Kind::DType, "operands of dtype f32 or f64", other)),
    },
    grad: Grad::Zero("it is a step of constant size between powers of two"),
    lower: Lower::Elementwise(next_after),
    eval: |c| {
        type Step = fn(f64) -> f64;
        let next = |x: f64, y: f64, up: Step, down: Step| match x.partial_cmp(&y) {
            None => f64::NAN,
            Some(std::cmp::Ordering::Equal) => y,
            Some(std::cmp::Ordering::Less) => up(x),
            Some(std::cmp::Ordering::Greater) => down(x),
        };
        let (up, down): (Step, Step) = match c.inputs[0].dtype() {
            DType::F32 => (|x| (x as f32).next_up().into(), |x| (x as f32).next_down().into()),
            _ => (f64::next_up, f64::next_down),
        };
        eval::on_floats(c, |x| next(x[0], x[1], up, down))
    },
    ..BASE
};

/// Of numbers of one sign, the bits count them outwards from 0.
fn next_after(s: &mut ScalarCx<'_>) -> Result<Value> {
    let (x, y) = (s.inputs[0], s.inputs[1]);
    let zero = s.constant(0.0, s.dtype);
    let (x_bits, y_bits) = (bits(s, x), bits(s, y));
    let integer = s.dtype_of(x_bits);
    let (one, minus_one) = (s.constant(1.0, integer), s.constant(-1.0, integer));
    let (up, positive) = (s.compare(CompareOp::Lt, x, y), s.compare(CompareOp::Gt, x, zero));
    let inwards = s.binary(BinaryOp::Xor, up, positive);
    let step = s.select(inwards, minus_one, one);
    let moved = s.binary(BinaryOp::Add, x_bits, step);
    // From 0: the least number with the sign of y.
    let sign = s.constant(f64::NEG_INFINITY, integer);
    let sign = s.binary(BinaryOp::And, y_bits, sign);
    let least = s.binary(BinaryOp::Or, sign, one);
    let is_zero = s.compare(CompareOp::Eq, x, zero);
    let moved = s.select(is_zero, least, moved);
    let moved = s.bitcast(moved, s.dtype);
    let equal = s.compare(CompareOp::Eq, x, y);
    let result = s.select(equal, y, moved);
    // Neither less nor equal nor greater: NaN, which their sum is.
    let (x_ordered, y_ordered) = (s.compare(CompareOp::Eq, x, x), s.compare(CompareOp::Eq, y, y));
    let ordered = s.binary(BinaryOp::And, x_ordered, y_ordered);
    let sum = s.binary(BinaryOp::Add, x, y);
    Ok(s.select(ordered, result, sum))
}

/// The bits of a float as a signed integer.
fn bits(s: &mut ScalarCx<'_>, x: Value) -> Value {
    let integer = if s.dtype_of(x) == DType::F64 { DType::I64 } else { DType::I32 };
    s.bitcast(x, integer)
}
