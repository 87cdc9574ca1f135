//! Pools whose windows follow from the result's size: over everything, adaptive, and of random lengths.

use super::axes_of;
use crate::ops::entry::*;
use tracelift_runtime::Array;

macro_rules! global_pools {
    ($($static:ident $name:literal $reduce:ident $what:literal;)*) => {$(
        composite! {
            #[doc = concat!($what, " of each channel.")]
            $static, (b, x) => {
                let axes = axes_of(&x[0].spec()?, None)?;
                let attrs = Attrs::new()
                    .with("axes", (1..=axes as i64).collect::<Vec<_>>())
                    .with("keepdims", b.attrs().bool("keepdims"));
                Ok(vec![b.apply(&crate::ops::$reduce, attrs, &[x[0]])])
            },
            name: $name,
            doc: concat!(
                $what, " of each channel of `x` `[batch, axes.., channels]`; with `keepdims` axes stay with length 1."
            ),
            attrs: &[optional("keepdims", AttrKind::Bool)],
            domain: Domain::Special("tests/ops/window.rs"),
        }
    )*};
}

global_pools! {
    GLOBAL_AVG_POOL "global_avg_pool" REDUCE_MEAN "The average";
    GLOBAL_MAX_POOL "global_max_pool" REDUCE_MAX "The greatest element";
}

macro_rules! adaptive_pools {
    ($($static:ident $name:literal $reduce:ident $what:literal;)*) => {$(
        composite! {
            #[doc = concat!($what, " of as many windows as asked for.")]
            $static, (b, x) => {
                let spec = x[0].spec()?;
                Class::Float.check(&spec)?;
                let axes = axes_of(&spec, None)?;
                let size = super::steps(b.attrs(), "size", axes)?.unwrap_or_default();
                let mut y = x[0];
                for (axis, &count) in size.iter().enumerate() {
                    let length = known(&spec.dims[axis + 1], axis + 1)?;
                    check_parts(count, axis + 1, &spec)?;
                    let segments: Vec<_> = (0..count)
                        .map(|i| (product(i, length) / count, (product(i + 1, length) + count - 1) / count))
                        .collect();
                    y = reduced(b, y, axis + 1, &segments, &crate::ops::$reduce)?;
                }
                Ok(vec![y])
            },
            name: $name,
            doc: concat!(
                $what, " of windows that cut each axis of `x` `[batch, axes.., channels]` into `size` parts: part i of \
                 s of a length n goes from `floor(i n / s)` to `ceil((i + 1) n / s)`."
            ),
            attrs: &[required("size", AttrKind::Ints)],
            domain: Domain::Special("tests/ops/window.rs"),
        }
    )*};
}

adaptive_pools! {
    ADAPTIVE_AVG_POOL "adaptive_avg_pool" REDUCE_MEAN "Averages";
    ADAPTIVE_MAX_POOL "adaptive_max_pool" REDUCE_MAX "Greatest elements";
}

macro_rules! fractional_pools {
    ($($static:ident $name:literal $reduce:ident $what:literal;)*) => {$(
        composite! {
            #[doc = concat!($what, " of windows of random lengths.")]
            $static, (b, x) => {
                let spec = x[0].spec()?;
                Class::Float.check(&spec)?;
                axes_of(&spec, Some(2))?;
                let mut results = vec![x[0]];
                for (axis, ratio) in [(1, "row_ratio"), (2, "column_ratio")] {
                    let cuts = cuts(b.attrs(), &spec, b.attrs().float(ratio).unwrap_or(1.0), axis)?;
                    let length = known(&spec.dims[axis], axis)?;
                    let overlap = i64::from(b.attrs().bool("overlapping"));
                    let segments: Vec<_> =
                        cuts.windows(2).map(|cut| (cut[0], (cut[1] + overlap).min(length))).collect();
                    results[0] = reduced(b, results[0], axis, &segments, &crate::ops::$reduce)?;
                    results.push(b.constant(Array::from_slice(&[cuts.len()], &cuts)));
                }
                Ok(results)
            },
            name: $name,
            doc: concat!(
                $what, " of windows of two neighbouring lengths in random order, so that height and width of `x` \
                 `[batch, height, width, channels]` shrink by `row_ratio` and `column_ratio`, at least 1 (Graham, 2014). \
                 Also the places where rows and columns are cut (i64). With `pseudo_random` lengths are spread evenly; \
                 `overlapping` windows share their ends; `seed` tells random cuts apart."
            ),
            attrs: &[
                required("row_ratio", AttrKind::Float),
                required("column_ratio", AttrKind::Float),
                optional("pseudo_random", AttrKind::Bool),
                optional("overlapping", AttrKind::Bool),
                optional("seed", AttrKind::Int),
            ],
            domain: Domain::Special("tests/ops/window.rs"),
        }
    )*};
}

fractional_pools! {
    FRACTIONAL_MAX_POOL "fractional_max_pool" REDUCE_MAX "Greatest elements";
    FRACTIONAL_AVG_POOL "fractional_avg_pool" REDUCE_MEAN "Averages";
}

macro_rules! pools_between {
    ($($static:ident $name:literal $reduce:ident $what:literal;)*) => {$(
        composite! {
            #[doc = concat!($what, " of windows between given places.")]
            $static, (b, x) => {
                let spec = x[0].spec()?;
                Class::Float.check(&spec)?;
                axes_of(&spec, Some(2))?;
                let mut y = x[0];
                for (axis, name) in [(1, "rows"), (2, "columns")] {
                    let segments = given(b.attrs(), name, known(&spec.dims[axis], axis)?, axis)?;
                    y = reduced(b, y, axis, &segments, &crate::ops::$reduce)?;
                }
                Ok(vec![y])
            },
            name: $name,
            doc: concat!(
                $what, " of the windows of `x` `[batch, height, width, channels]` between the places `rows` and `columns` \
                 where it is cut, each from 0 to the length, rising, as the fractional pools give them; `overlapping` \
                 windows share their ends."
            ),
            attrs: &[
                required("rows", AttrKind::Ints),
                required("columns", AttrKind::Ints),
                optional("overlapping", AttrKind::Bool),
            ],
            domain: Domain::Special("tests/ops/window.rs"),
        }
    )*};
}

pools_between! {
    MAX_POOL_BETWEEN "max_pool_between" REDUCE_MAX "Greatest elements";
    AVG_POOL_BETWEEN "avg_pool_between" REDUCE_MEAN "Averages";
}

/// The segments of an axis between the places that an attribute has.
fn given(attrs: &Attrs, name: &'static str, length: i64, axis: usize) -> Result<Vec<(i64, i64)>> {
    let cuts = attrs.ints(name).unwrap_or_default();
    let rises = cuts.windows(2).all(|cut| cut[0] < cut[1]);
    if cuts.len() < 2 || cuts.len() > MAX_PARTS as usize || !rises || cuts[0] != 0 || cuts[cuts.len() - 1] != length {
        let wanted = format!("places in `{name}` that rise from 0 to the length {length} of axis {axis}");
        return Err(infer::wrong(Kind::Value, wanted, format_args!("{cuts:?}")));
    }
    let overlap = i64::from(attrs.bool("overlapping"));
    Ok(cuts.windows(2).map(|cut| (cut[0], (cut[1] + overlap).min(length))).collect())
}

/// More parts than this are refused: each is a step of its own.
const MAX_PARTS: i64 = 4096;

/// The length of an axis that must be known before the call.
fn known(length: &Dim, axis: usize) -> Result<i64> {
    length.as_const().ok_or_else(|| {
        infer::wrong(Kind::Shape, format_args!("a length of axis {axis} that is known before the call"), length)
    })
}

fn product(a: i64, b: i64) -> i64 {
    a.saturating_mul(b)
}

/// Refuses to cut an axis into more parts than a graph should have nodes.
fn check_parts(count: i64, axis: usize, x: &TensorSpec) -> Result<()> {
    match count {
        1..=MAX_PARTS => Ok(()),
        _ => {
            let wanted = format!("1 to {MAX_PARTS} parts with elements along axis {axis}");
            Err(infer::wrong(Kind::Shape, wanted, format_args!("{count} of {x}")))
        }
    }
}

/// `reduce` over each segment of an axis, in order.
fn reduced<'b>(
    b: build::Builder<'b>,
    x: Expr<'b>,
    axis: usize,
    segments: &[(i64, i64)],
    reduce: &'static OpDef,
) -> Result<Expr<'b>> {
    if segments.iter().any(|(begin, end)| begin >= end) {
        let wanted = format!("parts with elements along axis {axis}");
        return Err(infer::wrong(Kind::Shape, wanted, format_args!("{} of {}", segments.len(), x.spec()?)));
    }
    let over = |x: Expr<'b>, axis: usize, keepdims: bool| {
        b.apply(reduce, Attrs::new().with("axes", vec![axis as i64]).with("keepdims", keepdims), &[x])
    };
    let mut dims = x.dims()?;
    let length = segments[0].1 - segments[0].0;
    let is_even = segments.iter().enumerate().all(|(i, &s)| s == (i as i64 * length, (i as i64 + 1) * length));
    if is_even && dims[axis] == Dim::from(length * segments.len() as i64) {
        dims[axis] = Dim::from(segments.len());
        dims.insert(axis + 1, length.into());
        return Ok(over(x.reshape(&dims), axis + 1, false));
    }
    let mut parts = Vec::new();
    for &(begin, end) in segments {
        parts.push(over(x.narrow(axis, &begin.into(), &(end - begin).into())?, axis, true));
    }
    Ok(b.concat(&parts, axis))
}

/// The places where an axis is cut into `floor(length / ratio)` parts of about `ratio` elements.
fn cuts(attrs: &Attrs, x: &TensorSpec, ratio: f64, axis: usize) -> Result<Vec<i64>> {
    let length = known(&x.dims[axis], axis)?;
    let count = (length as f64 / ratio).floor();
    if !(ratio >= 1.0 && count >= 1.0) {
        let wanted = format!("a ratio of at least 1 that leaves axis {axis} of length {length} an element");
        return Err(infer::wrong(Kind::Value, wanted, ratio));
    }
    let count = count as i64;
    check_parts(count, axis, x)?;
    let mut state = attrs.int("seed").unwrap_or(0) as u64 ^ (axis as u64) << 32;
    if attrs.bool("pseudo_random") {
        // Graham's: the ceilings of an arithmetic sequence from a random start below 1.
        let step = length as f64 / count as f64;
        let start = (split_mix(&mut state) >> 11) as f64 / (1u64 << 53) as f64;
        let at = |i: i64| ((step * (i as f64 + start)).floor() as i64 - (step * start).floor() as i64).clamp(0, length);
        return Ok((0..=count).map(|i| if i == count { length } else { at(i) }).collect());
    }
    // Lengths of two kinds, shuffled (Fisher and Yates).
    let (short, long) = (length / count, length % count);
    let mut lengths: Vec<i64> = (0..count).map(|i| short + i64::from(i < long)).collect();
    for i in (1..lengths.len()).rev() {
        lengths.swap(i, (split_mix(&mut state) % (i as u64 + 1)) as usize);
    }
    let mut at = 0;
    let ends = lengths.iter().map(|length| {
        at += length;
        at
    });
    Ok(std::iter::once(0).chain(ends).collect())
}

/// The next word of SplitMix64 (Steele and others, 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
