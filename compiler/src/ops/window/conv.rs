//! Convolutions as users call them: over one to three axes, by channel, separable.

use super::convolution::{CONVOLUTION, groups};
use super::{DATA_FORMAT, Window, axes_of, channels_last, result_dims};
use crate::ops::entry::*;

const X_FILTERS: Operands = Operands::Named(&["x", "filters"]);
const STRIDES: AttrDef = required("strides", AttrKind::Ints);
const PADDING: AttrDef = required("padding", AttrKind::Padding);
const DILATIONS: AttrDef = optional("dilations", AttrKind::Ints);

macro_rules! convolutions {
    ($($static:ident $name:literal $axes:literal $what:literal;)*) => {$(
        composite! {
            #[doc = concat!("Windows of ", $what, " times filters.")]
            $static, (b, x) => {
                channels_last(x[0], |y| Ok(vec![convolve(b, y, x[1], Some($axes), b.attrs().int("groups"))?]))
            },
            name: $name,
            doc: concat!(
                "Windows of `x` ", $what, " times `filters` `[taps.., channels of a group, results]`: the products' \
                 sums. `padding` is `\"VALID\"`, `\"SAME\"` or [before, after] for each axis (over one axis also \
                 `\"CAUSAL\"`). Fewer channels in the filters than in `x` make `groups`, each with its part of the \
                 results. With `data_format` \"NCHW\" (or NCW, NCDHW) channels come after the batch, here and there."
            ),
            inputs: X_FILTERS,
            attrs: &[STRIDES, PADDING, DILATIONS, optional("groups", AttrKind::Int), DATA_FORMAT],
            domain: Domain::Special("tests/ops/window.rs"),
        }
    )*};
}

convolutions! {
    CONV1D "conv1d" 1 "`[batch, length, channels]`";
    CONV2D "conv2d" 2 "`[batch, height, width, channels]`";
    CONV3D "conv3d" 3 "`[batch, depth, height, width, channels]`";
}

macro_rules! depthwise {
    ($($static:ident $name:literal $axes:literal;)*) => {$(
        composite! {
            /// Each channel with filters of its own.
            $static, (b, x) => channels_last(x[0], |y| {
                let filter = one_channel_each(y, x[1])?;
                Ok(vec![convolve(b, y, filter, Some($axes), None)?])
            }),
            name: $name,
            doc: "Each channel of `x` `[batch, axes.., channels]` with filters of its own, `[taps.., channels, \
                  multiplier]`: `channels * multiplier` results, those of one channel together.",
            inputs: X_FILTERS,
            attrs: &[STRIDES, PADDING, DILATIONS, DATA_FORMAT],
            domain: Domain::Special("tests/ops/window.rs"),
        }
    )*};
}

depthwise! {
    DEPTHWISE_CONV1D "depthwise_conv1d" 1;
    DEPTHWISE_CONV2D "depthwise_conv2d" 2;
}

macro_rules! separable {
    ($($static:ident $name:literal $axes:literal;)*) => {$(
        composite! {
            /// By channel first, then across channels.
            $static, (b, x) => channels_last(x[0], |y| {
                let filter = one_channel_each(y, x[1])?;
                let apart = convolve(b, y, filter, Some($axes), None)?;
                let (dims, pointwise) = (apart.dims()?, x[2].spec()?);
                let is_point = pointwise.rank() == $axes + 2
                    && pointwise.dims[..$axes].iter().all(|d| *d == Dim::ONE)
                    && pointwise.dims[$axes] == dims[$axes + 1];
                if !is_point {
                    let wanted = format!("a pointwise filter [1.., {}, results]", dims[$axes + 1]);
                    return Err(infer::wrong(Kind::Shape, wanted, pointwise));
                }
                let window = Window::new(&Attrs::new(), &pointwise.dims[..$axes])?;
                Ok(vec![placed(b, apart, x[2], &window)?])
            }),
            name: $name,
            doc: "`x` with `depthwise` filters by channel, `[taps.., channels, multiplier]`, then across channels with \
                  `pointwise` ones, `[1.., channels * multiplier, results]`.",
            inputs: Operands::Named(&["x", "depthwise", "pointwise"]),
            attrs: &[STRIDES, PADDING, DILATIONS, DATA_FORMAT],
            domain: Domain::Special("tests/ops/window.rs"),
        }
    )*};
}

separable! {
    SEPARABLE_CONV1D "separable_conv1d" 1;
    SEPARABLE_CONV2D "separable_conv2d" 2;
}

/// The convolution that the attributes describe, over `axes` axes if given; `wanted` groups if given.
fn convolve<'b>(
    b: build::Builder<'b>,
    x: Expr<'b>,
    filter: Expr<'b>,
    axes: Option<usize>,
    wanted: Option<i64>,
) -> Result<Expr<'b>> {
    let (x_spec, filter_spec) = (x.spec()?, filter.spec()?);
    let axes = axes_of(&x_spec, axes)?;
    if filter_spec.rank() != axes + 2 {
        let wanted = format!("filters [taps.., channels, results] of rank {}", axes + 2);
        return Err(infer::wrong(Kind::Shape, wanted, filter_spec));
    }
    let found = groups(&x_spec.dims[axes + 1], &filter_spec.dims[axes], &filter_spec.dims[axes + 1])?;
    if let Some(wanted) = wanted.filter(|&wanted| found != Dim::from(wanted)) {
        let received = format!(
            "groups = {wanted} and filters for {} channels of a group, x with {}",
            filter_spec.dims[axes],
            x_spec.dims[axes + 1]
        );
        return Err(infer::wrong(Kind::Shape, "as many groups as the channels make", received));
    }
    placed(b, x, filter, &Window::new(b.attrs(), &filter_spec.dims[..axes])?)
}

/// The convolution with windows laid.
pub(super) fn placed<'b>(b: build::Builder<'b>, x: Expr<'b>, filter: Expr<'b>, window: &Window) -> Result<Expr<'b>> {
    let (dims, results) = (x.dims()?, filter.dims()?[window.taps.len() + 1].clone());
    let places = window.place_all(&dims)?;
    let attrs = window.attrs(&places, result_dims(&dims, &places, results));
    Ok(b.apply(&CONVOLUTION, attrs, &[x, filter]))
}

/// A filter `[taps.., channels, multiplier]` as one of groups of one channel.
fn one_channel_each<'b>(x: Expr<'b>, filter: Expr<'b>) -> Result<Expr<'b>> {
    let (x, dims) = (x.spec()?, filter.dims()?);
    let axes = axes_of(&x, None)?;
    if dims.len() != axes + 2 || dims[axes] != x.dims[axes + 1] {
        let wanted = format!("a filter [taps.., {}, multiplier]", x.dims[axes + 1]);
        return Err(infer::wrong(Kind::Shape, wanted, filter.spec()?));
    }
    let mut flat: Vec<Dim> = dims[..axes].to_vec();
    flat.extend([Dim::ONE, dims[axes].clone() * dims[axes + 1].clone()]);
    Ok(filter.reshape(&flat))
}
