//! Normalisation with a mean and a variance for each channel, of a batch or kept from earlier ones, and the like.

use crate::ops::entry::*;

const BY_CHANNEL: &[AttrDef] = &[optional("axis", AttrKind::Int), optional("epsilon", AttrKind::Float)];

composite! {
    /// With mean and variance given, which broadcast.
    BATCH_NORMALIZATION, (b, x) => {
        let epsilon = b.attrs().float("variance_epsilon").unwrap_or(1e-3);
        Ok(vec![normalized(x[0], x[1], x[2], x[4], x[3], epsilon)])
    },
    name: "batch_normalization",
    doc: "`(x - mean) / sqrt(variance + variance_epsilon) * scale + offset`; all broadcast against `x`. Give 0 and 1 \
          for no offset and scale.",
    inputs: Operands::Named(&["x", "mean", "variance", "offset", "scale"]),
    attrs: &[required("variance_epsilon", AttrKind::Float)],
    domain: Domain::Between(0.5, 3.0),
}

composite! {
    /// With a mean and a variance for each channel.
    BATCH_NORM, (b, x) => {
        let [gamma, beta, mean, variance] = channels(b.attrs(), x[0], [x[1], x[2], x[3], x[4]])?;
        Ok(vec![normalized(x[0], mean, variance, gamma, beta, epsilon(b))])
    },
    name: "batch_norm",
    doc: "`(x - mean) / sqrt(variance + epsilon) * gamma + beta` with one of each for each channel, the index along \
          `axis` (default -1); epsilon is 1e-3 by default. This is what inference does with kept statistics.",
    inputs: Operands::Named(&["x", "gamma", "beta", "mean", "variance"]),
    attrs: BY_CHANNEL,
    domain: Domain::Special("tests/ops/normalize.rs"),
}

composite! {
    /// With mean and variance of the batch.
    BATCH_NORM_TRAINING, (b, x) => {
        let rank = x[0].rank()?;
        let axis = infer::axis(b.attrs(), -1, rank)?;
        let [gamma, beta] = channels(b.attrs(), x[0], [x[1], x[2]])?;
        let axes: Vec<i64> = (0..rank as i64).filter(|&i| i != axis as i64).collect();
        let mean = x[0].mean_keep(&axes);
        let variance = (x[0] - mean).square().mean_keep(&axes);
        let length = [x[0].dims()?[axis].clone()];
        let y = normalized(x[0], mean, variance, gamma, beta, epsilon(b));
        Ok(vec![y, mean.reshape(&length), variance.reshape(&length)])
    },
    name: "batch_norm_training",
    doc: "As `batch_norm`, with the mean and the variance of `x` over all axes but `axis`, which are the second and \
          the third result. The variance is the mean square distance from the mean.",
    inputs: Operands::Named(&["x", "gamma", "beta"]),
    attrs: BY_CHANNEL,
    domain: Domain::Special("tests/ops/normalize.rs"),
}

composite! {
    /// TensorFlow's batch normalisation of images.
    FUSED_BATCH_NORM, (b, x) => {
        let epsilon = b.attrs().float("epsilon").unwrap_or(1e-3);
        let attrs = Attrs::new().with("epsilon", epsilon);
        if !b.attrs().get("is_training").is_none_or(|v| matches!(v, crate::graph::AttrValue::Bool(true))) {
            return Ok(vec![b.apply(&BATCH_NORM, attrs, x), x[3], x[4]]);
        }
        let spec = x[0].spec()?;
        let results = b.apply_all(&BATCH_NORM_TRAINING, attrs, &x[..3]);
        let [y, mean, variance] = results[..] else { return Ok(results) };
        // What is kept is the estimate for all data: one degree of freedom went into the mean.
        let count = spec.dims[..spec.rank() - 1].iter().product::<Dim>();
        let count = b.size(&count, spec.dtype);
        let unbiased = variance * (count / (count - 1.0).max(1.0));
        let factor = b.attrs().float("exponential_avg_factor").unwrap_or(1.0);
        Ok(vec![y, blend(mean, x[3], factor), blend(unbiased, x[4], factor)])
    },
    name: "fused_batch_norm",
    doc: "Batch normalisation of `x` `[.., channels]`, and new running mean and variance: those of the batch (the \
          variance with Bessel's correction) times `exponential_avg_factor` (default 1) plus the given ones times the \
          rest. With `is_training` false the given ones normalise, and are the results. `epsilon` is 1e-3 by default.",
    inputs: Operands::Named(&["x", "scale", "offset", "mean", "variance"]),
    attrs: &[
        optional("epsilon", AttrKind::Float),
        optional("exponential_avg_factor", AttrKind::Float),
        optional("is_training", AttrKind::Bool),
    ],
    domain: Domain::Special("tests/ops/normalize.rs"),
}

composite! {
    /// By groups of channels of each example.
    GROUP_NORM, (b, x) => Ok(vec![grouped(b, x, b.attrs().int("groups"))?]),
    name: "group_norm",
    doc: "Each group of channels of each example with mean 0 and variance 1, times `gamma` plus `beta` (one for each \
          channel). Channels are the indices along `axis` (default -1), `groups` of them; epsilon is 1e-3 by default.",
    inputs: Operands::Named(&["x", "gamma", "beta"]),
    attrs: &[
        required("groups", AttrKind::Int),
        optional("axis", AttrKind::Int),
        optional("epsilon", AttrKind::Float),
    ],
    domain: Domain::Special("tests/ops/normalize.rs"),
}

composite! {
    /// By channel of each example.
    INSTANCE_NORM, (b, x) => Ok(vec![grouped(b, x, None)?]),
    name: "instance_norm",
    doc: "Each channel of each example with mean 0 and variance 1, times `gamma` plus `beta` (one for each channel). \
          Channels are the indices along `axis` (default -1); epsilon is 1e-3 by default.",
    inputs: Operands::Named(&["x", "gamma", "beta"]),
    attrs: BY_CHANNEL,
    domain: Domain::Special("tests/ops/normalize.rs"),
}

composite! {
    /// By the squares of neighbouring channels.
    LOCAL_RESPONSE_NORM, (b, x) => {
        let number = |name, default| b.attrs().float(name).unwrap_or(default);
        let size = b.attrs().int("size").unwrap_or(0);
        if !(1..=MAX_NEIGHBOURS).contains(&size) {
            return Err(infer::wrong(Kind::Value, format_args!("a size from 1 to {MAX_NEIGHBOURS}"), size));
        }
        let axis = infer::axis(b.attrs(), -1, x[0].rank()?)?;
        let mean = neighbours(x[0], axis, size / 2, (size - 1) / 2)? / size as f64;
        let scale = mean * number("alpha", 1e-4) + number("k", 1.0);
        Ok(vec![x[0] / to_the(b, scale, number("beta", 0.75))])
    },
    name: "local_response_norm",
    doc: "`x / (k + alpha * mean)^beta` with the mean of the squares of `size` neighbouring channels, zeros beyond \
          them: `size / 2` before, the channel itself, `(size - 1) / 2` after. Channels are the indices along `axis` \
          (default -1); alpha is 1e-4, beta 0.75, k 1 by default.",
    attrs: &[
        required("size", AttrKind::Int),
        optional("alpha", AttrKind::Float),
        optional("beta", AttrKind::Float),
        optional("k", AttrKind::Float),
        optional("axis", AttrKind::Int),
    ],
}

composite! {
    /// TensorFlow's form of it.
    LOCAL_RESPONSE_NORMALIZATION, (b, x) => {
        let number = |name, default| b.attrs().float(name).unwrap_or(default);
        let radius = b.attrs().int("depth_radius").unwrap_or(5);
        if !(0..MAX_NEIGHBOURS / 2).contains(&radius) {
            let wanted = format!("a depth_radius from 0 to {}", MAX_NEIGHBOURS / 2 - 1);
            return Err(infer::wrong(Kind::Value, wanted, radius));
        }
        let last = infer::normalize(-1, x[0].rank()?)?;
        let scale = neighbours(x[0], last, radius, radius)? * number("alpha", 1.0) + number("bias", 1.0);
        Ok(vec![x[0] / to_the(b, scale, number("beta", 0.5))])
    },
    name: "local_response_normalization",
    doc: "`x / (bias + alpha * sum)^beta` with the sum of the squares of the channels (the last axis) at most \
          `depth_radius` (default 5) away; bias and alpha are 1, beta is 0.5 by default.",
    attrs: &[
        optional("depth_radius", AttrKind::Int),
        optional("bias", AttrKind::Float),
        optional("alpha", AttrKind::Float),
        optional("beta", AttrKind::Float),
    ],
}

/// The most neighbours that are summed, each a term of its own.
const MAX_NEIGHBOURS: i64 = 256;

fn epsilon(b: build::Builder<'_>) -> f64 {
    b.attrs().float("epsilon").unwrap_or(1e-3)
}

/// So much of the new, the rest of the old.
fn blend<'b>(new: Expr<'b>, old: Expr<'b>, factor: f64) -> Expr<'b> {
    if factor == 1.0 { new } else { new * factor + old * (1.0 - factor) }
}

fn normalized<'b>(
    x: Expr<'b>,
    mean: Expr<'b>,
    variance: Expr<'b>,
    gamma: Expr<'b>,
    beta: Expr<'b>,
    epsilon: f64,
) -> Expr<'b> {
    (x - mean) * (variance + epsilon).rsqrt() * gamma + beta
}

/// Operands with an element for each channel, shaped to broadcast against `x`.
fn channels<'b, const N: usize>(attrs: &Attrs, x: Expr<'b>, each: [Expr<'b>; N]) -> Result<[Expr<'b>; N]> {
    let spec = x.spec()?;
    Class::Float.check(&spec)?;
    let axis = infer::axis(attrs, -1, spec.rank())?;
    let mut dims = vec![Dim::ONE; spec.rank()];
    dims[axis] = spec.dims[axis].clone();
    for operand in each {
        let found = operand.spec()?;
        if found.rank() != 1 || found.dims[0] != dims[axis] {
            let wanted = format!("an element for each of the {} channels of axis {axis}", dims[axis]);
            return Err(infer::wrong(Kind::Shape, wanted, found));
        }
    }
    Ok(each.map(|operand| operand.reshape(&dims)))
}

/// Normalised over all axes but batch and groups of channels; as many groups as channels if `groups` is None.
fn grouped<'b>(b: build::Builder<'b>, x: &[Expr<'b>], groups: Option<i64>) -> Result<Expr<'b>> {
    let dims = x[0].dims()?;
    let [gamma, beta] = channels(b.attrs(), x[0], [x[1], x[2]])?;
    let axis = infer::axis(b.attrs(), -1, dims.len())?;
    if axis == 0 {
        return Err(infer::wrong(Kind::Shape, "an axis of channels behind the batch", "axis 0"));
    }
    let count = groups.map_or(dims[axis].clone(), Dim::from);
    let depth = match groups {
        None => Some(Dim::ONE),
        Some(groups) if groups < 1 => None,
        Some(_) => dims[axis].div_exact(&count),
    };
    let Some(depth) = depth else {
        let wanted = format!("groups that divide the {} channels", dims[axis]);
        return Err(infer::wrong(Kind::Value, wanted, format_args!("groups = {count}")));
    };
    let mut apart = dims.to_vec();
    apart.splice(axis..=axis, [count, depth]);
    let over: Vec<i64> = (1..apart.len() as i64).filter(|&i| i != axis as i64).collect();
    let grouped = x[0].reshape(&apart);
    let centered = grouped - grouped.mean_keep(&over);
    let scale = (centered.square().mean_keep(&over) + epsilon(b)).rsqrt();
    Ok((centered * scale).reshape(&dims) * gamma + beta)
}

/// The sum of the squares of a channel, and of so many before and after it along `axis`.
fn neighbours(x: Expr<'_>, axis: usize, before: i64, after: i64) -> Result<Expr<'_>> {
    let spec = x.spec()?;
    Class::Float.check(&spec)?;
    let (mut head, mut tail) = (vec![Dim::ZERO; spec.rank()], vec![Dim::ZERO; spec.rank()]);
    (head[axis], tail[axis]) = (before.into(), after.into());
    let padded = x.square().pad_zeros(&head, &tail);
    let mut sum = padded.narrow(axis, &Dim::ZERO, &spec.dims[axis])?;
    for first in 1..=before + after {
        sum = sum + padded.narrow(axis, &first.into(), &spec.dims[axis])?;
    }
    Ok(sum)
}

fn to_the<'b>(b: build::Builder<'b>, base: Expr<'b>, power: f64) -> Expr<'b> {
    match power {
        0.5 => base.sqrt(),
        1.0 => base,
        _ => base.pow(b.scalar(power, base.dtype())),
    }
}
