//! How alike images look: numbers of the definition in NumPy's f64, with which TensorFlow 2.21 agrees as far as its f32
//! goes (4e-6); machine code against `eval`, gradients against differences.

use crate::battery::check_gradient;
use crate::compiled::{assert_agrees, assert_agrees_for_any_shared_batch, assert_gradient_agrees};
use crate::support::{assert_close, f64s, one, refused, values};
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::ops;
use tracelift_runtime::Array;

/// Elements from 0 to 1 that look random, as the script that asked TensorFlow made them.
fn image(shape: &[usize], seed: usize) -> Vec<f64> {
    (0..shape.iter().product()).map(|i: usize| ((7 * i * i + i * seed + 3 * seed) % 23) as f64 / 22.0).collect()
}

/// An image, and one that is 30 % another.
fn pair(shape: &[usize]) -> [Array; 2] {
    let (a, b) = (image(shape, 1), image(shape, 5));
    let mixed: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 0.7 * a + 0.3 * b).collect();
    [f64s(shape, &a), f64s(shape, &mixed)]
}

fn one_scale() -> Attrs {
    Attrs::new().with("max_value", 1.0)
}

#[test]
fn structural_similarity() {
    let images = pair(&[2, 13, 12, 2]);
    let of = |attrs: Attrs| values(&ops::SSIM, attrs, &images);
    assert_close(&of(one_scale()), &[0.8568572921781815, 0.9278552438758125], 1e-9, "ssim");
    let small = one_scale().with("filter_size", 5i64).with("filter_sigma", 0.8).with("k1", 0.02).with("k2", 0.05);
    assert_close(&of(small.clone()), &[0.8544680148231422, 0.878354477768932], 1e-9, "another window");
    let map = one(&ops::SSIM, one_scale().with("return_index_map", true), &images);
    assert_eq!(map.shape(), [2, 3, 2]);
    let first = [0.83232047786, 0.85570328302, 0.84223734627, 0.87041226928, 0.85570328302, 0.88476709361];
    assert_close(&map.as_slice::<f64>()[..6], &first, 1e-9, "map");
    assert_close(
        &values(&ops::SSIM, one_scale(), &[images[0].clone(), images[0].clone()]),
        &[1.0, 1.0],
        1e-12,
        "equal",
    );
    // One image without a batch, and one against a batch.
    let [a, b] = pair(&[5, 6, 1]);
    let narrow = one_scale().with("filter_size", 3i64);
    assert_eq!(one(&ops::SSIM, narrow.clone(), &[a.clone(), b.clone()]).shape(), [0usize; 0]);
    assert_eq!(one(&ops::SSIM, narrow.clone(), &[a, pair(&[4, 5, 6, 1])[0].clone()]).shape(), [4]);
    let little = pair(&[2, 4, 5, 1]);
    assert_agrees_for_any_shared_batch(&ops::SSIM, narrow.clone(), &little);
    assert_gradient_agrees(&ops::SSIM, narrow.clone(), &little);
    check_gradient(&ops::SSIM, narrow, &little);
    for (attrs, images, says) in [
        (one_scale(), pair(&[5, 5, 1]), "a window within the 5 padded elements"),
        (one_scale().with("filter_size", 0i64), pair(&[5, 5, 1]), "a filter_size from 1"),
        (one_scale(), [pair(&[5, 5, 1])[0].clone(), pair(&[5, 5, 2])[0].clone()], "of one size"),
        (one_scale(), pair(&[5, 5]), "two images [.., height, width, channels]"),
    ] {
        let text = refused(&ops::SSIM, attrs, &images);
        assert!(text.contains(says), "{text}");
    }
}

#[test]
fn similarity_at_several_scales() {
    let weights = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];
    let with = |shape: &[usize], powers: &[f64]| {
        let [a, b] = pair(shape);
        [a, b, f64s(&[powers.len()], powers)]
    };
    let filter = |n: i64| one_scale().with("filter_size", n);
    let large = [1, 47, 50, 2];
    assert_close(
        &values(&ops::SSIM_MULTISCALE, filter(2), &with(&large, &weights)),
        &[0.8489181116371085],
        1e-9,
        "five",
    );
    assert_close(
        &values(&ops::SSIM_MULTISCALE, filter(4), &with(&large, &[0.3, 0.7])),
        &[0.8590955211815949],
        1e-9,
        "two",
    );
    let little = with(&[2, 6, 5, 1], &[0.4, 0.6]);
    assert_agrees(&ops::SSIM_MULTISCALE, filter(2), &little);
    check_gradient(&ops::SSIM_MULTISCALE, filter(2), &little);
    let text = refused(&ops::SSIM_MULTISCALE, one_scale(), &with(&[20, 20, 1], &weights));
    assert!(text.contains("a window within"), "{text}");
    let text = refused(&ops::SSIM_MULTISCALE, one_scale(), &with(&[20, 20, 1], &[]));
    assert!(text.contains("`power_factors`"), "{text}");
}
