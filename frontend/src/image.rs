//! Images: `[.., height, width, channels]`, one or a batch of them, as `tf.image` has them.
//!
//! Nearly all are ops of the table; those that draw random numbers are in [`random`].
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

pub mod random;

pub use random::{
    random_brightness, random_contrast, random_crop, random_flip_left_right, random_flip_up_down, random_hue,
    random_saturation, stateless_random_brightness, stateless_random_contrast, stateless_random_crop,
    stateless_random_flip_left_right, stateless_random_flip_up_down, stateless_random_hue, stateless_random_saturation,
};

use crate::engine::dispatch;
use crate::error::{Result, unwrap};
use crate::tensor::{IntoTensor, Tensor};
use std::panic::Location;
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::ops;

pub use crate::tensor::ops::{
    adjust_brightness, adjust_contrast, adjust_gamma, adjust_hue, adjust_saturation, central_crop,
    combined_non_max_suppression, combined_non_max_suppression_with, convert_image_dtype, convert_image_dtype_with,
    crop_and_resize, crop_and_resize_with, crop_to_bounding_box, draw_bounding_boxes, extract_glimpse,
    extract_glimpse_with, extract_patches, extract_patches_with, flip_left_right, flip_up_down, grayscale_to_rgb,
    hsv_to_rgb, image_gradients, image_rot90 as rot90, image_transpose as transpose, non_max_suppression,
    non_max_suppression_overlaps, non_max_suppression_overlaps_with, non_max_suppression_padded,
    non_max_suppression_padded_with, non_max_suppression_with, non_max_suppression_with_scores,
    non_max_suppression_with_scores_with, pad_to_bounding_box, per_image_standardization, psnr, resize, resize_with,
    resize_with_crop_or_pad, resize_with_pad, resize_with_pad_with, rgb_to_grayscale, rgb_to_hsv, rgb_to_yiq,
    rgb_to_yuv, sobel_edges, ssim, ssim_multiscale_with, ssim_with, total_variation, try_adjust_brightness,
    try_adjust_contrast, try_adjust_gamma, try_adjust_hue, try_adjust_saturation, try_central_crop,
    try_combined_non_max_suppression, try_combined_non_max_suppression_with, try_convert_image_dtype,
    try_convert_image_dtype_with, try_crop_and_resize, try_crop_and_resize_with, try_crop_to_bounding_box,
    try_draw_bounding_boxes, try_extract_glimpse, try_extract_glimpse_with, try_extract_patches,
    try_extract_patches_with, try_flip_left_right, try_flip_up_down, try_grayscale_to_rgb, try_hsv_to_rgb,
    try_image_gradients, try_image_rot90 as try_rot90, try_image_transpose as try_transpose, try_non_max_suppression,
    try_non_max_suppression_overlaps, try_non_max_suppression_overlaps_with, try_non_max_suppression_padded,
    try_non_max_suppression_padded_with, try_non_max_suppression_with, try_non_max_suppression_with_scores,
    try_non_max_suppression_with_scores_with, try_pad_to_bounding_box, try_per_image_standardization, try_psnr,
    try_resize, try_resize_with, try_resize_with_crop_or_pad, try_resize_with_pad, try_resize_with_pad_with,
    try_rgb_to_grayscale, try_rgb_to_hsv, try_rgb_to_yiq, try_rgb_to_yuv, try_sobel_edges, try_ssim,
    try_ssim_multiscale_with, try_ssim_with, try_total_variation, try_yiq_to_rgb, try_yuv_to_rgb, yiq_to_rgb,
    yuv_to_rgb,
};

/// How much each of five scales counts (Wang et al., 2003).
const SCALES: [f32; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// The structural similarity of images at five scales, each half as large as the one before, with the usual powers;
/// [`ssim_multiscale_with`] takes others. The images must be large enough for the window of 11 at the last scale: 161 by
/// 161 and up.
///
/// ```
/// use tracelift as tl;
/// let image = tl::random::uniform([176, 176, 1]);
/// assert!((tl::image::ssim_multiscale(&image, &image, 1.0).item() - 1.0).abs() < 1e-4);
/// ```
#[track_caller]
pub fn ssim_multiscale(a: impl IntoTensor, b: impl IntoTensor, max_value: f64) -> Tensor {
    unwrap(at_scales(a, b, max_value, Location::caller()))
}

/// The twin of [`ssim_multiscale`].
#[track_caller]
pub fn try_ssim_multiscale(a: impl IntoTensor, b: impl IntoTensor, max_value: f64) -> Result<Tensor> {
    at_scales(a, b, max_value, Location::caller())
}

fn at_scales(
    a: impl IntoTensor,
    b: impl IntoTensor,
    max_value: f64,
    loc: &'static Location<'static>,
) -> Result<Tensor> {
    let powers = Tensor::from(SCALES.to_vec());
    let operands = [a.operand(), b.operand(), powers.operand()];
    dispatch::call1(&ops::SSIM_MULTISCALE, Attrs::new().with("max_value", max_value), &operands, loc)
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
}
