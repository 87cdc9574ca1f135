//! Parts of images, resized: boxes given by data.

use crate::ops::entry::*;
use crate::ops::indexing::search::{Expects, expected};
use crate::ops::movement::gather::GATHER;

composite! {
    /// Boxes of images, all brought to one size.
    CROP_AND_RESIZE, (b, x) => Ok(vec![cropped(b, [x[0], x[1], x[2]])?]),
    name: "crop_and_resize",
    doc: "For each row `[y1, x1, y2, x2]` of `boxes`, in fractions of an image's height and width less 1, that box of \
          image `box_indices[i]` resized to `crop_size`, by `method` bilinear (the default) or nearest. What lies \
          outside the image is `extrapolation_value` (default 0). A box may be reversed. An index that is no image is \
          an error, and so is a box that is not finite.",
    inputs: Operands::Named(&["images", "boxes", "box_indices"]),
    attrs: &[
        required("crop_size", AttrKind::Ints),
        optional("method", AttrKind::Str),
        optional("extrapolation_value", AttrKind::Float),
    ],
    domain: Domain::Special("tests/ops/image.rs"),
}

fn cropped<'b>(b: build::Builder<'b>, [images, boxes, owners]: [Expr<'b>; 3]) -> Result<Expr<'b>> {
    let (spec, box_spec, owner_spec) = (images.spec()?, boxes.spec()?, owners.spec()?);
    let fits = spec.rank() == 4
        && box_spec.rank() == 2
        && box_spec.dims[1] == Dim::from(4i64)
        && owner_spec.dims[..] == box_spec.dims[..1];
    if !fits {
        let wanted = "images [batch, height, width, channels], boxes [n, 4] and box_indices [n]";
        return Err(infer::wrong(Kind::Shape, wanted, format_args!("{spec}, {box_spec} and {owner_spec}")));
    }
    Class::Float.check(&box_spec)?;
    Class::Int.check(&owner_spec)?;
    let &[rows, cols] = b.attrs().ints("crop_size").unwrap_or_default() else {
        return Err(infer::wrong(Kind::Shape, "a height and a width in `crop_size`", "another number"));
    };
    if [rows, cols].iter().any(|length| !(1..1 << 31).contains(length)) {
        let found = format!("[{rows}, {cols}]");
        return Err(infer::wrong(Kind::Value, "lengths of at least 1 in `crop_size`", found));
    }
    let boxes = expected(b, Expects::CropBoxes, boxes, boxes.is_finite())?;
    let count = box_spec.dims[0].clone();
    let [n, h, w, c] = [0, 1, 2, 3].map(|axis| spec.dims[axis].clone());
    let pixels = images.cast(box_spec.dtype).reshape(&[n * h.clone() * w.clone(), c.clone()]);
    let down = line(b, boxes, [0, 2], &h, rows)?;
    let across = line(b, boxes, [1, 3], &w, cols)?;
    let owner = owners.cast(DType::I64).reshape(&[count.clone(), Dim::ONE, Dim::ONE]);
    let at = |y: Expr<'b>, x: Expr<'b>| -> Result<Expr<'b>> {
        let row = owner * b.size(&h, DType::I64) + y.unsqueeze(2)?;
        let place = row * b.size(&w, DType::I64) + x.unsqueeze(1)?;
        Ok(b.apply(&GATHER, Attrs::new().with("axis", 0i64), &[pixels, place]))
    };
    let by_row = |e: Expr<'b>| e.reshape(&[count.clone(), rows.into(), Dim::ONE, Dim::ONE]);
    let by_col = |e: Expr<'b>| e.reshape(&[count.clone(), Dim::ONE, cols.into(), Dim::ONE]);
    let values = match b.attrs().str("method").unwrap_or("bilinear") {
        "nearest" => at(down.nearest, across.nearest)?,
        "bilinear" => {
            let between = |y: Expr<'b>| -> Result<Expr<'b>> {
                let left = at(y, across.low)?;
                Ok(left + (at(y, across.high)? - left) * by_col(across.fraction))
            };
            let upper = between(down.low)?;
            upper + (between(down.high)? - upper) * by_row(down.fraction)
        }
        other => return Err(infer::wrong(Kind::Value, "method bilinear or nearest", format_args!("{other:?}"))),
    };
    let inside = by_row(down.inside).and(by_col(across.inside));
    let outside = b.attrs().float("extrapolation_value").unwrap_or(0.0);
    Ok(inside.choose(values, outside))
}

/// Places along an axis of each box, `[boxes, length]`.
struct Line<'b> {
    /// The element before, at and after each place (i64, inside the image), and the nearest.
    low: Expr<'b>,
    high: Expr<'b>,
    nearest: Expr<'b>,
    /// How far a place is from the element before.
    fraction: Expr<'b>,
    /// Whether it is inside the image.
    inside: Expr<'b>,
}

/// `length` places between two columns of `boxes`, on an axis of so many elements.
fn line<'b>(b: build::Builder<'b>, boxes: Expr<'b>, ends: [i64; 2], size: &Dim, length: i64) -> Result<Line<'b>> {
    let dtype = boxes.dtype();
    let [first, last] = ends.map(|column| boxes.narrow(1, &column.into(), &Dim::ONE));
    let (first, last) = (first?, last?);
    let span = b.size(size, dtype) - 1.0;
    let place = if length > 1 {
        let step = b.iota(&[Dim::ONE, length.into()], 1, dtype) / (length - 1) as f64;
        first * span + step * (last - first) * span
    } else {
        (first + last) * 0.5 * span
    };
    let inside = place.ge(0.0).and(place.le(span));
    // Places outside are not read, but must address something; NaN is outside.
    let place = inside.choose(place, 0.0);
    let low = place.floor();
    let index = |e: Expr<'b>| e.cast(DType::I64).min(b.size(size, DType::I64) - 1.0);
    let high = index((-(-place).floor()).stop_gradient());
    let nearest = index((place + 0.5).floor().stop_gradient());
    Ok(Line { low: index(low.stop_gradient()), high, nearest, fraction: place - low, inside })
}
