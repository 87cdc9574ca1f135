//! Attributes that ask for too much: an error at once, without the memory; and numbers at the ends of their range.

use crate::support::{apply_as, assert_close, counted, dims, f64s, i32s, one, refused, values};
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::{DType, Dim, TensorSpec, ops};
use tracelift_runtime::Array;

#[test]
fn parts_are_counted_before_they_are_made() {
    let x = f64s(&[1, 8, 1], &[0.0; 8]);
    for pool in [&ops::ADAPTIVE_AVG_POOL, &ops::ADAPTIVE_MAX_POOL] {
        let message = refused(pool, Attrs::new().with("size", vec![2_000_000_000i64]), std::slice::from_ref(&x));
        assert!(message.contains("1 to 4096 parts"), "{message}");
    }
    let wide = Array::zeros(DType::F32, &[0, 1 << 40, 4, 1]).unwrap();
    let ratios = Attrs::new().with("row_ratio", 1.0).with("column_ratio", 1.0);
    let message = refused(&ops::FRACTIONAL_MAX_POOL, ratios, &[wide]);
    assert!(message.contains("1 to 4096 parts"), "{message}");
}

/// How many are inside is known without looking at each: a million taps are no more work than three.
#[test]
fn taps_of_dilated_averages() {
    let pool = |taps: i64, dilation: i64| {
        let attrs = Attrs::new().with("ksize", vec![taps]).with("strides", vec![1i64]).with("padding", "SAME");
        attrs.with("dilations", vec![dilation])
    };
    let x = f64s(&[1, 8, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    let three = values(&ops::AVG_POOL1D, pool(3, 3), std::slice::from_ref(&x));
    assert_close(&three, &[2.5, 3.5, 4.5, 4.0, 5.0, 4.5, 5.5, 6.5], 1e-12, "three taps");
    let many = values(&ops::AVG_POOL1D, pool(1 << 20, 2), &[x]);
    assert_close(&many, &[5.0, 4.0, 5.0, 4.0, 5.0, 4.0, 5.0, 4.0], 1e-12, "every other one");
}

#[test]
fn differences_of_differences_end() {
    let of = |n: i64| Attrs::new().with("n", n);
    assert_eq!(one(&ops::DIFF, of(1 << 40), &[Array::zeros(DType::F32, &[0, 1 << 40]).unwrap()]).shape(), [0, 0]);
    assert_eq!(one(&ops::DIFF, of(1_000_000), &[counted(&[5])]).shape(), [0]);
    assert!(refused(&ops::DIFF, of(1_000_000), &[counted(&[1_000_001])]).contains("at most 4096"));
    assert_eq!(values(&ops::DIFF, of(2), &[f64s(&[4], &[1.0, 4.0, 9.0, 16.0])]), [2.0, 2.0]);
}

#[test]
fn far_diagonals_are_refused() {
    for k in [i64::MIN, i64::MAX, 1 << 32] {
        for op in [&ops::DIAG as &'static OpDef, &ops::DIAG_PART, &ops::SET_DIAG] {
            let operands = [counted(&[2, 2]), counted(&[2])];
            let operands = &operands[..if std::ptr::eq(op, &ops::SET_DIAG) { 2 } else { 1 }];
            assert!(refused(op, Attrs::new().with("k", vec![k]), operands).contains("`k`"));
        }
    }
}

#[test]
fn frames_may_be_far_apart() {
    let stfts = Array::zeros(DType::Complex64, &[1, 3]).unwrap();
    let attrs = Attrs::new().with("frame_length", 4i64).with("frame_step", i64::MAX).with("window", "inverse_hann");
    let message = refused(&ops::INVERSE_STFT, attrs, &[stfts]);
    assert!(message.contains("overflows"), "{message}");
}

/// A matrix of weights would have 10^10 elements.
#[test]
fn long_axes_are_resampled_without_a_matrix() {
    let x = Array::from_slice(&[1, 1_000_000, 1], &vec![2.0f32; 1_000_000]);
    let attrs = Attrs::new().with("size", vec![10_000i64]).with("method", "area");
    let y = one(&ops::RESIZE, attrs, &[x]);
    assert_eq!(y.shape(), [1, 10_000, 1]);
    assert!(y.as_slice::<f32>().iter().all(|&v| (v - 2.0).abs() < 1e-5));
}

#[test]
fn random_integers_fit_their_dtype() {
    let state = Array::from_slice(&[2], &[1u64, 2]);
    let of = |low: i64, high: i64, dtype| {
        Attrs::new().with("dims", dims(&[4])).with("minval", low).with("maxval", high).with("dtype", dtype)
    };
    let message = refused(&ops::RANDOM_INTEGERS, of(0, 1000, DType::U8), std::slice::from_ref(&state));
    assert!(message.contains("bounds that u8 holds"), "{message}");
    assert!(refused(&ops::RANDOM_INTEGERS, of(-1, 5, DType::U32), std::slice::from_ref(&state)).contains("u32 holds"));
    one(&ops::RANDOM_INTEGERS, of(0, 256, DType::U8), &[state]);
}

#[test]
fn parts_of_infinite_reals() {
    let x = f64s(&[4], &[f64::INFINITY, f64::NEG_INFINITY, -1.0, f64::NAN]);
    assert_eq!(values(&ops::IMAG, Attrs::new(), std::slice::from_ref(&x)), [0.0; 4]);
    let angle = values(&ops::ANGLE, Attrs::new(), &[x]);
    assert_close(&angle, &[0.0, std::f64::consts::PI, std::f64::consts::PI, f64::NAN], 0.0, "angle");
}

#[test]
fn shifts_beyond_the_integers_of_f64() {
    let x = i32s(&[3], &[0, 1, 2]);
    let attrs = Attrs::new().with("shift", vec![(1i64 << 53) + 1]).with("axes", vec![0i64]);
    let known = one(&ops::ROLL, attrs.clone(), std::slice::from_ref(&x));
    let symbolic = apply_as(&ops::ROLL, attrs, &[x], &[TensorSpec::new(DType::I32, [Dim::sym(0)])]).unwrap();
    assert_eq!(symbolic[0].as_slice::<i32>(), known.as_slice::<i32>());
}
