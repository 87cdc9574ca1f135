//! Singular values and vectors, eigenvalues and eigenvectors.
//!
//! Vectors are unique up to their sign where values are distinct; the first component that is not small is made
//! positive. Gradients are those of Giles ("An extended collection of matrix derivative results", 2008). Where values
//! coincide there is no derivative of the vectors: the coefficients that would be infinite count as 0.

use super::{batched, call, lesser, matrix, naive, square};
use crate::ops::entry::*;

/// `x = u diag(s) vᵀ`.
pub static SVD: OpDef = OpDef {
    name: "svd",
    doc: "Singular values and vectors `s, u, v` (in this order, TensorFlow's) of `x = u diag(s) vᵀ`, the greatest value \
          first. `u` and `v` are square if `full_matrices`, else have as many columns as there are values.",
    attrs: &[optional("full_matrices", AttrKind::Bool)],
    spec: |c| {
        let x = &c.inputs[0];
        let [m, n] = matrix("x", x)?;
        let size = lesser(&m, &n);
        let full = c.attrs.bool("full_matrices");
        let [wide_u, wide_v] = [&m, &n].map(|all| if full { all.clone() } else { size.clone() });
        Ok(smallvec::smallvec![batched(x, &[size]), batched(x, &[m, wide_u]), batched(x, &[n, wide_v])])
    },
    grad: rule!(v => {
        let [m, n] = matrix("x", &v.x().spec()?)?;
        if v.b.attrs().bool("full_matrices") && m != n && (v.g[1].is_some() || v.g[2].is_some()) {
            let text = "there is no gradient of full singular vectors: those beyond the values are not unique";
            return Err(Error::new(Kind::Gradient, text).hint("leave `full_matrices` out"));
        }
        let (s, mut u, mut w) = (v.y[0], v.y[1], v.y[2]);
        let size = lesser(&m, &n);
        let last = u.rank()? - 1;
        (u, w) = (u.narrow(last, &Dim::ZERO, &size)?, w.narrow(last, &Dim::ZERO, &size)?);
        let squares = s.square();
        // e[j, k] = s[k]² - s[j]²
        let e = (squares.rows()? - squares.columns()?).reciprocal_or_zero();
        let mut inner = match v.g[0] {
            Some(g) => g.diagonal_matrix()?,
            None => s.diagonal_matrix()? * 0.0,
        };
        if let Some(g) = v.g[1] {
            inner = inner + turning(u, g, e)? * s.rows()?;
        }
        if let Some(g) = v.g[2] {
            inner = inner + turning(w, g, e)? * s.columns()?;
        }
        let mut result = u.mm(inner).mm_t(w);
        let by_values = s.reciprocal_or_zero().rows()?;
        if let Some(g) = v.g[1].filter(|_| m != size) {
            result = result + ((g - u.mm(u.t_mm(g))) * by_values).mm_t(w);
        }
        if let Some(g) = v.g[2].filter(|_| n != size) {
            result = result + (u * by_values).mm_t(g - w.mm(w.t_mm(g)));
        }
        Ok(vec![Some(result)])
    }),
    lower: Lower::Library(|_, _| call("linalg.svd", &[])),
    eval: |c| {
        let full = c.attrs.bool("full_matrices");
        naive::each(c, |x| {
            let (s, u, v) = naive::svd(&x[0], full);
            Ok(vec![naive::Matrix::row(s), u, v])
        })
    },
    domain: Domain::Special("tests/ops/linalg.rs"),
    ..BASE
};

/// The part of a cotangent that turns vectors among each other, divided by `e`.
fn turning<'b>(vectors: Expr<'b>, g: Expr<'b>, e: Expr<'b>) -> Result<Expr<'b>> {
    let p = vectors.t_mm(g);
    Ok((p - p.transpose_matrix()?) * e)
}

/// Singular values.
pub static SVDVALS: OpDef = OpDef {
    name: "svdvals",
    doc: "The singular values of matrices, the greatest first.",
    spec: |c| {
        let [m, n] = matrix("x", &c.inputs[0])?;
        Ok(smallvec::smallvec![batched(&c.inputs[0], &[lesser(&m, &n)])])
    },
    grad: rule!(v => {
        let factors = v.b.apply_all(&SVD, Attrs::new(), &[v.x()]);
        v.b.check()?;
        Ok(vec![Some((factors[1] * v.g().rows()?).mm_t(factors[2]))])
    }),
    lower: Lower::Library(|_, _| call("linalg.svdvals", &[])),
    eval: |c| naive::each(c, |x| Ok(vec![naive::Matrix::row(naive::svd(&x[0], false).0)])),
    domain: Domain::Special("tests/ops/linalg.rs"),
    ..BASE
};

/// `x v = v diag(e)`.
pub static EIGH: OpDef = OpDef {
    name: "eigh",
    doc: "Eigenvalues and eigenvectors `e, v` of symmetric matrices, `x v = v diag(e)`, the least value first. Only the \
          lower triangle is read; the gradient is symmetric.",
    spec: |c| {
        let n = square("x", &c.inputs[0])?;
        Ok(smallvec::smallvec![batched(&c.inputs[0], &[n]), c.inputs[0].clone()])
    },
    grad: rule!(v => {
        let (e, vectors) = (v.y[0], v.y[1]);
        let values = match v.g[0] {
            Some(g) => g.diagonal_matrix()?,
            None => e.diagonal_matrix()? * 0.0,
        };
        let inner = match v.g[1] {
            // f[j, k] = 1 / (e[k] - e[j])
            Some(g) => values + vectors.t_mm(g) * (e.rows()? - e.columns()?).reciprocal_or_zero(),
            None => values,
        };
        Ok(vec![Some(vectors.mm(inner).mm_t(vectors).symmetrized()?)])
    }),
    lower: Lower::Library(|_, _| call("linalg.eigh", &[])),
    eval: |c| {
        naive::each(c, |x| {
            let (e, v) = naive::eigh(&x[0]);
            Ok(vec![naive::Matrix::row(e), v])
        })
    },
    domain: Domain::Special("tests/ops/linalg.rs"),
    ..BASE
};

/// Eigenvalues.
pub static EIGVALSH: OpDef = OpDef {
    name: "eigvalsh",
    doc: "The eigenvalues of symmetric matrices, the least first. Only the lower triangle is read; the gradient is \
          symmetric.",
    spec: |c| {
        let n = square("x", &c.inputs[0])?;
        Ok(smallvec::smallvec![batched(&c.inputs[0], &[n])])
    },
    grad: rule!(v => {
        let factors = v.b.apply_all(&EIGH, Attrs::new(), &[v.x()]);
        v.b.check()?;
        Ok(vec![Some((factors[1] * v.g().rows()?).mm_t(factors[1]))])
    }),
    lower: Lower::Library(|_, _| call("linalg.eigvalsh", &[])),
    eval: |c| naive::each(c, |x| Ok(vec![naive::Matrix::row(naive::eigh(&x[0]).0)])),
    domain: Domain::Special("tests/ops/linalg.rs"),
    ..BASE
};

macro_rules! tridiagonal {
    ($($static:ident $name:literal $of:ident $doc:literal;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, x) => {
                let results = b.apply_all(&$of, Attrs::new(), &[from_diagonals(x[0], x[1])?]);
                b.check()?;
                Ok(results)
            },
            name: $name,
            doc: $doc,
            inputs: Operands::Named(&["alpha", "beta"]),
            domain: Domain::Special("tests/ops/spectral.rs"),
        }
    )*};
}

tridiagonal! {
    EIGH_TRIDIAGONAL "eigh_tridiagonal" EIGH
        "Eigenvalues, the least first, and eigenvectors of symmetric matrices with the diagonal `alpha` `[.., n]` and `beta` \
         `[.., n - 1]` above and below it.";
    EIGVALSH_TRIDIAGONAL "eigvalsh_tridiagonal" EIGVALSH "The eigenvalues of `eigh_tridiagonal`.";
}

/// Symmetric matrices with these diagonals.
fn from_diagonals<'b>(alpha: Expr<'b>, beta: Expr<'b>) -> Result<Expr<'b>> {
    let (a, b) = (alpha.spec()?, beta.spec()?);
    infer::same_dtype(&[a.clone(), b.clone()])?;
    let fits = match (a.dims.split_last(), b.dims.split_last()) {
        (Some((n, batch)), Some((less, other))) => batch == other && less.clone() + Dim::ONE == *n,
        _ => false,
    };
    if !fits {
        return Err(infer::wrong(Kind::Shape, "alpha [.., n] and beta [.., n - 1]", format_args!("{a} and {b}")));
    }
    let along = |x: Expr<'b>, k: i64| x.b().apply(&crate::ops::DIAG, Attrs::new().with("k", vec![k]), &[x]);
    Ok(along(alpha, 0) + along(beta, 1) + along(beta, -1))
}
