//! [`compile`]: the whole way from a graph to a program, on one screen.

use crate::base::{Error, Kind, Result};
use crate::codegen::{self, Cranelift};
use crate::dump::{self, Dump};
use crate::graph::Graph;
use crate::graph::verify::verify;
use crate::kernel::{Backend, CompiledKernel, Kernel};
use crate::options::Options;
use crate::passes::{self, PassReport};
use crate::schedule::{self, Refusal, Schedule, schedule};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tracelift_runtime::generations::Generations;
use tracelift_runtime::program::{KernelDecl, Program};

/// What [`compile`] gives.
pub struct Compiled {
    /// The program, ready to load.
    pub program: Program,
    /// How it came about.
    pub report: Report,
}

/// How a program came about: for `explain`.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What the passes did.
    pub passes: PassReport,
    /// The kernels.
    pub kernels: Vec<Kernel>,
    /// Where each kernel's code came from.
    pub origins: Vec<Origin>,
    /// Neighbours that did not fuse: producer, consumer, reason.
    pub refusals: Vec<(String, String, &'static str)>,
    /// Time in passes.
    pub pass_time: Duration,
    /// Time in grouping and lowering.
    pub schedule_time: Duration,
    /// Time in code generation.
    pub codegen_time: Duration,
}

/// Where the code of a kernel came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was generated.
    Compiled,
    /// This process had generated it before.
    Memory,
    /// The folder that `TRACELIFT_CACHE_DIR` names had it.
    Disk,
}

/// Compiles a graph. Errors are the user's (a size that no input gives) or, with kind `Internal`, of whoever built the
/// graph: it is verified first.
pub fn compile(graph: &Graph, options: &Options) -> Result<Compiled> {
    verify(graph)?;
    with_stack_for(graph.nodes.len(), || compile_here(graph, options))
}

/// Nodes of a graph that is compiled on the caller's stack.
const SHALLOW: usize = 1000;

/// Stack for each node of a longer chain. Only what is touched becomes memory.
const STACK_PER_NODE: usize = 16 << 10;

/// Runs `f`, which recurses along chains of nodes, with a stack that suffices.
fn with_stack_for<R: Send>(nodes: usize, f: impl FnOnce() -> Result<R> + Send) -> Result<R> {
    if nodes <= SHALLOW {
        return f();
    }
    let stack = nodes.saturating_mul(STACK_PER_NODE);
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().name("tracelift compile".to_owned()).stack_size(stack);
        let worker = worker.spawn_scoped(scope, f).map_err(|error| {
            Error::new(Kind::Memory, format!("no stack of {stack} bytes to compile {nodes} nodes: {error}"))
        })?;
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn compile_here(graph: &Graph, options: &Options) -> Result<Compiled> {
    let start = Instant::now();
    let (optimized, passes) = passes::optimize(graph, options)?;
    let pass_time = start.elapsed();
    let start = Instant::now();
    let mut schedule = schedule(&optimized, options)?;
    let schedule_time = start.elapsed();
    if options.verify || options.debug_bounds {
        schedule.verify()?;
    }
    let start = Instant::now();
    dump::text(Dump::Kernels, format_args!("@{}: groups, kernels, steps", graph.name), || {
        schedule::print::describe(&optimized, &schedule)
    });
    let (compiled, origins): (Vec<_>, Vec<_>) = compile_kernels(&schedule.kernels)?.into_iter().unzip();
    for kernel in &schedule.kernels {
        dump::text(Dump::Code, format_args!("code of kernel @{}", kernel.name), || {
            codegen::clif(kernel).unwrap_or_else(|e| e.to_string())
        });
    }
    link(&mut schedule, &compiled);
    let report = Report {
        passes,
        kernels: schedule.kernels,
        origins,
        refusals: schedule.grouping.refusals.iter().map(|r| describe(&optimized, r)).collect(),
        pass_time,
        schedule_time,
        codegen_time: start.elapsed(),
    };
    dump::line(Dump::Programs, || format!("=== compiled {}: {}", schedule.program.signature(), report.summary()));
    Ok(Compiled { program: schedule.program, report })
}

impl Report {
    /// How many kernels, where their code came from, and times, on one line.
    pub fn summary(&self) -> String {
        let count = |origin| self.origins.iter().filter(|o| **o == origin).count();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        format!(
            "{} kernels ({} compiled, {} from memory, {} from disk); passes {:.3} ms, schedule {:.3} ms, code {:.3} ms",
            self.origins.len(),
            count(Origin::Compiled),
            count(Origin::Memory),
            count(Origin::Disk),
            ms(self.pass_time),
            ms(self.schedule_time),
            ms(self.codegen_time)
        )
    }
}

/// Kernels compiled in this process, by their IR; those used lately, of so many bytes of code.
type Cache = Generations<Kernel, Arc<CompiledKernel>>;
const CACHED_CODE: usize = 32 << 20;

fn cache() -> MutexGuard<'static, Cache> {
    static CACHE: Mutex<Cache> = Mutex::new(Cache::new(CACHED_CODE));
    CACHE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forgets every kernel compiled so far; programs keep theirs.
pub fn clear_kernel_cache() {
    cache().clear();
}

/// The code of a kernel, and where it came from.
type Found = (Arc<CompiledKernel>, Origin);

fn compile_kernels(kernels: &[Kernel]) -> Result<Vec<Found>> {
    // Fewer are done sooner than another thread wakes up.
    const WORTH_SHARING: usize = 4;
    // A thread that waits for shared work takes up other work of its pool meanwhile. That may be a task of the user's
    // which needs a lock that this compilation is done under: so no thread of a pool shares, and what is shared goes to
    // threads that do nothing else.
    let is_in_pool = rayon::current_thread_index().is_some();
    let pool = if kernels.len() < WORTH_SHARING || is_in_pool { None } else { pool() };
    match pool {
        Some(pool) => pool.install(|| kernels.par_iter().map(compile_kernel).collect()),
        None => kernels.iter().map(compile_kernel).collect(),
    }
}

/// The threads that compile; None if the system has none to give.
fn pool() -> Option<&'static ThreadPool> {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    let build = || ThreadPoolBuilder::new().thread_name(|k| format!("tracelift-compile-{k}")).build().ok();
    POOL.get_or_init(build).as_ref()
}

fn compile_kernel(kernel: &Kernel) -> Result<Found> {
    // The name is no part of what is compiled.
    let key = Kernel { name: String::new(), ..kernel.clone() };
    if let Some(known) = cache().get(&key) {
        return Ok((known.clone(), Origin::Memory));
    }
    let mut origin = Origin::Disk;
    let compiled = Arc::new(codegen::disk::cached(kernel, || {
        origin = Origin::Compiled;
        Cranelift.compile(kernel)
    })?);
    cache().insert(key, compiled.clone(), compiled.code.len());
    Ok((compiled, origin))
}

/// Lays the kernels' code out in the program's blob.
fn link(schedule: &mut Schedule, compiled: &[Arc<CompiledKernel>]) {
    let program = &mut schedule.program;
    for (kernel, compiled) in schedule.kernels.iter().zip(compiled) {
        let offset = program.code.len().next_multiple_of(64);
        program.code.resize(offset, 0);
        program.code.extend_from_slice(&compiled.code);
        program.kernels.push(KernelDecl {
            name: kernel.name.clone(),
            offset: offset as u64,
            len: compiled.code.len() as u64,
            can_fail: kernel.can_fail(),
        });
    }
    if !program.code.is_empty() {
        program.features = codegen::isa::features();
    }
    let needs: Vec<_> = compiled.iter().map(|c| c.scratch).collect();
    schedule.set_scratch(&needs);
}

fn describe(graph: &Graph, refusal: &Refusal) -> (String, String, &'static str) {
    let name = |id| {
        let node = graph.node(id);
        format!("{} ({})", node.op.name, node.loc)
    };
    (name(refusal.from), name(refusal.to), refusal.why)
}
