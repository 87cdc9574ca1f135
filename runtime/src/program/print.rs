//! The listing of a well-formed [`Program`] (`Display`): signature, buffers, steps, memory. `tracelift inspect`
//! prints it.

use super::plan::Plan;
use super::{BufferDecl, KernelCall, LibraryCall, Place, Program, SizeId, SizeStep, Step, TensorDecl, TensorRef};
use std::fmt::{self, Display, Formatter};

/// The value that each size symbol gets in the memory summary.
const EXAMPLE_SIZE: i64 = 64;

impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (code, data) = (self.code.len(), self.constants.len());
        writeln!(f, "program `{}`: {code} bytes of code, {data} bytes of constants", self.name)?;
        section(f, "needs CPU features", &self.features, |f, _, name| write!(f, "{name}"))?;
        section(f, "needs library routines", &self.routines(), |f, _, name| write!(f, "{name}"))?;
        section(f, "inputs", &self.inputs, |f, _, input| self.tensor(f, input))?;
        section(f, "outputs", &self.outputs, |f, _, output| self.tensor(f, output))?;
        section(f, "sizes", &self.symbols, |f, k, symbol| match self.inputs.get(symbol.input as usize) {
            Some(input) if (symbol.axis as usize) < input.dims.len() => {
                write!(f, "n{k} = axis {} of `{}`", symbol.axis, input.name)
            }
            _ => write!(f, "n{k} is not used"),
        })?;
        section(f, "donations", &self.donations, |f, _, donation| {
            let how = if donation.in_place { "in place" } else { "into a fresh array" };
            let (old, new) = (&self.inputs[donation.input as usize], &self.outputs[donation.output as usize]);
            write!(f, "`{}` becomes `{}`, {how}", old.name, new.name)
        })?;
        section(f, "buffers", &self.buffers, |f, b, buffer| self.buffer(f, b, buffer))?;
        section(f, "kernels", &self.kernels, |f, k, kernel| {
            let failure = if kernel.can_fail { ", can fail" } else { "" };
            write!(f, "k{k} `{}`: {} bytes at {}{failure}", kernel.name, kernel.len, kernel.offset)
        })?;
        section(f, "steps", &self.steps, |f, s, step| {
            write!(f, "{s}: ")?;
            match step {
                Step::Kernel(call) => self.kernel_call(f, call),
                Step::Library(call) => self.library_call(f, call),
                Step::Size(SizeStep { value, bound }) => {
                    let slot = self.steps[..s].iter().filter(|step| matches!(step, Step::Size(_))).count();
                    write!(f, "s{slot} = b{}, at most {}", value.0, self.sizes[bound.index()])
                }
            }
        })?;
        self.memory(f)
    }
}

impl Program {
    /// Name, inputs and outputs on one line: `score(x: f32[n0, 4]) -> (y: f32[n0])`.
    pub fn signature(&self) -> String {
        let list = |tensors: &[TensorDecl]| {
            let tensor = |t: &TensorDecl| format!("{}: {}[{}]", t.name, t.dtype, self.dims(&t.dims));
            tensors.iter().map(tensor).collect::<Vec<_>>().join(", ")
        };
        format!("{}({}) -> ({})", self.name, list(&self.inputs), list(&self.outputs))
    }

    /// The names of the library routines that it calls, each once, in order of first use.
    pub fn routines(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for step in &self.steps {
            if let Step::Library(call) = step
                && !names.contains(&call.routine.as_str())
            {
                names.push(call.routine.as_str());
            }
        }
        names
    }

    fn dims(&self, dims: &[SizeId]) -> String {
        dims.iter().map(|id| self.sizes[id.index()].to_string()).collect::<Vec<_>>().join(", ")
    }

    fn tensor(&self, f: &mut Formatter<'_>, tensor: &TensorDecl) -> fmt::Result {
        write!(f, "`{}`: {}[{}] in b{}", tensor.name, tensor.dtype, self.dims(&tensor.dims), tensor.buffer.0)
    }

    fn buffer(&self, f: &mut Formatter<'_>, index: usize, buffer: &BufferDecl) -> fmt::Result {
        write!(f, "b{index}: {} of {}, ", self.sizes[buffer.len.index()], buffer.dtype)?;
        match buffer.place {
            Place::Input(i) => write!(f, "input {i}"),
            Place::Output(o) => write!(f, "output {o}"),
            Place::Temp { first, last } => write!(f, "temporary of steps {first} to {last}"),
            Place::Constant(offset) => write!(f, "constant at {offset}"),
        }
    }

    fn kernel_call(&self, f: &mut Formatter<'_>, call: &KernelCall) -> fmt::Result {
        let operands = call.operands.iter().map(|b| format!("b{}", b.0)).collect::<Vec<_>>().join(", ");
        let size = |id: SizeId| &self.sizes[id.index()];
        write!(f, "k{} `{}`({operands}", call.kernel.0, self.kernels[call.kernel.index()].name)?;
        if !call.sizes.is_empty() {
            write!(f, "; {}", self.dims(&call.sizes))?;
        }
        write!(f, ") for {} points of {} ns", size(call.grid), size(call.point_cost))?;
        match size(call.scratch) {
            none if none.as_const() == Some(0) => Ok(()),
            bytes => write!(f, ", {bytes} bytes of scratch"),
        }
    }

    fn library_call(&self, f: &mut Formatter<'_>, call: &LibraryCall) -> fmt::Result {
        let tensor = |t: &TensorRef| format!("b{}[{}]", t.buffer.0, self.dims(&t.dims));
        let list = |tensors: &[TensorRef]| tensors.iter().map(tensor).collect::<Vec<_>>().join(", ");
        write!(f, "{}({}", call.routine, list(&call.inputs))?;
        if !call.params.is_empty() {
            write!(f, "; {}", self.dims(&call.params))?;
        }
        write!(f, ") -> {}", list(&call.outputs))?;
        match &call.epilogue {
            Some(epilogue) => {
                f.write_str(", rows then ")?;
                self.kernel_call(f, epilogue)
            }
            None => Ok(()),
        }
    }

    fn memory(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("memory")?;
        for k in 0..self.symbols.len() {
            write!(f, "{}n{k} = {EXAMPLE_SIZE}", if k == 0 { " with " } else { ", " })?;
        }
        match Plan::new(self, &vec![EXAMPLE_SIZE; self.symbols.len()]) {
            Ok(Plan { arena, .. }) => {
                let (bytes, peak) = (arena.bytes, arena.peak);
                writeln!(f, "\n  {bytes} bytes of temporaries, of which {peak} are alive at once")
            }
            Err(error) => writeln!(f, "\n  none: {error}"),
        }
    }
}

/// A heading and one line for each item; nothing if there are none.
fn section<T>(
    f: &mut Formatter<'_>,
    heading: &str,
    items: &[T],
    line: impl Fn(&mut Formatter<'_>, usize, &T) -> fmt::Result,
) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(f, "{heading}")?;
    for (index, item) in items.iter().enumerate() {
        f.write_str("  ")?;
        line(f, index, item)?;
        writeln!(f)?;
    }
    Ok(())
}
