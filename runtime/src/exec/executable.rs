//! [`Executable`]: a program made ready to run on this host.
//!
//! Making one checks the program, the CPU features and library routines it needs, and maps its machine code.
//! An executable is `Send + Sync` and may be called from many threads at once.

use super::code::CodeMemory;
use super::features;
use super::frame::FrameCache;
use crate::alloc::Block;
use crate::error::{Error, Kind, Result};
use crate::kernels::library::{self, LibraryKernel};
use crate::kernels::tile::Routine;
use crate::program::abi::KernelFn;
use crate::program::plan::Plan;
use crate::program::{BufferId, Donation, Place, Program, Step, check};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Plans kept for sizes seen before.
const MAX_PLANS: usize = 64;

/// A program that is ready to run.
///
/// Its machine code runs with the rights of the process: load only programs that you trust as much as you
/// would a shared library.
pub struct Executable {
    program: Program,
    /// Keeps the entries alive.
    _code: CodeMemory,
    /// The entry of each kernel.
    pub(super) entries: Vec<KernelFn>,
    /// The library kernel of each step that runs one.
    pub(super) routines: Vec<Option<&'static LibraryKernel>>,
    /// The table of tile routines for this CPU.
    pub(super) tiles: *const *const u8,
    pub(super) constants: Block,
    pub(super) outputs: Vec<Output>,
    /// Whether a call has to hold on to any of its outputs until the end.
    pub(super) keeps_outputs: bool,
    /// Number of stages: one more than the sizes that depend on data.
    pub(super) stages: usize,
    /// In order of use, the latest at the end.
    plans: Mutex<Vec<Arc<Plan>>>,
    pub(super) frames: FrameCache,
}

// SAFETY: all parts but `tiles` are Send and Sync; that is the address of a table that lives for ever unchanged.
unsafe impl Send for Executable {}
// SAFETY: as above.
unsafe impl Sync for Executable {}

/// How a call provides an output.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub source: Source,
    /// Index among the inputs of the state whose new value it is.
    pub state: Option<usize>,
    /// Whether it may be written over the state's old value.
    pub in_place: bool,
    /// The stage from which on its shape is known.
    pub stage: usize,
    /// Whether a later output is the same buffer.
    pub is_shared: bool,
}

/// Where an output's elements come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// Steps write them.
    Own,
    Input(usize),
    /// An earlier output.
    Earlier(usize),
    /// The constants, at this byte offset.
    Constant(usize),
}

impl Executable {
    /// Makes `program` ready to run.
    ///
    /// An error of kind [`Kind::Host`] if the host lacks a CPU feature or library routine; [`Kind::Internal`] if
    /// the program is not well formed; [`Kind::Memory`] if its sizes overflow whatever the inputs.
    pub fn new(program: Program) -> Result<Executable> {
        check::check(&program)?;
        require_features(&program)?;
        let routines = resolve_routines(&program)?;
        let code = CodeMemory::map(&program.code)?;
        let entries = program.kernels.iter().map(|kernel| {
            let entry = code.address(kernel.offset as usize).expect("a checked program's kernels lie in its code");
            // SAFETY: the compiler put a function of this type there.
            unsafe { std::mem::transmute::<*const u8, KernelFn>(entry) }
        });
        let entries = entries.collect();
        let constants = Block::new(program.constants.len())?;
        // SAFETY: the block is new and at least as long.
        unsafe {
            constants.as_ptr().copy_from_nonoverlapping(program.constants.as_ptr(), program.constants.len());
        }
        let outputs = (0..program.outputs.len()).map(|index| output(&program, index)).collect::<Vec<_>>();
        let stages = program.stages().len();
        let executable = Executable {
            _code: code,
            entries,
            routines,
            tiles: Routine::table(),
            constants,
            stages,
            keeps_outputs: stages > 1 || outputs.iter().any(|output| output.is_shared || output.state.is_some()),
            outputs,
            plans: Mutex::new(Vec::new()),
            frames: FrameCache::default(),
            program,
        };
        if executable.program.symbols.is_empty() {
            // Its only plan: better to fail here than at the first call.
            executable.plan(&[])?;
        }
        Ok(executable)
    }

    /// Loads a saved program.
    ///
    /// Besides the errors of [`Executable::new`], one of kind [`Kind::File`] if the file cannot be read or is not a
    /// whole program of this version.
    pub fn load(path: impl AsRef<Path>) -> Result<Executable> {
        Executable::new(Program::load(path)?)
    }

    /// Loads a saved program from memory. Errors as for [`Executable::load`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Executable> {
        Executable::new(Program::from_bytes(bytes)?)
    }

    /// The program: its signature, listing (`Display`) and saved form.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The plan for these values of the size symbols; made once and kept.
    pub fn plan(&self, symbols: &[i64]) -> Result<Arc<Plan>> {
        self.stage_plan(symbols, &[])
    }

    /// As [`plan`](Self::plan), of the stage that follows once these slots are known.
    pub(super) fn stage_plan(&self, symbols: &[i64], slots: &[i64]) -> Result<Arc<Plan>> {
        let find = |plans: &mut Vec<Arc<Plan>>| {
            let at = plans.iter().rposition(|plan| plan.symbols == symbols && plan.slots == slots)?;
            let plan = plans.remove(at);
            plans.push(plan.clone());
            Some(plan)
        };
        let lock = || self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = find(&mut lock()) {
            return Ok(plan);
        }
        // Made outside the lock: two threads may both make it, which does no harm.
        let plan = Arc::new(Plan::of_stage(&self.program, symbols, slots)?);
        let mut plans = lock();
        if let Some(plan) = find(&mut plans) {
            return Ok(plan);
        }
        if plans.len() == MAX_PLANS {
            plans.remove(0);
        }
        plans.push(plan.clone());
        Ok(plan)
    }
}

impl std::fmt::Debug for Executable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executable").field("name", &self.program.name).finish_non_exhaustive()
    }
}

/// An error that names every CPU feature that the host lacks.
fn require_features(program: &Program) -> Result<()> {
    let lacking: Vec<&str> = program.features.iter().map(String::as_str).filter(|name| !features::has(name)).collect();
    if !lacking.is_empty() {
        let lacking = lacking.join(", ");
        let why = format!("program `{}` was compiled for CPU features that this host lacks: {lacking}", program.name);
        return Err(Error::new(Kind::Host, why).hint("compile it on this host, or for its features"));
    }
    Ok(())
}

/// The library kernel of each step; None for steps that run generated kernels.
fn resolve_routines(program: &Program) -> Result<Vec<Option<&'static LibraryKernel>>> {
    let resolve = |step: &Step| match step {
        Step::Kernel(_) | Step::Size(_) => Ok(None),
        Step::Library(call) => library::find(&call.routine).map(Some).ok_or_else(|| {
            let (name, routine) = (&program.name, &call.routine);
            let why = format!("program `{name}` needs library routine `{routine}`, which this runtime lacks");
            let error = Error::new(Kind::Host, why);
            match routine.split_once('.') {
                Some((feature, _)) => error.hint(format_args!("build the runtime with feature `{feature}`")),
                None => error,
            }
        }),
    };
    program.steps.iter().map(resolve).collect()
}

fn output(program: &Program, index: usize) -> Output {
    let buffer = program.outputs[index].buffer;
    let donation = program.donations.iter().find(|donation| donation.output as usize == index);
    let len = program.buffers[buffer.index()].len;
    let stage_of = |i: usize| program.stage_of(&[&program.outputs[i].dims[..], &[len]].concat());
    Output {
        source: match program.buffers[buffer.index()].place {
            Place::Output(earlier) if (earlier as usize) < index => Source::Earlier(earlier as usize),
            Place::Output(_) => Source::Own,
            Place::Input(input) => Source::Input(input as usize),
            Place::Constant(offset) => Source::Constant(offset as usize),
            Place::Temp { .. } => unreachable!("a checked program's outputs are not temporaries"),
        },
        state: donation.map(|donation| donation.input as usize),
        in_place: donation.is_some_and(|donation| may_update_in_place(program, donation)),
        // Not before that of the output whose elements it shares, though its own sizes may be known.
        stage: (0..=index).filter(|&i| program.outputs[i].buffer == buffer).map(stage_of).max().unwrap_or(0),
        is_shared: program.outputs[index + 1..].iter().any(|later| later.buffer == buffer),
    }
}

/// Whether the new value of a state may be written over the old one. Besides the compiler's proof that no step
/// minds, the old value must not be handed out, no step may fail once the first element is overwritten, and no
/// library kernel may see the two, because those do not promise to read and write at equal index.
fn may_update_in_place(program: &Program, donation: &Donation) -> bool {
    let old = program.inputs[donation.input as usize].buffer;
    let new = program.outputs[donation.output as usize].buffer;
    let first_write = program.steps.iter().position(|step| touches(step, new));
    donation.in_place
        && program.buffers[new.index()].place == Place::Output(donation.output)
        && program.outputs.iter().all(|output| output.buffer != old)
        && first_write.is_some_and(|first| !program.steps[first..].iter().any(|step| can_fail(program, step)))
        && !program
            .steps
            .iter()
            .any(|step| matches!(step, Step::Library(_)) && touches(step, old) && touches(step, new))
}

fn touches(step: &Step, buffer: BufferId) -> bool {
    match step {
        Step::Kernel(call) => call.operands.contains(&buffer),
        Step::Size(size) => size.value == buffer,
        Step::Library(call) => {
            call.inputs.iter().chain(&call.outputs).any(|tensor| tensor.buffer == buffer)
                || call.epilogue.as_ref().is_some_and(|epilogue| epilogue.operands.contains(&buffer))
        }
    }
}

fn can_fail(program: &Program, step: &Step) -> bool {
    match step {
        Step::Kernel(call) => program.kernels[call.kernel.index()].can_fail,
        // What it says may be out of bounds, and then there may be no memory for the next stage.
        Step::Size(_) => true,
        Step::Library(call) => {
            let epilogue = call.epilogue.as_ref().map(|epilogue| epilogue.kernel);
            library::find(&call.routine).is_none_or(|routine| routine.can_fail)
                || epilogue.is_some_and(|kernel| program.kernels[kernel.index()].can_fail)
        }
    }
}
