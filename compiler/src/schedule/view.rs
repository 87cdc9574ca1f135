//! Movement without copies: a value as affine elements of another value's buffer.
//!
//! [`View::of`] follows reshape, transpose, broadcast, slice and reverse back to the value whose elements are
//! really in memory, as far as the elements stay affine.

use crate::base::Dim;
use crate::base::spec::Dims;
use crate::graph::opdef::{Lower, Movement};
use crate::graph::{Graph, Node, ValueId};
use crate::ops::infer;

/// Element `i` of the value is element `offset + Σ i[k]*strides[k]` of `root`'s row-major buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The value in memory.
    pub root: ValueId,
    /// The viewed value's axis lengths.
    pub dims: Dims,
    /// In elements of the root; 0 for axes of length 1.
    pub strides: Dims,
    /// In elements of the root.
    pub offset: Dim,
}

/// Row-major strides of a shape.
pub fn row_major(dims: &[Dim]) -> Dims {
    let mut strides: Dims = dims.iter().map(|_| Dim::ONE).collect();
    for k in (0..dims.len().saturating_sub(1)).rev() {
        strides[k] = strides[k + 1].clone() * dims[k + 1].clone();
    }
    for (stride, dim) in strides.iter_mut().zip(dims) {
        if *dim == Dim::ONE {
            *stride = Dim::ZERO;
        }
    }
    strides
}

impl View {
    /// The value as it is.
    pub fn whole(graph: &Graph, value: ValueId) -> View {
        let dims = graph.spec(value).dims.clone();
        View { root: value, strides: row_major(&dims), dims, offset: Dim::ZERO }
    }

    /// The value as elements of the farthest value that movements lead back to.
    pub fn of(graph: &Graph, value: ValueId) -> View {
        // Back to the first value that is no view, then forward again: chains may be longer than a stack is deep.
        let mut chain = Vec::new();
        let mut at = value;
        while let Lower::Movement(movement) = graph.node(at.node).op.lower
            && !matches!(movement, Movement::Pad | Movement::Concat)
            && let Some(&operand) = graph.node(at.node).inputs.first()
        {
            chain.push((movement, at));
            at = operand;
        }
        chain.iter().rev().fold(View::whole(graph, at), |base, &(movement, at)| {
            let moved = base.moved(movement, graph.node(at.node), &graph.spec(at).dims);
            moved.unwrap_or_else(|| View::whole(graph, at))
        })
    }

    /// Whether the elements are all of the root's, in order.
    pub fn is_dense(&self) -> bool {
        self.offset == Dim::ZERO && self.strides == row_major(&self.dims)
    }

    /// Whether neighbours along the last axis are neighbours in memory, or one element: what vectors like.
    pub fn has_contiguous_lanes(&self) -> bool {
        let last = self.dims.iter().zip(&self.strides).rev().find(|(dim, _)| **dim != Dim::ONE);
        last.is_none_or(|(_, stride)| *stride == Dim::ONE || *stride == Dim::ZERO)
    }

    fn moved(self, movement: Movement, node: &Node, dims: &Dims) -> Option<View> {
        let View { root, dims: from, mut strides, mut offset } = self;
        let rank = from.len();
        let strides: Dims = match movement {
            Movement::Reshape => reshaped(&from, &strides, dims)?,
            Movement::Transpose => {
                let perm = infer::permutation(&node.attrs, rank).ok()?;
                perm.iter().map(|&axis| strides[axis].clone()).collect()
            }
            Movement::Broadcast => {
                let added = dims.len().checked_sub(rank)?;
                let zero = std::iter::repeat_n(Dim::ZERO, added);
                let kept = (0..rank).map(|k| if from[k] == Dim::ONE { Dim::ZERO } else { strides[k].clone() });
                zero.chain(kept).collect()
            }
            Movement::Slice => {
                let begin = node.attrs.dims("begin")?;
                let steps = node.attrs.ints("strides");
                for k in 0..rank {
                    offset = offset + begin.get(k)?.clone() * strides[k].clone();
                    if let Some(steps) = steps {
                        strides[k] = strides[k].clone() * Dim::from(*steps.get(k)?);
                    }
                }
                strides
            }
            Movement::Reverse => {
                for axis in infer::axes(&node.attrs, rank).ok()? {
                    offset = offset + (from[axis].clone() - Dim::ONE) * strides[axis].clone();
                    strides[axis] = strides[axis].clone() * Dim::from(-1i64);
                }
                strides
            }
            Movement::Pad | Movement::Concat => return None,
        };
        let unit_strides = strides.iter().zip(dims).map(|(s, d)| if *d == Dim::ONE { Dim::ZERO } else { s.clone() });
        Some(View { root, strides: unit_strides.collect(), dims: dims.clone(), offset })
    }
}

/// Strides after a reshape: if the elements are dense, or if only axes of length 1 come and go.
fn reshaped(from: &Dims, strides: &Dims, to: &Dims) -> Option<Dims> {
    if *strides == row_major(from) {
        return Some(row_major(to));
    }
    unit_reshape(from, to).map(|axes| axes.iter().map(|a| a.map_or(Dim::ZERO, |a| strides[a].clone())).collect())
}

/// For each axis of `to`, the axis of `from` that it is, if they differ in axes of length 1 only (None: such an axis).
pub fn unit_reshape(from: &[Dim], to: &[Dim]) -> Option<Vec<Option<usize>>> {
    let mut rest = (0..from.len()).filter(|&k| from[k] != Dim::ONE);
    let mut axes = Vec::with_capacity(to.len());
    for dim in to {
        if *dim == Dim::ONE {
            axes.push(None);
            continue;
        }
        let axis = rest.next().filter(|&k| from[k] == *dim)?;
        axes.push(Some(axis));
    }
    rest.next().is_none().then_some(axes)
}
