//! Products with weights, lookups of rows, and attention: what layers are made of.

use super::loss::at_label;
use crate::ops::entry::*;
use crate::ops::movement::gather::GATHER;

composite! {
    /// The last axis times a matrix.
    DENSE, (_b, x) => {
        let (spec, kernel) = (x[0].spec()?, x[1].spec()?);
        let last = infer::normalize(-1, spec.rank())?;
        if kernel.rank() != 2 || kernel.dims[0] != spec.dims[last] {
            let wanted = format!("a kernel [{}, units] for the last axis of x", spec.dims[last]);
            return Err(infer::wrong(Kind::Shape, wanted, kernel));
        }
        // One product of all rows: the axes before the last merge without a copy.
        let rows = spec.dims[..last].iter().product::<Dim>();
        let mut dims = spec.dims.to_vec();
        dims[last] = kernel.dims[1].clone();
        Ok(vec![x[0].reshape(&[rows, spec.dims[last].clone()]).matmul(x[1], false, false).reshape(&dims)])
    },
    name: "dense",
    doc: "The last axis of `x` `[.., in]` times `kernel` `[in, units]`.",
    inputs: Operands::Named(&["x", "kernel"]),
    domain: Domain::Special("tests/ops/normalize.rs"),
}

composite! {
    /// One number added to each channel.
    BIAS_ADD, (b, x) => {
        let (spec, bias) = (x[0].spec()?, x[1].spec()?);
        let is_first = crate::ops::window::is_channels_first(b.attrs())?;
        if spec.rank() < 2 {
            return Err(infer::wrong(Kind::Shape, "`x` of rank 2 or more, with channels", spec));
        }
        let axis = infer::normalize(if is_first { 1 } else { -1 }, spec.rank())?;
        if bias.rank() != 1 || bias.dims[0] != spec.dims[axis] {
            let wanted = format!("a bias of length {}, one for each channel", spec.dims[axis]);
            return Err(infer::wrong(Kind::Shape, wanted, bias));
        }
        let mut along = vec![Dim::ONE; spec.rank() - axis];
        along[0] = spec.dims[axis].clone();
        Ok(vec![x[0] + x[1].reshape(&along)])
    },
    name: "bias_add",
    doc: "`x + bias` with one element of `bias` for each channel, the last axis of `x`; the one after the batch with \
          `data_format` \"NCHW\".",
    inputs: Operands::Named(&["x", "bias"]),
    attrs: &[optional("data_format", AttrKind::Str)],
    domain: Domain::Special("tests/ops/normalize.rs"),
}

composite! {
    /// Rows of a table.
    EMBEDDING_LOOKUP, (b, x) => Ok(vec![b.apply(&GATHER, Attrs::new().with("axis", 0i64), x)]),
    name: "embedding_lookup",
    doc: "The rows of `params` that `ids` name; an id out of range is an error.",
    inputs: Operands::Named(&["params", "ids"]),
    domain: Domain::Special("tests/ops/normalize.rs"),
}

composite! {
    /// Whether the right class is among the best.
    IN_TOP_K, (b, x) => {
        let (targets, predictions) = (x[0], x[1]);
        let spec = predictions.spec()?;
        Class::Float.check(&spec)?;
        if spec.rank() != 2 {
            return Err(infer::wrong(Kind::Shape, "predictions [batch, class]", spec));
        }
        let score = at_label(b, targets, predictions)?;
        let better = predictions.gt(score.unsqueeze(1)?).cast(DType::I64).sum(&[1]);
        Ok(vec![score.is_finite().and(better.lt(b.attrs().int("k").unwrap_or(0) as f64))])
    },
    name: "in_top_k",
    doc: "For each row of `predictions` `[batch, class]`, whether fewer than `k` classes are better than the target. \
          False if the target is no class, or its prediction not finite.",
    inputs: Operands::Named(&["targets", "predictions"]),
    attrs: &[required("k", AttrKind::Int)],
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/normalize.rs"),
}

const ATTENTION: &[AttrDef] = &[optional("is_causal", AttrKind::Bool), optional("scale", AttrKind::Float)];

composite! {
    /// Averages of values, weighted by how well keys match queries.
    SCALED_DOT_PRODUCT_ATTENTION, (b, x) => Ok(vec![attention(b, [x[0], x[1], x[2]], None)?]),
    name: "scaled_dot_product_attention",
    doc: "`softmax(query · keyᵀ * scale) · value` for `query` `[.., L, E]`, `key` `[.., S, E]` and `value` `[.., S, \
          V]`; `scale` is `1 / sqrt(E)` by default. With `is_causal`, query i sees keys 0 to i alone.",
    inputs: Operands::Named(&["query", "key", "value"]),
    attrs: ATTENTION,
    domain: Domain::Special("tests/ops/normalize.rs"),
}

composite! {
    /// Attention with a mask.
    MASKED_DOT_PRODUCT_ATTENTION, (b, x) => Ok(vec![attention(b, [x[0], x[1], x[2]], Some(x[3]))?]),
    name: "masked_dot_product_attention",
    doc: "As `scaled_dot_product_attention` with a `mask` that broadcasts to `[.., L, S]`: of bools, true where a key \
          is seen; of floats, added before the softmax. A query that sees no key gives NaN.",
    inputs: Operands::Named(&["query", "key", "value", "mask"]),
    attrs: ATTENTION,
    domain: Domain::Special("tests/ops/normalize.rs"),
}

fn attention<'b>(
    b: build::Builder<'b>,
    [query, key, value]: [Expr<'b>; 3],
    mask: Option<Expr<'b>>,
) -> Result<Expr<'b>> {
    let (q, k, v) = (query.spec()?, key.spec()?, value.spec()?);
    Class::Float.check(&q)?;
    if q.rank() < 2 || k.rank() < 2 || v.rank() < 2 {
        let found = format!("{q}, {k} and {v}");
        return Err(infer::wrong(Kind::Shape, "query, key and value of rank 2 or more", found));
    }
    let depth = q.dims[q.rank() - 1].clone();
    let scale = match b.attrs().float("scale") {
        Some(scale) => b.scalar(scale, q.dtype),
        None => b.size(&depth, q.dtype).rsqrt(),
    };
    let mut scores = query.matmul(key, false, true) * scale;
    if b.attrs().bool("is_causal") {
        let (rows, cols) = (q.dims[q.rank() - 2].clone(), k.dims[k.rank() - 2].clone());
        let (i, j) = (b.iota(&[rows, Dim::ONE], 0, DType::I64), b.iota(&[Dim::ONE, cols], 1, DType::I64));
        scores = i.ge(j).choose(scores, f64::NEG_INFINITY);
    }
    if let Some(mask) = mask {
        let dims = scores.dims()?;
        let fits = infer::broadcast(&mask.dims()?, &dims).is_ok_and(|all| all == dims);
        if !fits {
            let wanted = format!("a mask that broadcasts to {}", infer::shape(&dims));
            return Err(infer::wrong(Kind::Shape, wanted, mask.spec()?));
        }
        scores = match mask.dtype() {
            DType::Bool => mask.choose(scores, f64::NEG_INFINITY),
            _ => scores + mask,
        };
    }
    let weights = b.apply(&crate::ops::SOFTMAX, Attrs::new(), &[scores]);
    Ok(weights.matmul(value, false, false))
}
