//! Products against a definition in f64, over shapes that reach every path.

use super::*;
use crate::array::Array;
use std::sync::atomic::{AtomicI64, Ordering};

/// Small integers as elements, so that every product and sum is exact.
fn operand(dtype: DType, shape: &[usize], seed: usize) -> Array {
    let len: usize = shape.iter().product();
    let signed = !dtype.is_unsigned_int();
    let data: Vec<i32> =
        (0..len).map(|i| ((i * 7 + seed * 5 + i / 11) % 7) as i32 - if signed { 3 } else { 0 }).collect();
    Array::from_vec(shape, data).unwrap().cast(dtype).unwrap()
}

fn product(a: &Array, b: &Array, ta: bool, tb: bool, epilogue: Option<&Epilogue<'_>>) -> Result<Array> {
    let (a, b) = (View::of(a), View::of(b));
    let cut = |v: &View<'_>| v.dims()[..v.rank() - 2].to_vec();
    let mut shape = broadcast(&cut(&a), &cut(&b)).unwrap().to_vec();
    shape.push(a.dims()[a.rank() - if ta { 1 } else { 2 }]);
    shape.push(b.dims()[b.rank() - if tb { 2 } else { 1 }]);
    let mut c = operand(a.dtype(), &shape, 3);
    let view = ViewMut::of(&mut c)?;
    matmul(&a, &b, &view, ta, tb, epilogue)?;
    Ok(c)
}

/// The definition, for two matrices.
fn expected(a: &Array, b: &Array, ta: bool, tb: bool) -> Vec<f64> {
    let sizes = |x: &Array, t: bool| if t { (x.shape()[1], x.shape()[0]) } else { (x.shape()[0], x.shape()[1]) };
    let ((m, k), (_, n)) = (sizes(a, ta), sizes(b, tb));
    let strides = |x: &Array, t: bool| if t { (1, x.shape()[1]) } else { (x.shape()[1], 1) };
    let ((a_row, a_col), (b_row, b_col)) = (strides(a, ta), strides(b, tb));
    let (a, b) = (values(a), values(b));
    let element = |i: usize, j: usize| (0..k).map(|p| a[i * a_row + p * a_col] * b[p * b_row + j * b_col]).sum();
    (0..m * n).map(|index| element(index / n, index % n)).collect()
}

fn values(x: &Array) -> Vec<f64> {
    (0..x.len()).map(|i| x.element_f64(i)).collect()
}

fn check(dtype: DType, m: usize, n: usize, k: usize) {
    for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
        let a = operand(dtype, &if ta { [k, m] } else { [m, k] }, 1);
        let b = operand(dtype, &if tb { [n, k] } else { [k, n] }, 2);
        let c = product(&a, &b, ta, tb, None).unwrap();
        assert_eq!(values(&c), expected(&a, &b, ta, tb), "{dtype} {m}x{n}x{k} {ta} {tb}");
    }
}

#[test]
fn floats_of_every_shape() {
    for dtype in [DType::F32, DType::F64] {
        for m in [1, 2, 6, 37, 50] {
            for n in [1, 2, 17, 64, 70] {
                for k in [1, 3, 65] {
                    check(dtype, m, n, k);
                }
            }
        }
    }
}

#[test]
fn large_products_take_several_runs_and_pieces() {
    check(DType::F32, 120, 150, 520);
    check(DType::F32, 800, 70, 40);
    check(DType::F32, 10, 700, 513);
    check(DType::F64, 100, 70, 520);
}

#[test]
fn other_dtypes() {
    for dtype in [DType::I8, DType::I32, DType::I64, DType::U16, DType::F16, DType::BF16, DType::Complex64] {
        check(dtype, 5, 7, 4);
        check(dtype, 1, 3, 0);
    }
    check(DType::I32, 60, 50, 40);
}

#[test]
fn complex_products_multiply_complex_numbers() {
    let a = Array::from_slice(&[1, 1], &[[1.0f32, 2.0]]);
    let b = Array::from_slice(&[1, 1], &[[3.0f32, -4.0]]);
    assert_eq!(product(&a, &b, false, false, None).unwrap().as_slice::<[f32; 2]>(), [[11.0, 2.0]]);
}

#[test]
fn integers_wrap() {
    let a = Array::from_slice(&[1, 2], &[100i8, 100]);
    let b = Array::from_slice(&[2, 1], &[2i8, 2]);
    assert_eq!(product(&a, &b, false, false, None).unwrap().as_slice::<i8>(), [400i32 as i8]);
}

#[test]
fn an_empty_inner_axis_gives_zeros_and_empty_results_are_fine() {
    check(DType::F32, 3, 5, 0);
    check(DType::F64, 3, 1, 0);
    for (m, n, k) in [(0, 3, 2), (3, 0, 2), (0, 0, 0)] {
        check(DType::F32, m, n, k);
    }
}

#[test]
fn batch_axes_broadcast() {
    // Shapes of a and b: equal batches, b shared, a shared, both partly shared.
    let cases: [(&[usize], &[usize]); 4] =
        [(&[3, 4, 5], &[3, 5, 6]), (&[2, 3, 4, 5], &[5, 6]), (&[4, 5], &[7, 5, 6]), (&[2, 1, 4, 5], &[1, 3, 5, 6])];
    for dtype in [DType::F32, DType::I32] {
        for (a_shape, b_shape) in cases {
            let (a, b) = (operand(dtype, a_shape, 1), operand(dtype, b_shape, 2));
            let c = product(&a, &b, false, false, None).unwrap();
            let batch = &c.shape()[..c.rank() - 2];
            let count: usize = batch.iter().product();
            let matrix = |x: &Array, index: usize| {
                let dims = &x.shape()[..x.rank() - 2];
                let strides = broadcast_strides(dims, batch).unwrap();
                let (mut rest, mut at) = (index, 0);
                for axis in (0..batch.len()).rev() {
                    at += (rest % batch[axis]) as isize * strides[axis];
                    rest /= batch[axis];
                }
                let size = x.shape()[x.rank() - 2..].iter().product::<usize>() * dtype.size();
                Array::from_bytes(dtype, &x.shape()[x.rank() - 2..], &x.as_bytes()[at as usize * size..][..size])
                    .unwrap()
            };
            let all: Vec<f64> =
                (0..count).flat_map(|i| expected(&matrix(&a, i), &matrix(&b, i), false, false)).collect();
            assert_eq!(values(&c), all, "{a:?} {b:?}");
        }
    }
}

#[test]
fn large_batches() {
    let (a, b) = (operand(DType::F32, &[20, 40, 30], 1), operand(DType::F32, &[20, 30, 50], 2));
    let whole = product(&a, &b, false, false, None).unwrap();
    for index in [0, 7, 19] {
        let part = |x: &Array| {
            let size = x.len() / 20;
            Array::from_slice(&x.shape()[1..], &x.as_slice::<f32>()[index * size..][..size])
        };
        assert_eq!(values(&part(&whole)), expected(&part(&a), &part(&b), false, false));
    }
}

#[test]
fn every_row_gets_its_epilogue_when_it_is_final() {
    let shapes: [(&[usize], &[usize]); 8] = [
        (&[5, 8], &[8, 9]),
        (&[5, 8], &[8, 0]),
        (&[2, 3, 4], &[2, 4, 0]),
        (&[900, 128], &[128, 128]),
        (&[40, 512], &[512, 900]),
        (&[300, 2000], &[2000, 1]),
        (&[20, 40, 30], &[20, 30, 50]),
        (&[3, 100, 200], &[3, 200, 300]),
    ];
    for dtype in [DType::F32, DType::I32, DType::F16] {
        for (a_shape, b_shape) in shapes {
            if dtype == DType::F16 && a_shape.iter().product::<usize>() > 10_000 {
                continue;
            }
            let (a, b) = (operand(dtype, a_shape, 1), operand(dtype, b_shape, 2));
            let plain = product(&a, &b, false, false, None).unwrap();
            let rows = plain.shape()[..plain.rank() - 1].iter().product::<usize>();
            let seen: Vec<AtomicI64> = (0..rows).map(|_| AtomicI64::new(0)).collect();
            let epilogue = |begin: i64, end: i64| {
                for row in begin..end {
                    seen[row as usize].fetch_add(1, Ordering::Relaxed);
                }
            };
            let with = parallel::with_threads(3, || product(&a, &b, false, false, Some(&epilogue))).unwrap();
            assert_eq!(with.as_bytes(), plain.as_bytes());
            assert!(seen.iter().all(|n| n.load(Ordering::Relaxed) == 1), "{dtype} {a_shape:?} {b_shape:?}");
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let random = |shape: &[usize]| {
        let len = shape.iter().product::<usize>();
        Array::from_vec(shape, (0..len).map(|i| ((i * 2654435761) % 1000) as f32 / 999.0).collect()).unwrap()
    };
    for (m, n, k) in [(300, 300, 700), (3, 5000, 300), (5000, 1, 300), (700, 30, 90)] {
        let (a, b) = (random(&[m, k]), random(&[k, n]));
        let run = |threads| parallel::with_threads(threads, || product(&a, &b, false, false, None).unwrap());
        assert_eq!(run(1).as_bytes(), run(4).as_bytes());
    }
}

#[test]
fn bad_operands_are_errors() {
    let f = |shape: &[usize]| operand(DType::F32, shape, 0);
    let run = |a: &Array, b: &Array, c: &[usize]| {
        let mut c = f(c);
        matmul(&View::of(a), &View::of(b), &ViewMut::of(&mut c).unwrap(), false, false, None).unwrap_err()
    };
    let error = run(&f(&[2, 3]), &f(&[4, 5]), &[2, 5]);
    assert_eq!(error.kind(), Kind::Shape);
    assert!(error.message().contains("3 and 4") && error.message().contains("f32[4, 5]"), "{error}");
    assert_eq!(run(&f(&[2, 3]), &f(&[3, 5]), &[2, 6]).kind(), Kind::Shape);
    assert_eq!(run(&f(&[3]), &f(&[3, 5]), &[1, 5]).kind(), Kind::Shape);
    assert_eq!(run(&f(&[2, 2, 3]), &f(&[3, 3, 5]), &[2, 2, 5]).kind(), Kind::Shape);
    assert_eq!(run(&operand(DType::I32, &[2, 3], 0), &f(&[3, 5]), &[2, 5]).kind(), Kind::DType);
}
