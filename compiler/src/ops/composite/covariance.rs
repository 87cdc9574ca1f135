//! How variables vary together.

use crate::ops::entry::*;

const ROWVAR: AttrDef = optional("rowvar", AttrKind::Bool);

composite! {
    /// Covariances of variables.
    COV, (b, x) => {
        let c = covariances(b, x[0], b.attrs().float("ddof").unwrap_or(1.0))?;
        Ok(vec![squeezed(c)?])
    },
    name: "cov",
    doc: "The covariances of variables, the rows of `x` (columns unless `rowvar`, which is true by default), of which a list is \
          one, whose variance is a number: sums of products of distances from the means, divided by the number of observations minus `ddof` (default 1, \
          the divisor at least 0).",
    attrs: &[ROWVAR, optional("ddof", AttrKind::Float)],
    domain: Domain::Special("tests/ops/statistics.rs"),
}

composite! {
    /// Correlations of variables.
    CORRCOEF, (b, x) => {
        let c = covariances(b, x[0], 1.0)?;
        let deviation = b.apply(&crate::ops::DIAGONAL, Attrs::new(), &[c]).sqrt();
        let r = c / deviation.unsqueeze(1)? / deviation.unsqueeze(0)?;
        Ok(vec![squeezed(r.max(-1.0).min(1.0))?])
    },
    name: "corrcoef",
    doc: "Pearson's correlations of variables: `cov` divided by the deviations of both, within ±1.",
    attrs: &[ROWVAR],
    domain: Domain::Special("tests/ops/statistics.rs"),
}

/// A number, if there is one variable alone.
fn squeezed(c: Expr<'_>) -> Result<Expr<'_>> {
    Ok(if c.dims()?[0] == Dim::ONE { c.reshape(&[]) } else { c })
}

/// As a matrix.
fn covariances<'b>(b: build::Builder<'b>, x: Expr<'b>, ddof: f64) -> Result<Expr<'b>> {
    let spec = x.spec()?;
    Class::Float.check(&spec)?;
    let is_by_column = matches!(b.attrs().get("rowvar"), Some(crate::graph::AttrValue::Bool(false)));
    let rows = match spec.rank() {
        1 => x.unsqueeze(0)?,
        2 if is_by_column => x.transpose(&[1, 0]),
        2 => x,
        _ => return Err(infer::wrong(Kind::Shape, "variables [variable, observation], or one [observation]", spec)),
    };
    let observations = rows.dims()?[1].clone();
    let far = rows - rows.mean_keep(&[1]);
    let divisor = (b.size(&observations, spec.dtype) - ddof).max(0.0);
    Ok(far.matmul(far, false, true) / divisor)
}
