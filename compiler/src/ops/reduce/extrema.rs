//! Greatest and least elements.

use super::{AXES, axes_of, evaluate, spec};
use crate::ops::entry::*;
use crate::ops::indexing::segment::{greatest_int, least_int};

macro_rules! extremum {
    ($($static:ident $name:literal $doc:literal $kind:ident, $float:expr, $int:expr, $none:path;)*) => {$(
        #[doc = $doc]
        pub static $static: OpDef = OpDef {
            name: $name,
            doc: $doc,
            attrs: AXES,
            spec: |c| spec(c, Class::Number),
            grad: rule!(v => {
                // Shared equally among equals.
                let (axes, plain) = axes_of(v.b.attrs(), v.x())?;
                let dims = v.x().dims()?;
                let chosen = v.x().eq(v.y().spread(&axes, &dims)).cast(v.x().dtype());
                let count = chosen.sum_keep(&plain);
                let share = v.g().reshape(&infer::reduced(&dims, &axes, true)) / count;
                Ok(vec![Some(chosen * share)])
            }),
            lower: Lower::Reduction(ReduceKind::$kind),
            eval: |c| {
                let int: fn(&[i128]) -> Option<i128> = $int;
                let of_none = $none(c.inputs[0].dtype());
                evaluate(c, $float, |x| int(x).unwrap_or(of_none))
            },
            ..BASE
        };
    )*};
}

extremum! {
    REDUCE_MAX "reduce_max" "The greatest element over `axes`; NaN if any is. Of none: negative infinity, or the least integer." Max,
        |x| x.iter().fold(f64::NEG_INFINITY, |a, &v| if a.is_nan() || v.is_nan() { f64::NAN } else { a.max(v) }),
        |x| x.iter().copied().max(), least_int;
    REDUCE_MIN "reduce_min" "The least element over `axes`; NaN if any is. Of none: infinity, or the greatest integer." Min,
        |x| x.iter().fold(f64::INFINITY, |a, &v| if a.is_nan() || v.is_nan() { f64::NAN } else { a.min(v) }),
        |x| x.iter().copied().min(), greatest_int;
}

composite! {
    /// The range of elements.
    PTP, (b, x) => {
        let [greatest, least] = [&REDUCE_MAX, &REDUCE_MIN].map(|op| b.apply(op, b.attrs().clone(), &[x[0]]));
        Ok(vec![greatest - least])
    },
    name: "ptp",
    doc: "The difference of the greatest and the least element over `axes`; NaN if any is.",
    attrs: AXES,
}
