//! Products beyond `matmul`.

use crate::ops::entry::*;

composite! {
    /// Each matrix transposed.
    MATRIX_TRANSPOSE, (_b, x) => {
        at_least(2, "x", x[0])?;
        Ok(vec![x[0].transpose_matrix()?])
    },
    name: "matrix_transpose",
    doc: "The last two axes exchanged.",
    domain: Domain::Special("tests/ops/linalg.rs"),
}

composite! {
    /// Each matrix transposed and conjugated.
    ADJOINT, (_b, x) => {
        at_least(2, "x", x[0])?;
        Ok(vec![x[0].transpose_matrix()?])
    },
    name: "adjoint",
    doc: "The last two axes exchanged, complex numbers conjugated.",
    domain: Domain::Special("tests/ops/linalg.rs"),
}

composite! {
    /// Matrix times vector.
    MATVEC, (b, x) => {
        at_least(2, "matrix", x[0])?;
        at_least(1, "vector", x[1])?;
        let product = x[0].matmul(x[1].columns()?, b.attrs().bool("transpose_a"), false);
        let dims = product.dims()?;
        Ok(vec![product.reshape(&dims[..dims.len() - 1])])
    },
    name: "matvec",
    doc: "Matrices (transposed if `transpose_a`) times vectors, the last axis of `vector`; the axes before broadcast.",
    inputs: Operands::Named(&["matrix", "vector"]),
    attrs: &[optional("transpose_a", AttrKind::Bool)],
    domain: Domain::Special("tests/ops/linalg.rs"),
}

composite! {
    /// Products of many matrices.
    MULTI_DOT, (_b, x) => {
        let count = x.len();
        let mut all = x.to_vec();
        for (k, operand) in x.iter().enumerate() {
            let rank = operand.rank()?;
            let is_end = k == 0 || k + 1 == count;
            if rank != 2 && !(rank == 1 && is_end && count > 1) {
                return Err(infer::wrong(Kind::Shape, "matrices, or a vector at either end", operand.spec()?));
            }
            if rank == 1 {
                all[k] = if k == 0 { operand.rows()? } else { operand.columns()? };
            }
        }
        let mut sizes: Vec<Dim> = vec![all[0].dims()?[0].clone()];
        for operand in &all {
            sizes.push(operand.dims()?[1].clone());
        }
        let known: Option<Vec<f64>> = sizes.iter().map(|d| d.as_const().map(|c| c as f64)).collect();
        // Sizes known only at run time: from left to right.
        let split = known.map(|sizes| cheapest(&sizes));
        let product = chain(&all, 0, count - 1, &|i, j| split.as_ref().map_or(j - 1, |split| split[i][j]));
        let ends = [(x[0].rank()?, sizes[0].clone()), (x[count - 1].rank()?, sizes[count].clone())];
        let dims: Vec<Dim> = ends.into_iter().filter(|(rank, _)| *rank == 2).map(|(_, size)| size).collect();
        Ok(vec![product.reshape(&dims)])
    },
    name: "multi_dot",
    doc: "The product of matrices, in the order of fewest multiplications (Cormen et al., \"Introduction to \
          algorithms\", 15.2). The first and the last may be vectors: a row, a column.",
    inputs: Operands::Variadic { name: "xs", least: 1 },
    domain: Domain::Special("tests/ops/linalg.rs"),
}

/// Where to split each product of factors `i..=j`, whose sizes are `sizes[i]` × `sizes[i + 1]`.
fn cheapest(sizes: &[f64]) -> Vec<Vec<usize>> {
    let count = sizes.len() - 1;
    let mut cost = vec![vec![0.0; count]; count];
    let mut split = vec![vec![0; count]; count];
    for length in 1..count {
        for i in 0..count - length {
            let j = i + length;
            cost[i][j] = f64::INFINITY;
            for k in i..j {
                let total = cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1];
                if total < cost[i][j] {
                    (cost[i][j], split[i][j]) = (total, k);
                }
            }
        }
    }
    split
}

fn chain<'b>(all: &[Expr<'b>], i: usize, j: usize, split: &dyn Fn(usize, usize) -> usize) -> Expr<'b> {
    if i == j {
        return all[i];
    }
    let k = split(i, j);
    chain(all, i, k, split).mm(chain(all, k + 1, j, split))
}

composite! {
    /// The cross product.
    CROSS, (b, x) => {
        let common = infer::broadcast_all(&[x[0].spec()?, x[1].spec()?])?;
        let axis = infer::axis(b.attrs(), -1, common.len())?;
        for operand in x {
            let dims = operand.dims()?;
            let own = (axis + dims.len()).checked_sub(common.len()).map(|own| dims[own].clone());
            if own != Some(Dim::from(3usize)) {
                let wanted = format!("vectors of 3 components along axis {axis}");
                return Err(infer::wrong(Kind::Shape, wanted, operand.spec()?));
            }
        }
        let [x, y] = [x[0].broadcast_to(&common), x[1].broadcast_to(&common)];
        let parts = [component(x, y, axis, 0)?, component(x, y, axis, 1)?, component(x, y, axis, 2)?];
        Ok(vec![b.concat(&parts, axis)])
    },
    name: "cross",
    doc: "The cross product of vectors of three components along `axis` (default -1); the other axes broadcast.",
    inputs: XY,
    attrs: &[optional("axis", AttrKind::Int)],
    domain: Domain::Special("tests/ops/linalg.rs"),
}

/// Component `k` of the cross product.
fn component<'b>(x: Expr<'b>, y: Expr<'b>, axis: usize, k: usize) -> Result<Expr<'b>> {
    let part = |v: Expr<'b>, k: usize| v.narrow(axis, &Dim::from(k % 3), &Dim::ONE);
    Ok(part(x, k + 1)? * part(y, k + 2)? - part(x, k + 2)? * part(y, k + 1)?)
}

fn at_least(rank: usize, name: &str, x: Expr<'_>) -> Result<()> {
    let spec = x.spec()?;
    if spec.rank() >= rank {
        return Ok(());
    }
    Err(infer::wrong(Kind::Shape, format_args!("a rank of at least {rank} for `{name}`"), spec))
}
