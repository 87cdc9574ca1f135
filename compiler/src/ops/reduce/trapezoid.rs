//! Integrals of sampled functions.

use crate::ops::entry::*;

composite! {
    /// The integral by the trapezoidal rule.
    TRAPEZOID, (b, x) => {
        let (spec, points) = (x[0].spec()?, x[1].spec()?);
        Class::Float.check(&spec)?;
        infer::same_dtype(&[spec.clone(), points.clone()])?;
        let axis = infer::axis(b.attrs(), -1, spec.rank())?;
        let distance = match points.rank() {
            0 => x[1],
            1 if points.dims[0] == spec.dims[axis] => {
                let mut along = vec![Dim::ONE; spec.rank()];
                along[axis] = points.dims[0].clone();
                let (left, right) = ends(x[1].reshape(&along), axis)?;
                right - left
            }
            _ if points.dims == spec.dims => {
                let (left, right) = ends(x[1], axis)?;
                right - left
            }
            _ => {
                let wanted = format!("one distance, {} points, or points for each of {spec}", spec.dims[axis]);
                return Err(infer::wrong(Kind::Shape, wanted, points));
            }
        };
        let (left, right) = ends(x[0], axis)?;
        Ok(vec![((left + right) * distance * 0.5).sum(&[axis as i64])])
    },
    name: "trapezoid",
    doc: "The integral along `axis` (default -1) of a function with the values `y` at the points `x`, by the trapezoidal rule. \
          The points are as many as there are values along the axis, or of the shape of `y`; one number is the distance of \
          all neighbours.",
    inputs: Operands::Named(&["y", "x"]),
    attrs: &[optional("axis", AttrKind::Int)],
    domain: Domain::Special("tests/ops/statistics.rs"),
}

/// What the parts between neighbours along an axis have at both ends: one less than there are elements, if there are any.
fn ends(x: Expr<'_>, axis: usize) -> Result<(Expr<'_>, Expr<'_>)> {
    let length = x.dims()?[axis].clone();
    let count = length.clone() - Dim::ONE;
    let count = if infer::nonnegative(&count) { count } else { count.maximum(&Dim::ZERO) };
    let skipped = length - count.clone();
    Ok((x.narrow(axis, &Dim::ZERO, &count)?, x.narrow(axis, &skipped, &count)?))
}
