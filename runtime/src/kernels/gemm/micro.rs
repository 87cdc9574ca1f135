//! The register kernels of the `gemm` crates, picked once by CPU features.
//!
//! A kernel computes a small tile of `c`, a few rows by a few vectors of columns, over a run of the inner axis.
//! The crates' own drivers allocate in each call and have no epilogue; their kernels are as fast as this machine
//! allows, so we drive them ourselves. They name the axes the other way round (their `m` runs along vectors);
//! [`Tile`] hides that.

use super::Matrix;
use crate::array::Element;
use crate::kernels::tile::{Level, level};
use gemm_common::microkernel::MicroKernelFn;

/// f32 and f64.
pub trait Float: Element + Default {
    /// Multiplications and additions of one core in a nanosecond, roughly: for cost estimates.
    const FLOPS_PER_NS: i64;
    /// The kernels for this CPU.
    fn kernels() -> &'static Kernels<Self>;
    /// `self * x + y`: fused where the caller is compiled for it.
    fn mul_add(self, x: Self, y: Self) -> Self;
    /// `x + y`.
    fn add(self, y: Self) -> Self;
    /// `x * y`.
    fn mul(self, y: Self) -> Self;
    /// 1.
    const ONE: Self;
}

/// A family of kernels: one for each number of vectors and rows.
pub struct Kernels<T> {
    /// Elements in a vector.
    pub lanes: usize,
    /// Most vectors of columns in a tile.
    pub vectors: usize,
    /// Most rows in a tile.
    pub rows: usize,
    /// The kernel for so many vectors and rows, at least one of each.
    pick: fn(usize, usize) -> MicroKernelFn<T>,
}

/// One tile of a product: `c[..rows, ..cols] (+)= a[..rows, ..k] · b[..k, ..cols]`.
pub struct Tile<T> {
    /// At most the family's.
    pub rows: usize,
    /// At most `lanes * vectors`.
    pub cols: usize,
    /// Length of the sums.
    pub k: usize,
    /// The left operand.
    pub a: Matrix<T>,
    /// Rows of whole vectors, so more than `cols` if that is no multiple of `lanes`.
    pub b: *const T,
    /// Distance of its rows.
    pub b_row_stride: isize,
    /// The result.
    pub c: *mut T,
    /// Distance of its rows.
    pub c_row_stride: isize,
    /// Add to what is there instead of overwriting it.
    pub accumulate: bool,
}

impl<T: Float> Kernels<T> {
    /// Most columns in a tile.
    pub fn cols(&self) -> usize {
        self.lanes * self.vectors
    }

    /// Columns rounded up to whole vectors.
    pub fn padded(&self, cols: usize) -> usize {
        cols.next_multiple_of(self.lanes)
    }

    /// Computes a tile.
    ///
    /// # Safety
    /// The operands are readable and `c` writable to the extent that the tile says.
    #[inline]
    pub unsafe fn run(&self, tile: &Tile<T>) {
        let kernel = (self.pick)(tile.cols.div_ceil(self.lanes), tile.rows);
        // The status says what becomes of the old contents: 0 overwritten, 1 added to.
        let (scale, status) = if tile.accumulate { (T::ONE, 1) } else { (T::default(), 0) };
        // SAFETY: the caller's promise; the family was picked for this CPU.
        unsafe {
            kernel(
                tile.cols,
                tile.rows,
                tile.k,
                tile.c,
                tile.b,
                tile.a.ptr,
                tile.c_row_stride,
                1,
                tile.b_row_stride,
                tile.a.col_stride,
                tile.a.row_stride,
                scale,
                T::ONE,
                status,
                false,
                false,
                false,
                std::ptr::null(),
            )
        }
    }
}

macro_rules! family {
    ($package:ident::$isa:ident::$t:ident, $lanes:expr) => {{
        use $package::microkernel::$isa::$t::{MR_DIV_N, NR, UKR};
        static TABLE: [[MicroKernelFn<$t>; NR]; MR_DIV_N] = UKR;
        static FAMILY: Kernels<$t> =
            Kernels { lanes: $lanes, vectors: MR_DIV_N, rows: NR, pick: |vectors, rows| TABLE[vectors - 1][rows - 1] };
        &FAMILY
    }};
}

macro_rules! float {
    ($t:ident, $package:ident, $flops:expr, $lanes512:expr, $lanes256:expr, $lanes128:expr) => {
        impl Float for $t {
            const FLOPS_PER_NS: i64 = $flops;
            const ONE: Self = 1.0;

            fn kernels() -> &'static Kernels<Self> {
                match level() {
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx512 => family!($package::avx512f::$t, $lanes512),
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => family!($package::fma::$t, $lanes256),
                    #[cfg(target_arch = "aarch64")]
                    Level::Neon => family!($package::neon::$t, $lanes128),
                    _ => family!($package::scalar::$t, 1),
                }
            }

            #[inline(always)]
            fn mul_add(self, x: Self, y: Self) -> Self {
                <$t>::mul_add(self, x, y)
            }

            #[inline(always)]
            fn add(self, y: Self) -> Self {
                self + y
            }

            #[inline(always)]
            fn mul(self, y: Self) -> Self {
                self * y
            }
        }
    };
}

float!(f32, gemm_f32, 100, 16, 8, 4);
float!(f64, gemm_f64, 50, 8, 4, 2);
