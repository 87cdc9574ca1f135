//! Histograms of parts of equal width.

use crate::ops::entry::*;
use crate::ops::indexing::search::{Expects, SEARCHSORTED, expected};
use crate::ops::reduce::cumulative::DIFF;

composite! {
    /// How many numbers are in each part of a range.
    HISTOGRAM_FIXED_WIDTH, (b, x) => {
        let (dtype, place) = (dtype(b)?, places(b, x[0].flat()?, x[1])?);
        let counts = place.eq(place).cast(dtype);
        let attrs = Attrs::new().with("dims", vec![Dim::from(bins(b)?)]);
        Ok(vec![b.apply(&crate::ops::SCATTER_ADD, attrs, &[counts, place.cast(DType::I64)])])
    },
    name: "histogram_fixed_width",
    doc: "The number of elements in each of `nbins` (default 100) equal parts of `value_range`, as `dtype` (i32 or \
          i64, default i32). What is outside counts for the first or the last; NaN counts for none. A range whose \
          lower end is not below the upper one is an error.",
    inputs: Operands::Named(&["values", "value_range"]),
    attrs: ATTRS,
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/convert.rs"),
}

composite! {
    /// In which part of a range each number is.
    HISTOGRAM_FIXED_WIDTH_BINS, (b, x) => {
        let dtype = dtype(b)?;
        Ok(vec![places(b, x[0], x[1])?.cast(dtype)])
    },
    name: "histogram_fixed_width_bins",
    doc: "The number of the part of `histogram_fixed_width` that each element is in; NaN is in the first.",
    inputs: Operands::Named(&["values", "value_range"]),
    attrs: ATTRS,
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/convert.rs"),
}

composite! {
    /// How many numbers are in each part of a range, and where the parts end.
    HISTOGRAM, (b, x) => {
        let dtype = x[0].spec()?.dtype;
        Class::Float.check(&x[0].spec()?)?;
        let bins = match b.attrs().int("bins").unwrap_or(10) {
            bins @ 1..=MOST_BINS => bins,
            bins => return Err(infer::wrong(Kind::Value, format_args!("`bins` between 1 and {MOST_BINS}"), bins)),
        };
        let values = x[0].flat()?;
        let (low, high) = range(b, values)?;
        let place = b.iota(&[Dim::from(bins + 1)], 0, dtype);
        let inner = place * ((high - low) / bins as f64) + low;
        let edges = place.eq(bins as f64).choose(high, inner);
        // The last part has its end, what is outside a place of its own behind all.
        let right = Attrs::new().with("right", true).with("dtype", DType::I64);
        let found = b.apply(&SEARCHSORTED, right, &[edges, values]) - 1.0;
        let found = found.lt(0.0).choose(b.scalar(bins as f64, DType::I64), found.min(bins as f64));
        let found = values.eq(high).choose(b.scalar((bins - 1) as f64, DType::I64), found);
        let ones = b.scalar(1.0, DType::I64).broadcast_to(&values.dims()?);
        let attrs = Attrs::new().with("dims", vec![Dim::from(bins + 1)]);
        let counts = b.apply(&crate::ops::SCATTER_ADD, attrs, &[ones, found]).narrow(0, &Dim::ZERO, &Dim::from(bins))?;
        if !b.attrs().bool("density") {
            return Ok(vec![counts, edges]);
        }
        let widths = b.apply(&DIFF, Attrs::new(), &[edges]);
        Ok(vec![counts.cast(dtype) / (counts.sum(&[0]).cast(dtype) * widths), edges])
    },
    name: "histogram",
    doc: "The number of elements (i64) in each of `bins` (default 10) equal parts between `low` and `high`, by default the least \
          and the greatest element, and the `bins + 1` ends of the parts. A part has its lower end, the last one both; what \
          is outside, and NaN, counts for none. A range without width is widened by 0.5 to both sides, and that of no \
          elements is 0 to 1. With `density` the counts are divided by their sum and the parts' widths.",
    attrs: &[
        optional("bins", AttrKind::Int),
        optional("low", AttrKind::Float),
        optional("high", AttrKind::Float),
        optional("density", AttrKind::Bool),
    ],
    domain: Domain::Special("tests/ops/statistics.rs"),
}

/// The most parts of a histogram.
const MOST_BINS: i64 = 1 << 30;

/// The ends of the range of a histogram.
fn range<'b>(b: build::Builder<'b>, values: Expr<'b>) -> Result<(Expr<'b>, Expr<'b>)> {
    let [low, high] = ["low", "high"].map(|name| b.attrs().float(name));
    if let (Some(low), Some(high)) = (low, high) {
        if !(low <= high && (high - low).is_finite()) {
            return Err(infer::wrong(
                Kind::Value,
                "a finite `low` and a `high` that is not less",
                format_args!("{low} and {high}"),
            ));
        }
        let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
        return Ok((b.scalar(low, values.dtype()), b.scalar(high, values.dtype())));
    }
    if low.is_some() || high.is_some() {
        return Err(infer::wrong(Kind::Value, "both of `low` and `high`, or none", "one"));
    }
    let [low, high] = [&crate::ops::REDUCE_MIN, &crate::ops::REDUCE_MAX].map(|op| b.apply(op, Attrs::new(), &[values]));
    // Of no elements the least is more than the greatest.
    let is_empty = low.gt(high);
    let margin = low.eq(high).choose(b.scalar(0.5, values.dtype()), 0.0);
    Ok((
        is_empty.choose(b.scalar(0.0, values.dtype()), low - margin),
        is_empty.choose(b.scalar(1.0, values.dtype()), high + margin),
    ))
}

const ATTRS: &[AttrDef] = &[optional("nbins", AttrKind::Int), optional("dtype", AttrKind::DType)];

/// Attribute `nbins`.
fn bins(b: build::Builder<'_>) -> Result<i64> {
    match b.attrs().int("nbins").unwrap_or(100) {
        bins if bins >= 1 => Ok(bins),
        bins => Err(infer::wrong(Kind::Value, "`nbins` of at least 1", bins)),
    }
}

fn dtype(b: build::Builder<'_>) -> Result<DType> {
    match b.attrs().dtype("dtype").unwrap_or(DType::I32) {
        dtype @ (DType::I32 | DType::I64) => Ok(dtype),
        other => Err(infer::wrong(Kind::DType, "`dtype` i32 or i64", other)),
    }
}

/// The part of each number, as a float.
fn places<'b>(b: build::Builder<'b>, values: Expr<'b>, range: Expr<'b>) -> Result<Expr<'b>> {
    Class::Float.check(&values.spec()?)?;
    if range.dims()?[..] != [Dim::from(2i64)] {
        return Err(infer::wrong(Kind::Shape, "a range of two numbers", range.spec()?));
    }
    let bins = bins(b)? as f64;
    let end = |k: i64| -> Result<Expr<'_>> { Ok(range.narrow(0, &Dim::from(k), &Dim::ONE)?.reshape(&[])) };
    let (low, high) = (end(0)?, end(1)?);
    let low = expected(b, Expects::HistogramRange, low, low.lt(high).and((high - low).is_finite()))?;
    Ok(((values - low) / (high - low) * bins).floor().max(0.0).min(bins - 1.0))
}
