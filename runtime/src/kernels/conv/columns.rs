//! [`Columns`]: the windows of a tensor as the rows of a matrix, filled in part by part.
//!
//! A row is a window; its columns are the window's elements, tap by tap, each with the channels of a group. Taps of
//! one line that are neighbours in memory are copied together.

use super::Geometry;
use crate::kernels::gemm::gathered::Left;
use std::ops::Range;

/// Windows along one axis: window `j` has its tap `t` at `j * step + offset + t * spacing`.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    /// Length of the tensor's axis.
    pub size: usize,
    /// Number of windows.
    pub count: usize,
    /// Distance of windows.
    pub step: i64,
    /// Taps of a window.
    pub taps: usize,
    /// Position of the first window's first tap.
    pub offset: i64,
    /// Distance of taps.
    pub spacing: i64,
}

impl Axis {
    /// The position of a tap, or None outside the tensor.
    pub fn position(&self, window: usize, tap: usize) -> Option<usize> {
        let at = window as i64 * self.step + self.offset + tap as i64 * self.spacing;
        usize::try_from(at).ok().filter(|&at| at < self.size)
    }

    /// The taps of a window that are inside the tensor: a window may be far larger than it.
    pub fn inside(&self, window: usize) -> Range<usize> {
        let first = window as i64 * self.step + self.offset;
        let before = |position: i64| (position - first + self.spacing - 1).div_euclid(self.spacing).max(0) as usize;
        let end = before(self.size as i64).min(self.taps);
        before(0).min(end)..end
    }
}

/// The windows of a tensor `[batch, axes…, channels]`.
pub struct Columns<T> {
    /// The tensor.
    pub source: *const T,
    /// Its windows along each axis.
    pub axes: [Axis; 3],
    /// Its channels.
    pub channels: usize,
    /// The first channel of the group.
    pub first: usize,
    /// Channels of the group.
    pub depth: usize,
    /// The number of the first window.
    pub skipped: usize,
}

// SAFETY: the tensor is only read.
unsafe impl<T> Sync for Columns<T> {}

impl<T> Columns<T> {
    /// The windows of `x` that a convolution multiplies, from window number `skipped`, in channels from `first`.
    pub fn windows(g: &Geometry, x: *const T, first: usize, skipped: usize) -> Self {
        Columns { source: x, axes: window_axes(g), channels: g.channels, first, depth: g.depth, skipped }
    }

    /// Elements `begin..end` of the window line whose first tap is at `at` in the tensor's line `line`.
    ///
    /// # Safety
    /// `to` has room for them; `line` is the number of a line of the tensor.
    unsafe fn fill_line(&self, line: usize, at: i64, begin: usize, end: usize, to: *mut T) {
        let axis = &self.axes[2];
        // SAFETY: lines are inside the tensor, and `position` and the bounds below inside a line.
        unsafe {
            let from = self.source.add(line * axis.size * self.channels);
            if axis.spacing == 1 && self.depth == self.channels {
                let start = at * self.channels as i64;
                let inside = |bound: i64| (bound.max(begin as i64) as usize).min(end);
                let (low, high) = (inside(-start), inside((axis.size * self.channels) as i64 - start));
                to.write_bytes(0, low - begin);
                if low < high {
                    to.add(low - begin)
                        .copy_from_nonoverlapping(from.offset(start as isize + low as isize), high - low);
                }
                to.add(high - begin).write_bytes(0, end - high);
                return;
            }
            let mut element = begin;
            while element < end {
                let (tap, channel) = (element / self.depth, element % self.depth);
                let count = (self.depth - channel).min(end - element);
                let to = to.add(element - begin);
                match usize::try_from(at + tap as i64 * axis.spacing).ok().filter(|&at| at < axis.size) {
                    Some(at) => {
                        let from = from.add(at * self.channels + self.first + channel);
                        to.copy_from_nonoverlapping(from, count);
                    }
                    None => to.write_bytes(0, count),
                }
                element += count;
            }
        }
    }
}

impl<T> Left<T> for Columns<T> {
    unsafe fn fill(&self, rows: Range<usize>, cols: Range<usize>, to: *mut T, stride: usize) {
        let [z, y, x] = &self.axes;
        let line = x.taps * self.depth;
        let mut windows = Windows::from(&self.axes, self.skipped + rows.start);
        for row in 0..rows.len() {
            let [image, jz, jy, jx] = windows.at;
            let at = jx as i64 * x.step + x.offset;
            let mut col = cols.start;
            while col < cols.end {
                let (taps, begin) = (col / line, col % line);
                let end = line.min(begin + cols.end - col);
                // SAFETY: the caller's promise; a line that is found exists.
                unsafe {
                    let to = to.add(row * stride + col - cols.start);
                    match (z.position(jz, taps / y.taps), y.position(jy, taps % y.taps)) {
                        (Some(pz), Some(py)) => {
                            self.fill_line((image * z.size + pz) * y.size + py, at, begin, end, to);
                        }
                        _ => to.write_bytes(0, end - begin),
                    }
                }
                col += end - begin;
            }
            windows.next(&self.axes);
        }
    }
}

/// The axes of a convolution's windows.
pub fn window_axes(g: &Geometry) -> [Axis; 3] {
    std::array::from_fn(|i| Axis {
        size: g.source[i],
        count: g.target[i],
        step: g.strides[i],
        taps: g.kernel[i],
        offset: -g.before[i],
        spacing: g.dilations[i],
    })
}

/// Counts through windows: image, and place along each axis.
pub struct Windows {
    /// Where it stands.
    pub at: [usize; 4],
}

impl Windows {
    /// Window number `index`; the first place if there are none.
    pub fn from(axes: &[Axis; 3], index: usize) -> Windows {
        let [z, y, x] = axes.map(|axis| axis.count.max(1));
        Windows { at: [index / x / y / z, index / x / y % z, index / x % y, index % x] }
    }

    /// Goes to the next one.
    pub fn next(&mut self, axes: &[Axis; 3]) {
        for i in (1..4).rev() {
            self.at[i] += 1;
            if self.at[i] < axes[i - 1].count {
                return;
            }
            self.at[i] = 0;
        }
        self.at[0] += 1;
    }
}
