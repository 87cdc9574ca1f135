//! Images resized, axis by axis: elements gathered and weighted.

use super::sampling::{Taps, coordinates, method, taps};
use crate::ops::entry::*;
use crate::ops::movement::gather::GATHER;
use tracelift_runtime::Array;

composite! {
    /// Images of another size.
    RESIZE, (b, x) => {
        let spec = x[0].spec()?;
        let size = b.attrs().ints("size").unwrap_or_default();
        // One image has no batch.
        let Some(first) = spec.rank().checked_sub(size.len() + 1).filter(|first| *first < 2 && !size.is_empty()) else {
            let wanted = format!("images [batch, {} axes, channels] as `size` has lengths", size.len());
            return Err(infer::wrong(Kind::Shape, wanted, spec));
        };
        if let Some(bad) = size.iter().find(|&&length| !(1..=MAX_LENGTH).contains(&length)) {
            return Err(infer::wrong(Kind::Value, format_args!("lengths from 1 to {MAX_LENGTH} in `size`"), bad));
        }
        let mut dims = spec.dims.clone();
        size.iter().enumerate().for_each(|(axis, &length)| dims[first + axis] = length.into());
        infer::sized(TensorSpec { dtype: DType::F64, dims })?;
        let coordinates = coordinates(b.attrs())?;
        let method = method(b.attrs(), coordinates)?;
        let moves_only = matches!(method, super::sampling::Method::Nearest(_));
        let mut y = if moves_only || spec.dtype.is_float() { x[0] } else { x[0].cast(DType::F32) };
        for (axis, &to) in size.iter().enumerate() {
            let axis = first + axis;
            let Some(from) = spec.dims[axis].as_const().filter(|from| (1..=MAX_LENGTH).contains(from)) else {
                let wanted = format!("a length of axis {axis} from 1 to {MAX_LENGTH} that is known before the call");
                return Err(infer::wrong(Kind::Shape, wanted, &spec));
            };
            if from != to {
                y = sampled(b, y, axis, &taps(from, to, coordinates, method))?;
            }
        }
        Ok(vec![y])
    },
    name: "resize",
    doc: "`images` `[batch, axes.., channels]` (or one image, without batch) with axes of lengths `size`. `method` is \
          nearest, bilinear (the default), bicubic (TensorFlow's: Keys with a = -0.5, what is outside has no weight), \
          cubic (PyTorch's and ONNX's: `cubic_coefficient` -0.75, the border is repeated), area, lanczos3, lanczos5, \
          gaussian or mitchellcubic. `coordinates` says what corresponds: half_pixel (the default: the images' \
          borders), align_corners (the centres of the first and last elements), asymmetric or pytorch_half_pixel. With \
          `antialias` filters are stretched where an image shrinks. `rounding` chooses the nearest element: floor, \
          ceil, round_prefer_floor or round_prefer_ceil. Integers stay what they are by nearest, and become f32 by \
          others.",
    inputs: Operands::Named(&["images"]),
    attrs: &[
        required("size", AttrKind::Ints),
        optional("method", AttrKind::Str),
        optional("coordinates", AttrKind::Str),
        optional("antialias", AttrKind::Bool),
        optional("rounding", AttrKind::Str),
        optional("cubic_coefficient", AttrKind::Float),
        optional("exclude_outside", AttrKind::Bool),
    ],
    domain: Domain::Special("tests/ops/image.rs"),
}

/// Positions and weights are tables: this keeps them small.
const MAX_LENGTH: i64 = 1 << 24;
/// With more taps than this, a product with a matrix of weights is cheaper than a gathered copy for each tap.
const MAX_GATHERED: usize = 8;
/// Elements of such a matrix; most of a larger one would be zeros.
const MAX_MATRIX: usize = 1 << 22;

/// An axis resampled: all taps of a position side by side along an axis of their own, which is summed over.
fn gathered_at_once<'b>(b: build::Builder<'b>, x: Expr<'b>, axis: usize, taps: &Taps) -> Result<Expr<'b>> {
    let Taps { count, positions, weights } = taps;
    let spec = x.spec()?;
    let places: Vec<i32> = positions.iter().map(|&position| position as i32).collect();
    let places = b.constant(Array::from_slice(&[positions.len() / count, *count], &places));
    let taken = b.apply(&GATHER, Attrs::new().with("axis", axis as i64), &[x, places]);
    let mut shape = vec![1; spec.rank() - axis + 1];
    shape[..2].copy_from_slice(&[positions.len() / count, *count]);
    let weights = b.constant(eval::from_floats(spec.dtype, &shape, weights)?);
    Ok((taken * weights).sum(&[axis as i64 + 1]))
}

/// An axis resampled.
fn sampled<'b>(b: build::Builder<'b>, x: Expr<'b>, axis: usize, taps: &Taps) -> Result<Expr<'b>> {
    let Taps { count, positions, weights } = taps;
    let length = positions.len() / count;
    let spec = x.spec()?;
    let from = spec.dims[axis].as_const().unwrap_or(0) as usize;
    if *count > MAX_GATHERED && length.saturating_mul(from) > MAX_MATRIX {
        return gathered_at_once(b, x, axis, taps);
    }
    if *count > MAX_GATHERED {
        let mut matrix = vec![0.0; length * from];
        for (i, (&position, &weight)) in positions.iter().zip(weights).enumerate() {
            matrix[i / count * from + position as usize] += weight;
        }
        let matrix = b.constant(eval::from_floats(spec.dtype, &[length, from], &matrix)?);
        // As matrices [axis, what follows it], one for each index before.
        let product = |dims: &[Dim]| dims.iter().product::<Dim>();
        let mut dims = spec.dims.clone();
        let flat = [product(&dims[..axis]), dims[axis].clone(), product(&dims[axis + 1..])];
        dims[axis] = length.into();
        return Ok(matrix.matmul(x.reshape(&flat), false, false).reshape(&dims));
    }
    let mut sum: Option<Expr<'b>> = None;
    for tap in 0..*count {
        let of_tap = |i: usize| i * count + tap;
        let places: Vec<i32> = (0..length).map(|i| positions[of_tap(i)] as i32).collect();
        let places = b.constant(Array::from_slice(&[length], &places));
        let taken = b.apply(&GATHER, Attrs::new().with("axis", axis as i64), &[x, places]);
        let weights: Vec<f64> = (0..length).map(|i| weights[of_tap(i)]).collect();
        let part = if weights.iter().all(|&w| w == 1.0) {
            taken
        } else {
            let mut shape = vec![1; spec.rank() - axis];
            shape[0] = length;
            taken * b.constant(eval::from_floats(spec.dtype, &shape, &weights)?)
        };
        sum = Some(sum.map_or(part, |sum| sum + part));
    }
    sum.ok_or_else(|| Error::new(Kind::Internal, "an axis without taps"))
}
