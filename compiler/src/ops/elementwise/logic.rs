//! Logic of truth values, and bits of integers.

use crate::ops::entry::*;

macro_rules! logic {
    ($($static:ident $name:literal $doc:literal $class:ident $op:ident $domain:ident $sign:tt;)*) => {$(
        #[doc = $doc]
        pub static $static: OpDef = OpDef {
            name: $name,
            doc: $doc,
            inputs: XY,
            spec: |c| infer::elementwise(c, Class::$class),
            grad: DISCRETE,
            lower: Lower::Elementwise(|s| Ok(s.binary(BinaryOp::$op, s.inputs[0], s.inputs[1]))),
            eval: |c| eval::on_ints(c, |x| x[0] $sign x[1]),
            domain: Domain::$domain,
            ..BASE
        };
    )*};
}

logic! {
    LOGICAL_AND "logical_and" "Whether both are true." Bool And Bools &;
    LOGICAL_OR "logical_or" "Whether at least one is true." Bool Or Bools |;
    LOGICAL_XOR "logical_xor" "Whether exactly one is true." Bool Xor Bools ^;
    BITWISE_AND "bitwise_and" "The bits that both have." Bits And Any &;
    BITWISE_OR "bitwise_or" "The bits that at least one has." Bits Or Any |;
    BITWISE_XOR "bitwise_xor" "The bits that exactly one has." Bits Xor Any ^;
}

/// Truth values negated.
pub static LOGICAL_NOT: OpDef = OpDef {
    name: "logical_not",
    doc: "Whether false.",
    spec: |c| infer::elementwise(c, Class::Bool),
    grad: DISCRETE,
    lower: Lower::Elementwise(|s| Ok(s.unary(UnaryOp::Not, s.inputs[0]))),
    eval: |c| eval::on_ints(c, |x| 1 - x[0]),
    domain: Domain::Bools,
    ..BASE
};

/// Every bit flipped.
pub static BITWISE_INVERT: OpDef = OpDef {
    name: "bitwise_invert",
    doc: "Every bit flipped; truth values negated.",
    spec: |c| infer::elementwise(c, Class::Bits),
    grad: DISCRETE,
    lower: Lower::Elementwise(|s| Ok(s.unary(UnaryOp::Not, s.inputs[0]))),
    eval: |c| {
        let is_bool = c.inputs[0].dtype() == DType::Bool;
        eval::on_ints(c, |x| if is_bool { 1 - x[0] } else { !x[0] })
    },
    ..BASE
};

macro_rules! shifts {
    ($($static:ident $name:literal $doc:literal $op:ident $sign:tt;)*) => {$(
        #[doc = $doc]
        pub static $static: OpDef = OpDef {
            name: $name,
            doc: $doc,
            inputs: XY,
            spec: |c| infer::elementwise(c, Class::Int),
            grad: DISCRETE,
            lower: Lower::Elementwise(|s| Ok(s.binary(BinaryOp::$op, s.inputs[0], s.inputs[1]))),
            eval: |c| {
                let bits = c.outputs[0].dtype.size() as i128 * 8;
                eval::on_ints(c, |x| x[0] $sign x[1].rem_euclid(bits))
            },
            ..BASE
        };
    )*};
}

shifts! {
    LEFT_SHIFT "left_shift" "Bits moved up by `y`, taken modulo the number of bits." Shl <<;
    RIGHT_SHIFT "right_shift" "Bits moved down by `y`, taken modulo the number of bits; the sign is kept." Shr >>;
}
