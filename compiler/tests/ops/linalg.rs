//! Linear algebra: gradients of both orders against differences, machine code against `eval`, what is refused.

use crate::support::{Numbers, assert_close, f64s, one, refused, spec_of, values};
use tracelift_compiler::graph::{Attrs, GraphBuilder, OpDef, ValueId};
use tracelift_compiler::ops::{self, eval};
use tracelift_compiler::options::{Level, Options};
use tracelift_compiler::{DType, Loc, compile, grad, interp};
use tracelift_runtime::Array;
use tracelift_runtime::exec::Executable;

/// Results of a graph from its inputs.
pub type Build<'a> = &'a dyn Fn(&mut GraphBuilder, &[ValueId]) -> Vec<ValueId>;

pub fn apply(b: &mut GraphBuilder, op: &'static OpDef, attrs: Attrs, x: &[ValueId]) -> Vec<ValueId> {
    b.apply_at(op, attrs, x, Loc::default()).unwrap_or_else(|e| panic!("{e}")).to_vec()
}

pub fn apply1(b: &mut GraphBuilder, op: &'static OpDef, x: &[ValueId]) -> ValueId {
    apply(b, op, Attrs::new(), x)[0]
}

/// `x xᵀ + 1`: symmetric and positive definite.
pub fn gram(b: &mut GraphBuilder, x: ValueId) -> ValueId {
    let product = apply(b, &ops::MATMUL, Attrs::new().with("transpose_b", true), &[x, x])[0];
    let dims = b.graph().spec(product).dims.clone();
    let attrs = Attrs::new().with("dims", &dims[dims.len() - 2..]).with("dtype", b.graph().spec(product).dtype);
    let identity = apply(b, &ops::EYE, attrs, &[])[0];
    apply1(b, &ops::ADD, &[product, identity])
}

/// A sum of all float results, each element with a weight of its own.
fn total(b: &mut GraphBuilder, results: &[ValueId]) -> ValueId {
    let mut numbers = Numbers(9);
    let mut sum = b.constant(eval::scalar(DType::F64, 0.0));
    for &result in results {
        let spec = b.graph().spec(result).clone();
        if spec.dtype == DType::F64 {
            let weight = numbers.array(DType::F64, &spec.const_shape().unwrap(), 0.5, 1.5);
            let weight = b.constant(weight);
            let product = apply1(b, &ops::MULTIPLY, &[result, weight]);
            let part = apply1(b, &ops::REDUCE_SUM, &[product]);
            sum = apply1(b, &ops::ADD, &[sum, part]);
        }
    }
    sum
}

fn run(inputs: &[Array], build: Build<'_>) -> Vec<Array> {
    let mut b = GraphBuilder::new("f");
    let x: Vec<ValueId> = inputs.iter().map(|a| b.parameter("x", spec_of(a))).collect();
    let results = build(&mut b, &x);
    interp::run(&b.finish(results), inputs).unwrap_or_else(|e| panic!("{e}"))
}

/// Compares the gradient of the weighted sum of results with central differences.
#[track_caller]
pub fn check_slopes(what: &str, inputs: &[Array], build: Build<'_>, tolerance: f64) {
    let sum = |b: &mut GraphBuilder, x: &[ValueId]| {
        let results = build(b, x);
        vec![total(b, &results)]
    };
    let gradients = run(inputs, &|b, x| {
        let target = sum(b, x)[0];
        let gradients = grad::gradient(b, &[(target, None)], x).unwrap_or_else(|e| panic!("{what}: {e}"));
        gradients.into_iter().map(|g| g.expect("connected")).collect()
    });
    for (k, gradient) in gradients.iter().enumerate() {
        let values = eval::floats(&inputs[k]);
        let slope = |i: usize| {
            let moved = |by: f64| {
                let mut values = values.clone();
                values[i] += by;
                let mut inputs = inputs.to_vec();
                inputs[k] = f64s(inputs[k].shape(), &values);
                eval::floats(&run(&inputs, &sum)[0])[0]
            };
            (moved(1e-5) - moved(-1e-5)) / 2e-5
        };
        let slopes: Vec<f64> = (0..values.len()).map(slope).collect();
        assert_close(&eval::floats(gradient), &slopes, tolerance, &format!("{what}, operand {k}"));
    }
}

/// [`check_slopes`] of the results, and of their gradient.
#[track_caller]
pub fn check(what: &str, inputs: &[Array], build: Build<'_>) {
    check_slopes(what, inputs, build, 2e-6);
    let gradient = |b: &mut GraphBuilder, x: &[ValueId]| {
        let results = build(b, x);
        // Not linear in the results, so that their derivatives matter twice.
        let floats: Vec<ValueId> = results.into_iter().filter(|&r| b.graph().spec(r).dtype == DType::F64).collect();
        let results: Vec<ValueId> = floats.into_iter().map(|r| apply1(b, &ops::SIN, &[r])).collect();
        let target = total(b, &results);
        let gradients = grad::gradient(b, &[(target, None)], x).unwrap_or_else(|e| panic!("{what}: {e}"));
        gradients.into_iter().map(|g| g.expect("connected")).collect()
    };
    check_slopes(&format!("second order of {what}"), inputs, &gradient, 2e-5);
}

pub fn sample(seed: u64, shape: &[usize]) -> Array {
    Numbers(seed).array(DType::F64, shape, -1.0, 1.0)
}

/// Square matrices far from singular.
pub fn regular(seed: u64, shape: &[usize]) -> Array {
    let n = shape[shape.len() - 1];
    let numbers = eval::floats(&sample(seed, shape));
    let shifted: Vec<f64> = (0..).zip(numbers).map(|(p, v)| if p / n % n == p % n { v + 3.0 } else { v }).collect();
    f64s(shape, &shifted)
}

#[test]
fn factors() {
    for shape in [&[3, 3][..], &[2, 2, 2], &[1, 1]] {
        let x = regular(1, shape);
        check("cholesky", std::slice::from_ref(&x), &|b, x| {
            let x = gram(b, x[0]);
            vec![apply1(b, &ops::CHOLESKY, &[x])]
        });
        check("logdet", std::slice::from_ref(&x), &|b, x| {
            let x = gram(b, x[0]);
            vec![apply1(b, &ops::LOGDET, &[x])]
        });
        check("lu", &[sample(2, shape)], &|b, x| apply(b, &ops::LU, Attrs::new(), x));
    }
    for shape in [&[3, 3][..], &[4, 2], &[2, 3], &[2, 3, 2]] {
        check("qr", &[sample(3, shape)], &|b, x| apply(b, &ops::QR, Attrs::new(), x));
        check("r alone", &[sample(3, shape)], &|b, x| vec![apply(b, &ops::QR, Attrs::new(), x)[1]]);
        check("q alone", &[sample(3, shape)], &|b, x| vec![apply(b, &ops::QR, Attrs::new(), x)[0]]);
    }
    let full = Attrs::new().with("full_matrices", true);
    check("full qr", &[sample(3, &[2, 3])], &|b, x| apply(b, &ops::QR, full.clone(), x));
}

#[test]
fn spectra() {
    for shape in [&[3, 3][..], &[4, 2], &[2, 3], &[2, 3, 2]] {
        check("svd", &[sample(4, shape)], &|b, x| apply(b, &ops::SVD, Attrs::new(), x));
        check("svdvals", &[sample(4, shape)], &|b, x| apply(b, &ops::SVDVALS, Attrs::new(), x));
    }
    for shape in [&[3, 3][..], &[2, 2, 2]] {
        check("eigh", &[sample(5, shape)], &|b, x| {
            let x = gram(b, x[0]);
            apply(b, &ops::EIGH, Attrs::new(), &[x])
        });
        check("eigvalsh", &[sample(5, shape)], &|b, x| {
            let x = gram(b, x[0]);
            apply(b, &ops::EIGVALSH, Attrs::new(), &[x])
        });
    }
}

#[test]
fn systems() {
    let (a, rhs) = (regular(6, &[2, 1, 3, 3]), sample(7, &[2, 3, 2]));
    for adjoint in [false, true] {
        let attrs = Attrs::new().with("adjoint", adjoint);
        check("solve", &[a.clone(), rhs.clone()], &|b, x| apply(b, &ops::SOLVE, attrs.clone(), x));
        check("inv", std::slice::from_ref(&a), &|b, x| apply(b, &ops::INV, attrs.clone(), x));
        for lower in [false, true] {
            let attrs = attrs.clone().with("lower", lower);
            let build: Build<'_> = &|b, x| apply(b, &ops::TRIANGULAR_SOLVE, attrs.clone(), x);
            check("triangular_solve", &[a.clone(), rhs.clone()], build);
        }
    }
    check("det", std::slice::from_ref(&a), &|b, x| apply(b, &ops::DET, Attrs::new(), x));
    check("slogdet", std::slice::from_ref(&a), &|b, x| vec![apply(b, &ops::SLOGDET, Attrs::new(), x)[1]]);
    check("cholesky_solve", &[a, rhs], &|b, x| {
        let gram = gram(b, x[0]);
        let factor = apply1(b, &ops::CHOLESKY, &[gram]);
        vec![apply1(b, &ops::CHOLESKY_SOLVE, &[factor, x[1]])]
    });
    for shape in [[4, 2], [2, 4], [3, 3]] {
        let (a, rhs) = (sample(8, &shape), sample(9, &[shape[0], 2]));
        check("pinv", std::slice::from_ref(&a), &|b, x| apply(b, &ops::PINV, Attrs::new(), x));
        for penalty in [0.0, 0.3] {
            let attrs = Attrs::new().with("l2_regularizer", penalty);
            check("lstsq", &[a.clone(), rhs.clone()], &|b, x| apply(b, &ops::LSTSQ, attrs.clone(), x));
        }
    }
}

#[test]
fn functions_and_products() {
    for shape in [&[3, 3][..], &[2, 2, 2]] {
        let x = regular(10, shape);
        check("expm", std::slice::from_ref(&x), &|b, x| apply(b, &ops::EXPM, Attrs::new(), x));
        for n in [-3i64, -1, 1, 2, 5] {
            let x = if n < 0 { x.clone() } else { sample(10, shape) };
            check("matrix_power", &[x], &|b, x| apply(b, &ops::MATRIX_POWER, Attrs::new().with("n", n), x));
        }
        for ord in ["fro", "nuc", "1", "-1", "2", "-2", "inf", "-inf"] {
            let attrs = Attrs::new().with("ord", ord).with("keepdims", ord == "nuc");
            check(ord, std::slice::from_ref(&x), &|b, x| apply(b, &ops::MATRIX_NORM, attrs.clone(), x));
        }
        check("trace", &[x], &|b, x| apply(b, &ops::TRACE, Attrs::new(), x));
    }
    let [a, v] = [sample(11, &[2, 3, 4]), sample(12, &[4])];
    check("matvec", &[a, v], &|b, x| apply(b, &ops::MATVEC, Attrs::new(), x));
    let vectors = [sample(13, &[2, 3, 1]), sample(14, &[3, 4])];
    check("cross", &vectors, &|b, x| apply(b, &ops::CROSS, Attrs::new().with("axis", -2i64), x));
    let chain = [sample(15, &[2]), sample(16, &[2, 5]), sample(17, &[5, 1]), sample(18, &[1, 3]), sample(19, &[3])];
    check("multi_dot", &chain, &|b, x| apply(b, &ops::MULTI_DOT, Attrs::new(), x));
}

/// Every op, with attributes and shapes of its operands, for which both engines must agree.
fn calls() -> Vec<(&'static OpDef, Attrs, Vec<Vec<usize>>)> {
    let none = Attrs::new;
    let squares = [&[4, 4][..], &[2, 3, 3], &[0, 0], &[0, 3, 3], &[2, 0, 0], &[1, 1], &[20, 20]];
    let any = [&[3, 5][..], &[5, 3], &[2, 4, 4], &[0, 3], &[3, 0], &[2, 0, 3, 2], &[17, 18]];
    let mut calls: Vec<(&'static OpDef, Attrs, Vec<Vec<usize>>)> = Vec::new();
    for shape in squares {
        for op in [&ops::LU, &ops::EIGH, &ops::EIGVALSH, &ops::DET, &ops::SLOGDET, &ops::INV, &ops::EXPM, &ops::TRACE] {
            calls.push((op, none(), vec![shape.to_vec()]));
        }
        for n in [-2i64, 0, 3] {
            calls.push((&ops::MATRIX_POWER, none().with("n", n), vec![shape.to_vec()]));
        }
        let rhs = [&shape[..shape.len() - 1], &[2]].concat();
        for flag in [false, true] {
            calls.push((&ops::SOLVE, none().with("adjoint", flag), vec![shape.to_vec(), rhs.clone()]));
            calls.push((&ops::TRIANGULAR_SOLVE, none().with("lower", flag), vec![shape.to_vec(), rhs.clone()]));
        }
    }
    for shape in any {
        for op in [&ops::QR, &ops::SVD, &ops::SVDVALS, &ops::PINV, &ops::MATRIX_RANK, &ops::ADJOINT] {
            calls.push((op, none(), vec![shape.to_vec()]));
        }
        calls.push((&ops::MATRIX_NORM, none(), vec![shape.to_vec()]));
        if shape.contains(&0) {
            calls.push((&ops::SVD, none().with("full_matrices", true), vec![shape.to_vec()]));
        }
        calls.push((&ops::MATRIX_NORM, none().with("ord", "nuc"), vec![shape.to_vec()]));
        calls.push((
            &ops::LSTSQ,
            none().with("l2_regularizer", 0.1),
            vec![shape.to_vec(), [&shape[..shape.len() - 1], &[1]].concat()],
        ));
    }
    calls
}

#[test]
fn machine_code_agrees_with_eval() {
    for (op, attrs, shapes) in calls() {
        for dtype in [DType::F64, DType::F32] {
            let what = format!("{} of {dtype}{shapes:?} {attrs:?}", op.name);
            let inputs: Vec<Array> = (0..)
                .zip(&shapes)
                .map(|(k, shape)| {
                    let is_square = k == 0 && shape[shape.len() - 2] == shape[shape.len() - 1];
                    let x = if is_square { regular(20, shape) } else { sample(21 + k, shape) };
                    x.cast(dtype).unwrap()
                })
                .collect();
            let mut b = GraphBuilder::new(op.name);
            let x: Vec<ValueId> = inputs.iter().map(|a| b.parameter("x", spec_of(a))).collect();
            let results = apply(&mut b, op, attrs.clone(), &x);
            let graph = b.finish(results);
            let expected = interp::run(&graph, &inputs).unwrap_or_else(|e| panic!("{what}: {e}"));
            for level in [Level::O0, Level::O2] {
                let program = compile(&graph, &Options::at(level)).unwrap_or_else(|e| panic!("{what}: {e}")).program;
                let code = Executable::new(program).unwrap_or_else(|e| panic!("{what}: {e}"));
                let actual = code.call(&inputs.iter().collect::<Vec<_>>()).unwrap_or_else(|e| panic!("{what}: {e}"));
                let tolerance = if dtype == DType::F64 { 1e-10 } else { 2e-4 };
                for (a, e) in actual.iter().zip(&expected) {
                    assert_eq!(spec_of(a), spec_of(e), "{what}");
                    assert_close(&eval::floats(a), &eval::floats(e), tolerance, &what);
                }
            }
        }
    }
}

/// Results of one op, by the evaluator and by machine code.
pub fn both_ways(op: &'static OpDef, attrs: &Attrs, input: &Array) -> [Vec<Array>; 2] {
    let mut b = GraphBuilder::new(op.name);
    let x = b.parameter("x", spec_of(input));
    let results = apply(&mut b, op, attrs.clone(), &[x]);
    let graph = b.finish(results);
    let program = compile(&graph, &Options::at(Level::O2)).unwrap_or_else(|e| panic!("{e}")).program;
    let code = Executable::new(program).unwrap_or_else(|e| panic!("{e}"));
    let inputs = std::slice::from_ref(input);
    [interp::run(&graph, inputs).unwrap(), code.call(&[input]).unwrap().into_iter().collect()]
}

/// `left middle rightᵀ` with `sizes` on the diagonal in the middle, zeros beyond.
fn joined(left: &Array, sizes: &[f64], right: &Array) -> Vec<f64> {
    let (l, r) = (eval::floats(left), eval::floats(right));
    let (rows, columns) = (left.shape()[0], right.shape()[0]);
    let term = |i: usize, j: usize, k: usize| l[i * left.shape()[1] + k] * sizes[k] * r[j * right.shape()[1] + k];
    (0..rows * columns).map(|p| (0..sizes.len()).map(|k| term(p / columns, p % columns, k)).sum()).collect()
}

/// Where the operand does not decide the factors, they still are factors: orthonormal, in order, with the operand as
/// their product.
#[test]
fn factors_that_are_free_to_turn() {
    let row = [0.5, -1.0, 2.0];
    let matrices = [
        f64s(&[3, 3], &[0.0; 9]),
        f64s(&[3, 3], &[2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 2.0]),
        f64s(&[4, 3], &[1.0, -2.0, 0.5, 3.0].map(|v| row.map(|r| r * v)).concat()),
        f64s(&[2, 3], &[row, row].concat()),
        f64s(&[4, 1], &[0.0, 3.0, 0.0, -4.0]),
        f64s(&[1, 4], &[1.0, 2.0, -2.0, 0.0]),
        sample(30, &[5, 2]),
    ];
    for (x, full) in matrices.iter().flat_map(|x| [(x, false), (x, true)]) {
        let attrs = Attrs::new().with("full_matrices", full);
        let elements = eval::floats(x);
        let [m, n] = [x.shape()[0], x.shape()[1]];
        let orthonormal = |columns: &Array, what: &str| {
            let width = columns.shape()[1];
            let turned = transposed(columns);
            let identity: Vec<f64> = (0..width * width).map(|p| f64::from(u8::from(p / width == p % width))).collect();
            assert_close(&joined(&turned, &vec![1.0; columns.shape()[0]], &turned), &identity, 1e-12, what);
        };
        for results in both_ways(&ops::SVD, &attrs, x) {
            let what = format!("svd of {:?}{elements:?}, full {full}", x.shape());
            let s = eval::floats(&results[0]);
            assert!(s.windows(2).all(|pair| pair[0] >= pair[1]) && s.iter().all(|v| *v >= 0.0), "{what}: {s:?}");
            assert_eq!([results[1].shape()[1], results[2].shape()[1]], if full { [m, n] } else { [m.min(n); 2] });
            assert_close(&joined(&results[1], &s, &results[2]), &elements, 1e-12, &what);
            orthonormal(&results[1], &what);
            orthonormal(&results[2], &what);
        }
        for results in both_ways(&ops::QR, &attrs, x) {
            let what = format!("qr of {:?}{elements:?}, full {full}", x.shape());
            let (q, r) = (&results[0], &results[1]);
            assert_close(&joined(q, &vec![1.0; q.shape()[1]], &transposed(r)), &elements, 1e-12, &what);
            orthonormal(q, &what);
            let below = |(p, v): (usize, f64)| p / n <= p % n || v == 0.0;
            assert!(eval::floats(r).into_iter().enumerate().all(below), "{what}: {r:?}");
        }
        if m == n {
            for results in both_ways(&ops::EIGH, &Attrs::new(), x) {
                assert_close(&joined(&results[1], &eval::floats(&results[0]), &results[1]), &elements, 1e-12, "eigh");
                orthonormal(&results[1], "eigenvectors");
            }
        }
    }
}

fn transposed(x: &Array) -> Array {
    let (values, [m, n]) = (eval::floats(x), [x.shape()[0], x.shape()[1]]);
    f64s(&[n, m], &(0..m * n).map(|p| values[p % m * n + p / m]).collect::<Vec<_>>())
}

#[test]
fn known_values() {
    let x = f64s(&[2, 2], &[2.0, 1.0, 1.0, 2.0]);
    let apply = |op, attrs| values(op, attrs, std::slice::from_ref(&x));
    assert_close(&apply(&ops::EIGVALSH, Attrs::new()), &[1.0, 3.0], 1e-14, "eigenvalues");
    assert_close(&apply(&ops::DET, Attrs::new()), &[3.0], 1e-14, "determinant");
    assert_close(&apply(&ops::INV, Attrs::new()), &[2.0 / 3.0, -1.0 / 3.0, -1.0 / 3.0, 2.0 / 3.0], 1e-14, "inverse");
    for (ord, norm) in [("fro", 10f64.sqrt()), ("nuc", 4.0), ("2", 3.0), ("-2", 1.0), ("1", 3.0), ("-inf", 3.0)] {
        assert_close(&apply(&ops::MATRIX_NORM, Attrs::new().with("ord", ord)), &[norm], 1e-14, ord);
    }
    let thin = f64s(&[3, 2], &[1.0, 2.0, 2.0, 4.0, 3.0, 6.0]);
    assert_eq!(one(&ops::MATRIX_RANK, Attrs::new(), std::slice::from_ref(&thin)).as_slice::<i32>(), [1]);
    // A matrix without full rank has a pseudo-inverse, and least squares give the shortest solution.
    let pinv = values(&ops::PINV, Attrs::new(), std::slice::from_ref(&thin));
    assert_close(&pinv, &[1.0, 2.0, 3.0, 2.0, 4.0, 6.0].map(|v| v / 70.0), 1e-14, "pseudo-inverse");
    let x = values(&ops::LSTSQ, Attrs::new(), &[thin, f64s(&[3, 1], &[5.0, 10.0, 15.0])]);
    assert_close(&x, &[1.0, 2.0], 1e-13, "least squares");
    let none = values(&ops::MATRIX_POWER, Attrs::new().with("n", 0i64), &[f64s(&[1, 1], &[f64::NAN])]);
    assert_eq!(none, [1.0]);
}

#[test]
fn determinants_of_singular_matrices_have_gradients() {
    let matrices: [(usize, &[f64]); 4] = [
        (2, &[1.0, 2.0, 2.0, 4.0]),
        (3, &[1.0, 2.0, 3.0, 2.0, 4.0, 6.0, 1.0, 0.0, 1.0]),
        (3, &[1.0, 2.0, 3.0, 2.0, 4.0, 6.0, 3.0, 6.0, 9.0]),
        (1, &[0.0]),
    ];
    for (n, elements) in matrices {
        let x = f64s(&[n, n], elements);
        let found = run(std::slice::from_ref(&x), &|b, x| {
            let y = apply1(b, &ops::DET, x);
            vec![grad::gradient(b, &[(y, None)], &[x[0]]).unwrap()[0].unwrap()]
        });
        let minor = |row: usize, column: usize| -> f64 {
            let rest = |k: usize| (0..n).filter(move |&i| i != k).collect::<Vec<_>>();
            let (rows, columns) = (rest(row), rest(column));
            let at = |i: usize, j: usize| elements[rows[i] * n + columns[j]];
            let det = match n {
                1 => 1.0,
                2 => at(0, 0),
                _ => at(0, 0) * at(1, 1) - at(0, 1) * at(1, 0),
            };
            if (row + column).is_multiple_of(2) { det } else { -det }
        };
        let cofactors: Vec<f64> = (0..n * n).map(|k| minor(k / n, k % n)).collect();
        assert_close(&eval::floats(&found[0]), &cofactors, 1e-12, "cofactors");
    }
}

#[test]
fn matrices_of_diagonals() {
    let diagonals = f64s(&[3, 3], &[2.0, 3.0, f64::NAN, 5.0, 6.0, 7.0, f64::NAN, -1.0, 4.0]);
    let dense = f64s(&[3, 3], &[5.0, 2.0, 0.0, -1.0, 6.0, 3.0, 0.0, 4.0, 7.0]);
    let rhs = sample(3, &[3, 2]);
    let operands = [diagonals, rhs.clone()];
    let product = values(&ops::MATMUL, Attrs::new(), &[dense.clone(), rhs.clone()]);
    assert_close(&values(&ops::TRIDIAGONAL_MATMUL, Attrs::new(), &operands), &product, 1e-14, "product");
    let solution = values(&ops::SOLVE, Attrs::new(), &[dense, rhs.clone()]);
    assert_close(&values(&ops::TRIDIAGONAL_SOLVE, Attrs::new(), &operands), &solution, 1e-14, "solution");
    let batch = [sample(7, &[2, 3, 4]), sample(8, &[2, 4, 2])];
    check("tridiagonal_matmul", &batch, &|b, x| apply(b, &ops::TRIDIAGONAL_MATMUL, Attrs::new(), x));
    check("tridiagonal_solve", &batch, &|b, x| apply(b, &ops::TRIDIAGONAL_SOLVE, Attrs::new(), x));
    let bands = f64s(&[2, 2], &[2.0, 4.0, f64::NAN, 1.0]);
    let column = f64s(&[2, 1], &[2.0, 9.0]);
    assert_eq!(values(&ops::BANDED_TRIANGULAR_SOLVE, Attrs::new(), &[bands, column.clone()]), [1.0, 2.0]);
    let bands = f64s(&[2, 2], &[1.0, f64::NAN, 2.0, 3.0]);
    let upper = Attrs::new().with("lower", false);
    assert_eq!(values(&ops::BANDED_TRIANGULAR_SOLVE, upper, &[bands, column]), [-0.5, 3.0]);
    let x = sample(2, &[2, 3]);
    let whole = one(&ops::TENSOR_DIAG, Attrs::new(), std::slice::from_ref(&x));
    assert_eq!(whole.shape(), [2, 3, 2, 3]);
    assert_eq!(values(&ops::TENSOR_DIAG_PART, Attrs::new(), &[whole]), eval::floats(&x));
    assert!(refused(&ops::TENSOR_DIAG_PART, Attrs::new(), &[x]).contains("twice the same axes"));
    assert!(refused(&ops::TRIDIAGONAL_SOLVE, Attrs::new(), &[rhs.clone(), rhs]).contains("diagonals [.., 3, n]"));
}

#[test]
fn refusals() {
    let says = |op, attrs, inputs: &[Array], words: &str| {
        let text = refused(op, attrs, inputs);
        assert!(text.contains(words), "{text}");
    };
    let (wide, vector) = (sample(1, &[2, 3]), sample(1, &[2]));
    for op in [&ops::CHOLESKY, &ops::INV, &ops::DET, &ops::EIGH, &ops::EXPM, &ops::LU, &ops::SLOGDET, &ops::LOGDET] {
        says(op, Attrs::new(), std::slice::from_ref(&wide), "expected square matrices for `x`, received f64[2, 3]");
        says(op, Attrs::new(), std::slice::from_ref(&vector), "rank 2 or more");
        says(op, Attrs::new(), &[Array::from_slice(&[1, 1], &[1i32])], "convert with `.cast(DType::F32)`");
    }
    let singular = f64s(&[2, 2], &[1.0, 2.0, 2.0, 4.0]);
    for op in [&ops::INV, &ops::LU] {
        says(op, Attrs::new(), std::slice::from_ref(&singular), "input is not invertible");
    }
    says(&ops::CHOLESKY, Attrs::new(), &[f64s(&[1, 1], &[-1.0])], "input is not positive definite");
    says(&ops::SOLVE, Attrs::new(), &[singular.clone(), vector.clone()], "hint: a vector becomes one column");
    says(&ops::SOLVE, Attrs::new(), &[singular.clone(), sample(1, &[3, 1])], "`rhs` with 2 rows");
    says(&ops::MATRIX_NORM, Attrs::new().with("ord", "3"), std::slice::from_ref(&wide), "received \"3\"");
    says(&ops::CROSS, Attrs::new(), &[vector.clone(), vector.clone()], "3 components along axis 0");
    says(&ops::LSTSQ, Attrs::new().with("l2_regularizer", -1.0), &[wide.clone(), wide.clone()], "at least 0");
    says(&ops::MULTI_DOT, Attrs::new(), &[wide.clone(), vector, wide], "a vector at either end");
}
