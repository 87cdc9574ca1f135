//! The gradients of a convolution by its input and by its filter.
//!
//! By the input: places of `x` are taken by their remainder modulo the stride, for places of one remainder meet the
//! same taps of the filter, and windows of the result that are neighbours. So each remainder is a convolution of its
//! own, with stride 1, over those taps alone: no product with a zero that a stride put in.
//!
//! By the filter: a product over all windows. If the filter is small, the windows are cut into chunks, whose sums are
//! added up in order.

use super::columns::{Axis, Columns, Windows};
use super::geometry::Geometry;
use super::{Kernels, by_dtype, dense, depthwise, operands};
use crate::alloc::Block;
use crate::error::Result;
use crate::exec::parallel;
use crate::kernels::gemm::gathered::{self, Gathered, Target};
use crate::kernels::gemm::micro::Float;
use crate::kernels::gemm::{Matrix, product};
use crate::kernels::library::LibraryCx;

/// See the table: `dy, filter -> dx`.
pub fn input_gradient(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "conv_backprop_input";
    let [dy, filter, dx] = operands(NAME, cx)?;
    let geometry = Geometry::new(NAME, dx.dims(), filter.dims(), dy.dims(), cx.params)?;
    by_dtype(NAME, &[dy, filter], &cx.outputs[0], &geometry, Kernels { f32: by_input, f64: by_input })
}

/// See the table: `x, dy -> dfilter`.
pub fn filter_gradient(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "conv_backprop_filter";
    let [x, dy, df] = operands(NAME, cx)?;
    let geometry = Geometry::new(NAME, x.dims(), df.dims(), dy.dims(), cx.params)?;
    by_dtype(NAME, &[x, dy], &cx.outputs[0], &geometry, Kernels { f32: by_filter, f64: by_filter })
}

/// The places of one remainder along an axis.
#[derive(Clone, Copy)]
struct Phase {
    /// The least place.
    first: usize,
    /// Distance of places.
    step: usize,
    /// The result's windows that reach each place, nearest tap last.
    windows: Axis,
    /// The tap of the first of these windows, and how far apart taps are, going down.
    tap: usize,
    tap_step: usize,
}

impl Phase {
    /// The places that tap `tap` reaches, if no lesser tap reaches the same ones.
    fn of(g: &Geometry, axis: usize, tap: usize) -> Option<Phase> {
        let (stride, dilation) = (g.strides[axis], g.dilations[axis]);
        let common = gcd(stride, dilation);
        let tap_step = (stride / common) as usize;
        let first = (tap as i64 * dilation - g.before[axis]).rem_euclid(stride) as usize;
        if tap >= tap_step || first >= g.source[axis] {
            return None;
        }
        let taps = (g.kernel[axis] - tap).div_ceil(tap_step);
        let last = tap + (taps - 1) * tap_step;
        let windows = Axis {
            size: g.target[axis],
            count: (g.source[axis] - first).div_ceil(stride as usize),
            step: 1,
            taps,
            offset: (first as i64 + g.before[axis] - last as i64 * dilation) / stride,
            spacing: dilation / common,
        };
        Some(Phase { first, step: stride as usize, windows, tap: last, tap_step })
    }

    /// The filter's tap at the place's window `i`.
    fn tap(&self, i: usize) -> usize {
        self.tap - i * self.tap_step
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn by_input<T: Float>(g: &Geometry, dy: *const T, filter: *const T, dx: *mut T) -> Result<()> {
    if g.is_depthwise() {
        depthwise::by_input(g, dy, filter, dx);
        return Ok(());
    }
    if g.is_pointwise() {
        let (dy, filter) = (dense(dy, g.results), dense(filter, g.results).transposed());
        // SAFETY: the kernel's views vouch for the operands.
        return unsafe { product((g.sources(), g.channels, g.results), dy, filter, dx, None) };
    }
    // Places that no tap reaches, if strides jump over them, stay zero.
    let reached = |axis: usize| (0..g.kernel[axis]).filter_map(|tap| Phase::of(g, axis, tap)).count() as i64;
    if (0..3).any(|axis| reached(axis) < g.strides[axis].min(g.source[axis] as i64)) {
        // SAFETY: the result has as many elements.
        unsafe { dx.write_bytes(0, g.sources() * g.channels) };
    }
    let phases = |axis: usize| (0..g.kernel[axis]).filter_map(move |tap| Phase::of(g, axis, tap));
    for z in phases(0) {
        for y in phases(1) {
            for x in phases(2) {
                for group in 0..g.groups {
                    phase_by_input(g, dy, filter, dx, &[z, y, x], group)?;
                }
            }
        }
    }
    Ok(())
}

fn phase_by_input<T: Float>(
    g: &Geometry,
    dy: *const T,
    filter: *const T,
    dx: *mut T,
    phases: &[Phase; 3],
    group: usize,
) -> Result<()> {
    let axes = phases.map(|phase| phase.windows);
    let per_group = g.results / g.groups;
    let taps: usize = axes.iter().map(|axis| axis.taps).product();
    // The filter with its taps in the windows' order, and the two kinds of channels swapped.
    let turned = Block::new(taps * per_group * g.depth * size_of::<T>())?;
    let right = turned.as_ptr().cast::<T>();
    let [ny, nx] = [axes[1].taps, axes[2].taps];
    for i in 0..taps {
        let [z, y, x] = [phases[0].tap(i / nx / ny), phases[1].tap(i / nx % ny), phases[2].tap(i % nx)];
        let tap = (z * g.kernel[1] + y) * g.kernel[2] + x;
        for channel in 0..g.depth {
            for result in 0..per_group {
                // SAFETY: taps and channels are inside the filter, and their turned places inside the block.
                unsafe {
                    *right.add((i * per_group + result) * g.depth + channel) =
                        *filter.add((tap * g.depth + channel) * g.results + group * per_group + result);
                }
            }
        }
    }
    let left =
        Columns { source: dy, axes, channels: g.results, first: group * per_group, depth: per_group, skipped: 0 };
    let to = Address(dx);
    let row_of = move |row: usize| {
        let to = &to;
        let [image, z, y, x] = Windows::from(&axes, row).at;
        let place = |axis: usize, j: usize| phases[axis].first + j * phases[axis].step;
        let at = ((image * g.source[0] + place(0, z)) * g.source[1] + place(1, y)) * g.source[2] + place(2, x);
        to.0.wrapping_add(at * g.channels + group * g.depth)
    };
    let is_whole = g.strides == [1; 3];
    // SAFETY: the operands are readable, the block above as large as said; places of a phase are inside `dx`.
    unsafe {
        gathered::run(
            &Gathered {
                m: g.batch * axes.iter().map(|axis| axis.count).product::<usize>(),
                n: g.depth,
                k: taps * per_group,
                left: &left,
                transposed: false,
                right: Matrix { ptr: right.cast_const(), row_stride: g.depth as isize, col_stride: 1 },
                target: match is_whole {
                    true => Target::Even(dx.add(group * g.depth), g.channels),
                    false => Target::Rows(&row_of),
                },
            },
            None,
        )
    }
}

/// Windows of a chunk of the filter's gradient, at least.
const CHUNK: usize = 512;
/// With as many blocks of rows, or chunks, all threads have work.
const PIECES: usize = 16;
/// Rows of the filter's gradient that are computed together.
const ROWS: usize = 192;

fn by_filter<T: Float>(g: &Geometry, x: *const T, dy: *const T, df: *mut T) -> Result<()> {
    let windows = g.positions();
    if g.is_pointwise() && g.channels >= ROWS {
        let (x, dy) = (dense(x, g.channels).transposed(), dense(dy, g.results));
        // SAFETY: the kernel's views vouch for the operands.
        return unsafe { product((g.channels, g.results, windows), x, dy, df, None) };
    }
    let blocks = (g.taps() * g.depth).div_ceil(ROWS) * g.groups;
    let chunks = if g.is_depthwise() { PIECES } else { PIECES / blocks.min(PIECES) };
    let chunks = chunks.min(windows.div_ceil(CHUNK)).max(1);
    let len = g.taps() * g.depth * g.results;
    let part = |chunk: usize, to: *mut T| {
        let (begin, end) = (chunk * windows / chunks, (chunk + 1) * windows / chunks);
        match g.is_depthwise() {
            true => depthwise::by_filter(g, x, dy, begin..end, to),
            false => windows_by_filter(g, x, dy, begin..end, to)?,
        }
        Ok(())
    };
    if chunks == 1 {
        return part(0, df);
    }
    let parts = Block::new(chunks * len * size_of::<T>())?;
    let (part, sums) = (Shared(part), Address(parts.as_ptr().cast::<T>()));
    let cost = (windows / chunks) as i64 * len as i64 / T::FLOPS_PER_NS;
    parallel::try_for_each(chunks as i64, cost, &|begin, end| {
        let (part, sums) = (&part, &sums);
        (begin as usize..end as usize).try_for_each(|chunk| (part.0)(chunk, sums.0.wrapping_add(chunk * len)))
    })?;
    for i in 0..len {
        // SAFETY: every chunk has written as many elements as the filter has.
        unsafe { *df.add(i) = (0..chunks).fold(T::default(), |sum, chunk| sum.add(*sums.0.add(chunk * len + i))) };
    }
    Ok(())
}

/// The gradient by the filter that comes from some windows.
fn windows_by_filter<T: Float>(
    g: &Geometry,
    x: *const T,
    dy: *const T,
    windows: std::ops::Range<usize>,
    df: *mut T,
) -> Result<()> {
    let per_group = g.results / g.groups;
    for group in 0..g.groups {
        // SAFETY: the windows are those of `dy`; a group has its own columns of the result.
        unsafe {
            gathered::run(
                &Gathered {
                    m: g.taps() * g.depth,
                    n: per_group,
                    k: windows.len(),
                    left: &Columns::windows(g, x, group * g.depth, windows.start),
                    transposed: true,
                    right: Matrix {
                        ptr: dy.add(windows.start * g.results + group * per_group),
                        row_stride: g.results as isize,
                        col_stride: 1,
                    },
                    target: Target::Even(df.add(group * per_group), g.results),
                },
                None,
            )?;
        }
    }
    Ok(())
}

/// An address that threads share to write disjoint parts.
#[derive(Clone, Copy)]
struct Address<T>(*mut T);

// SAFETY: threads write disjoint parts.
unsafe impl<T> Sync for Address<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Address<T> {}

/// A function of operands that are only read, and of a place to write that is its caller's own.
struct Shared<F>(F);

// SAFETY: what such a function holds are addresses of operands that nobody writes.
unsafe impl<F> Sync for Shared<F> {}
