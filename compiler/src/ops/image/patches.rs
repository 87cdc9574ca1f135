//! Windows of images, side by side as channels.

use crate::ops::entry::*;
use crate::ops::movement::gather::GATHER;
use crate::ops::window::{Window, axes_of};

composite! {
    /// Each window's elements as channels.
    EXTRACT_PATCHES, (b, x) => {
        let spec = x[0].spec()?;
        let axes = axes_of(&spec, None)?;
        // Under TensorFlow's names.
        let mut attrs = Attrs::new();
        let names = [("ksize", "sizes"), ("strides", "strides"), ("dilations", "rates"), ("padding", "padding")];
        for (own, theirs) in names {
            if let Some(value) = b.attrs().get(theirs) {
                attrs.set(own, value.clone());
            }
        }
        let window = Window::of_pool(&attrs, axes)?;
        let places = window.place_all(&spec.dims)?;
        let (mut before, mut after) = (vec![Dim::ZERO; axes + 2], vec![Dim::ZERO; axes + 2]);
        for (axis, place) in places.iter().enumerate() {
            (before[axis + 1], after[axis + 1]) = (place.before.clone(), place.after.clone());
        }
        let is_bare = before.iter().chain(&after).all(|d| *d == Dim::ZERO);
        let mut y = if is_bare { x[0] } else { x[0].pad_zeros(&before, &after) };
        let mut dims = vec![spec.dims[0].clone()];
        let mut channels = spec.dims[axes + 1].clone();
        for (axis, place) in places.iter().enumerate() {
            // Each axis becomes two: the window, and the place in it.
            let pair = [place.count.clone(), window.taps[axis].clone()];
            let at = b.iota(&pair, 0, DType::I64) * window.strides[axis] as f64
                + b.iota(&pair, 1, DType::I64) * window.dilations[axis] as f64;
            y = b.apply(&GATHER, Attrs::new().with("axis", 2 * axis as i64 + 1), &[y, at]);
            dims.push(place.count.clone());
            channels = channels * window.taps[axis].clone();
        }
        dims.push(channels);
        let windows = (0..axes).map(|axis| 2 * axis + 1);
        let taps = (0..axes).map(|axis| 2 * axis + 2);
        let perm: Vec<usize> = std::iter::once(0).chain(windows).chain(taps).chain([2 * axes + 1]).collect();
        Ok(vec![y.transpose(&perm).reshape(&dims)])
    },
    name: "extract_patches",
    doc: "The windows of `images` `[batch, axes.., channels]` as channels: window by window the elements, taps in \
          order, each with all its channels. `sizes`, `strides` and `rates` (the distance of a window's elements) have \
          one number or one for each axis; `padding` is `\"VALID\"`, `\"SAME\"` or [before, after] for each axis, of \
          zeros.",
    inputs: Operands::Named(&["images"]),
    attrs: &[
        required("sizes", AttrKind::Ints),
        required("strides", AttrKind::Ints),
        required("padding", AttrKind::Padding),
        optional("rates", AttrKind::Ints),
    ],
    domain: Domain::Special("tests/ops/image.rs"),
}
