//! Averages of windows: convolutions of each channel with ones, divided by how many elements each window has.

use super::convolution::CONV_BACKPROP_INPUT;
use super::max::check_padding;
use super::{DATA_FORMAT, Padding, Placed, Window, axes_of, channels_last, conv, result_dims};
use crate::ops::entry::*;

const POOL: &[AttrDef] = &[
    required("ksize", AttrKind::Ints),
    required("strides", AttrKind::Ints),
    required("padding", AttrKind::Padding),
    optional("count_include_pad", AttrKind::Bool),
    optional("ceil_mode", AttrKind::Bool),
    optional("dilations", AttrKind::Ints),
    DATA_FORMAT,
];

macro_rules! average_pools {
    ($($static:ident $name:literal $axes:literal;)*) => {$(
        composite! {
            #[doc = concat!("The average of each window over ", $axes, " of the axes.")]
            $static, (b, x) => channels_last(x[0], |x| {
                let spec = x.spec()?;
                axes_of(&spec, Some($axes))?;
                Class::Float.check(&spec)?;
                let window = windows(b.attrs(), $axes, &spec)?;
                let places = window.place_all(&spec.dims)?;
                let sums = conv::placed(b, x, ones(b, &window, &spec)?, &window)?;
                Ok(vec![divided(b, sums, &window, &places, &spec)])
            }),
            name: $name,
            doc: "The average of each window of `x` `[batch, axes.., channels]`: `ksize` elements, `strides` apart. \
                  `padding` is `\"VALID\"`, `\"SAME\"` or [before, after] for each axis; elements of the padding do \
                  not count, or count as zeros with `count_include_pad`. With `ceil_mode` a last window may hang over. \
                  `data_format` is that of `conv2d`.",
            attrs: POOL,
            domain: Domain::Special("tests/ops/window.rs"),
        }
    )*};
}

average_pools! {
    AVG_POOL1D "avg_pool1d" 1;
    AVG_POOL2D "avg_pool2d" 2;
    AVG_POOL3D "avg_pool3d" 3;
}

composite! {
    /// The gradient of averaging windows.
    AVG_POOL_GRAD, (b, x) => {
        let dy = x[0].spec()?;
        let axes = axes_of(&dy, None)?;
        Class::Float.check(&dy)?;
        let spec = TensorSpec { dtype: dy.dtype, dims: infer::lengths(b.attrs())? };
        axes_of(&spec, Some(axes))?;
        let window = windows(b.attrs(), axes, &spec)?;
        let places = window.place_all(&spec.dims)?;
        let wanted = result_dims(&spec.dims, &places, spec.dims[axes + 1].clone());
        if dy.dims != wanted {
            let wanted = format!("a gradient of shape {}, as the pool's result", infer::shape(&wanted));
            return Err(infer::wrong(Kind::Shape, wanted, dy));
        }
        let filter = ones(b, &window, &spec)?;
        let shared = divided(b, x[0], &window, &places, &spec);
        let attrs = window.attrs(&places, spec.dims.clone());
        Ok(vec![b.apply(&CONV_BACKPROP_INPUT, attrs, &[shared, filter])])
    },
    name: "avg_pool_grad",
    doc: "The gradient by its operand of averaging the windows of a tensor of shape `dims`, if `dy` comes back.",
    inputs: Operands::Named(&["dy"]),
    attrs: &[
        required("dims", AttrKind::Dims),
        required("ksize", AttrKind::Ints),
        required("strides", AttrKind::Ints),
        required("padding", AttrKind::Padding),
        optional("count_include_pad", AttrKind::Bool),
    ],
    domain: Domain::Special("tests/ops/window.rs"),
}

/// The windows of a pool of a tensor of this spec, unless they are too large to be meant.
fn windows(attrs: &Attrs, axes: usize, x: &TensorSpec) -> Result<Window> {
    let window = Window::of_pool(attrs, axes)?;
    check_padding(&window)?;
    let taps = window.taps.iter().filter_map(Dim::as_const).fold(1i64, i64::saturating_mul);
    if taps.saturating_mul(x.dims[axes + 1].as_const().unwrap_or(1)) >= 1 << 28 {
        return Err(infer::wrong(Kind::Memory, "windows of fewer than 2^28 elements", format_args!("{taps} taps")));
    }
    Ok(window)
}

/// A filter of ones for each channel.
fn ones<'b>(b: build::Builder<'b>, window: &Window, x: &TensorSpec) -> Result<Expr<'b>> {
    let mut dims: Vec<Dim> = window.taps.to_vec();
    dims.extend([Dim::ONE, x.dims[window.taps.len() + 1].clone()]);
    Ok(b.scalar(1.0, x.dtype).broadcast_to(&dims))
}

/// Sums divided by how many elements each has.
fn divided<'b>(b: build::Builder<'b>, sums: Expr<'b>, window: &Window, places: &[Placed], x: &TensorSpec) -> Expr<'b> {
    let includes = b.attrs().bool("count_include_pad");
    let mut divisor: Option<Expr<'b>> = None;
    let mut constant = 1.0;
    for (axis, place) in places.iter().enumerate() {
        let taps = window.taps[axis].as_const().unwrap_or(1);
        if !window.ceil && (includes || window.padding == Padding::Valid) {
            constant *= taps as f64;
            continue;
        }
        // Elements of each window that are inside the tensor, or inside it and its padding.
        let mut dims = vec![Dim::ONE; places.len() + 2];
        dims[axis + 1] = place.count.clone();
        let first =
            b.iota(&dims, axis + 1, DType::I64) * window.strides[axis] as f64 - b.size(&place.before, DType::I64);
        let end = x.dims[axis + 1].clone() + if includes { place.after.clone() } else { Dim::ZERO };
        let begin = if includes { Dim::ZERO - place.before.clone() } else { Dim::ZERO };
        let step = b.size(&Dim::from(window.dilations[axis]), DType::I64);
        // Taps before this one are left of the begin, and those from `behind` on right of the end.
        let from = (b.size(&begin, DType::I64) - first + step - 1.0).floordiv(step).max(0.0);
        let behind = (b.size(&end, DType::I64) - first + step - 1.0).floordiv(step).min(taps as f64);
        let count = (behind - from).max(1.0).cast(x.dtype);
        divisor = Some(divisor.map_or(count, |divisor| divisor * count));
    }
    let sums = if constant == 1.0 { sums } else { sums / constant };
    divisor.map_or(sums, |divisor| sums / divisor)
}
