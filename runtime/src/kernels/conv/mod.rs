//! Convolutions and their two gradients, over one to three axes, channels last: library kernels.
//!
//! Start with [`forward`]. `y[n, o, q] = Σ x[n, o * stride + k * dilation - before, c] · f[k, c, q]`, where `x` is zero
//! outside itself. The filter is `[k…, channels of a group, results]`: with fewer channels than `x` has, groups of
//! channels make groups of results. Most are products of gathered windows ([`columns`]); one channel a group
//! ([`depthwise`]) is computed directly.
//!
//! Invariants
//! - no element of `x` or `y` is touched outside its axes, whatever strides, dilations and paddings are;
//! - bits depend on shapes and operands only, not on the number of threads;
//! - nothing is allocated but scratch from the pool.

mod backward;
mod columns;
mod depthwise;
mod geometry;
mod pool;
#[cfg(test)]
mod tests;

pub use backward::{filter_gradient, input_gradient};
pub use pool::{max_pool, max_pool_with_argmax};

use super::gemm::gathered::{self, Gathered, Target};
use super::gemm::micro::Float;
use super::gemm::{Epilogue, Matrix, narrowed, product, run_epilogue, widened};
use super::library::{LibraryCx, View, ViewMut};
use crate::array::DType;
use crate::error::{Error, Kind, Result};
use columns::Columns;
use geometry::Geometry;

/// See the table: `x, filter -> y`. Takes an epilogue.
pub fn forward(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "convolution";
    let [x, filter, y] = operands(NAME, cx)?;
    let geometry = Geometry::new(NAME, x.dims(), filter.dims(), y.dims(), cx.params)?;
    let is_float = matches!(y.dtype(), DType::F32 | DType::F64);
    if is_float && geometry.groups == 1 && !y.is_empty() {
        // The product finishes its rows itself.
        let (x, filter, y) = (x.as_ptr(), filter.as_ptr(), cx.outputs[0].as_mut_ptr());
        return match cx.outputs[0].dtype() {
            DType::F32 => convolve::<f32>(&geometry, x.cast(), filter.cast(), y.cast(), cx.epilogue),
            _ => convolve::<f64>(&geometry, x.cast(), filter.cast(), y.cast(), cx.epilogue),
        };
    }
    let kernels = Kernels {
        f32: |g, x, filter, y| convolve(g, x, filter, y, None),
        f64: |g, x, filter, y| convolve(g, x, filter, y, None),
    };
    by_dtype(NAME, &[x, filter], &cx.outputs[0], &geometry, kernels)?;
    run_epilogue(geometry.positions(), geometry.results, cx.epilogue);
    Ok(())
}

fn convolve<T: Float>(
    g: &Geometry,
    x: *const T,
    filter: *const T,
    y: *mut T,
    epilogue: Option<&Epilogue<'_>>,
) -> Result<()> {
    if g.is_depthwise() {
        depthwise::forward(g, x, filter, y);
        return Ok(());
    }
    if g.is_pointwise() {
        let (x, filter) = (dense(x, g.channels), dense(filter, g.results));
        // SAFETY: the kernel's views vouch for the operands.
        return unsafe { product((g.positions(), g.results, g.channels), x, filter, y, epilogue) };
    }
    let per_group = g.results / g.groups;
    for group in 0..g.groups {
        let windows = Columns::windows(g, x, group * g.depth, 0);
        // SAFETY: the kernel's views vouch for the operands; a group has its own columns of `filter` and `y`.
        unsafe {
            let product = Gathered {
                m: g.positions(),
                n: per_group,
                k: g.taps() * g.depth,
                left: &windows,
                transposed: false,
                right: Matrix { ptr: filter.add(group * per_group), row_stride: g.results as isize, col_stride: 1 },
                target: Target::Even(y.add(group * per_group), g.results),
            };
            gathered::run(&product, epilogue)?;
        }
    }
    Ok(())
}

/// A matrix with rows of `cols` elements, one after the other.
fn dense<T>(ptr: *const T, cols: usize) -> Matrix<T> {
    Matrix { ptr, row_stride: cols as isize, col_stride: 1 }
}

/// A kernel by dtype: geometry, two operands, the result.
type Kernel<T> = fn(&Geometry, *const T, *const T, *mut T) -> Result<()>;

struct Kernels {
    f32: Kernel<f32>,
    f64: Kernel<f64>,
}

/// The two operands and the result, as views to read shapes from; one dtype.
fn operands<'a>(name: &str, cx: &LibraryCx<'a>) -> Result<[View<'a>; 3]> {
    let bad = |kind, what| Err(Error::new(kind, format!("{name}: {what} ({:?} -> {:?})", cx.inputs, cx.outputs)));
    let ([a, b], [y]) = (cx.inputs, cx.outputs) else {
        return bad(Kind::Internal, "expected two operands and one result");
    };
    if cx.epilogue.is_some() && name != "convolution" {
        return bad(Kind::Internal, "takes no epilogue");
    }
    if a.dtype() != b.dtype() || a.dtype() != y.dtype() {
        return bad(Kind::DType, "operands and result must have one dtype");
    }
    // SAFETY: only the shape is read from the result's view.
    Ok([*a, *b, unsafe { View::from_raw(y.as_mut_ptr(), y.dtype(), y.dims()) }])
}

/// Runs a kernel on the operands; half floats are computed in f32.
fn by_dtype(name: &str, [a, b]: &[View<'_>; 2], y: &ViewMut<'_>, geometry: &Geometry, kernels: Kernels) -> Result<()> {
    if y.is_empty() {
        return Ok(());
    }
    match y.dtype() {
        DType::F32 => (kernels.f32)(geometry, a.as_ptr().cast(), b.as_ptr().cast(), y.as_mut_ptr().cast()),
        DType::F64 => (kernels.f64)(geometry, a.as_ptr().cast(), b.as_ptr().cast(), y.as_mut_ptr().cast()),
        DType::F16 | DType::BF16 => {
            let (a, b) = (widened(a)?, widened(b)?);
            let wide = crate::alloc::Block::new(y.len() * size_of::<f32>())?;
            (kernels.f32)(geometry, a.as_ptr().cast(), b.as_ptr().cast(), wide.as_ptr().cast())?;
            narrowed(&wide, y);
            Ok(())
        }
        other => Err(Error::new(Kind::DType, format!("{name}: there is no convolution of {other}"))),
    }
}
