//! Quantiles: elements at a share of the way through the order.

use super::{AXES, axes_of};
use crate::base::spec::Dims;
use crate::ops::entry::*;
use crate::ops::indexing::scatter::Place;
use crate::ops::movement::{gather::TAKE_ALONG_AXIS, sort::SORT};

macro_rules! medians {
    ($($static:ident $name:literal $doc:literal $ignores_nan:literal;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, x) => {
                let order = Order::of(b, x[0], $ignores_nan)?;
                let middle = order.last() * 0.5;
                let (below, above) = (order.at(middle.floor())?, order.at(ceil(middle))?);
                Ok(vec![order.finish(below * 0.5 + above * 0.5)?])
            },
            name: $name,
            doc: $doc,
            attrs: AXES,
        }
    )*};
}

medians! {
    MEDIAN "median" "The middle element in order over `axes`, or the mean of the two in the middle; NaN if any is, or if \
        there are none." false;
    NANMEDIAN "nanmedian" "As `median`, of the elements that are not NaN." true;
}

macro_rules! quantiles {
    ($($static:ident $name:literal $whole:literal $ignores_nan:literal $doc:literal;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, x) => {
                let q = b.attrs().float("q").unwrap_or(0.0);
                if !(0.0..=$whole).contains(&q) {
                    return Err(infer::wrong(Kind::Value, format_args!("`q` between 0 and {}", $whole), q));
                }
                let order = Order::of(b, x[0], $ignores_nan)?;
                Ok(vec![order.finish(order.quantile(q / $whole)?)?])
            },
            name: $name,
            doc: $doc,
            attrs: &[required("q", AttrKind::Float), AXES[0], AXES[1], optional("method", AttrKind::Str)],
            domain: Domain::Special("tests/ops/quantile.rs"),
        }
    )*};
}

quantiles! {
    QUANTILE "quantile" 1.0 false "The element over `axes` that has the share `q` of the others before it in order; NaN if any \
        is, or if there are none. What falls between two elements is by `method` interpolated (\"linear\", the default), \
        their mean (\"midpoint\"), or the \"lower\", the \"higher\" or the \"nearest\" of them, the even place if both are.";
    PERCENTILE "percentile" 100.0 false "As `quantile`, with `q` in percent.";
    NANQUANTILE "nanquantile" 1.0 true "As `quantile`, of the elements that are not NaN.";
    NANPERCENTILE "nanpercentile" 100.0 true "As `nanquantile`, with `q` in percent.";
}

/// Elements in order along the last axis, which the reduced axes have become.
struct Order<'b> {
    sorted: Expr<'b>,
    /// How many of them count, at least 1 (f64): of all rows, or for each.
    count: Expr<'b>,
    /// Whether those that are NaN do not.
    ignores_nan: bool,
    /// The result's shape.
    dims: Dims,
}

impl<'b> Order<'b> {
    fn of(b: build::Builder<'b>, x: Expr<'b>, ignores_nan: bool) -> Result<Self> {
        Class::Float.check(&x.spec()?)?;
        let (axes, _) = axes_of(b.attrs(), x)?;
        let dims = x.dims()?;
        let kept: Vec<usize> = (0..dims.len()).filter(|i| !axes.contains(i)).collect();
        let perm: Vec<usize> = kept.iter().chain(&axes).copied().collect();
        let length = axes.iter().map(|&i| &dims[i]).product::<Dim>();
        let mut rows: Vec<Dim> = kept.iter().map(|&i| dims[i].clone()).collect();
        rows.push(length.clone());
        let mut rows_of_x = x.transpose(&perm).reshape(&rows);
        let last = kept.len();
        let count = match ignores_nan {
            true => rows_of_x.eq(rows_of_x).cast(DType::F64).sum_keep(&[last as i64]),
            false => b.size(&length, DType::F64),
        };
        if !infer::nonnegative(&(length - Dim::ONE)) {
            // There may be no element: then this one is, behind all others.
            rows[last] = Dim::ONE;
            let none = b.scalar(f64::NAN, x.dtype()).broadcast_to(&rows);
            rows_of_x = b.concat(&[rows_of_x, none], last);
        }
        let sorted = b.apply(&SORT, Attrs::new().with("axis", last as i64), &[rows_of_x]);
        let dims = infer::reduced(&dims, &axes, b.attrs().bool("keepdims"));
        Ok(Order { sorted, count: count.max(1.0), ignores_nan, dims })
    }

    /// The last place that counts.
    fn last(&self) -> Expr<'b> {
        self.count - 1.0
    }

    /// The elements at a place, of the result's shape.
    fn at(&self, place: Expr<'b>) -> Result<Expr<'b>> {
        let (place, axis) = (place.cast(DType::I64), self.sorted.rank()? as i64 - 1);
        let found = match self.ignores_nan {
            true => place.b().apply(&TAKE_ALONG_AXIS, Attrs::new().with("axis", axis), &[self.sorted, place]),
            false => Place { axis, batch_dims: 0 }.gather(self.sorted, place),
        };
        Ok(found.reshape(&self.dims))
    }

    fn quantile(&self, q: f64) -> Result<Expr<'b>> {
        let b = self.sorted.b();
        let place = self.last() * q;
        let (below, above) = (place.floor(), ceil(place));
        let share = match b.attrs().str("method").unwrap_or("linear") {
            "linear" => place - below,
            "midpoint" => (above - below) * 0.5,
            "lower" => return self.at(below),
            "higher" => return self.at(above),
            "nearest" => return self.at(b.apply(&crate::ops::ROUND, Attrs::new(), &[place])),
            other => {
                let wanted = "`method` linear, midpoint, lower, higher or nearest";
                return Err(infer::wrong(Kind::Value, wanted, format_args!("{other:?}")));
            }
        };
        let (low, high) = (self.at(below)?, self.at(above)?);
        let share = match self.ignores_nan {
            true => share.cast(low.dtype()).reshape(&self.dims),
            false => share.cast(low.dtype()),
        };
        // From the nearer end, so that both are met exactly; between equal infinities there is no distance.
        let distance = high - low;
        let between = share.lt(0.5).choose(low + distance * share, high - distance * (1.0 - share));
        let is_exact = share.eq(0.0).or(low.eq(high).and(low.abs().eq(f64::INFINITY)));
        Ok(is_exact.choose(low, between))
    }

    /// The result: NaN where an element is that counts.
    fn finish(&self, result: Expr<'b>) -> Result<Expr<'b>> {
        if self.ignores_nan {
            return Ok(result);
        }
        let last = self.at(self.last())?;
        Ok(last.eq(last).choose(result, last))
    }
}

fn ceil(x: Expr<'_>) -> Expr<'_> {
    x.b().apply(&crate::ops::CEIL, Attrs::new(), &[x])
}
