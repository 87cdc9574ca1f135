//! Greyscale morphology: the greatest of a window's elements plus a filter's, and its mirror image, the least.

use super::{Window, axes_of};
use crate::ops::entry::*;

macro_rules! morphology {
    ($($static:ident $name:literal $doc:literal $of:ident;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, x) => Ok(vec![$of(b, x[0], x[1])?]),
            name: $name,
            doc: concat!($doc, " `x` is `[batch, height, width, channels]`, `filters` `[height, width, channels]`; what lies outside \
                `x` does not count. `padding` is `\"VALID\"`, `\"SAME\"` or [before, after] for each axis."),
            inputs: Operands::Named(&["x", "filters"]),
            attrs: &[
                required("strides", AttrKind::Ints),
                required("padding", AttrKind::Padding),
                optional("dilations", AttrKind::Ints),
            ],
            domain: Domain::Special("tests/ops/window.rs"),
        }
    )*};
}

morphology! {
    DILATION2D "dilation2d" "The greatest sum of a window's element and the filter's at its place." dilated;
    EROSION2D "erosion2d" "The least difference of a window's element and the mirrored filter's at its place." eroded;
}

/// More taps than this are refused: each is a step of its own.
const MAX_TAPS: i64 = 4096;

fn eroded<'b>(b: build::Builder<'b>, x: Expr<'b>, filter: Expr<'b>) -> Result<Expr<'b>> {
    Ok(-dilated(b, -x, filter.reverse(&[0, 1]))?)
}

fn dilated<'b>(b: build::Builder<'b>, x: Expr<'b>, filter: Expr<'b>) -> Result<Expr<'b>> {
    let (spec, filter_spec) = (x.spec()?, filter.spec()?);
    axes_of(&spec, Some(2))?;
    Class::Float.check(&spec)?;
    infer::same_dtype(&[spec.clone(), filter_spec.clone()])?;
    if filter_spec.rank() != 3 || filter_spec.dims[2] != spec.dims[3] {
        let wanted = format!("filters [height, width, {}]", spec.dims[3]);
        return Err(infer::wrong(Kind::Shape, wanted, filter_spec));
    }
    let window = Window::new(b.attrs(), &filter_spec.dims[..2])?;
    let places = window.place_all(&spec.dims)?;
    let taps: Option<Vec<i64>> = window.taps.iter().map(Dim::as_const).collect();
    let taps = taps.filter(|taps| taps.iter().product::<i64>() <= MAX_TAPS);
    let taps = taps.ok_or_else(|| infer::wrong(Kind::Shape, format_args!("at most {MAX_TAPS} taps"), &filter_spec))?;
    let side = |of: fn(&super::Placed) -> Dim| vec![Dim::ZERO, of(&places[0]), of(&places[1]), Dim::ZERO];
    let least = b.scalar(f64::NEG_INFINITY, spec.dtype);
    let attrs = Attrs::new().with("before", side(|p| p.before.clone())).with("after", side(|p| p.after.clone()));
    let around = b.apply(&crate::ops::PAD, attrs, &[x, least]);
    let result = super::result_dims(&spec.dims, &places, spec.dims[3].clone());
    let strides = [1, window.strides[0], window.strides[1], 1];
    let mut greatest: Option<Expr<'b>> = None;
    for row in 0..taps[0] {
        for column in 0..taps[1] {
            let at = [row * window.dilations[0], column * window.dilations[1]];
            let begin = [Dim::ZERO, at[0].into(), at[1].into(), Dim::ZERO];
            let own = filter.narrow(0, &row.into(), &Dim::ONE)?.narrow(1, &column.into(), &Dim::ONE)?;
            let sum = around.slice(&begin, &strides, &result) + own;
            greatest = Some(greatest.map_or(sum, |greatest| greatest.max(sum)));
        }
    }
    greatest.ok_or_else(|| infer::wrong(Kind::Shape, "a filter with elements", filter_spec))
}
