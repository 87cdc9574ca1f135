//! Polynomials.

use crate::ops::entry::*;

composite! {
    /// A polynomial's value.
    POLYVAL, (b, x) => {
        let (coeffs, spec) = (x[0].spec()?, x[1].spec()?);
        infer::same_dtype(&[coeffs.clone(), spec.clone()])?;
        Class::Number.check(&spec)?;
        let Some(count) = coeffs.dims.first().and_then(Dim::as_const) else {
            return Err(infer::wrong(Kind::Shape, "coefficients whose number is known before the call", coeffs));
        };
        let inner = &coeffs.dims[1..];
        let dims = infer::broadcast(inner, &spec.dims)?;
        let mut y = b.scalar(0.0, spec.dtype);
        for k in 0..infer::result_count(count)? as i64 {
            let coefficient = x[0].narrow(0, &k.into(), &Dim::ONE)?.reshape(inner);
            y = if k == 0 { coefficient } else { y * x[1] + coefficient };
        }
        Ok(vec![y.broadcast_to(&dims)])
    },
    name: "polyval",
    doc: "The polynomial with the coefficients `coeffs[0]`, of the highest power, to `coeffs[n]`, which broadcast against `x`: \
          `coeffs[0] x^n + … + coeffs[n]`, by Horner's scheme; 0 without coefficients.",
    inputs: Operands::Named(&["coeffs", "x"]),
    domain: Domain::Special("tests/ops/convert.rs"),
}
