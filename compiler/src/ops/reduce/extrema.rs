//! Greatest and least elements.

use super::{AXES, axes_of, evaluate, spec};
use crate::ops::entry::*;

macro_rules! extremum {
    ($($static:ident $name:literal $doc:literal $kind:ident, $float:expr, $int:expr;)*) => {$(
        #[doc = $doc]
        pub static $static: OpDef = OpDef {
            name: $name,
            doc: $doc,
            attrs: AXES,
            spec: |c| {
                let specs = spec(c, Class::Number)?;
                let axes = infer::axes(c.attrs, c.inputs[0].rank())?;
                let empty = axes.iter().find(|&&i| c.inputs[0].dims[i] == Dim::ZERO);
                match empty {
                    Some(axis) if specs[0].numel() != Dim::ZERO => {
                        Err(infer::wrong(Kind::Shape, "at least one element", format_args!("axis {axis} of length 0")))
                    }
                    _ => Ok(specs),
                }
            },
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
                // A size known only at run time may be 0 here.
                if super::groups(c, |a| vec![(); a.len()])?.iter().any(Vec::is_empty) {
                    return Err(infer::wrong(Kind::Shape, "at least one element", "an empty axis"));
                }
                evaluate(c, $float, $int)
            },
            ..BASE
        };
    )*};
}

extremum! {
    REDUCE_MAX "reduce_max" "The greatest element over `axes`; NaN if any is. An empty axis is an error." Max,
        |x| x.iter().fold(f64::NEG_INFINITY, |a, &v| if a.is_nan() || v.is_nan() { f64::NAN } else { a.max(v) }),
        |x| x.iter().copied().max().unwrap_or(0);
    REDUCE_MIN "reduce_min" "The least element over `axes`; NaN if any is. An empty axis is an error." Min,
        |x| x.iter().fold(f64::INFINITY, |a, &v| if a.is_nan() || v.is_nan() { f64::NAN } else { a.min(v) }),
        |x| x.iter().copied().min().unwrap_or(0);
}
