//! Spectra as ears hear them: the mel scale, and cepstra on it.

use super::cosine::DCT;
use crate::ops::entry::*;

composite! {
    /// From frequencies to mel bands.
    LINEAR_TO_MEL_WEIGHT_MATRIX, (b, _) => {
        let count = |name, default| b.attrs().int(name).unwrap_or(default);
        let float = |name, default| b.attrs().float(name).unwrap_or(default);
        let (bands, bins) = (count("num_mel_bins", 20), count("num_spectrogram_bins", 129));
        let rate = float("sample_rate", 8000.0);
        let (low, high) = (float("lower_edge_hertz", 125.0), float("upper_edge_hertz", 3800.0));
        if !(1..=MOST).contains(&bands) || !(1..=MOST).contains(&bins) {
            let found = format!("{bands} and {bins}");
            return Err(infer::wrong(Kind::Value, format_args!("numbers of bins from 1 to {MOST}"), found));
        }
        if !(0.0 <= low && low < high && high <= rate / 2.0) {
            let wanted = "0 <= lower_edge_hertz < upper_edge_hertz <= sample_rate / 2";
            return Err(infer::wrong(Kind::Value, wanted, format_args!("{low}, {high} and a rate of {rate}")));
        }
        let dtype = b.attrs().dtype("dtype").unwrap_or(DType::F32);
        Class::Float.check(&TensorSpec::scalar(dtype))?;
        let edge = |k: i64| mel(low) + (mel(high) - mel(low)) * k as f64 / (bands + 1) as f64;
        let weight = |bin: i64, band: i64| {
            let at = mel(rate / 2.0 * bin as f64 / (bins - 1) as f64);
            let [before, middle, after] = [edge(band), edge(band + 1), edge(band + 2)];
            ((at - before) / (middle - before)).min((after - at) / (after - middle)).max(0.0)
        };
        // The first bin, a constant, counts for nothing.
        let weights: Vec<f64> =
            (0..bins * bands).map(|i| if i < bands { 0.0 } else { weight(i / bands, i % bands) }).collect();
        Ok(vec![b.constant(eval::from_floats(dtype, &[bins as usize, bands as usize], &weights)?)])
    },
    name: "linear_to_mel_weight_matrix",
    doc: "The matrix `[num_spectrogram_bins, num_mel_bins]` (default 129 and 20) that brings magnitudes of frequencies from 0 \
          to half of `sample_rate` (default 8000) to triangular bands, evenly spaced on HTK's mel scale `1127 log(1 + f / \
          700)` from `lower_edge_hertz` to `upper_edge_hertz` (default 125 and 3800).",
    inputs: NOTHING,
    attrs: &[
        optional("num_mel_bins", AttrKind::Int),
        optional("num_spectrogram_bins", AttrKind::Int),
        optional("sample_rate", AttrKind::Float),
        optional("lower_edge_hertz", AttrKind::Float),
        optional("upper_edge_hertz", AttrKind::Float),
        optional("dtype", AttrKind::DType),
    ],
    domain: Domain::Special("tests/ops/signal.rs"),
}

/// The most bins: the matrix is a constant of the program.
const MOST: i64 = 1 << 15;

fn mel(hertz: f64) -> f64 {
    1127.0 * (hertz / 700.0).ln_1p()
}

composite! {
    /// Cepstra.
    MFCCS_FROM_LOG_MEL_SPECTROGRAMS, (b, x) => {
        let y = b.apply(&DCT, Attrs::new(), &[x[0]]);
        let bands = y.dims()?[y.rank()? - 1].clone();
        Ok(vec![y * (b.size(&bands, DType::F32) * 2.0).rsqrt()])
    },
    name: "mfccs_from_log_mel_spectrograms",
    doc: "Mel-frequency cepstral coefficients: the `dct` of kind 2 of logarithmic mel spectrograms over the last axis, divided \
          by `sqrt(2n)` (HTK's scale).",
    inputs: Operands::Named(&["log_mel_spectrograms"]),
    domain: Domain::Special("tests/ops/signal.rs"),
}
