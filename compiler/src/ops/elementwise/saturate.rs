//! Conversions that keep within the range of a dtype, and those between kinds of images.

use crate::ops::entry::*;
use crate::ops::indexing::segment::{greatest_int, least_int};

composite! {
    /// To the nearest number of a dtype.
    SATURATE_CAST, (b, x) => {
        let to = target(b, x[0])?;
        Ok(vec![saturated(x[0], to)])
    },
    name: "saturate_cast",
    doc: "`cast`, with numbers outside the range of an integer `dtype` at its ends; NaN becomes 0.",
    attrs: &[required("dtype", AttrKind::DType)],
    domain: Domain::Special("tests/ops/convert.rs"),
}

composite! {
    /// Division that leaves the integers.
    TRUEDIV, (_b, x) => {
        let spec = x[0].spec()?;
        infer::same_dtype(&[spec.clone(), x[1].spec()?])?;
        Class::Number.check(&spec)?;
        let dtype = match spec.dtype {
            dtype if dtype.is_float() => dtype,
            dtype if dtype.size() <= 2 => DType::F32,
            _ => DType::F64,
        };
        Ok(vec![x[0].cast(dtype) / x[1].cast(dtype)])
    },
    name: "truediv",
    doc: "`x / y`, with integers converted first: those of 8 and 16 bits to f32, others to f64.",
    inputs: XY,
    domain: Domain::NonZero,
}

composite! {
    /// Images of another dtype.
    CONVERT_IMAGE_DTYPE, (b, x) => {
        let (to, from) = (target(b, x[0])?, x[0].dtype());
        let is_saturated = b.attrs().bool("saturate");
        let convert = |x| if is_saturated { saturated(x, to) } else { x.cast(to) };
        let greatest = |dtype| greatest_int(dtype) as f64;
        Ok(vec![match (from.is_float(), to.is_float()) {
            _ if from == to => x[0],
            (true, true) => x[0].cast(to),
            (false, true) => x[0].cast(to) * (1.0 / greatest(from)),
            (true, false) => convert(x[0] * (greatest(to) + 0.5)),
            (false, false) => {
                // Quotients of the greatest numbers, as TensorFlow has them.
                let (own, other) = (greatest_int(from), greatest_int(to));
                match own > other {
                    true => convert(x[0].floordiv(((own + 1) / (other + 1)) as f64)),
                    false => convert(x[0].cast(to)) * ((other + 1) / (own + 1)) as f64,
                }
            }
        }])
    },
    name: "convert_image_dtype",
    doc: "Images as `dtype`: 0 to 1 for floats, 0 to the greatest number for integers, scaled accordingly (by TensorFlow's \
          integer factors between integers); with `saturate` kept within the range.",
    inputs: Operands::Named(&["images"]),
    attrs: &[required("dtype", AttrKind::DType), optional("saturate", AttrKind::Bool)],
    domain: Domain::Special("tests/ops/convert.rs"),
}

/// Attribute `dtype`, of a number, as that of `x` is.
fn target(b: build::Builder<'_>, x: Expr<'_>) -> Result<DType> {
    Class::Number.check(&x.spec()?)?;
    let to = b.attrs().dtype("dtype").unwrap_or(DType::F32);
    Class::Number.check(&TensorSpec::scalar(to))?;
    Ok(to)
}

fn saturated(x: Expr<'_>, to: DType) -> Expr<'_> {
    let from = x.dtype();
    if to.is_float() || from == to {
        return x.cast(to);
    }
    let (least, greatest) = (least_int(to), greatest_int(to));
    let b = x.b();
    if from.is_float() {
        // Bounds that the float cannot hold are moved to the next one inside: casts of them would be outside.
        let inside = |bound: i128| b.scalar(next_inside(bound, from), from);
        let kept = x.max(inside(least)).min(inside(greatest));
        return x.eq(x).choose(kept, 0.0).cast(to);
    }
    let bound = |value: i128| b.constant(eval::from_ints(from, &[], &[value]).expect("one element"));
    let mut kept = x;
    if least > least_int(from) {
        kept = kept.max(bound(least));
    }
    if greatest < greatest_int(from) {
        kept = kept.min(bound(greatest));
    }
    kept.cast(to)
}

/// The float of `dtype` nearest to an integer that is not beyond it.
fn next_inside(bound: i128, dtype: DType) -> f64 {
    let digits = match dtype {
        DType::F64 => 53,
        DType::F32 => 24,
        DType::F16 => 11,
        _ => 8,
    };
    let size = bound.unsigned_abs();
    let dropped = (128 - size.leading_zeros()).saturating_sub(digits);
    let kept = ((size >> dropped) << dropped) as f64;
    let most = if dtype == DType::F16 { 65504.0 } else { f64::INFINITY };
    kept.min(most) * if bound < 0 { -1.0 } else { 1.0 }
}
