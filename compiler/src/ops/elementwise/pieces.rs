//! Elementwise composites of arithmetic: logarithms of products and sums, ends and steps, integers' divisors.

use crate::ops::entry::*;
use std::f64::consts::{FRAC_1_SQRT_2, LN_2, LOG2_E, PI};

composite! {
    /// `x * log(y)`.
    XLOGY, (_b, x) => Ok(vec![unless_zero(x[0], x[1], x[0] * x[1].log())]),
    name: "xlogy",
    doc: "`x * log(y)`, but 0 where `x` is 0 (and `y` is not NaN).",
    inputs: XY,
    grad: Grad::Elementwise(&[
        partial!(v => v.x().eq(0.0).and(v.x1().le(0.0)).choose(v.constant(0.0), v.x1().log())),
        partial!(v => v.x() / v.x1()),
    ]),
    domain: Domain::Between(0.2, 3.0),
}

composite! {
    /// `x * log(1 + y)`.
    XLOG1PY, (_b, x) => Ok(vec![unless_zero(x[0], x[1], x[0] * x[1].log1p())]),
    name: "xlog1py",
    doc: "`x * log(1 + y)`, but 0 where `x` is 0 (and `y` is not NaN).",
    inputs: XY,
    grad: Grad::Elementwise(&[
        partial!(v => v.x().eq(0.0).and(v.x1().le(-1.0)).choose(v.constant(0.0), v.x1().log1p())),
        partial!(v => v.x() / (v.x1() + 1.0)),
    ]),
    domain: Domain::Between(0.2, 3.0),
}

composite! {
    /// `x / y`.
    XDIVY, (_b, x) => Ok(vec![unless_zero(x[0], x[1], x[0] / x[1])]),
    name: "xdivy",
    doc: "`x / y`, but 0 where `x` is 0 (and `y` is not NaN).",
    inputs: XY,
    grad: Grad::Elementwise(&[
        partial!(v => v.x().eq(0.0).and(v.x1().eq(0.0)).choose(v.constant(0.0), v.x1().reciprocal())),
        partial!(v => unless_zero(v.x(), v.x1(), -(v.x() / v.x1().square()))),
    ]),
    domain: Domain::NonZero,
}

composite! {
    /// `x * y`.
    MULTIPLY_NO_NAN, (_b, x) => Ok(vec![x[1].eq(0.0).choose(x[1] * 0.0, x[0] * x[1])]),
    name: "multiply_no_nan",
    doc: "`x * y`, but 0 where `y` is 0, even if `x` is NaN or infinite.",
    inputs: XY,
    grad: Grad::Elementwise(&[
        partial!(v => v.x1()),
        partial!(v => v.x1().eq(0.0).choose(v.constant(0.0), v.x())),
    ]),
    domain: Domain::NonZero,
}

composite! {
    /// `1 / x`.
    RECIPROCAL_NO_NAN, (_b, x) => {
        let is_zero = x[0].eq(0.0);
        Ok(vec![is_zero.choose(x[0] * 0.0, is_zero.choose(x[0] + 1.0, x[0]).reciprocal())])
    },
    name: "reciprocal_no_nan",
    doc: "`1 / x`, but 0 where `x` is 0.",
    grad: Grad::Elementwise(&[partial!(v => -v.y().square())]),
    domain: Domain::NonZero,
}

composite! {
    /// `log(e^x + e^y)`.
    LOGADDEXP, (_b, x) => {
        let (a, b) = (x[0], x[1]);
        let sum = a.max(b) + (-(a - b).abs()).exp().log1p();
        // The difference of equal infinities is NaN.
        Ok(vec![a.eq(b).choose(a + LN_2, sum)])
    },
    name: "logaddexp",
    doc: "`log(e^x + e^y)`, without overflow.",
    inputs: XY,
    grad: Grad::Elementwise(&[partial!(v => share(v.x(), v.x1())), partial!(v => share(v.x1(), v.x()))]),
}

composite! {
    /// `log2(2^x + 2^y)`.
    LOGADDEXP2, (_b, x) => {
        let (a, b) = (x[0], x[1]);
        let sum = a.max(b) + ((a - b).abs() * -LN_2).exp().log1p() * LOG2_E;
        Ok(vec![a.eq(b).choose(a + 1.0, sum)])
    },
    name: "logaddexp2",
    doc: "`log2(2^x + 2^y)`, without overflow.",
    inputs: XY,
    grad: Grad::Elementwise(&[
        partial!(v => share(v.x() * LN_2, v.x1() * LN_2)),
        partial!(v => share(v.x1() * LN_2, v.x() * LN_2)),
    ]),
}

composite! {
    /// The inverse of the sigmoid.
    LOGIT, (b, x) => {
        let p = match b.attrs().float("eps") {
            Some(eps) => x[0].max(eps).min(1.0 - eps),
            None => x[0],
        };
        Ok(vec![(p / (1.0 - p)).log()])
    },
    name: "logit",
    doc: "`log(x / (1 - x))`, the inverse of `sigmoid`, with `x` brought within `eps` and `1 - eps` if `eps` is given.",
    attrs: &[optional("eps", AttrKind::Float)],
    grad: rule!(v => {
        let x = v.x();
        let slope = (x * (1.0 - x)).reciprocal();
        let flow = match v.b.attrs().float("eps") {
            Some(eps) => x.ge(eps).and(x.le(1.0 - eps)).choose(v.g() * slope, 0.0),
            None => v.g() * x.ge(0.0).and(x.le(1.0)).choose(slope, f64::NAN),
        };
        Ok(vec![Some(flow)])
    }),
    domain: Domain::Between(0.1, 0.9),
}

composite! {
    /// `-x log(x)`.
    ENTR, (b, x) => {
        let minus_infinity = b.scalar(f64::NEG_INFINITY, x[0].dtype());
        Ok(vec![x[0].lt(0.0).choose(minus_infinity, -b.apply(&XLOGY, Attrs::new(), &[x[0], x[0]]))])
    },
    name: "entr",
    doc: "`-x * log(x)`, a term of the entropy: 0 at 0, -∞ below.",
    grad: Grad::Elementwise(&[partial!(v => -v.x().log() - 1.0)]),
    domain: Domain::Between(0.2, 3.0),
}

composite! {
    /// The inverse of `erfc`.
    ERFCINV, (b, x) => Ok(vec![b.apply(&crate::ops::NDTRI, Attrs::new(), &[x[0] * 0.5]) * -FRAC_1_SQRT_2]),
    name: "erfcinv",
    doc: "The inverse of `erfc`: ±∞ at 0 and 2, NaN outside.",
    domain: Domain::Between(0.2, 1.8),
}

composite! {
    /// `sin(πx) / (πx)`.
    SINC, (_b, x) => {
        let is_zero = x[0].eq(0.0);
        let angle = is_zero.choose(x[0] + 1.0, x[0]) * PI;
        Ok(vec![is_zero.choose(x[0] + 1.0, angle.sin() / angle)])
    },
    name: "sinc",
    doc: "`sin(πx) / (πx)`, 1 at 0.",
    grad: Grad::Elementwise(&[partial!(v => {
        let z = v.x() * PI;
        let square = z.square();
        // Near 0 the quotient cancels: Taylor's series, whose next term is z^9 / 3628800.
        let series = -z / 3.0 * (1.0 - square / 10.0 * (1.0 - square / 28.0 * (1.0 - square / 54.0)));
        let is_small = z.abs().lt(0.3);
        let safe = is_small.choose(z + 1.0, z);
        is_small.choose(series, (safe.cos() - safe.sin() / safe) / safe) * PI
    })]),
}

composite! {
    /// Degrees as radians.
    DEG2RAD, (_b, x) => Ok(vec![x[0] * (PI / 180.0)]),
    name: "deg2rad",
    doc: "Degrees as radians.",
}

composite! {
    /// Radians as degrees.
    RAD2DEG, (_b, x) => Ok(vec![x[0] * (180.0 / PI)]),
    name: "rad2deg",
    doc: "Radians as degrees.",
}

composite! {
    /// What truncation takes away.
    FRAC, (_b, x) => Ok(vec![x[0] - x[0].trunc()]),
    name: "frac",
    doc: "`x - trunc(x)`: the fraction, with the sign of `x`.",
    grad: Grad::Elementwise(&[partial!(v => v.constant(1.0))]),
}

composite! {
    /// The unit step.
    HEAVISIDE, (_b, x) => {
        let step = x[0].gt(0.0).cast(x[0].dtype());
        // NaN is its own step.
        let step = x[0].eq(x[0]).choose(step, x[0]);
        Ok(vec![x[0].eq(0.0).choose(x[1], step)])
    },
    name: "heaviside",
    doc: "0 where `x` is negative, 1 where it is positive, `values` where it is 0.",
    inputs: Operands::Named(&["x", "values"]),
    grad: Grad::Elementwise(&[None, partial!(v => v.x().eq(0.0).cast(v.x().dtype()))]),
    domain: Domain::NonZero,
}

composite! {
    /// The greater, ignoring NaN.
    FMAX, (_b, x) => Ok(vec![first_if(x[0].ge(x[1]), x)]),
    name: "fmax",
    doc: "The greater of two; if one is NaN, the other. Where equal, the gradient goes to `x`.",
    inputs: XY,
    grad: rule!(v => chosen(v, v.x().ge(v.x1()))),
}

composite! {
    /// The lesser, ignoring NaN.
    FMIN, (_b, x) => Ok(vec![first_if(x[0].le(x[1]), x)]),
    name: "fmin",
    doc: "The lesser of two; if one is NaN, the other. Where equal, the gradient goes to `x`.",
    inputs: XY,
    grad: rule!(v => chosen(v, v.x().le(v.x1()))),
}

composite! {
    /// Between two ends.
    LERP, (_b, x) => {
        let (start, end, weight) = (x[0], x[1], x[2]);
        Class::Float.check(&start.spec()?)?;
        // From the nearer end, so that both ends are exact.
        let (from_start, from_end) = (start + weight * (end - start), end - (end - start) * (1.0 - weight));
        Ok(vec![weight.abs().lt(0.5).choose(from_start, from_end)])
    },
    name: "lerp",
    doc: "`start + weight * (end - start)`.",
    inputs: Operands::Named(&["start", "end", "weight"]),
    grad: Grad::Elementwise(&[
        partial!(v => 1.0 - v.x[2]),
        partial!(v => v.x[2]),
        partial!(v => v.x1() - v.x()),
    ]),
}

composite! {
    /// Whether equal to within tolerances.
    IS_CLOSE, (b, x) => {
        let number = |name, default| b.attrs().float(name).unwrap_or(default);
        let (rtol, atol) = (number("rtol", 1e-5), number("atol", 1e-8));
        if rtol.is_nan() || rtol < 0.0 || atol.is_nan() || atol < 0.0 {
            return Err(infer::wrong(Kind::Value, "tolerances of at least 0", format_args!("rtol {rtol}, atol {atol}")));
        }
        let (a, e) = (x[0], x[1]);
        if a.dtype() == DType::Complex64 {
            return Err(infer::wrong(Kind::DType, "real numbers", a.spec()?));
        }
        let distance = (a - e).abs();
        let near = distance.le(e.abs() * rtol + atol).and(distance.is_finite());
        let close = a.eq(e).or(near);
        let both_nan = a.ne(a).and(e.ne(e));
        Ok(vec![if b.attrs().bool("equal_nan") { close.or(both_nan) } else { close }])
    },
    name: "is_close",
    doc: "Whether `|x - y| <= atol + rtol * |y|` (default 1e-8 and 1e-5), or both are the same infinity; NaN is close \
          to NaN with `equal_nan`.",
    inputs: XY,
    attrs: &[optional("rtol", AttrKind::Float), optional("atol", AttrKind::Float), optional("equal_nan", AttrKind::Bool)],
    grad: DISCRETE,
}

composite! {
    /// NaN and infinities replaced.
    NAN_TO_NUM, (b, x) => {
        let dtype = x[0].spec()?.dtype;
        Class::Float.check(&x[0].spec()?)?;
        let number = |name, default: f64| b.attrs().float(name).unwrap_or(default);
        let greatest = match dtype {
            DType::F64 => f64::MAX,
            DType::F16 => half::f16::MAX.to_f64(),
            DType::BF16 => half::bf16::MAX.to_f64(),
            _ => f32::MAX.into(),
        };
        let nan = x[0].ne(x[0]);
        let (above, below) = (x[0].eq(f64::INFINITY), x[0].eq(f64::NEG_INFINITY));
        let value = |number: f64| b.scalar(number, dtype);
        let finite = below.choose(value(number("neginf", -greatest)), x[0]);
        let finite = above.choose(value(number("posinf", greatest)), finite);
        Ok(vec![nan.choose(value(number("nan", 0.0)), finite)])
    },
    name: "nan_to_num",
    doc: "NaN replaced by `nan` (default 0), ∞ by `posinf` and -∞ by `neginf` (default the greatest and the least \
          number).",
    attrs: &[optional("nan", AttrKind::Float), optional("posinf", AttrKind::Float), optional("neginf", AttrKind::Float)],
    grad: rule!(v => Ok(vec![Some(v.x().is_finite().choose(v.g(), 0.0))])),
}

composite! {
    /// The greatest common divisor.
    GCD, (b, x) => Ok(vec![gcd(b, x)?]),
    name: "gcd",
    doc: "The greatest common divisor of integers, not negative; 0 of 0 and 0.",
    inputs: XY,
    grad: DISCRETE,
}

composite! {
    /// The least common multiple.
    LCM, (b, x) => {
        let gcd = gcd(b, x)?;
        let divisor = gcd.eq(0.0).choose(gcd + 1.0, gcd);
        let quotient = b.apply(&crate::ops::TRUNCATEDIV, Attrs::new(), &[x[0], divisor]);
        Ok(vec![(quotient * x[1]).abs()])
    },
    name: "lcm",
    doc: "The least common multiple of integers, not negative; 0 if either is 0. Too large ones wrap.",
    inputs: XY,
    grad: DISCRETE,
}

/// The greatest common divisor of integers of one shape.
pub static GCD_DENSE: OpDef = OpDef {
    name: "gcd_dense",
    doc: "`gcd` of operands of one shape.",
    inputs: XY,
    spec: |c| {
        let specs = infer::elementwise(c, Class::Int)?;
        infer::one_shape(c.inputs)?;
        Ok(specs)
    },
    grad: DISCRETE,
    lower: Lower::Library(|_, _| Ok(LibraryCall { routine: "gcd", params: Vec::new() })),
    eval: |c| {
        fn euclid(x: i128, y: i128) -> i128 {
            if y == 0 { x } else { euclid(y, x % y) }
        }
        eval::on_ints(c, |x| euclid(x[0].abs(), x[1].abs()))
    },
    domain: Domain::Special("tests/ops/special.rs"),
    ..BASE
};

fn gcd<'b>(b: build::Builder<'b>, x: &[Expr<'b>]) -> Result<Expr<'b>> {
    let dims = infer::broadcast(&x[0].dims()?, &x[1].dims()?)?;
    Ok(b.apply(&GCD_DENSE, Attrs::new(), &[x[0].broadcast_to(&dims), x[1].broadcast_to(&dims)]))
}

/// `value`, but 0 where `x` is 0 and `y` is a number.
fn unless_zero<'b>(x: Expr<'b>, y: Expr<'b>, value: Expr<'b>) -> Expr<'b> {
    let zero = x.b().scalar(0.0, x.dtype());
    x.eq(0.0).and(y.eq(y)).choose(zero, value)
}

/// `e^x / (e^x + e^y)`
fn share<'b>(x: Expr<'b>, y: Expr<'b>) -> Expr<'b> {
    // The difference of equal infinities is NaN: they share as equal numbers do.
    let alike = x.eq(y).and(x.abs().eq(f64::INFINITY));
    let zero = x.b().scalar(0.0, x.dtype());
    (alike.choose(zero, x) - alike.choose(zero, y)).sigmoid()
}

/// The first of two where it wins or the other is NaN.
fn first_if<'b>(wins: Expr<'b>, x: &[Expr<'b>]) -> Expr<'b> {
    wins.or(x[1].ne(x[1])).choose(x[0], x[1])
}

/// The gradient of [`first_if`].
fn chosen<'b>(v: &Vjp<'b>, wins: Expr<'b>) -> Result<Vec<Option<Expr<'b>>>> {
    let first = wins.or(v.x1().ne(v.x1()));
    let zero = v.b.scalar(0.0, v.g().dtype());
    Ok(vec![Some(first.choose(v.g(), 0.0)), Some(v.b.select(first, zero, v.g()))])
}
