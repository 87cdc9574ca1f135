//! Ops with attributes or operands of their own: special functions of two operands, norms, gates, losses, quantisation.
//! Values are from mpmath and TensorFlow 2.21, or by hand.

use crate::battery::check_gradient;
use crate::support::{apply, assert_close, counted, f64s, i32s, one, refused, spec_of, values};
use tracelift_compiler::graph::{Attrs, GraphBuilder, OpDef};
use tracelift_compiler::ops::{self, eval};
use tracelift_compiler::options::{Level, Options};
use tracelift_compiler::{DType, Dim, Loc, TensorSpec, compile, grad, interp};
use tracelift_runtime::Array;
use tracelift_runtime::exec::Executable;

fn row(values: &[f64]) -> Array {
    f64s(&[values.len()], values)
}

/// Of f64 operands without attributes.
fn of(op: &'static OpDef, operands: &[&[f64]]) -> Vec<f64> {
    values(op, Attrs::new(), &operands.iter().map(|x| row(x)).collect::<Vec<_>>())
}

#[test]
fn functions_of_orders() {
    let (n, x) = ([0.0, 1.0, 3.0, 0.5, -1.0], [2.5, 0.25, -4.826984902, 1.0, 1.0]);
    let expected = [0.703156640645243, 17.1973291545071, 6713.0327, f64::NAN, f64::NAN];
    assert_close(&of(&ops::POLYGAMMA, &[&n, &x]), &expected, 1e-6, "polygamma");
    let (s, q) = ([2.0, 1.0, 3.0, 0.5], [1.0, 2.0, -1.0, 1.0]);
    let expected = [std::f64::consts::PI.powi(2) / 6.0, f64::INFINITY, f64::INFINITY, f64::NAN];
    assert_close(&of(&ops::ZETA, &[&s, &q]), &expected, 1e-15, "zeta");
    let slopes = |op, order: f64| {
        let mut b = GraphBuilder::new("slope");
        let x = row(&[0.5, 1.25, 4.0]);
        let (order, x_value) = (b.constant(eval::scalar(DType::F64, order)), b.parameter("x", spec_of(&x)));
        let y = b.apply_at(op, Attrs::new(), &[order, x_value], Loc::default()).unwrap()[0];
        let g = grad::gradient(&mut b, &[(y, None)], &[x_value]).unwrap()[0].unwrap();
        eval::floats(&interp::run(&b.finish(vec![g]), &[x]).unwrap()[0])
    };
    assert_close(
        &slopes(&ops::POLYGAMMA, 1.0),
        &of(&ops::POLYGAMMA, &[&[2.0; 3], &[0.5, 1.25, 4.0]]),
        0.0,
        "polygamma'",
    );
    let zeta: Vec<f64> = of(&ops::ZETA, &[&[3.5; 3], &[0.5, 1.25, 4.0]]).iter().map(|z| z * -2.5).collect();
    assert_close(&slopes(&ops::ZETA, 2.5), &zeta, 0.0, "zeta'");
}

#[test]
fn incomplete_functions() {
    let operands = [row(&[2.0, 0.5]), row(&[3.0, 1.5]), row(&[0.25, 0.75])];
    assert_close(&values(&ops::BETAINC, Attrs::new(), &operands)[..1], &[0.26171875], 1e-14, "betainc");
    check_x_gradient(&ops::BETAINC, Attrs::new(), &operands, 2);
    // TensorFlow's derivatives, in f32.
    let (a, x) = ([0.5, 2.0, 30.0], [1.0, 1.5, 28.0]);
    let by_a = of(&ops::IGAMMA_GRAD_A, &[&a, &x]);
    assert_close(&by_a, &[-0.389837265, -0.313488543, -0.0704927891], 2e-7, "igamma by a");
    check_x_gradient(&ops::IGAMMA_GRAD_A, Attrs::new(), &[row(&a), row(&x)], 1);
}

/// The gradient of the sum of the results by operand 0.
fn slopes(op: &'static OpDef, operands: &[Array]) -> Vec<f64> {
    let mut b = GraphBuilder::new("slopes");
    let all: Vec<_> = operands.iter().map(|x| b.parameter("x", spec_of(x))).collect();
    let y = b.apply_at(op, Attrs::new(), &all, Loc::default()).unwrap()[0];
    let g = grad::gradient(&mut b, &[(y, None)], &all[..1]).unwrap()[0].expect("a path");
    eval::floats(&interp::run(&b.finish(vec![g]), operands).unwrap()[0])
}

/// The gradient by operand `k` alone: the others are constants.
fn check_x_gradient(op: &'static OpDef, attrs: Attrs, operands: &[Array], k: usize) {
    let total = |x: &Array| -> f64 {
        let mut operands = operands.to_vec();
        operands[k] = x.clone();
        values(op, attrs.clone(), &operands).iter().sum()
    };
    let mut b = GraphBuilder::new("gradient");
    let x = b.parameter("x", spec_of(&operands[k]));
    let all: Vec<_> =
        operands.iter().enumerate().map(|(i, o)| if i == k { x } else { b.constant(o.clone()) }).collect();
    let y = b.apply_at(op, attrs.clone(), &all, Loc::default()).unwrap()[0];
    let g = grad::gradient(&mut b, &[(y, None)], &[x]).unwrap()[0].expect("a path");
    let got = eval::floats(&interp::run(&b.finish(vec![g]), &operands[k..=k]).unwrap()[0]);
    let at = eval::floats(&operands[k]);
    let slopes: Vec<f64> = (0..at.len())
        .map(|i| {
            let moved = |by: f64| {
                let mut x = at.clone();
                x[i] += by;
                total(&f64s(operands[k].shape(), &x))
            };
            (moved(1e-5) - moved(-1e-5)) / 2e-5
        })
        .collect();
    assert_close(&got, &slopes, 2e-6, op.name);
}

#[test]
fn limits_and_infinities() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    assert_close(
        &of(&ops::XLOGY, &[&[0.0, 0.0, 0.0, 2.0], &[0.0, inf, nan, 0.0]]),
        &[0.0, 0.0, nan, -inf],
        0.0,
        "xlogy",
    );
    assert_close(&of(&ops::LOGADDEXP, &[&[inf, -inf, 1e4], &[inf, -inf, -1e4]]), &[inf, -inf, 1e4], 0.0, "logaddexp");
    assert_close(&of(&ops::FMAX, &[&[nan, 1.0, nan], &[2.0, nan, nan]]), &[2.0, 1.0, nan], 0.0, "fmax");
    assert_close(&of(&ops::FMIN, &[&[nan, 1.0, -inf], &[2.0, nan, nan]]), &[2.0, 1.0, -inf], 0.0, "fmin");
    assert_close(&of(&ops::ENTR, &[&[0.0, -1.0, 1.0]]), &[0.0, -inf, 0.0], 0.0, "entr");
    assert_close(
        &of(&ops::MULTIPLY_NO_NAN, &[&[inf, nan, 3.0], &[0.0, 0.0, 2.0]]),
        &[0.0, 0.0, 6.0],
        0.0,
        "multiply_no_nan",
    );
    assert_close(&of(&ops::RECIPROCAL_NO_NAN, &[&[0.0, 4.0]]), &[0.0, 0.25], 0.0, "reciprocal_no_nan");
    assert_close(&of(&ops::HEAVISIDE, &[&[-2.0, 0.0, 2.0, nan], &[7.0; 4]]), &[0.0, 7.0, 1.0, nan], 0.0, "heaviside");
    assert_close(&of(&ops::NAN_TO_NUM, &[&[nan, inf, -inf, 1.0]]), &[0.0, f64::MAX, f64::MIN, 1.0], 0.0, "nan_to_num");
    let close = one(&ops::IS_CLOSE, Attrs::new(), &[row(&[1.0, inf, inf, nan]), row(&[1.000001, inf, -inf, nan])]);
    assert_eq!(close.as_slice::<bool>(), [true, true, false, false]);
    assert_close(&of(&ops::SINC, &[&[0.0, 0.5, 3.0]]), &[1.0, std::f64::consts::FRAC_2_PI, 0.0], 1e-15, "sinc");
    assert_close(&of(&ops::ERFCINV, &[&[0.0, 1.0, 2.0]]), &[inf, 0.0, -inf], 0.0, "erfcinv");
}

#[test]
fn bits_of_floats() {
    let x = Array::from_slice(&[6], &[1.0f32, 0.0, -0.0, f32::MAX, 1.0, f32::NAN]);
    let y = Array::from_slice(&[6], &[2.0f32, -1.0, 0.0, f32::INFINITY, 1.0, 0.0]);
    let next = one(&ops::NEXTAFTER, Attrs::new(), &[x.clone(), y]);
    let expected = [1.0f32.next_up(), -f32::from_bits(1), 0.0, f32::INFINITY, 1.0];
    assert_eq!(next.as_slice::<f32>()[..5], expected);
    assert!(next.as_slice::<f32>()[5].is_nan());
    let negative = one(&ops::SIGNBIT, Attrs::new(), &[x]);
    assert_eq!(negative.as_slice::<bool>()[..3], [false, false, true]);
    let half = eval::from_floats(DType::F16, &[1], &[1.0]).unwrap();
    assert!(refused(&ops::NEXTAFTER, Attrs::new(), &[half.clone(), half]).contains("f32 or f64"));
}

#[test]
fn divisors_and_multiples() {
    let (x, y) = (i32s(&[5], &[12, -12, 0, 0, 7]), i32s(&[5], &[18, 18, 5, 0, -3]));
    assert_eq!(values(&ops::GCD, Attrs::new(), &[x.clone(), y.clone()]), [6.0, 6.0, 5.0, 0.0, 1.0]);
    assert_eq!(values(&ops::LCM, Attrs::new(), &[x, y]), [36.0, 36.0, 0.0, 0.0, 21.0]);
    assert!(refused(&ops::GCD, Attrs::new(), &[counted(&[2]), counted(&[2])]).contains("integer"));
}

#[test]
fn norms_of_every_order() {
    let x = f64s(&[2, 2, 2], &[1.0, -2.0, 3.0, 0.5, -0.7, 4.0, 2.0, -5.0]);
    let (inf, axes) = (f64::INFINITY, vec![0i64, -1]);
    for (order, expected) in
        [(1.0, [7.7, 10.5]), (2.0, [21.49f64.sqrt(), 38.25f64.sqrt()]), (inf, [4.0, 5.0]), (-inf, [0.7, 0.5])]
    {
        let attrs = Attrs::new().with("ord", order).with("axes", axes.clone());
        assert_close(&values(&ops::NORM, attrs, std::slice::from_ref(&x)), &expected, 1e-15, "norm");
    }
    for order in [1.0, 2.0, 6.0, 0.5, -1.0, 2.5, inf, -inf] {
        for keepdims in [false, true] {
            let attrs = Attrs::new().with("ord", order).with("axes", axes.clone()).with("keepdims", keepdims);
            check_gradient(&ops::NORM, attrs, std::slice::from_ref(&x));
        }
        let attrs = Attrs::new().with("ord", order).with("axes", vec![1i64]).with("epsilon", 0.3);
        check_gradient(&ops::NORMALIZE, attrs, std::slice::from_ref(&x));
    }
    for order in [1.0, 2.0, 1.5, inf] {
        let both = [x.clone(), f64s(&[3, 2], &[0.3, 0.2, -1.7, 2.0, 5.0, 1.0])];
        assert_eq!(one(&ops::CDIST, Attrs::new().with("p", order), &both).shape(), [2, 2, 3]);
        check_gradient(&ops::CDIST, Attrs::new().with("p", order), &both);
    }
    check_gradient(
        &ops::COSINE_SIMILARITY,
        Attrs::new().with("axis", 0),
        &[x.clone(), f64s(&[2, 1, 2], &[1.0, 2.0, 3.0, -1.0])],
    );
    // Zero vectors: no NaN.
    for order in [1.0, 2.0, 3.0, 0.5, inf] {
        let zero = [f64s(&[1, 2], &[0.0; 2]), f64s(&[1, 2], &[0.0; 2])];
        assert_eq!(values(&ops::CDIST, Attrs::new().with("p", order), &zero), [0.0]);
    }
    // Vectors of no elements: nothing is as small.
    for order in [0.0, 1.0, 2.0, 3.0, 0.5, inf] {
        let none = [f64s(&[2, 0], &[]), f64s(&[2, 0], &[])];
        let attrs = Attrs::new().with("ord", order).with("axes", vec![1i64]);
        assert_eq!(values(&ops::NORM, attrs, &none[..1]), [0.0; 2], "order {order}");
        assert_eq!(values(&ops::CDIST, Attrs::new().with("p", order), &none), [0.0; 4], "order {order}");
    }
    assert!(refused(&ops::NORM, Attrs::new().with("ord", f64::NAN), &[x]).contains("NaN"));
}

#[test]
fn products_by_name() {
    let (m, n) = (counted(&[2, 3]), counted(&[3, 2]));
    assert_eq!(values(&ops::DOT, Attrs::new(), &[m.clone(), n.clone()]), [10.0, 13.0, 28.0, 40.0]);
    assert_eq!(values(&ops::DOT, Attrs::new(), &[i32s(&[3], &[1, 2, 3]), i32s(&[3], &[4, 5, 6])]), [32.0]);
    assert_eq!(values(&ops::INNER, Attrs::new(), &[m.clone(), counted(&[1, 3])]), [5.0, 14.0]);
    assert_eq!(one(&ops::OUTER, Attrs::new(), &[m.clone(), n.clone()]).shape(), [6, 6]);
    let k = one(&ops::KRON, Attrs::new(), &[f64s(&[2], &[1.0, 10.0]), m.clone()]);
    assert_eq!((k.shape(), eval::floats(&k)[3]), (&[2, 6][..], 0.0));
    assert_eq!(eval::floats(&k)[6..], [3.0, 4.0, 5.0, 30.0, 40.0, 50.0]);
    for op in [&ops::DOT, &ops::INNER] {
        check_gradient(op, Attrs::new(), &[m.clone(), counted(&[3])]);
        check_gradient(op, Attrs::new(), &[m.clone(), f64s(&[], &[2.0])]);
        assert!(refused(op, Attrs::new(), &[counted(&[2]), counted(&[3])]).contains("one length"));
    }
    check_gradient(&ops::KRON, Attrs::new(), &[m, counted(&[2, 1, 2])]);
}

#[test]
fn running_extrema_and_sums_of_exponentials() {
    let x = f64s(&[5], &[1.0, 3.0, 2.0, 3.0, 5.0]);
    assert_eq!(values(&ops::CUMMAX, Attrs::new(), std::slice::from_ref(&x)), [1.0, 3.0, 3.0, 3.0, 5.0]);
    assert_eq!(
        values(&ops::CUMMIN, Attrs::new().with("reverse", true), std::slice::from_ref(&x)),
        [1.0, 2.0, 2.0, 3.0, 5.0]
    );
    let y = f64s(&[2, 4], &[0.3, -1.0, 2.0, 0.7, 4.0, -3.0, 1.5, 0.1]);
    for axis in [0i64, 1, -1] {
        for reverse in [false, true] {
            let attrs = Attrs::new().with("axis", axis).with("reverse", reverse);
            check_gradient(&ops::CUMMAX, attrs.clone(), std::slice::from_ref(&y));
            check_gradient(&ops::CUMMIN, attrs.clone(), std::slice::from_ref(&y));
            check_gradient(&ops::CUMULATIVE_LOGSUMEXP, attrs, std::slice::from_ref(&y));
        }
    }
    let attrs = Attrs::new().with("exclusive", true).with("reverse", true);
    let tail = values(&ops::CUMULATIVE_LOGSUMEXP, attrs, &[row(&[1.0, 2.0, 3.0])]);
    assert_close(&tail, &[3.313261687518223, 3.0, f64::NEG_INFINITY], 1e-14, "cumulative_logsumexp");
    // Masked elements have gradient 0, wherever they are.
    let masked = [row(&[f64::NEG_INFINITY, 0.5, f64::NEG_INFINITY, 0.5])];
    let gradient = slopes(&ops::CUMULATIVE_LOGSUMEXP, &masked);
    assert_close(&gradient, &[0.0, 2.5, 0.0, 0.5], 1e-15, "masked");
    for (n, axis) in [(0i64, 0i64), (1, 1), (2, -1), (3, 1)] {
        let attrs = Attrs::new().with("n", n).with("axis", axis);
        check_gradient(&ops::DIFF, attrs, std::slice::from_ref(&y));
    }
    assert_eq!(one(&ops::DIFF, Attrs::new().with("n", 9), &[y]).shape(), [2, 0]);
}

/// A program for any length gives nothing where differences are taken more often than there are elements.
#[test]
fn differences_of_short_axes() {
    let mut b = GraphBuilder::new("too many");
    let x = b.parameter("x", TensorSpec::new(DType::F32, [Dim::sym(0)]));
    let too_many = b.apply_at(&ops::DIFF, Attrs::new().with("n", i64::MAX), &[x], Loc::default());
    assert!(too_many.unwrap_err().message().contains("must know the axis's length; it is n0"));
    for n in 1..5i64 {
        let mut b = GraphBuilder::new("differences");
        let x = b.parameter("x", TensorSpec::new(DType::F32, [Dim::sym(0), Dim::from(2i64)]));
        let attrs = Attrs::new().with("n", n).with("axis", 0i64);
        let y = b.apply_at(&ops::DIFF, attrs.clone(), &[x], Loc::default()).unwrap();
        let graph = b.finish(y.to_vec());
        for level in Level::ALL {
            let options = Options { debug_bounds: true, ..Options::at(level) };
            let code = Executable::new(compile(&graph, &options).unwrap().program).unwrap();
            for length in 1..7 {
                let x = counted(&[length, 2]).cast(DType::F32).unwrap();
                let expected = one(&ops::DIFF, attrs.clone(), std::slice::from_ref(&x));
                let actual = code.call(&[&x]).unwrap_or_else(|e| panic!("{n} times of {length}: {e}"));
                assert_eq!(spec_of(&actual[0]), spec_of(&expected), "{n} times of {length}");
                assert_eq!(eval::floats(&actual[0]), eval::floats(&expected), "{n} times of {length}");
            }
        }
    }
}

/// Of zeros of unlike signs every engine takes the same.
#[test]
fn extrema_of_zeros() {
    let (x, y) = (row(&[0.0, -0.0, 0.0, -0.0]), row(&[-0.0, 0.0, 0.0, -0.0]));
    let cases: [(&'static OpDef, &[&Array], [bool; 4]); 5] = [
        (&ops::MAXIMUM, &[&x, &y], [true, false, false, true]),
        (&ops::MINIMUM, &[&x, &y], [true, false, false, true]),
        (&ops::CLIP_BY_VALUE, &[&x, &x, &y], [true, false, false, true]),
        (&ops::RELU, &[&y], [false; 4]),
        (&ops::RELU6, &[&y], [false; 4]),
    ];
    for (op, operands, negative) in cases {
        for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
            let inputs: Vec<Array> = operands.iter().map(|a| a.cast(dtype).unwrap()).collect();
            let mut b = GraphBuilder::new(op.name);
            let values: Vec<_> = inputs.iter().map(|a| b.parameter("x", spec_of(a))).collect();
            let result = b.apply_at(op, Attrs::new(), &values, Loc::default()).unwrap();
            let signs = b.apply_at(&ops::SIGNBIT, Attrs::new(), &result, Loc::default()).unwrap();
            let graph = b.finish(signs.to_vec());
            assert_eq!(interp::run(&graph, &inputs).unwrap()[0].as_slice::<bool>(), negative, "{} {dtype}", op.name);
            for level in Level::ALL {
                let code = Executable::new(compile(&graph, &Options::at(level)).unwrap().program).unwrap();
                let actual = code.call(&inputs.iter().collect::<Vec<_>>()).unwrap();
                assert_eq!(actual[0].as_slice::<bool>(), negative, "{} {dtype} at {level:?}", op.name);
            }
        }
    }
}

#[test]
fn statistics_with_degrees_of_freedom_and_nan() {
    let x = f64s(&[2, 3], &[1.0, 2.0, 4.0, -1.0, 0.0, 5.0]);
    let attrs = |ddof: f64| Attrs::new().with("axes", vec![1i64]).with("ddof", ddof);
    assert_close(
        &values(&ops::REDUCE_VARIANCE, attrs(1.0), std::slice::from_ref(&x)),
        &[7.0 / 3.0, 31.0 / 3.0],
        1e-14,
        "variance",
    );
    assert_eq!(values(&ops::REDUCE_VARIANCE, attrs(5.0), std::slice::from_ref(&x)), [f64::INFINITY; 2]);
    for ddof in [-1.0, 0.0, 1.3] {
        check_gradient(&ops::REDUCE_VARIANCE, attrs(ddof), std::slice::from_ref(&x));
        check_gradient(&ops::REDUCE_STD, attrs(ddof), std::slice::from_ref(&x));
    }
    let gaps = f64s(&[2, 2], &[1.0, f64::NAN, f64::NAN, f64::NAN]);
    let rows = Attrs::new().with("axes", vec![1i64]);
    assert_close(&values(&ops::NANSUM, rows.clone(), std::slice::from_ref(&gaps)), &[1.0, 0.0], 0.0, "nansum");
    assert_close(&values(&ops::NANMEAN, rows, &[gaps]), &[1.0, f64::NAN], 0.0, "nanmean");
}

#[test]
fn activations_with_parameters() {
    let x = f64s(&[2, 4], &[-3.0, -0.7, -0.2, 0.1, 0.4, 0.9, 1.7, 3.0]);
    let operand = std::slice::from_ref(&x);
    let cases: [(&'static OpDef, Attrs); 12] = [
        (&ops::GLU, Attrs::new()),
        (&ops::GLU, Attrs::new().with("axis", 0)),
        (&ops::SWIGLU, Attrs::new()),
        (&ops::CRELU, Attrs::new().with("axis", 0)),
        (&ops::CELU, Attrs::new().with("alpha", 0.8)),
        (&ops::CELU, Attrs::new().with("alpha", -2.0)),
        (&ops::SOFTPLUS, Attrs::new().with("beta", 3.0).with("linear_above", 0.25)),
        (&ops::HARD_SHRINK, Attrs::new().with("threshold", -0.5)),
        (&ops::SOFT_SHRINK, Attrs::new().with("threshold", 0.3)),
        (&ops::HARD_TANH, Attrs::new().with("min", -0.5).with("max", 0.0)),
        (&ops::THRESHOLD, Attrs::new().with("threshold", 0.3).with("value", -9.0)),
        (&ops::TANHSHRINK, Attrs::new()),
    ];
    for (op, attrs) in cases {
        check_gradient(op, attrs, operand);
    }
    check_gradient(&ops::LOGIT, Attrs::new().with("eps", 0.25), &[row(&[0.1, 0.3, 0.6, 0.9])]);
    check_gradient(&ops::PRELU, Attrs::new(), &[x.clone(), row(&[0.1, 0.2, 0.3, 0.4])]);
    assert_eq!(one(&ops::PRELU, Attrs::new(), &[f64s(&[], &[-2.0]), row(&[0.25])]).shape(), [0usize; 0]);
    assert!(refused(&ops::GLU, Attrs::new(), &[counted(&[3])]).contains("even"));
    assert!(refused(&ops::SOFT_SHRINK, Attrs::new().with("threshold", -1.0), operand).contains("threshold"));
    assert!(refused(&ops::HARD_TANH, Attrs::new().with("min", 1.0).with("max", 0.0), operand).contains("min"));
    // The difference x - tanh(x) keeps its digits near 0.
    assert_close(&of(&ops::TANHSHRINK, &[&[1e-5]]), &[3.333_333_333_2e-16], 1e-25, "tanhshrink");
}

#[test]
fn losses_of_elements_and_of_margins() {
    let (t, p) = (row(&[0.5, 3.0, 0.2]), row(&[0.7, 1.1, 2.0]));
    let both = [t, p];
    for attrs in
        [Attrs::new(), Attrs::new().with("full", true), Attrs::new().with("log_input", true).with("full", true)]
    {
        check_gradient(&ops::POISSON_NLL, attrs, &both);
    }
    for beta in [0.0, 0.3, 5.0] {
        check_gradient(&ops::SMOOTH_L1, Attrs::new().with("beta", beta), &both);
    }
    check_gradient(&ops::KL_DIVERGENCE_POINTWISE, Attrs::new().with("log_target", true), &both);
    let full = Attrs::new().with("compute_full_loss", true);
    let poisson = values(&ops::LOG_POISSON_LOSS, full, &[row(&[0.5, 3.0]), row(&[0.2, 1.1])]);
    assert_close(&poisson, &[1.1214027, 1.4682475], 1e-7, "log_poisson_loss");
    assert_eq!(values(&ops::HINGE, Attrs::new(), &[row(&[-1.0, 1.0]), row(&[0.5, 0.25])]), [1.125]);
    // Labels 0 and 1 are made -1 and 1.
    assert_eq!(values(&ops::HINGE, Attrs::new(), &[row(&[0.0, 1.0]), row(&[0.5, 0.25])]), [1.125]);
    assert_eq!(values(&ops::SQUARED_HINGE, Attrs::new(), &[row(&[-1.0, 1.0]), row(&[0.5, 0.25])]), [1.40625]);
    check_gradient(&ops::HINGE, Attrs::new(), &both);
    assert_close(&of(&ops::LOG_COSH, &[&[0.0], &[1000.0]]), &[1000.0 - std::f64::consts::LN_2], 1e-15, "log_cosh");
    assert_eq!(of(&ops::L2_LOSS, &[&[1.0, 2.0, 3.0]]), [7.0]);
}

fn f32s(values: &[f32]) -> Array {
    Array::from_slice(&[values.len()], values)
}

fn number(value: f32) -> Array {
    Array::from_slice(&[], &[value])
}

#[test]
fn fake_quantisation() {
    let x = f32s(&[-1.3, -0.004, 0.3, 0.77, 2.7]);
    let attrs = Attrs::new().with("num_bits", 4);
    let range = attrs.clone().with("min", -1.0).with("max", 1.5);
    let expected = [-1.0, 0.0, 1.0 / 3.0, 5.0 / 6.0, 1.5];
    let operand = std::slice::from_ref(&x);
    assert_close(&values(&ops::FAKE_QUANT_WITH_MIN_MAX_ARGS, range, operand), &expected, 1e-6, "args");
    let narrow = attrs.clone().with("min", 0.2).with("max", 1.5).with("narrow_range", true);
    let shifted = [0.0, 0.0, 0.2785714, 0.7428571, 1.3];
    assert_close(&values(&ops::FAKE_QUANT_WITH_MIN_MAX_ARGS, narrow, operand), &shifted, 1e-6, "narrow");
    let vars = [x.clone(), number(-1.0), number(1.5)];
    assert_close(&values(&ops::FAKE_QUANT_WITH_MIN_MAX_VARS, attrs.clone(), &vars), &expected, 1e-6, "vars");
    let empty = [x.clone(), number(0.0), number(0.0)];
    assert_eq!(values(&ops::FAKE_QUANT_WITH_MIN_MAX_VARS, attrs, &empty), [0.0; 5]);
    // A range for each element of the last axis, of which there is one.
    let ranges = [f64s(&[2, 1], &[1.5, -1.5]), row(&[-1.0, 0.0]), row(&[1.0, 2.0])];
    let text = refused(&ops::FAKE_QUANT_WITH_MIN_MAX_VARS, Attrs::new(), &ranges);
    assert!(text.contains("one number, or one for each element of the last axis"), "{text}");
    for wrong in [
        Attrs::new().with("min", 1.0).with("max", -1.0),
        Attrs::new().with("num_bits", 1),
        Attrs::new().with("num_bits", 99),
    ] {
        let text = refused(&ops::FAKE_QUANT_WITH_MIN_MAX_ARGS, wrong, operand);
        assert!(text.contains("min") || text.contains("num_bits"), "{text}");
    }
}

#[test]
fn quantisation() {
    let x = f32s(&[-1.3, -0.004, 0.3, 0.77, 2.7]);
    let range = |low, high| [x.clone(), number(low), number(high)];
    let to = |dtype: DType| Attrs::new().with("dtype", dtype);
    let bytes = apply(&ops::QUANTIZE, to(DType::U8), &range(-1.0, 2.0)).unwrap();
    assert_eq!(bytes[0].as_slice::<u8>(), [0, 85, 110, 150, 255]);
    assert_eq!((eval::floats(&bytes[1]), eval::floats(&bytes[2])), (vec![-1.0], vec![2.0]));
    let signed = apply(&ops::QUANTIZE, to(DType::I8), &range(-1.0, 2.0)).unwrap();
    assert_eq!(signed[0].as_slice::<i8>(), [-128, -43, -18, 22, 127]);
    let raised = apply(&ops::QUANTIZE, to(DType::U8), &range(0.5, 2.0)).unwrap();
    assert_eq!(raised[0].as_slice::<u8>(), [0, 0, 38, 98, 255]);
    let back = values(&ops::DEQUANTIZE, Attrs::new(), &[signed[0].clone(), number(-1.0), number(2.0)]);
    assert_close(&back, &[-1.0, 0.0, 0.2941177, 0.7647059, 2.0], 1e-6, "dequantize");
    let nan = apply(&ops::QUANTIZE, Attrs::new(), &[f32s(&[f32::NAN]), number(0.0), number(1.0)]).unwrap();
    assert_eq!(nan[0].as_slice::<u8>(), [0]);
    assert!(refused(&ops::QUANTIZE, to(DType::F32), &range(0.0, 1.0)).contains("u8"));

    let given = Attrs::new().with("range_given", true);
    let cases = [
        (given.clone(), [-1.3070866, 0.0, 0.2992126, 0.7716535, 2.0]),
        (Attrs::new(), [-1.2968504, 0.0, 0.2976378, 0.7653544, 2.7]),
        (given.clone().with("signed_input", false), [0.0, 0.0, 0.2980392, 0.7686275, 2.0]),
        (given.clone().with("narrow_range", true).with("num_bits", 4), [-1.4285715, 0.0, 0.2857143, 0.8571429, 2.0]),
    ];
    for (attrs, expected) in cases {
        assert_close(&values(&ops::QUANTIZE_AND_DEQUANTIZE, attrs, &range(-1.0, 2.0)), &expected, 1e-6, "and back");
    }
    let nothing = [x, f32s(&[]), f32s(&[])];
    assert!(refused(&ops::QUANTIZE_AND_DEQUANTIZE, given, &nothing).contains("range"));
}

#[test]
fn histograms() {
    let range = row(&[0.0, 5.0]);
    let bins = |n: i64| Attrs::new().with("nbins", n);
    let x = f64s(&[2, 3], &[-1.0, 0.0, 1.5, 2.0, 5.0, 15.0]);
    assert_eq!(values(&ops::HISTOGRAM_FIXED_WIDTH, bins(5), &[x, range.clone()]), [2.0, 1.0, 1.0, 0.0, 2.0]);
    let nan = [row(&[f64::NAN, 1.0]), range.clone()];
    assert_eq!(values(&ops::HISTOGRAM_FIXED_WIDTH, bins(2), &nan), [1.0, 0.0]);
    assert!(refused(&ops::HISTOGRAM_FIXED_WIDTH, bins(0), &nan).contains("nbins"));
    assert!(refused(&ops::HISTOGRAM_FIXED_WIDTH, bins(2), &[range, row(&[0.0])]).contains("range"));
}

#[test]
fn tensors_within_a_norm() {
    let x = f64s(&[2, 2], &[3.0, 0.0, 0.0, 4.0]);
    let limit = |norm: f64| Attrs::new().with("clip_norm", norm);
    let of = |attrs: Attrs| values(&ops::CLIP_BY_NORM, attrs, std::slice::from_ref(&x));
    assert_eq!(of(limit(1.0)), [0.6, 0.0, 0.0, 0.8]);
    assert_eq!(of(limit(6.0)), [3.0, 0.0, 0.0, 4.0]);
    assert_eq!(of(limit(3.5).with("axes", vec![1i64])), [3.0, 0.0, 0.0, 3.5]);
    check_gradient(&ops::CLIP_BY_NORM, limit(2.0), &[f64s(&[3], &[1.0, 2.0, -3.0])]);
    let both = [x.clone(), f64s(&[1], &[12.0])];
    assert_eq!(values(&ops::GLOBAL_NORM, Attrs::new(), &both), [13.0]);
    let clipped = apply(&ops::CLIP_BY_GLOBAL_NORM, limit(6.5), &both).unwrap();
    let clipped: Vec<Vec<f64>> = clipped.iter().map(eval::floats).collect();
    assert_eq!(clipped, [vec![1.5, 0.0, 0.0, 2.0], vec![6.0], vec![13.0]]);
    check_gradient(&ops::CLIP_BY_GLOBAL_NORM, limit(2.0), &[f64s(&[2], &[1.0, 2.0]), f64s(&[1], &[-3.0])]);
    assert!(refused(&ops::CLIP_BY_NORM, limit(0.0), std::slice::from_ref(&x)).contains("greater than 0"));
    assert_eq!(values(&ops::ZERO_FRACTION, Attrs::new(), &[x]), [0.5]);
    let ordered = |op, x: &[f64]| values(op, Attrs::new(), &[f64s(&[x.len()], x)]) == [1.0];
    assert!(ordered(&ops::IS_NON_DECREASING, &[1.0, 1.0, 2.0]) && !ordered(&ops::IS_NON_DECREASING, &[1.0, 0.0]));
    assert!(!ordered(&ops::IS_STRICTLY_INCREASING, &[1.0, 1.0]) && ordered(&ops::IS_STRICTLY_INCREASING, &[]));
}

#[test]
fn ranges_in_the_wrong_order() {
    let x = row(&[1.0]);
    let range = |low: f64, high: f64| [x.clone(), number64(low), number64(high)];
    for (low, high) in [(3.0, 1.0), (f64::NAN, 1.0), (0.0, f64::NAN)] {
        let text = refused(&ops::QUANTIZE, Attrs::new(), &range(low, high));
        assert!(text.contains("expected"), "{text}");
        let given = Attrs::new().with("range_given", true);
        refused(&ops::QUANTIZE_AND_DEQUANTIZE, given, &range(low, high));
        refused(&ops::FAKE_QUANT_WITH_MIN_MAX_VARS, Attrs::new(), &range(low, high));
        for op in [&ops::HISTOGRAM_FIXED_WIDTH, &ops::HISTOGRAM_FIXED_WIDTH_BINS] {
            refused(op, Attrs::new(), &[x.clone(), row(&[low, high])]);
        }
    }
    refused(&ops::HISTOGRAM_FIXED_WIDTH, Attrs::new(), &[x.clone(), row(&[1.0, 1.0])]);
    refused(&ops::HISTOGRAM_FIXED_WIDTH, Attrs::new(), &[x.clone(), row(&[0.0, f64::INFINITY])]);
    // Each routine names its op and what it was given.
    let mut b = GraphBuilder::new("case");
    let operands = range(3.0, 1.0);
    let inputs: Vec<_> = operands.iter().map(|a| b.parameter("x", spec_of(a))).collect();
    let result = b.apply_at(&ops::QUANTIZE, Attrs::new(), &inputs, Loc::default()).unwrap()[0];
    let program = compile(&b.finish(vec![result]), &Options::default()).unwrap().program;
    let operands: Vec<&Array> = operands.iter().collect();
    let text = Executable::new(program).unwrap().call(&operands).unwrap_err().to_string();
    assert!(text.contains("`quantize`: expected a `min_range` that is not above `max_range`, received 3"), "{text}");
}

#[test]
fn ranges_along_an_axis() {
    let x = f64s(&[2, 2], &[0.3, 1.7, -0.6, 2.5]);
    let ends = |low: &[f64], high: &[f64]| [x.clone(), row(low), row(high)];
    let axis = |axis: i64| Attrs::new().with("axis", axis).with("num_bits", 4i64);
    let columns = values(&ops::QUANTIZE_AND_DEQUANTIZE, axis(1), &ends(&[0.0; 2], &[0.0; 2]));
    assert_close(&columns, &[0.3, 1.7857143878936768, -0.6, 2.5], 1e-7, "columns");
    let rows = values(&ops::QUANTIZE_AND_DEQUANTIZE, axis(0), &ends(&[0.0; 2], &[0.0; 2]));
    assert_close(&rows, &[0.24285714328289032, 1.7, -0.7142857313156128, 2.5], 1e-7, "rows");
    let given = axis(1).with("range_given", true);
    let clipped = values(&ops::QUANTIZE_AND_DEQUANTIZE, given.clone(), &ends(&[-1.0, 0.0], &[1.0, 2.0]));
    assert_close(&clipped, &[2.0 / 7.0, 12.0 / 7.0, -4.0 / 7.0, 2.0], 1e-7, "given");
    refused(&ops::QUANTIZE_AND_DEQUANTIZE, given.clone(), &ends(&[0.0], &[1.0]));
    refused(&ops::QUANTIZE_AND_DEQUANTIZE, given.with("axis", -100i64), &ends(&[0.0; 2], &[1.0; 2]));
    let halves = Attrs::new().with("num_bits", 4i64).with("range_given", true);
    let up = halves.clone().with("round_mode", "HALF_UP");
    let operands = [row(&[0.5, 1.5, -0.5, 2.5]), number64(-8.0), number64(7.0)];
    assert_eq!(values(&ops::QUANTIZE_AND_DEQUANTIZE, up, &operands), [1.0, 2.0, 0.0, 3.0]);
    assert!(
        refused(&ops::QUANTIZE_AND_DEQUANTIZE, halves.with("round_mode", "DOWN"), &operands).contains("round_mode")
    );
}

fn number64(value: f64) -> Array {
    f64s(&[], &[value])
}
