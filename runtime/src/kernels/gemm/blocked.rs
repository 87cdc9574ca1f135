//! The blocked driver for f32 and f64.
//!
//! `b` is cut into panels as wide as a register tile, and the inner axis into runs ([`DEPTH`]) so that a panel's
//! run stays in the second-level cache while the rows of a piece go over it. A piece is some rows by some panels,
//! and what threads take. Panels are copied into order (packed) if they are read more than once, if columns of `b`
//! are not contiguous, or if the last one is not a whole number of vectors; `a` is packed if its rows are not
//! contiguous. With several pieces of rows, all of `b` is packed beforehand and shared.

use super::micro::{Float, Kernels, Tile};
use super::{Epilogue, Matrix, Product, dots, run_epilogue};
use crate::alloc::Block;
use crate::error::Result;
use crate::exec::parallel;

/// With fewer pieces than this, threads would go idle.
pub const MIN_PIECES: usize = 8;
/// The time, in nanoseconds, that a piece should take at least.
pub const PIECE_NS: i64 = 20_000;
/// Longest run of the inner axis.
const DEPTH: usize = 512;
/// Rows of a piece: a multiple of every family's rows.
const ROW_BLOCK: usize = 96;
/// Longest run of the inner axis if `a` has no more rows than a register tile: then `b` is read once and in
/// place, and short runs keep to few of its rows at a time, each read on from where the last panel ended.
const SHALLOW: usize = 16;
/// Up to so many rows stay in one piece, if there are enough panels to share out instead.
const ROWS_TOGETHER: usize = 2 * ROW_BLOCK;

/// Estimated time of a product on one core, in nanoseconds.
pub fn cost_ns<T: Float>(m: usize, n: usize, k: usize) -> i64 {
    let flops = (m as i64).saturating_mul(n as i64).saturating_mul(k as i64).saturating_mul(2);
    (flops / T::FLOPS_PER_NS).max(1)
}

/// Computes a product on as many threads as it is worth.
pub fn run<T: Float>(product: &Product<T>, epilogue: Option<&Epilogue<'_>>) -> Result<()> {
    let Product { m, n, k, .. } = *product;
    if m == 0 || n == 0 {
        return Ok(());
    }
    if dots::applies(product) {
        dots::run(product);
        run_epilogue(m, n, epilogue);
        return Ok(());
    }
    if n == 1 && m > 1 {
        run(&product.into_row(), None)?;
        run_epilogue(m, n, epilogue);
        return Ok(());
    }
    let kernels = T::kernels();
    let panels = n.div_ceil(kernels.cols());
    if cost_ns::<T>(m, n, k) < 2 * PIECE_NS {
        piece(product, kernels, 0..m, 0..panels, None)?;
        if let Some(epilogue) = epilogue {
            epilogue(0, m as i64);
        }
        return Ok(());
    }
    let grid = Grid::of(m, panels, cost_ns::<T>(m, n, k));
    let shared = if grid.row_blocks > 1 { Some(Panels::pack(product, kernels)?) } else { None };
    in_pieces(&grid, [m, n], cost_ns::<T>(m, n, k), epilogue, &|rows, panels| {
        piece(product, kernels, rows, panels, shared.as_ref())
    })
}

/// Computes the pieces of an `[m, n]` product of this cost on as many threads as they are worth; rows go to the epilogue
/// when they are final.
pub fn in_pieces(
    grid: &Grid,
    [m, n]: [usize; 2],
    cost: i64,
    epilogue: Option<&Epilogue<'_>>,
    piece: &(dyn Fn(Range, Range) -> Result<()> + Sync),
) -> Result<()> {
    // With the columns of a row in several pieces, no piece finishes a row.
    let inside = epilogue.filter(|_| grid.panel_blocks == 1);
    let pieces = (grid.row_blocks * grid.panel_blocks) as i64;
    parallel::try_for_each(pieces, cost / pieces, &|begin, end| {
        for index in begin as usize..end as usize {
            let (rows, panels) = grid.piece(index);
            piece(rows.clone(), panels)?;
            if let Some(epilogue) = inside {
                epilogue(rows.start as i64, rows.end as i64);
            }
        }
        Ok(())
    })?;
    if inside.is_none() {
        run_epilogue(m, n, epilogue);
    }
    Ok(())
}

/// Computes a product on this thread.
pub fn run_alone<T: Float>(product: &Product<T>) -> Result<()> {
    if dots::applies(product) {
        dots::run(product);
        return Ok(());
    }
    if product.n == 1 && product.m > 1 {
        return run_alone(&product.into_row());
    }
    let kernels = T::kernels();
    piece(product, kernels, 0..product.m, 0..product.n.div_ceil(kernels.cols()), None)
}

pub type Range = std::ops::Range<usize>;

/// How a product is cut into pieces: a function of its shape only.
pub struct Grid {
    m: usize,
    panels: usize,
    rows_per_block: usize,
    pub row_blocks: usize,
    panels_per_block: usize,
    pub panel_blocks: usize,
}

impl Grid {
    pub fn of(m: usize, panels: usize, cost: i64) -> Grid {
        let rows_per_block = match m {
            _ if m <= ROWS_TOGETHER && panels >= MIN_PIECES || m <= ROW_BLOCK / 2 => m,
            _ if m >= 2 * MIN_PIECES * ROW_BLOCK => 2 * ROW_BLOCK,
            _ => ROW_BLOCK / 2,
        };
        let row_blocks = m.div_ceil(rows_per_block);
        let most = (cost / PIECE_NS).clamp(1, 4 * MIN_PIECES as i64) as usize;
        let wanted = if row_blocks >= MIN_PIECES { 1 } else { most.div_ceil(row_blocks).min(panels) };
        let panels_per_block = panels.div_ceil(wanted);
        let panel_blocks = panels.div_ceil(panels_per_block);
        Grid { m, panels, rows_per_block, row_blocks, panels_per_block, panel_blocks }
    }

    /// Rows and panels of a piece.
    pub fn piece(&self, index: usize) -> (Range, Range) {
        let (row, panel) = (index / self.panel_blocks, index % self.panel_blocks);
        let cut = |block: usize, size: usize, end: usize| block * size..((block + 1) * size).min(end);
        (cut(row, self.rows_per_block, self.m), cut(panel, self.panels_per_block, self.panels))
    }
}

/// The length of all runs of the inner axis but the last, which may be shorter.
pub fn run_length<T: Float>(product: &Product<T>, kernels: &Kernels<T>) -> usize {
    let shallow = product.m <= kernels.rows && product.b.col_stride == 1;
    let longest = if shallow { SHALLOW } else { DEPTH };
    product.k.div_ceil(product.k.div_ceil(longest).max(1)).max(1)
}

/// The runs of the inner axis.
pub fn runs(k: usize, length: usize) -> impl Iterator<Item = Range> {
    // An empty inner axis has one empty run, which writes zeros.
    (0..k.div_ceil(length).max(1)).map(move |i| (i * length).min(k)..((i + 1) * length).min(k))
}

/// All of `b`, packed: for each run of the inner axis, for each panel, its rows.
pub struct Panels {
    block: Block,
    /// Columns of all panels, the last one rounded up to whole vectors.
    width: usize,
}

impl Panels {
    pub fn pack<T: Float>(product: &Product<T>, kernels: &Kernels<T>) -> Result<Panels> {
        let (n, k, step) = (product.n, product.k, kernels.cols());
        let width = kernels.padded(n);
        let length = run_length(product, kernels);
        let packed = Panels { block: Block::new(k.max(1) * width * size_of::<T>())?, width };
        let cost = (k * step / 4) as i64;
        parallel::for_each(n.div_ceil(step) as i64, cost, &|begin, end, _| {
            for panel in begin as usize..end as usize {
                for run in runs(k, length) {
                    let cols = panel * step..((panel + 1) * step).min(n);
                    // SAFETY: the block has room for every panel of every run; panels are packed by one thread each.
                    unsafe {
                        pack_panel(&product.b, &run, &cols, kernels, packed.panel::<T>(&run, cols.start).cast_mut());
                    }
                }
            }
        });
        Ok(packed)
    }

    /// The rows `run` of the panel of these columns.
    pub fn right<T: Float>(&self, run: &Range, cols: &Range, kernels: &Kernels<T>) -> Right<T> {
        Right { ptr: self.panel(run, cols.start), row_stride: kernels.padded(cols.len()) as isize }
    }

    /// The address of the rows `run` of the panel that begins at column `col`.
    fn panel<T>(&self, run: &Range, col: usize) -> *const T {
        // SAFETY: earlier runs take `width` columns a row, earlier panels of this run its length a column.
        unsafe { self.block.as_ptr().cast::<T>().add(run.start * self.width + run.len() * col) }
    }
}

/// Computes some rows of some panels.
fn piece<T: Float>(
    product: &Product<T>,
    kernels: &Kernels<T>,
    rows: Range,
    panels: Range,
    shared: Option<&Panels>,
) -> Result<()> {
    let Product { n, k, a, b, c, .. } = *product;
    let step = kernels.cols();
    let length = run_length(product, kernels);
    let packs_a = a.col_stride != 1 && rows.len() > 1 && panels.len() > 1;
    let packs_b =
        |cols: &Range| rows.len() > kernels.rows || b.col_stride != 1 || !cols.len().is_multiple_of(kernels.lanes);
    let last = (panels.end - 1) * step..(panels.end * step).min(n);
    let any_packed = shared.is_none() && (packs_b(&last) || packs_b(&(0..step)));
    let a_room = if packs_a { rows.len().next_multiple_of(kernels.rows) * length } else { 0 };
    let b_room = if any_packed { length * step } else { 0 };
    let scratch = Block::new((a_room + b_room) * size_of::<T>())?;
    let a_scratch = scratch.as_ptr().cast::<T>();
    // SAFETY: the room for `a` comes first. All addresses below are of elements inside the operands, the scratch
    // (sized above for the longest run) or the shared panels; rows and columns of `c` are this piece's own.
    unsafe {
        let b_scratch = a_scratch.add(a_room);
        for run in runs(k, length) {
            if packs_a {
                pack_rows(&a, &rows, &run, kernels.rows, a_scratch);
            }
            for panel in panels.clone() {
                let cols = panel * step..((panel + 1) * step).min(n);
                let right = match shared {
                    Some(panels) => panels.right(&run, &cols, kernels),
                    None if packs_b(&cols) => pack_panel(&b, &run, &cols, kernels, b_scratch),
                    None => Right { ptr: b.at(run.start, cols.start), row_stride: b.row_stride },
                };
                let left = |row: usize| match packs_a {
                    true => {
                        let ptr = a_scratch.add(row * run.len()).cast_const();
                        Matrix { ptr, row_stride: 1, col_stride: kernels.rows as isize }
                    }
                    false => Matrix { ptr: a.at(rows.start + row, run.start), ..a },
                };
                let size = (rows.len(), cols.len(), run.len());
                let to = (c.add(rows.start * n + cols.start), n);
                tiles(kernels, size, left, right, to, run.start > 0);
            }
        }
    }
    Ok(())
}

/// A run of a panel of `b` as register kernels read it.
#[derive(Clone, Copy)]
pub struct Right<T> {
    pub ptr: *const T,
    pub row_stride: isize,
}

/// Multiplies `(rows, cols, k)` of `left`, which is asked for the matrix that begins at a row, with a panel; writes
/// to `to`, or adds to it: an address and the distance of its rows.
///
/// # Safety
/// The operands are readable and the target writable to that extent.
pub unsafe fn tiles<T: Float>(
    kernels: &Kernels<T>,
    (rows, cols, k): (usize, usize, usize),
    left: impl Fn(usize) -> Matrix<T>,
    right: Right<T>,
    (c, c_row_stride): (*mut T, usize),
    accumulate: bool,
) {
    for row in (0..rows).step_by(kernels.rows) {
        // SAFETY: the caller's promise.
        unsafe {
            kernels.run(&Tile {
                rows: kernels.rows.min(rows - row),
                cols,
                k,
                a: left(row),
                b: right.ptr,
                b_row_stride: right.row_stride,
                c: c.add(row * c_row_stride),
                c_row_stride: c_row_stride as isize,
                accumulate,
            });
        }
    }
}

/// Copies rows `run` of columns `cols`, padded with zeros to whole vectors, to `to`.
///
/// # Safety
/// The part is inside `b`; `to` has room for the padded copy.
pub unsafe fn pack_panel<T: Float>(
    b: &Matrix<T>,
    run: &Range,
    cols: &Range,
    kernels: &Kernels<T>,
    to: *mut T,
) -> Right<T> {
    let width = kernels.padded(cols.len());
    let packed = Right { ptr: to.cast_const(), row_stride: width as isize };
    // SAFETY: the caller's promise.
    unsafe {
        if b.col_stride == 1 {
            for (i, row) in run.clone().enumerate() {
                let to = to.add(i * width);
                to.copy_from_nonoverlapping(b.at(row, cols.start), cols.len());
                to.add(cols.len()).write_bytes(0, width - cols.len());
            }
            return packed;
        }
        // A few rows at a time, so that the lines written to stay in the first-level cache.
        const ROWS: usize = 16;
        for first in run.clone().step_by(ROWS) {
            let rows = first..(first + ROWS).min(run.end);
            let to = to.add((first - run.start) * width);
            for (j, col) in cols.clone().enumerate() {
                let from = b.at(first, col);
                for i in 0..rows.len() {
                    *to.add(i * width + j) = *from.offset(i as isize * b.row_stride);
                }
            }
            for i in 0..rows.len() {
                to.add(i * width + cols.len()).write_bytes(0, width - cols.len());
            }
        }
    }
    packed
}

/// Copies columns `run` of `rows` to `to`: groups of `group` rows, each column by column.
///
/// # Safety
/// The part is inside `a`; `to` has room for it, the last group rounded up.
unsafe fn pack_rows<T: Float>(a: &Matrix<T>, rows: &Range, run: &Range, group: usize, to: *mut T) {
    // SAFETY: the caller's promise.
    unsafe {
        for first in rows.clone().step_by(group) {
            let count = group.min(rows.end - first);
            let to = to.add((first - rows.start) * run.len());
            for (p, col) in run.clone().enumerate() {
                let from = a.at(first, col);
                for i in 0..count {
                    *to.add(p * group + i) = *from.offset(i as isize * a.row_stride);
                }
            }
        }
    }
}
