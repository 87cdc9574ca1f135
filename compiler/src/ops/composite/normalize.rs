//! Normalisation: layers' arithmetic without their variables.

use crate::ops::entry::*;
use crate::ops::reduce::axes_of;

composite! {
    /// Mean 0 and variance 1 along axes, then scaled and moved.
    LAYER_NORM, (b, x) => {
        let axes = last_axes(b, x[0])?;
        let epsilon = b.attrs().float("epsilon").unwrap_or(1e-3);
        let centered = x[0] - x[0].mean_keep(&axes);
        let scale = (centered.square().mean_keep(&axes) + epsilon).rsqrt();
        Ok(vec![centered * scale * x[1] + x[2]])
    },
    name: "layer_norm",
    doc: "`(x - mean) / sqrt(variance + epsilon) * gamma + beta` with mean and variance over `axes` (default the last); \
          epsilon is 1e-3 by default. `gamma` and `beta` broadcast against `x`.",
    inputs: Operands::Named(&["x", "gamma", "beta"]),
    attrs: &[optional("axes", AttrKind::Ints), optional("epsilon", AttrKind::Float)],
}

composite! {
    /// Mean square 1 along axes, then scaled.
    RMS_NORM, (b, x) => {
        let axes = last_axes(b, x[0])?;
        let epsilon = b.attrs().float("epsilon").unwrap_or(1e-6);
        Ok(vec![x[0] * (x[0].square().mean_keep(&axes) + epsilon).rsqrt() * x[1]])
    },
    name: "rms_norm",
    doc: "`x / sqrt(mean(x^2) + epsilon) * gamma` over `axes` (default the last); epsilon is 1e-6 by default.",
    inputs: Operands::Named(&["x", "gamma"]),
    attrs: &[optional("axes", AttrKind::Ints), optional("epsilon", AttrKind::Float)],
}

composite! {
    /// Length 1 along axes.
    L2_NORMALIZE, (b, x) => {
        let (_, axes) = axes_of(b.attrs(), x[0])?;
        let epsilon = b.attrs().float("epsilon").unwrap_or(1e-12);
        Ok(vec![x[0] * x[0].square().sum_keep(&axes).max(epsilon).rsqrt()])
    },
    name: "l2_normalize",
    doc: "`x / sqrt(max(sum(x^2), epsilon))` over `axes` (default all); epsilon is 1e-12 by default.",
    attrs: &[optional("axes", AttrKind::Ints), optional("epsilon", AttrKind::Float)],
}

fn last_axes(b: build::Builder<'_>, x: Expr<'_>) -> Result<Vec<i64>> {
    match b.attrs().ints("axes") {
        Some(_) => Ok(axes_of(b.attrs(), x)?.1),
        None => Ok(vec![infer::normalize(-1, x.rank()?)? as i64]),
    }
}
