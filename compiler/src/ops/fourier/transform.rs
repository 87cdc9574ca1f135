//! The transforms users call: of one, two and three axes, the inverses with their factor.

use super::dft::{DFT, IRDFT, RDFT, halved, length};
use crate::ops::entry::*;

/// Transforms of complex tensors over the last axes.
macro_rules! complex {
    ($($static:ident $name:literal $axes:literal $inverse:literal $doc:literal;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (_b, x) => {
                rank_at_least($axes, x[0])?;
                Ok(vec![over_last(x[0], $axes, $inverse)?])
            },
            name: $name,
            doc: $doc,
            domain: Domain::Special("tests/ops/fourier.rs"),
        }
    )*};
}

complex! {
    FFT "fft" 1 false "The discrete Fourier transform of complex numbers over the last axis.";
    IFFT "ifft" 1 true "The inverse of `fft`.";
    FFT2D "fft2d" 2 false "The discrete Fourier transform of complex numbers over the last two axes.";
    IFFT2D "ifft2d" 2 true "The inverse of `fft2d`.";
    FFT3D "fft3d" 3 false "The discrete Fourier transform of complex numbers over the last three axes.";
    IFFT3D "ifft3d" 3 true "The inverse of `fft3d`.";
}

/// Transforms between f32 and complex tensors over the last axes.
macro_rules! real {
    ($($static:ident $name:literal $axes:literal $of:ident $doc:literal;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (_b, x) => Ok(vec![$of(x[0], $axes)?]),
            name: $name,
            doc: $doc,
            attrs: &[optional("fft_length", AttrKind::Ints)],
            domain: Domain::Special("tests/ops/fourier.rs"),
        }
    )*};
}

real! {
    RFFT "rfft" 1 forward
        "`fft` of f32: the first `n / 2 + 1` coefficients along the last axis, of which the others are conjugates. The \
         axis is cut or filled with zeros to `fft_length`.";
    IRFFT "irfft" 1 backward
        "The inverse of `rfft`: f32 along a last axis of `fft_length`, by default twice one less than there are \
         coefficients, which are cut or filled with zeros to fit.";
    RFFT2D "rfft2d" 2 forward "As `rfft`, over the last two axes; `fft_length` has two lengths.";
    IRFFT2D "irfft2d" 2 backward "The inverse of `rfft2d`.";
    RFFT3D "rfft3d" 3 forward "As `rfft`, over the last three axes; `fft_length` has three lengths.";
    IRFFT3D "irfft3d" 3 backward "The inverse of `rfft3d`.";
}

fn forward(x: Expr<'_>, axes: usize) -> Result<Expr<'_>> {
    rank_at_least(axes, x)?;
    length(&x.spec()?, DType::F32)?;
    let first = x.rank()? - axes;
    let mut x = x;
    for (k, n) in lengths(x.b().attrs(), axes)?.into_iter().flatten().enumerate() {
        x = resized(x, first + k, &n.into())?;
    }
    let x = x.b().apply(&RDFT, Attrs::new(), &[x]);
    over(x, first..first + axes - 1, false)
}

fn backward(x: Expr<'_>, axes: usize) -> Result<Expr<'_>> {
    rank_at_least(axes, x)?;
    let m = length(&x.spec()?, DType::Complex64)?;
    let first = x.rank()? - axes;
    let (mut x, mut n) = (x, (m - Dim::ONE) * Dim::from(2usize));
    if let Some(given) = lengths(x.b().attrs(), axes)? {
        for (k, &len) in given[..axes - 1].iter().enumerate() {
            x = resized(x, first + k, &len.into())?;
        }
        n = given[axes - 1].into();
        x = resized(x, first + axes - 1, &halved(&n))?;
    }
    let x = over(x, first..first + axes - 1, true)?;
    let whole = x.b().apply(&IRDFT, Attrs::new().with("length", vec![n.clone()]), &[x]);
    Ok(whole / x.b().size(&n, DType::F32))
}

/// Attribute `fft_length`: as many lengths as axes, each at least 1.
fn lengths(attrs: &Attrs, axes: usize) -> Result<Option<Vec<i64>>> {
    match attrs.ints("fft_length") {
        Some(given) if given.len() != axes || given.iter().any(|&n| n < 1) => {
            let wanted = format!("`fft_length` with {axes} lengths of at least 1");
            Err(infer::wrong(Kind::Value, wanted, format_args!("{given:?}")))
        }
        given => Ok(given.map(<[i64]>::to_vec)),
    }
}

/// One axis cut, or filled with zeros at its end, to length `n`.
pub(super) fn resized<'b>(x: Expr<'b>, axis: usize, n: &Dim) -> Result<Expr<'b>> {
    let dims = x.dims()?;
    let own = &dims[axis];
    if own == n {
        return Ok(x);
    }
    if infer::nonnegative(&(own.clone() - n.clone())) {
        return x.narrow(axis, &Dim::ZERO, n);
    }
    if !infer::nonnegative(&(n.clone() - own.clone())) {
        let text = format!("which of the lengths {own} and {n} of axis {axis} is less must be known");
        return Err(Error::new(Kind::Shape, text));
    }
    let before = vec![Dim::ZERO; dims.len()];
    let mut after = before.clone();
    after[axis] = n.clone() - own.clone();
    Ok(x.pad_zeros(&before, &after))
}

fn over_last(x: Expr<'_>, axes: usize, inverse: bool) -> Result<Expr<'_>> {
    let rank = x.rank()?;
    over(x, rank - axes..rank, inverse)
}

/// The complex transform over these axes; the inverse with its factor.
fn over(x: Expr<'_>, axes: std::ops::Range<usize>, inverse: bool) -> Result<Expr<'_>> {
    let mut x = x;
    let last = x.rank()? - 1;
    for axis in axes {
        let n = x.dims()?[axis].clone();
        let mut swap: Vec<usize> = (0..=last).collect();
        swap.swap(axis, last);
        x = x.b().apply(&DFT, Attrs::new().with("inverse", inverse), &[x.transpose(&swap)]).transpose(&swap);
        if inverse {
            x = x.scaled(x.b().size(&n, DType::F32).reciprocal())?;
        }
    }
    Ok(x)
}

fn rank_at_least(axes: usize, x: Expr<'_>) -> Result<()> {
    let spec = x.spec()?;
    if spec.rank() >= axes {
        return Ok(());
    }
    Err(infer::wrong(Kind::Shape, format_args!("a rank of at least {axes}"), spec))
}

composite! {
    /// The zero frequency in the middle.
    FFTSHIFT, (b, x) => Ok(vec![shifted(x[0], b.attrs(), |n| n.clone() - half(n))?]),
    name: "fftshift",
    doc: "The zero frequency moved to the middle along `axes` (default all).",
    attrs: &[optional("axes", AttrKind::Ints)],
    domain: Domain::Special("tests/ops/fourier.rs"),
}

composite! {
    /// The zero frequency in front.
    IFFTSHIFT, (b, x) => Ok(vec![shifted(x[0], b.attrs(), half)?]),
    name: "ifftshift",
    doc: "The inverse of `fftshift`.",
    attrs: &[optional("axes", AttrKind::Ints)],
    domain: Domain::Special("tests/ops/fourier.rs"),
}

fn half(n: &Dim) -> Dim {
    n.floor_div(&Dim::from(2usize))
}

/// Each axis begins at `first` of its length, and goes round.
fn shifted<'b>(x: Expr<'b>, attrs: &Attrs, first: fn(&Dim) -> Dim) -> Result<Expr<'b>> {
    let mut x = x;
    for axis in infer::axes(attrs, x.rank()?)? {
        let n = x.dims()?[axis].clone();
        let (begin, rest) = (first(&n), n.clone() - first(&n));
        x = x.b().concat(&[x.narrow(axis, &begin, &rest)?, x.narrow(axis, &Dim::ZERO, &begin)?], axis);
    }
    Ok(x)
}

composite! {
    /// The cosine transform.
    DCT, (b, x) => {
        let (n, last) = (length(&x[0].spec()?, DType::F32)?, x[0].rank()? - 1);
        let ortho = is_ortho(b.attrs())?;
        let size = b.size(&n, DType::F32);
        let k = b.iota(std::slice::from_ref(&n), 0, DType::F32);
        let quarter = k * (std::f64::consts::FRAC_PI_2) / size;
        let twice = n.clone() * Dim::from(2usize);
        match b.attrs().int("kind").unwrap_or(2) {
            2 => {
                let all = b.apply(&RDFT, Attrs::new(), &[resized(x[0], last, &twice)?]);
                let (re, im) = all.narrow(last, &Dim::ZERO, &n)?.parts()?;
                let y = (re * quarter.cos() + im * quarter.sin()) * 2.0;
                let rest = (size * 2.0).rsqrt();
                let scale = k.eq(0.0).choose(rest * std::f64::consts::FRAC_1_SQRT_2, rest);
                Ok(vec![if ortho { y * scale } else { y }])
            }
            3 => {
                // The transform counts all coefficients twice but the first.
                let rest = (size * 2.0).rsqrt();
                let scale = k.eq(0.0).choose(rest * std::f64::consts::SQRT_2, rest);
                let given = if ortho { x[0] * scale } else { x[0] };
                let half = (given * quarter.cos()).with_imaginary(given * quarter.sin())?;
                let all = resized(half, last, &halved(&twice))?;
                let y = b.apply(&IRDFT, Attrs::new().with("length", vec![twice]), &[all]);
                Ok(vec![y.narrow(last, &Dim::ZERO, &n)?])
            }
            other => Err(infer::wrong(Kind::Value, "`kind` 2 or 3", other)),
        }
    },
    name: "dct",
    doc: "The discrete cosine transform of f32 over the last axis, of `kind` 2 (default), `2 sum(x[j] cos(π k (2j + 1) / \
          2n))`, or 3, its inverse times `2n`; with `norm` = \"ortho\" scaled to be orthonormal.",
    attrs: &[optional("kind", AttrKind::Int), optional("norm", AttrKind::Str)],
    domain: Domain::Special("tests/ops/fourier.rs"),
}

fn is_ortho(attrs: &Attrs) -> Result<bool> {
    match attrs.str("norm") {
        None => Ok(false),
        Some("ortho") => Ok(true),
        Some(other) => Err(infer::wrong(Kind::Value, "`norm` = \"ortho\" or none", format_args!("\"{other}\""))),
    }
}
