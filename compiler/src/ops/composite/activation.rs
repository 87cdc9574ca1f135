//! Activation functions beyond the rectifiers. Those of straight pieces are in `shrink.rs`.

use crate::ops::entry::*;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

composite! {
    /// `x`, or `alpha * (e^x - 1)` below 0.
    ELU, (b, x) => {
        let alpha = b.attrs().float("alpha").unwrap_or(1.0);
        // The side that is not taken must not overflow: its derivative would be 0 * inf.
        Ok(vec![x[0].gt(0.0).choose(x[0], x[0].min(0.0).expm1() * alpha)])
    },
    name: "elu",
    doc: "`x` above 0, `alpha * (e^x - 1)` (default alpha 1) elsewhere.",
    attrs: &[optional("alpha", AttrKind::Float)],
}

composite! {
    /// The scaled elu that keeps mean 0 and variance 1.
    SELU, (_b, x) => {
        const ALPHA: f64 = 1.673_263_242_354_377_2;
        const SCALE: f64 = 1.050_700_987_355_480_5;
        Ok(vec![x[0].gt(0.0).choose(x[0] * SCALE, x[0].min(0.0).expm1() * (ALPHA * SCALE))])
    },
    name: "selu",
    doc: "`scale * elu(x, alpha)` with the constants of Klambauer et al., \"Self-normalizing neural networks\", 2017.",
}

composite! {
    /// `x * sigmoid(x)`.
    SILU, (_b, x) => Ok(vec![x[0] * x[0].sigmoid()]),
    name: "silu",
    doc: "`x * sigmoid(x)`, also called swish.",
}

composite! {
    /// `x * Φ(x)`.
    GELU, (b, x) => {
        Class::Float.check(&x[0].spec()?)?;
        if b.attrs().bool("approximate") {
            let inner = (x[0] + x[0] * x[0] * x[0] * 0.044715) * (FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
            return Ok(vec![x[0] * 0.5 * (inner.tanh() + 1.0)]);
        }
        // Φ itself keeps the digits of the left tail that 1 + erf would cancel.
        Ok(vec![x[0] * x[0].ndtr()])
    },
    name: "gelu",
    doc: "`x * Φ(x)` with the normal distribution function Φ; by tanh if `approximate`.",
    attrs: &[optional("approximate", AttrKind::Bool)],
}

composite! {
    /// `x / (1 + |x|)`.
    SOFTSIGN, (_b, x) => Ok(vec![x[0] / (x[0].abs() + 1.0)]),
    name: "softsign",
    doc: "`x / (1 + |x|)`.",
    grad: Grad::Elementwise(&[partial!(v => (v.x().abs() + 1.0).square().reciprocal())]),
}

composite! {
    /// `log(sigmoid(x))`.
    LOG_SIGMOID, (_b, x) => Ok(vec![-(-x[0]).softplus()]),
    name: "log_sigmoid",
    doc: "`log(sigmoid(x))`, without overflow.",
    grad: Grad::Elementwise(&[partial!(v => (-v.x()).sigmoid())]),
}

composite! {
    /// `x * tanh(softplus(x))`.
    MISH, (_b, x) => Ok(vec![x[0] * x[0].softplus().tanh()]),
    name: "mish",
    doc: "`x * tanh(softplus(x))`.",
}

composite! {
    /// A sigmoid of straight lines.
    HARD_SIGMOID, (_b, x) => Ok(vec![(x[0] + 3.0).max(0.0).min(6.0) / 6.0]),
    name: "hard_sigmoid",
    doc: "`min(max(x + 3, 0), 6) / 6`. The derivative at ±3 is 0; within, it is 1/6 in single precision, as PyTorch's.",
    grad: Grad::Elementwise(&[partial!(v => {
        v.x().abs().lt(3.0).choose(v.constant((1.0f32 / 6.0).into()), 0.0)
    })]),
}

composite! {
    /// `x * hard_sigmoid(x)`.
    HARD_SILU, (_b, x) => Ok(vec![x[0] * ((x[0] + 3.0).max(0.0).min(6.0) / 6.0)]),
    name: "hard_silu",
    doc: "`x * min(max(x + 3, 0), 6) / 6`, also called hard swish.",
}

composite! {
    /// The elu with a continuous derivative.
    CELU, (b, x) => {
        let alpha = b.attrs().float("alpha").unwrap_or(1.0);
        if alpha == 0.0 || alpha.is_nan() {
            return Err(infer::wrong(Kind::Value, "an `alpha` that is not 0", alpha));
        }
        // The side that is not taken must not overflow; it lies on the side of 0 that alpha's sign says.
        let outer = x[0] / alpha;
        let inner = if alpha > 0.0 { outer.min(0.0) } else { x[0].min(0.0) / alpha };
        Ok(vec![x[0].gt(0.0).choose(x[0], inner.expm1() * alpha)])
    },
    name: "celu",
    doc: "`x` above 0, `alpha * (e^(x / alpha) - 1)` (default alpha 1) elsewhere. Barron, \"Continuously \
          differentiable exponential linear units\", 2017. The derivative has `1 / alpha` of alpha in single \
          precision, as PyTorch's.",
    attrs: &[optional("alpha", AttrKind::Float)],
    grad: Grad::Elementwise(&[partial!(v => {
        let alpha = v.b.attrs().float("alpha").unwrap_or(1.0);
        let inverse = 1.0 / f64::from(alpha as f32);
        // The side that is not taken must not overflow.
        let slope = (v.x().min(0.0) * inverse).exp() * (alpha * inverse);
        v.x().gt(0.0).choose(v.constant(1.0), slope)
    })]),
}

composite! {
    /// `x - tanh(x)`.
    TANHSHRINK, (_b, x) => {
        // Near 0 the difference cancels: Taylor's series instead.
        let square = x[0].square();
        let series = x[0] * square * (1.0 / 3.0 - square * (2.0 / 15.0 - square * (17.0 / 315.0 - square * (62.0 / 2835.0))));
        Ok(vec![x[0].abs().lt(0.03).choose(series, x[0] - x[0].tanh())])
    },
    name: "tanhshrink",
    doc: "`x - tanh(x)`.",
    grad: Grad::Elementwise(&[partial!(v => v.x().tanh().square())]),
}

composite! {
    /// One half gated by the other.
    GLU, (b, x) => {
        let (value, gate) = halves(b, x[0])?;
        Ok(vec![value * gate.sigmoid()])
    },
    name: "glu",
    doc: "The first half of `x` along `axis` (default -1), times the sigmoid of the second. Dauphin et al., \
          \"Language modeling with gated convolutional networks\", 2016.",
    attrs: &[optional("axis", AttrKind::Int)],
    domain: Domain::Special("tests/ops/special.rs"),
}

composite! {
    /// One half gated by the other's silu.
    SWIGLU, (b, x) => {
        let (gate, value) = halves(b, x[0])?;
        Ok(vec![gate * gate.sigmoid() * value])
    },
    name: "swiglu",
    doc: "The silu of the first half of `x` along `axis` (default -1), times the second half. Shazeer, \"GLU variants \
          improve transformer\", 2020.",
    attrs: &[optional("axis", AttrKind::Int)],
    domain: Domain::Special("tests/ops/special.rs"),
}

composite! {
    /// Both signs rectified.
    CRELU, (b, x) => {
        let axis = infer::axis(b.attrs(), -1, x[0].rank()?)?;
        Ok(vec![b.concat(&[x[0].relu(), (-x[0]).relu()], axis)])
    },
    name: "crelu",
    doc: "`relu(x)` followed by `relu(-x)` along `axis` (default -1).",
    attrs: &[optional("axis", AttrKind::Int)],
    domain: Domain::Special("tests/ops/special.rs"),
}

/// `x` cut in two along attribute `axis`.
fn halves<'b>(b: build::Builder<'b>, x: Expr<'b>) -> Result<(Expr<'b>, Expr<'b>)> {
    let dims = x.dims()?;
    let axis = infer::axis(b.attrs(), -1, dims.len())?;
    let Some(half) = dims[axis].div_exact(&Dim::from(2i64)) else {
        return Err(infer::wrong(Kind::Shape, format_args!("an even length of axis {axis}"), x.spec()?));
    };
    Ok((x.narrow(axis, &Dim::ZERO, &half)?, x.narrow(axis, &half, &half)?))
}
