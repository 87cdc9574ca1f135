//! Images turned, cut, padded and fitted, and measures of how they differ from place to place.

use super::resize::RESIZE;
use super::{COLUMNS, ROWS, images};
use crate::ops::entry::*;

const IMAGES: Operands = Operands::Named(&["images"]);
const HEIGHT: AttrDef = required("height", AttrKind::Int);
const WIDTH: AttrDef = required("width", AttrKind::Int);
const BOX: &[AttrDef] = &[required("top", AttrKind::Int), required("left", AttrKind::Int), HEIGHT, WIDTH];

macro_rules! turned {
    ($($static:ident $name:literal $doc:literal [$($attr:expr)?] ($b:ident, $x:ident) => $value:expr;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, ($b, x) => {
                let $x = x[0];
                images($x)?;
                Ok(vec![$value])
            },
            name: $name,
            doc: $doc,
            inputs: IMAGES,
            attrs: &[$($attr)?],
            domain: Domain::Special("tests/ops/image.rs"),
        }
    )*};
}

turned! {
    FLIP_LEFT_RIGHT "flip_left_right" "Images mirrored left to right." [] (_b, x) => x.reverse(&[COLUMNS]);
    FLIP_UP_DOWN "flip_up_down" "Images mirrored upside down." [] (_b, x) => x.reverse(&[ROWS]);
    IMAGE_TRANSPOSE "image_transpose" "Images with rows and columns swapped." [] (_b, x) => swapped(x)?;
    IMAGE_ROT90 "image_rot90" "Images turned counterclockwise by `k` right angles; negative ones turn clockwise."
        [required("k", AttrKind::Int)] (b, x) => match b.attrs().int("k").unwrap_or(1).rem_euclid(4) {
            0 => x,
            1 => swapped(x)?.reverse(&[ROWS]),
            2 => x.reverse(&[ROWS, COLUMNS]),
            _ => swapped(x.reverse(&[ROWS]))?,
        };
    CENTRAL_CROP "central_crop"
        "The middle of images: `fraction` (more than 0, at most 1) of their rows and columns."
        [required("fraction", AttrKind::Float)] (b, x) => {
            let fraction = b.attrs().float("fraction").unwrap_or(1.0);
            if !(fraction > 0.0 && fraction <= 1.0) {
                return Err(infer::wrong(Kind::Value, "a fraction of more than 0 and at most 1", fraction));
            }
            let [rows, columns] = size(x)?;
            let begin = |length: i64| ((length as f64 - length as f64 * fraction) / 2.0) as i64;
            let (top, left) = (begin(rows), begin(columns));
            cropped(x, [top, left], [rows - 2 * top, columns - 2 * left])?
        };
    TOTAL_VARIATION "total_variation" "The sum of the distances of neighbouring pixels, one number an image."
        [] (_b, x) => {
            let all = [ROWS, COLUMNS, -1];
            let (down, across) = differences(x)?;
            down.abs().sum(&all) + across.abs().sum(&all)
        };
}

composite! {
    /// A part of images.
    CROP_TO_BOUNDING_BOX, (b, x) => {
        images(x[0])?;
        let [top, left, height, width] = numbers(b.attrs(), ["top", "left", "height", "width"]);
        Ok(vec![cropped(x[0], [top, left], [height, width])?])
    },
    name: "crop_to_bounding_box",
    doc: "`height` rows and `width` columns of images, from row `top` and column `left`.",
    inputs: IMAGES,
    attrs: BOX,
    domain: Domain::Special("tests/ops/image.rs"),
}

composite! {
    /// Zeros around.
    PAD_TO_BOUNDING_BOX, (b, x) => {
        images(x[0])?;
        let [top, left, height, width] = numbers(b.attrs(), ["top", "left", "height", "width"]);
        Ok(vec![padded(x[0], [top, left], [height, width])?])
    },
    name: "pad_to_bounding_box",
    doc: "Zeros put around images, so that they are `height` by `width` and their first row and column are `top` and `left`.",
    inputs: IMAGES,
    attrs: BOX,
    domain: Domain::Special("tests/ops/image.rs"),
}

composite! {
    /// Cut or padded.
    RESIZE_WITH_CROP_OR_PAD, (b, x) => {
        images(x[0])?;
        let wanted = numbers(b.attrs(), ["height", "width"]);
        positive(wanted)?;
        let own = size(x[0])?;
        let [rows, columns] = own;
        let cut = |have: i64, want: i64| (have - want).max(0) / 2;
        let kept = [rows.min(wanted[0]), columns.min(wanted[1])];
        let x = cropped(x[0], [cut(rows, wanted[0]), cut(columns, wanted[1])], kept)?;
        Ok(vec![padded(x, [cut(wanted[0], rows), cut(wanted[1], columns)], wanted)?])
    },
    name: "resize_with_crop_or_pad",
    doc: "Images of `height` by `width` with their middle in the middle: what is too much is cut, what is missing is 0.",
    inputs: IMAGES,
    attrs: &[HEIGHT, WIDTH],
    domain: Domain::Special("tests/ops/image.rs"),
}

composite! {
    /// Resized and padded.
    RESIZE_WITH_PAD, (b, x) => {
        images(x[0])?;
        let [height, width] = numbers(b.attrs(), ["height", "width"]);
        positive([height, width])?;
        let [rows, columns] = size(x[0])?;
        positive([rows, columns])?;
        // The greater of both ratios becomes exact.
        let ratio = (columns as f64 / width as f64).max(rows as f64 / height as f64);
        let scaled = [rows, columns].map(|length| (length as f64 / ratio).floor() as i64);
        let mut attrs = Attrs::new().with("size", scaled.to_vec());
        for name in ["method", "antialias"] {
            if let Some(value) = b.attrs().get(name) {
                attrs.set(name, value.clone());
            }
        }
        let resized = b.apply(&RESIZE, attrs, &[x[0]]);
        let [top, left] = [(height, scaled[0]), (width, scaled[1])].map(|(all, own)| ((all - own) / 2).max(0));
        Ok(vec![padded(resized, [top, left], [height, width])?])
    },
    name: "resize_with_pad",
    doc: "Images resized, without distortion, as large as `height` by `width` holds, and zeros around them. `method` and \
          `antialias` are those of `resize`.",
    inputs: IMAGES,
    attrs: &[HEIGHT, WIDTH, optional("method", AttrKind::Str), optional("antialias", AttrKind::Bool)],
    domain: Domain::Special("tests/ops/image.rs"),
}

composite! {
    /// How much noise there is.
    PSNR, (b, x) => {
        images(x[0])?;
        images(x[1])?;
        Class::Float.check(&x[0].spec()?)?;
        let most = b.attrs().float("max_value").unwrap_or(1.0);
        let error = (x[0] - x[1]).square().mean(&[ROWS, COLUMNS, -1]);
        Ok(vec![20.0 * most.log10() - error.log() * (10.0 / std::f64::consts::LN_10)])
    },
    name: "psnr",
    doc: "The peak signal-to-noise ratio of two images in decibels, if `max_value` is the greatest that elements can be.",
    inputs: Operands::Named(&["a", "b"]),
    attrs: &[required("max_value", AttrKind::Float)],
    domain: Domain::Special("tests/ops/image.rs"),
}

composite! {
    /// Differences of neighbours.
    IMAGE_GRADIENTS, (_b, x) => {
        if x[0].rank()? != 4 {
            return Err(infer::wrong(Kind::Shape, "images [batch, height, width, channels]", x[0].spec()?));
        }
        let dims = x[0].dims()?;
        let (down, across) = differences(x[0])?;
        let last = |axis: usize| (0..4).map(|k| if k == axis { Dim::ONE } else { Dim::ZERO }).collect::<Vec<_>>();
        let none = vec![Dim::ZERO; dims.len()];
        Ok(vec![down.pad_zeros(&none, &last(1)), across.pad_zeros(&none, &last(2))])
    },
    name: "image_gradients",
    doc: "The differences of each pixel from the one below and from the one on its right; 0 in the last row and column.",
    inputs: IMAGES,
    domain: Domain::Special("tests/ops/image.rs"),
}

composite! {
    /// Edges.
    SOBEL_EDGES, (b, x) => {
        if x[0].rank()? != 4 {
            return Err(infer::wrong(Kind::Shape, "images [batch, height, width, channels]", x[0].spec()?));
        }
        Class::Float.check(&x[0].spec()?)?;
        let attrs = Attrs::new().with("paddings", vec![0i64, 0, 1, 1, 1, 1, 0, 0]);
        let around = b.apply(&crate::ops::PAD_REFLECT, attrs, &[x[0]]);
        let dims = x[0].dims()?;
        let edges = [(1, 2), (2, 1)].map(|(across, along)| {
            let [before, here, after] = neighbours(around, along, &dims[along])?;
            let [before, _, after] = neighbours(before + here * 2.0 + after, across, &dims[across])?;
            (after - before).unsqueeze(4)
        });
        let [down, across] = edges;
        Ok(vec![b.concat(&[down?, across?], 4)])
    },
    name: "sobel_edges",
    doc: "Sobel's differences of rows and of columns, as a last axis of two; borders are reflected.",
    inputs: IMAGES,
    domain: Domain::Special("tests/ops/image.rs"),
}

/// The elements before, at and after each of `length` places of a padded axis.
fn neighbours<'b>(x: Expr<'b>, axis: usize, length: &Dim) -> Result<[Expr<'b>; 3]> {
    let from = |begin: i64| x.narrow(axis, &begin.into(), length);
    Ok([from(0)?, from(1)?, from(2)?])
}

fn swapped(x: Expr<'_>) -> Result<Expr<'_>> {
    let rank = x.rank()?;
    let mut perm: Vec<usize> = (0..rank).collect();
    perm.swap(rank - 3, rank - 2);
    Ok(x.transpose(&perm))
}

/// The differences of neighbouring rows, and of neighbouring columns.
fn differences(x: Expr<'_>) -> Result<(Expr<'_>, Expr<'_>)> {
    images(x)?;
    let rank = x.rank()?;
    let along = |axis: usize| {
        let length = x.dims()?[axis].clone() - Dim::ONE;
        if length.as_const().is_some_and(|n| n < 0) {
            return Err(infer::wrong(Kind::Shape, format_args!("an element along axis {axis}"), x.spec()?));
        }
        Ok(x.narrow(axis, &Dim::ONE, &length)? - x.narrow(axis, &Dim::ZERO, &length)?)
    };
    Ok((along(rank - 3)?, along(rank - 2)?))
}

/// Rows and columns, which must be known.
fn size(x: Expr<'_>) -> Result<[i64; 2]> {
    let dims = x.dims()?;
    let first = dims.len() - 3;
    match (dims[first].as_const(), dims[first + 1].as_const()) {
        (Some(rows), Some(columns)) => Ok([rows, columns]),
        _ => Err(infer::wrong(Kind::Shape, "images whose size is known before the call", x.spec()?)),
    }
}

fn numbers<const N: usize>(attrs: &Attrs, names: [&str; N]) -> [i64; N] {
    names.map(|name| attrs.int(name).unwrap_or(0))
}

fn positive(lengths: [i64; 2]) -> Result<()> {
    match lengths.iter().find(|length| !(1..1 << 31).contains(*length)) {
        Some(bad) => Err(infer::wrong(Kind::Value, "a height and a width of at least 1", bad)),
        None => Ok(()),
    }
}

fn cropped<'b>(x: Expr<'b>, first: [i64; 2], lengths: [i64; 2]) -> Result<Expr<'b>> {
    positive(lengths)?;
    let axis = x.rank()? - 3;
    let mut y = x;
    for k in 0..2 {
        let own = x.dims()?[axis + k].as_const().unwrap_or(i64::MAX);
        if first[k] < 0 || first[k] > own - lengths[k] {
            let wanted = format!("{} elements within the {own} of axis {}", lengths[k], axis + k);
            return Err(infer::wrong(Kind::Value, wanted, format_args!("a beginning at {}", first[k])));
        }
        y = y.narrow(axis + k, &first[k].into(), &lengths[k].into())?;
    }
    Ok(y)
}

fn padded<'b>(x: Expr<'b>, first: [i64; 2], lengths: [i64; 2]) -> Result<Expr<'b>> {
    positive(lengths)?;
    let dims = x.dims()?;
    let axis = dims.len() - 3;
    let (mut before, mut after) = (vec![Dim::ZERO; dims.len()], vec![Dim::ZERO; dims.len()]);
    for k in 0..2 {
        before[axis + k] = first[k].into();
        after[axis + k] = Dim::from(lengths[k]) - dims[axis + k].clone() - Dim::from(first[k]);
        if first[k] < 0 || after[axis + k].as_const().is_some_and(|n| n < 0) {
            let wanted = format!("room for axis {} of {} at {} within {}", axis + k, x.spec()?, first[k], lengths[k]);
            return Err(infer::wrong(Kind::Value, wanted, "less"));
        }
    }
    Ok(x.pad_zeros(&before, &after))
}
