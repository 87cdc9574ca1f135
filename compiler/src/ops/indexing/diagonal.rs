//! Diagonals: taken out of matrices, put into them. Diagonal `k` lies `k` places right of the main one.

use super::scatter::Place;
use crate::ops::entry::*;

composite! {
    /// A diagonal of two axes, as the last axis.
    DIAGONAL, (b, x) => {
        let rank = x[0].rank()?;
        let axis = |name, default| infer::normalize(b.attrs().int(name).unwrap_or(default), rank);
        let (row, column) = (axis("axis1", 0)?, axis("axis2", 1)?);
        if row == column {
            return Err(infer::wrong(Kind::Shape, "two different axes", format_args!("{row} twice")));
        }
        let mut perm: Vec<usize> = (0..rank).filter(|&k| k != row && k != column).collect();
        perm.extend([row, column]);
        Ok(vec![taken(b, x[0].transpose(&perm), b.attrs().int("offset").unwrap_or(0))?])
    },
    name: "diagonal",
    doc: "The elements `x[.., i, .., i + offset, ..]` of `axis1` (default 0) and `axis2` (default 1) along a new last axis; \
          `offset` (default 0) may be negative.",
    attrs: &[
        optional("offset", AttrKind::Int),
        optional("axis1", AttrKind::Int),
        optional("axis2", AttrKind::Int),
    ],
    domain: Domain::Special("tests/ops/scatter.rs"),
}

composite! {
    /// Diagonals of matrices.
    DIAG_PART, (b, x) => {
        let dims = matrices(x[0])?;
        let (low, high) = range_of(b.attrs())?;
        let (rows, columns) = (&dims[dims.len() - 2], &dims[dims.len() - 1]);
        for k in [low, high] {
            if let Some(length) = length(rows, columns, k).as_const().filter(|&n| n == 0 && !is_empty(&dims)) {
                let found = format!("k = {k}, of length {length}");
                return Err(infer::wrong(Kind::Value, format_args!("a diagonal of {}", infer::shape(&dims)), found));
            }
        }
        if low == high {
            return Ok(vec![taken(b, x[0], low)?]);
        }
        let lengths: Vec<Dim> = (low..=high).map(|k| length(rows, columns, k)).collect();
        let longest = lengths.iter().skip(1).fold(lengths[0].clone(), |a, n| a.maximum(n));
        let mut parts = Vec::new();
        for k in (low..=high).rev() {
            let part = taken(b, x[0], k)?;
            let missing = longest.clone() - length(rows, columns, k);
            let last = part.rank()? - 1;
            let (before, after) = aligned(k, missing);
            parts.push(pad_along(part, last, before, after, padding(b, part)).unsqueeze(last)?);
        }
        Ok(vec![b.concat(&parts, dims.len() - 2)])
    },
    name: "diag_part",
    doc: "Diagonal `k` (default 0) of the matrices in the last two axes; of a pair `k`, the diagonals from the second down to \
          the first, a row each, short ones padded with `padding_value` (default 0): those above the main one on the left, others on \
          the right.",
    attrs: &[optional("k", AttrKind::Ints), PADDING],
    domain: Domain::Special("tests/ops/scatter.rs"),
}

composite! {
    /// Matrices with these diagonals.
    DIAG, (b, x) => {
        let dims = x[0].dims()?;
        let (low, high) = range_of(b.attrs())?;
        let Some(length) = dims.last().cloned() else {
            return Err(infer::wrong(Kind::Shape, "a rank of at least 1", x[0].spec()?));
        };
        let [rows, columns] = sides(b.attrs(), &length, low, high)?;
        let outer = &dims[..dims.len().saturating_sub(if low == high { 1 } else { 2 })];
        let matrix = [outer, &[rows.clone(), columns.clone()]].concat();
        let mut result = padding(b, x[0]).broadcast_to(&matrix);
        for k in low..=high {
            let own = self::length(&rows, &columns, k);
            let row = match low == high {
                true => x[0],
                false => diagonal_row(x[0], high - k, high - low + 1, k, &own)?,
            };
            result = placed(b, result, row, k, &own)?;
        }
        Ok(vec![result])
    },
    name: "diag",
    doc: "Square matrices, just large enough, with the last axis of `x` on diagonal `k` (default 0) and `padding_value` (default \
          0) elsewhere; with a pair `k`, with the rows of `x` on the diagonals from the second down to the first, as `diag_part` \
          gives them. `num_rows` and `num_cols` (-1 for none) make them larger on one side.",
    attrs: &[
        optional("k", AttrKind::Ints),
        optional("num_rows", AttrKind::Int),
        optional("num_cols", AttrKind::Int),
        PADDING,
    ],
    domain: Domain::Special("tests/ops/scatter.rs"),
}

composite! {
    /// Matrices with diagonals replaced.
    SET_DIAG, (b, x) => {
        let dims = matrices(x[0])?;
        let (low, high) = range_of(b.attrs())?;
        let (rows, columns) = (&dims[dims.len() - 2], &dims[dims.len() - 1]);
        let mut result = x[0];
        for k in low..=high {
            let own = length(rows, columns, k);
            let row = match low == high {
                true => x[1],
                false => diagonal_row(x[1], high - k, high - low + 1, k, &own)?,
            };
            let wanted = [&dims[..dims.len() - 2], std::slice::from_ref(&own)].concat();
            if row.dims()?[..] != wanted[..] {
                let wanted = format!("a diagonal of shape {}", infer::shape(&wanted));
                return Err(infer::wrong(Kind::Shape, wanted, x[1].spec()?));
            }
            result = placed(b, result, row, k, &own)?;
        }
        Ok(vec![result])
    },
    name: "set_diag",
    doc: "The matrices in the last two axes of `x` with diagonal `k` (default 0) replaced by the last axis of `diagonal`; with a \
          pair `k`, those from the second down to the first by its rows, as `diag_part` gives them.",
    inputs: Operands::Named(&["x", "diagonal"]),
    attrs: &[optional("k", AttrKind::Ints)],
    domain: Domain::Special("tests/ops/scatter.rs"),
}

/// The farthest diagonal from the main one that may be asked for.
const FARTHEST: u64 = i32::MAX as u64;

/// The first and last diagonal that attribute `k` asks for.
fn range_of(attrs: &Attrs) -> Result<(i64, i64)> {
    let is_near = |k: i64| k.unsigned_abs() <= FARTHEST;
    match attrs.ints("k") {
        None => Ok((0, 0)),
        Some(&[k]) if is_near(k) => Ok((k, k)),
        Some(&[low, high]) if is_near(low) && is_near(high) && (0..1 << 16).contains(&(high - low)) => Ok((low, high)),
        Some(other) => {
            Err(infer::wrong(Kind::Value, "`k`, or a pair `[low, high]` with low <= high", format_args!("{other:?}")))
        }
    }
}

/// What is where no diagonal is.
const PADDING: AttrDef = optional("padding_value", AttrKind::Float);

/// Attribute `padding_value` as an element of `x`.
fn padding<'b>(b: build::Builder<'b>, x: Expr<'b>) -> Expr<'b> {
    b.scalar(b.attrs().float("padding_value").unwrap_or(0.0), x.dtype())
}

/// Rows and columns of matrices whose diagonals from `low` to `high` have at most `length` elements.
fn sides(attrs: &Attrs, length: &Dim, low: i64, high: i64) -> Result<[Dim; 2]> {
    let least = [length.clone() + Dim::from((-high).max(0)), length.clone() + Dim::from(low.max(0))];
    let given = ["num_rows", "num_cols"].map(|name| attrs.int(name).filter(|&n| n != -1));
    let sides = match given {
        // One of the two is the other.
        [None, None] => return Ok(std::array::from_fn(|_| least[usize::from(low > 0)].clone())),
        [rows, columns] => [rows.map_or(least[0].clone(), Dim::from), columns.map_or(least[1].clone(), Dim::from)],
    };
    let fits = |k: usize| infer::nonnegative(&(sides[k].clone() - least[k].clone()));
    if !(fits(0) && fits(1) && (sides[0] == least[0] || sides[1] == least[1])) {
        let wanted = format!("{} rows, or {} columns, and as many or more of the other", least[0], least[1]);
        let found = format!("{} rows and {} columns", sides[0], sides[1]);
        return Err(infer::wrong(Kind::Value, wanted, found));
    }
    Ok(sides)
}

fn matrices(x: Expr<'_>) -> Result<Vec<Dim>> {
    let dims = x.dims()?;
    if dims.len() < 2 {
        return Err(infer::wrong(Kind::Shape, "a rank of at least 2", x.spec()?));
    }
    Ok(dims.to_vec())
}

fn is_empty(dims: &[Dim]) -> bool {
    dims[dims.len() - 2..].contains(&Dim::ZERO)
}

/// The length of diagonal `k` of a matrix.
fn length(rows: &Dim, columns: &Dim, k: i64) -> Dim {
    let below = rows.clone() - Dim::from((-k).max(0));
    let right = columns.clone() - Dim::from(k.max(0));
    let shorter = below.minimum(&right);
    if infer::nonnegative(&shorter) { shorter } else { shorter.maximum(&Dim::ZERO) }
}

/// Diagonal `k` of the matrices in the last two axes.
fn taken<'b>(b: build::Builder<'b>, x: Expr<'b>, k: i64) -> Result<Expr<'b>> {
    let dims = matrices(x)?;
    let outer = &dims[..dims.len() - 2];
    let (rows, columns) = (&dims[outer.len()], &dims[outer.len() + 1]);
    let length = length(rows, columns, k);
    let step = b.size(&(columns.clone() + Dim::ONE), DType::I64);
    let first = columns.clone() * Dim::from((-k).max(0)) + Dim::from(k.max(0));
    let positions = b.iota(&[length], 0, DType::I64) * step + b.size(&first, DType::I64);
    let flat = [outer, &[rows.clone() * columns.clone()]].concat();
    Ok(Place { axis: outer.len() as i64, batch_dims: 0 }.gather(x.reshape(&flat), positions))
}

/// `matrix` with diagonal `k`, of length `length`, replaced by the last axis of `row`.
fn placed<'b>(b: build::Builder<'b>, matrix: Expr<'b>, row: Expr<'b>, k: i64, length: &Dim) -> Result<Expr<'b>> {
    let dims = matrices(matrix)?;
    let rows = dims[dims.len() - 2].clone();
    let last = row.rank()? - 1;
    let above = Dim::from((-k).max(0));
    let below = rows.clone() - above.clone() - length.clone();
    let below = if infer::nonnegative(&below) { below } else { below.maximum(&Dim::ZERO) };
    // A diagonal that lies outside has no elements, and nothing is wanted of it.
    let is_outside = !infer::nonnegative(&(rows.clone() - above.clone()));
    let column = if *length == Dim::ZERO && is_outside {
        b.scalar(0.0, row.dtype())
    } else {
        let column = pad_along(row, last, above, below, b.scalar(0.0, row.dtype()));
        let mut tall = column.dims()?;
        tall[last] = rows.clone();
        column.reshape(&tall).unsqueeze(last + 1)?
    };
    let across = b.iota(&dims[dims.len() - 1..], 0, DType::I64);
    let down = b.iota(&[rows, Dim::ONE], 0, DType::I64);
    let is_there = across.eq(down + b.scalar(k as f64, DType::I64));
    Ok(b.select(is_there, column, matrix))
}

/// Row `index` of `count` diagonals, without the padding of diagonal `k`, which has `length` elements.
fn diagonal_row<'b>(rows: Expr<'b>, index: i64, count: i64, k: i64, length: &Dim) -> Result<Expr<'b>> {
    let dims = rows.dims()?;
    let rank = dims.len();
    if rank < 2 || dims[rank - 2] != Dim::from(count) {
        let wanted = format!("{count} diagonals in the axis before the last");
        return Err(infer::wrong(Kind::Shape, wanted, rows.spec()?));
    }
    let row = rows.narrow(rank - 2, &Dim::from(index), &Dim::ONE)?.reshape(&infer::reduced(&dims, &[rank - 2], false));
    let (before, _) = aligned(k, dims[rank - 1].clone() - length.clone());
    row.narrow(rank - 2, &before, length)
}

/// Where the padding of diagonal `k` goes: before those above the main one, after the others.
fn aligned(k: i64, missing: Dim) -> (Dim, Dim) {
    if k > 0 { (missing, Dim::ZERO) } else { (Dim::ZERO, missing) }
}

/// `value` put around along one axis.
fn pad_along<'b>(x: Expr<'b>, axis: usize, before: Dim, after: Dim, value: Expr<'b>) -> Expr<'b> {
    if before == Dim::ZERO && after == Dim::ZERO {
        return x;
    }
    let widths = |width: Dim| (0..=axis).map(|k| if k == axis { width.clone() } else { Dim::ZERO }).collect::<Vec<_>>();
    let attrs = Attrs::new().with("before", widths(before)).with("after", widths(after));
    x.b().apply(&crate::ops::PAD, attrs, &[x, value])
}
