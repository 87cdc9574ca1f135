//! Windows over one, two or three axes, as the operand's rank says: TensorFlow's `max_pool`, `avg_pool`, `convolution` and
//! `conv_transpose`. The forms with the number in their name take more attributes.

use super::ops;
use super::{IntoInts, IntoPadding, IntoTensor, Tensor};
use crate::error::{Error, Kind, Result, on_behalf, unwrap};
use std::panic::Location;

macro_rules! by_rank {
    ($($(#[$doc:meta])* $name:ident $twin:ident ($($arg:ident: $t:ty),*) $one:ident $two:ident $three:ident;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name(x: impl IntoTensor, $($arg: $t),*) -> Tensor {
            unwrap($twin(x, $($arg),*))
        }

        #[doc = concat!("The twin of [`", stringify!($name), "`].")]
        #[track_caller]
        pub fn $twin(x: impl IntoTensor, $($arg: $t),*) -> Result<Tensor> {
            let (x, loc) = (x.into_tensor(), Location::caller());
            on_behalf(loc, || match x.rank() {
                3 => ops::$one(&x, $($arg),*),
                4 => ops::$two(&x, $($arg),*),
                5 => ops::$three(&x, $($arg),*),
                _ => {
                    let name = stringify!($name);
                    let text = format!("{name}: expected a tensor [batch, axes.., channels] of rank 3 to 5, received {}", x.spec());
                    Err(crate::error::at(Error::new(Kind::Shape, text), loc))
                }
            })
        }
    )*};
}

by_rank! {
    /// The greatest of each window of one to three axes: [`max_pool1d`](crate::max_pool1d) and its like.
    ///
    /// ```
    /// use tracelift as tl;
    /// let x = tl::constant([[[1.0], [3.0], [2.0], [4.0]]]);
    /// assert_eq!(tl::max_pool(x, 2, 2, "VALID"), tl::constant([[[3.0], [4.0]]]));
    /// ```
    max_pool try_max_pool (ksize: impl IntoInts, strides: impl IntoInts, padding: impl IntoPadding)
        try_max_pool1d try_max_pool2d try_max_pool3d;
    /// The mean of each window of one to three axes: [`avg_pool1d`](crate::avg_pool1d) and its like.
    avg_pool try_avg_pool (ksize: impl IntoInts, strides: impl IntoInts, padding: impl IntoPadding)
        try_avg_pool1d try_avg_pool2d try_avg_pool3d;
    /// Windows of one to three axes times filters: [`conv1d`](crate::conv1d) and its like.
    convolution try_convolution (filters: impl IntoTensor, strides: impl IntoInts, padding: impl IntoPadding)
        try_conv1d try_conv2d try_conv3d;
    /// The transpose of [`convolution`]: [`conv1d_transpose`](crate::conv1d_transpose) and its like.
    conv_transpose try_conv_transpose (filters: impl IntoTensor, strides: impl IntoInts, padding: impl IntoPadding)
        try_conv1d_transpose try_conv2d_transpose try_conv3d_transpose;
}
