//! Images.

use crate::battery::check_gradient;
use crate::compiled::{assert_agrees, assert_agrees_for_any_batch, assert_gradient_agrees};
use crate::support::{Numbers, assert_close, counted, f64s, i32s, one, refused, values};
use tracelift_compiler::graph::{Attrs, OpDef};
use tracelift_compiler::ops::eval;
use tracelift_compiler::{DType, ops};
use tracelift_runtime::Array;

fn random(shape: &[usize]) -> Array {
    Numbers(shape.iter().sum::<usize>() as u64).array(DType::F64, shape, -2.0, 2.0)
}

fn check(op: &'static OpDef, attrs: Attrs, operands: &[Array]) {
    assert_agrees_for_any_batch(op, attrs.clone(), operands);
    assert_gradient_agrees(op, attrs.clone(), operands);
    check_gradient(op, attrs, operands);
}

fn resize(size: &[i64], method: &str) -> Attrs {
    Attrs::new().with("size", size).with("method", method)
}

#[test]
fn resized_lines() {
    let x = f64s(&[1, 2, 1], &[0.0, 4.0]);
    let of = |attrs: Attrs| values(&ops::RESIZE, attrs, std::slice::from_ref(&x));
    assert_eq!(of(resize(&[4], "nearest")), [0.0, 0.0, 4.0, 4.0]);
    assert_eq!(of(resize(&[4], "bilinear")), [0.0, 1.0, 3.0, 4.0]);
    assert_eq!(of(resize(&[3], "linear").with("coordinates", "align_corners")), [0.0, 2.0, 4.0]);
    assert_eq!(of(resize(&[4], "linear").with("coordinates", "asymmetric")), [0.0, 2.0, 4.0, 4.0]);
    assert_eq!(of(resize(&[1], "area")), [2.0]);
    let long = f64s(&[1, 8, 1], &[0.0, 8.0, 0.0, 8.0, 0.0, 8.0, 0.0, 8.0]);
    let shrunk = |antialias| {
        let attrs = resize(&[2], "bilinear").with("antialias", antialias);
        values(&ops::RESIZE, attrs, std::slice::from_ref(&long))
    };
    assert_eq!(shrunk(false), [4.0, 4.0]);
    assert_close(&shrunk(true), &[3.6, 4.4], 1.0, "the mean of many");
}

#[test]
fn resized_images() {
    let methods = ["nearest", "bilinear", "bicubic", "cubic", "area", "lanczos3", "gaussian", "mitchellcubic"];
    for method in methods {
        for size in [[3i64, 7], [8, 2]] {
            check(&ops::RESIZE, resize(&size, method), &[random(&[2, 5, 4, 2])]);
        }
    }
    check(&ops::RESIZE, resize(&[2, 3], "bicubic").with("antialias", true), &[random(&[2, 9, 12, 1])]);
    check(&ops::RESIZE, resize(&[2, 3, 4], "linear"), &[random(&[1, 3, 3, 3, 2])]);
    // One image, and integers.
    assert_eq!(one(&ops::RESIZE, resize(&[3, 7], "bilinear"), &[random(&[5, 4, 2])]).shape(), [3, 7, 2]);
    let bytes = Array::from_slice(&[1, 2, 1], &[10u8, 20]);
    let kept = one(&ops::RESIZE, resize(&[3], "nearest"), std::slice::from_ref(&bytes));
    assert_eq!(kept.as_slice::<u8>(), [10, 20, 20]);
    assert_eq!(one(&ops::RESIZE, resize(&[3], "linear"), &[bytes]).as_slice::<f32>(), [10.0, 15.0, 20.0]);
}

#[test]
fn what_resizing_refuses() {
    let x = random(&[1, 2, 2, 1]);
    let of = |size: &[i64], method: &str| refused(&ops::RESIZE, resize(size, method), std::slice::from_ref(&x));
    assert!(of(&[1 << 30, 1 << 30], "bilinear").contains("lengths from 1"));
    assert!(of(&[0, 4], "bilinear").contains("lengths from 1"));
    assert!(of(&[4, 4], "biliner").contains("method nearest"));
    assert!(of(&[4], "bilinear").contains("[batch, 1 axes, channels]"));
    let empty = refused(&ops::RESIZE, resize(&[4, 4], "bilinear"), &[random(&[1, 0, 2, 1])]);
    assert!(empty.contains("length of axis 1 from 1"), "{empty}");
}

#[test]
fn patches() {
    let x = counted(&[1, 3, 3, 1]);
    let attrs = |sizes: &[i64], strides: &[i64], padding: &str| {
        Attrs::new().with("sizes", sizes).with("strides", strides).with("padding", padding)
    };
    let of = |attrs: Attrs| values(&ops::EXTRACT_PATCHES, attrs, std::slice::from_ref(&x));
    let four = [0., 1., 3., 4., 1., 2., 4., 5., 3., 4., 6., 7., 4., 5., 7., 8.];
    assert_eq!(of(attrs(&[2, 2], &[1, 1], "VALID")), four);
    assert_eq!(of(attrs(&[2, 2], &[1, 1], "VALID").with("rates", vec![2i64])), [0., 2., 6., 8.]);
    assert_eq!(of(attrs(&[1, 2, 2, 1], &[1, 2, 2, 1], "SAME"))[4..8], [2., 0., 5., 0.]);
    check(
        &ops::EXTRACT_PATCHES,
        attrs(&[2, 3], &[2, 1], "SAME").with("rates", vec![1i64, 2]),
        &[random(&[2, 5, 6, 2])],
    );
    check(&ops::EXTRACT_PATCHES, attrs(&[3], &[2], "VALID"), &[random(&[2, 5, 2])]);
}

#[test]
fn boxes_resized() {
    let image = counted(&[2, 3, 3, 1]);
    let attrs = |rows: i64, cols: i64| Attrs::new().with("crop_size", vec![rows, cols]);
    let of = |attrs: Attrs, boxes: &[f64], owners: &[i32]| {
        let operands = [image.clone(), f64s(&[owners.len(), 4], boxes), i32s(&[owners.len()], owners)];
        values(&ops::CROP_AND_RESIZE, attrs, &operands)
    };
    assert_eq!(of(attrs(3, 3), &[0.0, 0.0, 1.0, 1.0], &[0]), [0., 1., 2., 3., 4., 5., 6., 7., 8.]);
    assert_eq!(of(attrs(2, 2), &[1.0, 0.0, 0.0, 1.0], &[1]), [15.0, 17.0, 9.0, 11.0]);
    assert_eq!(of(attrs(1, 1), &[0.0, 0.0, 1.0, 0.5], &[0]), [3.5]);
    let outside = attrs(1, 3).with("extrapolation_value", -1.0);
    assert_eq!(of(outside, &[0.0, -0.5, 0.0, 0.5], &[0]), [-1.0, 0.0, 1.0]);
    assert_eq!(of(attrs(1, 2).with("method", "nearest"), &[0.0, 0.3, 0.0, 0.9], &[0]), [1.0, 2.0]);
    let operands =
        [random(&[2, 4, 5, 2]), f64s(&[2, 4], &[0.1, 0.2, 0.8, 0.9, 0.7, 0.1, 0.3, 0.65]), i32s(&[2], &[1, 0])];
    assert_agrees(&ops::CROP_AND_RESIZE, attrs(3, 2), &operands);
    check_gradient(&ops::CROP_AND_RESIZE, attrs(3, 2), &operands);
    for bad in [f64::NAN, f64::INFINITY] {
        let operands = [image.clone(), f64s(&[1, 4], &[0.0, bad, 1.0, 1.0]), i32s(&[1], &[0])];
        assert!(refused(&ops::CROP_AND_RESIZE, attrs(2, 2), &operands).contains("expected"));
    }
    assert!(refused(&ops::ADJUST_HUE, Attrs::new().with("delta", 2.0), &[colours()]).contains("`delta` from -1 to 1"));
    for owner in [5, -1] {
        let operands = [image.clone(), f64s(&[1, 4], &[0.0, 0.0, 1.0, 1.0]), i32s(&[1], &[owner])];
        assert!(refused(&ops::CROP_AND_RESIZE, attrs(2, 2), &operands).contains("out of range"));
    }
}

#[test]
fn the_best_of_overlapping_boxes() {
    let corners: Vec<f32> = (0..40).map(|i| ((i * 37 % 23) as f32) * 0.1).collect();
    let boxes = Array::from_slice(&[10, 4], &corners);
    let scores = Array::from_slice(&[10], &[0.5f32, 0.9, 0.5, 0.1, 0.8, 0.7, 0.95, 0.2, 0.3, 0.4]);
    for (most, overlap, least) in [(4i64, 0.5, 0.0), (10, 0.1, 0.3), (10, 0.9, f64::NEG_INFINITY), (0, 0.5, 0.0)] {
        let attrs = Attrs::new().with("max_output_size", most).with("iou_threshold", overlap);
        let attrs = attrs.with("score_threshold", least);
        assert_agrees(&ops::NON_MAX_SUPPRESSION, attrs, &[boxes.clone(), scores.clone()]);
    }
    let attrs = Attrs::new().with("max_output_size", 3i64).with("iou_threshold", 1.5);
    assert!(refused(&ops::NON_MAX_SUPPRESSION, attrs, &[boxes, scores]).contains("iou_threshold"));
}

/// Within 0 and 1, without two equal channels.
fn colours() -> Array {
    Numbers(5).array(DType::F64, &[2, 3, 4, 3], 0.1, 0.9)
}

#[test]
fn colours_written_otherwise() {
    let none = Attrs::new();
    for op in [&ops::RGB_TO_HSV, &ops::HSV_TO_RGB, &ops::RGB_TO_GRAYSCALE, &ops::RGB_TO_YIQ, &ops::YUV_TO_RGB] {
        check(op, none.clone(), &[colours()]);
    }
    for (there, back) in [(&ops::RGB_TO_YIQ, &ops::YIQ_TO_RGB), (&ops::RGB_TO_YUV, &ops::YUV_TO_RGB)] {
        let other = one(there, none.clone(), &[colours()]);
        assert_close(&values(back, none.clone(), &[other]), &eval::floats(&colours()), 1e-6, back.name);
    }
    check(&ops::ADJUST_HUE, none.clone().with("delta", 0.3), &[colours()]);
    check(&ops::ADJUST_SATURATION, none.clone().with("factor", 0.5), &[colours()]);
    check(&ops::ADJUST_CONTRAST, none.clone().with("factor", 2.0), &[colours()]);
    check(&ops::ADJUST_BRIGHTNESS, none.clone().with("delta", 0.5), &[colours()]);
    check(&ops::ADJUST_GAMMA, none.clone().with("gamma", 1.7).with("gain", 2.0), &[colours()]);
    check(&ops::PER_IMAGE_STANDARDIZATION, none.clone(), &[colours()]);
    check(&ops::GRAYSCALE_TO_RGB, none.clone(), &[random(&[2, 3, 1])]);
    assert!(refused(&ops::RGB_TO_HSV, none.clone(), &[random(&[2, 2, 6])]).contains("three channels"));
    assert!(
        refused(&ops::ADJUST_GAMMA, none.with("gamma", -1.0).with("gain", 1.0), &[colours()]).contains("at least 0")
    );
}

#[test]
fn images_turned_cut_and_padded() {
    let none = Attrs::new();
    let x = counted(&[2, 3, 1]);
    let of = |op, attrs| values(op, attrs, std::slice::from_ref(&x));
    assert_eq!(of(&ops::FLIP_LEFT_RIGHT, none.clone()), [2., 1., 0., 5., 4., 3.]);
    assert_eq!(of(&ops::FLIP_UP_DOWN, none.clone()), [3., 4., 5., 0., 1., 2.]);
    assert_eq!(of(&ops::IMAGE_TRANSPOSE, none.clone()), [0., 3., 1., 4., 2., 5.]);
    assert_eq!(of(&ops::IMAGE_ROT90, none.clone().with("k", 1i64)), [2., 5., 1., 4., 0., 3.]);
    assert_eq!(of(&ops::IMAGE_ROT90, none.clone().with("k", -1i64)), [3., 0., 4., 1., 5., 2.]);
    assert_eq!(of(&ops::TOTAL_VARIATION, none.clone()), [13.0]);
    let boxed = |top: i64, left: i64, height: i64, width: i64| {
        let attrs = none.clone().with("top", top).with("left", left);
        attrs.with("height", height).with("width", width)
    };
    assert_eq!(of(&ops::CROP_TO_BOUNDING_BOX, boxed(0, 1, 2, 1)), [1., 4.]);
    assert_eq!(of(&ops::PAD_TO_BOUNDING_BOX, boxed(0, 1, 2, 4)), [0., 0., 1., 2., 0., 3., 4., 5.]);
    let fit = |height: i64, width: i64| none.clone().with("height", height).with("width", width);
    assert_eq!(of(&ops::RESIZE_WITH_CROP_OR_PAD, fit(2, 1)), [1., 4.]);
    assert_eq!(one(&ops::RESIZE_WITH_PAD, fit(4, 4), &[random(&[2, 2, 6, 3])]).shape(), [2, 4, 4, 3]);
    let images = random(&[2, 4, 5, 2]);
    check_known(&ops::RESIZE_WITH_CROP_OR_PAD, fit(6, 3), std::slice::from_ref(&images));
    check_known(&ops::CENTRAL_CROP, none.clone().with("fraction", 0.5), std::slice::from_ref(&images));
    check(&ops::SOBEL_EDGES, none.clone(), std::slice::from_ref(&images));
    check(&ops::IMAGE_GRADIENTS, none.clone(), std::slice::from_ref(&images));
    check(&ops::TOTAL_VARIATION, none.clone(), std::slice::from_ref(&images));
    check_known(
        &ops::PSNR,
        none.clone().with("max_value", 2.0),
        &[images.clone(), Numbers(77).array(DType::F64, &[2, 4, 5, 2], -2.0, 2.0)],
    );
    let ramp = f64s(&[1, 3, 3, 1], &[0., 1., 2., 0., 1., 2., 0., 1., 2.]);
    assert_eq!(values(&ops::SOBEL_EDGES, none.clone(), &[ramp])[8..10], [0.0, 8.0]);
    for (op, attrs, says) in [
        (&ops::CROP_TO_BOUNDING_BOX, boxed(0, 0, 5, 1), "5 elements within the 4 of axis 1"),
        (&ops::PAD_TO_BOUNDING_BOX, boxed(-1, 0, 9, 9), "room for axis 1"),
        (&ops::RESIZE_WITH_PAD, fit(0, 4), "a height and a width of at least 1"),
        (&ops::CENTRAL_CROP, none.with("fraction", 1.5), "a fraction of more than 0"),
    ] {
        let text = refused(op, attrs, std::slice::from_ref(&images));
        assert!(text.contains(says), "{text}");
    }
}

/// As [`check`], where sizes must be known.
fn check_known(op: &'static OpDef, attrs: Attrs, operands: &[Array]) {
    assert_agrees(op, attrs.clone(), operands);
    assert_gradient_agrees(op, attrs.clone(), operands);
    check_gradient(op, attrs, operands);
}

#[test]
fn the_best_boxes_alone() {
    let boxes = Array::from_slice(&[3, 4], &[0.0f32, 0.0, 1.0, 1.0, 0.0, 0.1, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
    let scores = Array::from_slice(&[3], &[0.8f32, 0.9, 0.5]);
    let most = |n: i64| Attrs::new().with("max_output_size", n);
    for (attrs, kept) in [(most(10), &[1, 2][..]), (most(1), &[1]), (most(9).with("score_threshold", 2.0), &[])] {
        let operands = [boxes.clone(), scores.clone()];
        crate::compiled::compare_with(&ops::SUPPRESSED, &attrs, &operands).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(one(&ops::SUPPRESSED, attrs, &operands).as_slice::<i32>(), kept);
    }
}
