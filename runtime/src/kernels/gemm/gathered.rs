//! Products whose left operand is nowhere stored: blocks of it are filled in as they are needed.
//!
//! So a convolution runs at the speed of a product: its windows are the rows of a matrix ([`Left`]), of which a block
//! at a time is copied to scratch that stays in the second-level cache. Blocks, panels and runs of the inner axis are
//! those of [`blocked`](super::blocked), and so is the promise that bits depend on shapes only.

use super::blocked::{Grid, Panels, Range, Right, cost_ns, in_pieces, pack_panel, run_length, runs, tiles};
use super::micro::{Float, Kernels};
use super::{Epilogue, Matrix, Product};
use crate::alloc::Block;
use crate::error::Result;

/// A left operand that can be written out part by part.
pub trait Left<T>: Sync {
    /// Writes the elements of `rows` and `cols` to `to`, the rows `stride` elements apart.
    ///
    /// # Safety
    /// The part is inside the operand; `to` has room for it.
    unsafe fn fill(&self, rows: Range, cols: Range, to: *mut T, stride: usize);
}

/// Where the rows of the result are.
#[derive(Clone, Copy)]
pub enum Target<'a, T> {
    /// An address and the distance of the rows.
    Even(*mut T, usize),
    /// The address of each row.
    Rows(&'a (dyn Fn(usize) -> *mut T + Sync)),
}

/// `c[m, n] = a[m, k] · b[k, n]`.
pub struct Gathered<'a, T> {
    /// Rows of the result.
    pub m: usize,
    /// Columns of the result.
    pub n: usize,
    /// Length of the sums.
    pub k: usize,
    /// `a`, or its transpose.
    pub left: &'a dyn Left<T>,
    /// Whether `left` is the transpose of `a`: its rows are the inner axis.
    pub transposed: bool,
    /// `b`.
    pub right: Matrix<T>,
    /// `c`.
    pub target: Target<'a, T>,
}

// SAFETY: threads that share a product read the operands and write disjoint parts of the result.
unsafe impl<T> Sync for Gathered<'_, T> {}

/// Elements between the rows of a filled block, so that rows of 2^n elements do not meet in the same cache lines.
const GAP: usize = 16;

/// Computes a product on as many threads as it is worth; rows go to the epilogue when they are final.
///
/// # Safety
/// `right` is readable and the target writable to the extent of the sizes; rows of the target are disjoint.
pub unsafe fn run<T: Float>(product: &Gathered<'_, T>, epilogue: Option<&Epilogue<'_>>) -> Result<()> {
    let Gathered { m, n, k, right, .. } = *product;
    if m == 0 || n == 0 {
        return Ok(());
    }
    let kernels = T::kernels();
    let nothing = Matrix { ptr: std::ptr::null(), row_stride: 0, col_stride: 1 };
    let dense = Product { m, n, k, a: nothing, b: right, c: std::ptr::null_mut() };
    let cost = cost_ns::<T>(m, n, k);
    let grid = Grid::of(m, n.div_ceil(kernels.cols()), cost);
    let shared = if grid.row_blocks > 1 { Some(Panels::pack(&dense, kernels)?) } else { None };
    let length = run_length(&dense, kernels);
    in_pieces(&grid, [m, n], cost, epilogue, &|rows, panels| {
        piece(product, kernels, length, rows, panels, shared.as_ref())
    })
}

/// Computes some rows of some panels.
fn piece<T: Float>(
    product: &Gathered<'_, T>,
    kernels: &Kernels<T>,
    length: usize,
    rows: Range,
    panels: Range,
    shared: Option<&Panels>,
) -> Result<()> {
    let Gathered { n, k, left, transposed, right, target, .. } = *product;
    let step = kernels.cols();
    let first = panels.start * step;
    let width = (panels.end * step).min(n) - first;
    let fill_room = if transposed { length * (rows.len() + GAP) } else { rows.len() * (length + GAP) };
    let pack_room = if shared.is_some() { 0 } else { length * step };
    let result_room = if matches!(target, Target::Rows(_)) { rows.len() * width } else { 0 };
    let scratch = Block::new((fill_room + pack_room + result_room) * size_of::<T>())?;
    let filled = scratch.as_ptr().cast::<T>();
    // SAFETY: the scratch has room for a filled block, a packed panel and the result's rows, one after the other. The
    // operands are readable and the target writable by the caller's promise; rows and panels are this piece's own.
    unsafe {
        let packed = filled.add(fill_room);
        let (c, c_stride) = match target {
            Target::Even(ptr, stride) => (ptr.add(rows.start * stride + first), stride),
            Target::Rows(_) => (packed.add(pack_room), width),
        };
        for run in runs(k, length) {
            let a = if transposed {
                let stride = rows.len() + GAP;
                left.fill(run.clone(), rows.clone(), filled, stride);
                Matrix { ptr: filled.cast_const(), row_stride: 1, col_stride: stride as isize }
            } else {
                let stride = run.len() + GAP;
                left.fill(rows.clone(), run.clone(), filled, stride);
                Matrix { ptr: filled.cast_const(), row_stride: stride as isize, col_stride: 1 }
            };
            for panel in panels.clone() {
                let cols = panel * step..((panel + 1) * step).min(n);
                let right: Right<T> = match shared {
                    Some(panels) => panels.right(&run, &cols, kernels),
                    None => pack_panel(&right, &run, &cols, kernels, packed),
                };
                let size = (rows.len(), cols.len(), run.len());
                let to = (c.add(cols.start - first), c_stride);
                tiles(kernels, size, |row| Matrix { ptr: a.at(row, 0), ..a }, right, to, run.start > 0);
            }
        }
        if let Target::Rows(row_of) = target {
            for row in rows.clone() {
                row_of(row).add(first).copy_from_nonoverlapping(c.add((row - rows.start) * width), width);
            }
        }
    }
    Ok(())
}
