//! Axes moved, and elements moved along them.

use super::gather::GATHER;
use crate::ops::entry::*;

composite! {
    /// Axes moved to other places.
    MOVEAXIS, (b, x) => {
        let rank = x[0].rank()?;
        let list = |name| b.attrs().ints(name).unwrap_or_default();
        let (source, destination) = (list("source"), list("destination"));
        if source.len() != destination.len() {
            let found = format!("{source:?} and {destination:?}");
            return Err(infer::wrong(Kind::Shape, "as many places in `destination` as axes in `source`", found));
        }
        infer::distinct(source, rank)?;
        infer::distinct(destination, rank)?;
        let place = |axes: &[i64]| axes.iter().map(|&a| infer::normalize(a, rank)).collect::<Result<Vec<usize>>>();
        let (source, destination) = (place(source)?, place(destination)?);
        let mut left = (0..rank).filter(|axis| !source.contains(axis));
        let perm: Vec<usize> = (0..rank)
            .filter_map(|to| match destination.iter().position(|&d| d == to) {
                Some(k) => Some(source[k]),
                None => left.next(),
            })
            .collect();
        Ok(vec![x[0].transpose(&perm)])
    },
    name: "moveaxis",
    doc: "Axis `source[i]` put at place `destination[i]`; the other axes keep their order.",
    attrs: &[required("source", AttrKind::Ints), required("destination", AttrKind::Ints)],
    domain: Domain::Special("tests/ops/axes.rs"),
}

composite! {
    /// Two axes exchanged.
    SWAPAXES, (b, x) => {
        let rank = x[0].rank()?;
        let axis = |name| b.attrs().int(name).unwrap_or(0);
        // Of a tensor without axes NumPy's callers exchange axis 0 or -1 with itself.
        if rank == 0 && [axis("axis1"), axis("axis2")].iter().all(|a| matches!(a, 0 | -1)) {
            return Ok(vec![x[0]]);
        }
        let mut perm: Vec<usize> = (0..rank).collect();
        perm.swap(infer::normalize(axis("axis1"), rank)?, infer::normalize(axis("axis2"), rank)?);
        Ok(vec![x[0].transpose(&perm)])
    },
    name: "swapaxes",
    doc: "Axes `axis1` and `axis2` exchanged.",
    attrs: &[required("axis1", AttrKind::Int), required("axis2", AttrKind::Int)],
    domain: Domain::Special("tests/ops/axes.rs"),
}

composite! {
    /// Elements moved around an axis.
    ROLL, (b, x) => {
        let dims = x[0].dims()?;
        let shifts = b.attrs().ints("shift").unwrap_or_default();
        let (mut y, axes) = match b.attrs().ints("axes") {
            Some(axes) => (x[0], axes.to_vec()),
            None => (x[0].flat()?, vec![0; shifts.len()]),
        };
        let shifts = if shifts.len() == 1 { vec![shifts[0]; axes.len()] } else { shifts.to_vec() };
        if shifts.len() != axes.len() {
            let found = format!("shift {shifts:?}, axes {axes:?}");
            return Err(infer::wrong(Kind::Shape, "one shift, or one for each axis", found));
        }
        let lengths = y.dims()?;
        for (&shift, &axis) in shifts.iter().zip(&axes) {
            let axis = infer::normalize(axis, lengths.len())?;
            y = rolled(y, axis, &lengths[axis], shift)?;
        }
        Ok(vec![y.reshape(&dims)])
    },
    name: "roll",
    doc: "Each element moved `shift[i]` places along `axes[i]`; those that leave at the end come in at the beginning. Without \
          axes: all elements as one list.",
    attrs: &[required("shift", AttrKind::Ints), optional("axes", AttrKind::Ints)],
    domain: Domain::Special("tests/ops/axes.rs"),
}

composite! {
    /// Turned by right angles.
    ROT90, (b, x) => {
        let rank = x[0].rank()?;
        let axes = b.attrs().ints("axes").unwrap_or(&[0, 1]);
        let plane = axes.iter().map(|&a| infer::normalize(a, rank)).collect::<Result<Vec<usize>>>()?;
        let [from, to] = plane[..] else {
            return Err(infer::wrong(Kind::Shape, "two axes", format_args!("{axes:?}")));
        };
        if from == to {
            return Err(infer::wrong(Kind::Shape, "two different axes", format_args!("{axes:?}")));
        }
        let mut swap: Vec<usize> = (0..rank).collect();
        swap.swap(from, to);
        Ok(vec![match b.attrs().int("k").unwrap_or(1).rem_euclid(4) {
            0 => x[0],
            1 => x[0].reverse(&[to as i64]).transpose(&swap),
            2 => x[0].reverse(&[from as i64, to as i64]),
            _ => x[0].transpose(&swap).reverse(&[to as i64]),
        }])
    },
    name: "rot90",
    doc: "Turned `k` times (default 1) by 90 degrees in the plane of `axes` (default 0 and 1), from the first to the second.",
    attrs: &[optional("k", AttrKind::Int), optional("axes", AttrKind::Ints)],
    domain: Domain::Special("tests/ops/axes.rs"),
}

composite! {
    /// Coordinates of a grid.
    MESHGRID, (b, x) => {
        let is_xy = match b.attrs().str("indexing").unwrap_or("xy") {
            "xy" => true,
            "ij" => false,
            other => return Err(infer::wrong(Kind::Value, "`indexing` \"xy\" or \"ij\"", format_args!("{other:?}"))),
        };
        let lists = x.iter().map(|list| list.flat()).collect::<Result<Vec<_>>>()?;
        let axis_of = |k: usize| if is_xy && x.len() > 1 && k < 2 { 1 - k } else { k };
        let mut grid = vec![Dim::ONE; x.len()];
        for (k, list) in lists.iter().enumerate() {
            grid[axis_of(k)] = list.dims()?[0].clone();
        }
        let spread = lists.iter().enumerate().map(|(k, list)| {
            let mut along = vec![Dim::ONE; x.len()];
            along[axis_of(k)] = grid[axis_of(k)].clone();
            list.reshape(&along).broadcast_to(&grid)
        });
        Ok(spread.collect())
    },
    name: "meshgrid",
    doc: "A grid with an axis for each of the lists: result `k` is list `k` along its axis, the same along the others. With \
          `indexing` \"xy\" (the default) the first two axes are exchanged, with \"ij\" not.",
    inputs: Operands::Variadic { name: "lists", least: 1 },
    attrs: &[optional("indexing", AttrKind::Str)],
    domain: Domain::Special("tests/ops/axes.rs"),
}

/// Moved by `shift` places around an axis of this length.
fn rolled<'b>(x: Expr<'b>, axis: usize, length: &Dim, shift: i64) -> Result<Expr<'b>> {
    match length.as_const() {
        Some(n) if n < 2 => Ok(x),
        Some(n) => {
            let shift = shift.rem_euclid(n);
            if shift == 0 {
                return Ok(x);
            }
            let (head, tail) = (Dim::from(n - shift), Dim::from(shift));
            let parts = [x.narrow(axis, &head, &tail)?, x.narrow(axis, &Dim::ZERO, &head)?];
            Ok(x.b().concat(&parts, axis))
        }
        None => {
            let n = x.b().size(length, DType::I64);
            let shift = x.b().size(&Dim::from(shift), DType::I64);
            let index = x.b().iota(std::slice::from_ref(length), 0, DType::I64) - shift;
            Ok(x.b().apply(&GATHER, Attrs::new().with("axis", axis as i64), &[x, index.floormod(n)]))
        }
    }
}
