//! Matrices given by their diagonals.

use crate::ops::entry::*;

const DIAGONALS: Operands = Operands::Named(&["diagonals", "rhs"]);
const FORMAT: AttrDef = optional("diagonals_format", AttrKind::Str);

composite! {
    /// The product with three diagonals.
    TRIDIAGONAL_MATMUL, (b, x) => {
        let [upper, main, lower] = three(b, x[0], x[1])?;
        let rank = x[1].rank()?;
        let n = x[1].dims()?[rank - 2].clone();
        let rhs = |by: i64| -> Result<Expr<'_>> {
            let (mut before, mut after) = (vec![Dim::ZERO; rank], vec![Dim::ZERO; rank]);
            (before[rank - 2], after[rank - 2]) = (Dim::ONE, Dim::ONE);
            x[1].pad_zeros(&before, &after).narrow(rank - 2, &Dim::from(1 + by), &n)
        };
        // Beyond the ends the padding is 0, whatever the diagonals have there, but for what is no number.
        let [upper, lower] = [(upper, n.clone() - Dim::ONE), (lower, Dim::ZERO)].map(|(diagonal, unused)| {
            let place = b.iota(std::slice::from_ref(&n), 0, DType::I64);
            place.eq(b.size(&unused, DType::I64)).choose(b.scalar(0.0, diagonal.dtype()), diagonal)
        });
        let terms = [(main, x[1]), (upper, rhs(1)?), (lower, rhs(-1)?)].map(|(e, rhs)| Ok(e.unsqueeze(rank - 1)? * rhs));
        let [on, above, below]: [Result<Expr<'_>>; 3] = terms;
        Ok(vec![on? + above? + below?])
    },
    name: "tridiagonal_matmul",
    doc: "The product of tridiagonal matrices, given by `diagonals` `[.., 3, n]` (above the main one, main, below; the last \
          element of the first and the first of the last are not read), and `rhs` `[.., n, k]`. `diagonals_format` is \
          \"compact\".",
    inputs: DIAGONALS,
    attrs: &[FORMAT],
    domain: Domain::Special("tests/ops/linalg.rs"),
}

composite! {
    /// Systems of three diagonals.
    TRIDIAGONAL_SOLVE, (b, x) => {
        let [upper, main, lower] = three(b, x[0], x[1])?;
        let rank = x[1].rank()?;
        let n = x[1].dims()?[rank - 2].clone();
        let row = b.iota(&[n.clone(), Dim::ONE], 0, DType::I64);
        let column = b.iota(std::slice::from_ref(&n), 0, DType::I64);
        let zero = b.scalar(0.0, main.dtype());
        let mut matrix = zero;
        for (diagonal, by) in [(main, 0.0), (upper, 1.0), (lower, -1.0)] {
            matrix = b.select(column.eq(row + by), diagonal.unsqueeze(rank - 1)?, matrix);
        }
        Ok(vec![b.apply(&super::solve::SOLVE, Attrs::new(), &[matrix, x[1]])])
    },
    name: "tridiagonal_solve",
    doc: "The `x` of `matrix x = rhs` for tridiagonal matrices as `tridiagonal_matmul` has them, and `rhs` `[.., n, k]`, by LU \
          factors with pivots. A singular matrix is an error.",
    inputs: DIAGONALS,
    attrs: &[FORMAT],
    domain: Domain::Special("tests/ops/linalg.rs"),
}

composite! {
    /// Systems of a banded triangle.
    BANDED_TRIANGULAR_SOLVE, (b, x) => {
        let (bands, rhs) = (x[0].spec()?, x[1].spec()?);
        let is_lower = b.attrs().get("lower").is_none() || b.attrs().bool("lower");
        let count = bands.rank().checked_sub(2).and_then(|k| bands.dims[k].as_const()).filter(|&k| (1..1 << 16).contains(&k));
        let (Some(count), true) = (count, rhs.rank() >= 2) else {
            let found = format!("{bands} and {rhs}");
            return Err(infer::wrong(Kind::Shape, "bands [.., k, n] with k at least 1, and rhs [.., n, m]", found));
        };
        let last = bands.rank() - 1;
        let n = bands.dims[last].clone();
        if rhs.dims[rhs.rank() - 2] != n {
            return Err(infer::wrong(Kind::Shape, format_args!("`rhs` with {n} rows"), rhs));
        }
        // Lower bands go from the main diagonal down, upper ones from the highest down to the main one.
        let row = b.iota(&[n.clone(), Dim::ONE], 0, DType::I64);
        let column = b.iota(&[n], 0, DType::I64);
        let mut matrix = b.scalar(0.0, bands.dtype);
        for band in 0..count {
            let by = if is_lower { -band } else { count - 1 - band };
            let own = x[0].narrow(last - 1, &band.into(), &Dim::ONE)?;
            let own = own.reshape(&infer::reduced(&bands.dims, &[last - 1], false)).unsqueeze(last)?;
            matrix = b.select(column.eq(row + by as f64), own, matrix);
        }
        let attrs = Attrs::new().with("lower", is_lower).with("adjoint", b.attrs().bool("adjoint"));
        Ok(vec![b.apply(&super::solve::TRIANGULAR_SOLVE, attrs, &[matrix, x[1]])])
    },
    name: "banded_triangular_solve",
    doc: "The `x` of `matrix x = rhs`, or `matrixᵀ x = rhs` if `adjoint`, for lower triangles (upper if `lower` is false) given \
          by `bands` `[.., k, n]`: element j of a band belongs to row j; for lower ones the main diagonal comes first, for \
          upper ones last.",
    inputs: Operands::Named(&["bands", "rhs"]),
    attrs: &[optional("lower", AttrKind::Bool), optional("adjoint", AttrKind::Bool)],
    domain: Domain::Special("tests/ops/linalg.rs"),
}

composite! {
    /// A diagonal of any rank.
    TENSOR_DIAG, (b, x) => {
        let dims = x[0].dims()?;
        let n = x[0].spec()?.numel();
        let flat = x[0].flat()?;
        let row = b.iota(&[n.clone(), Dim::ONE], 0, DType::I64);
        let column = b.iota(std::slice::from_ref(&n), 0, DType::I64);
        let matrix = b.select(row.eq(column), flat, b.scalar(0.0, flat.dtype()));
        Ok(vec![matrix.reshape(&[&dims[..], &dims[..]].concat())])
    },
    name: "tensor_diag",
    doc: "A tensor of twice the rank of `x` with `y[i.., i..] = x[i..]`, and zeros elsewhere.",
    domain: Domain::Special("tests/ops/linalg.rs"),
}

composite! {
    /// A diagonal out of any rank.
    TENSOR_DIAG_PART, (_b, x) => {
        let dims = x[0].dims()?;
        let half = dims.len() / 2;
        if dims.is_empty() || dims[..half] != dims[half..] {
            return Err(infer::wrong(Kind::Shape, "twice the same axes", x[0].spec()?));
        }
        let n = dims[..half].iter().product::<Dim>();
        Ok(vec![x[0].reshape(&[n.clone(), n]).diagonal()?.reshape(&dims[..half])])
    },
    name: "tensor_diag_part",
    doc: "The elements `x[i.., i..]` of a tensor that has each of its axes twice.",
    domain: Domain::Special("tests/ops/linalg.rs"),
}

/// The diagonals above, on and below the main one, if they fit `rhs`.
fn three<'b>(b: build::Builder<'b>, diagonals: Expr<'b>, rhs: Expr<'b>) -> Result<[Expr<'b>; 3]> {
    let (spec, rhs_spec) = (diagonals.spec()?, rhs.spec()?);
    if let Some(format) = b.attrs().str("diagonals_format").filter(|format| *format != "compact") {
        return Err(infer::wrong(Kind::Value, "diagonals_format \"compact\"", format_args!("{format:?}"))
            .hint("stack the diagonals above, on and below the main one along axis -2"));
    }
    let fits = spec.rank() >= 2
        && rhs_spec.rank() == spec.rank()
        && spec.dims[spec.rank() - 2] == Dim::from(3i64)
        && spec.dims[spec.rank() - 1] == rhs_spec.dims[spec.rank() - 2]
        && spec.dims[..spec.rank() - 2] == rhs_spec.dims[..spec.rank() - 2];
    if !fits {
        let found = format!("{spec} and {rhs_spec}");
        return Err(infer::wrong(Kind::Shape, "diagonals [.., 3, n] and rhs [.., n, k]", found));
    }
    super::real(&spec)?;
    infer::same_dtype(&[spec.clone(), rhs_spec])?;
    let axis = spec.rank() - 2;
    let dims = infer::reduced(&spec.dims, &[axis], false);
    let row = |k: i64| Ok(diagonals.narrow(axis, &k.into(), &Dim::ONE)?.reshape(&dims));
    Ok([row(0)?, row(1)?, row(2)?])
}
