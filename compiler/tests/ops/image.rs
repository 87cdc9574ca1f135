//! Images.

use crate::battery::check_gradient;
use crate::compiled::{assert_agrees, assert_agrees_for_any_batch, assert_gradient_agrees};
use crate::support::{Numbers, assert_close, counted, f64s, i32s, one, refused, values};
use tracelift_compiler::graph::{Attrs, OpDef};
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
