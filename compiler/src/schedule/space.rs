//! From a group's frame to loops: which axes are grid, sequential and lanes, and which of them walk as one.

use super::view::{View, row_major};
use crate::base::Dim;
use crate::base::spec::Dims;
use crate::graph::Graph;
use crate::kernel::Loop;
use crate::schedule::group::{AxisMap, Group};
use smallvec::SmallVec;

/// Strides of an access along the frame's axes, and where it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameAccess {
    /// In elements, one for each frame axis.
    pub strides: Dims,
    /// In elements.
    pub offset: Dim,
}

impl FrameAccess {
    /// A view whose axis `k` runs along frame axis `axes[k]`.
    pub fn of_view(view: &View, axes: &[Option<usize>], rank: usize) -> FrameAccess {
        let mut strides: Dims = (0..rank).map(|_| Dim::ZERO).collect();
        for (k, axis) in axes.iter().enumerate() {
            if let Some(axis) = *axis {
                strides[axis] = strides[axis].clone() + view.strides[k].clone();
            }
        }
        FrameAccess { strides, offset: view.offset.clone() }
    }

    /// A fresh row-major buffer of a value with this map.
    pub fn of_result(graph: &Graph, value: crate::graph::ValueId, map: &AxisMap, rank: usize) -> FrameAccess {
        let dims = graph.spec(value).dims.clone();
        let view = View { root: value, strides: row_major(&dims), dims, offset: Dim::ZERO };
        FrameAccess::of_view(&view, map, rank)
    }
}

/// What a kernel's grid must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Whatever is best.
    Plain,
    /// Reduced loops around the lanes are grid loops: each gives a partial result.
    Partial,
    /// One grid point for each row of the frame's last axis: an epilogue is called by rows.
    Rows,
    /// As plain, for a group that only stores what is left after its reductions: short rows may be reduced side by side.
    Columns,
}

/// The longest row that is reduced side by side with others.
const SHORT_ROW: i64 = 64;

/// The fewest rows for which that pays.
const MANY_ROWS: i64 = 256;

/// One loop over one or several frame axes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopAxis {
    /// The frame axes that it walks, outermost first.
    pub axes: std::ops::Range<usize>,
    /// Number of turns.
    pub len: Dim,
    /// Whether the group reduces it.
    pub reduced: bool,
    /// What it is in the kernel.
    pub role: Loop,
}

/// The loops of a kernel, in frame order; one is the lanes, nearly always the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// The loops; empty for a frame without axes.
    pub loops: Vec<LoopAxis>,
}

impl Space {
    /// Loops for a group: neighbouring axes of one kind that all accesses walk evenly become one, unless `pinned`
    /// (their index is needed).
    pub fn new(group: &Group, accesses: &[FrameAccess], pinned: &[bool], shape: Shape) -> Space {
        let rows = shape == Shape::Partial;
        let reduced = |axis: usize| group.reduced.as_ref().is_some_and(|r| r.contains(&axis));
        let mut loops: Vec<LoopAxis> = Vec::new();
        for (axis, len) in group.frame.iter().enumerate() {
            if let Some(last) = loops.last_mut() {
                let apart = shape == Shape::Rows && axis + 1 == group.frame.len();
                let same_kind = last.reduced == reduced(axis) && !pinned[axis] && !pinned[axis - 1] && !apart;
                let even = |a: &FrameAccess| a.strides[axis - 1] == a.strides[axis].clone() * len.clone();
                if same_kind && accesses.iter().all(even) {
                    last.axes.end = axis + 1;
                    last.len = last.len.clone() * len.clone();
                    continue;
                }
            }
            loops.push(LoopAxis { axes: axis..axis + 1, len: len.clone(), reduced: reduced(axis), role: Loop::Lane });
        }
        let (mut grid, mut seq) = (0, 0);
        let outer = loops.len().saturating_sub(1);
        for l in &mut loops[..outer] {
            let counter = if l.reduced && !rows { &mut seq } else { &mut grid };
            l.role = if l.reduced && !rows { Loop::Seq(*counter) } else { Loop::Grid(*counter) };
            *counter += 1;
        }
        let mut space = Space { loops };
        if shape == Shape::Columns {
            space.turn_short_rows();
        }
        space
    }

    /// Makes the loop before a short reduced one the lanes: vectors of many short sums instead of many calls for one.
    fn turn_short_rows(&mut self) {
        let [.., before, last] = self.loops.as_mut_slice() else { return };
        let short = last.len.as_const().is_some_and(|n| n <= SHORT_ROW);
        let many = before.len.as_const().is_some_and(|n| n >= MANY_ROWS);
        if last.reduced && short && !before.reduced && many {
            before.role = Loop::Lane;
            last.role = Loop::Seq(0);
            let seq = self.loops.iter_mut().filter(|l| matches!(l.role, Loop::Seq(_)));
            for (k, l) in seq.enumerate() {
                l.role = Loop::Seq(k as u32);
            }
        }
    }

    /// The lanes' loop.
    pub fn lanes(&self) -> Option<&LoopAxis> {
        self.loops.iter().find(|l| l.role == Loop::Lane)
    }

    /// Whether the lanes are reduced.
    pub fn lanes_reduced(&self) -> bool {
        self.lanes().is_some_and(|l| l.reduced)
    }

    /// Lengths of the grid loops.
    pub fn grid(&self) -> Vec<Dim> {
        self.loops.iter().filter(|l| matches!(l.role, Loop::Grid(_))).map(|l| l.len.clone()).collect()
    }

    /// Lengths of the sequential loops.
    pub fn seq(&self) -> Vec<Dim> {
        self.loops.iter().filter(|l| matches!(l.role, Loop::Seq(_))).map(|l| l.len.clone()).collect()
    }

    /// The loop that walks a frame axis of its own.
    pub fn role_of(&self, axis: usize) -> Option<Loop> {
        self.loops.iter().find(|l| l.axes == (axis..axis + 1)).map(|l| l.role)
    }

    /// An access's strides along (grid loops, sequential loops, lanes).
    pub fn strides(&self, access: &FrameAccess) -> (SmallVec<[Dim; 3]>, SmallVec<[Dim; 2]>, Dim) {
        let (mut grid, mut seq, mut lane) = (SmallVec::new(), SmallVec::new(), Dim::ZERO);
        for l in &self.loops {
            let stride = access.strides[l.axes.end - 1].clone();
            match l.role {
                Loop::Grid(_) => grid.push(stride),
                Loop::Seq(_) => seq.push(stride),
                Loop::Lane => lane = stride,
            }
        }
        (grid, seq, lane)
    }
}
