//! Comparisons and tests: truth values out, nothing flows back.

use crate::kernel::{ScalarCx, Value};
use crate::ops::entry::*;

macro_rules! compare {
    ($($static:ident $name:literal $doc:literal $class:ident $op:ident $sign:tt;)*) => {$(
        #[doc = $doc]
        pub static $static: OpDef = OpDef {
            name: $name,
            doc: $doc,
            inputs: XY,
            spec: |c| infer::predicate(c, Class::$class),
            grad: DISCRETE,
            lower: Lower::Elementwise(|s| Ok(s.compare(CompareOp::$op, s.inputs[0], s.inputs[1]))),
            eval: |c| eval::elementwise(c, |x| (x[0] $sign x[1]) as u8 as f64, |x| (x[0] $sign x[1]).into()),
            ..BASE
        };
    )*};
}

compare! {
    EQUAL "equal" "`x == y`, elementwise; false with NaN." Real Eq ==;
    NOT_EQUAL "not_equal" "`x != y`, elementwise; true with NaN." Real Ne !=;
    LESS "less" "`x < y`, elementwise." Number Lt <;
    LESS_EQUAL "less_equal" "`x <= y`, elementwise." Number Le <=;
    GREATER "greater" "`x > y`, elementwise." Number Gt >;
    GREATER_EQUAL "greater_equal" "`x >= y`, elementwise." Number Ge >=;
}

macro_rules! tests {
    ($($static:ident $name:literal $doc:literal $lower:expr, $test:ident;)*) => {$(
        #[doc = $doc]
        pub static $static: OpDef = OpDef {
            name: $name,
            doc: $doc,
            spec: |c| infer::predicate(c, Class::Float),
            grad: DISCRETE,
            lower: Lower::Elementwise($lower),
            eval: |c| eval::on_floats(c, |x| x[0].$test() as u8 as f64),
            ..BASE
        };
    )*};
}

tests! {
    IS_NAN "is_nan" "Whether each element is NaN."
        |s| Ok(s.compare(CompareOp::Ne, s.inputs[0], s.inputs[0])), is_nan;
    IS_INF "is_inf" "Whether each element is +∞ or -∞." |s| Ok(against_infinity(s, CompareOp::Eq)), is_infinite;
    IS_FINITE "is_finite" "Whether each element is neither NaN nor infinite."
        |s| Ok(against_infinity(s, CompareOp::Lt)), is_finite;
}

/// The magnitude compared with infinity.
fn against_infinity(s: &mut ScalarCx<'_>, op: CompareOp) -> Value {
    let infinity = s.constant(f64::INFINITY, s.dtype_of(s.inputs[0]));
    let magnitude = s.unary(UnaryOp::Abs, s.inputs[0]);
    s.compare(op, magnitude, infinity)
}
