//! Windows: weights of the samples of a frame.

use crate::ops::entry::*;
use std::f64::consts::TAU;

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

/// The window by its name: `hann`, `hamming`, or `none`.
pub(super) fn named<'b>(b: build::Builder<'b>, name: &str, length: i64, dtype: DType) -> Result<Option<Expr<'b>>> {
    match name {
        "hann" => raised_cosine(b, length, true, 0.5, dtype).map(Some),
        "hamming" => raised_cosine(b, length, true, 0.54, dtype).map(Some),
        "none" => Ok(None),
        other => {
            let known = "`window` to be \"hann\", \"hamming\" or \"none\"";
            Err(infer::wrong(Kind::Value, known, format_args!("\"{other}\"")))
        }
    }
}

/// Windows are tables: this keeps them small.
const MAX_LENGTH: i64 = 1 << 24;

fn raised_cosine<'b>(b: build::Builder<'b>, length: i64, periodic: bool, a: f64, dtype: DType) -> Result<Expr<'b>> {
    if !(0..=MAX_LENGTH).contains(&length) {
        return Err(infer::wrong(Kind::Value, format_args!("a window of 0 to {MAX_LENGTH} elements"), length));
    }
    // TensorFlow's period: one more than the last index only if the length is even.
    let period = length - i64::from(!(periodic && length % 2 == 0));
    let weight = |k: i64| if length == 1 { 1.0 } else { a - (1.0 - a) * (TAU * k as f64 / period as f64).cos() };
    let values: Vec<f64> = (0..length).map(weight).collect();
    Ok(b.constant(eval::from_floats(dtype, &[length as usize], &values)?))
}
