//! Functions of whole matrices: powers, exponentials, pseudo-inverses, and what is made of them.

use super::{call, identity, matrix, naive, square};
use crate::ops::entry::*;

/// One line an op: a function of whole matrices, a library routine.
macro_rules! functions {
    ($($static:ident $name:literal $routine:literal $naive:ident $doc:literal;)*) => {$(
        #[doc = $doc]
        pub static $static: OpDef = OpDef {
            name: $name,
            doc: $doc,
            spec: |c| {
                square("x", &c.inputs[0])?;
                infer::same(c)
            },
            grad: rule!(v => Ok(vec![Some(derivative(v, &$static)?)])),
            lower: Lower::Library(|_, _| call($routine, &[])),
            eval: |c| naive::each(c, |x| Ok(vec![naive::$naive(&x[0])?])),
            domain: Domain::Special("tests/ops/spectral.rs"),
            ..BASE
        };
    )*};
}

functions! {
    EXPM "expm" "linalg.expm" expm
        "The matrix exponential, by scaling and squaring of a Padé approximant (Higham, 2005).";
    SQRTM "sqrtm" "linalg.sqrtm" sqrtm
        "The principal square root of square matrices, whose eigenvalues have no negative real parts, by the Schur form \
         (Björck and Hammarling, 1983). A matrix with a negative eigenvalue, whose root would be complex, is an error.";
    LOGM "logm" "linalg.logm" logm
        "The principal logarithm of square matrices, the inverse of `expm`, by roots of the Schur form and a Padé \
         approximant (Higham, 2008). A singular matrix is an error, and one with a negative eigenvalue, whose logarithm \
         would be complex.";
}

/// The cotangent of the matrix. The derivative stands beside the function of a matrix twice as large: Mathias, "A chain
/// rule for matrix functions and applications", 1996.
fn derivative<'b>(v: &Vjp<'b>, function: &'static OpDef) -> Result<Expr<'b>> {
    let n = square("x", &v.x().spec()?)?;
    let (back, g) = (v.x().transpose_matrix()?, v.g());
    let (row, column) = (back.rank()? - 2, back.rank()? - 1);
    let upper = v.b.concat(&[back, g], column);
    let lower = v.b.concat(&[g * 0.0, back], column);
    let whole = v.b.apply(function, Attrs::new(), &[v.b.concat(&[upper, lower], row)]);
    whole.narrow(row, &Dim::ZERO, &n)?.narrow(column, &n, &n)
}

composite! {
    /// Integer powers.
    MATRIX_POWER, (b, x) => {
        let n = square("x", &x[0].spec()?)?;
        let power = b.attrs().int("n").unwrap_or(1);
        if power == 0 {
            // Every matrix, whatever is in it; but the gradient is zero, not missing.
            let never = b.scalar(0.0, DType::F32).ne(0.0);
            return Ok(vec![b.select(never, x[0], identity(b, &n, x[0].dtype()))]);
        }
        let mut square = if power < 0 { b.apply(&super::solve::INV, Attrs::new(), &[x[0]]) } else { x[0] };
        let mut left = power.unsigned_abs();
        let mut product: Option<Expr<'_>> = None;
        loop {
            if left & 1 == 1 {
                product = Some(product.map_or(square, |product| product.mm(square)));
            }
            left >>= 1;
            if left == 0 {
                return Ok(vec![product.unwrap_or(square)]);
            }
            square = square.mm(square);
        }
    },
    name: "matrix_power",
    doc: "Square matrices multiplied `n` times; the inverse's power if `n` is negative, the identity if it is 0.",
    attrs: &[required("n", AttrKind::Int)],
    domain: Domain::Special("tests/ops/linalg.rs"),
}

composite! {
    /// The pseudo-inverse.
    PINV, (b, x) => {
        let [m, n] = matrix("x", &x[0].spec()?)?;
        let factors = b.apply_all(&super::eigen::SVD, Attrs::new(), &[x[0]]);
        b.check()?;
        let (s, u, v) = (factors[0], factors[1], factors[2]);
        let kept = s.gt(cutoff(b, s, &m, &n, "rcond", 10.0)?);
        let inverse = b.select(kept, s, b.scalar(0.0, s.dtype())).reciprocal_or_zero();
        Ok(vec![(v * inverse.rows()?).mm_t(u)])
    },
    name: "pinv",
    doc: "The Moore–Penrose pseudo-inverse. Singular values up to `rcond` times the greatest count as 0; the default \
          is 10 times the greater size times the dtype's precision.",
    attrs: &[optional("rcond", AttrKind::Float)],
    // Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
    // separate", 1973; it holds where the rank does not change.
    grad: rule!(v => {
        let [m, n] = matrix("x", &v.x().spec()?)?;
        let (a, y) = (v.x(), v.y());
        let (g, yt) = (v.g().transpose_matrix()?, y.transpose_matrix()?);
        // Two forms of the same: the one with the smaller products, where that is known.
        Ok(vec![Some(if infer::nonnegative(&(n - m)) {
            let k = g.mm(y);
            let k_yt = k.mm(yt);
            k_yt - y.mm(k).transpose_matrix()? - a.mm(y).mm(k_yt) + yt.mm(y).mm(g - k.mm(a))
        } else {
            let k = y.mm(g);
            let yt_k = yt.mm(k);
            (g - a.mm(k)).mm(y).mm(yt) - k.mm(y).transpose_matrix()? + yt_k - yt_k.mm(y).mm(a)
        })])
    }),
    domain: Domain::Special("tests/ops/linalg.rs"),
}

composite! {
    /// Least squares.
    LSTSQ, (b, x) => {
        let penalty = b.attrs().float("l2_regularizer").unwrap_or(0.0);
        if penalty.is_nan() || penalty < 0.0 {
            return Err(infer::wrong(Kind::Value, "an `l2_regularizer` of at least 0", penalty));
        }
        let [m, n] = matrix("matrix", &x[0].spec()?)?;
        let [rows, columns] = matrix("rhs", &x[1].spec()?)?;
        if rows != m {
            return Err(infer::wrong(Kind::Shape, format_args!("`rhs` with {m} rows, as `matrix` has"), x[1].spec()?));
        }
        let (mut a, mut rhs) = (x[0], x[1]);
        if penalty > 0.0 {
            // |a x - rhs|² + penalty |x|² is the square of one longer residual.
            let more = identity(b, &n, a.dtype()) * penalty.sqrt();
            a = under(a, more, &[n.clone(), n.clone()])?;
            rhs = under(rhs, b.scalar(0.0, rhs.dtype()), &[n, columns])?;
        }
        Ok(vec![b.apply(&PINV, Attrs::new(), &[a]).mm(rhs)])
    },
    name: "lstsq",
    doc: "The `x` for which `|matrix x - rhs|² + l2_regularizer |x|²` is least (`l2_regularizer` defaults to 0); of \
          several the shortest. By the pseudo-inverse, so any rank will do.",
    inputs: Operands::Named(&["matrix", "rhs"]),
    attrs: &[optional("l2_regularizer", AttrKind::Float)],
    domain: Domain::Special("tests/ops/linalg.rs"),
}

composite! {
    /// The rank.
    MATRIX_RANK, (b, x) => {
        let [m, n] = matrix("x", &x[0].spec()?)?;
        let s = b.apply(&super::eigen::SVDVALS, Attrs::new(), &[x[0]]);
        let bound = match b.attrs().float("tol") {
            Some(tol) => b.scalar(tol, s.dtype()),
            None => cutoff(b, s, &m, &n, "", 1.0)?,
        };
        Ok(vec![s.gt(bound).cast(DType::I32).sum(&[-1])])
    },
    name: "matrix_rank",
    doc: "How many singular values are greater than `tol`, as i32; the default is the greatest value times the greater \
          size times the dtype's precision.",
    attrs: &[optional("tol", AttrKind::Float)],
    grad: DISCRETE,
    domain: Domain::Special("tests/ops/linalg.rs"),
}

/// The singular value up to which values count as 0: attribute `ratio`, or `times` the greater size times the
/// precision, times the greatest.
fn cutoff<'b>(b: build::Builder<'b>, s: Expr<'b>, m: &Dim, n: &Dim, ratio: &str, times: f64) -> Result<Expr<'b>> {
    let precision = if s.dtype() == DType::F32 { f32::EPSILON.into() } else { f64::EPSILON };
    let ratio = match b.attrs().float(ratio) {
        Some(ratio) => b.scalar(ratio, s.dtype()),
        None => b.size(&m.maximum(n), s.dtype()) * (times * precision),
    };
    // No value is negative, and of none the greatest is 0.
    let zero = b.scalar(0.0, s.dtype());
    let mut some = s.dims()?;
    some.truncate(some.len() - 1);
    some.push(Dim::ONE);
    let padded = b.concat(&[s, zero.broadcast_to(&some)], some.len() - 1);
    Ok(padded.max_keep(&[-1]) * ratio)
}

/// `below` put under matrices, for each of the batch.
fn under<'b>(above: Expr<'b>, below: Expr<'b>, size: &[Dim]) -> Result<Expr<'b>> {
    let dims = above.dims()?;
    let rank = dims.len();
    let all: Vec<Dim> = dims[..rank - 2].iter().chain(size).cloned().collect();
    Ok(above.b().concat(&[above, below.broadcast_to(&all)], rank - 2))
}
