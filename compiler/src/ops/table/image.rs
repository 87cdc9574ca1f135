//! A chapter of [the table](super): sizes, colours and boxes of images.

#[doc(hidden)]
#[macro_export]
macro_rules! image_ops {
    ($callback:tt $later:tt $($line:tt)*) => {
        $crate::op_table! { $callback $later $($line)*
            (op resize RESIZE [images] [size: Ints, method: OptStr, coordinates: OptStr, antialias: OptBool, rounding: OptStr, cubic_coefficient: OptFloat, exclude_outside: OptBool])
            (op flip_left_right FLIP_LEFT_RIGHT [images] [])
            (op flip_up_down FLIP_UP_DOWN [images] [])
            (op image_transpose IMAGE_TRANSPOSE [images] [])
            (op image_rot90 IMAGE_ROT90 [images] [k: Int])
            (op central_crop CENTRAL_CROP [images] [fraction: Float])
            (op crop_to_bounding_box CROP_TO_BOUNDING_BOX [images] [top: Int, left: Int, height: Int, width: Int])
            (op pad_to_bounding_box PAD_TO_BOUNDING_BOX [images] [top: Int, left: Int, height: Int, width: Int])
            (op resize_with_crop_or_pad RESIZE_WITH_CROP_OR_PAD [images] [height: Int, width: Int])
            (op resize_with_pad RESIZE_WITH_PAD [images] [height: Int, width: Int, method: OptStr, antialias: OptBool])
            (op total_variation TOTAL_VARIATION [images] [])
            (op psnr PSNR [a, b] [max_value: Float])
            (op ssim SSIM [a, b] [max_value: Float, filter_size: OptInt, filter_sigma: OptFloat, k1: OptFloat, k2: OptFloat, return_index_map: OptBool])
            (op ssim_multiscale SSIM_MULTISCALE [a, b, power_factors] [max_value: Float, filter_size: OptInt, filter_sigma: OptFloat, k1: OptFloat, k2: OptFloat])
            (multi image_gradients IMAGE_GRADIENTS [images] [])
            (op sobel_edges SOBEL_EDGES [images] [])
            (op adjust_brightness ADJUST_BRIGHTNESS [images] [delta: Float])
            (op adjust_contrast ADJUST_CONTRAST [images] [factor: Float])
            (op adjust_gamma ADJUST_GAMMA [images] [gamma: Float, gain: Float])
            (op adjust_hue ADJUST_HUE [images] [delta: Float])
            (op adjust_saturation ADJUST_SATURATION [images] [factor: Float])
            (op rgb_to_hsv RGB_TO_HSV [images] [])
            (op hsv_to_rgb HSV_TO_RGB [images] [])
            (op rgb_to_grayscale RGB_TO_GRAYSCALE [images] [])
            (op grayscale_to_rgb GRAYSCALE_TO_RGB [images] [])
            (op rgb_to_yiq RGB_TO_YIQ [images] [])
            (op yiq_to_rgb YIQ_TO_RGB [images] [])
            (op rgb_to_yuv RGB_TO_YUV [images] [])
            (op yuv_to_rgb YUV_TO_RGB [images] [])
            (op per_image_standardization PER_IMAGE_STANDARDIZATION [images] [])
            (op extract_patches EXTRACT_PATCHES [images] [sizes: Ints, strides: Ints, padding: Padding, rates: OptInts])
            (op crop_and_resize CROP_AND_RESIZE [images, boxes, box_indices] [crop_size: Ints, method: OptStr, extrapolation_value: OptFloat])
            (op non_max_suppression SUPPRESSED [boxes, scores] [max_output_size: Int, iou_threshold: OptFloat, score_threshold: OptFloat])
            (multi non_max_suppression_padded NON_MAX_SUPPRESSION [boxes, scores] [max_output_size: Int, iou_threshold: OptFloat, score_threshold: OptFloat])
            (op non_max_suppression_overlaps SUPPRESSED_OVERLAPS [overlaps, scores] [max_output_size: Int, iou_threshold: OptFloat, score_threshold: OptFloat])
            (multi non_max_suppression_overlaps_padded NON_MAX_SUPPRESSION_OVERLAPS [overlaps, scores] [max_output_size: Int, iou_threshold: OptFloat, score_threshold: OptFloat])
            (multi non_max_suppression_with_scores SUPPRESSED_WITH_SCORES [boxes, scores] [max_output_size: Int, iou_threshold: OptFloat, score_threshold: OptFloat, soft_nms_sigma: OptFloat])
            (multi soft_non_max_suppression_padded SOFT_NON_MAX_SUPPRESSION [boxes, scores] [max_output_size: Int, iou_threshold: OptFloat, score_threshold: OptFloat, soft_nms_sigma: OptFloat])
            (multi combined_non_max_suppression COMBINED_NON_MAX_SUPPRESSION [boxes, scores] [max_output_size_per_class: Int, max_total_size: Int, iou_threshold: OptFloat, score_threshold: OptFloat, pad_per_class: OptBool, clip_boxes: OptBool])
            (op draw_bounding_boxes DRAW_BOUNDING_BOXES [images, boxes, colors] [])
            (op extract_glimpse EXTRACT_GLIMPSE [images, offsets] [size: Ints, centered: OptBool, normalized: OptBool])
        }
    };
}
