//! Activation functions of straight pieces with bounds to choose. At a kink the derivative is that of the flat side.

use crate::ops::entry::*;

composite! {
    /// Zero near 0.
    HARD_SHRINK, (b, x) => {
        let threshold = number(b, "threshold", 0.5);
        let inside = x[0].ge(-threshold).and(x[0].le(threshold));
        Ok(vec![inside.choose(b.scalar(0.0, x[0].dtype()), x[0])])
    },
    name: "hard_shrink",
    doc: "0 where `|x| <= threshold` (default 0.5), `x` elsewhere.",
    attrs: &[optional("threshold", AttrKind::Float)],
}

composite! {
    /// Towards 0.
    SOFT_SHRINK, (b, x) => {
        let threshold = number(b, "threshold", 0.5);
        if threshold.is_nan() || threshold < 0.0 {
            return Err(infer::wrong(Kind::Value, "a `threshold` of at least 0", threshold));
        }
        // NaN stays: it is on neither side.
        let inside = x[0].ge(-threshold).and(x[0].le(threshold));
        let moved = x[0].gt(0.0).choose(x[0] - threshold, x[0] + threshold);
        Ok(vec![inside.choose(b.scalar(0.0, x[0].dtype()), moved)])
    },
    name: "soft_shrink",
    doc: "`x` moved towards 0 by `threshold` (default 0.5), 0 where it would pass it.",
    attrs: &[optional("threshold", AttrKind::Float)],
}

composite! {
    /// Within bounds.
    HARD_TANH, (b, x) => {
        let (low, high) = (number(b, "min", -1.0), number(b, "max", 1.0));
        if low.is_nan() || high.is_nan() || low > high {
            return Err(infer::wrong(Kind::Value, "`min` not above `max`", format_args!("{low} and {high}")));
        }
        Ok(vec![x[0].max(low).min(high)])
    },
    name: "hard_tanh",
    doc: "`x` within `min` and `max` (default -1 and 1), the nearer bound elsewhere.",
    attrs: &[optional("min", AttrKind::Float), optional("max", AttrKind::Float)],
    grad: Grad::Elementwise(&[partial!(v => {
        let (low, high) = (number(v.b, "min", -1.0), number(v.b, "max", 1.0));
        v.x().gt(low).and(v.x().lt(high)).choose(v.constant(1.0), 0.0)
    })]),
}

composite! {
    /// A constant below.
    THRESHOLD, (b, x) => {
        let value = b.scalar(number(b, "value", 0.0), x[0].dtype());
        Ok(vec![x[0].le(number(b, "threshold", 0.0)).choose(value, x[0])])
    },
    name: "threshold",
    doc: "`x` above `threshold`, `value` elsewhere.",
    attrs: &[required("threshold", AttrKind::Float), required("value", AttrKind::Float)],
    domain: Domain::Special("tests/ops/special.rs"),
}

composite! {
    /// The leaky relu with a slope that is learned.
    PRELU, (_b, x) => {
        let (dims, slopes) = (x[0].dims()?, x[1].dims()?);
        // One slope for all may have more axes than x.
        let shared = slopes.len() > dims.len() && slopes.iter().all(|d| *d == Dim::ONE);
        let slope = if shared { x[1].reshape(&[]) } else { x[1] };
        Ok(vec![x[0].gt(0.0).choose(x[0], x[0] * slope)])
    },
    name: "prelu",
    doc: "`x` above 0, `alpha * x` elsewhere; `alpha` broadcasts against `x`, so that one of rank 1 holds a slope for \
          each element of the last axis.",
    inputs: Operands::Named(&["x", "alpha"]),
    domain: Domain::NonZero,
}

fn number(b: build::Builder<'_>, name: &str, default: f64) -> f64 {
    b.attrs().float(name).unwrap_or(default)
}
