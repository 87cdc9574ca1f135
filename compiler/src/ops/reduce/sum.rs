//! Sums and products.

use super::{AXES, axes_of, evaluate, spec};
use crate::base::spec::Dims;
use crate::ops::entry::*;

/// The sum over axes.
pub static REDUCE_SUM: OpDef = OpDef {
    name: "reduce_sum",
    doc: "The sum over `axes`; 0 if there are no elements.",
    attrs: AXES,
    spec: |c| spec(c, Class::Number),
    grad: rule!(v => {
        let (axes, _) = axes_of(v.b.attrs(), v.x())?;
        Ok(vec![Some(v.g().spread(&axes, &v.x().dims()?))])
    }),
    lower: Lower::Reduction(ReduceKind::Sum),
    // Begins at 0, not at -0 as `Iterator::sum` does: the sum of nothing is 0.
    eval: |c| evaluate(c, |x| x.iter().fold(0.0, |a, v| a + v), |x| x.iter().fold(0, |a, &v| a.wrapping_add(v))),
    ..BASE
};

/// The product over axes.
pub static REDUCE_PROD: OpDef = OpDef {
    name: "reduce_prod",
    doc: "The product over `axes`; 1 if there are no elements. The gradient is right with zeros among them, too.",
    attrs: AXES,
    spec: |c| spec(c, Class::Number),
    grad: rule!(v => {
        // The derivative with respect to one factor is the product of those before and those after it.
        let (axes, _) = axes_of(v.b.attrs(), v.x())?;
        let dims = v.x().dims()?;
        let kept: Vec<usize> = (0..dims.len()).filter(|i| !axes.contains(i)).collect();
        let perm: Vec<usize> = kept.iter().chain(&axes).copied().collect();
        let mut rows: Dims = kept.iter().map(|&i| dims[i].clone()).collect();
        rows.push(axes.iter().map(|&i| &dims[i]).product::<Dim>());
        let last = rows.len() - 1;
        let x = v.x().transpose(&perm);
        let moved = x.dims()?;
        let x = x.reshape(&rows);
        let products = |reverse: bool| {
            let attrs = Attrs::new().with("axis", last as i64).with("exclusive", true).with("reverse", reverse);
            v.b.apply(&super::cumulative::CUMPROD, attrs, &[x])
        };
        let others = (products(false) * products(true)).reshape(&moved);
        let mut inverse = vec![0; perm.len()];
        for (to, &from) in perm.iter().enumerate() {
            inverse[from] = to;
        }
        Ok(vec![Some(v.g().spread(&axes, &dims) * others.transpose(&inverse))])
    }),
    lower: Lower::Reduction(ReduceKind::Prod),
    eval: |c| evaluate(c, |x| x.iter().product(), |x| x.iter().fold(1, |a, &v| a.wrapping_mul(v))),
    ..BASE
};

composite! {
    /// The mean over axes.
    REDUCE_MEAN, (b, x) => {
        let spec = x[0].spec()?;
        Class::Float.check(&spec)?;
        let (axes, _) = axes_of(b.attrs(), x[0])?;
        let count = axes.iter().map(|&i| &spec.dims[i]).product::<Dim>();
        let sum = b.apply(&REDUCE_SUM, b.attrs().clone(), &[x[0]]);
        Ok(vec![sum / b.size(&count, spec.dtype)])
    },
    name: "reduce_mean",
    doc: "The mean over `axes`; NaN if there are no elements.",
    attrs: AXES,
}
