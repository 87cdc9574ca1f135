//! Rounding to whole numbers: constant between jumps, so nothing flows back.

use crate::ops::entry::*;

macro_rules! rounding {
    ($($static:ident $name:literal $doc:literal $op:ident $f:expr;)*) => {$(
        #[doc = $doc]
        pub static $static: OpDef = OpDef {
            name: $name,
            doc: $doc,
            spec: |c| infer::elementwise(c, Class::Float),
            grad: Grad::Zero("it is constant between jumps"),
            lower: Lower::Elementwise(|s| Ok(s.unary(UnaryOp::$op, s.inputs[0]))),
            eval: |c| eval::on_floats(c, |x| $f(x[0])),
            ..BASE
        };
    )*};
}

rounding! {
    FLOOR "floor" "The greatest whole number not above." Floor f64::floor;
    CEIL "ceil" "The least whole number not below." Ceil f64::ceil;
    ROUND "round" "The nearest whole number; halves to the even one." Round f64::round_ties_even;
    TRUNC "trunc" "The whole number next towards zero." Trunc f64::trunc;
}
