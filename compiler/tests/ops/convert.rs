//! Conversions within ranges, polynomials, extremes, and numbers in parts of a range: numbers of TensorFlow 2.21.

use crate::battery::check_gradient;
use crate::compiled::{assert_agrees, assert_gradient_agrees};
use crate::support::{apply, assert_close, f64s, i32s, one, refused, values};
use tracelift_compiler::DType;
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::ops::{self, eval};
use tracelift_runtime::Array;

fn to(dtype: DType) -> Attrs {
    Attrs::new().with("dtype", dtype)
}

#[test]
fn numbers_out_of_range_stop_at_its_ends() {
    let of = |x: &Array, dtype| {
        assert_agrees(&ops::SATURATE_CAST, to(dtype), std::slice::from_ref(x));
        eval::ints(&one(&ops::SATURATE_CAST, to(dtype), std::slice::from_ref(x)))
    };
    let x = Array::from_slice(&[5], &[-1.5f32, 300.7, f32::NAN, 12.9, f32::INFINITY]);
    assert_eq!(of(&x, DType::U8), [0, 255, 0, 12, 255]);
    assert_eq!(of(&x, DType::I8), [-1, 127, 0, 12, 127]);
    // The greatest float that is an i32, as TensorFlow's.
    assert_eq!(of(&Array::from_slice(&[2], &[3e9f32, -3e9]), DType::I32), [2_147_483_520, -2_147_483_648]);
    assert_eq!(of(&f64s(&[3], &[1e300, -1e300, 5.0]), DType::I64), [9_223_372_036_854_774_784, i64::MIN.into(), 5]);
    assert_eq!(of(&i32s(&[3], &[-5, 70_000, 7]), DType::U16), [0, 65_535, 7]);
    assert_eq!(of(&Array::from_slice(&[2], &[u64::MAX, 3]), DType::I64), [i64::MAX.into(), 3]);
    assert_eq!(of(&Array::from_slice(&[2], &[-1i8, 3]), DType::U64), [0, 3]);
    assert!(refused(&ops::SATURATE_CAST, to(DType::Bool), &[x]).contains("a float or integer tensor"));
}

#[test]
fn images_of_other_dtypes() {
    let of = |x: &Array, dtype: DType, saturate: bool| {
        let attrs = to(dtype).with("saturate", saturate);
        assert_agrees(&ops::CONVERT_IMAGE_DTYPE, attrs.clone(), std::slice::from_ref(x));
        values(&ops::CONVERT_IMAGE_DTYPE, attrs, std::slice::from_ref(x))
    };
    let bytes = Array::from_slice(&[3], &[0u8, 128, 255]);
    assert_close(&of(&bytes, DType::F32, false), &[0.0, 0.501960813999176, 1.0], 1e-7, "to f32");
    let wide = Array::from_slice(&[4], &[-0.1f32, 0.5, 1.0, 1.2]);
    assert_eq!(of(&wide, DType::U8, true), [0.0, 127.0, 255.0, 255.0]);
    assert_eq!(of(&Array::from_slice(&[3], &[0.0f32, 0.5, 1.0]), DType::U8, false), [0.0, 127.0, 255.0]);
    assert_eq!(of(&Array::from_slice(&[3], &[0u16, 1000, 65535]), DType::U8, false), [0.0, 3.0, 255.0]);
    let bytes = Array::from_slice(&[3], &[0u8, 100, 255]);
    assert_eq!(of(&bytes, DType::U16, false), [0.0, 25600.0, 65280.0]);
    assert_eq!(of(&bytes, DType::I16, false), [0.0, 12800.0, 32640.0]);
    assert_eq!(of(&Array::from_slice(&[3], &[-5i16, 1000, 32767]), DType::U8, true), [0.0, 7.0, 255.0]);
}

#[test]
fn polynomials() {
    let x = f64s(&[4], &[1.0, -2.0, 3.0, 0.5]);
    let coefficients = f64s(&[3], &[3.0, -1.0, 2.0]);
    let operands = [coefficients, x.clone()];
    assert_eq!(values(&ops::POLYVAL, Attrs::new(), &operands), [4.0, 16.0, 26.0, 2.25]);
    assert_agrees(&ops::POLYVAL, Attrs::new(), &operands);
    assert_gradient_agrees(&ops::POLYVAL, Attrs::new(), &operands);
    check_gradient(&ops::POLYVAL, Attrs::new(), &operands);
    let each = [f64s(&[2, 2, 1], &[1.0, 2.0, 10.0, 20.0]), x.clone()];
    assert_eq!(one(&ops::POLYVAL, Attrs::new(), &each).shape(), [2, 4]);
    assert_eq!(values(&ops::POLYVAL, Attrs::new(), &[f64s(&[0], &[]), x]), [0.0; 4]);
    let mixed = [i32s(&[1], &[1]), f64s(&[1], &[1.0])];
    assert!(refused(&ops::POLYVAL, Attrs::new(), &mixed).contains("one dtype"));
}

#[test]
fn extremes_along_an_axis() {
    let x = f64s(&[3, 4], &[0., 1., 2., 3., 4., 5., 6., 0., 1., 2., 3., 4.]);
    let k = |k: i64| Attrs::new().with("k", k);
    let of = |op, attrs: Attrs| {
        assert_agrees(op, attrs.clone(), std::slice::from_ref(&x));
        check_gradient(op, attrs.clone(), std::slice::from_ref(&x));
        let both = apply(op, attrs, std::slice::from_ref(&x)).unwrap();
        (eval::floats(&both[0]), both[1].as_slice::<i32>().to_vec())
    };
    assert_eq!(of(&ops::APPROX_MAX_K, k(2)), (vec![3., 2., 6., 5., 4., 3.], vec![3, 2, 2, 1, 3, 2]));
    assert_eq!(of(&ops::APPROX_MIN_K, k(1)), (vec![0., 0., 1.], vec![0, 3, 0]));
    assert_eq!(of(&ops::APPROX_MAX_K, k(1).with("axis", 0i64)), (vec![4., 5., 6., 4.], vec![1, 1, 1, 2]));
    assert!(refused(&ops::APPROX_MAX_K, k(5), &[x]).contains("k between 0 and the length 4"));
}

#[test]
fn places_in_a_range() {
    let x = f64s(&[2, 3], &[-1.0, 0.0, 1.5, 2.0, 5.0, 15.0]);
    let operands = [x, f64s(&[2], &[0.0, 5.0])];
    let bins = |n: i64| Attrs::new().with("nbins", n);
    let found = one(&ops::HISTOGRAM_FIXED_WIDTH_BINS, bins(5), &operands);
    assert_eq!((found.shape(), found.as_slice::<i32>()), (&[2, 3][..], &[0, 0, 1, 2, 4, 4][..]));
    assert_agrees(&ops::HISTOGRAM_FIXED_WIDTH_BINS, bins(5).with("dtype", DType::I64), &operands);
    assert!(refused(&ops::HISTOGRAM_FIXED_WIDTH_BINS, bins(0), &operands).contains("`nbins`"));
}

#[test]
fn ranges_along_an_axis() {
    let x = f64s(&[2, 3], &[0.0, 1.0, 2.0, 3.0, -4.0, 5.0]);
    let operands = [x.clone(), f64s(&[2], &[0.0, -5.0]), f64s(&[2], &[2.0, 5.0])];
    let rows = Attrs::new().with("axis", 0i64);
    let found = apply(&ops::QUANTIZE, rows.clone(), &operands).unwrap();
    assert_eq!(found[0].as_slice::<u8>(), [0, 128, 255, 204, 26, 255]);
    assert_eq!(eval::floats(&found[1]), [0.0, -5.0]);
    let back = values(&ops::DEQUANTIZE, rows.clone(), &found);
    assert_close(&back, &[0.0, 1.003921627998352, 2.0, 3.0, -3.9803919792175293, 5.0], 1e-6, "and back");
    assert_agrees(&ops::QUANTIZE, rows.clone(), &operands);
    let wrong = [x, operands[1].clone(), f64s(&[3], &[1.0; 3])];
    assert!(refused(&ops::QUANTIZE, rows, &wrong).contains("2 elements of axis 0"));
}

#[test]
fn points_that_fill_a_cube() {
    let attrs = |dim: i64, count: i64| Attrs::new().with("dim", dim).with("num_results", count);
    let of = |attrs: Attrs| {
        assert_agrees(&ops::SOBOL_SAMPLE, attrs.clone(), &[]);
        values(&ops::SOBOL_SAMPLE, attrs, &[])
    };
    let four = [
        [0.5, 0.5, 0.5, 0.5],
        [0.75, 0.25, 0.25, 0.25],
        [0.25, 0.75, 0.75, 0.75],
        [0.375, 0.375, 0.625, 0.875],
        [0.875, 0.875, 0.125, 0.375],
        [0.625, 0.125, 0.875, 0.625],
    ];
    assert_eq!(of(attrs(4, 6)), four.concat());
    let later = [0.625, 0.125, 0.875, 0.125, 0.625, 0.375, 0.1875, 0.3125, 0.9375];
    assert_eq!(of(attrs(3, 3).with("skip", 5i64).with("dtype", DType::F64)), later);
    // Each interval of an even division has as many points.
    let many = of(attrs(64, 255));
    for dimension in 0..64 {
        let mut column: Vec<f64> = many.iter().skip(dimension).step_by(64).copied().collect();
        column.sort_by(f64::total_cmp);
        let even: Vec<f64> = (1..256).map(|i| f64::from(i) / 256.0).collect();
        assert_eq!(column, even, "dimension {dimension}");
    }
    assert_eq!(one(&ops::SOBOL_SAMPLE, attrs(2, 0), &[]).shape(), [0, 2]);
    for (dim, count, says) in
        [(65, 1, "`dim`"), (0, 1, "`dim`"), (1, -1, "`num_results`"), (1, 1 << 40, "`num_results`")]
    {
        let text = refused(&ops::SOBOL_SAMPLE, attrs(dim, count), &[]);
        assert!(text.contains(says), "{text}");
    }
}
