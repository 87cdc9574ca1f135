//! Images: `[.., height, width, channels]`, one or a batch of them, as `tf.image` has them.
//!
//! Those that change sizes by weights are ops ([`resize`], [`crop_and_resize`], [`extract_patches`]); the others are
//! made of ops here. All work on symbolic tensors, and have gradients.

use crate::engine::dispatch;
use crate::error::{Error, Kind, raise, unwrap};
use crate::tensor::{IntoTensor, Tensor};
use std::panic::Location;
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::{Dim, ops};
use tracelift_runtime::DType;

pub use crate::tensor::ops::{
    crop_and_resize, crop_and_resize_with, extract_patches, extract_patches_with, non_max_suppression_padded,
    non_max_suppression_padded_with, resize, resize_with, try_crop_and_resize, try_extract_patches, try_resize,
    try_resize_with,
};

/// Rows and columns, as axes from the end.
const ROWS: i64 = -3;
const COLUMNS: i64 = -2;

/// Mirrored left to right.
///
/// ```
/// use tracelift as tl;
/// let image = tl::constant([[[1.0], [2.0]]]);
/// assert_eq!(tl::image::flip_left_right(image), tl::constant([[[2.0], [1.0]]]));
/// ```
#[track_caller]
pub fn flip_left_right(images: impl IntoTensor) -> Tensor {
    images_of("flip_left_right", images).reverse_with([COLUMNS])
}

/// Mirrored upside down.
#[track_caller]
pub fn flip_up_down(images: impl IntoTensor) -> Tensor {
    images_of("flip_up_down", images).reverse_with([ROWS])
}

/// Rows and columns swapped.
#[track_caller]
pub fn transpose(images: impl IntoTensor) -> Tensor {
    swapped(&images_of("transpose", images))
}

/// Turned counterclockwise by `k` right angles; negative ones turn clockwise.
///
/// ```
/// use tracelift as tl;
/// let image = tl::constant([[[1], [2]], [[3], [4]]]);
/// assert_eq!(tl::image::rot90(image, 1), tl::constant([[[2], [4]], [[1], [3]]]));
/// ```
#[track_caller]
pub fn rot90(images: impl IntoTensor, k: i64) -> Tensor {
    let x = images_of("rot90", images);
    match k.rem_euclid(4) {
        0 => x,
        1 => swapped(&x).reverse_with([ROWS]),
        2 => x.reverse_with([ROWS, COLUMNS]),
        _ => swapped(&x.reverse_with([ROWS])),
    }
}

/// `images + delta`.
#[track_caller]
pub fn adjust_brightness(images: impl IntoTensor, delta: f64) -> Tensor {
    images_of("adjust_brightness", images) + delta
}

/// Distances from each channel's mean over an image, times `factor`.
#[track_caller]
pub fn adjust_contrast(images: impl IntoTensor, factor: f64) -> Tensor {
    let x = images_of("adjust_contrast", images);
    let mean = x.mean_keepdims([ROWS, COLUMNS]);
    (&x - &mean) * factor + mean
}

/// `gain * images ^ gamma`.
#[track_caller]
pub fn adjust_gamma(images: impl IntoTensor, gamma: f64, gain: f64) -> Tensor {
    let x = images_of("adjust_gamma", images);
    if gamma < 0.0 {
        refuse("adjust_gamma", "a gamma of at least 0", gamma, Location::caller());
    }
    x.pow(gamma) * gain
}

/// Hue, saturation and value of red, green and blue, all in 0 to 1.
///
/// ```
/// use tracelift as tl;
/// let green = tl::constant([[[0.0, 0.5, 0.0]]]);
/// let hsv = tl::image::rgb_to_hsv(&green).to_vec::<f32>();
/// assert!((hsv[0] - 1.0 / 3.0).abs() < 1e-6 && hsv[1] == 1.0 && hsv[2] == 0.5);
/// ```
#[track_caller]
pub fn rgb_to_hsv(images: impl IntoTensor) -> Tensor {
    let x = colours_of("rgb_to_hsv", images);
    let [red, green, blue] = channels(&x);
    let value = x.max_keepdims([-1]);
    let chroma = &value - x.min_keepdims([-1]);
    let saturation = chroma.divide_no_nan(&value);
    // Sixths of the circle: which channel is greatest, and where the others draw it.
    let of_green = 2.0 + (&blue - &red).divide_no_nan(&chroma);
    let of_blue = 4.0 + (&red - &green).divide_no_nan(&chroma);
    let of_red = (&green - &blue).divide_no_nan(&chroma);
    let rest = crate::where_(green.equal(&value), of_green, of_blue);
    let sixths = crate::where_(red.equal(&value), of_red, rest);
    let hue = crate::where_(sixths.less(0.0), &sixths + 6.0, &sixths) / 6.0;
    let hue = crate::where_(chroma.equal(0.0), &hue * 0.0, &hue);
    crate::concat(&[hue, saturation, value], -1)
}

/// Red, green and blue of hue, saturation and value: the inverse of [`rgb_to_hsv`].
#[track_caller]
pub fn hsv_to_rgb(images: impl IntoTensor) -> Tensor {
    let [hue, saturation, value] = channels(&colours_of("hsv_to_rgb", images));
    let sixths = hue * 6.0;
    let near = |centre: f64| (&sixths - centre).abs();
    let parts = [near(3.0) - 1.0, 2.0 - near(2.0), 2.0 - near(4.0)];
    let colours = parts.map(|part| {
        let part = part.maximum(0.0).minimum(1.0);
        ((part - 1.0) * &saturation + 1.0) * &value
    });
    crate::concat(&colours, -1)
}

/// Colours with their hue turned by `delta`, in circles.
#[track_caller]
pub fn adjust_hue(images: impl IntoTensor, delta: f64) -> Tensor {
    let [hue, saturation, value] = channels(&rgb_to_hsv(colours_of("adjust_hue", images)));
    let turned = hue + delta;
    let turned = &turned - turned.floor();
    hsv_to_rgb(crate::concat(&[turned, saturation, value], -1))
}

/// Colours with their saturation times `factor`, at most 1.
#[track_caller]
pub fn adjust_saturation(images: impl IntoTensor, factor: f64) -> Tensor {
    let [hue, saturation, value] = channels(&rgb_to_hsv(colours_of("adjust_saturation", images)));
    let saturation = (saturation * factor).maximum(0.0).minimum(1.0);
    hsv_to_rgb(crate::concat(&[hue, saturation, value], -1))
}

/// The luma of red, green and blue (0.2989, 0.587, 0.114), as one channel.
#[track_caller]
pub fn rgb_to_grayscale(images: impl IntoTensor) -> Tensor {
    let [red, green, blue] = channels(&colours_of("rgb_to_grayscale", images));
    red * 0.2989 + green * 0.587 + blue * 0.114
}

/// One channel three times.
#[track_caller]
pub fn grayscale_to_rgb(images: impl IntoTensor) -> Tensor {
    let x = images_of("grayscale_to_rgb", images);
    if x.spec().dims[x.rank() - 1] != Dim::ONE {
        refuse("grayscale_to_rgb", "images of one channel", x.spec(), Location::caller());
    }
    crate::concat(&[&x, &x, &x], -1)
}

/// Each image with mean 0 and variance 1; one without variance is only moved.
#[track_caller]
pub fn per_image_standardization(images: impl IntoTensor) -> Tensor {
    let x = images_of("per_image_standardization", images);
    let all = [ROWS, COLUMNS, -1];
    let centred = &x - x.mean_keepdims(all);
    let deviation = centred.square().mean_keepdims(all).sqrt();
    // A deviation below that of one count in all elements says nothing.
    let spec = x.spec();
    let count = spec.dims[x.rank() - 3..].iter().fold(Dim::ONE, |count, d| count * d.clone());
    let attrs = Attrs::new().with("dims", vec![count]);
    let count = unwrap(dispatch::call1(&ops::SIZE_OF, attrs, &[], Location::caller())).cast(x.dtype());
    centred / deviation.maximum(count.rsqrt())
}

/// The middle of an image: `fraction` (more than 0, at most 1) of its rows and columns.
#[track_caller]
pub fn central_crop(images: impl IntoTensor, fraction: f64) -> Tensor {
    let x = images_of("central_crop", images);
    if !(fraction > 0.0 && fraction <= 1.0) {
        refuse("central_crop", "a fraction of more than 0 and at most 1", fraction, Location::caller());
    }
    let [rows, columns] = size_of("central_crop", &x, Location::caller());
    let begin = |length: i64| ((length as f64 - length as f64 * fraction) / 2.0) as i64;
    let (top, left) = (begin(rows), begin(columns));
    crop_to_bounding_box(x, top, left, rows - 2 * top, columns - 2 * left)
}

/// `height` rows and `width` columns from row `top` and column `left`.
#[track_caller]
pub fn crop_to_bounding_box(images: impl IntoTensor, top: i64, left: i64, height: i64, width: i64) -> Tensor {
    let loc = Location::caller();
    let x = images_of("crop_to_bounding_box", images);
    let (mut dims, first) = (x.spec().dims.to_vec(), x.rank() - 3);
    let mut begin = vec![Dim::ZERO; dims.len()];
    (begin[first], begin[first + 1]) = (top.into(), left.into());
    (dims[first], dims[first + 1]) = (height.into(), width.into());
    let attrs = Attrs::new().with("begin", begin).with("dims", dims);
    unwrap(dispatch::call1(&ops::SLICE, attrs, &[x.operand()], loc))
}

/// Zeros put around, so that the image is `height` by `width` and its first row and column are `top` and `left`.
#[track_caller]
pub fn pad_to_bounding_box(images: impl IntoTensor, top: i64, left: i64, height: i64, width: i64) -> Tensor {
    let loc = Location::caller();
    let x = images_of("pad_to_bounding_box", images);
    let (dims, first) = (x.spec().dims.to_vec(), x.rank() - 3);
    let (mut before, mut after) = (vec![Dim::ZERO; dims.len()], vec![Dim::ZERO; dims.len()]);
    for (axis, (begin, length)) in [(top, height), (left, width)].into_iter().enumerate() {
        before[first + axis] = begin.into();
        after[first + axis] = Dim::from(length) - dims[first + axis].clone() - Dim::from(begin);
    }
    let zero = crate::cast(0.0, x.dtype());
    let attrs = Attrs::new().with("before", before).with("after", after);
    unwrap(dispatch::call1(&ops::PAD, attrs, &[x.operand(), zero.operand()], loc))
}

/// `height` by `width`, with the middle of the image in the middle: what is too much is cut, what is missing is 0.
#[track_caller]
pub fn resize_with_crop_or_pad(images: impl IntoTensor, height: i64, width: i64) -> Tensor {
    let x = images_of("resize_with_crop_or_pad", images);
    let [rows, columns] = size_of("resize_with_crop_or_pad", &x, Location::caller());
    let cut = |have: i64, want: i64| (have - want).max(0) / 2;
    let kept = [rows.min(height), columns.min(width)];
    let x = crop_to_bounding_box(x, cut(rows, height), cut(columns, width), kept[0], kept[1]);
    pad_to_bounding_box(x, cut(height, rows), cut(width, columns), height, width)
}

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

/// The sum of the distances of neighbouring pixels, one number an image.
#[track_caller]
pub fn total_variation(images: impl IntoTensor) -> Tensor {
    let x = images_of("total_variation", images);
    let [rows, columns] = size_of("total_variation", &x, Location::caller());
    let down = crop_to_bounding_box(&x, 1, 0, rows - 1, columns) - crop_to_bounding_box(&x, 0, 0, rows - 1, columns);
    let across = crop_to_bounding_box(&x, 0, 1, rows, columns - 1) - crop_to_bounding_box(&x, 0, 0, rows, columns - 1);
    let all = [ROWS, COLUMNS, -1];
    down.abs().sum_axis(all) + across.abs().sum_axis(all)
}

/// The peak signal-to-noise ratio of two images in decibels, if `max_value` is the greatest that elements can be.
#[track_caller]
pub fn psnr(a: impl IntoTensor, b: impl IntoTensor, max_value: f64) -> Tensor {
    let (a, b) = (images_of("psnr", a), images_of("psnr", b));
    let error = crate::squared_difference(a, b).mean_axis([ROWS, COLUMNS, -1]);
    20.0 * max_value.log10() - 10.0 * error.log10()
}

/// The indices (i32) of at most `max_output_size` boxes `[n, 4]` with the best scores, none of which overlaps a better
/// one by more than `iou_threshold`. Their number depends on the data: inside a traced function, use
/// [`non_max_suppression_padded`].
///
/// ```
/// use tracelift as tl;
/// let boxes = tl::constant([[0.0, 0.0, 1.0, 1.0], [0.0, 0.1, 1.0, 1.0], [2.0, 2.0, 3.0, 3.0]]);
/// let scores = tl::constant([0.8, 0.9, 0.5]);
/// assert_eq!(tl::image::non_max_suppression(boxes, scores, 10, 0.5), tl::constant([1, 2]));
/// ```
#[track_caller]
pub fn non_max_suppression(
    boxes: impl IntoTensor,
    scores: impl IntoTensor,
    max_output_size: i64,
    iou_threshold: f64,
) -> Tensor {
    let least = f64::NEG_INFINITY;
    let kept = non_max_suppression_padded_with(boxes, scores, max_output_size, iou_threshold, least);
    let count = kept[1].item() as i64;
    crate::slice(&kept[0], [0], [count])
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

/// The images, if they have three channels and are floats.
#[track_caller]
fn colours_of(what: &str, images: impl IntoTensor) -> Tensor {
    let x = images_of(what, images);
    let spec = x.spec();
    if spec.dims[x.rank() - 1] != Dim::from(3i64) || !spec.dtype.is_float() {
        refuse(what, "images of floats with three channels", spec, Location::caller());
    }
    x
}

fn channels(x: &Tensor) -> [Tensor; 3] {
    crate::split(x, 3, -1).try_into().expect("three parts")
}

#[track_caller]
fn swapped(x: &Tensor) -> Tensor {
    let mut perm: Vec<i64> = (0..x.rank() as i64).collect();
    let first = x.rank() - 3;
    perm.swap(first, first + 1);
    x.transpose_with(perm)
}

/// Rows and columns, which must be known.
fn size_of(what: &str, x: &Tensor, loc: &'static Location<'static>) -> [i64; 2] {
    let (spec, first) = (x.spec(), x.rank() - 3);
    match (spec.dims[first].as_const(), spec.dims[first + 1].as_const()) {
        (Some(rows), Some(columns)) => [rows, columns],
        _ => refuse(what, "images whose size is known while tracing", spec, loc),
    }
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
