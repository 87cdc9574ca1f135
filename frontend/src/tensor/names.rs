//! Ops under the other names that TensorFlow has for them.

use super::ops;
use super::{IntoInts, IntoPadding, IntoTensor, Tensor};
use crate::engine::dispatch;
use crate::error::{Result, on_behalf, unwrap};
use std::panic::Location;
use tracelift_compiler::graph::Attrs;

macro_rules! names {
    ($($name:ident $twin:ident = $op:ident $op_twin:ident ($($x:ident),*);)*) => {$(
        #[doc = concat!("[`", stringify!($op), "`](crate::", stringify!($op), ") by another of TensorFlow's names.")]
        #[track_caller]
        pub fn $name($($x: impl IntoTensor),*) -> Tensor {
            ops::$op($($x),*)
        }

        #[doc = concat!("The twin of [`", stringify!($name), "`].")]
        #[track_caller]
        pub fn $twin($($x: impl IntoTensor),*) -> Result<Tensor> {
            ops::$op_twin($($x),*)
        }
    )*};
}

names! {
    rint try_rint = round try_round (x);
    swish try_swish = silu try_silu (x);
    realdiv try_realdiv = divide try_divide (x, y);
    scalar_mul try_scalar_mul = multiply try_multiply (scalar, x);
    matrix_square_root try_matrix_square_root = sqrtm try_sqrtm (x);
    weighted_cross_entropy_with_logits try_weighted_cross_entropy_with_logits
        = weighted_sigmoid_cross_entropy_with_logits try_weighted_sigmoid_cross_entropy_with_logits
        (labels, logits, pos_weight);
}

/// [`local_response_normalization_with`](crate::local_response_normalization_with) by its short name.
#[track_caller]
pub fn lrn(x: impl IntoTensor, depth_radius: i64, bias: f64, alpha: f64, beta: f64) -> Tensor {
    ops::local_response_normalization_with(x, depth_radius, bias, alpha, beta)
}

/// [`conv2d`](crate::conv2d) whose filters' taps are `rate` elements apart.
///
/// ```
/// use tracelift as tl;
/// let y = tl::atrous_conv2d(tl::ones(&[1, 5, 5, 1]), tl::ones(&[2, 2, 1, 3]), 2, "VALID");
/// assert_eq!(y.shape(), [1, 3, 3, 3]);
/// ```
#[track_caller]
pub fn atrous_conv2d(x: impl IntoTensor, filters: impl IntoTensor, rate: i64, padding: impl IntoPadding) -> Tensor {
    unwrap(try_atrous_conv2d(x, filters, rate, padding))
}

/// The twin of [`atrous_conv2d`].
#[track_caller]
pub fn try_atrous_conv2d(
    x: impl IntoTensor,
    filters: impl IntoTensor,
    rate: i64,
    padding: impl IntoPadding,
) -> Result<Tensor> {
    let attrs = Attrs::new().with("strides", vec![1i64]).with("padding", padding.padding());
    let operands = [x.operand(), filters.operand()];
    let op = &tracelift_compiler::ops::CONV2D;
    dispatch::call1(op, attrs.with("dilations", vec![rate]), &operands, Location::caller())
}

/// The paddings and the crops with which [`space_to_batch`](crate::space_to_batch) and
/// [`batch_to_space`](crate::batch_to_space) fit axes of lengths `input_shape`, padded by `base_paddings` (two numbers an
/// axis), into blocks.
///
/// ```
/// use tracelift as tl;
/// let (paddings, crops) = tl::required_space_to_batch_paddings([5, 4], [2, 2], [0, 0, 1, 0]);
/// assert_eq!((paddings, crops), (vec![0, 1, 1, 1], vec![0, 1, 0, 1]));
/// ```
#[track_caller]
pub fn required_space_to_batch_paddings(
    input_shape: impl IntoInts,
    block_shape: impl IntoInts,
    base_paddings: impl IntoInts,
) -> (Vec<i64>, Vec<i64>) {
    let (shape, blocks, base) = (input_shape.ints(), block_shape.ints(), base_paddings.ints());
    if blocks.len() != shape.len() || base.len() != 2 * shape.len() || blocks.iter().any(|&block| block < 1) {
        let text = format!(
            "required_space_to_batch_paddings: expected a block of at least 1 and two paddings for each of {} axes, \
             received {blocks:?} and {base:?}",
            shape.len()
        );
        crate::error::raise(crate::Error::new(crate::Kind::Shape, text), Location::caller());
    }
    let (mut paddings, mut crops) = (Vec::new(), Vec::new());
    for ((length, block), sides) in shape.iter().zip(blocks).zip(base.chunks_exact(2)) {
        let length = length + sides[0] + sides[1];
        let missing = (-length).rem_euclid(block);
        paddings.extend([sides[0], sides[1] + missing]);
        crops.extend([0, missing]);
    }
    (paddings, crops)
}

/// [`extract_patches`](crate::extract_patches) of volumes `[batch, depth, height, width, channels]`.
#[track_caller]
pub fn extract_volume_patches(
    x: impl IntoTensor,
    ksizes: impl IntoInts,
    strides: impl IntoInts,
    padding: impl IntoPadding,
) -> Tensor {
    on_behalf(Location::caller(), || ops::extract_patches(x, ksizes, strides, padding))
}

/// [`add_n`](crate::add_n) by its old name.
#[track_caller]
pub fn accumulate_n<T: IntoTensor>(xs: &[T]) -> Tensor {
    on_behalf(Location::caller(), || ops::add_n(xs))
}
