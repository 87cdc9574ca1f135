//! Triangular and orthogonal factors, with Murray's gradient of Cholesky ("Differentiation of the Cholesky
//! decomposition", 2016) and Walter and Lehmann's of QR ("Algorithmic differentiation of linear algebra functions with
//! application in optimum experimental design", 2012).

use super::solve::triangular;
use super::{batched, call, lesser, matrix, naive, square};
use crate::ops::entry::*;

/// `l lᵀ = x`.
pub static CHOLESKY: OpDef = OpDef {
    name: "cholesky",
    doc: "The lower triangular `l` of `l lᵀ = x` for symmetric positive definite matrices, of which only the lower \
          triangle is read. A matrix that is not positive definite is an error.",
    spec: |c| {
        square("x", &c.inputs[0])?;
        infer::same(c)
    },
    grad: rule!(v => {
        let (l, g) = (v.y(), v.g().lower(false)?);
        // Half the diagonal: it is both in the lower and in the upper triangle.
        let inner = l.t_mm(g).lower(false)?;
        let inner = inner - (inner.keep(|row, column| row.eq(column))? * 0.5);
        let left = triangular(l, inner, true, true);
        let whole = triangular(l, left.transpose_matrix()?, true, true);
        Ok(vec![Some(whole.symmetrized()?)])
    }),
    lower: Lower::Library(|_, _| call("linalg.cholesky", &[])),
    eval: |c| naive::each(c, |x| Ok(vec![naive::cholesky(&x[0])?])),
    domain: Domain::Special("tests/ops/linalg.rs"),
    ..BASE
};

/// `l u = x[p]`.
pub static LU: OpDef = OpDef {
    name: "lu",
    doc: "LU factors of square matrices with row exchanges: `lu` holds the upper triangle `u` and, below the diagonal, \
          `l`, whose diagonal is 1; `p` (i32) says which row of `x` each row of `l u` is. A singular matrix is an error.",
    spec: |c| {
        let n = square("x", &c.inputs[0])?;
        Ok(smallvec::smallvec![c.inputs[0].clone(), batched(&c.inputs[0], &[n]).with_dtype(DType::I32)])
    },
    grad: rule!(v => {
        let Some(g) = v.g[0] else { return Ok(vec![None]) };
        let (l, u) = (v.y[0].lower(true)?.plus_one()?, v.y[0].upper(false)?);
        let inner = l.t_mm(g.lower(true)?).lower(true)? + g.upper(false)?.mm_t(u).upper(false)?;
        let rows = triangular(u, triangular(l, inner, true, true).transpose_matrix()?, false, false).transpose_matrix()?;
        let back = v.b.apply(&crate::ops::ARGSORT, Attrs::new(), &[v.y[1]]).columns()?;
        let attrs = Attrs::new().with("axis", -2i64);
        Ok(vec![Some(v.b.apply(&crate::ops::TAKE_ALONG_AXIS, attrs, &[rows, back]))])
    }),
    lower: Lower::Library(|_, _| call("linalg.lu", &[])),
    eval: |c| {
        naive::each(c, |x| {
            let (lu, order) = naive::lu(&x[0]);
            if lu.diagonal().contains(&0.0) {
                return Err(naive::singular());
            }
            Ok(vec![lu, naive::Matrix::row(order.iter().map(|&r| r as f64).collect())])
        })
    },
    domain: Domain::Special("tests/ops/linalg.rs"),
    ..BASE
};

/// `q r = x`.
pub static QR: OpDef = OpDef {
    name: "qr",
    doc: "`q r = x` with orthonormal columns `q` and upper triangular `r`, whose diagonal is not negative. `q` has \
          as many columns as `x` has rows if `full_matrices`, else no more than `x` has columns.",
    attrs: &[optional("full_matrices", AttrKind::Bool)],
    spec: |c| {
        let x = &c.inputs[0];
        let [m, n] = matrix("x", x)?;
        let width = if c.attrs.bool("full_matrices") { m.clone() } else { lesser(&m, &n) };
        Ok(smallvec::smallvec![batched(x, &[m, width.clone()]), batched(x, &[width, n])])
    },
    grad: rule!(v => {
        let [m, n] = matrix("x", &v.x().spec()?)?;
        let is_known_thin = infer::nonnegative(&(m.clone() - n.clone()));
        let is_known_wide = infer::nonnegative(&(n.clone() - m.clone()));
        if v.b.attrs().bool("full_matrices") && !is_known_wide {
            let text = "there is no gradient of full factors of matrices with more rows than columns";
            return Err(Error::new(Kind::Gradient, text).hint("leave `full_matrices` out"));
        }
        let (q, r) = (v.y[0], v.y[1]);
        if is_known_thin {
            return Ok(vec![Some(thin(q, r, v.g[0], v.g[1])?)]);
        }
        // [q r1, q r2] = [x1, x2]: the square part on the left decides q, and r2 = qᵀ x2. Without columns on the right it
        // is the thin case, so that this serves sizes which only the call tells too.
        let (last, k) = (v.x().rank()? - 1, lesser(&m, &n));
        let rest = n - k.clone();
        let x2 = v.x().narrow(last, &k, &rest)?;
        let r1 = r.narrow(last, &Dim::ZERO, &k)?;
        let Some(gr) = v.g[1] else {
            let left = thin(q, r1, v.g[0], None)?;
            return Ok(vec![Some(v.b.concat(&[left, x2 * 0.0], last))]);
        };
        let (gr1, gr2) = (gr.narrow(last, &Dim::ZERO, &k)?, gr.narrow(last, &k, &rest)?);
        let through = x2.mm_t(gr2);
        let left = thin(q, r1, Some(v.g[0].map_or(through, |g| g + through)), Some(gr1))?;
        Ok(vec![Some(v.b.concat(&[left, q.mm(gr2)], last))])
    }),
    lower: Lower::Library(|_, _| call("linalg.qr", &[])),
    eval: |c| {
        let full = c.attrs.bool("full_matrices");
        naive::each(c, |x| {
            let (q, r) = naive::qr(&x[0], full);
            Ok(vec![q, r])
        })
    },
    domain: Domain::Special("tests/ops/linalg.rs"),
    ..BASE
};

/// The cotangent of `x = q r`, which has no more columns than rows.
fn thin<'b>(q: Expr<'b>, r: Expr<'b>, gq: Option<Expr<'b>>, gr: Option<Expr<'b>>) -> Result<Expr<'b>> {
    let inner = match (gr, gq) {
        (Some(gr), Some(gq)) => r.mm_t(gr) - gq.t_mm(q),
        (Some(gr), None) => r.mm_t(gr),
        (None, Some(gq)) => -gq.t_mm(q),
        (None, None) => return Ok(q.mm(r) * 0.0),
    };
    let mirrored = inner.lower(false)? + inner.lower(true)?.transpose_matrix()?;
    let left = q.mm(mirrored);
    let left = gq.map_or(left, |gq| gq + left);
    // left r⁻ᵀ = (r⁻¹ leftᵀ)ᵀ
    triangular(r, left.transpose_matrix()?, false, false).transpose_matrix()
}

composite! {
    /// The solution with a Cholesky factor.
    CHOLESKY_SOLVE, (_b, x) => {
        Ok(vec![triangular(x[0], triangular(x[0], x[1], true, false), true, true)])
    },
    name: "cholesky_solve",
    doc: "The `x` of `l lᵀ x = rhs` for lower triangular `chol = l`, as `cholesky` gives it.",
    inputs: Operands::Named(&["chol", "rhs"]),
    domain: Domain::Special("tests/ops/linalg.rs"),
}
