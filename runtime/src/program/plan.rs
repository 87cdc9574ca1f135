//! A program bound to the sizes of a call: every size as a number, every temporary at its place in the arena.
//!
//! Start with [`Plan::new`]. A plan holds no addresses: the executor keeps plans and makes frames from them.
//! Invariants: two temporaries that are alive at the same step do not overlap in the arena; lengths and grids
//! are not negative; no size in bytes exceeds [`MAX_BYTES`].

use super::{BufferId, Dim, KernelCall, KernelId, Place, Program, SizeId, Step, TensorDecl, TensorRef};
use crate::array::shape::numel;
use crate::array::{DType, Shape};
use crate::error::{Error, Kind, Result};
use std::ops::Range;

/// Alignment of every buffer of the arena.
pub const ALIGN: usize = 64;

/// A size that a later stage will know.
const UNKNOWN: i64 = i64::MIN;

/// The largest buffer or arena.
pub const MAX_BYTES: usize = isize::MAX as usize / 2;

/// A program's sizes, memory layout and steps for one value of each size symbol. If sizes depend on data, those of one
/// stage, for one value of each slot that is known by then.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The values of the size symbols.
    pub symbols: Vec<i64>,
    /// The values of the slots: as many as there are stages before this one.
    pub slots: Vec<i64>,
    /// The shapes that the inputs must have.
    pub inputs: Vec<Spec>,
    /// The shapes that the outputs will have; those that are not known yet are left empty.
    pub outputs: Vec<Spec>,
    /// Where the temporaries are.
    pub arena: Arena,
    /// What to run; steps with nothing to do are left out.
    pub steps: Vec<PlannedStep>,
    /// The buffers of every step, one step's after another's, in the order in which kernels expect them.
    pub operands: Vec<BufferId>,
    /// The size arguments of every kernel call and the parameters of every library call.
    pub size_args: Vec<i64>,
    /// The axis lengths of every library operand.
    pub dims: Vec<usize>,
}

/// The dtype and shape of an input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Element type.
    pub dtype: DType,
    /// The length of each axis.
    pub shape: Shape,
}

/// The memory of all temporaries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arena {
    /// For each buffer of the program, its byte offset; 0 for those that are not temporaries.
    pub offsets: Vec<usize>,
    /// The size of the arena.
    pub bytes: usize,
    /// The most bytes alive at one step: no layout can be smaller.
    pub peak: usize,
}

/// One step with numbers for sizes.
#[derive(Clone, Debug)]
pub struct PlannedStep {
    /// Index into [`Program::steps`].
    pub index: u32,
    /// Position of its first buffer in [`Plan::operands`]. A library call's inputs come first, then its outputs.
    pub operands: u32,
    /// What it runs.
    pub action: Action,
}

/// What a step runs.
#[derive(Clone, Debug)]
pub enum Action {
    /// A generated kernel.
    Kernel(PlannedKernel),
    /// A library kernel.
    Library(PlannedLibrary),
}

/// A kernel call with numbers for sizes.
#[derive(Clone, Debug)]
pub struct PlannedKernel {
    /// Which.
    pub kernel: KernelId,
    /// Position of its first buffer in [`Plan::operands`].
    pub operands: u32,
    /// Position of its first size in [`Plan::size_args`].
    pub sizes: u32,
    /// Number of grid points, at least 1 except for an epilogue.
    pub grid: i64,
    /// Estimated nanoseconds for each.
    pub point_cost: i64,
    /// Bytes of scratch memory for each thread.
    pub scratch: usize,
}

/// A library call with numbers for sizes.
#[derive(Clone, Debug)]
pub struct PlannedLibrary {
    /// The inputs, in order.
    pub inputs: Vec<PlannedTensor>,
    /// The outputs, in order.
    pub outputs: Vec<PlannedTensor>,
    /// Position of its first parameter in [`Plan::size_args`].
    pub params: u32,
    /// Number of parameters.
    pub param_count: u32,
    /// What to run over finished rows.
    pub epilogue: Option<PlannedKernel>,
}

/// An operand of a library call.
#[derive(Clone, Copy, Debug)]
pub struct PlannedTensor {
    /// Element type.
    pub dtype: DType,
    /// Position of its first axis length in [`Plan::dims`].
    pub dims: u32,
    /// Number of axes.
    pub rank: u32,
}

impl Plan {
    /// The plan of a well-formed `program`, or of its first stage, for these values of its size symbols.
    ///
    /// An error if a size overflows, is negative or divides by zero, or if lengths contradict each other.
    pub fn new(program: &Program, symbols: &[i64]) -> Result<Plan> {
        Plan::of_stage(program, symbols, &[])
    }

    /// As [`Plan::new`], of the stage that follows once these slots are known.
    pub fn of_stage(program: &Program, symbols: &[i64], slots: &[i64]) -> Result<Plan> {
        let stage = slots.len();
        let mut stages = program.stages();
        let (is_last, steps) = (stage + 1 == stages.len(), stages.swap_remove(stage));
        let is_later = |sizes: &[SizeId]| !is_last && program.stage_of(sizes) > stage;
        let size = |(id, size): (u32, &Dim)| match is_later(&[SizeId(id)]) {
            true => Ok(UNKNOWN),
            false => size.eval(symbols, slots),
        };
        let sizes = (0..).zip(&program.sizes).map(size).collect::<Result<Vec<i64>>>();
        let sizes = sizes.map_err(|e| e.in_program(&program.name))?;
        let mut planner = Planner { program, symbols, sizes, operands: vec![], size_args: vec![], dims: vec![] };
        let inputs = program.inputs.iter().map(|input| planner.spec(input)).collect::<Result<Vec<_>>>()?;
        let output = |output: &TensorDecl| match is_later(&output.dims) {
            true => Ok(Spec { dtype: output.dtype, shape: Shape::new() }),
            false => planner.spec(output),
        };
        let outputs = program.outputs.iter().map(output).collect::<Result<Vec<_>>>()?;
        for donation in program.donations.iter().filter(|_| stage == 0) {
            let (old, new) = (&inputs[donation.input as usize], &outputs[donation.output as usize]);
            if old != new {
                let name = &program.inputs[donation.input as usize].name;
                let why = format!("state `{name}` is {}{:?}, its new value {:?}", old.dtype, old.shape, new.shape);
                return Err(planner.error(Kind::Internal, why));
            }
        }
        let arena = planner.arena(&steps)?;
        let mut planned = Vec::with_capacity(steps.len());
        for index in steps {
            planned.extend(planner.step(index, &program.steps[index])?);
        }
        let Planner { operands, size_args, dims, .. } = planner;
        let (symbols, slots) = (symbols.to_vec(), slots.to_vec());
        Ok(Plan { symbols, slots, inputs, outputs, arena, steps: planned, operands, size_args, dims })
    }
}

impl PlannedKernel {
    /// Estimated nanoseconds of the whole call.
    pub fn cost(&self) -> i64 {
        self.grid.saturating_mul(self.point_cost.max(1))
    }
}

struct Planner<'a> {
    program: &'a Program,
    symbols: &'a [i64],
    sizes: Vec<i64>,
    operands: Vec<BufferId>,
    size_args: Vec<i64>,
    dims: Vec<usize>,
}

impl Planner<'_> {
    fn spec(&self, tensor: &TensorDecl) -> Result<Spec> {
        let shape: Shape = tensor.dims.iter().map(|&id| self.length(id)).collect::<Result<_>>()?;
        let len = self.length(self.program.buffers[tensor.buffer.index()].len)?;
        if numel(&shape) != Some(len) {
            let why = format!("`{}` is {}{shape:?}, but its buffer holds {len} elements", tensor.name, tensor.dtype);
            return Err(self.error(Kind::Internal, why));
        }
        self.bytes(tensor.dtype, len)?;
        Ok(Spec { dtype: tensor.dtype, shape })
    }

    /// The memory of the temporaries that these steps, a stage, are the first to write. What later stages read lives
    /// to the end.
    fn arena(&self, steps: &Range<usize>) -> Result<Arena> {
        let mut temps = Vec::new();
        for (b, buffer) in self.program.buffers.iter().enumerate() {
            if self.sizes[buffer.len.index()] == UNKNOWN {
                continue;
            }
            let bytes = self.bytes(buffer.dtype, self.length(buffer.len)?)?;
            match buffer.place {
                Place::Temp { first, last } if steps.contains(&(first as usize)) => {
                    let last = last.min(steps.end as u32 - 1);
                    temps.push(Temp { buffer: b, bytes: bytes.next_multiple_of(ALIGN), first, last });
                }
                Place::Constant(offset) if bytes as u64 > self.program.constants.len() as u64 - offset => {
                    return Err(self.error(Kind::Internal, format!("constant {b} lies outside the constants")));
                }
                _ => {}
            }
        }
        let total = temps.iter().try_fold(0usize, |sum, temp| sum.checked_add(temp.bytes));
        if total.is_none_or(|total| total > MAX_BYTES) {
            return Err(self.error(Kind::Memory, "the temporaries overflow the address space"));
        }
        Ok(place(temps, self.program.buffers.len()))
    }

    fn step(&mut self, index: usize, step: &Step) -> Result<Option<PlannedStep>> {
        let operands = self.operands.len() as u32;
        let action = match step {
            Step::Kernel(call) => {
                let planned = self.kernel(call)?;
                if planned.grid == 0 {
                    return Ok(None);
                }
                Action::Kernel(planned)
            }
            Step::Library(call) => {
                let inputs = call.inputs.iter().map(|t| self.operand(t)).collect::<Result<Vec<_>>>()?;
                let outputs = call.outputs.iter().map(|t| self.operand(t)).collect::<Result<Vec<_>>>()?;
                let params = self.size_args.len() as u32;
                self.size_args.extend(call.params.iter().map(|id| self.sizes[id.index()]));
                let epilogue = call.epilogue.as_ref().map(|epilogue| self.kernel(epilogue)).transpose()?;
                let param_count = call.params.len() as u32;
                Action::Library(PlannedLibrary { inputs, outputs, params, param_count, epilogue })
            }
            // Between stages.
            Step::Size(_) => return Ok(None),
        };
        Ok(Some(PlannedStep { index: index as u32, operands, action }))
    }

    fn kernel(&mut self, call: &KernelCall) -> Result<PlannedKernel> {
        let planned = PlannedKernel {
            kernel: call.kernel,
            operands: self.operands.len() as u32,
            sizes: self.size_args.len() as u32,
            grid: self.length(call.grid)? as i64,
            point_cost: self.sizes[call.point_cost.index()],
            scratch: self.bytes(DType::U8, self.length(call.scratch)?)?,
        };
        self.operands.extend(&call.operands);
        self.size_args.extend(call.sizes.iter().map(|id| self.sizes[id.index()]));
        Ok(planned)
    }

    fn operand(&mut self, tensor: &TensorRef) -> Result<PlannedTensor> {
        let buffer = &self.program.buffers[tensor.buffer.index()];
        let shape = tensor.dims.iter().map(|&id| self.length(id)).collect::<Result<Shape>>()?;
        let len = self.length(buffer.len)?;
        if numel(&shape) != Some(len) {
            let why = format!("buffer {} of {len} elements is used as {shape:?}", tensor.buffer.0);
            return Err(self.error(Kind::Internal, why));
        }
        let planned =
            PlannedTensor { dtype: buffer.dtype, dims: self.dims.len() as u32, rank: tensor.dims.len() as u32 };
        self.dims.extend(shape);
        self.operands.push(tensor.buffer);
        Ok(planned)
    }

    /// A size that counts something.
    fn length(&self, id: SizeId) -> Result<usize> {
        let value = self.sizes[id.index()];
        usize::try_from(value).map_err(|_| {
            let size = &self.program.sizes[id.index()];
            self.error(Kind::Shape, format!("size `{size}` is {value}{}", self.symbol_values()))
        })
    }

    fn bytes(&self, dtype: DType, len: usize) -> Result<usize> {
        len.checked_mul(dtype.size()).filter(|&bytes| bytes <= MAX_BYTES).ok_or_else(|| {
            let why = format!("{len} elements of {dtype} overflow the address space{}", self.symbol_values());
            self.error(Kind::Memory, why)
        })
    }

    fn symbol_values(&self) -> String {
        let values: Vec<String> = self.symbols.iter().enumerate().map(|(k, value)| format!("n{k} = {value}")).collect();
        if values.is_empty() { String::new() } else { format!(" for {}", values.join(", ")) }
    }

    fn error(&self, kind: Kind, why: impl std::fmt::Display) -> Error {
        Error::new(kind, format!("program `{}`: {why}", self.program.name))
    }
}

/// A temporary to be placed.
#[derive(Clone, Copy, Debug)]
struct Temp {
    buffer: usize,
    bytes: usize,
    first: u32,
    last: u32,
}

/// Places the largest first, each into the tightest gap among those that are alive with it.
fn place(mut temps: Vec<Temp>, buffers: usize) -> Arena {
    let mut arena = Arena { offsets: vec![0; buffers], bytes: 0, peak: peak(&temps) };
    temps.sort_by_key(|temp| (std::cmp::Reverse(temp.bytes), temp.first, temp.buffer));
    // Sorted by offset, so that one walk sees the gaps.
    let mut placed: Vec<(usize, Temp)> = Vec::with_capacity(temps.len());
    for temp in temps {
        let (mut cursor, mut best) = (0, None);
        for (offset, other) in &placed {
            if temp.first > other.last || other.first > temp.last {
                continue;
            }
            if let Some(gap) = offset.checked_sub(cursor)
                && gap >= temp.bytes
                && best.is_none_or(|(tightest, _)| gap < tightest)
            {
                best = Some((gap, cursor));
            }
            cursor = cursor.max(offset + other.bytes);
        }
        let offset = best.map_or(cursor, |(_, offset)| offset);
        arena.offsets[temp.buffer] = offset;
        arena.bytes = arena.bytes.max(offset + temp.bytes);
        placed.insert(placed.partition_point(|(other, _)| *other <= offset), (offset, temp));
    }
    arena
}

/// The most bytes alive at one step.
fn peak(temps: &[Temp]) -> usize {
    // At equal steps the births come first, because both ends of a lifetime are included.
    let births = temps.iter().map(|temp| (temp.first, false, temp.bytes));
    let mut events: Vec<_> = births.chain(temps.iter().map(|temp| (temp.last, true, temp.bytes))).collect();
    events.sort_unstable();
    let (mut live, mut most) = (0, 0);
    for (_, death, bytes) in events {
        live = if death { live - bytes } else { live + bytes };
        most = most.max(live);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temp(buffer: usize, bytes: usize, first: u32, last: u32) -> Temp {
        Temp { buffer, bytes, first, last }
    }

    #[test]
    fn a_chain_needs_two_buffers() {
        let chain: Vec<Temp> = (0..10).map(|i| temp(i, 640, i as u32, i as u32 + 1)).collect();
        let arena = place(chain, 10);
        assert_eq!((arena.bytes, arena.peak), (1280, 1280));
    }

    #[test]
    fn the_tightest_gap_is_taken() {
        // All but the last are alive at step 0 and stacked; at step 1 they leave gaps of 512 and 128 bytes.
        let temps = vec![
            temp(0, 1024, 0, 9),
            temp(1, 512, 0, 0),
            temp(2, 256, 0, 9),
            temp(3, 128, 0, 0),
            temp(4, 64, 0, 9),
            temp(5, 64, 1, 1),
        ];
        let arena = place(temps, 6);
        assert_eq!(arena.offsets, [0, 1024, 1536, 1792, 1920, 1792]);
    }

    #[test]
    fn random_lifetimes_never_overlap_in_memory() {
        let mut state = 1u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) % below
        };
        for _ in 0..200 {
            let temps: Vec<Temp> = (0..40)
                .map(|buffer| {
                    let first = next(50) as u32;
                    temp(buffer, next(20) as usize * ALIGN, first, first + next(10) as u32)
                })
                .collect();
            let arena = place(temps.clone(), 40);
            assert!(arena.bytes >= arena.peak);
            assert!(arena.bytes <= 2 * arena.peak, "{} bytes for a peak of {}", arena.bytes, arena.peak);
            for a in &temps {
                assert!(arena.offsets[a.buffer] + a.bytes <= arena.bytes);
                for b in temps.iter().filter(|b| b.buffer < a.buffer && b.first <= a.last && a.first <= b.last) {
                    let (x, y) = (arena.offsets[a.buffer], arena.offsets[b.buffer]);
                    assert!(x + a.bytes <= y || y + b.bytes <= x || a.bytes == 0 || b.bytes == 0, "{a:?} {b:?}");
                }
            }
        }
    }
}
