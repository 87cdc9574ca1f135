//! Softmax and its relatives, shifted by the greatest element so that nothing overflows.

use crate::ops::entry::*;
use crate::ops::reduce::{AXES, axes_of};

/// Along which axis; the last if absent.
const AXIS: &[AttrDef] = &[optional("axis", AttrKind::Int)];

composite! {
    /// `exp(x) / sum(exp(x))` along an axis.
    SOFTMAX, (b, x) => {
        let axis = along(b.attrs(), x[0])?;
        let e = (x[0] - x[0].max_keep(&[axis])).exp();
        Ok(vec![e / e.sum_keep(&[axis])])
    },
    name: "softmax",
    doc: "`exp(x) / sum(exp(x))` along `axis` (default -1).",
    attrs: AXIS,
    grad: rule!(v => {
        let axis = along(v.b.attrs(), v.x())?;
        let flow = v.g() * v.y();
        Ok(vec![Some(flow - v.y() * flow.sum_keep(&[axis]))])
    }),
}

composite! {
    /// The logarithm of softmax.
    LOG_SOFTMAX, (b, x) => {
        let axis = along(b.attrs(), x[0])?;
        let shifted = x[0] - x[0].max_keep(&[axis]);
        Ok(vec![shifted - shifted.exp().sum_keep(&[axis]).log()])
    },
    name: "log_softmax",
    doc: "`x - log(sum(exp(x)))` along `axis` (default -1).",
    attrs: AXIS,
    grad: rule!(v => {
        let axis = along(v.b.attrs(), v.x())?;
        Ok(vec![Some(v.g() - v.y().exp() * v.g().sum_keep(&[axis]))])
    }),
}

composite! {
    /// `log(sum(exp(x)))` over axes.
    REDUCE_LOGSUMEXP, (b, x) => {
        let spec = x[0].spec()?;
        Class::Float.check(&spec)?;
        let (axes, plain) = axes_of(b.attrs(), x[0])?;
        let dims = infer::reduced(&spec.dims, &axes, b.attrs().bool("keepdims"));
        if axes.iter().any(|&i| spec.dims[i] == Dim::ZERO) {
            return Ok(vec![b.scalar(f64::NEG_INFINITY, spec.dtype).broadcast_to(&dims)]);
        }
        // Where the greatest element is infinite, shifting by it would give NaN.
        let greatest = x[0].max_keep(&plain);
        let shift = greatest.is_finite().choose(greatest, 0.0).stop_gradient();
        let sum = (x[0] - shift).exp().sum_keep(&plain);
        Ok(vec![(sum.log() + shift).reshape(&dims)])
    },
    name: "reduce_logsumexp",
    doc: "`log(sum(exp(x)))` over `axes`, without overflow; -∞ if there are no elements.",
    attrs: AXES,
    grad: rule!(v => {
        let (axes, _) = axes_of(v.b.attrs(), v.x())?;
        let dims = v.x().dims()?;
        let total = v.y().is_finite().choose(v.y(), 0.0).spread(&axes, &dims);
        Ok(vec![Some(v.g().spread(&axes, &dims) * (v.x() - total).exp())])
    }),
}

/// Attribute `axis`, in normal form.
fn along(attrs: &Attrs, x: Expr<'_>) -> Result<i64> {
    let spec = x.spec()?;
    Class::Float.check(&spec)?;
    Ok(infer::axis(attrs, -1, spec.rank())? as i64)
}
