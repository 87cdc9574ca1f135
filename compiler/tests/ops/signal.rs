//! Cosine transforms, windows and mel spectra: numbers of TensorFlow 2.21.

use crate::support::{assert_close, one, refused, values};
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::{DType, ops};
use tracelift_runtime::Array;

fn f32s(values: &[f32]) -> Array {
    Array::from_slice(&[values.len()], values)
}

fn whole(name: &'static str, n: i64) -> Attrs {
    Attrs::new().with(name, n)
}

const X: [f32; 8] = [1.0, -2.0, 3.0, 0.5, 2.0, -1.0, 0.0, 4.0];

#[test]
fn cosine_transforms_of_four_kinds() {
    let expected: [[f64; 8]; 4] = [
        [10.0, -2.2835197, -2.8888872, -9.2273655, 5.403657, -4.989115, 9.985229, 12.0],
        [15.0, -5.3512993, 1.5579301, -10.388027, 10.606602, -0.34396696, 9.304453, 10.64585],
        [6.7296143, -5.5362864, -1.0660176, -12.560002, 9.130304, -7.183037, 6.4716344, 12.013792],
        [6.606062, -4.3665786, -2.88198, -3.886992, 11.755844, -3.4089756, 18.106874, 0.44556737],
    ];
    let (of, inverse) = (|attrs| values(&ops::DCT, attrs, &[f32s(&X)]), |attrs| values(&ops::IDCT, attrs, &[f32s(&X)]));
    for (kind, expected) in (1..).zip(&expected) {
        assert_close(&of(whole("kind", kind)), expected, 2e-6, &format!("kind {kind}"));
    }
    for (kind, other) in [(1, 0), (2, 2), (3, 1), (4, 3)] {
        assert_close(&inverse(whole("kind", kind)), &expected[other], 2e-6, &format!("inverse of kind {kind}"));
    }
    let ortho = |kind: i64| whole("kind", kind).with("norm", "ortho");
    let four = [1.6515154, -1.0916445, -0.7204949, -0.97174793, 2.9389608, -0.85224384, 4.526718, 0.111391835];
    assert_close(&of(ortho(4)), &four, 2e-6, "orthonormal");
    for kind in 2..=4 {
        let there = one(&ops::DCT, ortho(kind), &[f32s(&X)]);
        let back = values(&ops::IDCT, ortho(kind), &[there]);
        assert_close(&back, &X.map(f64::from), 2e-6, "there and back");
    }
    let cut = [9.0, -4.841039, -0.21884704, 3.5797117, 10.281153];
    assert_close(&of(whole("n", 5)), &cut, 2e-6, "cut");
    assert_eq!(of(whole("n", 10)).len(), 10);
    for (attrs, says) in
        [(ortho(1), "no `norm`"), (whole("kind", 5), "`kind` 1, 2, 3 or 4"), (whole("n", 0), "at least 1")]
    {
        let text = refused(&ops::DCT, attrs, &[f32s(&X)]);
        assert!(text.contains(says), "{text}");
    }
    assert!(refused(&ops::DCT, whole("kind", 1), &[f32s(&[1.0])]).contains("two elements"));
}

#[test]
fn lapped_transforms() {
    let signal = [0.1f32, 0.4, -0.3, 0.9, 0.5, -0.2, 0.7, 0.3, -0.8, 0.6, 0.2, -0.1];
    let of = |attrs: Attrs| one(&ops::MDCT, attrs, &[f32s(&signal)]);
    let plain = of(whole("frame_length", 8));
    assert_eq!(plain.shape(), [2, 4]);
    let first = [-1.9679441, 1.2019336, 1.2515022, -1.8541318, -0.46380365, -0.031148553, -3.561691, -0.1880773];
    assert_close(&plain.as_slice::<f32>().iter().map(|&v| v.into()).collect::<Vec<_>>(), &first, 2e-6, "mdct");
    let back = values(&ops::INVERSE_MDCT, Attrs::new(), &[plain]);
    let middle: Vec<f64> = signal[4..8].iter().map(|&v| v.into()).collect();
    assert_close(&back[4..8], &middle, 2e-6, "the middle");
    let bare = whole("frame_length", 8).with("norm", "ortho").with("pad_end", true).with("window", "none");
    let frames = of(bare);
    let last = [-0.15543151, 0.2321608, 0.09801226, -0.48717138];
    assert_close(
        &frames.as_slice::<f32>()[8..].iter().map(|&v| v.into()).collect::<Vec<_>>(),
        &last,
        2e-6,
        "orthonormal",
    );
    let attrs = Attrs::new().with("norm", "ortho").with("window", "none");
    let back = values(&ops::INVERSE_MDCT, attrs, &[frames]);
    assert_close(&back[..2], &[-0.4, 0.35], 2e-6, "the beginning is folded");
    assert_close(&back[8..10], &[-0.8, 0.6], 2e-6, "the last frame");
    let bessel = of(whole("frame_length", 4).with("window", "kaiser_bessel_derived"));
    assert_close(
        &bessel.as_slice::<f32>()[..2].iter().map(|&v| v.into()).collect::<Vec<_>>(),
        &[0.23665024, 0.96234214],
        2e-6,
        "window",
    );
    assert!(refused(&ops::MDCT, whole("frame_length", 6), &[f32s(&signal)]).contains("a multiple of 4"));
    assert!(refused(&ops::INVERSE_MDCT, Attrs::new(), &[f32s(&signal)]).contains("frames"));
}

#[test]
fn windows_of_many_shapes() {
    let of = |op, attrs: Attrs| values(op, attrs, &[]);
    let long = |n: i64| whole("window_length", n);
    let four = |n: i64| long(n).with("beta", 4.0);
    assert_eq!(of(&ops::KAISER_WINDOW, long(1)), [1.0]);
    let six = [5.2773448e-5, 0.10171972, 0.79293954, 0.79293954, 0.10171972, 5.2773448e-5];
    assert_close(&of(&ops::KAISER_WINDOW, long(6)), &six, 1e-6, "kaiser");
    let five = [0.08848054, 0.63343173, 1.0, 0.63343173, 0.08848054];
    assert_close(&of(&ops::KAISER_WINDOW, four(5)), &five, 1e-6, "kaiser of 4");
    let derived = [0.22047876, 0.70710677, 0.97539175, 0.97539175, 0.70710677, 0.22047876];
    assert_close(&of(&ops::KAISER_BESSEL_DERIVED_WINDOW, four(6)), &derived, 1e-6, "derived");
    assert_eq!(of(&ops::KAISER_BESSEL_DERIVED_WINDOW, four(5)).len(), 4);
    let vorbis = [0.14943586, 0.85631913, 1.0, 0.85631913, 0.14943586];
    assert_close(&of(&ops::VORBIS_WINDOW, long(5)), &vorbis, 1e-6, "vorbis");
    assert_eq!(of(&ops::VORBIS_WINDOW, long(0)).len(), 0);
    assert!(of(&ops::KAISER_WINDOW, long(9).with("beta", 2000.0)).iter().all(|v| v.is_finite()));
    assert!(refused(&ops::VORBIS_WINDOW, long(-1), &[]).contains("a window of 0"));
    let hann = one(&ops::HANN_WINDOW, long(8), &[]);
    let inverse = [0.0, 0.14042343, 0.5109583, 0.8722604, 0.958871, 0.8722604, 0.5109583, 0.14042327];
    assert_close(&values(&ops::INVERSE_STFT_WINDOW, whole("frame_step", 3), &[hann]), &inverse, 1e-6, "inverse");
    let hamming = one(&ops::HAMMING_WINDOW, long(6), &[]);
    let inverse = [0.1334891, 1.612904, 1.2987013, 1.0, 1.2848324, 1.6129031];
    assert_close(
        &values(&ops::INVERSE_STFT_WINDOW, whole("frame_step", 4), std::slice::from_ref(&hamming)),
        &inverse,
        1e-6,
        "of 4",
    );
    assert!(
        refused(&ops::INVERSE_STFT_WINDOW, whole("frame_step", 0), &[hamming]).contains("`frame_step` of at least 1")
    );
}

#[test]
fn mel_spectra() {
    let attrs = whole("num_mel_bins", 4).with("num_spectrogram_bins", 9i64);
    let expected = [
        [0.0, 0.0, 0.0, 0.0],
        [0.89565384, 0.10434615, 0.0, 0.0],
        [0.0, 0.8690782, 0.13092178, 0.0],
        [0.0, 0.1091703, 0.8908297, 0.0],
        [0.0, 0.0, 0.505573, 0.49442706],
        [0.0, 0.0, 0.0048243324, 0.99517566],
        [0.0, 0.0, 0.0, 0.5769244],
        [0.0, 0.0, 0.0, 0.20334473],
        [0.0, 0.0, 0.0, 0.0],
    ];
    let matrix = one(&ops::LINEAR_TO_MEL_WEIGHT_MATRIX, attrs.clone(), &[]);
    assert_eq!((matrix.shape(), matrix.dtype()), (&[9, 4][..], DType::F32));
    let found: Vec<f64> = matrix.as_slice::<f32>().iter().map(|&v| v.into()).collect();
    assert_close(&found, &expected.concat(), 3e-6, "mel");
    let text = refused(&ops::LINEAR_TO_MEL_WEIGHT_MATRIX, attrs.clone().with("upper_edge_hertz", 5000.0), &[]);
    assert!(text.contains("sample_rate / 2"), "{text}");
    let text = refused(&ops::LINEAR_TO_MEL_WEIGHT_MATRIX, attrs.with("num_mel_bins", 1i64 << 40), &[]);
    assert!(text.contains("numbers of bins"), "{text}");
    let cepstra = [3.75, -1.3378248, 0.38948253, -2.5970068, 2.6516504, -0.08599174, 2.326113, 2.6614625];
    assert_close(&values(&ops::MFCCS_FROM_LOG_MEL_SPECTROGRAMS, Attrs::new(), &[f32s(&X)]), &cepstra, 2e-6, "mfcc");
}
