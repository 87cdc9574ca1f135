//! Convolutions and pools.

use crate::battery::check_gradient;
use crate::compiled::{assert_agrees, assert_agrees_for_any_batch, assert_gradient_agrees};
use crate::support::{Numbers, apply, assert_close, counted, dims, f64s, one, refused, values};
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::{DType, ops};
use tracelift_runtime::Array;

fn random(shape: &[usize]) -> Array {
    Numbers(shape.iter().sum::<usize>() as u64).array(DType::F64, shape, -2.0, 2.0)
}

fn window(strides: &[i64], padding: &str) -> Attrs {
    Attrs::new().with("strides", strides).with("padding", padding)
}

fn explicit(strides: &[i64], padding: &[i64]) -> Attrs {
    Attrs::new().with("strides", strides).with("padding", padding)
}

fn pool(ksize: &[i64], strides: &[i64], padding: &str) -> Attrs {
    window(strides, padding).with("ksize", ksize)
}

/// The op agrees with itself compiled, and its gradient with differences.
fn check(op: &'static OpDef, attrs: Attrs, operands: &[Array]) {
    assert_agrees_for_any_batch(op, attrs.clone(), operands);
    assert_gradient_agrees(op, attrs.clone(), operands);
    check_gradient(op, attrs, operands);
}

/// As [`check`], where sizes must be known.
fn check_known(op: &'static OpDef, attrs: Attrs, operands: &[Array]) {
    assert_agrees(op, attrs.clone(), operands);
    assert_gradient_agrees(op, attrs.clone(), operands);
    check_gradient(op, attrs, operands);
}

#[test]
fn convolutions_of_known_values() {
    let x = counted(&[1, 4, 1]);
    let filter = f64s(&[2, 1, 1], &[1.0, 10.0]);
    let of = |attrs: Attrs| values(&ops::CONV1D, attrs, &[x.clone(), filter.clone()]);
    assert_eq!(of(window(&[1], "VALID")), [10.0, 21.0, 32.0]);
    assert_eq!(of(window(&[1], "SAME")), [10.0, 21.0, 32.0, 3.0]);
    assert_eq!(of(window(&[1], "CAUSAL")), [0.0, 10.0, 21.0, 32.0]);
    assert_eq!(of(window(&[2], "same")), [10.0, 32.0]);
    assert_eq!(of(explicit(&[3], &[2, 0])), [0.0, 21.0]);
    assert_eq!(of(window(&[1], "VALID").with("dilations", vec![2i64])), [20.0, 31.0]);
}

#[test]
fn convolutions_of_every_kind() {
    let cases: &[(&'static OpDef, &[usize], &[usize], Attrs)] = &[
        (&ops::CONV1D, &[2, 7, 4], &[3, 2, 6], window(&[2], "SAME")),
        (&ops::CONV2D, &[2, 5, 4, 3], &[3, 2, 3, 2], window(&[1, 1], "SAME")),
        (&ops::CONV2D, &[2, 5, 4, 3], &[2, 2, 3, 2], explicit(&[2, 1], &[1, 0, 2, 1]).with("dilations", vec![1i64, 2])),
        (&ops::CONV2D, &[1, 5, 4, 4], &[2, 2, 2, 4], window(&[2], "VALID").with("groups", 2i64)),
        (&ops::CONV2D, &[1, 5, 4, 3], &[1, 1, 3, 2], window(&[1, 2, 2, 1], "VALID")),
        (&ops::CONV3D, &[1, 3, 4, 3, 2], &[2, 1, 2, 2, 3], window(&[1, 2, 1], "SAME")),
        (&ops::DEPTHWISE_CONV2D, &[2, 4, 5, 3], &[2, 3, 3, 2], window(&[1, 1], "SAME")),
        (&ops::DEPTHWISE_CONV1D, &[2, 6, 3], &[2, 3, 1], window(&[2], "VALID")),
        (&ops::CONV1D_TRANSPOSE, &[2, 3, 2], &[3, 4, 2], window(&[2], "VALID")),
        (&ops::CONV2D_TRANSPOSE, &[1, 3, 2, 2], &[3, 2, 3, 2], window(&[2, 3], "SAME")),
        (&ops::CONV2D_TRANSPOSE, &[1, 3, 2, 4], &[2, 2, 1, 4], window(&[1, 2], "VALID").with("groups", 2i64)),
        (&ops::CONV3D_TRANSPOSE, &[1, 2, 2, 2, 1], &[2, 2, 3, 2, 1], explicit(&[2, 2, 2], &[1, 0, 0, 1, 1, 1])),
    ];
    for (op, x, filter, attrs) in cases {
        check(op, attrs.clone(), &[random(x), random(filter)]);
    }
    let attrs = window(&[1], "SAME");
    check(
        &ops::SEPARABLE_CONV2D,
        attrs.clone(),
        &[random(&[1, 4, 3, 2]), random(&[2, 2, 2, 2]), random(&[1, 1, 4, 3])],
    );
    check(&ops::SEPARABLE_CONV1D, attrs, &[random(&[1, 4, 2]), random(&[3, 2, 1]), random(&[1, 2, 3])]);
}

#[test]
fn gradients_have_gradients() {
    let attrs = |dims_of: &[i64]| {
        let attrs = Attrs::new().with("strides", vec![2i64, 1]).with("dilations", vec![1i64, 2]);
        attrs.with("before", dims(&[1, 1])).with("dims", dims(dims_of))
    };
    let (x, filter, y) = ([1, 5, 4, 2], [2, 2, 2, 3], [1, 3, 4, 3]);
    let sizes = |shape: &[usize]| shape.iter().map(|&n| n as i64).collect::<Vec<_>>();
    check_known(&ops::CONVOLUTION, attrs(&sizes(&y)), &[random(&x), random(&filter)]);
    check_known(&ops::CONV_BACKPROP_INPUT, attrs(&sizes(&x)), &[random(&y), random(&filter)]);
    check_known(&ops::CONV_BACKPROP_FILTER, attrs(&sizes(&filter)), &[random(&x), random(&y)]);
}

#[test]
fn a_transpose_undoes_the_sizes_of_its_convolution() {
    let x = random(&[1, 3, 3, 2]);
    let filter = random(&[3, 3, 4, 2]);
    let shape = |attrs: Attrs| one(&ops::CONV2D_TRANSPOSE, attrs, &[x.clone(), filter.clone()]).shape()[1..3].to_vec();
    assert_eq!(shape(window(&[2, 2], "SAME")), [6, 6]);
    assert_eq!(shape(window(&[2, 2], "VALID")), [7, 7]);
    assert_eq!(shape(window(&[4, 4], "VALID")), [12, 12]);
    assert_eq!(shape(explicit(&[2, 2], &[1, 1, 0, 0])), [5, 7]);
    assert_eq!(shape(explicit(&[2, 2], &[1, 1, 1, 1]).with("output_padding", vec![1i64])), [6, 6]);
    assert_eq!(shape(explicit(&[2, 2], &[0, -1, 1, 0])), [8, 6]);
    // As Keras, where none is not 0.
    assert_eq!(shape(window(&[2, 2], "SAME").with("output_padding", vec![0i64])), [5, 5]);
    assert_eq!(shape(window(&[4, 4], "VALID").with("output_padding", vec![0i64])), [11, 11]);
    assert_eq!(shape(window(&[2, 2], "SAME").with("output_shape", vec![1i64, 5, 6, 4])), [5, 6]);
    let asked = |shape: Vec<i64>| {
        refused(&ops::CONV2D_TRANSPOSE, window(&[1], "SAME").with("output_shape", shape), &[x.clone(), filter.clone()])
    };
    assert!(asked(vec![1, 99, 3, 4]).contains("99 becomes 99"));
    assert!(asked(vec![1, -4, 3, 4]).contains("-4 is no length"));
    assert!(asked(vec![1, 3, 3, 5]).contains("4 channels"));
}

#[test]
fn what_convolutions_refuse() {
    let x = random(&[1, 4, 4, 2]);
    let of = |filter: &[usize], attrs: Attrs| refused(&ops::CONV2D, attrs, &[x.clone(), random(filter)]);
    let good = &[2, 2, 2, 3];
    for stride in [0, -1] {
        assert!(of(good, window(&[stride], "VALID")).contains("numbers from 1 to 2^31 - 1 in `strides`"));
    }
    assert!(of(&[2, 2, 3, 3], window(&[1], "SAME")).contains("2 channels of x"));
    assert!(of(&[2, 2, 0, 3], window(&[1], "SAME")).contains("without input channels"));
    assert!(of(&[5, 5, 2, 3], window(&[1], "VALID")).contains("extends over 5"));
    assert!(of(good, window(&[1], "VALID").with("dilations", vec![0i64])).contains("`dilations`"));
    assert!(of(good, explicit(&[1], &[0, 0, -1, 0, 0, 0, 0, 0])).contains("widths of at least 0 in `padding`"));
    assert!(of(good, window(&[1], "FOO")).contains("known padding, received \"FOO\""));
    assert!(of(good, window(&[1], "CAUSAL")).contains("known padding"));
    assert!(of(&[2, 2, 1, 3], window(&[1], "SAME")).contains("3 output channels do not divide into 2 groups"));
    assert!(of(good, window(&[1], "SAME").with("groups", 2i64)).contains("groups = 2"));
    assert!(of(&[2, 2, 2], window(&[1], "SAME")).contains("rank 4"));
    assert!(of(&[0, 2, 2, 3], window(&[1], "SAME")).contains("windows of 1"));
    let flat = [random(&[1, 4, 4, 2]), random(&[2, 2, 3, 1])];
    assert!(refused(&ops::DEPTHWISE_CONV2D, window(&[1], "SAME"), &flat).contains("[taps.., 2, multiplier]"));
}

#[test]
fn greatest_of_windows() {
    let x = f64s(&[1, 2, 4, 1], &[1.0, 5.0, 2.0, 5.0, 7.0, 0.0, f64::NAN, 5.0]);
    assert_eq!(
        values(&ops::MAX_POOL2D, pool(&[1, 2], &[1, 2], "VALID"), std::slice::from_ref(&x))[..3],
        [5.0, 5.0, 7.0]
    );
    let both = apply(&ops::MAX_POOL_WITH_ARGMAX, pool(&[1, 2], &[1, 2], "VALID"), &[x]).unwrap();
    assert_eq!(both[1].as_slice::<i64>(), [1, 3, 4, 6]);
    assert!(both[0].as_slice::<f64>()[3].is_nan());
    // Padding is never the greatest.
    let negative = f64s(&[1, 3, 1], &[-3.0, -2.0, -1.0]);
    assert_eq!(values(&ops::MAX_POOL1D, pool(&[2], &[2], "SAME"), std::slice::from_ref(&negative)), [-2.0, -1.0]);
    let padded = explicit(&[2], &[1, 1]).with("ksize", vec![2i64]);
    assert_eq!(values(&ops::MAX_POOL1D, padded, &[negative]), [-3.0, -1.0]);

    check(&ops::MAX_POOL1D, pool(&[3], &[2], "SAME"), &[random(&[2, 6, 3])]);
    check(&ops::MAX_POOL2D, pool(&[2, 3], &[1, 2], "VALID").with("dilations", vec![2i64, 1]), &[random(&[2, 5, 6, 2])]);
    check(&ops::MAX_POOL2D, pool(&[2, 2], &[2, 2], "VALID").with("ceil_mode", true), &[random(&[1, 5, 3, 2])]);
    check(&ops::MAX_POOL3D, pool(&[2, 2, 2], &[1, 2, 1], "SAME"), &[random(&[1, 3, 4, 3, 2])]);
    check_gradient(&ops::MAX_POOL_WITH_ARGMAX, pool(&[2, 2], &[2, 2], "SAME"), &[random(&[2, 3, 3, 2])]);
    for dtype in [DType::I32, DType::U8] {
        assert_agrees(&ops::MAX_POOL1D, pool(&[3], &[2], "SAME"), &[Numbers(1).array(dtype, &[2, 6, 3], 0.0, 90.0)]);
    }
    assert_eq!(one(&ops::MAX_POOL2D, pool(&[2], &[2], "VALID"), &[random(&[0, 4, 4, 2])]).shape(), [0, 2, 2, 2]);
}

#[test]
fn a_window_in_the_padding_alone_sends_nothing_back() {
    // The middle window has its two taps left and right of the one element.
    let attrs = explicit(&[1], &[2, 2]).with("ksize", vec![2i64]).with("dilations", vec![4i64]);
    assert_eq!(values(&ops::MAX_POOL1D, attrs.clone(), &[f64s(&[1, 1, 1], &[3.0])]), [f64::NEG_INFINITY]);
    let wide = f64s(&[1, 3, 1], &[3.0, 4.0, 5.0]);
    let attrs = explicit(&[1], &[3, 3]).with("ksize", vec![2i64]).with("dilations", vec![5i64]);
    assert_eq!(values(&ops::MAX_POOL1D, attrs.clone(), std::slice::from_ref(&wide))[1], f64::NEG_INFINITY);
    let gradient = assert_gradient_agrees(&ops::MAX_POOL1D, attrs, &[wide]);
    assert_eq!(gradient[0].as_slice::<f64>(), [1.0, 0.0, 1.0]);
}

#[test]
fn averages_of_windows() {
    let x = f64s(&[1, 3, 1], &[1.0, 2.0, 6.0]);
    let of = |attrs: Attrs| values(&ops::AVG_POOL1D, attrs, std::slice::from_ref(&x));
    assert_eq!(of(pool(&[2], &[1], "VALID")), [1.5, 4.0]);
    assert_eq!(of(pool(&[2], &[1], "SAME")), [1.5, 4.0, 6.0]);
    assert_eq!(of(pool(&[2], &[1], "SAME").with("count_include_pad", true)), [1.5, 4.0, 3.0]);
    assert_eq!(of(pool(&[2], &[2], "VALID").with("ceil_mode", true)), [1.5, 6.0]);
    let dilated = explicit(&[1], &[2, 2]).with("ksize", vec![2i64]).with("dilations", vec![2i64]);
    assert_eq!(of(dilated), [1.0, 2.0, 3.5, 2.0, 6.0]);

    check(&ops::AVG_POOL1D, pool(&[3], &[2], "SAME"), &[random(&[2, 6, 3])]);
    check(&ops::AVG_POOL2D, pool(&[2, 3], &[1, 2], "VALID"), &[random(&[2, 5, 6, 1])]);
    check(&ops::AVG_POOL2D, pool(&[2, 2], &[2, 2], "VALID").with("ceil_mode", true), &[random(&[1, 5, 3, 2])]);
    check(
        &ops::AVG_POOL3D,
        pool(&[2, 2, 2], &[1, 2, 1], "SAME").with("count_include_pad", true),
        &[random(&[1, 3, 4, 3, 2])],
    );
    check(&ops::GLOBAL_AVG_POOL, Attrs::new().with("keepdims", true), &[random(&[2, 3, 4, 2])]);
    check(&ops::GLOBAL_MAX_POOL, Attrs::new(), &[random(&[2, 3, 2])]);
    let size = Attrs::new().with("size", vec![2i64, 3]);
    check(&ops::ADAPTIVE_AVG_POOL, size.clone(), &[random(&[2, 5, 6, 2])]);
    check(&ops::ADAPTIVE_MAX_POOL, size, &[random(&[2, 5, 6, 2])]);
    let one_size = Attrs::new().with("size", vec![2i64]);
    assert_eq!(values(&ops::ADAPTIVE_AVG_POOL, one_size, &[x]), [1.5, 4.0]);

    let shape = pool(&[2], &[2], "SAME");
    assert_eq!(one(&ops::AVG_POOL2D, shape, &[random(&[1, 0, 4, 2])]).shape(), [1, 0, 2, 2]);
}

#[test]
fn the_gradient_of_averages_fits_its_pool() {
    let attrs = pool(&[2], &[1], "VALID").with("dims", dims(&[1, 2, 2, 1]));
    let error = refused(&ops::AVG_POOL_GRAD, attrs.clone(), &[random(&[1, 9, 9, 1])]);
    assert!(error.contains("a gradient of shape [1, 1, 1, 1]"), "{error}");
    assert_eq!(values(&ops::AVG_POOL_GRAD, attrs.clone(), &[f64s(&[1, 1, 1, 1], &[8.0])]), [2.0; 4]);
    check_known(&ops::AVG_POOL_GRAD, attrs, &[random(&[1, 1, 1, 1])]);
}

#[test]
fn what_pools_refuse() {
    let x = random(&[1, 4, 4, 2]);
    let of = |op: &'static OpDef, attrs: Attrs| refused(op, attrs, std::slice::from_ref(&x));
    assert!(of(&ops::MAX_POOL2D, pool(&[-1], &[1], "VALID")).contains("`ksize`"));
    assert!(of(&ops::AVG_POOL2D, pool(&[2], &[0], "VALID")).contains("`strides`"));
    assert!(of(&ops::AVG_POOL2D, pool(&[i64::from(i32::MAX)], &[1], "VALID")).contains("fewer than 2^28"));
    assert!(of(&ops::MAX_POOL2D, pool(&[i64::from(i32::MAX)], &[1], "VALID")).contains("extends over"));
    assert!(of(&ops::MAX_POOL3D, pool(&[1], &[1], "VALID")).contains("rank 5"));
    assert!(
        of(&ops::MAX_POOL2D, explicit(&[1], &[2, 0, 0, 0]).with("ksize", vec![2i64])).contains("less than the window")
    );
    let ratios = Attrs::new().with("row_ratio", 9.0).with("column_ratio", 1.0);
    assert!(of(&ops::FRACTIONAL_MAX_POOL, ratios).contains("leaves axis 1 of length 4 an element"));
}

#[test]
fn windows_of_random_lengths() {
    let x = counted(&[1, 7, 10, 2]);
    for (pseudo, overlapping) in [(false, false), (true, false), (false, true), (true, true)] {
        let attrs = Attrs::new().with("row_ratio", 1.5).with("column_ratio", 2.5).with("seed", 3i64);
        let attrs = attrs.with("pseudo_random", pseudo).with("overlapping", overlapping);
        let results = apply(&ops::FRACTIONAL_MAX_POOL, attrs.clone(), std::slice::from_ref(&x)).unwrap();
        assert_eq!(results[0].shape(), [1, 4, 4, 2]);
        for (cuts, length) in [(&results[1], 7), (&results[2], 10)] {
            let cuts = cuts.as_slice::<i64>();
            assert_eq!((cuts[0], cuts[4]), (0, length));
            assert!(cuts.windows(2).all(|c| c[0] < c[1]), "{cuts:?}");
        }
        let greatest = *results[0].as_slice::<f64>().last().unwrap();
        assert_eq!(greatest, 139.0);
        check_gradient(&ops::FRACTIONAL_AVG_POOL, attrs, &[random(&[1, 7, 10, 1])]);
    }
}

#[test]
fn halves_are_computed_in_f32() {
    let attrs = window(&[1, 1], "SAME");
    let (x, filter) = (random(&[1, 6, 6, 8]), random(&[3, 3, 8, 4]));
    let halves = [x, filter].map(|operand| operand.cast(DType::F16).unwrap());
    let rounded = halves.each_ref().map(|operand| operand.cast(DType::F64).unwrap());
    assert_agrees(&ops::CONV2D, attrs.clone(), &halves);
    let exact = values(&ops::CONV2D, attrs.clone(), &rounded);
    assert_close(&values(&ops::CONV2D, attrs, &halves), &exact, 1e-3, "f16");
}

#[test]
fn greyscale_morphology() {
    let x = f64s(&[1, 2, 2, 1], &[1.0, 2.0, 3.0, 4.0]);
    let filter = f64s(&[2, 2, 1], &[0.5, 0.25, 0.0, 0.0]);
    assert_eq!(values(&ops::DILATION2D, window(&[1], "VALID"), &[x.clone(), filter.clone()]), [4.0]);
    assert_eq!(values(&ops::DILATION2D, window(&[1], "SAME"), &[x.clone(), filter.clone()]), [4.0, 4.0, 4.25, 4.5]);
    assert_eq!(values(&ops::EROSION2D, window(&[1], "VALID"), &[x.clone(), filter]), [1.0]);
    for attrs in [window(&[2, 1], "SAME"), window(&[1], "VALID").with("dilations", vec![2i64, 1])] {
        check(&ops::DILATION2D, attrs.clone(), &[random(&[2, 6, 5, 3]), random(&[3, 2, 3])]);
        check(&ops::EROSION2D, attrs, &[random(&[2, 6, 5, 3]), random(&[3, 2, 3])]);
    }
    let text = refused(&ops::DILATION2D, window(&[1], "VALID"), &[x, random(&[2, 2, 3])]);
    assert!(text.contains("filters [height, width, 1]"), "{text}");
}

#[test]
fn channels_come_first_if_asked_for() {
    let first =
        |x: &Array| one(&ops::TRANSPOSE, Attrs::new().with("perm", vec![0i64, 3, 1, 2]), std::slice::from_ref(x));
    let x = random(&[2, 5, 6, 3]);
    let filters = random(&[2, 3, 3, 4]);
    let bias = random(&[3]);
    let nchw = |attrs: Attrs| attrs.with("data_format", "NCHW");
    let strided = |outer: [i64; 4]| Attrs::new().with("strides", outer.to_vec()).with("padding", "SAME");
    for (op, operands, ours, theirs) in [
        (&ops::CONV2D, vec![filters], strided([1, 2, 1, 1]), strided([1, 1, 2, 1])),
        (&ops::DEPTHWISE_CONV2D, vec![random(&[2, 2, 3, 2])], strided([1, 2, 1, 1]), strided([1, 1, 2, 1])),
        (
            &ops::MAX_POOL2D,
            vec![],
            pool(&[1, 2, 3, 1], &[1, 2, 2, 1], "VALID"),
            pool(&[1, 1, 2, 3], &[1, 1, 2, 2], "VALID"),
        ),
        (&ops::AVG_POOL2D, vec![], pool(&[2], &[2], "SAME"), pool(&[2], &[2], "SAME")),
        (&ops::BIAS_ADD, vec![bias], Attrs::new(), Attrs::new()),
        (
            &ops::CONV2D_TRANSPOSE,
            vec![random(&[2, 3, 4, 3])],
            strided([1, 2, 1, 1]).with("output_shape", vec![2i64, 9, 6, 4]),
            strided([1, 1, 2, 1]).with("output_shape", vec![2i64, 4, 9, 6]),
        ),
        (
            &ops::CONV2D_TRANSPOSE,
            vec![random(&[3, 2, 4, 3])],
            explicit(&[2, 1], &[1, 0, 0, 1]),
            explicit(&[1, 1, 2, 1], &[0, 0, 0, 0, 1, 0, 0, 1]),
        ),
    ] {
        let with = |x: Array| [vec![x], operands.clone()].concat();
        let expected = first(&one(op, ours, &with(x.clone())));
        let found = one(op, nchw(theirs.clone()), &with(first(&x)));
        assert_eq!(found.shape(), expected.shape(), "{}", op.name);
        assert_eq!(found.as_slice::<f64>(), expected.as_slice::<f64>(), "{}", op.name);
        check(op, nchw(theirs), &with(first(&x)));
    }
    let sides = explicit(&[1, 1, 1, 1], &[0, 0, 0, 0, 1, 0, 0, 1]);
    assert_eq!(one(&ops::CONV2D, nchw(sides), &[first(&x), random(&[2, 2, 3, 1])]).shape(), [2, 1, 5, 6]);
    let unknown = refused(&ops::BIAS_ADD, Attrs::new().with("data_format", "HWCN"), &[x, random(&[3])]);
    assert!(unknown.contains("a known data_format"), "{unknown}");
}

#[test]
fn gradients_of_pools_as_ops() {
    let x = random(&[2, 5, 4, 3]);
    let attrs = pool(&[2], &[2], "SAME");
    let y = one(&ops::MAX_POOL2D, attrs.clone(), std::slice::from_ref(&x));
    let ones = f64s(y.shape(), &vec![1.0; y.len()]);
    let back = values(&ops::MAX_POOL_GRAD, attrs.clone(), &[x.clone(), y.clone(), ones.clone()]);
    assert_eq!(back.iter().sum::<f64>(), y.len() as f64);
    let flat = tracelift_compiler::ops::eval::floats(&x);
    assert!(back.iter().zip(flat).filter(|(b, _)| **b > 0.0).all(|(_, v)| y.as_slice::<f64>().contains(&v)));
    let text = refused(&ops::MAX_POOL_GRAD, attrs, &[x, y, random(&[2, 9, 9, 3])]);
    assert!(text.contains("as the pool's result"), "{text}");
}

#[test]
fn pools_between_given_places() {
    let x = counted(&[1, 4, 4, 1]);
    let attrs = Attrs::new().with("rows", vec![0i64, 1, 4]).with("columns", vec![0i64, 2, 4]);
    let operand = std::slice::from_ref(&x);
    assert_eq!(values(&ops::MAX_POOL_BETWEEN, attrs.clone(), operand), [1., 3., 13., 15.]);
    assert_eq!(values(&ops::AVG_POOL_BETWEEN, attrs.clone(), operand), [0.5, 2.5, 8.5, 10.5]);
    let overlapping = attrs.with("overlapping", true);
    assert_eq!(values(&ops::AVG_POOL_BETWEEN, overlapping.clone(), operand), [3., 4.5, 9., 10.5]);
    for op in [&ops::MAX_POOL_BETWEEN, &ops::AVG_POOL_BETWEEN] {
        assert_agrees(op, overlapping.clone(), operand);
        check_gradient(op, overlapping.clone(), operand);
        for rows in [vec![0i64, 9, 4], vec![-3, 2, 4], vec![0, 2], vec![4], vec![]] {
            let text = refused(op, overlapping.clone().with("rows", rows), operand);
            assert!(text.contains("places in `rows` that rise from 0 to the length 4 of axis 1"), "{text}");
        }
    }
}

#[test]
fn gradients_of_pools_whose_places_are_known() {
    let x = random(&[2, 5, 4, 3]);
    let attrs = pool(&[2], &[2], "SAME");
    let pooled = apply(&ops::MAX_POOL_WITH_ARGMAX, attrs.clone(), std::slice::from_ref(&x)).unwrap();
    let grad = random(pooled[0].shape());
    let operands = [x.clone(), grad.clone(), pooled[1].clone()];
    let expected = values(&ops::MAX_POOL_GRAD, attrs.clone(), &[x.clone(), pooled[0].clone(), grad]);
    assert_eq!(values(&ops::MAX_POOL_GRAD_WITH_ARGMAX, attrs.clone(), &operands), expected);
    assert_agrees(&ops::MAX_POOL_GRAD_WITH_ARGMAX, attrs.clone(), &operands);
    let beyond = Array::from_slice(pooled[1].shape(), &vec![60i64; pooled[1].len()]);
    let text = refused(&ops::MAX_POOL_GRAD_WITH_ARGMAX, attrs.clone(), &[x.clone(), operands[1].clone(), beyond]);
    assert!(text.contains("index 60 is out of range"), "{text}");
    let text = refused(&ops::MAX_POOL_GRAD_WITH_ARGMAX, attrs, &[x.clone(), x, operands[2].clone()]);
    assert!(text.contains("[2, 3, 2, 3], the shape of the pool's result"), "{text}");
}
