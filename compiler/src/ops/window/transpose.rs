//! Transposed convolutions: the gradient of a convolution by its input, as a layer of its own.

use super::convolution::{CONV_BACKPROP_INPUT, groups};
use super::{DATA_FORMAT, LIMIT, Padding, Placed, Window, axes_of, channels_last, explicit, is_channels_first};
use crate::base::spec::Dims;
use crate::ops::entry::*;

macro_rules! transposes {
    ($($static:ident $name:literal $axes:literal;)*) => {$(
        composite! {
            #[doc = concat!("The transpose of a convolution over ", $axes, " of the axes.")]
            $static, (b, x) => channels_last(x[0], |y| Ok(vec![transposed(b, y, x[1], $axes)?])),
            name: $name,
            doc: "The transpose of a convolution: `x` `[batch, axes.., in]` spread `strides` apart through `filters` \
                  `[taps.., out of a group, in]`. `padding` is what the convolution would have put around its input, \
                  and is cut off here. An axis of length n gets `(n - 1) * stride + window - padding`; with `\"SAME\"` \
                  `n * stride`, with `\"VALID\"` at least that; `output_padding` is added, and so is a padding behind \
                  an axis that is negative. `output_shape`, with or without batch and channels, chooses another length \
                  that the convolution would bring to n. `data_format` is that of `conv2d`.",
            inputs: Operands::Named(&["x", "filters"]),
            attrs: &[
                required("strides", AttrKind::Ints),
                required("padding", AttrKind::Padding),
                optional("output_shape", AttrKind::Ints),
                optional("output_padding", AttrKind::Ints),
                optional("dilations", AttrKind::Ints),
                optional("groups", AttrKind::Int),
                DATA_FORMAT,
            ],
            domain: Domain::Special("tests/ops/window.rs"),
        }
    )*};
}

transposes! {
    CONV1D_TRANSPOSE "conv1d_transpose" 1;
    CONV2D_TRANSPOSE "conv2d_transpose" 2;
    CONV3D_TRANSPOSE "conv3d_transpose" 3;
}

fn transposed<'b>(b: build::Builder<'b>, x: Expr<'b>, filter: Expr<'b>, axes: usize) -> Result<Expr<'b>> {
    let (x_spec, filter_spec) = (x.spec()?, filter.spec()?);
    axes_of(&x_spec, Some(axes))?;
    if filter_spec.rank() != axes + 2 || filter_spec.dims[axes + 1] != x_spec.dims[axes + 1] {
        let wanted = format!("filters [taps.., out, {}] of rank {}", x_spec.dims[axes + 1], axes + 2);
        return Err(infer::wrong(Kind::Shape, wanted, filter_spec));
    }
    let count = b.attrs().int("groups").unwrap_or(1);
    if !(1..LIMIT).contains(&count) {
        return Err(infer::wrong(Kind::Value, "at least 1 group", count));
    }
    let channels = filter_spec.dims[axes].clone() * Dim::from(count);
    groups(&channels, &filter_spec.dims[axes], &filter_spec.dims[axes + 1])?;
    let (attrs, behind) = negative_padding(b.attrs(), axes);
    let window = Window::new(&attrs, &filter_spec.dims[..axes])?;
    let mut lengths = lengths(&attrs, &window, &x_spec, &channels)?;
    lengths.iter_mut().zip(behind).for_each(|(length, more)| *length = length.clone() + Dim::from(more));
    let mut places = Vec::new();
    for (axis, length) in lengths.iter().enumerate() {
        let before = match &window.padding {
            Padding::Explicit(sides) => sides[axis].0.into(),
            _ => window.place(axis, length)?.before,
        };
        places.push(Placed { before, after: Dim::ZERO, count: x_spec.dims[axis + 1].clone() });
    }
    let dims: Dims = std::iter::once(x_spec.dims[0].clone()).chain(lengths).chain([channels]).collect();
    Ok(b.apply(&CONV_BACKPROP_INPUT, window.attrs(&places, dims), &[x, filter]))
}

/// The attributes with no negative number in `padding` behind an axis, and what such numbers add to the axes.
fn negative_padding(attrs: &Attrs, axes: usize) -> (Attrs, Vec<i64>) {
    let Some(sides) = attrs.ints("padding").filter(|sides| sides.len() == 2 * axes) else {
        return (attrs.clone(), vec![0; axes]);
    };
    let is_behind = |i: usize| i % 2 == 1;
    let kept: Vec<i64> = sides.iter().enumerate().map(|(i, &s)| if is_behind(i) { s.max(0) } else { s }).collect();
    let added = sides.iter().skip(1).step_by(2).map(|&side| side.min(0).saturating_neg());
    (attrs.clone().with("padding", kept), added.collect())
}

/// The lengths of the result's axes.
fn lengths(attrs: &Attrs, window: &Window, x: &TensorSpec, channels: &Dim) -> Result<Vec<Dim>> {
    let axes = window.taps.len();
    if let Some(shape) = attrs.ints("output_shape") {
        return given(attrs, shape, window, x, channels);
    }
    let extra = match attrs.ints("output_padding") {
        Some(list) if !list.is_empty() => {
            let sides: Vec<i64> = list.iter().flat_map(|&v| [v, 0]).collect();
            let sides = if list.len() == 1 { sides.repeat(axes) } else { sides };
            Some(explicit(&Attrs::new().with("output_padding", sides), "output_padding", axes)?)
        }
        _ => None,
    };
    (0..axes)
        .map(|axis| {
            let (n, stride) = (x.dims[axis + 1].clone(), Dim::from(window.strides[axis]));
            let extent = window.extent(axis);
            let added = Dim::from(extra.as_ref().map_or(0, |e| e[axis].0));
            let full = (n.clone() - Dim::ONE) * stride.clone() + extent.clone();
            let length = match &window.padding {
                Padding::Explicit(sides) => full - Dim::from(sides[axis].0) - Dim::from(sides[axis].1) + added,
                Padding::Valid if extra.is_some() => full + added,
                Padding::Valid => {
                    let hang = extent - stride.clone();
                    n * stride + if infer::nonnegative(&hang) { hang } else { hang.maximum(&Dim::ZERO) }
                }
                // As Keras: half a window is cut off on both sides.
                Padding::Same if extra.is_some() => full - extent.floor_div(&2i64.into()) * Dim::from(2i64) + added,
                Padding::Same | Padding::Causal => n * stride,
            };
            match length.as_const().filter(|&length| length < 0) {
                Some(_) => Err(infer::wrong(Kind::Shape, "a result of no negative length", length)),
                None => Ok(length),
            }
        })
        .collect()
}

/// `output_shape`, if the convolution would bring it to the shape of `x`.
fn given(attrs: &Attrs, shape: &[i64], window: &Window, x: &TensorSpec, channels: &Dim) -> Result<Vec<Dim>> {
    let axes = window.taps.len();
    let wrong = |why: String| {
        let wanted = format!("an output_shape that this convolution brings to {}", infer::shape(&x.dims[1..=axes]));
        Err(infer::wrong(Kind::Shape, wanted, format_args!("{shape:?}: {why}")))
    };
    if let Some(bad) = shape.iter().find(|&&n| !(0..LIMIT).contains(&n)) {
        return wrong(format!("{bad} is no length"));
    }
    let is_first = is_channels_first(attrs)?;
    let whole = match shape {
        [batch, channels, inner @ ..] if is_first && inner.len() == axes => Some((batch, inner, channels)),
        [batch, inner @ .., channels] if !is_first && inner.len() == axes => Some((batch, inner, channels)),
        _ => None,
    };
    let inner = match (whole, shape) {
        (Some((batch, inner, last)), _) => {
            if x.dims[0].as_const().is_some_and(|n| n != *batch) || *channels != Dim::from(*last) {
                return wrong(format!("the result has batch {} and {channels} channels", x.dims[0]));
            }
            inner
        }
        (None, inner) if inner.len() == axes => inner,
        _ => return wrong(format!("it has {} lengths", shape.len())),
    };
    for (axis, &length) in inner.iter().enumerate() {
        let count = window.place(axis, &length.into())?.count;
        if count != x.dims[axis + 1] && count.as_const().is_some() && x.dims[axis + 1].as_const().is_some() {
            return wrong(format!("{length} becomes {count}"));
        }
    }
    Ok(inner.iter().map(|&n| n.into()).collect())
}
