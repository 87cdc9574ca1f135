//! Calls of programs with sizes that depend on data: one stage after the other, each bound to the sizes that the one
//! before has found.
//!
//! A stage has a plan, as a whole program has, and an arena of its own, because later stages read what earlier ones
//! left there. Outputs are made when their shape is known, and given to the caller when all is done. A call whose
//! sizes, those found included, are those of the frame's last call allocates nothing but its outputs.

use super::args::Operands;
use super::executable::Executable;
use super::frame::{Bound, Frame, fit};
use crate::alloc::Block;
use crate::array::Array;
use crate::error::{Error, Kind, Result};
use crate::program::plan::Plan;
use crate::program::{Place, Program, Step};
use smallvec::SmallVec;
use std::sync::Arc;

/// One stage's part of a [`Frame`].
pub(super) struct StageFrame {
    plan: Arc<Plan>,
    /// Parallel to [`Plan::operands`], anew in each call.
    pointers: Vec<*mut u8>,
    arena: Option<Block>,
}

impl Executable {
    /// Runs all stages. After an error every state has its old value: a step that learns a size can fail, so no state
    /// is written in place before the last of them.
    pub(super) fn execute_stages(
        &self,
        frame: &mut Frame,
        operands: &mut impl Operands,
        give: &mut impl FnMut(Array),
        profiling: bool,
    ) -> Result<()> {
        let program = self.program();
        let symbols: SmallVec<[i64; 8]> = frame.plan.symbols.as_slice().into();
        let mut slots: SmallVec<[i64; 4]> = SmallVec::new();
        frame.addresses.resize(program.buffers.len(), std::ptr::null_mut());
        for (input, decl) in program.inputs.iter().enumerate() {
            frame.addresses[decl.buffer.index()] = operands.array(input).as_ptr().cast_mut();
        }
        for (address, buffer) in frame.addresses.iter_mut().zip(&program.buffers) {
            if let Place::Constant(offset) = buffer.place {
                *address = self.constants.as_ptr().wrapping_add(offset as usize);
            }
        }
        for stage in 0..self.stages {
            self.bind_stage(frame, stage, &symbols, &slots)?;
            for (index, output) in self.outputs.iter().enumerate().filter(|(_, output)| output.stage == stage) {
                let spec = &frame.stages[stage].plan.outputs[index];
                let (array, address) = self.provide(spec, &mut frame.kept, operands, index, output)?;
                if let Some(address) = address {
                    frame.addresses[program.outputs[index].buffer.index()] = address;
                }
                frame.kept[index] = array.or(frame.kept[index].take());
            }
            let StageFrame { plan, pointers, .. } = &mut frame.stages[stage];
            pointers.clear();
            pointers.extend(plan.operands.iter().map(|buffer| frame.addresses[buffer.index()]));
            self.run_steps(&Bound { plan, pointers }, profiling)?;
            if stage + 1 < self.stages {
                slots.push(self.learn(frame, stage, &symbols, &slots)?);
            }
        }
        for (index, output) in self.outputs.iter().enumerate() {
            let Some(array) = frame.kept[index].take() else { continue };
            match output.state.and_then(|input| operands.state(input)) {
                Some(state) => *state = array,
                None => give(array),
            }
        }
        Ok(())
    }

    /// Binds a stage to these sizes and notes where its temporaries are.
    fn bind_stage(&self, frame: &mut Frame, stage: usize, symbols: &[i64], slots: &[i64]) -> Result<()> {
        let program = self.program();
        let bound = frame.stages.get(stage).is_some_and(|s| s.plan.symbols == symbols && s.plan.slots == slots);
        if !bound {
            let plan = self.stage_plan(symbols, slots)?;
            match frame.stages.get_mut(stage) {
                Some(known) => known.plan = plan,
                None => frame.stages.push(StageFrame { plan, pointers: Vec::new(), arena: None }),
            }
        }
        let StageFrame { plan, arena, .. } = &mut frame.stages[stage];
        fit(arena, plan.arena.bytes, &program.name)?;
        let start = arena.as_ref().map_or(std::ptr::null_mut(), Block::as_ptr);
        let steps = steps_of(program, stage);
        for (b, buffer) in program.buffers.iter().enumerate() {
            if let Place::Temp { first, .. } = buffer.place
                && steps.contains(&(first as usize))
            {
                frame.addresses[b] = start.wrapping_add(plan.arena.offsets[b]);
            }
        }
        Ok(())
    }

    /// The size that the step after `stage` reads.
    fn learn(&self, frame: &Frame, stage: usize, symbols: &[i64], slots: &[i64]) -> Result<i64> {
        let program = self.program();
        let Step::Size(step) = &program.steps[steps_of(program, stage).end] else {
            return Err(Error::new(Kind::Internal, "a stage does not end with a size"));
        };
        // SAFETY: the program's check says that the buffer is one i64, written by an earlier step, an input or a
        // constant; all of these are aligned and alive.
        let value = unsafe { *frame.addresses[step.value.index()].cast::<i64>() };
        let bound = program.sizes[step.bound.index()].eval(symbols, slots)?;
        if (0..=bound).contains(&value) {
            return Ok(value);
        }
        let what = format!("the size that the data asks for is {value}");
        Err(Error::new(Kind::Memory, what).hint(format!("it must lie between 0 and {bound}")).in_program(&program.name))
    }
}

/// The steps of a stage. Not [`Program::stages`], which allocates.
fn steps_of(program: &Program, stage: usize) -> std::ops::Range<usize> {
    let is_size = |step: &Step| matches!(step, Step::Size(_));
    let mut begin = 0;
    for _ in 0..stage {
        begin += program.steps[begin..].iter().position(is_size).map_or(0, |at| at + 1);
    }
    let length = program.steps[begin..].iter().position(is_size);
    begin..length.map_or(program.steps.len(), |length| begin + length)
}
