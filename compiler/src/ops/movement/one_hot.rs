//! Tensors made of indices: one-hot rows, ranges, evenly spaced values, the identity matrix, triangles.

use crate::ops::entry::*;

composite! {
    /// Rows that are on at one place.
    ONE_HOT, (b, x) => {
        let spec = x[0].spec()?;
        Class::Int.check(&spec)?;
        let depth = b.attrs().int("depth").unwrap_or(0);
        if depth < 0 {
            return Err(infer::wrong(Kind::Value, "a depth of at least 0", depth));
        }
        let axis = infer::axis(b.attrs(), -1, spec.rank() + 1)?;
        let dtype = b.attrs().dtype("dtype").unwrap_or(DType::F32);
        let value = |name, default| b.scalar(b.attrs().float(name).unwrap_or(default), dtype);
        let mut classes = vec![Dim::ONE; spec.rank() + 1];
        classes[axis] = depth.into();
        let index = index_of_class(x[0]);
        let is_on = index.unsqueeze(axis)?.eq(b.iota(&classes, axis, index.dtype()));
        Ok(vec![b.select(is_on, value("on_value", 1.0), value("off_value", 0.0))])
    },
    name: "one_hot",
    doc: "A new axis of length `depth` at `axis` (default -1), `on_value` (default 1) at the index and `off_value` \
          (default 0) elsewhere, as `dtype` (default f32). An index out of range is off everywhere.",
    inputs: Operands::Named(&["indices"]),
    attrs: &[
        required("depth", AttrKind::Int),
        optional("axis", AttrKind::Int),
        optional("on_value", AttrKind::Float),
        optional("off_value", AttrKind::Float),
        optional("dtype", AttrKind::DType),
    ],
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/indexing.rs"),
}

composite! {
    /// From, to, in steps.
    RANGE, (b, _) => {
        let number = |name, default| b.attrs().float(name).unwrap_or(default);
        let (start, limit, delta) = (number("start", 0.0), number("limit", 0.0), number("delta", 1.0));
        let dtype = b.attrs().dtype("dtype").unwrap_or(DType::F32);
        let count = ((limit - start) / delta).ceil();
        if delta == 0.0 || !count.is_finite() || count > i64::MAX as f64 / 16.0 {
            let found = format!("start {start}, limit {limit}, delta {delta}");
            return Err(infer::wrong(Kind::Value, "a finite number of steps that are not 0", found));
        }
        let index = b.iota(&[Dim::from(count.max(0.0) as i64)], 0, dtype);
        Ok(vec![index * delta + b.scalar(start, dtype)])
    },
    name: "range",
    doc: "`start`, `start + delta`, … below `limit` (above, if `delta` is negative), as `dtype` (default f32).",
    inputs: NOTHING,
    attrs: &[
        required("start", AttrKind::Float),
        required("limit", AttrKind::Float),
        optional("delta", AttrKind::Float),
        optional("dtype", AttrKind::DType),
    ],
    domain: Domain::Special("tests/ops/indexing.rs"),
}

composite! {
    /// Evenly spaced.
    LINSPACE, (b, _) => {
        let number = |name| b.attrs().float(name).unwrap_or(0.0);
        let (start, stop, num) = (number("start"), number("stop"), b.attrs().int("num").unwrap_or(0));
        let dtype = b.attrs().dtype("dtype").unwrap_or(DType::F32);
        Class::Float.check(&TensorSpec::scalar(dtype))?;
        let least = i64::from(!b.attrs().bool("may_be_empty"));
        if num < least {
            return Err(infer::wrong(Kind::Value, format_args!("`num` of at least {least}"), num));
        }
        let index = b.iota(&[Dim::from(num)], 0, dtype);
        let step = if num > 1 { (stop - start) / (num - 1) as f64 } else { 0.0 };
        let inner = index * step + b.scalar(start, dtype);
        // The last one is the bound itself, not rounded.
        let last = if num > 1 { stop } else { start };
        Ok(vec![b.select(index.eq((num - 1) as f64), b.scalar(last, dtype), inner)])
    },
    name: "linspace",
    doc: "`num` evenly spaced values from `start` to `stop`, both included, as `dtype` (default f32). `num` is at least 1, or \
          as in NumPy at least 0 if `may_be_empty`.",
    inputs: NOTHING,
    attrs: &[
        required("start", AttrKind::Float),
        required("stop", AttrKind::Float),
        required("num", AttrKind::Int),
        optional("dtype", AttrKind::DType),
        optional("may_be_empty", AttrKind::Bool),
    ],
    domain: Domain::Special("tests/ops/indexing.rs"),
}

macro_rules! spaced_by_factor {
    ($($static:ident $name:literal $doc:literal [$($own:expr),*] |$b:ident, $exponent:ident| $values:expr;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, _) => {
                let num = b.attrs().int("num").unwrap_or(0);
                let dtype = b.attrs().dtype("dtype").unwrap_or(DType::F32);
                Class::Float.check(&TensorSpec::scalar(dtype))?;
                if num < 0 {
                    return Err(infer::wrong(Kind::Value, "`num` of at least 0", num));
                }
                let values: for<'b> fn(build::Builder<'b>, &Spaced<'b>) -> Result<Expr<'b>> = |$b, $exponent| $values;
                Ok(vec![values(b, &Spaced::of(b, num))?.cast(dtype)])
            },
            name: $name,
            doc: $doc,
            inputs: NOTHING,
            attrs: &[
                required("start", AttrKind::Float),
                required("stop", AttrKind::Float),
                required("num", AttrKind::Int),
                $($own,)*
                optional("endpoint", AttrKind::Bool),
                optional("dtype", AttrKind::DType),
            ],
            domain: Domain::Special("tests/ops/statistics.rs"),
        }
    )*};
}

spaced_by_factor! {
    LOGSPACE "logspace" "Powers of `base` (default 10) whose `num` exponents are evenly spaced from `start` to `stop`, which is \
        left out unless `endpoint` (true by default), as `dtype` (default f32)." [optional("base", AttrKind::Float)]
        |b, spaced| {
            let base = b.scalar(b.attrs().float("base").unwrap_or(10.0), DType::F64);
            Ok(base.pow(spaced.between(spaced.start, spaced.stop)))
        };
    GEOMSPACE "geomspace" "`num` numbers from `start` to `stop`, each the same multiple of the one before; `stop` is left out \
        unless `endpoint` (true by default). As `dtype` (default f32). Both are of one sign, and not 0." []
        |b, spaced| {
            let (start, stop) = (spaced.start, spaced.stop);
            // Their product may underflow.
            if !(start.is_finite() && stop.is_finite() && start != 0.0 && stop != 0.0 && (start < 0.0) == (stop < 0.0)) {
                let found = format!("{start} and {stop}");
                return Err(infer::wrong(Kind::Value, "finite `start` and `stop` of one sign that are not 0", found));
            }
            let exponents = spaced.between(start.abs().log10(), stop.abs().log10());
            let inner = b.scalar(10.0, DType::F64).pow(exponents) * start.signum();
            Ok(spaced.with_ends(inner))
        };
}

/// Places between two numbers, in f64.
struct Spaced<'b> {
    start: f64,
    stop: f64,
    num: i64,
    includes_stop: bool,
    place: Expr<'b>,
}

impl<'b> Spaced<'b> {
    fn of(b: build::Builder<'b>, num: i64) -> Self {
        let number = |name| b.attrs().float(name).unwrap_or(0.0);
        let includes_stop = !matches!(b.attrs().get("endpoint"), Some(crate::graph::AttrValue::Bool(false)));
        let place = b.iota(&[Dim::from(num)], 0, DType::F64);
        Spaced { start: number("start"), stop: number("stop"), num, includes_stop, place }
    }

    /// Evenly spaced.
    fn between(&self, start: f64, stop: f64) -> Expr<'b> {
        let steps = if self.includes_stop { self.num - 1 } else { self.num };
        let step = if steps > 0 { (stop - start) / steps as f64 } else { 0.0 };
        let inner = self.place * step + start;
        if self.includes_stop && self.num > 1 { self.at(self.num - 1, stop, inner) } else { inner }
    }

    /// With the ends themselves, not rounded.
    fn with_ends(&self, inner: Expr<'b>) -> Expr<'b> {
        let y = self.at(0, self.start, inner);
        if self.includes_stop && self.num > 1 { self.at(self.num - 1, self.stop, y) } else { y }
    }

    fn at(&self, place: i64, value: f64, others: Expr<'b>) -> Expr<'b> {
        self.place.eq(place as f64).choose(others.b().scalar(value, DType::F64), others)
    }
}

composite! {
    /// Ones below a diagonal.
    TRI, (b, _) => {
        let (rows, k) = (b.attrs().int("n").unwrap_or(0), b.attrs().int("k").unwrap_or(0));
        let columns = b.attrs().int("m").unwrap_or(rows);
        if rows < 0 || columns < 0 {
            return Err(infer::wrong(Kind::Value, "`n` and `m` of at least 0", format_args!("{rows} and {columns}")));
        }
        let dims = [Dim::from(rows), Dim::from(columns)];
        let is_below = (coordinate(b, &dims, 1) - coordinate(b, &dims, 2)).le(k as f64);
        Ok(vec![is_below.cast(b.attrs().dtype("dtype").unwrap_or(DType::F32))])
    },
    name: "tri",
    doc: "A matrix of `n` rows and `m` columns (default `n`) with ones on diagonal `k` (default 0; above the main one if \
          positive) and below it, zeros above, as `dtype` (default f32).",
    inputs: NOTHING,
    attrs: &[
        required("n", AttrKind::Int),
        optional("m", AttrKind::Int),
        optional("k", AttrKind::Int),
        optional("dtype", AttrKind::DType),
    ],
    domain: Domain::Special("tests/ops/statistics.rs"),
}

composite! {
    /// Ones on the diagonal.
    EYE, (b, _) => {
        let dims = infer::lengths(b.attrs())?;
        if dims.len() < 2 {
            return Err(infer::wrong(Kind::Shape, "a rank of at least 2", infer::shape(&dims)));
        }
        let dtype = b.attrs().dtype("dtype").unwrap_or(DType::F32);
        let diagonal = coordinate(b, &dims, 2).eq(coordinate(b, &dims, 1));
        Ok(vec![diagonal.cast(dtype).broadcast_to(&dims)])
    },
    name: "eye",
    doc: "Matrices of shape `dims` with ones on the diagonal, as `dtype` (default f32).",
    inputs: NOTHING,
    attrs: &[required("dims", AttrKind::Dims), optional("dtype", AttrKind::DType)],
    domain: Domain::Special("tests/ops/indexing.rs"),
}

composite! {
    /// The part around the diagonal.
    BAND_PART, (b, x) => {
        let dims = x[0].dims()?;
        if dims.len() < 2 {
            return Err(infer::wrong(Kind::Shape, "a rank of at least 2", x[0].spec()?));
        }
        let (row, column) = (coordinate(b, &dims, 2), coordinate(b, &dims, 1));
        let mut kept = None;
        for (name, distance, back) in [("lower", row - column, 2), ("upper", column - row, 1)] {
            if let Some(width) = b.attrs().int(name).filter(|&w| w >= 0) {
                let length = &dims[dims.len() - back];
                if length.as_const().is_some_and(|length| width > length) {
                    let wanted = format!("`{name}` of at most {length}");
                    return Err(infer::wrong(Kind::Value, wanted, format_args!("{width} for {}", x[0].spec()?)));
                }
                let near = distance.le(width as f64);
                kept = Some(kept.map_or(near, |other: Expr<'_>| other.and(near)));
            }
        }
        let zero = b.scalar(0.0, x[0].dtype());
        Ok(vec![kept.map_or(x[0], |kept| b.select(kept, x[0], zero))])
    },
    name: "band_part",
    doc: "Matrices with zeros more than `lower` below or `upper` above the diagonal; a negative or absent width keeps \
          that side.",
    attrs: &[optional("lower", AttrKind::Int), optional("upper", AttrKind::Int)],
    domain: Domain::Special("tests/ops/indexing.rs"),
}

macro_rules! triangle {
    ($($static:ident $name:literal $side:literal $keep:ident;)*) => {$(
        composite! {
            #[doc = concat!("The ", $side, " triangle.")]
            $static, (b, x) => {
                let dims = x[0].dims()?;
                if dims.len() < 2 {
                    return Err(infer::wrong(Kind::Shape, "a rank of at least 2", x[0].spec()?));
                }
                let distance = coordinate(b, &dims, 1) - coordinate(b, &dims, 2);
                let kept = distance.$keep(b.attrs().int("k").unwrap_or(0) as f64);
                Ok(vec![kept.choose(x[0], 0.0)])
            },
            name: $name,
            doc: concat!("Matrices with zeros but for diagonal `k` (default 0; above the main one if positive) and what lies on its ",
                $side, " side."),
            attrs: &[optional("k", AttrKind::Int)],
            domain: Domain::Special("tests/ops/axes.rs"),
        }
    )*};
}

triangle! {
    TRIL "tril" "lower" le;
    TRIU "triu" "upper" ge;
}

/// Integers in a dtype in which class numbers can be compared: i32 or i64, so that none is cut off.
pub(in crate::ops) fn index_of_class(labels: Expr<'_>) -> Expr<'_> {
    match labels.dtype() {
        DType::I64 | DType::U64 | DType::U32 => labels.cast(DType::I64),
        _ => labels.cast(DType::I32),
    }
}

/// Element index along the axis `from_end` from the end, with length 1 along the others.
fn coordinate<'b>(b: build::Builder<'b>, dims: &[Dim], from_end: usize) -> Expr<'b> {
    let mut shape = vec![Dim::ONE; from_end];
    shape[0] = dims[dims.len() - from_end].clone();
    b.iota(&shape, 0, DType::I64)
}
