//! Products of few rows in which rows of `a` and columns of `b` are contiguous: one dot product an element.
//!
//! This is the matrix-vector product of a row-major matrix, which is bound by reading the matrix once.

use super::Product;
use super::micro::Float;
use crate::exec::parallel;
use crate::kernels::tile::{Level, level};

/// More rows than this are worth copying `b` into order.
const MAX_ROWS: usize = 4;
/// Partial sums, so that additions overlap.
const SUMS: usize = 64;

/// Whether dot products are the way to compute it.
pub fn applies<T: Float>(product: &Product<T>) -> bool {
    let row = if product.n == 1 { product.into_row() } else { *product };
    row.m <= MAX_ROWS && row.a.col_stride == 1 && row.b.row_stride == 1 && row.b.col_stride != 1 && row.k > 0
}

/// Computes a product to which dot products apply.
pub fn run<T: Float>(product: &Product<T>) {
    let row = if product.n == 1 { product.into_row() } else { *product };
    let cost = (2 * row.k as i64 * row.m as i64 / 20).max(1);
    parallel::for_each(row.n as i64, cost, &|begin, end, _| {
        let row = &row;
        for j in begin as usize..end as usize {
            for i in 0..row.m {
                // SAFETY: rows of `a` and columns of `b` are contiguous; each element of `c` is written once.
                unsafe {
                    let x = std::slice::from_raw_parts(row.a.at(i, 0), row.k);
                    let y = std::slice::from_raw_parts(row.b.at(0, j), row.k);
                    *row.c.add(i * row.n + j) = dot(x, y);
                }
            }
        }
    });
}

fn dot<T: Float>(x: &[T], y: &[T]) -> T {
    match level() {
        // SAFETY: the level is only chosen where the CPU has its features.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { dot_avx512(x, y) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { dot_avx2(x, y) },
        #[cfg(target_arch = "aarch64")]
        Level::Neon => sums(x, y, T::mul_add),
        _ => sums(x, y, |x, y, sum| x.mul(y).add(sum)),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
fn dot_avx512<T: Float>(x: &[T], y: &[T]) -> T {
    sums(x, y, T::mul_add)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn dot_avx2<T: Float>(x: &[T], y: &[T]) -> T {
    sums(x, y, T::mul_add)
}

/// The dot product by [`SUMS`] partial sums, added up pairwise.
#[inline(always)]
fn sums<T: Float>(x: &[T], y: &[T], mul_add: impl Fn(T, T, T) -> T) -> T {
    let mut sums = [T::default(); SUMS];
    let (x_runs, x_rest) = x.as_chunks::<SUMS>();
    let (y_runs, y_rest) = y.as_chunks::<SUMS>();
    for (x, y) in x_runs.iter().zip(y_runs) {
        for i in 0..SUMS {
            sums[i] = mul_add(x[i], y[i], sums[i]);
        }
    }
    for i in 0..x_rest.len() {
        sums[i] = mul_add(x_rest[i], y_rest[i], sums[i]);
    }
    let mut half = SUMS / 2;
    while half > 0 {
        for i in 0..half {
            sums[i] = sums[i].add(sums[i + half]);
        }
        half /= 2;
    }
    sums[0]
}
