//! Every op of the compiler's table as a function, a method, and their `try_` twins; by hand those that give several
//! tensors in a form of their own.

use super::Tensor;
use super::ints::IntoInts;
use super::operand::{IntoTensor, Operand};
use super::padding::IntoPadding;
use crate::engine::dispatch;
use crate::error::{Result, unwrap};
use smallvec::SmallVec;
use std::panic::Location;
use tracelift_compiler::graph::Attrs;
use tracelift_compiler::ops;
use tracelift_runtime::DType;

macro_rules! define {
    ($($table:tt)*) => {
        tracelift_macros::define_ops! {
            "../docs/ops.md" [split, top_k, shape, lu, qr, svd, eig, eigh, eigh_tridiagonal, slogdet] $($table)*
        }
    };
}

tracelift_compiler::for_each_op! { define }

/// `x` cut along `axis`: an integer gives that many equal parts, a list parts of these lengths.
///
/// ```
/// use tracelift as tl;
/// let parts = tl::split(tl::constant([1, 2, 3, 4]), 2, 0);
/// assert_eq!(parts[1], tl::constant([3, 4]));
/// assert_eq!(tl::split(tl::constant([1, 2, 3, 4]), [1, 3], 0)[1].shape(), [3]);
/// ```
#[track_caller]
pub fn split(x: impl IntoTensor, parts: impl IntoInts, axis: i64) -> Vec<Tensor> {
    unwrap(cut(x.operand(), parts.ints(), parts.is_one(), axis, Location::caller()))
}

/// The twin of [`split`].
#[track_caller]
pub fn try_split(x: impl IntoTensor, parts: impl IntoInts, axis: i64) -> Result<Vec<Tensor>> {
    cut(x.operand(), parts.ints(), parts.is_one(), axis, Location::caller())
}

/// The `k` greatest elements along the last axis, greatest first, and their indices.
///
/// ```
/// use tracelift as tl;
/// let (values, indices) = tl::top_k(tl::constant([1.0, 5.0, 3.0]), 2);
/// assert_eq!(values, tl::constant([5.0, 3.0]));
/// assert_eq!(indices.to_vec::<i32>(), [1, 2]);
/// ```
#[track_caller]
pub fn top_k(x: impl IntoTensor, k: i64) -> (Tensor, Tensor) {
    unwrap(greatest(x.operand(), k, Location::caller()))
}

/// The twin of [`top_k`].
#[track_caller]
pub fn try_top_k(x: impl IntoTensor, k: i64) -> Result<(Tensor, Tensor)> {
    greatest(x.operand(), k, Location::caller())
}

/// The length of each axis as an i32 tensor, also where it is not known while tracing. (The method
/// [`Tensor::shape`] gives numbers.)
///
/// ```
/// use tracelift as tl;
/// assert_eq!(tl::shape(tl::constant([[1.0, 2.0, 3.0]])), tl::constant([1, 3]));
/// ```
#[track_caller]
pub fn shape(x: impl IntoTensor) -> Tensor {
    unwrap(try_shape(x))
}

/// The twin of [`shape`].
#[track_caller]
pub fn try_shape(x: impl IntoTensor) -> Result<Tensor> {
    dispatch::call1(&ops::SHAPE, Attrs::new(), &[x.operand()], Location::caller())
}

fn cut(
    x: Operand<'_>,
    parts: Vec<i64>,
    equal: bool,
    axis: i64,
    loc: &'static Location<'static>,
) -> Result<Vec<Tensor>> {
    let attrs = if equal { Attrs::new().with("num", parts[0]) } else { Attrs::new().with("sizes", parts) };
    dispatch::call_many(&ops::SPLIT, attrs.with("axis", axis), &[x], loc)
}

fn greatest(x: Operand<'_>, k: i64, loc: &'static Location<'static>) -> Result<(Tensor, Tensor)> {
    let mut both = dispatch::call_many(&ops::TOP_K, Attrs::new().with("k", k), &[x], loc)?;
    let indices = both.swap_remove(1);
    Ok((both.swap_remove(0), indices))
}
