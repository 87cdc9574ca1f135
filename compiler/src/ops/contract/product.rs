//! Products of two tensors by their names in NumPy: dot, vdot, inner, outer, kron.

use super::tensordot::TENSORDOT;
use crate::base::spec::Dims;
use crate::ops::entry::*;

composite! {
    /// NumPy's `dot`.
    DOT, (b, x) => {
        let (m, n) = (x[0].rank()?, x[1].rank()?);
        Ok(vec![over(b, x, if n > 1 { n - 2 } else { 0 }, m, n)?])
    },
    name: "dot",
    doc: "The sum of products over the last axis of `x` and the last but one (or only) axis of `y`; the product, if \
          either is one number.",
    inputs: XY,
    domain: Domain::Special("tests/ops/special.rs"),
}

composite! {
    /// NumPy's `vdot`.
    VDOT, (b, x) => {
        let [left, right] = [x[0].flat()?, x[1].flat()?];
        if left.dims()? != right.dims()? {
            let found = format!("{} and {}", x[0].spec()?, x[1].spec()?);
            return Err(infer::wrong(Kind::Shape, "tensors of as many elements", found));
        }
        let is_complex = left.dtype() == DType::Complex64;
        let left = if is_complex { b.apply(&crate::ops::CONJ, Attrs::new(), &[left]) } else { left };
        Ok(vec![(left * right).sum(&[0])])
    },
    name: "vdot",
    doc: "The sum of the products of the elements of `x`, complex ones conjugated, and `y`, in row-major order.",
    inputs: XY,
}

composite! {
    /// NumPy's `inner`.
    INNER, (b, x) => {
        let (m, n) = (x[0].rank()?, x[1].rank()?);
        Ok(vec![over(b, x, n.saturating_sub(1), m, n)?])
    },
    name: "inner",
    doc: "The sum of products over the last axes of `x` and `y`; the product, if either is one number.",
    inputs: XY,
    domain: Domain::Special("tests/ops/special.rs"),
}

composite! {
    /// All products.
    OUTER, (_b, x) => {
        let flat = |v: Expr<'_>| -> Result<Dim> { Ok(v.dims()?.iter().product::<Dim>()) };
        let (rows, columns) = (flat(x[0])?, flat(x[1])?);
        Ok(vec![x[0].reshape(&[rows, Dim::ONE]) * x[1].reshape(&[Dim::ONE, columns])])
    },
    name: "outer",
    doc: "The matrix of the products of every element of `x` with every element of `y`.",
    inputs: XY,
}

composite! {
    /// Blocks of `y`, each times an element of `x`.
    KRON, (_b, x) => {
        let (mut left, mut right) = (x[0].dims()?, x[1].dims()?);
        let rank = left.len().max(right.len());
        for dims in [&mut left, &mut right] {
            while dims.len() < rank {
                dims.insert(0, Dim::ONE);
            }
        }
        // Axes of x and y by turns: each pair becomes one axis.
        let pairs = |x_first: bool, dims: &Dims| -> Dims {
            dims.iter().flat_map(|d| if x_first { [d.clone(), Dim::ONE] } else { [Dim::ONE, d.clone()] }).collect()
        };
        let product = x[0].reshape(&pairs(true, &left)) * x[1].reshape(&pairs(false, &right));
        let dims: Dims = left.iter().zip(&right).map(|(a, b)| a.clone() * b.clone()).collect();
        Ok(vec![product.reshape(&dims)])
    },
    name: "kron",
    doc: "The Kronecker product: `x` with each element replaced by it times `y`. The shorter shape is filled up with \
          axes of length 1 in front.",
    inputs: XY,
}

/// The sum of products over the last axis of `x` and axis `axis` of `y`, of these ranks.
fn over<'b>(b: build::Builder<'b>, x: &[Expr<'b>], axis: usize, x_rank: usize, y_rank: usize) -> Result<Expr<'b>> {
    if x_rank == 0 || y_rank == 0 {
        return Ok(x[0] * x[1]);
    }
    if (x_rank, y_rank) == (1, 1) {
        let (m, n) = (x[0].dims()?, x[1].dims()?);
        if m != n {
            let found = format!("{} and {}", x[0].spec()?, x[1].spec()?);
            return Err(infer::wrong(Kind::Shape, "vectors of one length", found));
        }
        return Ok((x[0] * x[1]).sum(&[0]));
    }
    let attrs = Attrs::new().with("axes_x", vec![x_rank as i64 - 1]).with("axes_y", vec![axis as i64]);
    Ok(b.apply(&TENSORDOT, attrs, &[x[0], x[1]]))
}
