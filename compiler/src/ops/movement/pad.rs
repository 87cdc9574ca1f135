//! A value put around.

use super::slice::exactly;
use crate::base::spec::Dims;
use crate::ops::entry::*;

/// A value put around.
pub static PAD: OpDef = OpDef {
    name: "pad",
    doc: "`before[i]` and `after[i]` copies of `value` (rank 0) put around `x` along axis `i`.",
    inputs: Operands::Named(&["x", "value"]),
    attrs: &[required("before", AttrKind::Dims), required("after", AttrKind::Dims)],
    spec: |c| {
        let [x, value] = c.inputs else { unreachable!("two operands") };
        infer::same_dtype(c.inputs)?;
        if value.rank() != 0 {
            return Err(infer::wrong(Kind::Shape, "a value of rank 0", value));
        }
        let side = |name| -> Result<&[Dim]> {
            let widths = c.attrs.dims(name).unwrap_or_default();
            if widths.len() != x.rank() {
                let wanted = format!("{} widths in `{name}`, one an axis", x.rank());
                return Err(infer::wrong(Kind::Shape, wanted, infer::shape(widths)));
            }
            match widths.iter().find(|w| !infer::nonnegative(w)) {
                Some(bad) => Err(infer::wrong(Kind::Shape, format_args!("widths of at least 0 in `{name}`"), bad)),
                None => Ok(widths),
            }
        };
        let (before, after) = (side("before")?, side("after")?);
        let dims = x.dims.iter().zip(before.iter().zip(after)).map(|(d, (b, a))| d.clone() + b.clone() + a.clone());
        infer::one(x.dtype, dims.collect())
    },
    grad: rule!(v => {
        let before = v.b.attrs().dims("before").unwrap_or_default();
        let dims = v.x().dims()?;
        let inside = v.g().slice(before, &vec![1; dims.len()], &dims);
        let all: Vec<i64> = (0..dims.len() as i64).collect();
        // What flowed into the padding is everything but what flowed into `x`.
        let outside = v.wanted[1].then(|| v.g().sum(&all) - inside.sum(&all));
        Ok(vec![Some(inside), outside])
    }),
    lower: Lower::Movement(Movement::Pad),
    eval: |c| {
        let [x, value] = c.inputs else { unreachable!("two operands") };
        let before = eval::const_dims(c.attrs, "before")?;
        eval::with_element!(x.dtype(), T => {
            let shape = eval::shape_of(c, 0)?;
            let mut out = tracelift_runtime::Array::zeros(x.dtype(), &shape)?;
            out.as_mut_slice::<T>().fill(value.as_slice::<T>()[0]);
            for (index, &element) in eval::indices(x.shape()).zip(x.as_slice::<T>()) {
                let at: Vec<usize> = index.iter().zip(&before).map(|(&i, &b)| i + b as usize).collect();
                out.as_mut_slice::<T>()[eval::offset(&shape, &at)] = element;
            }
            Ok(vec![out])
        })
    },
    domain: Domain::Special("tests/ops/movement.rs"),
    ..BASE
};

macro_rules! mirrored {
    ($($static:ident $name:literal $doc:literal $skip:literal;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, x) => {
                each_axis(x[0], b.attrs(), |y, axis, before, after| {
                    let room = y.dims()?[axis].as_const().map(|length| (length - $skip).max(0));
                    if let Some(room) = room.filter(|&room| before.max(after) > room) {
                        let wanted = format!("widths of at most {room} along axis {axis}");
                        return Err(infer::wrong(Kind::Shape, wanted, before.max(after)));
                    }
                    let mirrored = |first: i64, last: Option<i64>, width: i64| match width {
                        0 => Ok(None),
                        _ => Ok(Some(exactly(y, axis, Some(first), last, width)?.reverse(&[axis as i64]))),
                    };
                    let head = mirrored($skip, Some(before.saturating_add($skip)), before)?;
                    let tail = mirrored((-after).saturating_sub($skip), ($skip > 0).then_some(-$skip), after)?;
                    let parts: Vec<_> = head.into_iter().chain([y]).chain(tail).collect();
                    Ok(if parts.len() == 1 { y } else { b.concat(&parts, axis) })
                })
            },
            name: $name,
            doc: $doc,
            attrs: &[required("paddings", AttrKind::Ints)],
            domain: Domain::Special("tests/ops/movement.rs"),
        }
    )*};
}

mirrored! {
    PAD_REFLECT "pad_reflect"
        "Mirrored at the edges, which are not repeated; `paddings` holds the widths before and after, axis by axis." 1;
    PAD_SYMMETRIC "pad_symmetric"
        "Mirrored at the edges, which are repeated; `paddings` holds the widths before and after, axis by axis." 0;
}

macro_rules! continued {
    ($($static:ident $name:literal $doc:literal ($index:ident, $last:ident) => $inside:expr;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, x) => {
                each_axis(x[0], b.attrs(), |y, axis, before, after| {
                    if before == 0 && after == 0 {
                        return Ok(y);
                    }
                    let dim = y.dims()?[axis].clone();
                    if dim == Dim::ZERO {
                        let wanted = format!("something to continue along axis {axis}");
                        return Err(infer::wrong(Kind::Shape, wanted, "no elements"));
                    }
                    let padded = dim.clone() + Dim::from(before) + Dim::from(after);
                    let $index = b.iota(&[padded], 0, DType::I64) - before as f64;
                    let $last = b.size(&(dim - Dim::ONE), DType::I64);
                    Ok(b.apply(&super::gather::GATHER, Attrs::new().with("axis", axis as i64), &[y, $inside]))
                })
            },
            name: $name,
            doc: $doc,
            attrs: &[required("paddings", AttrKind::Ints)],
            domain: Domain::Special("tests/ops/axes.rs"),
        }
    )*};
}

continued! {
    PAD_EDGE "pad_edge"
        "The elements at the edges repeated outwards; `paddings` holds the widths before and after, axis by axis."
        (index, last) => index.max(0.0).min(last);
    PAD_WRAP "pad_wrap"
        "Continued with the elements from the other end; `paddings` holds the widths before and after, axis by axis."
        (index, last) => index.floormod(last + 1.0);
}

/// Pads axis by axis: `pad` gets what was padded so far, the axis, and the widths before and after.
fn each_axis<'b>(
    x: Expr<'b>,
    attrs: &Attrs,
    pad: impl Fn(Expr<'b>, usize, i64, i64) -> Result<Expr<'b>>,
) -> Result<Vec<Expr<'b>>> {
    let mut widths = paddings(attrs, x.rank()?)?.chunks(2).enumerate();
    let padded = widths.try_fold(x, |y, (axis, widths)| pad(y, axis, widths[0], widths[1]));
    Ok(vec![padded?])
}

/// Attribute `paddings`: two widths an axis.
fn paddings(attrs: &Attrs, rank: usize) -> Result<&[i64]> {
    let widths = attrs.ints("paddings").unwrap_or_default();
    if widths.len() != 2 * rank || widths.iter().any(|&w| w < 0) {
        let wanted = format!("{} widths of at least 0 in `paddings`, two an axis", 2 * rank);
        return Err(infer::wrong(Kind::Shape, wanted, format_args!("{widths:?}")));
    }
    Ok(widths)
}

/// The gradient of slicing: `g` put back where it was taken from, zeros elsewhere.
pub(super) fn unslice<'b>(g: Expr<'b>, begin: &[Dim], strides: &[i64], dims: &[Dim]) -> Result<Expr<'b>> {
    let mut sizes = g.dims()?;
    let backwards: Vec<i64> = (0..strides.len()).filter(|&i| strides[i] < 0).map(|i| i as i64).collect();
    let mut g = if backwards.is_empty() { g } else { g.reverse(&backwards) };
    let mut lowest: Dims = begin.iter().cloned().collect();
    for axis in 0..strides.len() {
        let (stride, count) = (strides[axis], sizes[axis].clone());
        if stride < 0 {
            // Without elements there is no lowest one, and any place will do.
            let last = begin[axis].clone() + (count.clone() - Dim::ONE) * Dim::from(stride);
            lowest[axis] = if infer::nonnegative(&last) { last } else { last.maximum(&Dim::ZERO) };
        }
        let step = stride.saturating_abs();
        if step > 1 && count != Dim::ONE {
            // Each element gets `step - 1` zeros behind it: an axis of length `step`, merged.
            let mut apart = sizes.clone();
            apart.insert(axis + 1, Dim::ONE);
            let (zeros, mut behind) = (vec![Dim::ZERO; apart.len()], vec![Dim::ZERO; apart.len()]);
            behind[axis + 1] = Dim::from(step - 1);
            sizes[axis] = count * Dim::from(step);
            g = g.reshape(&apart).pad_zeros(&zeros, &behind).reshape(&sizes);
        }
    }
    let mut after = Dims::new();
    for (axis, dim) in dims.iter().enumerate() {
        let missing = dim.clone() - lowest[axis].clone() - sizes[axis].clone();
        after.push(if infer::nonnegative(&missing) { missing } else { missing.maximum(&Dim::ZERO) });
    }
    let padded = g.pad_zeros(&lowest, &after);
    if padded.dims()?[..] == *dims {
        return Ok(padded);
    }
    Ok(padded.slice(&vec![Dim::ZERO; dims.len()], &vec![1; dims.len()], dims))
}
