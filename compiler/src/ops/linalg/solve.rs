//! Linear systems, determinants, inverses.

use super::{batch, call, identity, matrix, naive, square};
use crate::graph::opdef::Specs;
use crate::ops::entry::*;

const SYSTEM: Operands = Operands::Named(&["matrix", "rhs"]);
const ADJOINT: AttrDef = optional("adjoint", AttrKind::Bool);

/// `matrix x = rhs`.
pub static SOLVE: OpDef = OpDef {
    name: "solve",
    doc: "The `x` of `matrix x = rhs`, or `matrixᵀ x = rhs` if `adjoint`, by LU factors; the axes before the last two \
          broadcast. A singular matrix is an error.",
    inputs: SYSTEM,
    attrs: &[ADJOINT],
    spec: system,
    grad: rule!(v => gradient(v, !v.b.attrs().bool("adjoint"), &|a, g, adjoint| solve(a, g, adjoint), &Ok)),
    lower: Lower::Library(|c, _| call("linalg.solve", &[c.attrs.bool("adjoint")])),
    eval: |c| {
        let adjoint = c.attrs.bool("adjoint");
        naive::each(c, |x| {
            let a = if adjoint { x[0].transpose() } else { x[0].clone() };
            Ok(vec![naive::solve(&a, &x[1])?])
        })
    },
    domain: Domain::Special("tests/ops/linalg.rs"),
    ..BASE
};

/// `matrix x = rhs` for a triangle.
pub static TRIANGULAR_SOLVE: OpDef = OpDef {
    name: "triangular_solve",
    doc: "The `x` of `matrix x = rhs`, or `matrixᵀ x = rhs` if `adjoint`, for the lower triangle of `matrix` (the upper \
          if `lower` is false); the other is not read. The axes before the last two broadcast. A zero on the diagonal \
          is an error.",
    inputs: SYSTEM,
    attrs: &[optional("lower", AttrKind::Bool), ADJOINT],
    spec: system,
    grad: rule!(v => {
        let lower = is_lower(v.b.attrs());
        let back = |a, g, adjoint| triangular(a, g, lower, adjoint);
        gradient(v, !v.b.attrs().bool("adjoint"), &back, &|g| if lower { g.lower(false) } else { g.upper(false) })
    }),
    lower: Lower::Library(|c, _| call("linalg.triangular_solve", &[is_lower(c.attrs), c.attrs.bool("adjoint")])),
    eval: |c| {
        let (lower, adjoint) = (is_lower(c.attrs), c.attrs.bool("adjoint"));
        naive::each(c, |x| {
            let a = x[0].triangle(lower);
            let a = if adjoint { a.transpose() } else { a };
            Ok(vec![naive::triangular_solve(&a, &x[1], lower != adjoint)?])
        })
    },
    domain: Domain::Special("tests/ops/linalg.rs"),
    ..BASE
};

/// Attribute `lower`, true unless said.
fn is_lower(attrs: &Attrs) -> bool {
    attrs.get("lower").is_none() || attrs.bool("lower")
}

/// The op [`TRIANGULAR_SOLVE`].
pub(super) fn triangular<'b>(a: Expr<'b>, rhs: Expr<'b>, lower: bool, adjoint: bool) -> Expr<'b> {
    a.b().apply(&TRIANGULAR_SOLVE, Attrs::new().with("lower", lower).with("adjoint", adjoint), &[a, rhs])
}

fn solve<'b>(a: Expr<'b>, rhs: Expr<'b>, adjoint: bool) -> Expr<'b> {
    a.b().apply(&SOLVE, Attrs::new().with("adjoint", adjoint), &[a, rhs])
}

/// The spec rule of both.
fn system(c: &SpecCx<'_>) -> Result<Specs> {
    let [a, rhs] = c.inputs else { unreachable!("two operands") };
    let dtype = infer::same_dtype(c.inputs)?;
    let n = square("matrix", a)?;
    let [rows, columns] = matrix("rhs", rhs)?;
    if rows != n {
        return Err(infer::wrong(Kind::Shape, format_args!("`rhs` with {n} rows, as `matrix` has"), rhs));
    }
    let mut dims = infer::broadcast(batch(a), batch(rhs))?;
    dims.extend([rows, columns]);
    infer::one(dtype, dims)
}

/// The gradient rule of both: `back` solves with the matrix transposed if `adjoint`, `kept` is the part of the matrix
/// that was read.
fn gradient<'b>(
    v: &Vjp<'b>,
    adjoint: bool,
    back: &dyn Fn(Expr<'b>, Expr<'b>, bool) -> Expr<'b>,
    kept: &dyn Fn(Expr<'b>) -> Result<Expr<'b>>,
) -> Result<Vec<Option<Expr<'b>>>> {
    let (a, x) = (v.x(), v.y());
    let right = back(a, v.g(), adjoint);
    let left = if v.wanted[0] {
        let outer = if adjoint { right.mm_t(x) } else { x.mm_t(right) };
        Some(kept(-outer)?.sum_to(&a.dims()?)?)
    } else {
        None
    };
    Ok(vec![left, Some(right.sum_to(&v.x1().dims()?)?)])
}

composite! {
    /// The inverse.
    INV, (b, x) => {
        let n = square("x", &x[0].spec()?)?;
        Ok(vec![solve(x[0], identity(b, &n, x[0].dtype()), b.attrs().bool("adjoint"))])
    },
    name: "inv",
    doc: "The inverse of square matrices, of their transposes if `adjoint`. A singular matrix is an error.",
    attrs: &[ADJOINT],
    grad: rule!(v => {
        let (y, g) = (v.y(), v.g());
        // d(x⁻¹) = -x⁻¹ dx x⁻¹
        let g = if v.b.attrs().bool("adjoint") { g.transpose_matrix()? } else { g };
        let y = if v.b.attrs().bool("adjoint") { y.transpose_matrix()? } else { y };
        Ok(vec![Some(-y.t_mm(g).mm_t(y))])
    }),
    domain: Domain::Special("tests/ops/linalg.rs"),
}

/// The determinant.
pub static DET: OpDef = OpDef {
    name: "det",
    doc: "The determinant of square matrices.",
    spec: |c| {
        square("x", &c.inputs[0])?;
        infer::one(c.inputs[0].dtype, batch(&c.inputs[0]).into())
    },
    grad: rule!(v => {
        let singular = v.y().eq(0.0).columns()?.columns()?;
        let n = square("x", &v.x().spec()?)?;
        let regular = singular.choose(identity(v.b, &n, v.x().dtype()).broadcast_to(&v.x().dims()?), v.x());
        let inverse = inverse_transposed(regular) * v.y().columns()?.columns()?;
        Ok(vec![Some(singular.choose(cofactors(v.x())?, inverse) * v.g().columns()?.columns()?)])
    }),
    lower: Lower::Library(|_, _| call("linalg.det", &[])),
    eval: |c| {
        naive::each(c, |x| {
            let (sign, pivots) = naive::pivots(&x[0]);
            Ok(vec![naive::Matrix::row(vec![pivots.iter().fold(sign, |a, b| a * b)])])
        })
    },
    domain: Domain::Special("tests/ops/linalg.rs"),
    ..BASE
};

/// Sign and logarithm of the determinant.
pub static SLOGDET: OpDef = OpDef {
    name: "slogdet",
    doc: "The sign of the determinant of square matrices, and the logarithm of its absolute value: 0 and -∞ for a \
          singular matrix. There is a gradient where the matrix is not singular.",
    spec: |c| {
        square("x", &c.inputs[0])?;
        let one = TensorSpec { dtype: c.inputs[0].dtype, dims: batch(&c.inputs[0]).into() };
        Ok(smallvec::smallvec![one.clone(), one])
    },
    grad: rule!(v => {
        let Some(g) = v.g[1] else { return Ok(vec![None]) };
        Ok(vec![Some(inverse_transposed(v.x()) * g.columns()?.columns()?)])
    }),
    lower: Lower::Library(|_, _| call("linalg.slogdet", &[])),
    eval: |c| {
        naive::each(c, |x| {
            let (sign, pivots) = naive::pivots(&x[0]);
            let sign = pivots.iter().fold(sign, |sign, &p| if p == 0.0 { 0.0 } else { sign * p.signum() });
            let log = pivots.iter().map(|p| p.abs().ln()).sum();
            Ok(vec![naive::Matrix::row(vec![sign]), naive::Matrix::row(vec![log])])
        })
    },
    domain: Domain::Special("tests/ops/linalg.rs"),
    ..BASE
};

/// The cofactors of matrices, singular ones too: with `x = u diag(s) vᵀ` they are `det(u) det(v) u diag(p) vᵀ` where
/// `p[i]` is the product of all singular values but the `i`-th.
fn cofactors(x: Expr<'_>) -> Result<Expr<'_>> {
    let b = x.b();
    let factors = b.apply_all(&super::eigen::SVD, Attrs::new(), &[x]);
    b.check()?;
    let (s, u, v) = (factors[0], factors[1], factors[2]);
    let attrs = Attrs::new().with("axis", -1i64).with("exclusive", true);
    let before = b.apply(&crate::ops::CUMPROD, attrs.clone(), &[s]);
    let after = b.apply(&crate::ops::CUMPROD, attrs.with("reverse", true), &[s]);
    // The determinant of a product of orthogonal matrices: 1 or -1.
    let sign = b.apply(&DET, Attrs::new(), &[u.mm_t(v)]).stop_gradient().columns()?.columns()?;
    Ok((u * (before * after).rows()?).mm_t(v) * sign)
}

fn inverse_transposed(x: Expr<'_>) -> Expr<'_> {
    x.b().apply(&INV, Attrs::new().with("adjoint", true), &[x])
}

composite! {
    /// The logarithm of the determinant.
    LOGDET, (b, x) => {
        let factor = b.apply(&super::factor::CHOLESKY, Attrs::new(), &[x[0]]);
        Ok(vec![factor.diagonal()?.log().sum(&[-1]) * 2.0])
    },
    name: "logdet",
    doc: "The logarithm of the determinant of symmetric positive definite matrices.",
    domain: Domain::Special("tests/ops/linalg.rs"),
}
