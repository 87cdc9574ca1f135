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

composite! {
    /// Powers of numbers.
    VANDER, (b, x) => {
        let spec = x[0].spec()?;
        Class::Number.check(&spec)?;
        if spec.rank() != 1 {
            return Err(infer::wrong(Kind::Shape, "a list", spec));
        }
        let columns = match b.attrs().int("n") {
            Some(n) if n < 0 => return Err(infer::wrong(Kind::Value, "a number of columns `n` of at least 0", n)),
            Some(n) => n.into(),
            None => spec.dims[0].clone(),
        };
        let place = b.iota(&[Dim::ONE, columns.clone()], 1, spec.dtype);
        let exponent = match b.attrs().bool("increasing") {
            true => place,
            false => b.size(&(columns - Dim::ONE), spec.dtype) - place,
        };
        Ok(vec![x[0].unsqueeze(1)?.pow(exponent)])
    },
    name: "vander",
    doc: "The matrix of the powers of the elements of the list `x`, one in each of `n` columns (default as many as elements): \
          `x^(n - 1), …, x, 1`, or the other way around if `increasing`.",
    attrs: &[optional("n", AttrKind::Int), optional("increasing", AttrKind::Bool)],
    domain: Domain::Special("tests/ops/statistics.rs"),
}
