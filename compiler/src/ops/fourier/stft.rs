//! The short-time Fourier transform and its inverse.

use super::dft::{IRDFT, RDFT, halved, length};
use super::frame::{framed, overlapped, sizes};
use super::transform::resized;
use super::window::named;
use crate::ops::entry::*;
use tracelift_runtime::Array;

/// The longest window whose numbers are written into the program.
const LONGEST: i64 = 1 << 24;

const FRAMES: [AttrDef; 4] = [
    required("frame_length", AttrKind::Int),
    required("frame_step", AttrKind::Int),
    optional("fft_length", AttrKind::Int),
    optional("window", AttrKind::Str),
];

composite! {
    /// Spectra of frames.
    STFT, (b, x) => {
        let (frame, step, fft) = lengths(b.attrs())?;
        let axis = x[0].rank()?.checked_sub(1).ok_or_else(|| infer::wrong(Kind::Shape, "a rank of at least 1", "0"))?;
        length(&x[0].spec()?, DType::F32)?;
        let frames = framed(x[0], frame, step, b.attrs().bool("pad_end"), axis)?;
        let window = named(b, b.attrs().str("window").unwrap_or("hann"), frame, DType::F32)?;
        let frames = window.map_or(frames, |window| frames * window);
        Ok(vec![b.apply(&RDFT, Attrs::new(), &[resized(frames, axis + 1, &fft.into())?])])
    },
    name: "stft",
    doc: "`rfft` of `frame`s along the last axis of f32 signals, weighed by `window` (\"hann\", the default, \"hamming\" or \
          \"none\"): complex64 of shape [.., frames, fft_length / 2 + 1]. `fft_length` is by default the least power of \
          two that holds a frame; with `pad_end` the signal is filled with zeros at its end.",
    inputs: Operands::Named(&["signals"]),
    attrs: &[FRAMES[0], FRAMES[1], FRAMES[2], FRAMES[3], optional("pad_end", AttrKind::Bool)],
    domain: Domain::Special("tests/ops/fourier.rs"),
}

composite! {
    /// The signal of spectra of frames.
    INVERSE_STFT, (b, x) => {
        let (frame, step, fft) = lengths(b.attrs())?;
        length(&x[0].spec()?, DType::Complex64)?;
        let last = x[0].rank()? - 1;
        let whole = resized(x[0], last, &halved(&fft.into()))?;
        let frames = b.apply(&IRDFT, Attrs::new().with("length", vec![Dim::from(fft)]), &[whole]) * (1.0 / fft as f64);
        let frames = resized(frames, last, &frame.into())?;
        let name = b.attrs().str("window").unwrap_or("hann");
        let window = match name.strip_prefix("inverse_") {
            Some(forward) => named(b, forward, frame, DType::F32)?.map(|w| balanced(w, frame, step)).transpose()?,
            None => named(b, name, frame, DType::F32)?,
        };
        Ok(vec![overlapped(window.map_or(frames, |window| frames * window), step)?])
    },
    name: "inverse_stft",
    doc: "The f32 signal whose `stft` is given: `irfft` of each frame, weighed by `window` (\"hann\", the default, \
          \"hamming\" or \"none\"), added where frames overlap. \"inverse_hann\" and \"inverse_hamming\" (TensorFlow's \
          `inverse_stft_window_fn`) are scaled so that a transform with that window is undone but at the ends.",
    inputs: Operands::Named(&["stfts"]),
    attrs: &FRAMES,
    domain: Domain::Special("tests/ops/fourier.rs"),
}

composite! {
    /// How strong each frequency is, channel by channel.
    AUDIO_SPECTROGRAM, (b, x) => {
        let spec = x[0].spec()?;
        let [window, stride] = ["window_size", "stride"].map(|name| b.attrs().int(name).unwrap_or(0));
        if !(2..=LONGEST).contains(&window) || stride < 1 {
            let wanted = format!("`window_size` of at least 2 (at most {LONGEST}) and `stride` of at least 1");
            return Err(infer::wrong(Kind::Value, wanted, format_args!("{window} and {stride}")));
        }
        if spec.rank() != 2 {
            return Err(infer::wrong(Kind::Shape, "a signal [samples, channels]", spec));
        }
        length(&spec, DType::F32)?;
        // TensorFlow's window here is periodic for odd lengths too, which `hann_window` is not.
        let angle = |i: i64| std::f64::consts::TAU * i as f64 / window as f64;
        let hann: Vec<f32> = (0..window).map(|i| (0.5 - 0.5 * angle(i).cos()) as f32).collect();
        let frames = framed(x[0].transpose(&[1, 0]), window, stride, false, 1)?;
        let frames = frames * b.constant(Array::from_slice(&[hann.len()], &hann));
        let fft = (window as u64).next_power_of_two() as i64;
        let spectra = b.apply(&RDFT, Attrs::new(), &[resized(frames, 2, &fft.into())?]);
        let spectra = b.apply(&crate::ops::ABS, Attrs::new(), &[spectra]);
        Ok(vec![if b.attrs().bool("magnitude_squared") { spectra.square() } else { spectra }])
    },
    name: "audio_spectrogram",
    doc: "The magnitudes, or with `magnitude_squared` their squares, of the `stft` of each channel of the f32 `signal` \
          [samples, channels], of Hann windows of `window_size` samples, at least 2, `stride` apart: [channels, frames, \
          frequencies].",
    inputs: Operands::Named(&["signal"]),
    attrs: &[
        required("window_size", AttrKind::Int),
        required("stride", AttrKind::Int),
        optional("magnitude_squared", AttrKind::Bool),
    ],
    domain: Domain::Special("tests/ops/fourier.rs"),
}

/// Lengths of a frame, a step and a transform.
fn lengths(attrs: &Attrs) -> Result<(i64, i64, i64)> {
    let (frame, step) = sizes(attrs)?;
    let fft = attrs.int("fft_length").unwrap_or_else(|| (frame as u64).next_power_of_two() as i64);
    if fft < 1 {
        return Err(infer::wrong(Kind::Value, "`fft_length` of at least 1", fft));
    }
    Ok((frame, step, fft))
}

/// A window divided by the sum of the squares of all windows that overlap a sample.
fn balanced(window: Expr<'_>, frame: i64, step: i64) -> Result<Expr<'_>> {
    let overlaps = Dim::from(frame).ceil_div(&Dim::from(step));
    let (long, shape) = (overlaps.clone() * Dim::from(step), [overlaps, Dim::from(step)]);
    let sums = resized(window.square(), 0, &long)?.reshape(&shape).sum_keep(&[0]);
    let sums = sums.broadcast_to(&shape).reshape(&[long]);
    Ok(window / resized(sums, 0, &frame.into())?)
}

composite! {
    /// The window that undoes another.
    INVERSE_STFT_WINDOW, (b, x) => {
        let (spec, step) = (x[0].spec()?, b.attrs().int("frame_step").unwrap_or(0));
        Class::Float.check(&spec)?;
        match spec.dims[..] {
            [ref length] if step >= 1 => match length.as_const() {
                Some(length) => Ok(vec![balanced(x[0], length, step)?]),
                None => Err(infer::wrong(Kind::Shape, "a window whose length is known before the call", spec)),
            },
            _ => {
                let found = format!("{spec} and {step}");
                Err(infer::wrong(Kind::Shape, "a window [n] and a `frame_step` of at least 1", found))
            }
        }
    },
    name: "inverse_stft_window",
    doc: "The window with which `inverse_stft` undoes an `stft` of frames `frame_step` apart that are weighed by `window`: it, \
          divided by the sum of the squares of all that overlap a sample (Griffin and Lim, 1984).",
    inputs: Operands::Named(&["window"]),
    attrs: &[required("frame_step", AttrKind::Int)],
    domain: Domain::Special("tests/ops/fourier.rs"),
}
