//! Eigenvalues and eigenvectors of matrices that need not be symmetric: complex numbers.

use super::{batched, call, naive, square};
use crate::ops::entry::*;
use tracelift_runtime::Array;

/// `x v = v diag(e)`.
pub static EIG: OpDef = OpDef {
    name: "eig",
    doc: "Eigenvalues and eigenvectors `e, v` (complex64) of square f32 matrices: `x v = v diag(e)`, in order of the \
          values' real, then imaginary parts. Vectors have length 1, and their first component that is not small is \
          positive. There is a gradient of the values alone, where all differ.",
    spec: |c| {
        let x = &c.inputs[0];
        let n = square("x", x)?;
        if x.dtype != DType::F32 {
            let hint = "eigenvalues are complex64, there is no complex128: convert with `.cast(DType::F32)`";
            return Err(infer::wrong(Kind::DType, "f32 matrices", x).hint(hint));
        }
        let complex = |last: &[Dim]| batched(x, last).with_dtype(DType::Complex64);
        Ok(smallvec::smallvec![complex(std::slice::from_ref(&n)), complex(&[n.clone(), n])])
    },
    grad: rule!(v => {
        if v.g[1].is_some() {
            let text = "there is no gradient of eigenvectors of matrices that need not be symmetric";
            return Err(Error::new(Kind::Gradient, text).hint("`eigh` has one, for symmetric matrices"));
        }
        let Some(g) = v.g[0] else { return Ok(vec![None]) };
        Ok(vec![Some(through_values(v.y[1], g)?)])
    }),
    lower: Lower::Library(|_, _| call("linalg.eig", &[])),
    eval: |c| {
        let (x, shape) = (&c.inputs[0], [eval::shape_of(c, 0)?, eval::shape_of(c, 1)?]);
        let (mut values, mut vectors) = (Vec::new(), Vec::new());
        let single = |&(re, im): &(f64, f64)| [re as f32, im as f32];
        for x in naive::matrices(x) {
            let (e, v) = naive::eig(&x)?;
            values.extend(e.iter().map(single));
            vectors.extend((0..e.len()).flat_map(|i| v.iter().map(move |column| single(&column[i]))));
        }
        Ok(vec![Array::from_slice(&shape[0], &values), Array::from_slice(&shape[1], &vectors)])
    },
    domain: Domain::Special("tests/ops/spectral.rs"),
    ..BASE
};

composite! {
    /// The values alone.
    EIGVALS, (b, x) => {
        let both = b.apply_all(&EIG, Attrs::new(), &[x[0]]);
        b.check()?;
        Ok(vec![both[0]])
    },
    name: "eigvals",
    doc: "The eigenvalues of `eig`.",
    domain: Domain::Special("tests/ops/spectral.rs"),
}

/// The cotangent of matrices with these eigenvectors, from that of the values: `Re(v⁻ᵀ diag(conj(g)) vᵀ)`.
fn through_values<'b>(vectors: Expr<'b>, g: Expr<'b>) -> Result<Expr<'b>> {
    let spec = vectors.spec()?;
    let n = spec.dims[spec.rank() - 1].clone();
    let (row, column) = (spec.rank() - 2, spec.rank() - 1);
    let (re, im) = vectors.parts()?;
    // The inverse of complex matrices, as one of real ones twice as large.
    let b = vectors.b();
    let block = b.concat(&[b.concat(&[re, -im], column), b.concat(&[im, re], column)], row);
    let inverse = b.apply(&super::solve::INV, Attrs::new(), &[block]).narrow(column, &Dim::ZERO, &n)?;
    let (inv_re, inv_im) = (inverse.narrow(row, &Dim::ZERO, &n)?, inverse.narrow(row, &n, &n)?);
    let (g_re, g_im) = g.parts()?;
    let (g_re, g_im) = (g_re.columns()?, g_im.columns()?);
    let (re, im) = (re.transpose_matrix()?, im.transpose_matrix()?);
    Ok(inv_re.t_mm(g_re * re + g_im * im) - inv_im.t_mm(g_re * im - g_im * re))
}
