//! Images: `[.., height, width, channels]`, one or a batch of them, as `tf.image` has them.
//!
//! Nearly all are ops of the table; here are those that draw random numbers.
//!
//! ```
//! use tracelift as tl;
//! let image = tl::constant([[[1.0], [2.0]]]);
//! assert_eq!(tl::image::flip_left_right(image), tl::constant([[[2.0], [1.0]]]));
//! let image = tl::constant([[[1], [2]], [[3], [4]]]);
//! assert_eq!(tl::image::rot90(image, 1), tl::constant([[[2], [4]], [[1], [3]]]));
//! let green = tl::constant([[[0.0, 0.5, 0.0]]]);
//! let hsv = tl::image::rgb_to_hsv(&green).to_vec::<f32>();
//! assert!((hsv[0] - 1.0 / 3.0).abs() < 1e-6 && hsv[1] == 1.0 && hsv[2] == 0.5);
//! let boxes = tl::constant([[0.0, 0.0, 1.0, 1.0], [0.0, 0.1, 1.0, 1.0], [2.0, 2.0, 3.0, 3.0]]);
//! let scores = tl::constant([0.8, 0.9, 0.5]);
//! assert_eq!(tl::image::non_max_suppression(boxes, scores, 10), tl::constant([1, 2]));
//! ```

use crate::error::{Error, Kind, raise, unwrap};
use crate::tensor::{IntoTensor, Tensor};
use std::panic::Location;
use tracelift_compiler::Dim;
use tracelift_runtime::DType;

pub use crate::tensor::ops::{
    adjust_brightness, adjust_contrast, adjust_gamma, adjust_hue, adjust_saturation, central_crop, crop_and_resize,
    crop_and_resize_with, crop_to_bounding_box, extract_patches, extract_patches_with, flip_left_right, flip_up_down,
    grayscale_to_rgb, hsv_to_rgb, image_gradients, image_rot90 as rot90, image_transpose as transpose,
    non_max_suppression, non_max_suppression_padded, non_max_suppression_padded_with, non_max_suppression_with,
    pad_to_bounding_box, per_image_standardization, psnr, resize, resize_with, resize_with_crop_or_pad,
    resize_with_pad, resize_with_pad_with, rgb_to_grayscale, rgb_to_hsv, rgb_to_yiq, rgb_to_yuv, sobel_edges,
    total_variation, try_adjust_brightness, try_adjust_contrast, try_adjust_gamma, try_adjust_hue,
    try_adjust_saturation, try_central_crop, try_crop_and_resize, try_crop_and_resize_with, try_crop_to_bounding_box,
    try_extract_patches, try_extract_patches_with, try_flip_left_right, try_flip_up_down, try_grayscale_to_rgb,
    try_hsv_to_rgb, try_image_gradients, try_image_rot90 as try_rot90, try_image_transpose as try_transpose,
    try_non_max_suppression, try_non_max_suppression_padded, try_non_max_suppression_padded_with,
    try_non_max_suppression_with, try_pad_to_bounding_box, try_per_image_standardization, try_psnr, try_resize,
    try_resize_with, try_resize_with_crop_or_pad, try_resize_with_pad, try_resize_with_pad_with, try_rgb_to_grayscale,
    try_rgb_to_hsv, try_rgb_to_yiq, try_rgb_to_yuv, try_sobel_edges, try_total_variation, try_yiq_to_rgb,
    try_yuv_to_rgb, yiq_to_rgb, yuv_to_rgb,
};

/// Rows and columns, as axes from the end.
const ROWS: i64 = -3;
const COLUMNS: i64 = -2;

/// Mirrored left to right, or not, with equal probability; the images of a batch one by one.
#[track_caller]
pub fn random_flip_left_right(images: impl IntoTensor) -> Tensor {
    flipped_at_random(images_of("random_flip_left_right", images), COLUMNS, Location::caller())
}

/// Mirrored upside down, or not, with equal probability; the images of a batch one by one.
#[track_caller]
pub fn random_flip_up_down(images: impl IntoTensor) -> Tensor {
    flipped_at_random(images_of("random_flip_up_down", images), ROWS, Location::caller())
}

/// [`adjust_brightness`] by a number from `-max_delta` to `max_delta`.
#[track_caller]
pub fn random_brightness(images: impl IntoTensor, max_delta: f64) -> Tensor {
    let x = images_of("random_brightness", images);
    let delta = crate::random::uniform_between((), -max_delta, max_delta);
    &x + delta.cast(x.dtype())
}

/// [`adjust_contrast`] by a factor from `lower` to `upper`.
#[track_caller]
pub fn random_contrast(images: impl IntoTensor, lower: f64, upper: f64) -> Tensor {
    let x = images_of("random_contrast", images);
    let factor = crate::random::uniform_between((), lower, upper).cast(x.dtype());
    let mean = x.mean_keepdims([ROWS, COLUMNS]);
    (&x - &mean) * factor + mean
}

/// The images, if they are: of rank 3 or 4.
#[track_caller]
fn images_of(what: &str, images: impl IntoTensor) -> Tensor {
    let x = images.into_tensor();
    if !(3..=4).contains(&x.rank()) {
        refuse(what, "an image [height, width, channels] or a batch of them", x.spec(), Location::caller());
    }
    x
}

#[track_caller]
fn flipped_at_random(x: Tensor, axis: i64, loc: &'static Location<'static>) -> Tensor {
    let spec = x.spec();
    let mut dims = vec![Dim::ONE; x.rank()];
    if x.rank() == 4 {
        dims[0] = spec.dims[0].clone();
    }
    let coin = unwrap(crate::random::uniform_dims(&dims, DType::F32, loc)).less(0.5);
    crate::where_(coin, x.reverse_with([axis]), &x)
}

/// Raises the error that something else was expected.
fn refuse(what: &str, expected: &str, received: impl std::fmt::Display, loc: &'static Location<'static>) -> ! {
    raise(Error::new(Kind::Shape, format!("image::{what}: expected {expected}, received {received}")), loc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constant;
    use crate::error::attempt;

    fn image(rows: usize, columns: usize, channels: usize) -> Tensor {
        let len = rows * columns * channels;
        let data: Vec<f32> = (0..len).map(|i| (i * 37 % 100) as f32 / 100.0).collect();
        crate::reshape(Tensor::from(data), [rows, columns, channels])
    }

    fn assert_close(a: &Tensor, b: &Tensor) {
        assert_eq!(a.shape(), b.shape());
        let (a, b) = (a.to_vec::<f32>(), b.to_vec::<f32>());
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5), "{a:?} instead of {b:?}");
    }

    #[test]
    fn turns_make_a_circle() {
        let x = image(2, 3, 2);
        let turned = rot90(rot90(&x, 1), 2);
        assert_eq!(turned.shape(), [3, 2, 2]);
        assert_eq!(rot90(turned, 1), x);
        assert_eq!(rot90(&x, -1), rot90(&x, 3));
        assert_eq!(flip_up_down(flip_left_right(&x)), rot90(&x, 2));
        assert_eq!(transpose(transpose(&x)), x);
    }

    #[test]
    fn colours_go_there_and_back() {
        let x = image(4, 5, 3);
        assert_close(&hsv_to_rgb(rgb_to_hsv(&x)), &x);
        assert_close(&adjust_hue(adjust_hue(&x, 0.4), 0.6), &x);
        assert_close(&adjust_saturation(&x, 1.0), &x);
        let gray = constant([[[0.5, 0.5, 0.5]]]);
        assert_eq!(rgb_to_hsv(&gray), constant([[[0.0, 0.0, 0.5]]]));
        assert_close(&adjust_hue(&gray, 0.3), &gray);
        // TensorFlow's values.
        let hsv = rgb_to_hsv(constant([[[0.2, 0.4, 0.6], [0.9, 0.1, 0.3]]]));
        assert_close(&hsv, &constant([[[0.583_333, 0.666_667, 0.6], [0.958_333, 0.888_889, 0.9]]]));
        assert_close(&rgb_to_grayscale(constant([[[0.2, 0.4, 0.6]]])), &constant([[[0.36298]]]));
        assert_eq!(grayscale_to_rgb(constant([[[0.25]]])), constant([[[0.25, 0.25, 0.25]]]));
        assert!(attempt(|| rgb_to_hsv(image(2, 2, 6))).unwrap_err().message().contains("three channels"));
    }

    #[test]
    fn brightness_contrast_and_scale() {
        let x = constant([[[1.0], [3.0]]]);
        assert_eq!(adjust_brightness(&x, 0.5), constant([[[1.5], [3.5]]]));
        assert_eq!(adjust_contrast(&x, 2.0), constant([[[0.0], [4.0]]]));
        assert_eq!(adjust_gamma(&x, 2.0, 0.5), constant([[[0.5], [4.5]]]));
        assert_eq!(per_image_standardization(&x), constant([[[-1.0], [1.0]]]));
        let flat = constant([[[5.0], [5.0]]]);
        assert_eq!(per_image_standardization(flat), constant([[[0.0], [0.0]]]));
        assert_eq!(total_variation(&x), constant(2.0));
        assert!((psnr(&x, constant([[[1.0], [3.1]]]), 1.0).item() - 23.0103).abs() < 1e-3);
        assert!(attempt(|| adjust_brightness(constant([1.0]), 1.0)).unwrap_err().message().contains("[height"));
    }

    #[test]
    fn boxes_cut_and_padded() {
        let x = image(4, 6, 2);
        let middle = central_crop(&x, 0.5);
        assert_eq!(middle.shape(), [2, 4, 2]);
        assert_eq!(middle, crop_to_bounding_box(&x, 1, 1, 2, 4));
        let padded = pad_to_bounding_box(&middle, 1, 1, 4, 6);
        assert_eq!(padded.shape(), x.shape());
        assert_eq!(crop_to_bounding_box(&padded, 1, 1, 2, 4), middle);
        assert_eq!(resize_with_crop_or_pad(&x, 2, 8).shape(), [2, 8, 2]);
        assert_eq!(resize_with_crop_or_pad(resize_with_crop_or_pad(&x, 8, 8), 4, 6), x);
        assert!(attempt(|| crop_to_bounding_box(&x, 3, 0, 2, 1)).is_err());
        assert!(attempt(|| pad_to_bounding_box(&x, 0, 0, 3, 9)).is_err());
    }

    #[test]
    fn random_flips_keep_or_turn_each_image() {
        crate::random::set_seed(4);
        let x = crate::stack(&std::array::from_fn::<_, 16, _>(|_| image(2, 3, 1)));
        let y = random_flip_left_right(&x);
        let (kept, turned) = (image(2, 3, 1), flip_left_right(image(2, 3, 1)));
        let images: Vec<Tensor> = crate::unstack(&y);
        let turns = images.iter().filter(|i| **i == turned).count();
        assert!(images.iter().all(|i| *i == kept || *i == turned) && (1..16).contains(&turns), "{turns}");
        assert_eq!(random_flip_up_down(&x).shape(), [16, 2, 3, 1]);
        assert_eq!(random_contrast(random_brightness(&x, 0.1), 0.5, 1.5).shape(), [16, 2, 3, 1]);
    }
}
