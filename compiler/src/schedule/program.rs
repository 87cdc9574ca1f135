//! Steps, buffers and donations: a schedule is a program whose kernels are still IR.
//!
//! Start with [`schedule`]. Units (groups, library calls, copies) are ordered so that operands come first, earliest
//! graph node first among the ready ones; each value that a unit reads or writes gets a buffer that lives from its
//! first to its last step.

use super::group::{Grouping, group, is_inlined};
use super::lower::{Lowered, Operand, leaf_view, lower, lower_rows};
use super::order::{Unit, stored_members, units};
use super::view::View;
use crate::base::{Atom, DType, Dim, Error, Kind, Result};
use crate::codegen::plan;
use crate::graph::opdef::{Lower, Movement, Source, SpecCx};
use crate::graph::walk::{self, ValueMap};
use crate::graph::{Graph, NodeId, ValueId};
use crate::kernel::verify::verify;
use crate::kernel::{Access, BufferParam, Inst, Kernel, Pass, PassKind, ScratchNeed, Size};
use crate::options::{Level, Options};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use tracelift_runtime::program::{
    BufferDecl, BufferId, Donation, KernelCall, KernelId, LibraryCall, Place, Program, SizeId, SizeStep, Step,
    SymbolSource, TensorDecl, TensorRef,
};

/// A program without code, the kernels to compile for it, and what did not fuse.
#[derive(Clone)]
pub struct Schedule {
    /// All but code and kernel declarations; scratch sizes are filled in by [`Schedule::set_scratch`].
    pub program: Program,
    /// The kernels, by [`KernelId`].
    pub kernels: Vec<Kernel>,
    /// Which nodes share a kernel, and what did not fuse and why.
    pub grouping: Grouping,
    /// Lanes of each kernel's grid point, for its scratch size.
    lanes: Vec<Dim>,
}

/// Schedules a graph whose nodes are all primitive.
pub fn schedule(graph: &Graph, options: &Options) -> Result<Schedule> {
    let grouping = group(graph, options);
    let stored = stored_members(graph, &grouping);
    let mut builder = Builder::new(graph, &grouping, &stored, options);
    builder.declare_inputs()?;
    for unit in units(graph, &grouping)? {
        builder.add(unit)?;
    }
    builder.declare_outputs()?;
    let (program, kernels, lanes) = builder.finish();
    Ok(Schedule { program, kernels, grouping, lanes })
}

struct Builder<'a> {
    graph: &'a Graph,
    grouping: &'a Grouping,
    stored: &'a [bool],
    /// Whether groups may become epilogues.
    fuse: bool,
    /// Whether kernels check their accesses.
    checked: bool,
    program: Program,
    kernels: Vec<Kernel>,
    lanes: Vec<Dim>,
    sizes: FxHashMap<Dim, SizeId>,
    /// The graph's slots in the order in which steps define them: the program's numbers.
    slots: Vec<u32>,
    buffers: FxHashMap<Operand, BufferId>,
    users: ValueMap<SmallVec<[NodeId; 2]>>,
}

impl<'a> Builder<'a> {
    fn new(graph: &'a Graph, grouping: &'a Grouping, stored: &'a [bool], options: &Options) -> Self {
        let program = Program { name: graph.name.clone(), ..Program::default() };
        Builder {
            graph,
            grouping,
            stored,
            fuse: options.level >= Level::O2,
            checked: options.debug_bounds,
            program,
            kernels: Vec::new(),
            lanes: Vec::new(),
            sizes: FxHashMap::default(),
            slots: Vec::new(),
            buffers: FxHashMap::default(),
            users: walk::users(graph),
        }
    }

    fn size(&mut self, dim: &Dim) -> SizeId {
        if let Some(&id) = self.sizes.get(dim) {
            return id;
        }
        let id = SizeId(self.program.sizes.len() as u32);
        self.program.sizes.push(self.renumbered(dim));
        self.sizes.insert(dim.clone(), id);
        id
    }

    /// The size with the program's numbers for slots. One that no step has defined gets a number that none has, which
    /// the program's check refuses.
    fn renumbered(&self, dim: &Dim) -> Dim {
        let number = |k: u32| self.slots.iter().position(|&slot| slot == k).map_or(u32::MAX, |at| at as u32);
        dim.substitute(&|atom| match atom {
            Atom::Slot(k, bound) => Some(Dim::slot(number(*k), self.renumbered(bound))),
            _ => None,
        })
    }

    fn sizes_of(&mut self, dims: &[Dim]) -> Vec<SizeId> {
        dims.iter().map(|d| self.size(d)).collect()
    }

    fn declare_inputs(&mut self) -> Result<()> {
        let mut sources: FxHashMap<u32, SymbolSource> = FxHashMap::default();
        for (k, &input) in self.graph.inputs.iter().enumerate() {
            let spec = self.graph.spec(input);
            for (axis, dim) in spec.dims.iter().enumerate() {
                if let Some(symbol) = lone_symbol(dim) {
                    let source = SymbolSource { input: k as u32, axis: axis as u32 };
                    sources.entry(symbol).or_insert(source);
                }
            }
            let len = self.size(&spec.numel());
            let buffer = BufferId(self.program.buffers.len() as u32);
            self.program.buffers.push(BufferDecl { dtype: spec.dtype, len, place: Place::Input(k as u32) });
            self.buffers.insert(Operand::Value(input), buffer);
            let name = self.graph.input_names.get(k).map_or_else(|| format!("input {k}"), |n| n.to_string());
            let dims = self.sizes_of(&spec.dims);
            self.program.inputs.push(TensorDecl { name, dtype: spec.dtype, dims, buffer });
        }
        let count = sources.keys().max().map_or(0, |k| k + 1);
        for k in 0..count {
            let unbound = SymbolSource { input: 0, axis: 0 };
            if !sources.contains_key(&k) && self.uses_symbol(k) {
                return Err(Error::new(Kind::Shape, format!("size n{k} is the length of no input's axis")));
            }
            self.program.symbols.push(sources.get(&k).copied().unwrap_or(unbound));
        }
        Ok(())
    }

    fn uses_symbol(&self, k: u32) -> bool {
        let mut used = false;
        for node in &self.graph.nodes {
            for dim in node.outputs.iter().flat_map(|s| &s.dims) {
                dim.visit(&mut |atom| used |= *atom == crate::base::Atom::Sym(k));
            }
        }
        used
    }

    // Steps.

    fn add(&mut self, unit: Unit) -> Result<()> {
        let id = match unit {
            Unit::Group(index) => return self.add_group(index),
            Unit::Node(id) => id,
        };
        let node = self.graph.node(id);
        match node.op.lower {
            Lower::Parameter | Lower::Source(_) => Ok(()),
            // A movement is a step only where its elements are needed in a buffer of their own.
            Lower::Movement(Movement::Pad | Movement::Concat) => self.materialize(id.result(0)).map(drop),
            Lower::Movement(_) => Ok(()),
            Lower::Slot => self.define_slot(id),
            Lower::Contraction => {
                let flags = ["transpose_a", "transpose_b"].map(|f| Dim::from(i64::from(node.attrs.bool(f))));
                self.library(id, "matmul", &flags)
            }
            Lower::Library(call) | Lower::Window(call) => {
                let inputs: Vec<_> = node.inputs.iter().map(|&v| self.graph.spec(v).clone()).collect();
                let call = call(&SpecCx { inputs: &inputs, attrs: &node.attrs }, &node.outputs)?;
                self.library(id, call.routine, &call.params)
            }
            Lower::Elementwise(_) | Lower::Reduction(_) | Lower::Composite(_) => {
                Err(Error::new(Kind::Internal, format!("`{}` reached the scheduler ungrouped", node.op.name)))
            }
        }
    }

    /// A step that reads the slot's value, unless one has: the node is the same number again.
    fn define_slot(&mut self, id: NodeId) -> Result<()> {
        let node = self.graph.node(id);
        let value = self.materialize(node.inputs[0])?;
        self.buffers.insert(Operand::Value(id.result(0)), value);
        let size = node.attrs.dims("size").and_then(|sizes| sizes.first()).and_then(Dim::as_slot_atom);
        let Some(Atom::Slot(k, bound)) =
            size.filter(|atom| !matches!(atom, Atom::Slot(k, _) if self.slots.contains(k)))
        else {
            return Ok(());
        };
        let bound = self.size(bound);
        self.slots.push(*k);
        self.program.steps.push(Step::Size(SizeStep { value, bound }));
        Ok(())
    }

    fn library(&mut self, id: NodeId, routine: &str, params: &[Dim]) -> Result<()> {
        let node = self.graph.node(id);
        let inputs = node.inputs.iter().map(|&v| self.dense(v)).collect::<Result<Vec<_>>>()?;
        let outputs = (0..node.outputs.len() as u32).map(|k| self.fresh_ref(id.result(k))).collect();
        let params = self.sizes_of(params);
        let call = LibraryCall { routine: routine.into(), inputs, outputs, params, epilogue: None };
        self.program.steps.push(Step::Library(call));
        Ok(())
    }

    /// A buffer in which the value's elements lie dense, made by a step if need be.
    fn dense(&mut self, value: ValueId) -> Result<TensorRef> {
        let dims = self.graph.spec(value).dims.clone();
        let dims = self.sizes_of(&dims);
        Ok(TensorRef { buffer: self.materialize(value)?, dims })
    }

    fn materialize(&mut self, value: ValueId) -> Result<BufferId> {
        if let Some(&buffer) = self.buffers.get(&Operand::Value(value)) {
            return Ok(buffer);
        }
        let node = self.graph.node(value.node);
        let buffer = match node.op.lower {
            Lower::Source(source) => self.materialize_source(value, source)?,
            Lower::Movement(Movement::Pad) => {
                let before = node.attrs.dims("before").unwrap_or_default().to_vec();
                self.moved(value, "pad", &before)?
            }
            Lower::Movement(Movement::Concat) => {
                let axis = crate::ops::infer::axis(&node.attrs, 0, self.graph.spec(value).rank())?;
                self.moved(value, "concat", &[Dim::from(axis)])?
            }
            Lower::Movement(_) => self.copy_view(value)?,
            _ => return Err(Error::new(Kind::Internal, format!("`{}` is read before it is computed", node.op.name))),
        };
        self.buffers.insert(Operand::Value(value), buffer);
        Ok(buffer)
    }

    fn moved(&mut self, value: ValueId, routine: &str, params: &[Dim]) -> Result<BufferId> {
        self.library(value.node, routine, params)?;
        Ok(self.buffers[&Operand::Value(value)])
    }

    fn copy_view(&mut self, value: ValueId) -> Result<BufferId> {
        let view = View::of(self.graph, value);
        if view.root == value {
            // Not affine: a reshape of something that is not dense. Its operand is made dense first.
            let operand = self.graph.node(value.node).inputs[0];
            return self.materialize(operand);
        }
        if view.is_dense() && self.graph.spec(view.root).numel() == self.graph.spec(value).numel() {
            return self.materialize(view.root);
        }
        let input = self.dense(view.root)?;
        let mut params = vec![view.offset.clone()];
        params.extend(view.strides.iter().cloned());
        let output = self.fresh_ref(value);
        let params = self.sizes_of(&params);
        let buffer = output.buffer;
        let call = LibraryCall {
            routine: "copy_strided".into(),
            inputs: vec![input],
            outputs: vec![output],
            params,
            epilogue: None,
        };
        self.program.steps.push(Step::Library(call));
        Ok(buffer)
    }

    fn materialize_source(&mut self, value: ValueId, source: Source) -> Result<BufferId> {
        let node = self.graph.node(value.node);
        match source {
            Source::Constant => {
                let data =
                    node.attrs.data("value").ok_or_else(|| Error::new(Kind::Internal, "a constant without value"))?;
                let offset = self.program.constants.len().next_multiple_of(64);
                self.program.constants.resize(offset, 0);
                self.program.constants.extend_from_slice(data.as_bytes());
                let len = self.size(&Dim::from(data.len()));
                Ok(self.declare(data.dtype(), len, Place::Constant(offset as u64)))
            }
            Source::Iota => {
                let axis = crate::ops::infer::axis(&node.attrs, 0, self.graph.spec(value).rank())?;
                self.moved(value, "iota", &[Dim::from(axis)])
            }
            Source::Size => {
                let dim = node.attrs.dims("dims").and_then(|d| d.first()).cloned().unwrap_or(Dim::ONE);
                Ok(self.store_size(value, &dim))
            }
        }
    }

    /// A kernel that writes a size to a buffer.
    fn store_size(&mut self, value: ValueId, dim: &Dim) -> BufferId {
        let mut kernel = Kernel { name: "size".into(), sizes: 1, ..Kernel::default() };
        kernel.buffers.push(BufferParam { dtype: DType::I64, read: false, written: true, far: false });
        kernel.passes.push(Pass { kind: PassKind::Scalar, insts: Vec::new() });
        let size = kernel.push(Inst::Size(Size::Arg(0)), DType::I64);
        let none = Size::Const(0);
        let access =
            Access { buffer: 0, offset: none, grid: SmallVec::new(), seq: SmallVec::new(), lane: none, block: none };
        kernel.push(Inst::Store(access, size), DType::I64);
        let call = self.kernel_call(Lowered {
            kernel,
            operands: vec![Operand::Value(value)],
            sizes: vec![dim.clone()],
            grid: Dim::ONE,
            lanes: Dim::ONE,
            point_cost: Dim::ONE,
            partials: Vec::new(),
        });
        self.program.steps.push(Step::Kernel(call));
        self.buffers[&Operand::Value(value)]
    }

    fn add_group(&mut self, index: usize) -> Result<()> {
        for id in self.grouping.groups[index].nodes.clone() {
            for &operand in &self.graph.node(id).inputs.clone() {
                let base = self.grouping.renames.base(operand);
                let inside = self.grouping.members[base.node.index()].as_ref().is_some_and(|m| m.group == index);
                if !inside && !is_inlined(self.graph, base) {
                    self.materialize(leaf_view(self.graph, operand, self.grouping.is_fixed(index)).root)?;
                }
            }
        }
        if let Some(product) = self.product_before(index) {
            let lowered = lower_rows(self.graph, self.grouping, index, self.stored)?;
            let call = self.kernel_call(lowered);
            // Only this group reads the product, so that it may run as late as here, after all other operands.
            let mut step = self.program.steps.remove(product);
            if let Step::Library(library) = &mut step {
                library.epilogue = Some(call);
            }
            self.program.steps.push(step);
            return Ok(());
        }
        for lowered in lower(self.graph, self.grouping, index, self.stored)? {
            let call = self.kernel_call(lowered);
            self.program.steps.push(Step::Kernel(call));
        }
        Ok(())
    }

    /// The step of a product whose rows the group can finish one by one: only the group reads it, element by element.
    fn product_before(&self, index: usize) -> Option<usize> {
        let group = &self.grouping.groups[index];
        let last_axis = group.frame.len().checked_sub(1)?;
        if !self.fuse
            || self.grouping.is_fixed(index)
            || group.reduced.as_ref().is_some_and(|r| r.as_slice() != [last_axis])
        {
            return None;
        }
        for &id in &group.nodes {
            for &operand in &self.graph.node(id).inputs {
                let product = self.graph.node(operand.node);
                let whole = matches!(product.op.lower, Lower::Contraction | Lower::Window(_))
                    && self.graph.spec(operand).dims == group.frame
                    && !self.stored_outside(operand, index);
                let step = whole.then(|| self.step_writing(operand)).flatten();
                if step.is_some() {
                    return step;
                }
            }
        }
        None
    }

    /// Whether anyone but the group's members reads the value.
    fn stored_outside(&self, value: ValueId, index: usize) -> bool {
        let member = |user: NodeId| self.grouping.members[user.index()].as_ref().is_some_and(|m| m.group == index);
        self.graph.outputs.contains(&value) || self.users[value].iter().any(|&user| !member(user))
    }

    fn step_writing(&self, value: ValueId) -> Option<usize> {
        let buffer = self.buffers.get(&Operand::Value(value))?;
        let writes = |step: &Step| match step {
            Step::Library(call) => call.epilogue.is_none() && call.outputs.iter().any(|o| o.buffer == *buffer),
            Step::Kernel(_) | Step::Size(_) => false,
        };
        self.program.steps.iter().rposition(writes)
    }

    fn kernel_call(&mut self, lowered: Lowered) -> KernelCall {
        for (id, dtype, count) in &lowered.partials {
            let len = self.size(count);
            let buffer = self.declare(*dtype, len, Place::Temp { first: 0, last: 0 });
            self.buffers.insert(Operand::Partial(*id), buffer);
        }
        let operands = lowered.operands.iter().map(|operand| match operand {
            Operand::Value(value) if !self.buffers.contains_key(operand) => self.fresh_ref(*value).buffer,
            known => self.buffers[known],
        });
        let operands: Vec<BufferId> = operands.collect();
        let mut kernel = lowered.kernel;
        let mut sizes = self.sizes_of(&lowered.sizes);
        if self.checked {
            kernel.checked = true;
            kernel.sizes += operands.len() as u32;
            sizes.extend(operands.iter().map(|b| self.program.buffers[b.index()].len));
        }
        let call = KernelCall {
            kernel: KernelId(self.kernels.len() as u32),
            operands,
            sizes,
            grid: self.size(&lowered.grid),
            point_cost: self.size(&lowered.point_cost),
            scratch: SizeId(0),
        };
        self.kernels.push(kernel);
        self.lanes.push(self.renumbered(&lowered.lanes));
        call
    }

    fn fresh_ref(&mut self, value: ValueId) -> TensorRef {
        let spec = self.graph.spec(value).clone();
        let len = self.size(&spec.numel());
        let buffer = self.declare(spec.dtype, len, Place::Temp { first: 0, last: 0 });
        self.buffers.insert(Operand::Value(value), buffer);
        TensorRef { buffer, dims: self.sizes_of(&spec.dims) }
    }

    fn declare(&mut self, dtype: DType, len: SizeId, place: Place) -> BufferId {
        self.program.buffers.push(BufferDecl { dtype, len, place });
        BufferId(self.program.buffers.len() as u32 - 1)
    }

    // Results.

    fn declare_outputs(&mut self) -> Result<()> {
        for (k, &value) in self.graph.outputs.iter().enumerate() {
            let TensorRef { buffer, dims } = self.dense(value)?;
            let place = &mut self.program.buffers[buffer.index()].place;
            if let Place::Temp { .. } = place {
                *place = Place::Output(k as u32);
            }
            let dtype = self.graph.spec(value).dtype;
            self.program.outputs.push(TensorDecl { name: format!("output {k}"), dtype, dims, buffer });
        }
        for &(input, output) in &self.graph.donations {
            let in_place = self.may_update_in_place(input, output);
            self.program.donations.push(Donation { input, output, in_place });
        }
        Ok(())
    }

    /// Whether no step needs the old value once the step that writes the new one has begun, except at equal index.
    fn may_update_in_place(&self, input: u32, output: u32) -> bool {
        let old = self.program.inputs[input as usize].buffer;
        let new = self.program.outputs[output as usize].buffer;
        let shared = self.program.outputs.iter().filter(|o| o.buffer == new || o.buffer == old).count();
        if !matches!(self.program.buffers[new.index()].place, Place::Output(_)) || shared != 1 {
            return false;
        }
        let Some(writer) = self.program.steps.iter().position(|s| touches(s, new)) else { return false };
        let reads_after = self.program.steps[writer + 1..].iter().any(|s| touches(s, old));
        if reads_after {
            return false;
        }
        match &self.program.steps[writer] {
            step if !touches(step, old) => true,
            Step::Library(call) if call.inputs.iter().any(|i| i.buffer == old) => false,
            Step::Kernel(call) | Step::Library(LibraryCall { epilogue: Some(call), .. }) => {
                let at = |b: BufferId| call.operands.iter().position(|o| *o == b).map(|p| p as u32);
                let kernel = &self.kernels[call.kernel.index()];
                matches!((at(old), at(new)), (Some(read), Some(written)) if plan::may_alias(kernel, read, written))
            }
            Step::Library(_) | Step::Size(_) => false,
        }
    }

    /// The program, its kernels, and the lanes of each.
    fn finish(mut self) -> (Program, Vec<Kernel>, Vec<Dim>) {
        let mut alive = vec![false; self.program.buffers.len()];
        for (index, step) in self.program.steps.iter().enumerate() {
            for buffer in touched(step) {
                if let Place::Temp { first, last } = &mut self.program.buffers[buffer.index()].place {
                    if !std::mem::replace(&mut alive[buffer.index()], true) {
                        *first = index as u32;
                    }
                    *last = index as u32;
                }
            }
        }
        (self.program, self.kernels, self.lanes)
    }
}

impl Schedule {
    /// Checks every kernel's invariants, and its accesses against the buffers of its call where sizes are constant.
    pub fn verify(&self) -> Result<()> {
        for step in &self.program.steps {
            let (Step::Kernel(call) | Step::Library(LibraryCall { epilogue: Some(call), .. })) = step else { continue };
            let len = |b: &BufferId| self.program.sizes[self.program.buffers[b.index()].len.index()].as_const();
            let lens: Vec<Option<i64>> = call.operands.iter().map(len).collect();
            verify(&self.kernels[call.kernel.index()], &lens)?;
        }
        Ok(())
    }

    /// Fills in what the kernels' code needs as scratch memory, in the kernels' order.
    pub fn set_scratch(&mut self, needs: &[ScratchNeed]) {
        let sizes: Vec<Dim> = (needs.iter().zip(&self.lanes))
            .map(|(need, lanes)| Dim::from(need.fixed as i64) + lanes.clone() * Dim::from(need.per_lane as i64))
            .collect();
        for step in &mut self.program.steps {
            let call = match step {
                Step::Kernel(call) => call,
                Step::Library(LibraryCall { epilogue: Some(call), .. }) => call,
                Step::Library(_) | Step::Size(_) => continue,
            };
            call.scratch = SizeId(self.program.sizes.len() as u32);
            self.program.sizes.push(sizes[call.kernel.index()].clone());
        }
    }
}

/// The symbol that a dim is, if it is nothing else.
fn lone_symbol(dim: &Dim) -> Option<u32> {
    match dim.terms().as_slice() {
        [term] if term.coef == 1 => match term.atoms.as_slice() {
            [crate::base::Atom::Sym(k)] => Some(*k),
            _ => None,
        },
        _ => None,
    }
}

fn touched(step: &Step) -> Vec<BufferId> {
    match step {
        Step::Kernel(call) => call.operands.clone(),
        Step::Size(size) => vec![size.value],
        Step::Library(call) => {
            let own = call.inputs.iter().chain(&call.outputs).map(|t| t.buffer);
            own.chain(call.epilogue.iter().flat_map(|e| e.operands.iter().copied())).collect()
        }
    }
}

fn touches(step: &Step, buffer: BufferId) -> bool {
    touched(step).contains(&buffer)
}
