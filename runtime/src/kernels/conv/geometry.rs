//! [`Geometry`]: the sizes of a convolution, whatever its number of axes, as three axes.

use crate::error::{Error, Kind, Result};

/// Sizes, checked: all products of positions and strides fit into an i64.
#[derive(Debug)]
pub struct Geometry {
    /// Number of images.
    pub batch: usize,
    /// Axes of `x`.
    pub source: [usize; 3],
    /// Axes of the filter.
    pub kernel: [usize; 3],
    /// Axes of `y`.
    pub target: [usize; 3],
    /// Distance of windows.
    pub strides: [i64; 3],
    /// Distance of a window's elements.
    pub dilations: [i64; 3],
    /// Zeros before the first element.
    pub before: [i64; 3],
    /// Channels of `x`.
    pub channels: usize,
    /// Channels of a group.
    pub depth: usize,
    /// Channels of `y`.
    pub results: usize,
    /// Number of groups.
    pub groups: usize,
}

/// Axes and parameters are less than this.
const LIMIT: i64 = 1 << 31;

impl Geometry {
    /// The sizes of a convolution of `x` with `filter` to `y`; `params` are strides, dilations and zeros before, one
    /// of each an axis.
    pub fn new(name: &str, x: &[usize], filter: &[usize], y: &[usize], params: &[i64]) -> Result<Geometry> {
        let wrong = |what: &str| {
            Err(Error::new(
                Kind::Shape,
                format!("{name}: {what} (x {x:?}, filter {filter:?}, y {y:?}, params {params:?})"),
            ))
        };
        let Some(rank) = x.len().checked_sub(2).filter(|r| (1..=3).contains(r)) else {
            return wrong("expected one to three axes besides batch and channels");
        };
        if filter.len() != rank + 2 || y.len() != rank + 2 || params.len() != 3 * rank {
            return wrong("the ranks of operands and parameters differ");
        }
        let mut sizes = x.iter().chain(filter).chain(y);
        if sizes.any(|&size| size as i64 >= LIMIT) || params.iter().any(|p| p.abs() >= LIMIT) {
            return wrong("sizes and parameters must be less than 2^31");
        }
        let mut geometry = Geometry {
            batch: x[0],
            source: [1; 3],
            kernel: [1; 3],
            target: [1; 3],
            strides: [1; 3],
            dilations: [1; 3],
            before: [0; 3],
            channels: x[rank + 1],
            depth: filter[rank],
            results: filter[rank + 1],
            groups: 1,
        };
        // Missing axes come first, with length 1.
        let first = 3 - rank;
        for axis in 0..rank {
            geometry.source[first + axis] = x[axis + 1];
            geometry.kernel[first + axis] = filter[axis];
            geometry.target[first + axis] = y[axis + 1];
            geometry.strides[first + axis] = params[axis];
            geometry.dilations[first + axis] = params[rank + axis];
            geometry.before[first + axis] = params[2 * rank + axis];
        }
        if geometry.strides.iter().chain(&geometry.dilations).any(|&step| step < 1) {
            return wrong("strides and dilations must be at least 1");
        }
        if y[0] != x[0] || y[rank + 1] != geometry.results {
            return wrong("batch or channels of x, filter and y differ");
        }
        if geometry.depth == 0 || !geometry.channels.is_multiple_of(geometry.depth) {
            return wrong("the channels of x are no multiple of the filter's");
        }
        geometry.groups = geometry.channels / geometry.depth;
        if geometry.groups == 0 || !geometry.results.is_multiple_of(geometry.groups) {
            return wrong("the result's channels do not divide into the groups");
        }
        Ok(geometry)
    }

    /// Elements of a window in one channel.
    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Windows in all images.
    pub fn positions(&self) -> usize {
        self.batch * self.target.iter().product::<usize>()
    }

    /// Positions of `x` in all images.
    pub fn sources(&self) -> usize {
        self.batch * self.source.iter().product::<usize>()
    }

    /// Whether windows are the positions of `x` themselves: then all is one dense product.
    pub fn is_pointwise(&self) -> bool {
        self.taps() == 1
            && self.groups == 1
            && self.source == self.target
            && self.strides == [1; 3]
            && self.before == [0; 3]
    }

    /// Whether each channel is a group of its own, worth computing without products.
    pub fn is_depthwise(&self) -> bool {
        self.depth == 1 && self.groups > 1
    }
}
