//! Plain loops for dtypes without register kernels: integers, which wrap, and complex numbers.

use super::Product;
use crate::array::Element;

/// An element with sums and products.
pub trait Ring: Element {
    /// The neutral element of the sum.
    const ZERO: Self;
    /// `self + x * y`.
    fn plus_product(self, x: Self, y: Self) -> Self;
}

macro_rules! ring {
    ($($t:ty),*) => {$(
        impl Ring for $t {
            const ZERO: Self = 0;

            #[inline(always)]
            fn plus_product(self, x: Self, y: Self) -> Self {
                self.wrapping_add(x.wrapping_mul(y))
            }
        }
    )*};
}

ring!(i8, i16, i32, i64, u8, u16, u32, u64);

impl Ring for [f32; 2] {
    const ZERO: Self = [0.0; 2];

    #[inline(always)]
    fn plus_product(self, x: Self, y: Self) -> Self {
        [self[0] + (x[0] * y[0] - x[1] * y[1]), self[1] + (x[0] * y[1] + x[1] * y[0])]
    }
}

/// Computes row `i` of the result. Rows may be computed by different threads.
pub fn row<T: Ring>(product: &Product<T>, i: usize) {
    let Product { n, k, a, b, .. } = *product;
    // SAFETY: row `i` of the result is written by this call alone; all indices are below the sizes.
    unsafe {
        let c = std::slice::from_raw_parts_mut(product.c.add(i * n), n);
        if b.col_stride != 1 {
            for (j, c) in c.iter_mut().enumerate() {
                *c = (0..k).fold(T::ZERO, |sum, p| sum.plus_product(*a.at(i, p), *b.at(p, j)));
            }
            return;
        }
        c.fill(T::ZERO);
        for p in 0..k {
            let x = *a.at(i, p);
            let b = std::slice::from_raw_parts(b.at(p, 0), n);
            for (c, &y) in c.iter_mut().zip(b) {
                *c = c.plus_product(x, y);
            }
        }
    }
}
