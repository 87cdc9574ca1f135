//! Between complex numbers and their parts.

use crate::ops::entry::*;

composite! {
    /// From parts.
    COMPLEX, (_b, x) => {
        let specs = [x[0].spec()?, x[1].spec()?];
        match specs.iter().find(|s| s.dtype != DType::F32) {
            Some(other) => Err(infer::wrong(Kind::DType, "f32 parts", other).hint("convert with `.cast(DType::F32)`")),
            None => Ok(vec![x[0].with_imaginary(x[1])?]),
        }
    },
    name: "complex",
    doc: "Complex numbers of these parts, both f32; shapes broadcast.",
    inputs: Operands::Named(&["real", "imag"]),
    domain: Domain::Special("tests/ops/fourier.rs"),
}

composite! {
    /// From magnitude and angle.
    POLAR, (b, x) => {
        let (magnitude, angle) = (x[0], x[1]);
        Ok(vec![b.apply(&COMPLEX, Attrs::new(), &[magnitude * angle.cos(), magnitude * angle.sin()])])
    },
    name: "polar",
    doc: "Complex numbers of these magnitudes and angles, both f32; shapes broadcast.",
    inputs: Operands::Named(&["magnitude", "angle"]),
    domain: Domain::Special("tests/ops/fourier.rs"),
}

/// Ops on complex numbers that take reals, too: as numbers without an imaginary part.
macro_rules! parts {
    ($($static:ident $name:literal $doc:literal $real:expr, $complex:expr;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (_b, x) => {
                let spec = x[0].spec()?;
                if spec.dtype == DType::Complex64 {
                    let of: fn(Expr<'_>) -> Result<Expr<'_>> = $complex;
                    return Ok(vec![of(x[0])?]);
                }
                Class::Float.check(&spec)?;
                let of: fn(Expr<'_>) -> Expr<'_> = $real;
                Ok(vec![of(x[0])])
            },
            name: $name,
            doc: $doc,
            domain: Domain::Special("tests/ops/fourier.rs"),
        }
    )*};
}

fn zeros(x: Expr<'_>) -> Expr<'_> {
    x.b().apply(&crate::ops::ZEROS_LIKE, Attrs::new(), &[x])
}

parts! {
    REAL "real" "The real part." |x| x, |z| Ok(z.parts()?.0);
    IMAG "imag" "The imaginary part." |x| zeros(x), |z| Ok(z.parts()?.1);
    CONJ "conj" "The conjugate: the imaginary part with its sign changed."
        |x| x,
        |z| { let (re, im) = z.parts()?; re.with_imaginary(-im) };
    ANGLE "angle" "The angle to the positive real axis, between -π and π."
        |x| {
            let angle = x.lt(0.0).choose(zeros(x) + std::f64::consts::PI, 0.0);
            x.eq(x).choose(angle, x)
        },
        |z| { let (re, im) = z.parts()?; Ok(z.b().apply(&crate::ops::ATAN2, Attrs::new(), &[im, re])) };
}
