//! One call: check the arguments, take a frame, run the steps, hand out the results.
//!
//! Start with [`Executable::run`]. The path of a call whose sizes are those of the frame's last call has no
//! lock, no hashing and no allocation but the outputs.
//!
//! Invariant: a state is overwritten in place only if nothing can fail any more; otherwise its new value goes to
//! a fresh array that replaces the old one after the last step. So after an error every state has its old value.

use super::args::{Arg, Arguments, Operands, References, accepts, bind_symbols};
use super::executable::{Executable, Output, Source};
use super::frame::{Bound, Frame, scratch};
use super::parallel;
use crate::array::Array;
use crate::error::{Error, Kind, Result};
use crate::kernels::library::{LibraryCx, View, ViewMut};
use crate::profile;
use crate::program::Step;
use crate::program::abi::{KernelFn, OUT_OF_BOUNDS, Status};
use crate::program::plan::{Action, PlannedKernel, PlannedLibrary, PlannedStep, PlannedTensor, Spec};
use smallvec::SmallVec;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// Kernels of less estimated nanoseconds run on the calling thread without asking for others.
const MIN_PARALLEL_COST: i64 = 8_000;

impl Executable {
    /// Runs the program on `inputs` and gives all outputs in order, those donated to states included.
    ///
    /// Errors as for [`Executable::run`].
    pub fn call(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let mut outputs = Vec::with_capacity(self.program().outputs.len());
        self.execute(&mut References(inputs), &mut |array| outputs.push(array))?;
        Ok(outputs)
    }

    /// Runs the program. Gives the outputs in order, without those that became the new value of an [`Arg::State`].
    ///
    /// An error if the inputs' number, dtypes or shapes are not the signature's, if a size overflows, or if an
    /// integer is divided by zero. After an error every state has its old value.
    pub fn run(&self, args: &mut [Arg<'_>]) -> Result<SmallVec<[Array; 2]>> {
        let mut outputs = SmallVec::new();
        self.execute(&mut Arguments(args), &mut |array| outputs.push(array))?;
        Ok(outputs)
    }

    fn execute(&self, operands: &mut impl Operands, give: &mut impl FnMut(Array)) -> Result<()> {
        let mut frame = match self.frames.take() {
            Some(frame) if accepts(&frame.plan.inputs, operands) => frame,
            other => self.bind(other, operands)?,
        };
        let profiling = profile::is_on();
        let begin = profiling.then(Instant::now);
        let done = self.execute_in(&mut frame, operands, give, profiling);
        if let Some(begin) = begin {
            profile::record(&self.program().name, &self.program().name, None, begin);
        }
        if self.keeps_outputs {
            frame.kept.fill(None);
        }
        self.frames.put(frame);
        done
    }

    /// A frame for the sizes of these arguments.
    #[cold]
    fn bind(&self, frame: Option<Box<Frame>>, operands: &impl Operands) -> Result<Box<Frame>> {
        let plan = self.plan(&bind_symbols(self.program(), operands)?)?;
        match frame {
            Some(mut frame) => frame.rebind(self.program(), plan, &self.constants).map(|()| frame),
            None => Frame::new(self.program(), plan, &self.constants).map(Box::new),
        }
    }

    fn execute_in(
        &self,
        frame: &mut Frame,
        operands: &mut impl Operands,
        give: &mut impl FnMut(Array),
        profiling: bool,
    ) -> Result<()> {
        if self.stages > 1 {
            return self.execute_stages(frame, operands, give, profiling);
        }
        for index in 0..operands.count() {
            frame.set_base(index, operands.array(index).as_ptr().cast_mut());
        }
        for (index, output) in self.outputs.iter().enumerate() {
            let spec = &frame.plan.outputs[index];
            let (array, address) = self.provide(spec, &mut frame.kept, operands, index, output)?;
            if let Some(address) = address {
                frame.set_base(operands.count() + index, address);
            }
            let Some(array) = array else { continue };
            let is_state = output.state.is_some_and(|input| operands.state(input).is_some());
            if is_state {
                frame.kept[index] = Some(array);
                continue;
            }
            if output.is_shared {
                frame.kept[index] = Some(array.clone());
            }
            give(array);
        }
        frame.point();
        self.run_steps(&frame.bound(), profiling)?;
        if self.keeps_outputs {
            for (output, kept) in self.outputs.iter().zip(&mut frame.kept) {
                if let Some(state) = output.state.and_then(|input| operands.state(input))
                    && let Some(value) = kept.take()
                {
                    *state = value;
                }
            }
        }
        Ok(())
    }

    /// The array of an output, and the address of its elements if it has a buffer of its own that steps write. There
    /// is no array if they write over a state's old value.
    pub(super) fn provide(
        &self,
        Spec { dtype, shape }: &Spec,
        kept: &mut [Option<Array>],
        operands: &mut impl Operands,
        index: usize,
        output: &Output,
    ) -> Result<(Option<Array>, Option<*mut u8>)> {
        let reshaped =
            |array: &Array| if array.shape() == &shape[..] { Ok(array.clone()) } else { array.reshaped(shape) };
        Ok(match output.source {
            Source::Own => {
                if output.in_place
                    && let Some(state) = output.state.and_then(|input| operands.state(input))
                    && state.is_unique()
                {
                    if output.is_shared {
                        kept[index] = Some(state.clone());
                    }
                    return Ok((None, Some(state.as_ptr().cast_mut())));
                }
                let array = Array::uninit(*dtype, shape)?;
                let address = array.as_ptr().cast_mut();
                (Some(array), Some(address))
            }
            Source::Input(input) => (Some(reshaped(operands.array(input))?), None),
            Source::Earlier(earlier) => {
                (Some(reshaped(kept[earlier].as_ref().expect("a shared output is kept"))?), None)
            }
            Source::Constant(offset) => {
                let array = Array::uninit(*dtype, shape)?;
                // SAFETY: the plan checked that the constant lies inside the constants; the array is new.
                unsafe {
                    let constant = self.constants.as_ptr().add(offset);
                    array.as_ptr().cast_mut().copy_from_nonoverlapping(constant, array.size_in_bytes());
                }
                (Some(array), None)
            }
        })
    }

    pub(super) fn run_steps(&self, frame: &Bound<'_>, profiling: bool) -> Result<()> {
        for step in &frame.plan.steps {
            let begin = profiling.then(Instant::now);
            match &step.action {
                Action::Kernel(kernel) => self.run_kernel(frame, kernel)?,
                Action::Library(call) => self.run_library(frame, step, call)?,
            }
            if let Some(begin) = begin {
                self.note_step(step, begin);
            }
        }
        Ok(())
    }

    #[cold]
    fn note_step(&self, step: &PlannedStep, begin: Instant) {
        let program = self.program();
        let name = match &program.steps[step.index as usize] {
            Step::Kernel(call) => &program.kernels[call.kernel.index()].name,
            Step::Library(call) => &call.routine,
            Step::Size(_) => "size",
        };
        profile::record(&program.name, name, Some(step.index), begin);
    }

    fn run_kernel(&self, frame: &Bound<'_>, kernel: &PlannedKernel) -> Result<()> {
        let launch = self.launch(frame, kernel);
        let status = if kernel.cost() < MIN_PARALLEL_COST {
            launch.range(0, kernel.grid)
        } else {
            let worst = AtomicI32::new(0);
            parallel::for_each(kernel.grid, kernel.point_cost, &|begin, end, _| {
                let status = launch.range(begin, end);
                if status != 0 {
                    worst.fetch_max(status, Relaxed);
                }
            });
            worst.into_inner()
        };
        if status == 0 { Ok(()) } else { Err(self.failure(kernel, status)) }
    }

    fn run_library(&self, frame: &Bound<'_>, step: &PlannedStep, call: &PlannedLibrary) -> Result<()> {
        let plan = frame.plan;
        let addresses = frame.operands(step.operands);
        let dims = |tensor: &PlannedTensor| &plan.dims[tensor.dims as usize..][..tensor.rank as usize];
        let inputs: SmallVec<[View<'_>; 16]> = call
            .inputs
            .iter()
            .zip(addresses)
            .map(|(tensor, &address)| {
                // SAFETY: the buffer is as long as the dims say (checked by the plan) and was written by an earlier step.
                unsafe { View::from_raw(address, tensor.dtype, dims(tensor)) }
            })
            .collect();
        let outputs: SmallVec<[ViewMut<'_>; 4]> = call
            .outputs
            .iter()
            .zip(&addresses[call.inputs.len()..])
            .map(|(tensor, &address)| {
                // SAFETY: as above; the frame belongs to this call, and the compiler gives outputs buffers of their own.
                unsafe { ViewMut::from_raw(address, tensor.dtype, dims(tensor)) }
            })
            .collect();
        let params = &plan.size_args[call.params as usize..][..call.param_count as usize];
        let worst = AtomicI32::new(0);
        let launch = call.epilogue.as_ref().map(|epilogue| self.launch(frame, epilogue));
        let epilogue = launch.as_ref().map(|launch| {
            |begin: i64, end: i64| {
                worst.fetch_max(launch.range(begin, end), Relaxed);
            }
        });
        let epilogue = epilogue.as_ref().map(|run| run as &(dyn Fn(i64, i64) + Sync));
        let routine = self.routines[step.index as usize].expect("a library step was resolved");
        (routine.run)(&mut LibraryCx { inputs: &inputs, outputs: &outputs, params, epilogue })
            .map_err(|e| e.in_program(&self.program().name))?;
        match (worst.into_inner(), &call.epilogue) {
            (0, _) | (_, None) => Ok(()),
            (status, Some(epilogue)) => Err(self.failure(epilogue, status)),
        }
    }

    fn launch(&self, frame: &Bound<'_>, kernel: &PlannedKernel) -> Launch {
        Launch {
            entry: self.entries[kernel.kernel.index()],
            buffers: frame.operands(kernel.operands).as_ptr(),
            sizes: frame.plan.size_args[kernel.sizes as usize..].as_ptr(),
            tiles: self.tiles,
            scratch: kernel.scratch,
        }
    }

    #[cold]
    fn failure(&self, kernel: &PlannedKernel, status: i32) -> Error {
        let program = self.program();
        let kernel = &program.kernels[kernel.kernel.index()].name;
        let error = if status == Status::DivideByZero as i32 {
            Error::new(Kind::Value, "integer division by zero, or a negative power of an integer")
        } else if status == NO_SCRATCH {
            Error::new(Kind::Memory, "no memory for the scratch space")
        } else if status >= OUT_OF_BOUNDS {
            let what = format!("v{} reaches outside its buffer", status - OUT_OF_BOUNDS);
            Error::new(Kind::Internal, what).hint("`TRACELIFT_DUMP=2` shows the kernel")
        } else {
            Error::new(Kind::Internal, format!("a kernel returned status {status}"))
        };
        error.in_call(format!("kernel `{kernel}`")).in_program(&program.name)
    }
}

/// What a kernel call hands to every thread that takes part.
struct Launch {
    entry: KernelFn,
    buffers: *const *mut u8,
    sizes: *const i64,
    tiles: *const *const u8,
    scratch: usize,
}

// SAFETY: the pointers are valid during the call, and the kernel keeps threads apart by its grid points.
unsafe impl Sync for Launch {}

/// A status that no kernel returns: the thread had no memory for scratch.
const NO_SCRATCH: i32 = i32::MAX;

impl Launch {
    fn range(&self, begin: i64, end: i64) -> i32 {
        let Some(scratch) = scratch(self.scratch) else { return NO_SCRATCH };
        // SAFETY: the operands are as long as the plan's sizes say, which are those that the kernel gets; the
        // program is trusted to be the compiler's.
        unsafe { (self.entry)(self.buffers, self.sizes, self.tiles, scratch, begin, end) }
    }
}
