//! Powers, roots and angles.

use crate::kernel::{ScalarCx, Value};
use crate::ops::entry::*;

/// `x^y`.
pub static POW: OpDef = OpDef {
    name: "pow",
    doc: "`x^y`. Floats as IEEE's `pow`; its derivative with respect to `y` is 0 where `x <= 0`, as TensorFlow's. \
          Integers wrap; a negative exponent of an integer is an error.",
    inputs: XY,
    spec: |c| infer::elementwise(c, Class::Number),
    grad: Grad::Elementwise(&[
        // y * x^(y-1), but 0 (not 0 * inf) for y = 0.
        partial!(v => {
            let slope = v.x1() * v.x().pow(v.x1() - 1.0);
            v.b.select(v.x1().eq(0.0), v.constant(0.0), slope)
        }),
        // x^y * log(x); the logarithm is only taken where x > 0.
        partial!(v => {
            let positive = v.x().gt(0.0);
            let log = positive.choose(v.x(), 1.0).log();
            positive.choose(v.y() * log, 0.0)
        }),
    ]),
    lower: Lower::Elementwise(|s| {
        if s.dtype.is_float() {
            return Ok(s.binary(BinaryOp::Math(MathOp::Pow), s.inputs[0], s.inputs[1]));
        }
        Ok(integer_power(s))
    }),
    eval: |c| {
        let dtype = c.outputs[0].dtype;
        if dtype.is_int() && !eval::shape_of(c, 0)?.contains(&0) && eval::ints(&c.inputs[1]).iter().any(|&y| y < 0) {
            return Err(Error::new(Kind::Value, "an integer to a negative power").hint("cast to a float first"));
        }
        eval::elementwise(c, |x| libm::pow(x[0], x[1]), |x| wrapping_power(x[0], x[1], dtype))
    },
    domain: Domain::Between(0.2, 3.0),
    ..BASE
};

/// The square root.
pub static SQRT: OpDef = OpDef {
    name: "sqrt",
    doc: "The square root; NaN for negative numbers.",
    spec: |c| infer::elementwise(c, Class::Float),
    grad: Grad::Elementwise(&[partial!(v => 0.5 / v.y())]),
    lower: Lower::Elementwise(|s| Ok(s.unary(UnaryOp::Sqrt, s.inputs[0]))),
    eval: |c| eval::on_floats(c, |x| x[0].sqrt()),
    domain: Domain::Between(0.1, 5.0),
    ..BASE
};

/// The angle of a point.
pub static ATAN2: OpDef = OpDef {
    name: "atan2",
    doc: "The angle of the point (`x`, `y`), within ±π.",
    inputs: Operands::Named(&["y", "x"]),
    spec: |c| infer::elementwise(c, Class::Float),
    grad: Grad::Elementwise(&[
        partial!(v => v.x1() / (v.x().square() + v.x1().square())),
        partial!(v => -(v.x() / (v.x().square() + v.x1().square()))),
    ]),
    lower: Lower::Elementwise(|s| Ok(s.binary(BinaryOp::Math(MathOp::Atan2), s.inputs[0], s.inputs[1]))),
    eval: |c| eval::on_floats(c, |x| libm::atan2(x[0], x[1])),
    domain: Domain::NonZero,
    ..BASE
};

composite! {
    /// A number times a power of two.
    LDEXP, (_b, x) => {
        let spec = x[0].spec()?;
        Class::Float.check(&spec)?;
        Class::Int.check(&x[1].spec()?)?;
        // Beyond that, every number becomes 0 or infinite. No factor leaves the range of normal numbers, and the least one
        // comes last: so the result is rounded once.
        let exponent = if x[1].dtype() == DType::U64 { x[1].min(2200.0) } else { x[1] };
        let exponent = exponent.cast(DType::I64).max(-2200.0).min(2200.0);
        let last = normal(exponent);
        let second = normal(exponent - last);
        let first = exponent - last - second;
        let y = x[0].cast(DType::F64) * power_of_two(first) * power_of_two(second) * power_of_two(last);
        Ok(vec![y.cast(spec.dtype)])
    },
    name: "ldexp",
    doc: "`x * 2^exponent` of an integer `exponent`, rounded once.",
    inputs: Operands::Named(&["x", "exponent"]),
    domain: Domain::Special("tests/ops/statistics.rs"),
}

/// The nearest exponent of a normal f64.
fn normal(exponent: Expr<'_>) -> Expr<'_> {
    exponent.max(-1022.0).min(1023.0)
}

/// The f64 that is two to the power of the exponent of a normal one.
fn power_of_two(exponent: Expr<'_>) -> Expr<'_> {
    let bits = (exponent + 1023.0).shift_left(52.0);
    exponent.b().apply(&crate::ops::BITCAST, Attrs::new().with("dtype", DType::F64), &[bits])
}

/// Repeated squaring over the bits of the exponent, without branches. A negative exponent fails as a division by zero,
/// which it is for `x = 0`, and has no integer result for most other `x`.
fn integer_power(s: &mut ScalarCx<'_>) -> Value {
    let (base, exponent, dtype) = (s.inputs[0], s.inputs[1], s.dtype);
    let (zero, one) = (s.constant(0.0, dtype), s.constant(1.0, dtype));
    let bits = dtype.size() as u32 * 8 - u32::from(dtype.is_signed_int());
    let (mut power, mut square, mut rest) = (one, base, exponent);
    for bit in 0..bits {
        let lowest = s.binary(BinaryOp::And, rest, one);
        let odd = s.compare(CompareOp::Ne, lowest, zero);
        let with = s.binary(BinaryOp::Mul, power, square);
        power = s.select(odd, with, power);
        if bit + 1 < bits {
            square = s.binary(BinaryOp::Mul, square, square);
            rest = s.binary(BinaryOp::Shr, rest, one);
        }
    }
    if dtype.is_unsigned_int() {
        return power;
    }
    let negative = s.compare(CompareOp::Lt, exponent, zero);
    let divisor = s.select(negative, zero, one);
    s.binary(BinaryOp::Div, power, divisor)
}

fn wrapping_power(base: i128, exponent: i128, dtype: DType) -> i128 {
    // Wrapping at 64 bits is wrapping at fewer bits too.
    debug_assert!(dtype.size() <= 8);
    let (mut power, mut square, mut rest) = (1u64, base as u64, exponent as u64);
    while rest > 0 {
        if rest & 1 == 1 {
            power = power.wrapping_mul(square);
        }
        square = square.wrapping_mul(square);
        rest >>= 1;
    }
    power.into()
}
