//! [`compile`]: the whole way from a graph to a program, on one screen.

use crate::base::Result;
use crate::codegen::{self, Cranelift};
use crate::graph::Graph;
use crate::kernel::{Backend, CompiledKernel, Kernel};
use crate::options::Options;
use crate::passes::{self, PassReport};
use crate::schedule::{Refusal, Schedule, schedule};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
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
    /// The text of each kernel.
    pub kernels: Vec<String>,
    /// Neighbours that did not fuse: producer, consumer, reason.
    pub refusals: Vec<(String, String, &'static str)>,
    /// Time in passes.
    pub pass_time: Duration,
    /// Time in grouping and lowering.
    pub schedule_time: Duration,
    /// Time in code generation.
    pub codegen_time: Duration,
}

/// Compiles a graph. Errors are the user's (a size that no input gives) or, with kind `Internal`, ours.
pub fn compile(graph: &Graph, options: &Options) -> Result<Compiled> {
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
    let compiled = compile_kernels(&schedule.kernels)?;
    link(&mut schedule, &compiled);
    let report = Report {
        passes,
        kernels: schedule.kernels.iter().map(Kernel::to_string).collect(),
        refusals: schedule.refusals.iter().map(|r| describe(&optimized, r)).collect(),
        pass_time,
        schedule_time,
        codegen_time: start.elapsed(),
    };
    Ok(Compiled { program: schedule.program, report })
}

/// Kernels compiled in this process, by their IR.
type Cache = Mutex<FxHashMap<Arc<Kernel>, Arc<CompiledKernel>>>;

fn cache() -> &'static Cache {
    static CACHE: OnceLock<Cache> = OnceLock::new();
    CACHE.get_or_init(Cache::default)
}

/// Forgets every kernel compiled so far; programs keep theirs.
pub fn clear_kernel_cache() {
    cache().lock().unwrap_or_else(PoisonError::into_inner).clear();
}

fn compile_kernels(kernels: &[Kernel]) -> Result<Vec<Arc<CompiledKernel>>> {
    // Fewer are done sooner than another thread wakes up.
    const WORTH_SHARING: usize = 4;
    if kernels.len() < WORTH_SHARING {
        return kernels.iter().map(compile_kernel).collect();
    }
    kernels.par_iter().map(compile_kernel).collect()
}

fn compile_kernel(kernel: &Kernel) -> Result<Arc<CompiledKernel>> {
    // The name is no part of what is compiled.
    let key = Kernel { name: String::new(), ..kernel.clone() };
    if let Some(known) = cache().lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(known.clone());
    }
    let compiled = Arc::new(codegen::disk::cached(kernel, || Cranelift.compile(kernel))?);
    cache().lock().unwrap_or_else(PoisonError::into_inner).insert(Arc::new(key), compiled.clone());
    Ok(compiled)
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
