//! The transforms users call: of one, two, three or any axes, the inverses with their factor.

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

/// Transforms over axes of the user's choice.
macro_rules! any_axes {
    ($($static:ident $name:literal $doc:literal |$x:ident, $axes:ident, $lengths:ident| $body:expr;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (_b, x) => {
                let ($x, ($axes, $lengths)) = (x[0], chosen(x[0])?);
                Ok(vec![$body?])
            },
            name: $name,
            doc: $doc,
            attrs: &[optional("fft_length", AttrKind::Ints), optional("axes", AttrKind::Ints)],
            domain: Domain::Special("tests/ops/fourier.rs"),
        }
    )*};
}

any_axes! {
    FFTND "fftnd"
        "`fft` over `axes` (default all, or the last ones if there are fewer lengths), each cut or filled with zeros to its \
         length in `fft_length`."
        |x, axes, lengths| over(fitted(x, &axes, lengths.as_deref())?, axes, false);
    IFFTND "ifftnd" "The inverse of `fftnd`." |x, axes, lengths| over(fitted(x, &axes, lengths.as_deref())?, axes, true);
    RFFTND "rfftnd" "`fftnd` of f32: the last of `axes` by `rfft`." |x, axes, lengths| real_over(x, &axes, lengths);
    IRFFTND "irfftnd" "The inverse of `rfftnd`." |x, axes, lengths| real_back(x, &axes, lengths);
}

/// Attributes `axes`, in their order, and `fft_length`.
fn chosen(x: Expr<'_>) -> Result<(Vec<usize>, Option<Vec<i64>>)> {
    let (attrs, rank) = (x.b().attrs(), x.rank()?);
    let given = attrs.ints("fft_length");
    let axes = match (attrs.ints("axes"), given) {
        (Some(axes), _) => {
            infer::axes(attrs, rank)?;
            axes.iter().map(|&axis| infer::normalize(axis, rank)).collect::<Result<Vec<_>>>()?
        }
        (None, Some(lengths)) if lengths.len() <= rank => (rank - lengths.len()..rank).collect(),
        (None, _) => (0..rank).collect(),
    };
    if axes.is_empty() {
        return Err(infer::wrong(Kind::Shape, "an axis to transform", x.spec()?));
    }
    Ok((axes.clone(), lengths(attrs, axes.len())?))
}

/// Axes cut or filled with zeros to these lengths.
fn fitted<'b>(x: Expr<'b>, axes: &[usize], lengths: Option<&[i64]>) -> Result<Expr<'b>> {
    let lengths = lengths.unwrap_or_default().iter();
    lengths.zip(axes).try_fold(x, |x, (&n, &axis)| resized(x, axis, &n.into()))
}

/// `axis` and the last one exchanged.
fn to_last(x: Expr<'_>, axis: usize) -> Result<Expr<'_>> {
    let mut order: Vec<usize> = (0..x.rank()?).collect();
    let last = order.len() - 1;
    order.swap(axis, last);
    Ok(x.transpose(&order))
}

/// The transform of f32 over these axes, the last of them by halves.
fn real_over<'b>(x: Expr<'b>, axes: &[usize], lengths: Option<Vec<i64>>) -> Result<Expr<'b>> {
    let (&half, others) = axes.split_last().expect("there is an axis");
    let x = to_last(fitted(x, axes, lengths.as_deref())?, half)?;
    length(&x.spec()?, DType::F32)?;
    over(to_last(x.b().apply(&RDFT, Attrs::new(), &[x]), half)?, others.iter().copied(), false)
}

/// The inverse of [`real_over`].
fn real_back<'b>(x: Expr<'b>, axes: &[usize], lengths: Option<Vec<i64>>) -> Result<Expr<'b>> {
    let (&half, others) = axes.split_last().expect("there is an axis");
    let x = over(fitted(x, others, lengths.as_deref())?, others.iter().copied(), true)?;
    let x = to_last(x, half)?;
    let m = length(&x.spec()?, DType::Complex64)?;
    let n = match lengths.and_then(|all| all.last().copied()) {
        Some(n) => n.into(),
        None => (m - Dim::ONE) * Dim::from(2usize),
    };
    let x = resized(x, x.rank()? - 1, &halved(&n))?;
    let whole = x.b().apply(&IRDFT, Attrs::new().with("length", vec![n.clone()]), &[x]);
    to_last(whole / x.b().size(&n, DType::F32), half)
}

fn forward(x: Expr<'_>, axes: usize) -> Result<Expr<'_>> {
    rank_at_least(axes, x)?;
    let rank = x.rank()?;
    real_over(x, &(rank - axes..rank).collect::<Vec<_>>(), lengths(x.b().attrs(), axes)?)
}

fn backward(x: Expr<'_>, axes: usize) -> Result<Expr<'_>> {
    rank_at_least(axes, x)?;
    let rank = x.rank()?;
    real_back(x, &(rank - axes..rank).collect::<Vec<_>>(), lengths(x.b().attrs(), axes)?)
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
fn over<'b>(x: Expr<'b>, axes: impl IntoIterator<Item = usize>, inverse: bool) -> Result<Expr<'b>> {
    let mut x = x;
    for axis in axes {
        let n = x.dims()?[axis].clone();
        let last = to_last(x, axis)?;
        x = to_last(x.b().apply(&DFT, Attrs::new().with("inverse", inverse), &[last]), axis)?;
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
