//! `copy_strided`: transposes, slices, reversals and broadcasts in one kernel.
//!
//! Axes are merged where strides allow. Then the innermost axis decides: contiguous runs are copied as such,
//! repeated elements filled, and where another axis is contiguous in the operand the two are transposed in square
//! blocks, so that both sides are touched in runs of a cache line.

use super::LibraryCx;
use crate::array::element::with_bits;
use crate::error::{Kind, Result};
use crate::exec::parallel;
use smallvec::SmallVec;

/// Side of a transposed block.
const BLOCK: usize = 16;

/// See the table.
pub fn copy_strided(cx: &mut LibraryCx<'_>) -> Result<()> {
    const NAME: &str = "copy_strided";
    let rank = cx.outputs.first().map_or(0, |y| y.rank());
    cx.expect(NAME, 1, 1, 1 + rank)?;
    let (x, y) = (&cx.inputs[0], &cx.outputs[0]);
    cx.expect_same_dtype(NAME, &[x.dtype(), y.dtype()])?;
    if y.is_empty() {
        return Ok(());
    }
    // The least and the greatest index that is read, in 128 bits so that nothing overflows.
    let (mut least, mut greatest) = (cx.params[0] as i128, cx.params[0] as i128);
    for (&len, &stride) in y.dims().iter().zip(&cx.params[1..]) {
        let reach = (len as i128 - 1) * stride as i128;
        if reach < 0 { least += reach } else { greatest += reach }
    }
    if least < 0 || greatest >= x.len() as i128 {
        let what = format!("elements {least} to {greatest} are outside the operand's {}", x.len());
        return Err(cx.bad(NAME, Kind::Value, what));
    }
    let axes = merged(y.dims(), &cx.params[1..]);
    with_bits!(x.dtype(), T => {
        let plan = Plan::<T> {
            // SAFETY: the offset is between the least and the greatest index, both inside the operand.
            from: unsafe { x.as_ptr().cast::<T>().offset(cx.params[0] as isize) },
            to: y.as_mut_ptr().cast(),
            axes: &axes,
        };
        plan.run();
    });
    Ok(())
}

/// An axis of the result: its length and its stride in the operand.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Axis {
    len: usize,
    stride: isize,
}

/// The axes, without those of length 1, and with neighbours merged that are one run in the operand too.
fn merged(dims: &[usize], strides: &[i64]) -> SmallVec<[Axis; 6]> {
    let mut axes: SmallVec<[Axis; 6]> = SmallVec::new();
    for (&len, &stride) in dims.iter().zip(strides).filter(|(len, _)| **len != 1) {
        let stride = stride as isize;
        match axes.last_mut() {
            Some(outer) if outer.stride == stride * len as isize => *outer = Axis { len: outer.len * len, stride },
            _ => axes.push(Axis { len, stride }),
        }
    }
    axes
}

/// What to copy; `T` is as large as an element.
struct Plan<'a, T> {
    from: *const T,
    to: *mut T,
    axes: &'a [Axis],
}

// SAFETY: threads read shared elements and write disjoint ones.
unsafe impl<T> Sync for Plan<'_, T> {}

impl<T: Copy + Send + Sync> Plan<'_, T> {
    fn run(&self) {
        let Some((&inner, outer)) = self.axes.split_last() else {
            // SAFETY: one element on both sides.
            return unsafe { *self.to = *self.from };
        };
        if outer.is_empty() && inner.stride == 1 {
            return self.run_flat(inner.len);
        }
        if inner.stride != 1
            && inner.stride != 0
            && let Some(cross) = outer.iter().rposition(|axis| axis.stride == 1)
        {
            return self.run_transposed(inner, cross);
        }
        let rows: usize = outer.iter().map(|axis| axis.len).product();
        let cost = 2 + (inner.len * size_of::<T>()) as i64 / if inner.stride.abs() <= 1 { 8 } else { 2 };
        parallel::for_each(rows as i64, cost, &|begin, end, _| {
            for (row, offset) in Walk::new(outer, begin as usize, end as usize) {
                // SAFETY: the caller checked that every index is inside the operand; rows of the result are disjoint.
                unsafe { copy_run(self.from.offset(offset), inner.stride, self.to.add(row * inner.len), inner.len) };
            }
        });
    }

    /// One contiguous run, in pieces.
    fn run_flat(&self, len: usize) {
        const PIECE: usize = 1 << 14;
        let cost = (PIECE * size_of::<T>()) as i64 / 8;
        parallel::for_each(len.div_ceil(PIECE) as i64, cost, &|begin, end, _| {
            let (begin, end) = (begin as usize * PIECE, (end as usize * PIECE).min(len));
            // SAFETY: the run is inside both; pieces are disjoint.
            unsafe { self.to.add(begin).copy_from_nonoverlapping(self.from.add(begin), end - begin) };
        });
    }

    /// Axis `cross` is contiguous in the operand, the last one in the result.
    fn run_transposed(&self, inner: Axis, cross: usize) {
        let outer: SmallVec<[Axis; 6]> =
            self.axes[..self.axes.len() - 1].iter().enumerate().filter(|(i, _)| *i != cross).map(|(_, a)| *a).collect();
        let cross_len = self.axes[cross].len;
        // Strides of the result along the outer axes and along `cross`.
        let stride_of = |axis: usize| self.axes[axis + 1..].iter().map(|a| a.len as isize).product::<isize>();
        let to_outer: SmallVec<[Axis; 6]> = (0..self.axes.len() - 1)
            .filter(|&i| i != cross)
            .map(|i| Axis { len: self.axes[i].len, stride: stride_of(i) })
            .collect();
        let to_cross = stride_of(cross);
        let strips = cross_len.div_ceil(BLOCK);
        let count = outer.iter().map(|axis| axis.len).product::<usize>() * strips;
        let cost = (BLOCK * inner.len * size_of::<T>()) as i64 / 4 + 5;
        parallel::for_each(count as i64, cost, &|begin, end, _| {
            for point in begin as usize..end as usize {
                let (matrix, strip) = (point / strips, point % strips);
                let first = strip * BLOCK;
                let width = BLOCK.min(cross_len - first);
                // SAFETY: as in `run`: all indices are inside, strips of the result are disjoint.
                unsafe {
                    let from = self.from.offset(offset_of(&outer, matrix)).add(first);
                    let to = self.to.offset(offset_of(&to_outer, matrix) + first as isize * to_cross);
                    for start in (0..inner.len).step_by(BLOCK) {
                        let height = BLOCK.min(inner.len - start);
                        let (from, to) = (from.offset(start as isize * inner.stride), to.add(start));
                        if width == BLOCK && height == BLOCK {
                            transpose_block(from, inner.stride, to, to_cross);
                        } else {
                            transpose_part(from, inner.stride, to, to_cross, height, width);
                        }
                    }
                }
            }
        });
    }
}

/// Copies `len` elements `stride` apart to a contiguous run.
///
/// # Safety
/// Both sides are valid for it and do not overlap.
#[inline]
unsafe fn copy_run<T: Copy>(from: *const T, stride: isize, to: *mut T, len: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        match stride {
            // A call of memcpy costs more than a few elements.
            1 if len >= 16 => to.copy_from_nonoverlapping(from, len),
            0 => std::slice::from_raw_parts_mut(to.cast::<std::mem::MaybeUninit<T>>(), len)
                .fill(std::mem::MaybeUninit::new(*from)),
            _ => {
                for i in 0..len {
                    *to.add(i) = *from.offset(i as isize * stride);
                }
            }
        }
    }
}

/// Transposes a square block whose rows are contiguous on both sides.
///
/// # Safety
/// As [`copy_run`], for each row and column.
#[inline(always)]
unsafe fn transpose_block<T: Copy>(from: *const T, from_stride: isize, to: *mut T, to_stride: isize) {
    // SAFETY: the caller's promise.
    unsafe {
        // Whole rows into registers or the stack first: the strided side is then touched once a line.
        let row = |i: usize| from.offset(i as isize * from_stride).cast::<[T; BLOCK]>().read_unaligned();
        let block: [[T; BLOCK]; BLOCK] = std::array::from_fn(row);
        let columns: [[T; BLOCK]; BLOCK] = std::array::from_fn(|j| std::array::from_fn(|i| block[i][j]));
        for (j, column) in columns.into_iter().enumerate() {
            to.offset(j as isize * to_stride).cast::<[T; BLOCK]>().write_unaligned(column);
        }
    }
}

/// Transposes `height` rows of `width` elements.
///
/// # Safety
/// As [`copy_run`], for each row and column.
unsafe fn transpose_part<T: Copy>(
    from: *const T,
    from_stride: isize,
    to: *mut T,
    to_stride: isize,
    height: usize,
    width: usize,
) {
    for j in 0..width {
        for i in 0..height {
            // SAFETY: the caller's promise.
            unsafe { *to.offset(j as isize * to_stride).add(i) = *from.offset(i as isize * from_stride).add(j) };
        }
    }
}

/// The offset of the row-major index `index` over `axes`.
fn offset_of(axes: &[Axis], mut index: usize) -> isize {
    let mut offset = 0;
    for axis in axes.iter().rev() {
        offset += (index % axis.len) as isize * axis.stride;
        index /= axis.len;
    }
    offset
}

/// Row-major indices `begin..end` over some axes, each with its offset.
struct Walk<'a> {
    axes: &'a [Axis],
    index: SmallVec<[usize; 6]>,
    offset: isize,
    next: usize,
    end: usize,
}

impl<'a> Walk<'a> {
    fn new(axes: &'a [Axis], begin: usize, end: usize) -> Self {
        let mut index: SmallVec<[usize; 6]> = SmallVec::from_elem(0, axes.len());
        let mut rest = begin;
        for (i, axis) in axes.iter().enumerate().rev() {
            index[i] = rest % axis.len;
            rest /= axis.len;
        }
        Walk { axes, index, offset: offset_of(axes, begin), next: begin, end }
    }
}

impl Iterator for Walk<'_> {
    type Item = (usize, isize);

    fn next(&mut self) -> Option<(usize, isize)> {
        if self.next == self.end {
            return None;
        }
        let item = (self.next, self.offset);
        self.next += 1;
        for (i, axis) in self.axes.iter().enumerate().rev() {
            self.index[i] += 1;
            self.offset += axis.stride;
            if self.index[i] < axis.len {
                break;
            }
            self.offset -= axis.stride * axis.len as isize;
            self.index[i] = 0;
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{indices, numbers, run, run_err};
    use super::*;
    use crate::array::{Array, DType};

    fn check(dtype: DType, len: usize, shape: &[usize], offset: i64, strides: &[i64]) {
        let x = numbers(dtype, &[len]);
        let params: Vec<i64> = [&[offset], strides].concat();
        let y = run("copy_strided", &[&x], &[(dtype, shape)], &params).remove(0);
        for (i, index) in indices(shape).enumerate() {
            let at = offset + index.iter().zip(strides).map(|(&i, &s)| i as i64 * s).sum::<i64>();
            assert_eq!(y.element_f64(i), x.element_f64(at as usize), "{dtype}{shape:?} {offset} {strides:?}");
        }
    }

    #[test]
    fn transposes_slices_reversals_and_broadcasts() {
        for dtype in [DType::U8, DType::F16, DType::F32, DType::F64] {
            check(dtype, 6, &[2, 3], 0, &[3, 1]);
            check(dtype, 6, &[3, 2], 0, &[1, 3]);
            check(dtype, 33 * 50, &[50, 33], 0, &[1, 50]);
            check(dtype, 4 * 17 * 40, &[4, 40, 17], 0, &[17 * 40, 1, 40]);
            check(dtype, 4 * 17 * 40, &[40, 17, 4], 0, &[1, 40, 17 * 40]);
            check(dtype, 4 * 17 * 40, &[17, 4, 40], 0, &[40, 17 * 40, 1]);
            check(dtype, 100, &[10], 99, &[-11]);
            check(dtype, 100, &[5, 20], 19, &[20, -1]);
            check(dtype, 3, &[4, 3, 2], 0, &[0, 1, 0]);
            check(dtype, 1, &[40], 0, &[0]);
            check(dtype, 60, &[3, 4], 7, &[15, 2]);
            check(dtype, 1, &[], 0, &[]);
            check(dtype, 5, &[0, 5], 0, &[5, 1]);
            check(dtype, 40 * 40, &[40, 40], 40 * 39, &[1, -40]);
        }
        check(DType::F32, 300 * 1000, &[1000, 300], 0, &[1, 1000]);
        check(DType::F32, 300_000, &[300_000], 0, &[1]);
    }

    #[test]
    fn axes_merge() {
        assert_eq!(merged(&[2, 3, 4], &[12, 4, 1])[..], [Axis { len: 24, stride: 1 }]);
        assert_eq!(merged(&[2, 1, 4], &[0, 99, 0])[..], [Axis { len: 8, stride: 0 }]);
        assert_eq!(merged(&[2, 3], &[1, 2])[..], [Axis { len: 2, stride: 1 }, Axis { len: 3, stride: 2 }]);
    }

    #[test]
    fn reading_outside_is_an_error() {
        let x = Array::from_slice(&[4], &[1.0f32; 4]);
        for params in [[1, 1], [3, -2], [-1, 1], [0, i64::MAX]] {
            let error = run_err("copy_strided", &[&x], &[(DType::F32, &[4])], &params);
            assert_eq!(error.kind(), Kind::Value, "{error}");
        }
    }
}
