//! The abstract value of a tensor: dtype and shape, sizes possibly symbolic.

use super::{DType, Dim};
use smallvec::SmallVec;
use std::fmt;

/// The lengths of a tensor's axes.
pub type Dims = SmallVec<[Dim; 4]>;

/// What is known of a tensor while compiling.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TensorSpec {
    /// Element type.
    pub dtype: DType,
    /// The length of each axis.
    pub dims: Dims,
}

impl TensorSpec {
    /// A spec from a dtype and axis lengths.
    pub fn new(dtype: DType, dims: impl IntoIterator<Item = impl Into<Dim>>) -> Self {
        Self { dtype, dims: dims.into_iter().map(Into::into).collect() }
    }

    /// A rank-0 tensor.
    pub fn scalar(dtype: DType) -> Self {
        Self { dtype, dims: Dims::new() }
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.dims.len()
    }

    /// Number of elements.
    pub fn numel(&self) -> Dim {
        self.dims.iter().product()
    }

    /// The shape, if every length is constant.
    pub fn const_shape(&self) -> Option<Vec<usize>> {
        self.dims.iter().map(|d| d.as_const().and_then(|c| usize::try_from(c).ok())).collect()
    }

    /// The same shape with another dtype.
    pub fn with_dtype(&self, dtype: DType) -> Self {
        Self { dtype, dims: self.dims.clone() }
    }
}

impl fmt::Display for TensorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[", self.dtype)?;
        for (i, dim) in self.dims.iter().enumerate() {
            write!(f, "{}{dim}", if i > 0 { ", " } else { "" })?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for TensorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
