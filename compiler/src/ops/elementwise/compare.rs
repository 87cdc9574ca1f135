//! Comparisons and tests: truth values out, nothing flows back.

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

/// Whether NaN.
pub static IS_NAN: OpDef = OpDef {
    name: "is_nan",
    doc: "Whether each element is NaN.",
    spec: |c| infer::predicate(c, Class::Float),
    grad: DISCRETE,
    lower: Lower::Elementwise(|s| Ok(s.compare(CompareOp::Ne, s.inputs[0], s.inputs[0]))),
    eval: |c| eval::on_floats(c, |x| x[0].is_nan() as u8 as f64),
    ..BASE
};

/// Whether infinite.
pub static IS_INF: OpDef = OpDef {
    name: "is_inf",
    doc: "Whether each element is +∞ or -∞.",
    spec: |c| infer::predicate(c, Class::Float),
    grad: DISCRETE,
    lower: Lower::Elementwise(|s| {
        let infinity = s.constant(f64::INFINITY, s.dtype_of(s.inputs[0]));
        let magnitude = s.unary(UnaryOp::Abs, s.inputs[0]);
        Ok(s.compare(CompareOp::Eq, magnitude, infinity))
    }),
    eval: |c| eval::on_floats(c, |x| x[0].is_infinite() as u8 as f64),
    ..BASE
};

/// Whether finite.
pub static IS_FINITE: OpDef = OpDef {
    name: "is_finite",
    doc: "Whether each element is neither NaN nor infinite.",
    spec: |c| infer::predicate(c, Class::Float),
    grad: DISCRETE,
    lower: Lower::Elementwise(|s| {
        let infinity = s.constant(f64::INFINITY, s.dtype_of(s.inputs[0]));
        let magnitude = s.unary(UnaryOp::Abs, s.inputs[0]);
        Ok(s.compare(CompareOp::Lt, magnitude, infinity))
    }),
    eval: |c| eval::on_floats(c, |x| x[0].is_finite() as u8 as f64),
    ..BASE
};
