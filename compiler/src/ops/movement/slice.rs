//! Parts of a tensor.

use super::pad::unslice;
use crate::base::spec::Dims;
use crate::ops::entry::*;

/// A regular part.
pub static SLICE: OpDef = OpDef {
    name: "slice",
    doc: "`dims[i]` elements along axis `i` from `begin[i]` in steps of `strides[i]` (absent: 1; may be negative, \
          not 0).",
    attrs: &[required("begin", AttrKind::Dims), required("dims", AttrKind::Dims), optional("strides", AttrKind::Ints)],
    spec: |c| {
        let (x, dims) = (&c.inputs[0], infer::lengths(c.attrs)?);
        let begin = c.attrs.dims("begin").unwrap_or_default();
        let strides = strides(c.attrs, x.rank());
        for (what, len) in [("begin", begin.len()), ("dims", dims.len()), ("strides", strides.len())] {
            if len != x.rank() {
                let wanted = format!("{} numbers in `{what}`, one an axis", x.rank());
                return Err(infer::wrong(Kind::Shape, wanted, len));
            }
        }
        for axis in 0..x.rank() {
            check_axis(axis, &x.dims[axis], &begin[axis], strides[axis], &dims[axis])?;
        }
        infer::one(x.dtype, dims)
    },
    grad: rule!(v => {
        let dims = v.x().dims()?;
        let begin = v.b.attrs().dims("begin").unwrap_or_default();
        Ok(vec![Some(unslice(v.g(), begin, &strides(v.b.attrs(), dims.len()), &dims)?)])
    }),
    lower: Lower::Movement(Movement::Slice),
    eval: |c| {
        let x = &c.inputs[0];
        let (begin, strides) = (eval::const_dims(c.attrs, "begin")?, strides(c.attrs, x.shape().len()));
        let source = |index: &[usize]| {
            let at: Vec<usize> = (0..index.len()).map(|i| (begin[i] + index[i] as i64 * strides[i]) as usize).collect();
            eval::offset(x.shape(), &at)
        };
        Ok(vec![eval::pick(x, &eval::shape_of(c, 0)?, source)?])
    },
    domain: Domain::Special("tests/ops/movement.rs"),
    ..BASE
};

composite! {
    /// Python's slices.
    STRIDED_SLICE, (b, x) => {
        let dims = x[0].dims()?;
        let (begin, end) = (list(b.attrs(), "begin")?, list(b.attrs(), "end")?);
        let strides = match b.attrs().ints("strides") {
            Some(strides) => strides.to_vec(),
            None => vec![1; begin.len()],
        };
        if begin.len() > dims.len() || end.len() != begin.len() || strides.len() != begin.len() || strides.contains(&0) {
            let wanted = format!("at most {} of `begin`, `end` and `strides`, as many of each, no stride 0", dims.len());
            return Err(infer::wrong(Kind::Shape, wanted, format_args!("begin {begin:?}, end {end:?}, strides {strides:?}")));
        }
        let mask = |name| b.attrs().int(name).unwrap_or(0);
        let (begin_mask, end_mask, shrink) = (mask("begin_mask"), mask("end_mask"), mask("shrink_axis_mask"));
        let has = |mask: i64, i: usize| i < 63 && mask >> i & 1 == 1;
        let (mut from, mut sizes, mut steps) = (Dims::new(), Dims::new(), Vec::new());
        let (mut wanted, mut kept) = (Dims::new(), Dims::new());
        for (i, dim) in dims.iter().enumerate() {
            let (start, size, step) = if i >= begin.len() {
                (Dim::ZERO, dim.clone(), 1)
            } else if has(shrink, i) {
                if strides[i] < 0 {
                    let wanted = format!("a positive stride where axis {i} is dropped");
                    return Err(infer::wrong(Kind::Value, wanted, strides[i]));
                }
                let (start, size) = element(begin[i], dim).ok_or_else(|| {
                    let text = format!("index {} is out of range for axis {i} of length {dim}", begin[i]);
                    Error::new(Kind::Shape, text)
                })?;
                (start, size, 1)
            } else {
                let first = (!has(begin_mask, i)).then_some(begin[i]);
                let last = (!has(end_mask, i)).then_some(end[i]);
                let (start, size) = range(first, last, strides[i], dim);
                (start, size, strides[i])
            };
            if i >= begin.len() || !has(shrink, i) {
                kept.push(size.clone());
            }
            wanted.push(if i < begin.len() && has(shrink, i) { Dim::ONE } else { size.clone() });
            from.push(start);
            sizes.push(size);
            steps.push(step);
        }
        Ok(vec![checked(x[0].slice(&from, &steps, &sizes), &wanted)?.reshape(&kept)])
    },
    name: "strided_slice",
    doc: "`x[begin:end:strides]` as in Python: negative positions count from the end, positions are clamped. Bit `i` of \
          `begin_mask` or `end_mask`: that bound is left open; of `shrink_axis_mask`: element `begin[i]` alone, its \
          axis dropped. Axes beyond the list are taken whole.",
    attrs: &[
        required("begin", AttrKind::Ints),
        required("end", AttrKind::Ints),
        optional("strides", AttrKind::Ints),
        optional("begin_mask", AttrKind::Int),
        optional("end_mask", AttrKind::Int),
        optional("shrink_axis_mask", AttrKind::Int),
    ],
    domain: Domain::Special("tests/ops/movement.rs"),
}

/// Positions beyond it are as good as at it.
const LIMIT: i64 = 1 << 60;

/// First position and number of elements of Python's `[first:last:stride]` along an axis of length `dim`.
pub fn range(first: Option<i64>, last: Option<i64>, stride: i64, dim: &Dim) -> (Dim, Dim) {
    // Going up, positions are clamped to 0 ..= dim; going down, to -1 ..= dim - 1.
    let (low, high) = if stride > 0 { (Dim::ZERO, dim.clone()) } else { (Dim::from(-1i64), dim.clone() - Dim::ONE) };
    // No axis is as long as the limit, and sizes can be added to it without overflow.
    let clamp = |position: i64| match position.clamp(-LIMIT, LIMIT) {
        p if p >= 0 => Dim::from(p).minimum(&high),
        p => (dim.clone() + Dim::from(p)).maximum(&low),
    };
    let start = first.map_or_else(|| if stride > 0 { low.clone() } else { high.clone() }, clamp);
    let stop = last.map_or_else(|| if stride > 0 { high.clone() } else { low.clone() }, clamp);
    let distance = if stride > 0 { stop - start.clone() } else { start.clone() - stop };
    if infer::nonnegative(&(Dim::ZERO - distance.clone())) {
        return (start, Dim::ZERO);
    }
    let distance = if infer::nonnegative(&distance) { distance } else { distance.positive_part() };
    (start, distance.ceil_div(&Dim::from(stride.saturating_abs())))
}

/// Where element `at` (from the end if negative) of an axis lies, and how many elements are there: 1, or, if only the
/// program's run can tell, a size that is 1 or 0. None if there is none.
pub fn element(at: i64, dim: &Dim) -> Option<(Dim, Dim)> {
    let position = if at < 0 { dim.clone() + Dim::from(at) } else { Dim::from(at) };
    if infer::nonnegative(&position) && infer::nonnegative(&(dim.clone() - position.clone() - Dim::ONE)) {
        return Some((position, Dim::ONE));
    }
    let (begin, size) = range(Some(at), (at != -1).then(|| at.saturating_add(1)), 1, dim);
    (size != Dim::ZERO).then_some((begin, size))
}

/// Elements `[first:last]` along an axis, which must be `count`: what only the run can tell is checked then.
pub(in crate::ops) fn exactly<'b>(
    x: Expr<'b>,
    axis: usize,
    first: Option<i64>,
    last: Option<i64>,
    count: i64,
) -> Result<Expr<'b>> {
    let mut dims = x.dims()?;
    let (begin, size) = range(first, last, 1, &dims[axis]);
    dims[axis] = Dim::from(count);
    checked(x.narrow(axis, &begin, &size)?, &dims)
}

/// A part that should have this shape. One cut off at the end of an axis is found out when the program runs.
fn checked<'b>(part: Expr<'b>, wanted: &[Dim]) -> Result<Expr<'b>> {
    if part.dims()?[..] == *wanted {
        return Ok(part);
    }
    Ok(part.b().apply(&crate::ops::CHECKED_SHAPE, Attrs::new().with("dims", wanted), &[part]))
}

/// An error unless every element taken along an axis is there.
fn check_axis(axis: usize, dim: &Dim, begin: &Dim, stride: i64, size: &Dim) -> Result<()> {
    // One element for each of none would be read where there is none.
    if stride == 0 {
        return Err(infer::wrong(Kind::Shape, format!("a step other than 0 along axis {axis}"), stride));
    }
    let steps = (size.clone() - Dim::ONE) * Dim::from(stride);
    let (lowest, highest) =
        if stride > 0 { (begin.clone(), begin.clone() + steps) } else { (begin.clone() + steps, begin.clone()) };
    let inside = |low: &Dim| infer::nonnegative(low) && infer::nonnegative(&(dim.clone() - highest.clone() - Dim::ONE));
    if *size == Dim::ZERO || inside(&lowest) || fits(dim, begin, stride, size) {
        return Ok(());
    }
    let taken = format!("{size} elements from {begin} in steps of {stride}");
    Err(Error::new(Kind::Shape, format!("{taken} reach outside axis {axis} of length {dim}")))
}

/// Whether a possibly empty range lies inside. One that may be empty has no first element, so its begin need not be.
fn fits(dim: &Dim, begin: &Dim, stride: i64, size: &Dim) -> bool {
    if stride == 1 {
        let rest = dim.clone() - begin.clone() - size.clone();
        return infer::nonnegative(begin) && infer::nonnegative(&rest);
    }
    // As Python's ranges are made: size = ceil(max(distance, 0) / |stride|), with |distance| in reach.
    let reach = if stride > 0 { dim.clone() - begin.clone() } else { begin.clone() + Dim::ONE };
    let step = Dim::from(stride.saturating_abs());
    let most = reach.maximum(&Dim::ZERO).ceil_div(&step);
    let start = if stride > 0 {
        infer::nonnegative(begin)
    } else {
        infer::nonnegative(&(dim.clone() - begin.clone() - Dim::ONE))
    };
    start && (most == *size || reach.ceil_div(&step) == *size || infer::nonnegative(&(most - size.clone())))
}

pub(super) fn strides(attrs: &Attrs, rank: usize) -> Vec<i64> {
    attrs.ints("strides").map_or_else(|| vec![1; rank], <[i64]>::to_vec)
}

fn list(attrs: &Attrs, name: &str) -> Result<Vec<i64>> {
    attrs
        .ints(name)
        .map(<[i64]>::to_vec)
        .ok_or_else(|| infer::wrong(Kind::Shape, format_args!("attribute `{name}`"), "none"))
}
