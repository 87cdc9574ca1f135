//! Boxes on images and their suppression: numbers of TensorFlow 2.21, machine code against `eval`.

use crate::battery::{check_first_order, check_gradient};
use crate::compiled::{assert_agrees, assert_agrees_for_any_shared_batch, assert_gradient_agrees};
use crate::support::{apply, assert_close, counted, f64s, refused, values};
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::ops::{self, eval};
use tracelift_runtime::Array;

fn f32s(shape: &[usize], values: &[f32]) -> Array {
    Array::from_slice(shape, values)
}

/// Three clusters of boxes.
const BOXES: [[f32; 4]; 6] = [
    [0.0, 0.0, 1.0, 1.0],
    [0.0, 0.1, 1.0, 1.1],
    [0.0, -0.1, 1.0, 0.9],
    [0.0, 10.0, 1.0, 11.0],
    [0.0, 10.1, 1.0, 11.1],
    [0.0, 100.0, 1.0, 101.0],
];
const SCORES: [f32; 6] = [0.9, 0.75, 0.6, 0.95, 0.5, 0.3];

#[test]
fn outlines() {
    let boxes = f64s(&[1, 3, 4], &[0.1, 0.2, 0.9, 0.7, 0.5, 0.5, 1.2, 0.8, -0.2, 0.0, 0.4, 0.3]);
    let operands = [f64s(&[1, 6, 7, 1], &[0.0; 42]), boxes, f64s(&[2, 1], &[1.0, 2.0])];
    let drawn = [
        [1., 1., 1., 1., 1., 0., 0.],
        [1., 1., 0., 0., 1., 0., 0.],
        [1., 1., 0., 2., 2., 0., 0.],
        [0., 1., 0., 2., 2., 0., 0.],
        [0., 1., 1., 2., 2., 0., 0.],
        [0., 0., 0., 2., 2., 0., 0.],
    ];
    assert_eq!(values(&ops::DRAW_BOUNDING_BOXES, Attrs::new(), &operands), drawn.concat());
    assert_agrees(&ops::DRAW_BOUNDING_BOXES, Attrs::new(), &operands);
    assert_gradient_agrees(
        &ops::DRAW_BOUNDING_BOXES,
        Attrs::new(),
        &[counted(&[1, 6, 7, 1]), operands[1].clone(), operands[2].clone()],
    );
    let none = [operands[0].clone(), f64s(&[1, 0, 4], &[]), operands[2].clone()];
    assert_eq!(values(&ops::DRAW_BOUNDING_BOXES, Attrs::new(), &none), [0.0; 42]);
    let colorless = [operands[0].clone(), operands[1].clone(), f64s(&[0, 1], &[])];
    assert!(refused(&ops::DRAW_BOUNDING_BOXES, Attrs::new(), &colorless).contains("colors [1 or more, channels]"));
}

#[test]
fn suppression_of_what_is_no_number() {
    let nan = f32::NAN;
    let attrs = || Attrs::new().with("max_output_size", 4i64);
    let kept = |op, operands: &[Array], count: f64| {
        let results = apply(op, attrs(), operands).unwrap();
        assert_eq!(eval::floats(&results[1]), [count], "{results:?}");
        assert_agrees(op, attrs(), operands);
    };
    // No overlap with such boxes is large, and such a score is not above any threshold.
    kept(&ops::NON_MAX_SUPPRESSION, &[f32s(&[2, 4], &[nan; 8]), f32s(&[2], &[0.0; 2])], 2.0);
    let scores: Vec<f32> = (0..40).map(|i| if i % 3 == 0 { nan } else { (i * 7 % 40) as f32 }).collect();
    let overlaps = f32s(&[40, 40], &[0.0; 1600]);
    kept(&ops::NON_MAX_SUPPRESSION_OVERLAPS, &[overlaps, f32s(&[40], &scores)], 4.0);
}

#[test]
fn glimpses() {
    let images = f64s(&[2, 5, 4, 1], &(1..=40).map(f64::from).collect::<Vec<_>>());
    let size = || Attrs::new().with("size", vec![3i64, 2]);
    let cases: [(bool, bool, [f64; 4], [f64; 12]); 4] = [
        (true, true, [0., 0., 0.5, -0.9], [6., 7., 10., 11., 14., 15., 29., 30., 33., 34., 37., 38.]),
        (true, false, [0., 0., 1., -2.], [11., 12., 15., 16., 19., 20., 33., 34., 37., 38., 0., 0.]),
        (false, false, [0., 0., -1., 2.5], [1., 2., 5., 6., 9., 10., 0., 0., 23., 24., 27., 28.]),
        (false, true, [0.2, 0.5, -0.3, 0.9], [7., 8., 11., 12., 15., 16., 0., 0., 24., 0., 28., 0.]),
    ];
    for (centered, normalized, offsets, expected) in cases {
        let attrs = size().with("centered", centered).with("normalized", normalized);
        let operands = [images.clone(), f64s(&[2, 2], &offsets)];
        assert_eq!(values(&ops::EXTRACT_GLIMPSE, attrs.clone(), &operands), expected, "{offsets:?}");
        assert_agrees_for_any_shared_batch(&ops::EXTRACT_GLIMPSE, attrs, &operands);
    }
    let wild = [images.clone(), f64s(&[2, 2], &[f64::NAN, 1e300, f64::NEG_INFINITY, 0.0])];
    assert_agrees(&ops::EXTRACT_GLIMPSE, size(), &wild);
    let text = refused(&ops::EXTRACT_GLIMPSE, Attrs::new().with("size", vec![0i64, 2]), &wild);
    assert!(text.contains("at least 1 in `size`"), "{text}");
    let text = refused(&ops::EXTRACT_GLIMPSE, size(), &[images, f64s(&[3, 2], &[0.0; 6])]);
    assert!(text.contains("offsets [batch, 2]"), "{text}");
}

#[test]
fn scores_sink_by_overlaps() {
    let operands = [f32s(&[6, 4], &BOXES.concat()), f32s(&[6], &SCORES)];
    let most = |overlap: f64, least: f64, sigma: f64| {
        let attrs = Attrs::new().with("max_output_size", 6i64).with("iou_threshold", overlap);
        attrs.with("score_threshold", least).with("soft_nms_sigma", sigma)
    };
    let cases: [(Attrs, &[i32], &[f64]); 4] = [
        (most(0.5, 0.2, 0.0), &[3, 0, 5], &[0.95, 0.9, 0.3]),
        (most(1.0, 0.2, 0.5), &[3, 0, 1, 5, 4], &[0.95, 0.9, 0.38400355, 0.3, 0.2560026]),
        (most(1.0, 0.2, 1.0), &[3, 0, 1, 4, 2, 5], &[0.95, 0.9, 0.53665876, 0.3577727, 0.34377822, 0.3]),
        (most(0.3, 0.1, 0.5), &[3, 0, 1, 5, 4, 2], &[0.95, 0.9, 0.38400355, 0.3, 0.2560026, 0.19697244]),
    ];
    for (attrs, indices, scores) in cases {
        let found = apply(&ops::SUPPRESSED_WITH_SCORES, attrs.clone(), &operands).unwrap();
        assert_eq!(found[0].as_slice::<i32>(), indices);
        assert_close(&eval::floats(&found[1]), scores, 1e-6, "scores");
        assert_agrees(&ops::SUPPRESSED_WITH_SCORES, attrs.clone(), &operands);
        assert_agrees(&ops::SOFT_NON_MAX_SUPPRESSION, attrs, &operands);
    }
    assert!(refused(&ops::SUPPRESSED_WITH_SCORES, most(0.5, 0.0, -1.0), &operands).contains("soft_nms_sigma"));
    // Scores below 0 rise, but not back over the limit.
    let below = [operands[0].clone(), f32s(&[6], &SCORES.map(|score| score - 1.75))];
    let found = apply(&ops::SUPPRESSED_WITH_SCORES, most(1.0, -1.0, 0.5), &below).unwrap();
    assert_eq!(found[0].as_slice::<i32>(), [3, 0]);
    assert_agrees(&ops::SUPPRESSED_WITH_SCORES, most(1.0, -1.0, 0.5), &below);
    let overlaps = [f32s(&[3, 3], &[1.0, 0.6, 0.2, 0.6, 1.0, 0.4, 0.2, 0.4, 1.0]), f32s(&[3], &[0.5, 0.9, 0.7])];
    let attrs = Attrs::new().with("max_output_size", 3i64);
    let kept = apply(&ops::SUPPRESSED_OVERLAPS, attrs.clone(), &overlaps).unwrap();
    assert_eq!(kept[0].as_slice::<i32>(), [1, 2]);
    assert_agrees(&ops::SUPPRESSED_OVERLAPS, attrs.clone(), &overlaps);
    assert!(refused(&ops::SUPPRESSED_OVERLAPS, attrs, &operands).contains("overlaps [n, n]"));
}

#[test]
fn batches_are_suppressed_one_by_one() {
    let reversed: Vec<f32> = BOXES.iter().rev().flatten().copied().collect();
    let operands = [f32s(&[2, 6, 4], &[BOXES.concat(), reversed].concat()), f32s(&[2, 6], &[SCORES, SCORES].concat())];
    let attrs = Attrs::new().with("max_output_size", 4i64);
    let found = apply(&ops::NON_MAX_SUPPRESSION, attrs.clone(), &operands).unwrap();
    assert_eq!(found[0].as_slice::<i32>(), [3, 0, 5, 0, 3, 0, 1, 0]);
    assert_eq!(found[1].as_slice::<i32>(), [3, 3]);
    assert_agrees_for_any_shared_batch(
        &ops::NON_MAX_SUPPRESSION,
        attrs.clone(),
        &[operands[0].clone(), operands[1].clone()],
    );
    let text = refused(&ops::SUPPRESSED, attrs, &operands);
    assert!(text.contains("no batch"), "{text}");
}

#[test]
fn all_classes_at_once() {
    let hundredth = |boxes: &[[f32; 4]]| boxes.iter().flatten().map(|v| v / 100.0).collect::<Vec<_>>();
    let scores: Vec<f32> = SCORES.iter().zip(SCORES.iter().rev()).flat_map(|(&a, &b)| [a, b]).collect();
    let scores = f32s(&[1, 6, 2], &scores);
    let limits = |pad: bool, clip: bool| {
        let attrs = Attrs::new().with("max_output_size_per_class", 3i64).with("max_total_size", 8i64);
        let attrs = attrs.with("iou_threshold", 0.5).with("score_threshold", 0.4);
        attrs.with("pad_per_class", pad).with("clip_boxes", clip)
    };
    // The same boxes for both classes.
    let operands = [f32s(&[1, 6, 1, 4], &hundredth(&BOXES)), scores.clone()];
    let found = apply(&ops::COMBINED_NON_MAX_SUPPRESSION, limits(false, true), &operands).unwrap();
    let rows = [
        [0.0, 0.1, 0.01, 0.11],
        [0.0, 0.0, 0.01, 0.009],
        [0.0, 0.0, 0.01, 0.01],
        [0.0, 1.0, 0.01, 1.0],
        [0.0, 0.101, 0.01, 0.111],
    ];
    let [boxes, chosen, classes, count] = &found[..] else { panic!("four results") };
    assert_eq!(boxes.shape(), [1, 8, 4]);
    assert_close(&eval::floats(boxes)[..20], &rows.concat(), 1e-6, "boxes");
    assert_close(&eval::floats(boxes)[20..], &[0.0; 12], 0.0, "nothing behind them");
    assert_close(&eval::floats(chosen), &[0.95, 0.95, 0.9, 0.9, 0.75, 0.0, 0.0, 0.0], 1e-6, "scores");
    assert_eq!(eval::floats(classes), [0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!(count.as_slice::<i32>(), [5]);
    let bare = apply(&ops::COMBINED_NON_MAX_SUPPRESSION, limits(true, false), &operands).unwrap();
    assert_eq!(bare[0].shape(), [1, 6, 4]);
    assert_close(
        &eval::floats(&bare[0])[4..16],
        &[0.0, -0.001, 0.01, 0.009, 0.0, 0.0, 0.01, 0.01, 0.0, 1.0, 0.01, 1.01],
        1e-6,
        "not clipped",
    );
    // Boxes of their own.
    let moved: Vec<[f32; 4]> = BOXES.iter().rev().map(|row| row.map(|v| v + 0.05)).collect();
    let both: Vec<f32> = BOXES.iter().zip(&moved).flat_map(|(a, b)| hundredth(&[*a, *b])).collect();
    let operands = [f32s(&[1, 6, 2, 4], &both), scores];
    let found = apply(&ops::COMBINED_NON_MAX_SUPPRESSION, limits(false, true), &operands).unwrap();
    assert_eq!(found[3].as_slice::<i32>(), [4]);
    assert_close(&eval::floats(&found[0])[4..8], &[0.0005, 0.1005, 0.0105, 0.1105], 1e-6, "of the second class");
    assert_agrees_for_any_shared_batch(&ops::COMBINED_NON_MAX_SUPPRESSION, limits(false, true), &operands);
    let none = [f32s(&[2, 0, 1, 4], &[]), f32s(&[2, 0, 3], &[])];
    assert_agrees(&ops::COMBINED_NON_MAX_SUPPRESSION, limits(false, true), &none);
    assert_eq!(
        apply(&ops::COMBINED_NON_MAX_SUPPRESSION, limits(false, true), &none).unwrap()[3].as_slice::<i32>(),
        [0, 0]
    );
    let text = refused(&ops::COMBINED_NON_MAX_SUPPRESSION, limits(false, true).with("max_total_size", 0i64), &operands);
    assert!(text.contains("at least 1"), "{text}");
}

#[test]
fn drawn_images_have_gradients() {
    let boxes = f64s(&[1, 1, 4], &[0.0, 0.0, 0.6, 0.6]);
    check_first_order(&ops::DRAW_BOUNDING_BOXES, Attrs::new(), &[counted(&[1, 4, 4, 1]), boxes, f64s(&[1, 1], &[9.0])]);
    let offsets = f64s(&[1, 2], &[0.11, -0.12]);
    check_gradient(&ops::EXTRACT_GLIMPSE, Attrs::new().with("size", vec![2i64, 3]), &[counted(&[1, 4, 4, 1]), offsets]);
}
