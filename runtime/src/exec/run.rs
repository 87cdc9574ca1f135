//! One call: check the arguments, take a frame, run the steps, hand out the results.
//!
//! Start with [`Executable::run`]. The path of a call whose sizes are those of the frame's last call has no
//! lock, no hashing and no allocation but the outputs.
//!
//! Invariant: a state is overwritten in place only if nothing can fail any more; otherwise its new value goes to
//! a fresh array that replaces the old one after the last step. So after an error every state has its old value.

use super::executable::{Donated, Executable};
use super::frame::{Frame, scratch};
use super::parallel;
use crate::array::Array;
use crate::error::{Error, Kind, Result};
use crate::kernels::library::{LibraryCx, View, ViewMut};
use crate::profile;
use crate::program::abi::{KernelFn, Status};
use crate::program::plan::{Action, PlannedKernel, PlannedLibrary, PlannedStep, PlannedTensor, Spec};
use crate::program::{Atom, Place, Program, Step, SymbolSource, TensorDecl};
use smallvec::SmallVec;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// Kernels of less estimated nanoseconds run on the calling thread without asking for others.
const MIN_PARALLEL_COST: i64 = 8_000;

/// An argument of [`Executable::run`].
#[derive(Debug)]
pub enum Arg<'a> {
    /// Read only.
    Ref(&'a Array),
    /// A variable's state: if the program gives it a new value, the array is replaced by it, in place where
    /// nobody else holds the elements.
    State(&'a mut Array),
}

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
        let begin = profile::is_on().then(Instant::now);
        let done = self.execute_in(&mut frame, operands, give);
        if let Some(begin) = begin {
            profile::record(&self.program().name, &self.program().name, None, begin);
        }
        if done.is_err() {
            frame.fresh.fill(None);
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

    fn execute_in(&self, frame: &mut Frame, operands: &mut impl Operands, give: &mut impl FnMut(Array)) -> Result<()> {
        for index in 0..operands.count() {
            frame.set_base(index, operands.array(index).as_ptr().cast_mut());
        }
        self.provide_outputs(frame, operands)?;
        frame.point();
        self.run_steps(frame)?;
        self.share_outputs(frame, operands)?;
        for (index, donated) in self.donated.iter().enumerate() {
            let value = frame.fresh[index].take();
            match (value, donated.and_then(|Donated { input, .. }| operands.state(input))) {
                (Some(value), Some(state)) => *state = value,
                (Some(value), None) => give(value),
                // Written in place.
                (None, _) => {}
            }
        }
        Ok(())
    }

    /// Makes the arrays that steps write, except for states that are updated in place.
    fn provide_outputs(&self, frame: &mut Frame, operands: &mut impl Operands) -> Result<()> {
        let program = self.program();
        for (index, output) in program.outputs.iter().enumerate() {
            if program.buffers[output.buffer.index()].place != Place::Output(index as u32) {
                continue;
            }
            let base = program.inputs.len() + index;
            if let Some(Donated { input, in_place: true }) = self.donated[index]
                && operands.state(input).is_some_and(|state| state.is_unique())
            {
                frame.set_base(base, frame.base(input));
                continue;
            }
            let Spec { dtype, shape } = &frame.plan.outputs[index];
            let array = Array::uninit(*dtype, shape)?;
            frame.set_base(base, array.as_ptr().cast_mut());
            frame.fresh[index] = Some(array);
        }
        Ok(())
    }

    fn run_steps(&self, frame: &Frame) -> Result<()> {
        let profiling = profile::is_on();
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
        };
        profile::record(&program.name, name, Some(step.index), begin);
    }

    fn run_kernel(&self, frame: &Frame, kernel: &PlannedKernel) -> Result<()> {
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

    fn run_library(&self, frame: &Frame, step: &PlannedStep, call: &PlannedLibrary) -> Result<()> {
        let plan = &*frame.plan;
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
            .map_err(|e| e.map_message(|m| format!("program `{}`: {m}", self.program().name)))?;
        match (worst.into_inner(), &call.epilogue) {
            (0, _) | (_, None) => Ok(()),
            (status, Some(epilogue)) => Err(self.failure(epilogue, status)),
        }
    }

    fn launch(&self, frame: &Frame, kernel: &PlannedKernel) -> Launch {
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
        let (name, kernel) = (&program.name, &program.kernels[kernel.kernel.index()].name);
        if status == Status::DivideByZero as i32 {
            Error::new(Kind::Value, format!("program `{name}`: integer division by zero in `{kernel}`"))
        } else if status == Status::OutOfBounds as i32 {
            Error::new(Kind::Value, format!("program `{name}`: index out of bounds in `{kernel}`"))
        } else if status == NO_SCRATCH {
            Error::new(Kind::Memory, format!("program `{name}`: no memory for the scratch space of `{kernel}`"))
        } else {
            Error::new(Kind::Internal, format!("program `{name}`: kernel `{kernel}` returned status {status}"))
        }
    }

    /// Gives the outputs that have no buffer of their own: inputs, constants, earlier outputs.
    fn share_outputs(&self, frame: &mut Frame, operands: &mut impl Operands) -> Result<()> {
        let program = self.program();
        for (index, output) in program.outputs.iter().enumerate() {
            let Spec { dtype, shape } = &frame.plan.outputs[index];
            let shared =
                |array: &Array| if array.shape() == &shape[..] { Ok(array.clone()) } else { array.reshaped(shape) };
            let value = match program.buffers[output.buffer.index()].place {
                Place::Input(input) => shared(operands.array(input as usize))?,
                Place::Output(earlier) if earlier as usize == index => continue,
                Place::Output(earlier) => match (&frame.fresh[earlier as usize], self.donated[earlier as usize]) {
                    (Some(array), _) => shared(array)?,
                    // Written in place: the state has the value already.
                    (None, Some(donated)) => shared(operands.array(donated.input))?,
                    (None, None) => unreachable!("an output is in place only if it is donated"),
                },
                Place::Constant(offset) => {
                    let array = Array::uninit(*dtype, shape)?;
                    let bytes = array.len() * dtype.size();
                    // SAFETY: the plan checked that the constant lies inside the constants; the array is new.
                    unsafe {
                        let constant = self.constants.as_ptr().add(offset as usize);
                        std::ptr::copy_nonoverlapping(constant, array.as_ptr().cast_mut(), bytes);
                    }
                    array
                }
                Place::Temp { .. } => unreachable!("a checked program's outputs are not temporaries"),
            };
            frame.fresh[index] = Some(value);
        }
        Ok(())
    }
}

/// The arguments of a call, whatever form they came in.
trait Operands {
    fn count(&self) -> usize;
    fn array(&self, index: usize) -> &Array;
    /// The argument, if it is a state.
    fn state(&mut self, index: usize) -> Option<&mut Array>;
}

struct References<'a>(&'a [&'a Array]);

impl Operands for References<'_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn array(&self, index: usize) -> &Array {
        self.0[index]
    }

    fn state(&mut self, _: usize) -> Option<&mut Array> {
        None
    }
}

struct Arguments<'a, 'b>(&'a mut [Arg<'b>]);

impl Operands for Arguments<'_, '_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn array(&self, index: usize) -> &Array {
        match &self.0[index] {
            Arg::Ref(array) => array,
            Arg::State(array) => array,
        }
    }

    fn state(&mut self, index: usize) -> Option<&mut Array> {
        match &mut self.0[index] {
            Arg::Ref(_) => None,
            Arg::State(array) => Some(array),
        }
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

/// Whether the arguments are of exactly these dtypes and shapes.
fn accepts(specs: &[Spec], operands: &impl Operands) -> bool {
    specs.len() == operands.count()
        && specs.iter().enumerate().all(|(index, spec)| {
            let array = operands.array(index);
            array.dtype() == spec.dtype && array.shape() == &spec.shape[..]
        })
}

/// Checks the arguments against the signature and gives the values of the size symbols.
#[cold]
fn bind_symbols(program: &Program, operands: &impl Operands) -> Result<SmallVec<[i64; 4]>> {
    if operands.count() != program.inputs.len() {
        let (wanted, given) = (program.inputs.len(), operands.count());
        let plural = if wanted == 1 { "input" } else { "inputs" };
        let why = format!("program `{}` takes {wanted} {plural}, received {given}", program.name);
        return Err(Error::new(Kind::Value, why));
    }
    for (index, input) in program.inputs.iter().enumerate() {
        let array = operands.array(index);
        if array.dtype() != input.dtype {
            return Err(refuse(program, Kind::DType, input, array, &[]));
        }
        if array.shape().len() != input.dims.len() {
            return Err(refuse(program, Kind::Shape, input, array, &[]));
        }
    }
    let length = |source: &SymbolSource| operands.array(source.input as usize).shape()[source.axis as usize] as i64;
    let symbols: SmallVec<[i64; 4]> = program.symbols.iter().map(length).collect();
    for (index, input) in program.inputs.iter().enumerate() {
        let array = operands.array(index);
        for (&dim, &length) in input.dims.iter().zip(array.shape()) {
            if program.sizes[dim.index()].eval(&symbols, &[])? != length as i64 {
                return Err(refuse(program, Kind::Shape, input, array, &symbols));
            }
        }
    }
    Ok(symbols)
}

/// An error that shows an input's signature, with the sizes bound so far, beside what was received.
fn refuse(program: &Program, kind: Kind, input: &TensorDecl, array: &Array, symbols: &[i64]) -> Error {
    let dims = input.dims.iter().map(|dim| program.sizes[dim.index()].to_string()).collect::<Vec<_>>().join(", ");
    let mut bound = String::new();
    for &dim in &input.dims {
        program.sizes[dim.index()].visit(&mut |atom| {
            let Atom::Sym(k) = atom else { return };
            let (Some(value), Some(source)) = (symbols.get(*k as usize), program.symbols.get(*k as usize)) else {
                return;
            };
            let owner = &program.inputs[source.input as usize].name;
            let text = format!("n{k} = {value} (axis {} of `{owner}`)", source.axis);
            if !bound.contains(&text) {
                bound.push_str(if bound.is_empty() { " with " } else { ", " });
                bound.push_str(&text);
            }
        });
    }
    let received = array.shape().iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let why = format!(
        "program `{}`: input `{}`: expected {}[{dims}]{bound}, received {}[{received}]",
        program.name,
        input.name,
        input.dtype,
        array.dtype(),
    );
    Error::new(kind, why)
}
