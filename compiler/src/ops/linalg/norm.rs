//! Norms and traces of matrices.

use super::{matrix, real};
use crate::ops::entry::*;

/// The axes of a matrix.
const BOTH: [i64; 2] = [-2, -1];

composite! {
    /// The norm of matrices.
    MATRIX_NORM, (b, x) => {
        real(&x[0].spec()?)?;
        let (x, keepdims) = (x[0], b.attrs().bool("keepdims"));
        let rank = x.rank()?;
        let axes = b.attrs().ints("axes").unwrap_or(&[-2, -1]);
        let [row, column] = axes else {
            return Err(infer::wrong(Kind::Shape, "two axes", format_args!("{axes:?}")));
        };
        let (row, column) = (infer::normalize(*row, rank)?, infer::normalize(*column, rank)?);
        infer::distinct(axes, rank)?;
        // The two axes last; the result, of length 1 along both, goes back to their places.
        let mut order: Vec<usize> = (0..rank).filter(|&a| a != row && a != column).collect();
        order.extend([row, column]);
        let x = x.transpose(&order);
        let norm = norm(x, b.attrs().str("ord").unwrap_or("euclidean"))?;
        if !keepdims {
            let dims = norm.dims()?;
            return Ok(vec![norm.reshape(&dims[..rank - 2])]);
        }
        let mut back = vec![0; rank];
        order.iter().enumerate().for_each(|(place, &axis)| back[axis] = place);
        Ok(vec![norm.transpose(&back)])
    },
    name: "matrix_norm",
    doc: "The norm `ord` of the matrices along two `axes` (default the last two): \"fro\" (or \"euclidean\", the \
          default) the root of the sum of squares, \"nuc\" the sum of the singular values, \"2\" and \"-2\" the greatest \
          and the least of them, \"1\" and \"-1\" the greatest and the least column sum of absolute values, \"inf\" and \
          \"-inf\" those of row sums. `keepdims` keeps the axes with length 1.",
    attrs: &[
        optional("ord", AttrKind::Str),
        optional("axes", AttrKind::Ints),
        optional("keepdims", AttrKind::Bool),
    ],
    domain: Domain::Special("tests/ops/linalg.rs"),
}

composite! {
    /// The sum of the diagonal.
    TRACE, (_b, x) => {
        let spec = x[0].spec()?;
        Class::Number.check(&spec)?;
        if spec.rank() < 2 {
            matrix("x", &spec.with_dtype(DType::F32))?;
        }
        Ok(vec![x[0].keep(|row, column| row.eq(column))?.sum(&[-2, -1])])
    },
    name: "trace",
    doc: "The sum of the diagonal of matrices.",
    domain: Domain::Special("tests/ops/linalg.rs"),
}

/// The norm `ord` over the last two axes, which stay with length 1.
fn norm<'b>(x: Expr<'b>, ord: &str) -> Result<Expr<'b>> {
    let reduced = |op, x: Expr<'b>| x.b().apply(op, Attrs::new().with("axes", &BOTH[..]).with("keepdims", true), &[x]);
    let least = |x: Expr<'b>| reduced(&crate::ops::REDUCE_MIN, x);
    let values = || x.b().apply(&super::eigen::SVDVALS, Attrs::new(), &[x]).columns();
    Ok(match ord {
        "fro" | "euclidean" => reduced(&crate::ops::REDUCE_EUCLIDEAN_NORM, x),
        "nuc" => values()?.sum_keep(&BOTH),
        "1" => x.abs().sum_keep(&[-2]).max_keep(&BOTH),
        "-1" => least(x.abs().sum_keep(&[-2])),
        "inf" => x.abs().sum_keep(&[-1]).max_keep(&BOTH),
        "-inf" => least(x.abs().sum_keep(&[-1])),
        "2" => values()?.max_keep(&BOTH),
        "-2" => least(values()?),
        other => {
            let known = "`ord` to be \"fro\", \"nuc\", \"1\", \"-1\", \"2\", \"-2\", \"inf\" or \"-inf\"";
            return Err(infer::wrong(Kind::Value, known, format_args!("\"{other}\"")));
        }
    })
}
