//! The checks a program passes before it may run: every index is in range, every operand is alive where it is used.
//!
//! What depends on the sizes of a call (lengths, offsets of constants, overflow) is checked by [`super::plan`].
//! What the machine code does is not checked: a program is as trusted as a shared library.

use super::{Atom, BufferId, KernelCall, Place, Program, SizeId, SizeStep, Step, TensorDecl, TensorRef};
use crate::array::DType;
use crate::error::{Error, Kind, Result};

/// An error of kind [`Kind::Internal`] that says which index or rule of `program` is broken.
pub fn check(program: &Program) -> Result<()> {
    let checker = Checker { program };
    checker.sizes().and_then(|()| checker.signature()).and_then(|()| checker.memory()).and_then(|()| checker.steps())
}

struct Checker<'a> {
    program: &'a Program,
}

impl Checker<'_> {
    fn sizes(&self) -> Result<()> {
        let p = self.program;
        // A symbol that no size uses may come from nowhere: sizes are often simplified until it is gone.
        let bound = |k: u32| {
            let source = p.symbols.get(k as usize)?;
            p.inputs.get(source.input as usize)?.dims.get(source.axis as usize)
        };
        let slots = p.stages().len() - 1;
        for size in &p.sizes {
            let mut unbound = None;
            size.visit(&mut |atom| match atom {
                Atom::Sym(k) if bound(*k).is_none() => unbound = Some(format!("n{k}")),
                Atom::Slot(k, _) if *k as usize >= slots => unbound = Some(format!("s{k}")),
                _ => {}
            });
            if let Some(symbol) = unbound {
                return self.broken(format!("size `{size}` needs {symbol}, which nothing binds"));
            }
        }
        Ok(())
    }

    fn signature(&self) -> Result<()> {
        let p = self.program;
        for (i, input) in p.inputs.iter().enumerate() {
            self.tensor("input", i, input)?;
            if p.stage_of(&input.dims) > 0 {
                return self.broken(format!("input {i} has a size that only a step knows"));
            }
            if p.buffers[input.buffer.index()].place != Place::Input(i as u32) {
                return self.broken(format!("input {i} is not in a buffer of its own"));
            }
        }
        for (o, output) in p.outputs.iter().enumerate() {
            self.tensor("output", o, output)?;
            match p.buffers[output.buffer.index()].place {
                Place::Temp { .. } => return self.broken(format!("output {o} is in a temporary buffer")),
                Place::Output(k) if k as usize > o => {
                    return self.broken(format!("output {o} is in the buffer of the later output {k}"));
                }
                _ => {}
            }
        }
        for (d, donation) in p.donations.iter().enumerate() {
            let (input, output) = (p.inputs.get(donation.input as usize), p.outputs.get(donation.output as usize));
            let (Some(input), Some(output)) = (input, output) else {
                return self.broken(format!("donation {d} names an input or output that does not exist"));
            };
            if input.dtype != output.dtype || input.dims.len() != output.dims.len() {
                return self.broken(format!("donation {d} joins an input and an output of different dtype or rank"));
            }
            let again = |other: &super::Donation| other.input == donation.input || other.output == donation.output;
            if p.donations[..d].iter().any(again) {
                return self.broken(format!("donation {d} repeats an input or output"));
            }
        }
        Ok(())
    }

    fn tensor(&self, what: &str, index: usize, tensor: &TensorDecl) -> Result<()> {
        let name = || format!("{what} {index}");
        self.size_ids(&tensor.dims, name)?;
        let buffer = self.buffer(tensor.buffer, name)?;
        if buffer.dtype != tensor.dtype {
            return self.broken(format!("{what} {index} is {}, its buffer {}", tensor.dtype, buffer.dtype));
        }
        Ok(())
    }

    fn memory(&self) -> Result<()> {
        let p = self.program;
        for (b, buffer) in p.buffers.iter().enumerate() {
            self.size_ids(&[buffer.len], || format!("buffer {b}"))?;
            let owned = match buffer.place {
                Place::Input(i) => p.inputs.get(i as usize).is_some_and(|input| input.buffer.index() == b),
                Place::Output(o) => p.outputs.get(o as usize).is_some_and(|output| output.buffer.index() == b),
                Place::Temp { first, last } => first <= last && (last as usize) < p.steps.len(),
                Place::Constant(offset) => offset % 64 == 0 && offset <= p.constants.len() as u64,
            };
            if !owned {
                return self.broken(format!("buffer {b} has the impossible place {:?}", buffer.place));
            }
        }
        for (k, kernel) in p.kernels.iter().enumerate() {
            let end = kernel.offset.checked_add(kernel.len);
            if kernel.len == 0 || end.is_none_or(|end| end > p.code.len() as u64) {
                return self.broken(format!("the code of kernel {k} (`{}`) lies outside the program's", kernel.name));
            }
        }
        Ok(())
    }

    fn steps(&self) -> Result<()> {
        let mut stage = 0;
        for (s, step) in self.program.steps.iter().enumerate() {
            let early = sizes_used(self.program, step).into_iter().find(|&size| self.program.stage_of(&[size]) > stage);
            if let Some(size) = early {
                let size = &self.program.sizes[size.index()];
                return self.broken(format!("step {s} uses size `{size}` before it is known"));
            }
            match step {
                Step::Kernel(call) => self.kernel_call(s, call)?,
                Step::Size(size) => {
                    self.size_step(s, size)?;
                    stage += 1;
                }
                Step::Library(call) => {
                    self.size_ids(&call.params, || format!("step {s}"))?;
                    call.inputs.iter().chain(&call.outputs).try_for_each(|tensor| self.operand(s, tensor))?;
                    if let Some(output) = call.outputs.iter().find(|t| !self.is_writable(t.buffer)) {
                        return self.broken(format!("step {s} writes the read-only buffer {}", output.buffer.0));
                    }
                    if let Some(epilogue) = &call.epilogue {
                        self.kernel_call(s, epilogue)?;
                        if call.outputs.is_empty() {
                            return self.broken(format!("step {s} has an epilogue but no output"));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn size_step(&self, step: usize, size: &SizeStep) -> Result<()> {
        self.alive(step, size.value)?;
        let buffer = &self.program.buffers[size.value.index()];
        let len = self.program.sizes[buffer.len.index()].as_const();
        if buffer.dtype != DType::I64 || len != Some(1) {
            return self.broken(format!("step {step} reads a size from buffer {}, which is no i64", size.value.0));
        }
        Ok(())
    }

    fn kernel_call(&self, step: usize, call: &KernelCall) -> Result<()> {
        if call.kernel.index() >= self.program.kernels.len() {
            return self.broken(format!("step {step} calls kernel {}, which does not exist", call.kernel.0));
        }
        self.size_ids(&call.sizes, || format!("step {step}"))?;
        self.size_ids(&[call.grid, call.point_cost, call.scratch], || format!("step {step}"))?;
        call.operands.iter().try_for_each(|&buffer| self.alive(step, buffer))
    }

    fn operand(&self, step: usize, tensor: &TensorRef) -> Result<()> {
        self.size_ids(&tensor.dims, || format!("step {step}"))?;
        self.alive(step, tensor.buffer)
    }

    fn alive(&self, step: usize, id: BufferId) -> Result<()> {
        let buffer = self.buffer(id, || format!("step {step}"))?;
        match buffer.place {
            Place::Temp { first, last } if step < first as usize || step > last as usize => {
                self.broken(format!("step {step} uses buffer {}, which lives from step {first} to {last}", id.0))
            }
            _ => Ok(()),
        }
    }

    fn is_writable(&self, id: BufferId) -> bool {
        matches!(self.program.buffers[id.index()].place, Place::Output(_) | Place::Temp { .. })
    }

    fn buffer(&self, id: BufferId, user: impl Fn() -> String) -> Result<&super::BufferDecl> {
        match self.program.buffers.get(id.index()) {
            Some(buffer) => Ok(buffer),
            None => self.broken(format!("{} names buffer {}, which does not exist", user(), id.0)),
        }
    }

    fn size_ids(&self, ids: &[SizeId], user: impl Fn() -> String) -> Result<()> {
        match ids.iter().find(|id| id.index() >= self.program.sizes.len()) {
            Some(id) => self.broken(format!("{} names size {}, which does not exist", user(), id.0)),
            None => Ok(()),
        }
    }

    fn broken<T>(&self, what: String) -> Result<T> {
        Err(Error::new(Kind::Internal, format!("program `{}` is not well formed: {what}", self.program.name)))
    }
}

/// Every size that a step uses and that exists; those of its operands' buffers too.
fn sizes_used(program: &Program, step: &Step) -> Vec<SizeId> {
    let buffer = |id: &BufferId| program.buffers.get(id.index()).map(|buffer| buffer.len);
    let kernel = |call: &KernelCall| {
        let own = call.sizes.iter().copied().chain([call.grid, call.point_cost, call.scratch]);
        own.chain(call.operands.iter().filter_map(buffer)).collect::<Vec<_>>()
    };
    let mut sizes = match step {
        Step::Kernel(call) => kernel(call),
        Step::Size(size) => vec![size.bound],
        Step::Library(call) => {
            let tensors = call.inputs.iter().chain(&call.outputs);
            let own = tensors.flat_map(|t| t.dims.iter().copied().chain(buffer(&t.buffer)));
            own.chain(call.params.iter().copied()).chain(call.epilogue.iter().flat_map(kernel)).collect()
        }
    };
    sizes.retain(|size| size.index() < program.sizes.len());
    sizes
}
