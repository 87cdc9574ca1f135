//! Transcendental functions of floats: each is one function of the tile routines.

use crate::ops::entry::*;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2, LN_10};

/// One line an op: static, name, doc, the routine, the function in f64, its derivative, where it is sampled.
macro_rules! math {
    ($($static:ident $name:literal $doc:literal $routine:ident, $f:expr, $v:ident => $derivative:expr, $domain:expr;)*) => {$(
        #[doc = $doc]
        pub static $static: OpDef = OpDef {
            name: $name,
            doc: $doc,
            spec: |c| infer::elementwise(c, Class::Float),
            grad: Grad::Elementwise(&[partial!($v => $derivative)]),
            lower: Lower::Elementwise(|s| Ok(s.math(MathOp::$routine, s.inputs[0]))),
            eval: |c| {
                let f: fn(f64) -> f64 = $f;
                eval::on_floats(c, |x| f(x[0]))
            },
            domain: $domain,
            ..BASE
        };
    )*};
}

math! {
    EXP "exp" "`e^x`." Exp, libm::exp, v => v.y(), Domain::Any;
    EXP2 "exp2" "`2^x`." Exp2, libm::exp2, v => v.y() * LN_2, Domain::Any;
    EXPM1 "expm1" "`e^x - 1`, exact near 0." Expm1, libm::expm1, v => v.y() + 1.0, Domain::Any;
    LOG "log" "The natural logarithm." Log, libm::log, v => v.x().reciprocal(), Domain::Between(0.1, 5.0);
    LOG2 "log2" "The logarithm to base 2." Log2, libm::log2, v => (v.x() * LN_2).reciprocal(), Domain::Between(0.1, 5.0);
    LOG10 "log10" "The logarithm to base 10." Log10, libm::log10, v => (v.x() * LN_10).reciprocal(), Domain::Between(0.1, 5.0);
    LOG1P "log1p" "`log(1 + x)`, exact near 0." Log1p, libm::log1p, v => (v.x() + 1.0).reciprocal(), Domain::Between(-0.8, 4.0);
    RSQRT "rsqrt" "`1 / sqrt(x)`." Rsqrt, |x| 1.0 / x.sqrt(), v => v.y() / v.x() * -0.5, Domain::Between(0.1, 5.0);
    CBRT "cbrt" "The cube root, of negative numbers too." Cbrt, libm::cbrt, v => (v.y() * v.y() * 3.0).reciprocal(), Domain::NonZero;
    TANH "tanh" "The hyperbolic tangent." Tanh, libm::tanh, v => 1.0 - v.y() * v.y(), Domain::Any;
    SIGMOID "sigmoid" "`1 / (1 + e^-x)`." Sigmoid, sigmoid, v => v.y() * (1.0 - v.y()), Domain::Any;
    ERF "erf" "The error function." Erf, libm::erf, v => (-v.x().square()).exp() * FRAC_2_SQRT_PI, Domain::Any;
    ERFC "erfc" "`1 - erf(x)`, without cancellation." Erfc, libm::erfc, v => (-v.x().square()).exp() * -FRAC_2_SQRT_PI, Domain::Any;
    NDTR "ndtr" "The distribution function of the standard normal, `erfc(-x / sqrt(2)) / 2`." Ndtr, ndtr, v => (v.x().square() * -0.5).exp() * (0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2), Domain::Any;
    SIN "sin" "The sine, of radians." Sin, libm::sin, v => v.x().cos(), Domain::Any;
    COS "cos" "The cosine, of radians." Cos, libm::cos, v => -v.x().sin(), Domain::Any;
    TAN "tan" "The tangent, of radians." Tan, libm::tan, v => v.y() * v.y() + 1.0, Domain::Between(-1.2, 1.2);
    SINH "sinh" "The hyperbolic sine." Sinh, libm::sinh, v => v.x().cosh(), Domain::Any;
    COSH "cosh" "The hyperbolic cosine." Cosh, libm::cosh, v => v.x().sinh(), Domain::Any;
    ASIN "asin" "The inverse sine, within ±π/2." Asin, libm::asin, v => one_minus_square(v).rsqrt(), Domain::Between(-0.9, 0.9);
    ACOS "acos" "The inverse cosine, within 0 … π." Acos, libm::acos, v => -one_minus_square(v).rsqrt(), Domain::Between(-0.9, 0.9);
    ATAN "atan" "The inverse tangent, within ±π/2." Atan, libm::atan, v => (v.x() * v.x() + 1.0).reciprocal(), Domain::Any;
    ASINH "asinh" "The inverse hyperbolic sine." Asinh, libm::asinh, v => (v.x() * v.x() + 1.0).rsqrt(), Domain::Any;
    ACOSH "acosh" "The inverse hyperbolic cosine; NaN below 1." Acosh, libm::acosh, v => v.y().sinh().reciprocal(), Domain::Between(1.2, 5.0);
    ATANH "atanh" "The inverse hyperbolic tangent; NaN outside ±1." Atanh, libm::atanh, v => one_minus_square(v).reciprocal(), Domain::Between(-0.9, 0.9);
}

/// The smooth rectifier.
pub static SOFTPLUS: OpDef = OpDef {
    name: "softplus",
    doc: "`log(1 + e^(beta x)) / beta` (default beta 1), without overflow; `x` itself where `beta x > linear_above`, \
          if that is given.",
    attrs: &[optional("beta", AttrKind::Float), optional("linear_above", AttrKind::Float)],
    spec: |c| match c.attrs.float("beta") {
        Some(beta) if beta == 0.0 || beta.is_nan() => Err(infer::wrong(Kind::Value, "a `beta` that is not 0", beta)),
        _ => infer::elementwise(c, Class::Float),
    },
    grad: Grad::Elementwise(&[partial!(v => {
        let scaled = v.b.attrs().float("beta").map_or(v.x(), |beta| v.x() * beta);
        match v.b.attrs().float("linear_above") {
            Some(limit) => scaled.gt(limit).choose(v.constant(1.0), scaled.sigmoid()),
            None => scaled.sigmoid(),
        }
    })]),
    lower: Lower::Elementwise(|s| {
        let (x, beta) = (s.inputs[0], s.attrs.float("beta"));
        let beta = beta.map(|beta| s.constant(beta, s.dtype));
        let scaled = beta.map_or(x, |beta| s.binary(BinaryOp::Mul, x, beta));
        let soft = s.math(MathOp::Softplus, scaled);
        let soft = beta.map_or(soft, |beta| s.binary(BinaryOp::Div, soft, beta));
        let Some(limit) = s.attrs.float("linear_above") else { return Ok(soft) };
        let limit = s.constant(limit, s.dtype);
        let above = s.compare(CompareOp::Gt, scaled, limit);
        Ok(s.select(above, x, soft))
    }),
    eval: |c| {
        let (beta, limit) =
            (c.attrs.float("beta").unwrap_or(1.0), c.attrs.float("linear_above").unwrap_or(f64::INFINITY));
        eval::on_floats(c, |x| if x[0] * beta > limit { x[0] } else { softplus(x[0] * beta) / beta })
    },
    ..BASE
};

/// `1 - x^2` without cancellation near ±1.
fn one_minus_square<'b>(v: &Vjp<'b>) -> Expr<'b> {
    (1.0 - v.x()) * (v.x() + 1.0)
}

fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + libm::exp(-x)) } else { libm::exp(x) / (1.0 + libm::exp(x)) }
}

fn ndtr(x: f64) -> f64 {
    0.5 * libm::erfc(-FRAC_1_SQRT_2 * x)
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs())) + if x.is_nan() { f64::NAN } else { 0.0 }
}
