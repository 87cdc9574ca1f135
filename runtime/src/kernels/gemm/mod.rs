//! Matrix products of every dtype, in one function: [`matmul`].
//!
//! f32 and f64 go through a blocked driver ([`blocked`]) over the register kernels of the `gemm` crates
//! ([`micro`]); skinny products with rows of both operands contiguous are dot products ([`dots`]); f16 and bf16
//! are computed in f32; integers and complex numbers take plain loops ([`naive`]). Transposes are strides. Products
//! of a left side that is not stored, as in convolutions, have a driver of their own ([`gathered`]).
//!
//! Invariants
//! - nothing is allocated but scratch from the pool, so that a repeated product asks the system for nothing;
//! - an element of the result is summed in an order that depends on the shapes only: work is split over rows and
//!   columns, never along the sum.

mod blocked;
mod dots;
pub mod gathered;
pub mod micro;
mod naive;

use super::library::{View, ViewMut};
use super::tile;
use crate::alloc::Block;
use crate::array::shape::{broadcast, broadcast_strides};
use crate::array::{DType, Element};
use crate::error::{Error, Kind, Result};
use crate::exec::parallel;

/// Called with `(row_begin, row_end)` when all columns of these rows are final.
pub type Epilogue<'a> = dyn Fn(i64, i64) + Sync + 'a;

/// `c = a · b` over the last two axes; the axes before them broadcast. `transpose_a` and `transpose_b` swap the
/// last two axes of an operand. Rows passed to the epilogue count through all matrices of a batch.
pub fn matmul(
    a: &View<'_>,
    b: &View<'_>,
    c: &ViewMut<'_>,
    transpose_a: bool,
    transpose_b: bool,
    epilogue: Option<&Epilogue<'_>>,
) -> Result<()> {
    let batch = Batch::new(a, b, c, transpose_a, transpose_b)?;
    if c.is_empty() {
        // Rows without columns are final, too: what is made of each is not empty.
        run_epilogue(batch.count * batch.m, batch.n, epilogue);
        return Ok(());
    }
    match c.dtype() {
        DType::F32 => batch.run_float::<f32>(a, b, c, epilogue),
        DType::F64 => batch.run_float::<f64>(a, b, c, epilogue),
        DType::F16 | DType::BF16 => batch.run_half(a, b, c, epilogue),
        DType::I8 => batch.run_naive::<i8>(a, b, c, epilogue),
        DType::I16 => batch.run_naive::<i16>(a, b, c, epilogue),
        DType::I32 => batch.run_naive::<i32>(a, b, c, epilogue),
        DType::I64 => batch.run_naive::<i64>(a, b, c, epilogue),
        DType::U8 => batch.run_naive::<u8>(a, b, c, epilogue),
        DType::U16 => batch.run_naive::<u16>(a, b, c, epilogue),
        DType::U32 => batch.run_naive::<u32>(a, b, c, epilogue),
        DType::U64 => batch.run_naive::<u64>(a, b, c, epilogue),
        DType::Complex64 => batch.run_naive::<[f32; 2]>(a, b, c, epilogue),
        DType::Bool => {
            Err(Error::new(Kind::DType, "matmul: bool has no product").hint("cast the operands to i32 first"))
        }
    }
}

/// A matrix to read: an address and strides in elements.
#[derive(Clone, Copy)]
pub struct Matrix<T> {
    /// Address of the first element.
    pub ptr: *const T,
    /// Distance of the rows.
    pub row_stride: isize,
    /// Distance of the columns.
    pub col_stride: isize,
}

// SAFETY: a matrix is an address of plain elements that are only read.
unsafe impl<T> Send for Matrix<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Matrix<T> {}

impl<T> Matrix<T> {
    /// Address of an element.
    ///
    /// # Safety
    /// The element is inside the matrix, or one past the end of a row or column.
    unsafe fn at(&self, row: usize, col: usize) -> *const T {
        // SAFETY: the caller's promise.
        unsafe { self.ptr.offset(row as isize * self.row_stride + col as isize * self.col_stride) }
    }

    /// Rows as columns.
    pub fn transposed(self) -> Self {
        Matrix { row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }
}

/// `c[m, n] = a[m, k] · b[k, n]`, `c` dense and row-major.
#[derive(Clone, Copy)]
struct Product<T> {
    m: usize,
    n: usize,
    k: usize,
    a: Matrix<T>,
    b: Matrix<T>,
    c: *mut T,
}

// SAFETY: threads that share a product write disjoint parts of `c`.
unsafe impl<T> Send for Product<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Product<T> {}

impl<T> Product<T> {
    /// The same product read the other way round, for `n == 1`: the result is a row now.
    fn into_row(self) -> Self {
        Product { m: 1, n: self.m, a: self.b.transposed(), b: self.a.transposed(), ..self }
    }
}

/// The shapes of a batch of products.
struct Batch {
    m: usize,
    n: usize,
    k: usize,
    /// Number of products.
    count: usize,
    /// Lengths of the batch axes, and the operands' strides along them in matrices.
    dims: crate::array::Shape,
    a_strides: crate::array::Strides,
    b_strides: crate::array::Strides,
    transpose_a: bool,
    transpose_b: bool,
}

impl Batch {
    fn new(a: &View<'_>, b: &View<'_>, c: &ViewMut<'_>, transpose_a: bool, transpose_b: bool) -> Result<Batch> {
        let wrong = |kind, what: String| {
            let flags = format!("transpose_a {transpose_a}, transpose_b {transpose_b}");
            Error::new(kind, format!("matmul: {what} (operands {a:?}, {b:?}; result {c:?}; {flags})"))
        };
        if a.dtype() != b.dtype() || a.dtype() != c.dtype() {
            return Err(wrong(Kind::DType, "operands and result must have one dtype".into()));
        }
        if a.rank() < 2 || b.rank() < 2 || c.rank() < 2 {
            return Err(wrong(Kind::Shape, "operands need rank 2 or more".into()));
        }
        let split = |dims: &[usize], transpose: bool| match (dims[dims.len() - 2], dims[dims.len() - 1]) {
            (rows, cols) if transpose => (cols, rows),
            sizes => sizes,
        };
        let ((m, k), (k_b, n)) = (split(a.dims(), transpose_a), split(b.dims(), transpose_b));
        if k != k_b {
            return Err(wrong(Kind::Shape, format!("inner sizes differ: {k} and {k_b}")));
        }
        let (a_batch, b_batch) = (&a.dims()[..a.rank() - 2], &b.dims()[..b.rank() - 2]);
        let dims = broadcast(a_batch, b_batch).map_err(|e| wrong(Kind::Shape, e.message().into()))?;
        if c.dims()[..c.rank() - 2] != dims[..] || c.dims()[c.rank() - 2..] != [m, n] {
            return Err(wrong(Kind::Shape, format!("expected a result of shape {dims:?} + [{m}, {n}]")));
        }
        let (a_strides, b_strides) = (broadcast_strides(a_batch, &dims)?, broadcast_strides(b_batch, &dims)?);
        let count = dims.iter().product();
        Ok(Batch { m, n, k, count, dims, a_strides, b_strides, transpose_a, transpose_b })
    }

    /// Product number `index`.
    fn product<T>(&self, a: *const T, b: *const T, c: *mut T, index: usize) -> Product<T> {
        let (mut rest, mut a_matrix, mut b_matrix) = (index, 0, 0);
        for axis in (0..self.dims.len()).rev() {
            let i = (rest % self.dims[axis]) as isize;
            rest /= self.dims[axis];
            a_matrix += i * self.a_strides[axis];
            b_matrix += i * self.b_strides[axis];
        }
        let (m, n, k) = (self.m, self.n, self.k);
        let dense = |ptr: *const T, rows: usize, cols: usize, transpose: bool| {
            let (row_stride, col_stride) = if transpose { (1, rows as isize) } else { (cols as isize, 1) };
            Matrix { ptr, row_stride, col_stride }
        };
        // SAFETY: the offsets are those of whole matrices inside the operands.
        let (a, b, c) = unsafe {
            (a.offset(a_matrix * (m * k) as isize), b.offset(b_matrix * (k * n) as isize), c.add(index * m * n))
        };
        Product { m, n, k, a: dense(a, m, k, self.transpose_a), b: dense(b, k, n, self.transpose_b), c }
    }

    /// One product instead of many, if all share `b` and the rows of `a` follow each other.
    fn as_single<T>(&self, a: *const T, b: *const T, c: *mut T) -> Option<Product<T>> {
        let single = self.product(a, b, c, 0);
        if self.count == 1 {
            return Some(single);
        }
        let dense_a = self.a_strides.iter().zip(&self.dims).all(|(&stride, &len)| stride != 0 || len == 1);
        let shared_b = self.b_strides.iter().zip(&self.dims).all(|(&stride, &len)| stride == 0 || len == 1);
        (dense_a && shared_b && !self.transpose_a).then_some(Product { m: self.m * self.count, ..single })
    }

    fn run_float<T: micro::Float>(
        &self,
        a: &View<'_>,
        b: &View<'_>,
        c: &ViewMut<'_>,
        epilogue: Option<&Epilogue<'_>>,
    ) -> Result<()> {
        let (a, b, c) = (a.as_slice::<T>().as_ptr(), b.as_slice::<T>().as_ptr(), c.as_mut_ptr().cast::<T>());
        self.run_float_raw(a, b, c, epilogue)
    }

    fn run_float_raw<T: micro::Float>(
        &self,
        a: *const T,
        b: *const T,
        c: *mut T,
        epilogue: Option<&Epilogue<'_>>,
    ) -> Result<()> {
        if let Some(single) = self.as_single(a, b, c) {
            return blocked::run(&single, epilogue);
        }
        let (a, b, c) = (Address(a), Address(b), AddressMut(c));
        let cost = blocked::cost_ns::<T>(self.m, self.n, self.k);
        if self.count < blocked::MIN_PIECES && cost > blocked::PIECE_NS {
            for index in 0..self.count {
                let rows = (index * self.m) as i64;
                let shifted = epilogue.map(|epilogue| move |begin, end| epilogue(rows + begin, rows + end));
                let product = self.product(a.0, b.0, c.0, index);
                blocked::run(&product, shifted.as_ref().map(|f| f as &Epilogue<'_>))?;
            }
            return Ok(());
        }
        parallel::try_for_each(self.count as i64, cost, &|begin, end| {
            // Whole structures are captured, not their fields, for it is they that may go to other threads.
            let (a, b, c) = (&a, &b, &c);
            for index in begin..end {
                blocked::run_alone(&self.product(a.0, b.0, c.0, index as usize))?;
            }
            if let Some(epilogue) = epilogue {
                epilogue(begin * self.m as i64, end * self.m as i64);
            }
            Ok(())
        })
    }

    /// Half floats: operands widened to f32, the result narrowed.
    fn run_half(&self, a: &View<'_>, b: &View<'_>, c: &ViewMut<'_>, epilogue: Option<&Epilogue<'_>>) -> Result<()> {
        let (a, b, wide) = (widened(a)?, widened(b)?, Block::new(c.len() * size_of::<f32>())?);
        self.run_float_raw(a.as_ptr().cast::<f32>(), b.as_ptr().cast::<f32>(), wide.as_ptr().cast::<f32>(), None)?;
        narrowed(&wide, c);
        run_epilogue(self.count * self.m, self.n, epilogue);
        Ok(())
    }

    fn run_naive<T: naive::Ring>(
        &self,
        a: &View<'_>,
        b: &View<'_>,
        c: &ViewMut<'_>,
        epilogue: Option<&Epilogue<'_>>,
    ) -> Result<()> {
        let (a, b) = (Address(a.as_slice::<T>().as_ptr()), Address(b.as_slice::<T>().as_ptr()));
        let c = AddressMut(c.as_mut_ptr().cast::<T>());
        let cost = (self.k as i64).saturating_mul(self.n as i64) / 2;
        parallel::for_each((self.count * self.m) as i64, cost.max(1), &|begin, end, _| {
            let (a, b, c) = (&a, &b, &c);
            for row in begin as usize..end as usize {
                naive::row(&self.product(a.0, b.0, c.0, row / self.m), row % self.m);
            }
            if let Some(epilogue) = epilogue {
                epilogue(begin, end);
            }
        });
        Ok(())
    }
}

/// `c[m, n] = a[m, k] · b[k, n]` of matrices with any strides, `c` dense.
///
/// # Safety
/// `a` and `b` are readable and `c` writable to the extent of `(m, n, k)`.
pub unsafe fn product<T: micro::Float>(
    (m, n, k): (usize, usize, usize),
    a: Matrix<T>,
    b: Matrix<T>,
    c: *mut T,
    epilogue: Option<&Epilogue<'_>>,
) -> Result<()> {
    blocked::run(&Product { m, n, k, a, b, c }, epilogue)
}

/// A copy of half floats as f32.
pub fn widened(view: &View<'_>) -> Result<Block> {
    let block = Block::new(view.len() * size_of::<f32>())?;
    if !view.is_empty() {
        // SAFETY: half floats are 16 bits of any pattern; the block holds as many f32.
        let (from, to) = unsafe {
            (
                std::slice::from_raw_parts(view.as_ptr().cast::<u16>(), view.len()),
                std::slice::from_raw_parts_mut(block.as_ptr().cast::<f32>(), view.len()),
            )
        };
        tile::widen(view.dtype(), to, from);
    }
    Ok(block)
}

/// Rounds the f32 of a block, all of them written, to the half floats of `to`.
pub fn narrowed(wide: &Block, to: &ViewMut<'_>) {
    // SAFETY: the block holds as many f32; half floats are 16 bits of any pattern.
    let (from, halves) = unsafe {
        (
            std::slice::from_raw_parts(wide.as_ptr().cast::<f32>(), to.len()),
            std::slice::from_raw_parts_mut(to.as_mut_ptr().cast::<u16>(), to.len()),
        )
    };
    tile::narrow(to.dtype(), halves, from);
}

/// Runs the epilogue over all rows of a finished result.
pub fn run_epilogue(rows: usize, cols: usize, epilogue: Option<&Epilogue<'_>>) {
    if let Some(epilogue) = epilogue {
        parallel::for_each(rows as i64, cols.max(1) as i64, &|begin, end, _| epilogue(begin, end));
    }
}

/// An address that threads share to read.
struct Address<T>(*const T);

/// An address that threads share to write disjoint parts.
struct AddressMut<T>(*mut T);

// SAFETY: what is read is plain elements that nobody writes.
unsafe impl<T: Element> Sync for Address<T> {}
// SAFETY: threads write disjoint parts.
unsafe impl<T: Element> Sync for AddressMut<T> {}

#[cfg(test)]
mod tests;
