//! Histograms of parts of equal width.

use crate::ops::entry::*;
use crate::ops::indexing::search::{Expects, expected};

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
