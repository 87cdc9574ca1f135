//! Special functions of floats: each is one function of the tile routines, whose definition `eval` shares.
//!
//! How each is computed, and from which formulas, is said in the runtime's `kernels::special`.

use crate::ops::entry::*;
use std::f64::consts::{FRAC_2_SQRT_PI, FRAC_PI_2, PI};
use tracelift_runtime::kernels::tile::reference;

/// One line an op: static, name, doc, the routine, its derivative, where it is sampled.
macro_rules! special {
    ($($static:ident $name:literal $doc:literal $routine:ident, $v:ident => $derivative:expr, $domain:expr;)*) => {$(
        #[doc = $doc]
        pub static $static: OpDef = OpDef {
            name: $name,
            doc: $doc,
            spec: |c| infer::elementwise(c, Class::Float),
            grad: Grad::Elementwise(&[partial!($v => $derivative)]),
            lower: Lower::Elementwise(|s| Ok(s.math(MathOp::$routine, s.inputs[0]))),
            eval: |c| eval::on_floats(c, |x| reference(MathOp::$routine, x[0], 0.0)),
            domain: $domain,
            ..BASE
        };
    )*};
}

special! {
    LGAMMA "lgamma" "`log|Γ(x)|`; +∞ at 0 and the negative integers." Lgamma, v => of(&DIGAMMA, v.x()), Domain::Between(0.2, 5.0);
    DIGAMMA "digamma" "`Γ'(x) / Γ(x)`; ∓∞ at ±0, NaN at the negative integers." Digamma, v => polygamma(v.constant(1.0), v.x()), Domain::Between(0.2, 5.0);
    BESSEL_I0 "bessel_i0" "The modified Bessel function I₀." BesselI0, v => of(&BESSEL_I1, v.x()), Domain::Any;
    BESSEL_I0E "bessel_i0e" "`e^-|x| I₀(x)`." BesselI0e, v => of(&BESSEL_I1E, v.x()) - v.x().sign() * v.y(), Domain::NonZero;
    BESSEL_I1 "bessel_i1" "The modified Bessel function I₁." BesselI1, v => of(&BESSEL_I0, v.x()) - over_x(v), Domain::NonZero;
    BESSEL_I1E "bessel_i1e" "`e^-|x| I₁(x)`." BesselI1e, v => of(&BESSEL_I0E, v.x()) - v.x().sign() * v.y() - over_x(v), Domain::NonZero;
    BESSEL_J0 "bessel_j0" "The Bessel function of the first kind J₀." BesselJ0, v => -of(&BESSEL_J1, v.x()), Domain::Any;
    BESSEL_J1 "bessel_j1" "The Bessel function of the first kind J₁." BesselJ1, v => of(&BESSEL_J0, v.x()) - over_x(v), Domain::NonZero;
    BESSEL_Y0 "bessel_y0" "The Bessel function of the second kind Y₀; -∞ at 0, NaN below." BesselY0, v => -of(&BESSEL_Y1, v.x()), Domain::Between(0.4, 5.0);
    BESSEL_Y1 "bessel_y1" "The Bessel function of the second kind Y₁; -∞ at 0, NaN below." BesselY1, v => of(&BESSEL_Y0, v.x()) - v.y() / v.x(), Domain::Between(0.4, 5.0);
    BESSEL_K0 "bessel_k0" "The modified Bessel function K₀; ∞ at 0, NaN below." BesselK0, v => -of(&BESSEL_K1, v.x()), Domain::Between(0.4, 5.0);
    BESSEL_K0E "bessel_k0e" "`e^x K₀(x)`." BesselK0e, v => v.y() - of(&BESSEL_K1E, v.x()), Domain::Between(0.4, 5.0);
    BESSEL_K1 "bessel_k1" "The modified Bessel function K₁; ∞ at 0, NaN below." BesselK1, v => -of(&BESSEL_K0, v.x()) - v.y() / v.x(), Domain::Between(0.4, 5.0);
    BESSEL_K1E "bessel_k1e" "`e^x K₁(x)`." BesselK1e, v => v.y() - of(&BESSEL_K0E, v.x()) - v.y() / v.x(), Domain::Between(0.4, 5.0);
    ERFCX "erfcx" "`e^(x^2) erfc(x)`, without overflow on the right." Erfcx, v => v.x() * v.y() * 2.0 - FRAC_2_SQRT_PI, Domain::Any;
    LOG_NDTR "log_ndtr" "`log Φ(x)` of the normal distribution function, without underflow." LogNdtr,
        v => (2.0 / PI).sqrt() / of(&ERFCX, v.x() * -std::f64::consts::FRAC_1_SQRT_2), Domain::Any;
    NDTRI "ndtri" "The inverse of the normal distribution function; ∓∞ at 0 and 1, NaN outside." Ndtri,
        v => (v.y().square() * 0.5).exp() * (2.0 * PI).sqrt(), Domain::Between(0.05, 0.95);
    DAWSN "dawsn" "Dawson's integral `e^(-x^2) ∫ e^(t^2) dt` from 0 to x." Dawsn, v => 1.0 - v.x() * v.y() * 2.0, Domain::Any;
    EXPINT "expint" "The exponential integral Ei; -∞ at 0, NaN below." Expint, v => v.x().exp() / v.x(), Domain::Between(0.2, 5.0);
    FRESNEL_SIN "fresnel_sin" "Fresnel's integral `∫ sin(πt^2/2) dt` from 0 to x." FresnelSin, v => (v.x().square() * FRAC_PI_2).sin(), Domain::Any;
    FRESNEL_COS "fresnel_cos" "Fresnel's integral `∫ cos(πt^2/2) dt` from 0 to x." FresnelCos, v => (v.x().square() * FRAC_PI_2).cos(), Domain::Any;
    SPENCE "spence" "Spence's integral `-∫ log(t) / (t - 1) dt` from 1 to x: the dilogarithm of 1 - x." Spence,
        v => v.x().eq(1.0).choose(v.constant(-1.0), v.x().log() / (1.0 - v.x())), Domain::Between(1.2, 5.0);
}

/// As `special!`, of two operands, with a partial derivative for each.
macro_rules! special_of_two {
    ($($static:ident $name:literal ($($operand:literal),*) $doc:literal $routine:ident, [$($partial:expr),*], $domain:expr;)*) => {$(
        #[doc = $doc]
        pub static $static: OpDef = OpDef {
            name: $name,
            doc: $doc,
            inputs: Operands::Named(&[$($operand),*]),
            spec: |c| infer::elementwise(c, Class::Float),
            grad: Grad::Elementwise(&[$($partial),*]),
            lower: Lower::Elementwise(|s| Ok(s.binary(BinaryOp::Math(MathOp::$routine), s.inputs[0], s.inputs[1]))),
            eval: |c| eval::on_floats(c, |x| reference(MathOp::$routine, x[0], x[1])),
            domain: $domain,
            ..BASE
        };
    )*};
}

special_of_two! {
    HYPOT "hypot" ("x", "y") "`sqrt(x^2 + y^2)`, without overflow; infinite if either is. The derivative at (0, 0) is NaN." Hypot,
        [partial!(v => v.x() / v.y()), partial!(v => v.x1() / v.y())], Domain::NonZero;
    POLYGAMMA "polygamma" ("a", "x") "The derivative of order `a` (a whole number >= 0, else NaN) of `digamma`. No gradient flows to `a`."
        Polygamma, [None, partial!(v => polygamma(v.x() + 1.0, v.x1()))], Domain::Special("tests/ops/special.rs");
    ZETA "zeta" ("x", "q") "Hurwitz's zeta function `Σ (q + k)^-x` over k >= 0; NaN for x < 1. No gradient flows to `x`."
        Zeta, [None, partial!(v => -v.x() * v.b.apply(&ZETA, Attrs::new(), &[v.x() + 1.0, v.x1()]))],
        Domain::Special("tests/ops/special.rs");
    IGAMMA "igamma" ("a", "x") "The lower incomplete gamma function over `Γ(a)`; NaN if `a` or `x` is negative." Igamma,
        [partial!(v => slope(v)), partial!(v => density(v))], Domain::Between(0.5, 4.0);
    IGAMMAC "igammac" ("a", "x") "The upper incomplete gamma function over `Γ(a)`; NaN if `a` or `x` is negative." Igammac,
        [partial!(v => -slope(v)), partial!(v => -density(v))], Domain::Between(0.5, 4.0);
}

/// The derivative of `igamma` by its first operand.
pub static IGAMMA_GRAD_A: OpDef = OpDef {
    name: "igamma_grad_a",
    doc: "The derivative of `igamma` with respect to `a`. Its own derivative by `a` is taken by differences, to 1e-9.",
    inputs: Operands::Named(&["a", "x"]),
    spec: |c| infer::elementwise(c, Class::Float),
    grad: Grad::Elementwise(&[
        partial!(v => curvature(v)),
        partial!(v => density(v) * (v.x1().log() - of(&DIGAMMA, v.x()))),
    ]),
    lower: Lower::Elementwise(|s| Ok(s.binary(BinaryOp::Math(MathOp::IgammaGradA), s.inputs[0], s.inputs[1]))),
    eval: |c| eval::on_floats(c, |x| reference(MathOp::IgammaGradA, x[0], x[1])),
    domain: Domain::Between(0.5, 4.0),
    ..BASE
};

/// The incomplete beta function of operands of one shape.
pub static BETAINC_DENSE: OpDef = OpDef {
    name: "betainc_dense",
    doc: "`betainc` of operands of one shape.",
    inputs: ABX,
    spec: |c| {
        let specs = infer::elementwise(c, Class::Float)?;
        infer::one_shape(c.inputs)?;
        Ok(specs)
    },
    grad: Grad::None("`betainc` has it"),
    lower: Lower::Library(|_, _| Ok(LibraryCall { routine: "betainc", params: Vec::new() })),
    eval: |c| eval::on_floats(c, |x| tracelift_runtime::kernels::special::betainc(x[0], x[1], x[2])),
    domain: Domain::Special("tests/ops/special.rs"),
    ..BASE
};

composite! {
    /// The incomplete beta function.
    BETAINC, (b, x) => {
        let dims = infer::broadcast(&infer::broadcast(&x[0].dims()?, &x[1].dims()?)?, &x[2].dims()?)?;
        let dense = [x[0], x[1], x[2]].map(|v| v.broadcast_to(&dims));
        Ok(vec![b.apply(&BETAINC_DENSE, Attrs::new(), &dense)])
    },
    name: "betainc",
    doc: "The incomplete beta function over `B(a, b)`; NaN unless `a`, `b` > 0 and `x` is within 0 and 1. No gradient \
          flows to `a` and `b`, as in TensorFlow.",
    inputs: ABX,
    grad: Grad::Elementwise(&[None, None, Some(|g: &mut GradCx<'_>| build::partial(g, |v| {
        // The density of the beta distribution.
        let (a, b, x) = (v.x[0], v.x[1], v.x[2]);
        let log_beta = of(&LGAMMA, a) + of(&LGAMMA, b) - of(&LGAMMA, a + b);
        let power = v.b.apply(&crate::ops::XLOGY, Attrs::new(), &[a - 1.0, x]);
        let rest = v.b.apply(&crate::ops::XLOG1PY, Attrs::new(), &[b - 1.0, -x]);
        (power + rest - log_beta).exp()
    }))]),
    domain: Domain::Special("tests/ops/special.rs"),
}

const ABX: Operands = Operands::Named(&["a", "b", "x"]);

composite! {
    /// The logarithm of the beta function.
    LBETA, (_b, x) => Ok(vec![of(&LGAMMA, x[0]).sum(&[-1]) - of(&LGAMMA, x[0].sum(&[-1]))]),
    name: "lbeta",
    doc: "`sum(lgamma(x)) - lgamma(sum(x))` over the last axis: the logarithm of the (multivariate) beta function.",
    domain: Domain::Between(0.2, 3.0),
}

/// A function of one operand.
fn of<'b>(op: &'static OpDef, x: Expr<'b>) -> Expr<'b> {
    x.b().apply(op, Attrs::new(), &[x])
}

fn polygamma<'b>(order: Expr<'b>, x: Expr<'b>) -> Expr<'b> {
    x.b().apply(&POLYGAMMA, Attrs::new(), &[order, x])
}

/// `y / x`, or 1/2 at 0, the limit of `I₁(x) / x`.
fn over_x<'b>(v: &Vjp<'b>) -> Expr<'b> {
    let is_zero = v.x().eq(0.0);
    v.b.select(is_zero, v.constant(0.5), v.y() / is_zero.choose(v.constant(1.0), v.x()))
}

/// The derivative of `igamma` by `a`.
fn slope<'b>(v: &Vjp<'b>) -> Expr<'b> {
    v.b.apply(&IGAMMA_GRAD_A, Attrs::new(), &[v.x(), v.x1()])
}

/// The second derivative of `igamma` by `a`, by five-point differences of the first in f64.
fn curvature<'b>(v: &Vjp<'b>) -> Expr<'b> {
    let (a, x) = (v.x().cast(DType::F64), v.x1().cast(DType::F64));
    // The first varies on the scale of a near 0, of its root beyond 1.
    let step = (a.min(a.sqrt()) * 1e-3).stop_gradient();
    let [near, far] = [1.0, 2.0].map(|k| {
        let at = |k: f64| v.b.apply(&IGAMMA_GRAD_A, Attrs::new(), &[a + step * k, x]);
        at(k) - at(-k)
    });
    ((near * 8.0 - far) / (step * 12.0)).cast(v.y().dtype())
}

/// The derivative of `igamma` by `x`: the density of the gamma distribution.
fn density<'b>(v: &Vjp<'b>) -> Expr<'b> {
    let (a, x) = (v.x(), v.x1());
    (v.b.apply(&crate::ops::XLOGY, Attrs::new(), &[a - 1.0, x]) - x - of(&LGAMMA, a)).exp()
}
