//! Reductions of all of a large space: chunks of it are reduced in parallel, then their results by a second kernel.

use super::{Lowered, Lowering, Operand};
use crate::base::{Dim, Result};
use crate::kernel::{Access, Inst, PassKind, Size};
use crate::schedule::space::Space;
use smallvec::SmallVec;

impl Lowering<'_> {
    /// The first kernel of a chunked reduction: partial results of every block or row.
    pub(super) fn partial_pass(&mut self) -> Result<()> {
        self.begin_lanes(true);
        let blocks = self.blocks();
        let split = self.kernel.split.is_some();
        for id in self.nodes_where(|l, id| l.reduction(id).is_some()) {
            let value = self.operand(id, self.graph.node(id).inputs[0])?;
            let kind = self.reduction(id).expect("chosen as a reduction");
            let dtype = self.dtype(id);
            let part = self.kernel.push(Inst::Reduce { kind, value, lanes: true }, dtype);
            self.rows.insert(id, part);
            self.partials.push((id, dtype, blocks.clone()));
        }
        let full = self.nodes_where(|l, id| l.stored[id.index()] && !l.is_row(id));
        self.store_all(&full)?;
        self.end_lanes(true);
        self.begin(PassKind::Scalar);
        let grid_dims = self.space.grid();
        let strides = crate::schedule::view::row_major(&grid_dims);
        for (id, dtype, _) in self.partials.clone() {
            let buffer = self.buffer(Operand::Partial(id), dtype, true);
            let access = Access {
                buffer,
                offset: Size::Const(0),
                grid: strides.iter().map(|s| self.size(s)).collect(),
                seq: SmallVec::new(),
                lane: Size::Const(0),
                block: Size::Const(i64::from(split)),
            };
            self.kernel.push(Inst::Store(access, self.rows[&id]), dtype);
        }
        Ok(())
    }

    /// The second kernel of a chunked reduction: combines partial results, then computes what depends on them.
    pub(super) fn combine_partials(&mut self, first: &Lowered, blocks: Dim) -> Result<()> {
        self.space = Space::default();
        self.kernel.grid.clear();
        self.kernel.split = None;
        self.sizes.clear();
        self.kernel.name = format!("combine {}", self.kernel.name);
        self.kernel.lanes = Some(self.size(&blocks));
        self.begin(PassKind::Lanes { seq: SmallVec::new() });
        for &(id, dtype, _) in &first.partials {
            let buffer = self.buffer(Operand::Partial(id), dtype, false);
            let access = Access {
                buffer,
                offset: Size::Const(0),
                grid: SmallVec::new(),
                seq: SmallVec::new(),
                lane: Size::Const(1),
                block: Size::Const(0),
            };
            let value = self.kernel.push(Inst::Load(access), dtype);
            let kind = self.reduction(id).expect("partials are of reductions");
            let result = self.kernel.push(Inst::Reduce { kind, value, lanes: true }, dtype);
            self.rows.insert(id, result);
        }
        self.lane_cost = blocks * Dim::from(20 * first.partials.len().max(1));
        self.begin(PassKind::Scalar);
        for id in self.nodes_where(|l, id| l.is_row(id) && l.reduction(id).is_none()) {
            let value = self.compute(id)?;
            self.rows.insert(id, value);
        }
        let stored = self.nodes_where(|l, id| l.stored[id.index()] && l.is_row(id));
        self.store_all(&stored)
    }
}
