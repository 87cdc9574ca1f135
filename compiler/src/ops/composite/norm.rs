//! Vector norms, and what is measured by them.

use crate::ops::entry::*;
use crate::ops::reduce::axes_of;

composite! {
    /// The length of vectors.
    NORM, (b, x) => {
        let spec = x[0].spec()?;
        Class::Float.check(&spec)?;
        let (axes, plain) = axes_of(b.attrs(), x[0])?;
        let size = x[0].abs();
        let norm = match order(b.attrs())? {
            // Of no elements too it is no less than 0.
            p if p == f64::INFINITY => size.max_keep(&plain).max(0.0),
            p if p == f64::NEG_INFINITY => -(-size).max_keep(&plain),
            0.0 => x[0].ne(0.0).cast(spec.dtype).sum_keep(&plain),
            1.0 => size.sum_keep(&plain),
            2.0 => x[0].square().sum_keep(&plain).sqrt(),
            p => size.pow(p).sum_keep(&plain).pow(1.0 / p),
        };
        Ok(vec![norm.reshape(&infer::reduced(&spec.dims, &axes, b.attrs().bool("keepdims")))])
    },
    name: "norm",
    doc: "`sum(|x|^ord)^(1/ord)` over `axes` (default all), of vectors whatever the number of axes: the greatest \
          magnitude for infinite `ord` (the least for -∞), the number of nonzero elements for 0. Default 2. The norm \
          of no elements is 0 (infinite if `ord` is negative). Where the norm is 0, its gradient is 0; equal greatest \
          elements share theirs.",
    attrs: &[optional("ord", AttrKind::Float), optional("axes", AttrKind::Ints), optional("keepdims", AttrKind::Bool)],
    grad: rule!(v => {
        let (axes, plain) = axes_of(v.b.attrs(), v.x())?;
        let dims = v.x().dims()?;
        let (x, norm, flow) = (v.x(), v.y().spread(&axes, &dims), v.g().spread(&axes, &dims));
        let slope = match order(v.b.attrs())? {
            0.0 => return Ok(vec![None]),
            1.0 => x.sign(),
            2.0 => over(x, norm),
            p if p.is_infinite() => {
                let extreme = x.abs().eq(norm).cast(x.dtype());
                x.sign() * extreme / extreme.sum_keep(&plain)
            }
            p => {
                let is_zero = x.eq(0.0);
                let ratio = over(is_zero.choose(x + 1.0, x).abs(), norm);
                is_zero.choose(v.constant(0.0), x.sign() * ratio.pow(p - 1.0))
            }
        };
        Ok(vec![Some(flow * slope)])
    }),
}

composite! {
    /// Of norm 1.
    NORMALIZE, (b, x) => {
        let epsilon = b.attrs().float("epsilon").unwrap_or(0.0);
        let mut attrs = Attrs::new().with("ord", order(b.attrs())?).with("keepdims", true);
        if let Some(axes) = b.attrs().ints("axes") {
            attrs.set("axes", axes);
        }
        let norm = b.apply(&NORM, attrs, &[x[0]]);
        Ok(vec![x[0] / if epsilon > 0.0 { norm.max(epsilon) } else { norm }])
    },
    name: "normalize",
    doc: "`x` divided by its `norm` of order `ord` (default 2) over `axes` (default all), or by `epsilon` (default 0) \
          if that is greater.",
    attrs: &[optional("ord", AttrKind::Float), optional("axes", AttrKind::Ints), optional("epsilon", AttrKind::Float)],
}

composite! {
    /// The cosine of the angle between vectors.
    COSINE_SIMILARITY, (b, x) => {
        let mut dims = infer::broadcast(&x[0].dims()?, &x[1].dims()?)?;
        if dims.is_empty() {
            dims.push(Dim::ONE);
        }
        let axis = infer::axis(b.attrs(), -1, dims.len())? as i64;
        let epsilon = b.attrs().float("epsilon").unwrap_or(1e-8);
        let [x, y] = [x[0], x[1]].map(|v| {
            let v = v.broadcast_to(&dims);
            let attrs = Attrs::new().with("axes", vec![axis]).with("keepdims", true);
            v / b.apply(&NORM, attrs, &[v]).max(epsilon)
        });
        Ok(vec![(x * y).sum(&[axis])])
    },
    name: "cosine_similarity",
    doc: "`sum(x * y) / (max(|x|, epsilon) * max(|y|, epsilon))` along `axis` (default -1) with `epsilon` 1e-8 by \
          default: 1 for the same direction, -1 for opposite ones. Single numbers are vectors of length 1. Keras' \
          loss of this name is its negative.",
    inputs: XY,
    attrs: &[optional("axis", AttrKind::Int), optional("epsilon", AttrKind::Float)],
    domain: Domain::NonZero,
}

composite! {
    /// Distances between all pairs of rows.
    CDIST, (b, x) => {
        let (ranks, p) = ((x[0].rank()?, x[1].rank()?), b.attrs().float("p").unwrap_or(2.0));
        if ranks.0 < 2 || ranks.1 < 2 {
            let found = format!("{} and {}", x[0].spec()?, x[1].spec()?);
            return Err(infer::wrong(Kind::Shape, "rows of vectors: operands of rank 2 at least", found));
        }
        if p.is_nan() || p < 0.0 {
            return Err(infer::wrong(Kind::Value, "an order `p` of at least 0", p));
        }
        let difference = x[0].unsqueeze(ranks.0 - 1)? - x[1].unsqueeze(ranks.1 - 2)?;
        Ok(vec![b.apply(&NORM, Attrs::new().with("ord", p).with("axes", vec![-1i64]), &[difference])])
    },
    name: "cdist",
    doc: "`norm(x[.., i, :] - y[.., j, :])` of order `p` (default 2) for all rows i of `x` and j of `y`; the axes \
          before broadcast.",
    inputs: XY,
    attrs: &[optional("p", AttrKind::Float)],
    domain: Domain::Special("tests/ops/special.rs"),
}

fn order(attrs: &Attrs) -> Result<f64> {
    match attrs.float("ord").unwrap_or(2.0) {
        p if p.is_nan() => Err(infer::wrong(Kind::Value, "an order `ord` that is a number", "NaN")),
        p => Ok(p),
    }
}

/// `x / norm`, 0 where the norm is 0.
fn over<'b>(x: Expr<'b>, norm: Expr<'b>) -> Expr<'b> {
    let is_zero = norm.eq(0.0);
    let zero = x.b().scalar(0.0, x.dtype());
    is_zero.choose(zero, x / is_zero.choose(norm + 1.0, norm))
}
