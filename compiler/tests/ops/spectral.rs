//! Roots, logarithms and eigenvalues of matrices that need not be symmetric: numbers of TensorFlow and SciPy, gradients
//! against differences, machine code against `eval`.

use crate::linalg::{apply as apply_to, apply1, both_ways, check, gram, regular, sample};
use crate::support::{apply, assert_close, f64s, i32s, refused, values};
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::ops::{self, eval};
use tracelift_compiler::{DType, Loc, grad, interp};
use tracelift_runtime::Array;

fn f32s(shape: &[usize], values: &[f32]) -> Array {
    Array::from_slice(shape, values)
}

#[test]
fn roots_and_logarithms() {
    let x = f64s(&[3, 3], &[4.0, 1.0, 0.0, 1.0, 3.0, 1.0, 0.5, 1.0, 5.0]);
    let root = [
        [1.9822526634145006, 0.27326814071276917, -0.01667724311538371],
        [0.26492951915507734, 1.6923072795863483, 0.25659089759738546],
        [0.10327958412561702, 0.24825227603969363, 2.2221663178965025],
    ];
    let log = [
        [1.3485989458447583, 0.30304322281139034, -0.034738343288195764],
        [0.285674051167292, 1.0108173797451725, 0.2683048795231939],
        [0.0820449248293029, 0.2509357078790957, 1.582165482079757],
    ];
    for (op, expected) in [(&ops::SQRTM, root), (&ops::LOGM, log)] {
        for result in both_ways(op, &Attrs::new(), &x) {
            assert_close(&eval::floats(&result[0]), &expected.concat(), 1e-13, op.name);
        }
    }
    // Without eigenvectors, far from 1, and with complex eigenvalues; a rotation by a right angle has half of one as root.
    let jordan = f64s(
        &[2, 3, 3],
        &[[3.0, 1.0, 0.0, 0.0, 3.0, 1.0, 0.0, 0.0, 3.0], [1e6, 2.0, 0.0, 0.0, 1e-3, 7.0, 1.0, 0.0, 5.0]].concat(),
    );
    for result in both_ways(&ops::SQRTM, &Attrs::new(), &jordan) {
        let back = values(&ops::MATMUL, Attrs::new(), &[result[0].clone(), result[0].clone()]);
        let relative: Vec<f64> =
            back.iter().zip(eval::floats(&jordan)).map(|(b, x)| (b - x) / x.abs().max(1.0)).collect();
        assert_close(&relative, &[0.0; 18], 1e-9, "squared");
    }
    let turn = f64s(&[2, 2], &[0.0, -1.0, 1.0, 0.0]);
    let half = std::f64::consts::FRAC_1_SQRT_2;
    assert_close(
        &values(&ops::SQRTM, Attrs::new(), std::slice::from_ref(&turn)),
        &[half, -half, half, half],
        1e-14,
        "half a turn",
    );
    let angle = std::f64::consts::FRAC_PI_2;
    for result in both_ways(&ops::LOGM, &Attrs::new(), &turn) {
        assert_close(&eval::floats(&result[0]), &[0.0, -angle, angle, 0.0], 1e-13, "the angle");
    }
    for shape in [&[3, 3][..], &[2, 2, 2], &[1, 1]] {
        check("sqrtm", &[regular(11, shape)], &|b, x| vec![apply1(b, &ops::SQRTM, x)]);
        check("logm", &[regular(12, shape)], &|b, x| vec![apply1(b, &ops::LOGM, x)]);
        check("sqrtm of a symmetric matrix", &[sample(13, shape)], &|b, x| {
            let x = gram(b, x[0]);
            vec![apply1(b, &ops::SQRTM, &[x])]
        });
    }
}

/// What the library's routine says of one matrix, if anything is wrong.
fn outcome(op: &'static OpDef, x: &Array) -> Result<Vec<Array>, String> {
    let mut b = tracelift_compiler::graph::GraphBuilder::new("f");
    let parameter = b.parameter("x", crate::support::spec_of(x));
    let results = b.apply_at(op, Attrs::new(), &[parameter], Loc::default()).map_err(|e| e.to_string())?;
    let graph = b.finish(results.to_vec());
    let program = tracelift_compiler::compile(&graph, &Default::default()).map_err(|e| e.to_string())?.program;
    let code = tracelift_runtime::exec::Executable::new(program).map_err(|e| e.to_string())?;
    code.call(&[x]).map_err(|e| e.to_string())
}

#[test]
fn roots_that_are_not_real() {
    for x in [f64s(&[1, 1], &[-4.0]), f64s(&[2, 2], &[1.0, 5.0, 0.0, -2.0]), f64s(&[2, 2], &[-1.0, 0.0, 0.0, -1.0])] {
        for op in [&ops::SQRTM, &ops::LOGM] {
            let text = outcome(op, &x).expect_err("no real result");
            assert!(text.contains("the result would be complex"), "{text}");
        }
    }
    assert!(outcome(&ops::LOGM, &f64s(&[1, 1], &[0.0])).is_err_and(|text| text.contains("singular")));
    let zero = outcome(&ops::SQRTM, &f64s(&[2, 2], &[0.0, 0.0, 0.0, 4.0])).expect("a root");
    assert_eq!(eval::floats(&zero[0]), [0.0, 0.0, 0.0, 2.0]);
    assert!(outcome(&ops::SQRTM, &f64s(&[2, 2], &[0.0, 1.0, 0.0, 0.0])).is_err());
    let nan = outcome(&ops::LOGM, &f64s(&[1, 1], &[f64::NAN])).expect("NaN");
    assert!(eval::floats(&nan[0])[0].is_nan());
    let large = regular(21, &[20, 20]);
    let log = outcome(&ops::LOGM, &large).expect("far from singular").remove(0);
    assert_close(&eval::floats(&outcome(&ops::EXPM, &log).unwrap()[0]), &eval::floats(&large), 1e-10, "and back");
    for op in [&ops::SQRTM, &ops::LOGM] {
        assert!(refused(op, Attrs::new(), &[sample(1, &[2, 3])]).contains("expected square matrices for `x`"));
    }
}

fn parts(x: &Array) -> Vec<f64> {
    x.as_slice::<[f32; 2]>().iter().flatten().map(|&v| v.into()).collect()
}

#[test]
fn general_eigenvalues() {
    let x = f32s(&[3, 3], &[0.0, 1.0, 2.0, -3.0, 1.0, 0.5, 0.5, -1.0, 2.0]);
    let expected = [0.0903747, -1.99555871, 0.0903747, 1.99555871, 2.8192506, 0.0];
    let [by_eval, by_code] =
        [apply(&ops::EIG, Attrs::new(), std::slice::from_ref(&x)).unwrap(), outcome(&ops::EIG, &x).unwrap()];
    for found in [&by_eval, &by_code] {
        assert_close(&parts(&found[0]), &expected, 1e-6, "values");
        // The last one, as LAPACK has it but for its sign.
        let vectors = parts(&found[1]);
        let last: Vec<f64> = (0..3).map(|i| vectors[6 * i + 4]).collect();
        assert_close(&last, &[0.40527188, -0.4495226, 0.7960428], 1e-6, "a vector");
    }
    assert_close(&parts(&by_eval[1]), &parts(&by_code[1]), 1e-6, "vectors of both");
    let many = eval::from_floats(DType::F32, &[2, 3, 3], &eval::floats(&sample(5, &[2, 3, 3]))).unwrap();
    let [by_eval, by_code] = [
        apply(&ops::EIGVALS, Attrs::new(), std::slice::from_ref(&many)).unwrap(),
        outcome(&ops::EIGVALS, &many).unwrap(),
    ];
    assert_close(&parts(&by_eval[0]), &parts(&by_code[0]), 2e-6, "a batch");
    let text = refused(&ops::EIG, Attrs::new(), &[sample(5, &[2, 2])]);
    assert!(text.contains("there is no complex128"), "{text}");
    let empty = outcome(&ops::EIG, &f32s(&[0, 2, 2], &[])).unwrap();
    assert_eq!(empty[1].shape(), [0, 2, 2]);
}

#[test]
fn gradients_of_general_eigenvalues() {
    let elements = [0.3f32, 1.0, 2.0, -3.0, 1.0, 0.5, 0.5, -1.0, 2.0];
    let graph = |gradient: bool| {
        let mut b = tracelift_compiler::graph::GraphBuilder::new("f");
        let x = b.parameter("x", crate::support::spec_of(&f32s(&[3, 3], &elements)));
        let values = apply_to(&mut b, &ops::EIG, Attrs::new(), &[x])[0];
        // Weighs real and imaginary parts differently, and each value.
        let weights = b.constant(f32s(&[3, 2], &[1.0, 0.5, -0.3, 2.0, 0.7, 1.5]));
        let pairs = apply_to(&mut b, &ops::BITCAST, Attrs::new().with("dtype", DType::F32), &[values])[0];
        let product = apply1(&mut b, &ops::MULTIPLY, &[pairs, weights]);
        let sum = apply1(&mut b, &ops::REDUCE_SUM, &[product]);
        let result = match gradient {
            true => grad::gradient(&mut b, &[(sum, None)], &[x]).unwrap()[0].unwrap(),
            false => sum,
        };
        b.finish(vec![result])
    };
    let (sum, gradient) = (graph(false), graph(true));
    let found = eval::floats(&interp::run(&gradient, &[f32s(&[3, 3], &elements)]).unwrap()[0]);
    let at = |i: usize, by: f32| {
        let mut moved = elements;
        moved[i] += by;
        eval::floats(&interp::run(&sum, &[f32s(&[3, 3], &moved)]).unwrap()[0])[0]
    };
    let slopes: Vec<f64> = (0..9).map(|i| (at(i, 1e-2) - at(i, -1e-2)) / 2e-2).collect();
    assert_close(&found, &slopes, 3e-3, "slopes");
}

#[test]
fn tridiagonal_eigenvalues() {
    let (alpha, beta) = (f64s(&[3], &[1.0, 2.0, 3.0]), f64s(&[2], &[0.5, -1.0]));
    let found = values(&ops::EIGVALSH_TRIDIAGONAL, Attrs::new(), &[alpha.clone(), beta.clone()]);
    assert_close(&found, &[0.7078874, 1.6471403, 3.6449723], 1e-6, "values");
    let batch = [sample(1, &[2, 4]), sample(2, &[2, 3])];
    check("eigvalsh_tridiagonal", &batch, &|b, x| vec![apply1(b, &ops::EIGVALSH_TRIDIAGONAL, x)]);
    check("eigh_tridiagonal", &batch, &|b, x| apply_to(b, &ops::EIGH_TRIDIAGONAL, Attrs::new(), x));
    let text = refused(&ops::EIGH_TRIDIAGONAL, Attrs::new(), &[alpha.clone(), alpha]);
    assert!(text.contains("beta [.., n - 1]"), "{text}");
}

#[test]
fn what_factors_stand_for() {
    let x = regular(4, &[2, 3, 3]);
    let order: Vec<usize> = vec![2, 0, 1];
    let shuffled: Vec<f64> = (0..2)
        .flat_map(|k| order.iter().flat_map(move |r| (0..3).map(move |c| (k, *r, c))))
        .map(|(k, r, c)| eval::floats(&x)[9 * k + 3 * r + c])
        .collect();
    let x = f64s(&[2, 3, 3], &shuffled);
    let factors = apply(&ops::LU, Attrs::new(), std::slice::from_ref(&x)).unwrap();
    let rhs = sample(6, &[2, 3, 2]);
    assert_close(&values(&ops::LU_RECONSTRUCT, Attrs::new(), &factors), &eval::floats(&x), 1e-13, "again");
    let inverse = values(&ops::INV, Attrs::new(), std::slice::from_ref(&x));
    assert_close(&values(&ops::LU_MATRIX_INVERSE, Attrs::new(), &factors), &inverse, 1e-13, "inverse");
    let operands = [factors[0].clone(), factors[1].clone(), rhs.clone()];
    let solution = values(&ops::SOLVE, Attrs::new(), &[x.clone(), rhs]);
    assert_close(&values(&ops::LU_SOLVE, Attrs::new(), &operands), &solution, 1e-13, "solution");
    for op in [&ops::LU_RECONSTRUCT, &ops::LU_MATRIX_INVERSE] {
        crate::compiled::assert_agrees(op, Attrs::new(), &factors);
        crate::battery::check_gradient(op, Attrs::new(), &factors);
    }
    crate::compiled::assert_agrees(&ops::LU_SOLVE, Attrs::new(), &operands);
    let twice = [factors[0].clone(), i32s(&[2, 3], &[0, 1, 2, 0, 1, 1])];
    assert!(refused(&ops::LU_RECONSTRUCT, Attrs::new(), &twice).contains("expected other values, received 1"));
    let wrong = [factors[0].clone(), i32s(&[2, 2], &[0, 1, 0, 1])];
    assert!(refused(&ops::LU_RECONSTRUCT, Attrs::new(), &wrong).contains("a permutation of the rows"));
    let wrong = [operands[0].clone(), operands[1].clone(), sample(6, &[3, 2])];
    assert!(refused(&ops::LU_SOLVE, Attrs::new(), &wrong).contains("the batch and the rows"));
}
