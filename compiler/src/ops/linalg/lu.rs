//! What is made of the factors that [`LU`](super::factor::LU) gives.

use super::solve::triangular;
use super::{matrix, square};
use crate::ops::entry::*;
use crate::ops::indexing::search::{Expects, expected};

const FACTORS: Operands = Operands::Named(&["lu", "p"]);

composite! {
    /// The matrix again.
    LU_RECONSTRUCT, (b, x) => {
        let (lower, upper) = triangles(x[0], x[1])?;
        let (order, dims) = (x[1], x[1].dims()?);
        let each = b.iota(&dims, dims.len() - 1, order.dtype());
        let order = expected(b, Expects::LuPermutation, order, sorted(order).eq(each))?;
        Ok(vec![by_rows(lower.mm(upper), inverse(order))?])
    },
    name: "lu_reconstruct",
    doc: "The matrices whose factors are `lu` and `p`, as `lu` gives them.",
    inputs: FACTORS,
    domain: Domain::Special("tests/ops/spectral.rs"),
}

composite! {
    /// Its inverse.
    LU_MATRIX_INVERSE, (b, x) => {
        let n = square("lu", &x[0].spec()?)?;
        let one = super::identity(b, &n, x[0].dtype()).broadcast_to(&x[0].dims()?);
        Ok(vec![solved(x[0], x[1], one)?])
    },
    name: "lu_matrix_inverse",
    doc: "The inverses of the matrices whose factors are `lu` and `p`.",
    inputs: FACTORS,
    domain: Domain::Special("tests/ops/spectral.rs"),
}

composite! {
    /// A system with it.
    LU_SOLVE, (_b, x) => {
        let [rows, _] = matrix("rhs", &x[2].spec()?)?;
        let (spec, rhs) = (x[0].spec()?, x[2].spec()?);
        if rows != square("lu", &spec)? || spec.dims[..spec.rank() - 2] != rhs.dims[..rhs.rank() - 2] {
            let wanted = format!("`rhs` with the batch and the rows of {spec}");
            return Err(infer::wrong(Kind::Shape, wanted, rhs));
        }
        Ok(vec![solved(x[0], x[1], x[2])?])
    },
    name: "lu_solve",
    doc: "The `x` of `matrix x = rhs` for the matrices whose factors are `lu` and `p`.",
    inputs: Operands::Named(&["lu", "p", "rhs"]),
    domain: Domain::Special("tests/ops/spectral.rs"),
}

/// The lower triangle, with ones on its diagonal, and the upper.
fn triangles<'b>(lu: Expr<'b>, p: Expr<'b>) -> Result<(Expr<'b>, Expr<'b>)> {
    let (spec, order) = (lu.spec()?, p.spec()?);
    square("lu", &spec)?;
    Class::Int.check(&order)?;
    if order.dims[..] != spec.dims[..spec.rank() - 1] {
        return Err(infer::wrong(Kind::Shape, format_args!("a permutation of the rows of {spec} in `p`"), order));
    }
    Ok((lu.lower(true)?.plus_one()?, lu.upper(false)?))
}

fn solved<'b>(lu: Expr<'b>, p: Expr<'b>, rhs: Expr<'b>) -> Result<Expr<'b>> {
    let (lower, upper) = triangles(lu, p)?;
    Ok(triangular(upper, triangular(lower, by_rows(rhs, p)?, true, false), false, false))
}

/// Row `p[i]` in place of row `i`.
fn by_rows<'b>(x: Expr<'b>, p: Expr<'b>) -> Result<Expr<'b>> {
    let index = p.unsqueeze(p.rank()?)?;
    Ok(x.b().apply(&crate::ops::TAKE_ALONG_AXIS, Attrs::new().with("axis", -2i64), &[x, index]))
}

fn sorted(p: Expr<'_>) -> Expr<'_> {
    p.b().apply(&crate::ops::SORT, Attrs::new(), &[p])
}

fn inverse(p: Expr<'_>) -> Expr<'_> {
    p.b().apply(&crate::ops::ARGSORT, Attrs::new(), &[p])
}
