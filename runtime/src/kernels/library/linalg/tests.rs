//! Factors multiplied again, and matrices that have none.

use crate::array::{Array, DType};
use crate::error::Kind;
use crate::kernels::library::testing::{run, run_err, values};

/// Random numbers between -1 and 1.
fn matrix(dtype: DType, shape: &[usize]) -> Array {
    let mut bits = vec![0; shape.iter().product()];
    crate::kernels::random::fill_bits(1, 2, 0, &mut bits);
    let values: Vec<f64> = bits.into_iter().map(|b| f64::from(b) * 2f64.powi(-31) - 1.0).collect();
    Array::from_slice(shape, &values).cast(dtype).unwrap()
}

/// `a b` of row-major matrices.
fn product(a: &[f64], b: &[f64], [m, k, n]: [usize; 3]) -> Vec<f64> {
    let at = |i: usize, j: usize| (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum();
    (0..m * n).map(|p| at(p / n, p % n)).collect()
}

fn transposed(a: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    (0..rows * columns).map(|p| a[p % rows * columns + p / rows]).collect()
}

#[track_caller]
fn assert_close(actual: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len());
    let worst = actual.iter().zip(expected).map(|(a, e)| (a - e).abs()).fold(0.0, f64::max);
    assert!(worst <= tolerance, "off by {worst}:\n{actual:?}\n{expected:?}");
}

const PRECISION: [(DType, f64); 2] = [(DType::F32, 2e-4), (DType::F64, 1e-11)];

#[test]
fn qr_multiplies_back_with_a_diagonal_that_is_not_negative() {
    for (dtype, tolerance) in PRECISION {
        for (m, n) in [(5, 5), (7, 3), (3, 7), (40, 40), (1, 1)] {
            for width in [m.min(n), m] {
                let x = matrix(dtype, &[m, n]);
                let results = run("linalg.qr", &[&x], &[(dtype, &[m, width]), (dtype, &[width, n])], &[]);
                let (q, r) = (values(&results[0]), values(&results[1]));
                assert_close(&product(&q, &r, [m, width, n]), &values(&x), tolerance);
                let unit: Vec<f64> = (0..width * width).map(|p| f64::from(p / width == p % width)).collect();
                assert_close(&product(&transposed(&q, m, width), &q, [width, m, width]), &unit, tolerance);
                assert!((0..m.min(n)).all(|k| r[k * n + k] >= 0.0));
                assert!((0..width).all(|i| (0..i.min(n)).all(|j| r[i * n + j] == 0.0)));
            }
        }
    }
}

#[test]
fn svd_multiplies_back_in_order() {
    for (dtype, tolerance) in PRECISION {
        for (m, n) in [(5, 5), (7, 3), (3, 7), (40, 33)] {
            let (x, k) = (matrix(dtype, &[m, n]), m.min(n));
            for (wide_u, wide_v) in [(k, k), (m, n)] {
                let shapes: [(DType, &[usize]); 3] = [(dtype, &[k]), (dtype, &[m, wide_u]), (dtype, &[n, wide_v])];
                let results = run("linalg.svd", &[&x], &shapes, &[]);
                let [s, u, v] = [0, 1, 2].map(|i| values(&results[i]));
                assert!(s.windows(2).all(|w| w[0] >= w[1]) && s.iter().all(|&s| s >= 0.0));
                let scaled: Vec<f64> = (0..m * k).map(|p| u[p / k * wide_u + p % k] * s[p % k]).collect();
                let vt: Vec<f64> = (0..k * n).map(|p| v[p % n * wide_v + p / n]).collect();
                assert_close(&product(&scaled, &vt, [m, k, n]), &values(&x), tolerance);
                let alone = run("linalg.svdvals", &[&x], &[(dtype, &[k])], &[]);
                assert_close(&values(&alone[0]), &s, tolerance);
            }
        }
    }
}

/// A kernel, its operand's elements, its results.
type Spectrum<'a> = (&'a str, &'a [f64], &'a [(DType, &'a [usize])]);

/// Elements whose squares leave the range of their dtype are no obstacle.
#[test]
fn spectra_of_great_and_of_tiny_matrices() {
    let elements = [2.0, -2.0, 1.0, -1.0, 0.0, 3.0, -2.0, 2.0, 1.0, 2.0, -1.0, -3.0, 0.0, 2.0, -1.0, 1.0];
    let symmetric: Vec<f64> = (0..16).map(|p| elements[p] + elements[p % 4 * 4 + p / 4]).collect();
    let shape = [4, 4];
    for (dtype, scales) in [(DType::F32, [1e30, 1e-30]), (DType::F64, [1e300, 1e-300])] {
        for scale in scales {
            let array = |x: &[f64], by: f64| {
                let scaled: Vec<f64> = x.iter().map(|v| v * by).collect();
                Array::from_slice(&shape, &scaled).cast(dtype).unwrap()
            };
            let kernels: [Spectrum<'_>; 4] = [
                ("linalg.svd", &elements, &[(dtype, &[4]), (dtype, &shape), (dtype, &shape)]),
                ("linalg.svdvals", &elements, &[(dtype, &[4])]),
                ("linalg.eigh", &symmetric, &[(dtype, &[4]), (dtype, &shape)]),
                ("linalg.eigvalsh", &symmetric, &[(dtype, &[4])]),
            ];
            for (kernel, x, outputs) in kernels {
                let spectrum = |by: f64| values(&run(kernel, &[&array(x, by)], outputs, &[])[0]);
                let expected: Vec<f64> = spectrum(1.0).into_iter().map(|v| v * scale).collect();
                let actual = spectrum(scale);
                let tolerance = 1e-5 * expected.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
                let near = actual.iter().zip(&expected).all(|(a, e)| (a - e).abs() <= tolerance);
                assert!(near, "{kernel} of {dtype} times {scale}: {actual:?} instead of {expected:?}");
            }
            // One great element among others (the iteration did not converge).
            let mut mixed = elements;
            mixed[2] = scale;
            let s = values(&run("linalg.svdvals", &[&array(&mixed, 1.0)], &[(dtype, &[4])], &[])[0]);
            assert!(s.iter().all(|v| v.is_finite()) && (scale < 1.0 || (s[0] / scale - 1.0).abs() < 1e-5), "{s:?}");
        }
    }
}

#[test]
fn eigh_reads_the_lower_triangle() {
    for (dtype, tolerance) in PRECISION {
        let n = 20;
        let x = matrix(dtype, &[n, n]);
        let results = run("linalg.eigh", &[&x], &[(dtype, &[n]), (dtype, &[n, n])], &[]);
        let (e, v, given) = (values(&results[0]), values(&results[1]), values(&x));
        let symmetric: Vec<f64> = (0..n * n).map(|p| given[(p / n).max(p % n) * n + (p / n).min(p % n)]).collect();
        let scaled: Vec<f64> = (0..n * n).map(|p| v[p] * e[p % n]).collect();
        assert_close(&product(&symmetric, &v, [n, n, n]), &scaled, tolerance);
        assert!(e.windows(2).all(|w| w[0] <= w[1]));
        assert_close(&values(&run("linalg.eigvalsh", &[&x], &[(dtype, &[n])], &[])[0]), &e, tolerance);
    }
}

#[test]
fn lu_and_cholesky_multiply_back() {
    for (dtype, tolerance) in PRECISION {
        let n = 30;
        let x = matrix(dtype, &[n, n]);
        let results = run("linalg.lu", &[&x], &[(dtype, &[n, n]), (DType::I32, &[n])], &[]);
        let (lu, order) = (values(&results[0]), results[1].as_slice::<i32>());
        let l: Vec<f64> = (0..n * n).map(|p| if p % n < p / n { lu[p] } else { f64::from(p % n == p / n) }).collect();
        let u: Vec<f64> = (0..n * n).map(|p| if p % n < p / n { 0.0 } else { lu[p] }).collect();
        let rows: Vec<f64> = order.iter().flat_map(|&r| values(&x)[r as usize * n..][..n].to_vec()).collect();
        assert_close(&product(&l, &u, [n, n, n]), &rows, tolerance);

        let mut gram = product(&values(&x), &transposed(&values(&x), n, n), [n, n, n]);
        (0..n).for_each(|i| gram[i * n + i] += 1.0);
        let gram = Array::from_slice(&[n, n], &gram).cast(dtype).unwrap();
        let l = values(&run("linalg.cholesky", &[&gram], &[(dtype, &[n, n])], &[])[0]);
        assert_close(&product(&l, &transposed(&l, n, n), [n, n, n]), &values(&gram), 10.0 * tolerance);
    }
}

#[test]
fn solutions_of_broadcast_batches() {
    for (dtype, tolerance) in PRECISION {
        let (a, b) = (matrix(dtype, &[3, 1, 4, 4]), matrix(dtype, &[2, 4, 2]));
        for adjoint in [0, 1] {
            let x = values(&run("linalg.solve", &[&a, &b], &[(dtype, &[3, 2, 4, 2])], &[adjoint])[0]);
            for k in 0..6 {
                let own = &values(&a)[k / 2 * 16..][..16];
                let own = if adjoint == 1 { transposed(own, 4, 4) } else { own.to_vec() };
                assert_close(&product(&own, &x[k * 8..][..8], [4, 4, 2]), &values(&b)[k % 2 * 8..][..8], tolerance);
            }
        }
        for (lower, adjoint) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let x = values(&run("linalg.triangular_solve", &[&a, &b], &[(dtype, &[3, 2, 4, 2])], &[lower, adjoint])[0]);
            let own: Vec<f64> = (0..16)
                .map(|p| if (p % 4 <= p / 4) == (lower == 1) || p % 4 == p / 4 { values(&a)[16 + p] } else { 0.0 })
                .collect();
            let own = if adjoint == 1 { transposed(&own, 4, 4) } else { own };
            let scale = x[24..32].iter().fold(1.0, |a: f64, b| a.max(b.abs()));
            assert_close(&product(&own, &x[24..32], [4, 4, 2]), &values(&b)[8..], scale * tolerance);
        }
    }
}

#[test]
fn determinants_and_singular_matrices() {
    let x = Array::from_slice(&[3, 2, 2], &[1.0f64, 2.0, 3.0, 4.0, 2.0, 4.0, 1.0, 2.0, 0.0, 1.0, 1.0, 0.0]);
    let det = values(&run("linalg.det", &[&x], &[(DType::F64, &[3])], &[])[0]);
    assert_close(&det, &[-2.0, 0.0, -1.0], 1e-14);
    let parts = run("linalg.slogdet", &[&x], &[(DType::F64, &[3]), (DType::F64, &[3])], &[]);
    assert_eq!(values(&parts[0]), [-1.0, 0.0, -1.0]);
    assert_eq!(values(&parts[1])[1], f64::NEG_INFINITY);
    let empty = Array::from_slice(&[2, 0, 0], &[0f64; 0]);
    assert_eq!(values(&run("linalg.det", &[&empty], &[(DType::F64, &[2])], &[])[0]), [1.0, 1.0]);

    let error = run_err("linalg.solve", &[&x, &x], &[(DType::F64, &[3, 2, 2])], &[0]);
    assert_eq!(error.kind(), Kind::Value);
    assert!(error.message().contains("input is not invertible (matrix 1 of 3)"), "{error}");
    let error = run_err("linalg.cholesky", &[&x], &[(DType::F64, &[3, 2, 2])], &[]);
    assert!(error.message().contains("not positive definite"), "{error}");
    let nan = Array::from_slice(&[1, 1], &[f32::NAN]);
    assert!(run_err("linalg.cholesky", &[&nan], &[(DType::F32, &[1, 1])], &[]).message().contains("positive"));
    assert!(values(&run("linalg.svdvals", &[&nan], &[(DType::F32, &[1])], &[])[0])[0].is_nan());
    let zeros = Array::zeros(DType::F32, &[40, 40]).unwrap();
    assert_eq!(values(&run("linalg.det", &[&zeros], &[(DType::F32, &[])], &[])[0]), [0.0]);
    // A pivot whose inverse is infinite.
    let tiny: Vec<f32> = (0..1600).map(|i| if i / 40 == i % 40 { 1e-40 } else { 0.0 }).collect();
    let tiny = Array::from_slice(&[40, 40], &tiny);
    assert_eq!(values(&run("linalg.det", &[&tiny], &[(DType::F32, &[])], &[])[0]), [0.0]);
}

#[test]
fn exponentials_of_small_and_of_great_matrices() {
    let turn = |angle: f64| Array::from_slice(&[2, 2], &[0.0, -angle, angle, 0.0]);
    for angle in [0.0, 1e-9, 0.5, 40.0] {
        let y = values(&run("linalg.expm", &[&turn(angle)], &[(DType::F64, &[2, 2])], &[])[0]);
        assert_close(&y, &[angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1e-12);
    }
    let falling = Array::from_slice(&[1, 1], &[-1e300f64]);
    assert_eq!(values(&run("linalg.expm", &[&falling], &[(DType::F64, &[1, 1])], &[])[0]), [0.0]);
}
