//! Boxes given by data: drawn on images, and windows cut out around points.

use crate::ops::entry::*;
use crate::ops::indexing::scatter::Place;

composite! {
    /// Outlines of boxes.
    DRAW_BOUNDING_BOXES, (b, x) => {
        let (images, boxes, colors) = (x[0].spec()?, x[1].spec()?, x[2].spec()?);
        infer::same_dtype(&[images.clone(), boxes.clone(), colors.clone()])?;
        Class::Float.check(&images)?;
        let fits = images.rank() == 4
            && boxes.rank() == 3
            && boxes.dims[0] == images.dims[0]
            && boxes.dims[2] == Dim::from(4i64)
            && colors.rank() == 2
            && colors.dims[1] == images.dims[3]
            && colors.dims[0].as_const() != Some(0);
        if !fits {
            let wanted = "images [batch, height, width, channels], boxes [batch, n, 4] and colors [1 or more, channels]";
            return Err(infer::wrong(Kind::Shape, wanted, format_args!("{images}, {boxes} and {colors}")));
        }
        let [batch, height, width] = [0, 1, 2].map(|axis| images.dims[axis].clone());
        let count = boxes.dims[1].clone();
        let edge = |column: i64, length: &Dim| -> Result<Expr<'_>> {
            let place = x[1].narrow(2, &column.into(), &Dim::ONE)? * (b.size(length, boxes.dtype) - 1.0);
            Ok(place.trunc().cast(DType::I64).reshape(&[batch.clone(), count.clone(), Dim::ONE, Dim::ONE]))
        };
        let (top, left, bottom, right) = (edge(0, &height)?, edge(1, &width)?, edge(2, &height)?, edge(3, &width)?);
        let row = b.iota(&[height, Dim::ONE], 0, DType::I64);
        let column = b.iota(&[width], 0, DType::I64);
        let across = column.ge(left).and(column.le(right)).and(row.eq(top).or(row.eq(bottom)));
        let down = row.ge(top).and(row.le(bottom)).and(column.eq(left).or(column.eq(right)));
        let drawn = across.or(down).and(top.le(bottom)).and(left.le(right));
        // Of the boxes that meet at a pixel, one more than the last.
        let number = b.iota(&[count, Dim::ONE, Dim::ONE], 0, DType::I64) + 1.0;
        let last = drawn.choose(number, 0.0).reduce_max(&[1]).max(0.0).unsqueeze(3)?;
        let kind = (last - 1.0).max(0.0).floormod(b.size(&colors.dims[0], DType::I64));
        let color = Place::FIRST.gather(x[2], kind.reshape(&images.dims[..3]));
        Ok(vec![last.gt(0.0).choose(color, x[0])])
    },
    name: "draw_bounding_boxes",
    doc: "`images` with the outlines of `boxes` `[batch, n, 4]`, rows `[y1, x1, y2, x2]` in fractions of height and width \
          less 1, one pixel wide; what lies outside is not drawn, nor is a reversed box. Box `i` has row `i` of `colors`, \
          which are taken in turn; later boxes lie above.",
    inputs: Operands::Named(&["images", "boxes", "colors"]),
    domain: Domain::Special("tests/ops/boxes.rs"),
}

composite! {
    /// Windows around points.
    EXTRACT_GLIMPSE, (b, x) => {
        let (images, offsets) = (x[0].spec()?, x[1].spec()?);
        Class::Float.check(&offsets)?;
        if images.rank() != 4 || offsets.dims[..] != [images.dims[0].clone(), Dim::from(2i64)] {
            let wanted = "images [batch, height, width, channels] and offsets [batch, 2]";
            return Err(infer::wrong(Kind::Shape, wanted, format_args!("{images} and {offsets}")));
        }
        let size = match b.attrs().ints("size") {
            Some(&[rows, columns]) if [rows, columns].iter().all(|n| (1..1 << 31).contains(n)) => [rows, columns],
            other => {
                return Err(infer::wrong(Kind::Value, "a height and a width of at least 1 in `size`", format!("{other:?}")));
            }
        };
        if images.dims[1..3].contains(&Dim::ZERO) {
            return Err(infer::wrong(Kind::Shape, "images of at least one pixel", images));
        }
        let is_set = |name| b.attrs().get(name).is_none() || b.attrs().bool(name);
        let (centered, normalized) = (is_set("centered"), is_set("normalized"));
        let (mut glimpse, mut inside) = (x[0], Vec::new());
        for axis in [1, 2] {
            let (length, window) = (b.size(&images.dims[axis], offsets.dtype), size[axis - 1]);
            let mut first = x[1].narrow(1, &Dim::from(axis - 1), &Dim::ONE)?;
            first = if normalized { first * length } else { first };
            first = match (centered, normalized) {
                (true, true) => first * 0.5 + length * 0.5 - window as f64 / 2.0,
                (true, false) => first + length * 0.5,
                (false, _) => first,
            };
            let place = first.trunc().cast(DType::I64) + b.iota(&[Dim::ONE, window.into()], 1, DType::I64);
            let length = b.size(&images.dims[axis], DType::I64);
            inside.push(place.ge(0.0).and(place.lt(length)));
            let place = place.max(0.0).min(length - 1.0);
            glimpse = Place { axis: axis as i64, batch_dims: 1 }.gather(glimpse, place);
        }
        let seen = inside[0].unsqueeze(2)?.and(inside[1].unsqueeze(1)?).unsqueeze(3)?;
        Ok(vec![seen.choose(glimpse, 0.0)])
    },
    name: "extract_glimpse",
    doc: "A window of `size` [height, width] of each of `images`, around its row `[y, x]` of `offsets`: in halves of the \
          image from its middle; with `normalized` false in pixels, with `centered` false from the upper left corner \
          (both default to true). Where it is not around the middle of the window (`centered` and `normalized`) the \
          window begins there. What lies outside the image is 0.",
    inputs: Operands::Named(&["images", "offsets"]),
    attrs: &[
        required("size", AttrKind::Ints),
        optional("centered", AttrKind::Bool),
        optional("normalized", AttrKind::Bool),
    ],
    domain: Domain::Special("tests/ops/boxes.rs"),
}
