//! Reductions of the elements that are numbers: those that are NaN do not count.

use super::axes_of;
use super::stats::{AXES_AND_DDOF, over_axes};
use super::{AXES, arg_extrema, extrema, sum};
use crate::ops::entry::*;

composite! {
    /// The sum of numbers.
    NANSUM, (b, x) => Ok(vec![over_axes(b, x[0].eq(x[0]).choose(x[0], 0.0))]),
    name: "nansum",
    doc: "The sum over `axes` of the elements that are not NaN.",
    attrs: AXES,
}

composite! {
    /// The mean of numbers.
    NANMEAN, (b, x) => {
        let dtype = x[0].spec()?.dtype;
        Class::Float.check(&x[0].spec()?)?;
        let is_number = x[0].eq(x[0]);
        Ok(vec![over_axes(b, is_number.choose(x[0], 0.0)) / over_axes(b, is_number.cast(dtype))])
    },
    name: "nanmean",
    doc: "The mean over `axes` of the elements that are not NaN; NaN if there are none.",
    attrs: AXES,
}

composite! {
    /// The product of numbers.
    NANPROD, (b, x) => {
        let numbers = is_number(x[0]).choose(x[0], 1.0);
        Ok(vec![b.apply(&sum::REDUCE_PROD, b.attrs().clone(), &[numbers])])
    },
    name: "nanprod",
    doc: "The product over `axes` of the elements that are not NaN.",
    attrs: AXES,
}

macro_rules! extremum {
    ($($static:ident $name:literal $doc:literal $of:ident $neutral:ident;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, x) => {
                let spec = x[0].spec()?;
                Class::Number.check(&spec)?;
                if !spec.dtype.is_float() {
                    return Ok(vec![b.apply(&extrema::$of, b.attrs().clone(), x)]);
                }
                let numbers = is_number(x[0]).choose(x[0], f64::$neutral);
                let found = b.apply(&extrema::$of, b.attrs().clone(), &[numbers]);
                let is_any = b.apply(&super::logic::REDUCE_ANY, b.attrs().clone(), &[is_number(x[0])]);
                Ok(vec![is_any.choose(found, f64::NAN)])
            },
            name: $name,
            doc: $doc,
            attrs: AXES,
        }
    )*};
}

extremum! {
    NANMAX "nanmax" "The greatest over `axes` of the elements that are not NaN; NaN if there are none." REDUCE_MAX NEG_INFINITY;
    NANMIN "nanmin" "The least over `axes` of the elements that are not NaN; NaN if there are none." REDUCE_MIN INFINITY;
}

macro_rules! arg_extremum {
    ($($static:ident $name:literal $doc:literal $of:ident $extremum:ident $neutral:ident;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, x) => {
                let spec = x[0].spec()?;
                Class::Number.check(&spec)?;
                let place = |x| b.apply(&arg_extrema::$of, b.attrs().clone(), &[x]);
                if !spec.dtype.is_float() {
                    return Ok(vec![place(x[0])]);
                }
                let axis = infer::axis(b.attrs(), 0, spec.rank())?;
                let numbers = is_number(x[0]).choose(x[0], f64::$neutral);
                // If no number is better than what stands for NaN, all are that, and the first number is the place.
                let best = b.apply(&extrema::$extremum, Attrs::new().with("axes", vec![axis as i64]), &[numbers]);
                let first = b.apply(&arg_extrema::ARGMAX, b.attrs().clone(), &[is_number(x[0])]);
                let found = best.eq(f64::$neutral).choose(first, place(numbers));
                let any = Attrs::new().with("axes", vec![axis as i64]);
                let is_any = b.apply(&super::logic::REDUCE_ANY, any, &[is_number(x[0])]);
                Ok(vec![is_any.choose(found, -1.0)])
            },
            name: $name,
            doc: $doc,
            attrs: &[optional("axis", AttrKind::Int), optional("dtype", AttrKind::DType)],
            grad: DISCRETE,
        }
    )*};
}

arg_extremum! {
    NANARGMAX "nanargmax" "As `argmax`, of the elements that are not NaN; -1 if there are none." ARGMAX REDUCE_MAX NEG_INFINITY;
    NANARGMIN "nanargmin" "As `argmin`, of the elements that are not NaN; -1 if there are none." ARGMIN REDUCE_MIN INFINITY;
}

composite! {
    /// The mean square distance of numbers from their mean.
    NANVAR, (b, x) => Ok(vec![variance(b, x[0])?]),
    name: "nanvar",
    doc: "The sum over `axes` of `(x - mean)^2` of the elements that are not NaN, divided by their number minus `ddof` \
          (default 0); NaN if that is not positive.",
    attrs: AXES_AND_DDOF,
}

composite! {
    /// The root of the variance of numbers.
    NANSTD, (b, x) => Ok(vec![variance(b, x[0])?.sqrt()]),
    name: "nanstd",
    doc: "The square root of `nanvar` with the same attributes.",
    attrs: AXES_AND_DDOF,
}

fn variance<'b>(b: build::Builder<'b>, x: Expr<'b>) -> Result<Expr<'b>> {
    let dtype = x.spec()?.dtype;
    Class::Float.check(&x.spec()?)?;
    let (_, axes) = axes_of(b.attrs(), x)?;
    let (is_number, ones) = (is_number(x), is_number(x).cast(dtype));
    let mean = is_number.choose(x, 0.0).sum_keep(&axes) / ones.sum_keep(&axes);
    let square = is_number.choose(x - mean, 0.0).square();
    let divisor = over_axes(b, ones) - b.attrs().float("ddof").unwrap_or(0.0);
    Ok(divisor.gt(0.0).choose(over_axes(b, square) / divisor, f64::NAN))
}

fn is_number(x: Expr<'_>) -> Expr<'_> {
    x.eq(x)
}
