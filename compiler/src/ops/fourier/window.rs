//! Windows: weights of the samples of a frame, constants of a program.

use crate::ops::entry::*;
use std::f64::consts::{FRAC_PI_2, PI, TAU};
use tracelift_runtime::kernels::special::bessel_i0e;

/// Windows of one raised cosine, `a - (1 - a) cos(2πk / n)`.
macro_rules! windows {
    ($($static:ident $name:literal $a:literal $doc:literal;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, (b, _) => {
                let length = b.attrs().int("window_length").unwrap_or(0);
                let periodic = b.attrs().get("periodic").is_none() || b.attrs().bool("periodic");
                let dtype = b.attrs().dtype("dtype").unwrap_or(DType::F32);
                Class::Float.check(&TensorSpec::scalar(dtype))?;
                Ok(vec![raised_cosine(b, length, periodic, $a, dtype)?])
            },
            name: $name,
            doc: $doc,
            inputs: NOTHING,
            attrs: &[
                required("window_length", AttrKind::Int),
                optional("periodic", AttrKind::Bool),
                optional("dtype", AttrKind::DType),
            ],
            domain: Domain::Special("tests/ops/fourier.rs"),
        }
    )*};
}

windows! {
    HANN_WINDOW "hann_window" 0.5
        "The Hann window of `window_length`, as `dtype` (default f32), one period of `0.5 - 0.5 cos` if `periodic` (the \
         default; as TensorFlow's, for even lengths), else symmetric.";
    HAMMING_WINDOW "hamming_window" 0.54
        "The Hamming window of `window_length`, as `dtype` (default f32), one period of `0.54 - 0.46 cos` if `periodic` \
         (the default; as TensorFlow's, for even lengths), else symmetric.";
}

/// Windows of a formula of their own.
macro_rules! shaped {
    ($($static:ident $name:literal [$($attr:expr),*] $doc:literal |$b:ident, $length:ident| $values:expr;)*) => {$(
        composite! {
            #[doc = $doc]
            $static, ($b, _) => {
                let $length = checked($b.attrs().int("window_length").unwrap_or(0))?;
                let dtype = $b.attrs().dtype("dtype").unwrap_or(DType::F32);
                Class::Float.check(&TensorSpec::scalar(dtype))?;
                let values: Vec<f64> = $values;
                Ok(vec![$b.constant(eval::from_floats(dtype, &[values.len()], &values)?)])
            },
            name: $name,
            doc: $doc,
            inputs: NOTHING,
            attrs: &[required("window_length", AttrKind::Int), $($attr,)* optional("dtype", AttrKind::DType)],
            domain: Domain::Special("tests/ops/fourier.rs"),
        }
    )*};
}

shaped! {
    KAISER_WINDOW "kaiser_window" [optional("beta", AttrKind::Float)]
        "The Kaiser window of `window_length`, as `dtype` (default f32): `I₀(beta sqrt(1 - t²)) / I₀(beta)` for `t` from -1 to \
         1; `beta` is 12 by default." |b, length| kaiser(length, beta(b.attrs()));
    KAISER_BESSEL_DERIVED_WINDOW "kaiser_bessel_derived_window" [optional("beta", AttrKind::Float)]
        "The Kaiser-Bessel derived window of `window_length`, as `dtype` (default f32): the square roots of running sums of a \
         Kaiser window of half the length and one more, over their total, up and down; `beta` is 12 by default. An odd \
         length gives one sample less." |b, length| derived(length, beta(b.attrs()));
    VORBIS_WINDOW "vorbis_window" []
        "The Vorbis power complementary window of `window_length`, as `dtype` (default f32): `sin(π/2 sin²(π (k + 1/2) / n))`."
        |b, length| vorbis(length);
}

fn beta(attrs: &Attrs) -> f64 {
    attrs.float("beta").unwrap_or(12.0)
}

fn kaiser(length: i64, beta: f64) -> Vec<f64> {
    let half = (length - 1) as f64 / 2.0;
    let weight = |k: i64| {
        let t = if length == 1 { 0.0 } else { (k as f64 - half) / half };
        // Of the scaled functions, whose quotient does not overflow.
        let under = beta * (1.0 - t * t).max(0.0).sqrt();
        bessel_i0e(under) / bessel_i0e(beta) * (under.abs() - beta.abs()).exp()
    };
    (0..length).map(weight).collect()
}

fn derived(length: i64, beta: f64) -> Vec<f64> {
    let half = (length / 2) as usize;
    let sums: Vec<f64> = kaiser(length / 2 + 1, beta)
        .into_iter()
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect();
    let rising = sums[..half].iter().map(|sum| (sum / sums[half]).sqrt());
    rising.clone().chain(rising.rev()).collect()
}

fn vorbis(length: i64) -> Vec<f64> {
    let weight = |k: i64| (FRAC_PI_2 * (PI * (k as f64 + 0.5) / length as f64).sin().powi(2)).sin();
    (0..length).map(weight).collect()
}

/// The window by its name, or none.
pub(super) fn named<'b>(b: build::Builder<'b>, name: &str, length: i64, dtype: DType) -> Result<Option<Expr<'b>>> {
    let constant = |values: Vec<f64>| Ok(Some(b.constant(eval::from_floats(dtype, &[values.len()], &values)?)));
    match name {
        "hann" => raised_cosine(b, length, true, 0.5, dtype).map(Some),
        "hamming" => raised_cosine(b, length, true, 0.54, dtype).map(Some),
        "vorbis" => constant(vorbis(checked(length)?)),
        "kaiser_bessel_derived" => constant(derived(checked(length)?, 12.0)),
        "none" => Ok(None),
        other => {
            let known = "`window` to be \"hann\", \"hamming\", \"vorbis\", \"kaiser_bessel_derived\" or \"none\"";
            Err(infer::wrong(Kind::Value, known, format_args!("\"{other}\"")))
        }
    }
}

/// The longest window: its weights are a constant of the program.
const MAX_LENGTH: i64 = 1 << 24;

/// A window's length, if it is a sane one.
fn checked(length: i64) -> Result<i64> {
    match length {
        0..=MAX_LENGTH => Ok(length),
        _ => Err(infer::wrong(Kind::Value, format_args!("a window of 0 to {MAX_LENGTH} samples"), length)),
    }
}

fn raised_cosine<'b>(b: build::Builder<'b>, length: i64, periodic: bool, a: f64, dtype: DType) -> Result<Expr<'b>> {
    checked(length)?;
    // TensorFlow's period: one more than the last index only if the length is even.
    let period = length - i64::from(!(periodic && length % 2 == 0));
    let weight = |k: i64| if length == 1 { 1.0 } else { a - (1.0 - a) * (TAU * k as f64 / period as f64).cos() };
    let values: Vec<f64> = (0..length).map(weight).collect();
    Ok(b.constant(eval::from_floats(dtype, &[length as usize], &values)?))
}
