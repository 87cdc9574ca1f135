//! Cosine transforms of the four kinds, their inverses, and the lapped one that audio codecs use.

use super::dft::{IRDFT, RDFT, halved, length};
use super::frame::{framed, overlapped};
use super::transform::resized;
use super::window::named;
use crate::ops::entry::*;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, SQRT_2};

const KIND: AttrDef = optional("kind", AttrKind::Int);
const NORM: AttrDef = optional("norm", AttrKind::Str);

composite! {
    /// The cosine transform.
    DCT, (b, x) => {
        let kind = b.attrs().int("kind").unwrap_or(2);
        Ok(vec![transform(fitted(x[0])?, kind, is_ortho(b.attrs())?)?])
    },
    name: "dct",
    doc: "The discrete cosine transform of f32 over the last axis, cut or filled with zeros to `n`, of `kind` 1, `x[0] + \
          (-1)^k x[n - 1] + 2 Σ x[j] cos(π j k / (n - 1))`; 2 (default), `2 Σ x[j] cos(π k (2j + 1) / 2n)`; 3, `x[0] + 2 Σ \
          x[j] cos(π j (2k + 1) / 2n)`; or 4, `2 Σ x[j] cos(π (2j + 1) (2k + 1) / 4n)`. With `norm` = \"ortho\" (not for \
          kind 1) scaled to be orthonormal.",
    attrs: &[KIND, NORM, optional("n", AttrKind::Int)],
    domain: Domain::Special("tests/ops/signal.rs"),
}

composite! {
    /// The inverse, but for a factor.
    IDCT, (b, x) => {
        let kind = match b.attrs().int("kind").unwrap_or(2) {
            2 => 3,
            3 => 2,
            other => other,
        };
        Ok(vec![transform(fitted(x[0])?, kind, is_ortho(b.attrs())?)?])
    },
    name: "idct",
    doc: "The inverse of the `dct` of `kind` and `norm`. Without a norm it is, as TensorFlow's, `2n` times the inverse \
          (`2 (n - 1)` times for kind 1).",
    attrs: &[KIND, NORM, optional("n", AttrKind::Int)],
    domain: Domain::Special("tests/ops/signal.rs"),
}

/// Attribute `n`: the last axis is cut or filled to it.
fn fitted(x: Expr<'_>) -> Result<Expr<'_>> {
    length(&x.spec()?, DType::F32)?;
    match x.b().attrs().int("n") {
        None => Ok(x),
        Some(n) if n >= 1 => resized(x, x.rank()? - 1, &n.into()),
        Some(n) => Err(infer::wrong(Kind::Value, "`n` of at least 1", n)),
    }
}

/// The transform of a kind.
fn transform(x: Expr<'_>, kind: i64, ortho: bool) -> Result<Expr<'_>> {
    let (n, last) = (length(&x.spec()?, DType::F32)?, x.rank()? - 1);
    let b = x.b();
    let size = b.size(&n, DType::F32);
    let k = b.iota(std::slice::from_ref(&n), 0, DType::F32);
    let quarter = k * FRAC_PI_2 / size;
    let twice = n.clone() * Dim::from(2usize);
    match kind {
        1 if ortho => Err(infer::wrong(Kind::Value, "no `norm` for `kind` 1", "\"ortho\"")),
        1 => {
            let inner = n.clone() - Dim::from(2i64);
            if !infer::nonnegative(&inner) {
                return Err(infer::wrong(Kind::Shape, "two elements along the last axis for `kind` 1", x.spec()?));
            }
            // There and back again: the transform of an even sequence.
            let back = x.narrow(last, &Dim::ONE, &inner)?.reverse(&[-1]);
            let all = b.apply(&RDFT, Attrs::new(), &[b.concat(&[x, back], last)]);
            Ok(all.parts()?.0)
        }
        2 => {
            let all = b.apply(&RDFT, Attrs::new(), &[resized(x, last, &twice)?]);
            let (re, im) = all.narrow(last, &Dim::ZERO, &n)?.parts()?;
            let y = (re * quarter.cos() + im * quarter.sin()) * 2.0;
            let rest = (size * 2.0).rsqrt();
            let scale = k.eq(0.0).choose(rest * FRAC_1_SQRT_2, rest);
            Ok(if ortho { y * scale } else { y })
        }
        3 => {
            // The transform counts all coefficients twice but the first.
            let rest = (size * 2.0).rsqrt();
            let scale = k.eq(0.0).choose(rest * SQRT_2, rest);
            let given = if ortho { x * scale } else { x };
            let half = (given * quarter.cos()).with_imaginary(given * quarter.sin())?;
            let all = resized(half, last, &halved(&twice))?;
            let y = b.apply(&IRDFT, Attrs::new().with("length", vec![twice]), &[all]);
            y.narrow(last, &Dim::ZERO, &n)
        }
        4 => {
            // Every other coefficient of a transform twice as long.
            let long = transform(resized(x, last, &twice)?, 2, false)?;
            let mut dims = x.dims()?;
            dims.push(Dim::from(2i64));
            let y = long.reshape(&dims).narrow(last + 1, &Dim::ONE, &Dim::ONE)?.reshape(&dims[..=last]);
            Ok(if ortho { y * (size * 2.0).rsqrt() } else { y })
        }
        other => Err(infer::wrong(Kind::Value, "`kind` 1, 2, 3 or 4", other)),
    }
}

composite! {
    /// The lapped transform.
    MDCT, (b, x) => {
        let frame = b.attrs().int("frame_length").unwrap_or(0);
        if frame < 4 || frame % 4 != 0 {
            return Err(infer::wrong(Kind::Value, "a `frame_length` that is a multiple of 4", frame));
        }
        length(&x[0].spec()?, DType::F32)?;
        let last = x[0].rank()?;
        let frames = weighed(framed(x[0], frame, frame / 2, b.attrs().bool("pad_end"), last - 1)?, frame)?;
        let quarter = |k: i64| frames.narrow(last, &(k * frame / 4).into(), &(frame / 4).into());
        let first = -quarter(2)?.reverse(&[-1]) - quarter(3)?;
        let second = quarter(0)? - quarter(1)?.reverse(&[-1]);
        Ok(vec![transform(b.concat(&[first, second], last), 4, is_ortho(b.attrs())?)?])
    },
    name: "mdct",
    doc: "The modified discrete cosine transform of f32 signals over the last axis: frames of `frame_length` (a multiple of \
          4) half as far apart, weighed by `window` (\"vorbis\", the default, \"kaiser_bessel_derived\", \"hann\", \
          \"hamming\" or \"none\", which weighs all by `1/√2`), folded, and their `dct` of kind 4: `[.., frames, frame_length / \
          2]`. With `pad_end` the signal is filled with zeros at its end.",
    inputs: Operands::Named(&["signals"]),
    attrs: &[required("frame_length", AttrKind::Int), WINDOW, optional("pad_end", AttrKind::Bool), NORM],
    domain: Domain::Special("tests/ops/signal.rs"),
}

composite! {
    /// Its inverse.
    INVERSE_MDCT, (b, x) => {
        let spec = x[0].spec()?;
        let half = match length(&spec, DType::F32)?.as_const() {
            Some(half) if half >= 2 && half % 2 == 0 && spec.rank() >= 2 => half,
            _ => return Err(infer::wrong(Kind::Shape, "frames [.., frames, n] of an even n that is known", spec)),
        };
        let ortho = is_ortho(b.attrs())?;
        let (last, y) = (spec.rank() - 1, transform(x[0], 4, ortho)?);
        let y = if ortho { y } else { y * (0.5 / half as f64) };
        let part = |k: i64| y.narrow(last, &(k * half / 2).into(), &(half / 2).into());
        let (left, right) = (part(0)?, part(1)?);
        let frames = b.concat(&[right, -right.reverse(&[-1]), -left.reverse(&[-1]), -left], last);
        Ok(vec![overlapped(weighed(frames, 2 * half)?, half)?])
    },
    name: "inverse_mdct",
    doc: "The signal whose `mdct` with this `window` and `norm` is given, but for the first and the last half frame.",
    inputs: Operands::Named(&["mdcts"]),
    attrs: &[WINDOW, NORM],
    domain: Domain::Special("tests/ops/signal.rs"),
}

const WINDOW: AttrDef = optional("window", AttrKind::Str);

/// Frames times attribute `window`; without one, so that two halves add up to 1.
fn weighed(frames: Expr<'_>, length: i64) -> Result<Expr<'_>> {
    let name = frames.b().attrs().str("window").unwrap_or("vorbis");
    let window = named(frames.b(), name, length, DType::F32)?;
    Ok(window.map_or(frames * FRAC_1_SQRT_2, |window| frames * window))
}

fn is_ortho(attrs: &Attrs) -> Result<bool> {
    match attrs.str("norm") {
        None => Ok(false),
        Some("ortho") => Ok(true),
        Some(other) => Err(infer::wrong(Kind::Value, "`norm` = \"ortho\" or none", format_args!("\"{other}\""))),
    }
}
