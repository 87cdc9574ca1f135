//! Convolutions with one channel a group, computed directly: there are too few products of each element for a matrix
//! product to pay.
//!
//! Channels are the lanes: sums of a strip of [`STRIP`] channels stay in registers while the taps go by. With several
//! results a channel, those of one channel are neighbours.

use super::columns::{Axis, Windows, window_axes};
use super::geometry::Geometry;
use crate::exec::parallel;
use crate::kernels::gemm::micro::Float;
use crate::kernels::tile::{Level, level};
use std::ops::Range;

/// Channels of the result that are computed together.
const STRIP: usize = 32;

/// `y` from `x` and `filter`.
pub fn forward<T: Float>(g: &Geometry, x: *const T, filter: *const T, y: *mut T) {
    let axes = window_axes(g);
    let [x, filter, y] = [x as usize, filter as usize, y as usize];
    each_window(g.positions(), g, &|windows| {
        at_level(Forward { g, axes: &axes, x: x as *const T, filter: filter as *const T, y: y as *mut T, windows });
    });
}

/// `dx` from `dy` and `filter`.
pub fn by_input<T: Float>(g: &Geometry, dy: *const T, filter: *const T, dx: *mut T) {
    let [dy, filter, dx] = [dy as usize, filter as usize, dx as usize];
    each_window(g.sources(), g, &|places| {
        at_level(ByInput { g, dy: dy as *const T, filter: filter as *const T, dx: dx as *mut T, places });
    });
}

/// What some windows add to the gradient of the filter.
pub fn by_filter<T: Float>(g: &Geometry, x: *const T, dy: *const T, windows: Range<usize>, df: *mut T) {
    at_level(ByFilter { g, axes: &window_axes(g), x, dy, df, windows });
}

/// Splits windows or places over threads.
fn each_window(count: usize, g: &Geometry, body: &(dyn Fn(Range<usize>) + Sync)) {
    let cost = (g.taps() * g.results) as i64 / 8;
    parallel::for_each(count as i64, cost.max(1), &|begin, end, _| body(begin as usize..end as usize));
}

/// A loop that is compiled for each instruction set.
trait Loop {
    /// Runs it; `FUSED`: a product and a sum are one instruction.
    fn run<const FUSED: bool>(self);
}

fn at_level(work: impl Loop) {
    match level() {
        // SAFETY: the level is only chosen where the CPU has its features.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512(work) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2(work) },
        #[cfg(target_arch = "aarch64")]
        Level::Neon => work.run::<true>(),
        _ => work.run::<false>(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
fn avx512(work: impl Loop) {
    work.run::<true>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(work: impl Loop) {
    work.run::<true>();
}

#[inline(always)]
fn plus_product<T: Float, const FUSED: bool>(sum: T, x: T, y: T) -> T {
    if FUSED { x.mul_add(y, sum) } else { x.mul(y).add(sum) }
}

/// Calls `f` with each tap of a window that is inside the tensor, and the number of the position that it meets.
#[inline(always)]
fn taps_inside(g: &Geometry, axes: &[Axis; 3], window: [usize; 4], mut f: impl FnMut(usize, usize)) {
    let [image, jz, jy, jx] = window;
    for kz in 0..axes[0].taps {
        let Some(z) = axes[0].position(jz, kz) else { continue };
        for ky in 0..axes[1].taps {
            let Some(y) = axes[1].position(jy, ky) else { continue };
            for kx in 0..axes[2].taps {
                let Some(x) = axes[2].position(jx, kx) else { continue };
                let tap = (kz * g.kernel[1] + ky) * g.kernel[2] + kx;
                f(tap, ((image * g.source[0] + z) * g.source[1] + y) * g.source[2] + x);
            }
        }
    }
}

struct Forward<'a, T> {
    g: &'a Geometry,
    axes: &'a [Axis; 3],
    x: *const T,
    filter: *const T,
    y: *mut T,
    windows: Range<usize>,
}

impl<T: Float> Loop for Forward<'_, T> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let Forward { g, axes, y, .. } = self;
        let many = g.results / g.channels;
        let mut window = Windows::from(axes, self.windows.start);
        for row in self.windows.clone() {
            for first in (0..g.results).step_by(STRIP) {
                let width = STRIP.min(g.results - first);
                let sums = match (many, width) {
                    (1, STRIP) => self.whole_strip::<FUSED>(window.at, first),
                    (1, _) => self.part_of_strip::<FUSED>(window.at, first, width),
                    _ => self.shared_strip::<FUSED>(window.at, first, width, many),
                };
                // SAFETY: the window's own place in `y`.
                unsafe { y.add(row * g.results + first).copy_from_nonoverlapping(sums.as_ptr(), width) };
            }
            window.next(axes);
        }
    }
}

impl<T: Float> Forward<'_, T> {
    /// A strip of channels with one result each. All lengths are constants: the sums are registers.
    #[inline(always)]
    fn whole_strip<const FUSED: bool>(&self, window: [usize; 4], first: usize) -> [T; STRIP] {
        let mut sums = [T::default(); STRIP];
        taps_inside(self.g, self.axes, window, |tap, position| {
            let (x, f) = self.operands(tap, position * self.g.channels + first, first, STRIP, STRIP);
            let (Some(x), Some(f)) = (x.first_chunk::<STRIP>(), f.first_chunk::<STRIP>()) else { return };
            for ((sum, &x), &f) in sums.iter_mut().zip(x).zip(f) {
                *sum = plus_product::<T, FUSED>(*sum, x, f);
            }
        });
        sums
    }

    /// The same for the channels that are left over.
    #[inline(always)]
    fn part_of_strip<const FUSED: bool>(&self, window: [usize; 4], first: usize, width: usize) -> [T; STRIP] {
        let mut sums = [T::default(); STRIP];
        taps_inside(self.g, self.axes, window, |tap, position| {
            let (x, f) = self.operands(tap, position * self.g.channels + first, first, width, width);
            for ((sum, &x), &f) in sums.iter_mut().zip(x).zip(f) {
                *sum = plus_product::<T, FUSED>(*sum, x, f);
            }
        });
        sums
    }

    /// `many` results a channel.
    #[inline(always)]
    fn shared_strip<const FUSED: bool>(
        &self,
        window: [usize; 4],
        first: usize,
        width: usize,
        many: usize,
    ) -> [T; STRIP] {
        let mut sums = [T::default(); STRIP];
        taps_inside(self.g, self.axes, window, |tap, position| {
            let (x, f) = self.operands(tap, position * self.g.channels, first, self.g.channels, width);
            for (i, (sum, &f)) in sums.iter_mut().zip(f).enumerate() {
                *sum = plus_product::<T, FUSED>(*sum, x[(first + i) / many], f);
            }
        });
        sums
    }

    /// `channels` elements of `x` from one on, and a tap's `width` elements of the filter from result `first` on.
    #[inline(always)]
    fn operands(&self, tap: usize, from: usize, first: usize, channels: usize, width: usize) -> (&[T], &[T]) {
        // SAFETY: taps, positions and channels are inside the filter and `x`.
        unsafe { (slice(self.x.add(from), channels), slice(self.filter.add(tap * self.g.results + first), width)) }
    }
}

struct ByInput<'a, T> {
    g: &'a Geometry,
    dy: *const T,
    filter: *const T,
    dx: *mut T,
    places: Range<usize>,
}

impl<T: Float> Loop for ByInput<'_, T> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let ByInput { g, dy, filter, dx, places } = self;
        let many = g.results / g.channels;
        // The window along an axis that has its tap `tap` at a place.
        let window = |axis: usize, place: usize, tap: usize| {
            let distance = place as i64 + g.before[axis] - tap as i64 * g.dilations[axis];
            let at = usize::try_from(distance / g.strides[axis]).ok().filter(|&at| at < g.target[axis])?;
            (distance >= 0 && distance % g.strides[axis] == 0).then_some(at)
        };
        let [_, sy, sx] = g.source;
        for place in places {
            let at = [place / sx / sy % g.source[0], place / sx % sy, place % sx];
            let image = place / sx / sy / g.source[0];
            for first in (0..g.channels).step_by(STRIP) {
                let width = STRIP.min(g.channels - first);
                let mut sums = [T::default(); STRIP];
                for tap in 0..g.taps() {
                    let taps = [tap / g.kernel[2] / g.kernel[1], tap / g.kernel[2] % g.kernel[1], tap % g.kernel[2]];
                    let Some(z) = window(0, at[0], taps[0]) else { continue };
                    let Some(y) = window(1, at[1], taps[1]) else { continue };
                    let Some(x) = window(2, at[2], taps[2]) else { continue };
                    let row = ((image * g.target[0] + z) * g.target[1] + y) * g.target[2] + x;
                    // SAFETY: the window is one of `dy`'s; taps and channels are inside the filter.
                    let (d, f) = unsafe {
                        let count = width * many;
                        let at = first * many;
                        (slice(dy.add(row * g.results + at), count), slice(filter.add(tap * g.results + at), count))
                    };
                    if many == 1 {
                        for ((sum, &d), &f) in sums[..width].iter_mut().zip(d).zip(f) {
                            *sum = plus_product::<T, FUSED>(*sum, d, f);
                        }
                    } else {
                        for (i, (&d, &f)) in d.iter().zip(f).enumerate() {
                            sums[i / many] = plus_product::<T, FUSED>(sums[i / many], d, f);
                        }
                    }
                }
                // SAFETY: the place's own channels of `dx`.
                unsafe { dx.add(place * g.channels + first).copy_from_nonoverlapping(sums.as_ptr(), width) };
            }
        }
    }
}

struct ByFilter<'a, T> {
    g: &'a Geometry,
    axes: &'a [Axis; 3],
    x: *const T,
    dy: *const T,
    df: *mut T,
    windows: Range<usize>,
}

impl<T: Float> Loop for ByFilter<'_, T> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let ByFilter { g, axes, x, dy, df, windows } = self;
        let many = g.results / g.channels;
        // SAFETY: the chunk's own copy of the filter's gradient.
        unsafe { df.write_bytes(0, g.taps() * g.results) };
        let mut window = Windows::from(axes, windows.start);
        for row in windows {
            // SAFETY: the window is one of `dy`'s.
            let d = unsafe { slice(dy.add(row * g.results), g.results) };
            taps_inside(g, axes, window.at, |tap, position| {
                // SAFETY: taps, positions and channels are inside the filter and `x`.
                let (x, sums) = unsafe {
                    (
                        slice(x.add(position * g.channels), g.channels),
                        std::slice::from_raw_parts_mut(df.add(tap * g.results), g.results),
                    )
                };
                if many == 1 {
                    for ((sum, &d), &x) in sums.iter_mut().zip(d).zip(x) {
                        *sum = plus_product::<T, FUSED>(*sum, x, d);
                    }
                } else {
                    for (i, (sum, &d)) in sums.iter_mut().zip(d).enumerate() {
                        *sum = plus_product::<T, FUSED>(*sum, x[i / many], d);
                    }
                }
            });
            window.next(axes);
        }
    }
}

/// So many elements.
///
/// # Safety
/// They are readable, and nobody writes them meanwhile.
#[inline(always)]
unsafe fn slice<'a, T>(ptr: *const T, len: usize) -> &'a [T] {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(ptr, len) }
}
